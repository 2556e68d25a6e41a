//! Hands mails over: claims one with a lease, sends it with no transaction open, and settles it if
//! the lease is still its own.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::domain::email::Email;
use crate::domain::mails::{self, Door, HandOver};
use crate::domain::settings::InForce;
use crate::domain::{Rules, Tx, links, staff_sign_ins};
use crate::error::Error;
use crate::mail::outbox;
use crate::mail::{self, Brand, Letter, Mail, Minted, SendError};
use crate::metrics;

const SIGN_IN: i64 = 0;
const NOTICES: i64 = 1;
/// How often the lease of a slow attempt is renewed.
const RENEW: Duration = Duration::from_secs(20);

/// Hands over the next mail, sign-in mails first. Returns whether there was one.
pub async fn next(app: &App) -> Result<bool, Error> {
    Ok(next_sign_in(app).await? || next_of(app, NOTICES).await?)
}

/// Hands over the next sign-in mail. Returns whether there was one.
pub async fn next_sign_in(app: &App) -> Result<bool, Error> {
    next_of(app, SIGN_IN).await
}

async fn next_of(app: &App, lane: i64) -> Result<bool, Error> {
    let now = app.clock.now();
    if app.post.health.is_waiting(now) {
        return Ok(false);
    }
    if !app.db.read(move |tx| mails::any_due(tx, lane, now)).await? {
        return Ok(false);
    }
    let (key, keeper) = (app.key, Arc::clone(&app.settings));
    let take = move |tx: &mut Tx<'_>| {
        let settings = keeper.in_force(tx)?;
        Ok::<_, Error>((mails::hand_over(tx, &settings.rules, &key, lane, now)?, settings))
    };
    let (taken, settings) = app.db.write(take).await?;
    // Some were given up, or stepped aside, or another worker was quicker: look again.
    let Some(hand_over) = taken else { return Ok(true) };
    let _counted = metrics::Delivering::begin(lane);
    let outcome = match letter(app, &hand_over, &settings) {
        Ok(letter) => send(app, &hand_over, &letter).await,
        // Perhaps a newer version's mail, which runs beside this one: it can say it.
        Err(reason) => Err(SendError::Later { reason }),
    };
    settle(app, hand_over, outcome).await?;
    Ok(true)
}

/// Puts the mail into words. The reason it cannot be is a bug or a newer version's mail.
fn letter(app: &App, hand_over: &HandOver, settings: &InForce) -> Result<Letter, String> {
    let claimed = &hand_over.claimed;
    let mail: Mail = serde_json::from_str(&claimed.content).map_err(|error| error.to_string())?;
    let minted = Minted {
        link: Some(link(app, hand_over)),
        code: hand_over.code.clone(),
        valid_for: links::in_words_of_time(valid_for(&settings.rules, hand_over)),
    };
    let brand = Brand::from(&settings.config.brand);
    let rendered =
        mail::render(&mail, &brand, &settings.rules, &minted).map_err(|error| error.to_string())?;
    Ok(Letter {
        message_id: format!("{}@{}", claimed.message_id, app.post.sender.domain()),
        kind: mail.kind(),
        to: Email::from_store(claimed.recipient.clone()),
        at: claimed.created_at,
        thread: mail.thread().map(str::to_owned),
        rendered,
    })
}

/// The portal for a customer, the desk for staff; always below the public URL.
fn link(app: &App, hand_over: &HandOver) -> String {
    let public_url = app.config.server.public_url.as_str();
    let reference = hand_over.reference.as_ref();
    match (&hand_over.door, reference) {
        (Door::Portal(token), _) => links::url(public_url, reference, token),
        (Door::SignIn(token), _) => staff_sign_ins::url(public_url, token),
        (Door::Desk, Some(reference)) => {
            format!("{}/admin/tickets/{reference}", public_url.trim_end_matches('/'))
        }
        (Door::Desk, None) => format!("{}/admin", public_url.trim_end_matches('/')),
    }
}

/// How long what the mail carries works.
fn valid_for(rules: &Rules, hand_over: &HandOver) -> Duration {
    match hand_over.door {
        Door::SignIn(_) => staff_sign_ins::TTL,
        Door::Portal(_) | Door::Desk => rules.link_ttl,
    }
}

/// Sends, and keeps the lease while the mail server takes its time.
async fn send(app: &App, hand_over: &HandOver, letter: &Letter) -> Result<(), SendError> {
    let sending = app.post.transport.send(letter);
    tokio::pin!(sending);
    loop {
        tokio::select! {
            outcome = &mut sending => return outcome,
            () = tokio::time::sleep(RENEW) => {
                let (claimed, now) = (hand_over.claimed.clone(), app.clock.now());
                match app.db.write(move |tx| outbox::renew(tx, &claimed, now)).await {
                    Ok(true) => {}
                    Ok(false) => tracing::warn!("a mail is under way that another has claimed"),
                    Err(error) => tracing::warn!(%error, "the lease of a mail was not renewed"),
                }
            }
        }
    }
}

async fn settle(
    app: &App,
    hand_over: HandOver,
    outcome: Result<(), SendError>,
) -> Result<(), Error> {
    let now = app.clock.now();
    let claimed = hand_over.claimed;
    let (kind, attempt) = (claimed.kind.clone(), claimed.attempt);
    let (message_id, cause) = (claimed.message_id.clone(), claimed.cause.clone());
    // The request that led to it: the log tells a mail's way from its cause to its end.
    let request_id = cause.as_deref();
    let recipient = claimed.recipient.clone();
    // Mail servers like to repeat whom they refuse; the log holds no addresses.
    let discreet = |reason: &str| reason.replace(&recipient, "the recipient");
    metrics::delivery(match &outcome {
        Ok(()) => "sent",
        Err(SendError::Later { .. }) => "deferred",
        Err(SendError::Refused { .. }) => "refused",
        Err(SendError::Paused { .. }) => "paused",
    });
    let own = match outcome {
        Ok(()) => {
            app.post.health.resume();
            tracing::info!(kind, attempt, message_id, request_id, "a mail was sent");
            app.db.write(move |tx| outbox::settle(tx, &claimed, now)).await?
        }
        Err(SendError::Later { reason }) => {
            let said = discreet(&reason);
            tracing::warn!(
                kind,
                attempt,
                message_id,
                request_id,
                reason = said,
                "a mail was not taken and is tried again"
            );
            app.db.write(move |tx| outbox::defer(tx, &claimed, &reason, now)).await?
        }
        Err(SendError::Refused { reason }) => {
            let said = discreet(&reason);
            tracing::warn!(
                kind,
                attempt,
                message_id,
                request_id,
                reason = said,
                "a mail was refused and is given up"
            );
            app.db.write(move |tx| outbox::give_up(tx, &claimed, &reason, now)).await?
        }
        Err(SendError::Paused { reason }) => {
            let until = app.post.health.stop(&discreet(&reason), now);
            app.db.write(move |tx| outbox::hold(tx, &claimed, until)).await?
        }
    };
    if !own {
        tracing::warn!(
            kind,
            attempt,
            message_id,
            request_id,
            "a mail was settled by another worker meanwhile"
        );
    }
    Ok(())
}
