//! Webhooks: targets that are told of events, by the Standard Webhooks specification.
//!
//! Each event is queued once for each webhook that wants its kind, in the transaction that numbers
//! it. A worker claims a webhook with a lease, sends what is due with no transaction open, and
//! settles it; a target that fails is left alone for a while, so it holds up no other.

mod target;

use std::time::Duration;

pub use target::{may_call, parse_url};

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::Actor;
use crate::domain::audit::{self, Action, Details, Subject};
use crate::domain::events::{self, Event, EventKind};
use crate::domain::page::{self, Page};
use crate::error::{Error, FieldCode, FieldError};
use crate::mail::outbox;
use crate::{ids, store};

/// How many webhooks there may be: each event is queued for every one of them.
pub const MOST: usize = 20;
/// Deliveries that one claim sends, at the same time.
const AT_ONCE: i64 = 10;
/// How long a claim holds: longer than the slowest target may take to answer.
const LEASE: Duration = Duration::from_secs(60);
/// How long a delivery is tried.
const PATIENCE: Duration = Duration::from_secs(2 * 86_400);
/// How long a target that fails altogether is left alone, at most.
const LONGEST_REST: Duration = Duration::from_secs(600);
/// How long the secret before the last one signs as well, so that a receiver can change over.
const OLD_SECRET_TIME: Duration = Duration::from_secs(86_400);
/// How long settled deliveries are remembered.
const REMEMBERED: Duration = Duration::from_secs(14 * 86_400);

/// A target of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// The row.
    pub id: i64,
    /// Where events are posted to.
    pub url: String,
    /// What it is for, in the words of who made it.
    pub about: String,
    /// The kinds of events it wants; none means all.
    pub kinds: Vec<EventKind>,
    /// Whether it is told anything.
    pub active: bool,
    /// When it was made.
    pub created_at: Millis,
    /// How often in a row the target failed.
    pub failures: i64,
    /// Until when the secret before the last one signs as well; none if there was none.
    pub old_secret_until: Option<Millis>,
}

impl Webhook {
    fn wants(&self, kind: EventKind) -> bool {
        self.active && (self.kinds.is_empty() || self.kinds.contains(&kind))
    }
}

/// A webhook to make.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// Read with [`parse_url`].
    pub url: String,
    /// What it is for.
    pub about: String,
    /// The kinds of events it wants; none means all.
    pub kinds: Vec<EventKind>,
}

/// What is to change about a webhook; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct WebhookChange {
    /// Read with [`parse_url`].
    pub url: Option<String>,
    /// What it is for.
    pub about: Option<String>,
    /// The kinds of events it wants; none means all.
    pub kinds: Option<Vec<EventKind>>,
    /// Whether it is told anything.
    pub active: Option<bool>,
}

/// What signs: 32 random bytes. Shown when it is made, never again.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It waits for its first or its next attempt.
    Queued,
    /// The target took it.
    Delivered,
    /// It is given up.
    Failed,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Queued, Self::Delivered, Self::Failed];

    /// The word for it in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// One event on its way to one webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The row.
    pub id: i64,
    /// The event's number; none for a test call.
    pub event_number: Option<i64>,
    /// `webhook-id`: the same over all attempts.
    pub message_id: String,
    /// How far it is.
    pub state: DeliveryState,
    /// When it was queued.
    pub created_at: Millis,
    /// When it is tried next, while it is queued.
    pub due_at: Millis,
    /// When it is given up.
    pub give_up_at: Millis,
    /// How many attempts failed.
    pub failures: i64,
    /// When it was delivered or given up.
    pub settled_at: Option<Millis>,
    /// The HTTP status of the last answer.
    pub status: Option<i64>,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

/// A claimed webhook with what is due.
#[derive(Clone, Debug)]
pub struct Work {
    /// The webhook.
    pub webhook_id: i64,
    /// The claim; who settles names it.
    pub attempt: i64,
    /// Where to.
    pub url: String,
    /// What signs, the newest first.
    pub secrets: Vec<Secret>,
    /// How often in a row the target failed.
    pub failures: i64,
    /// What to send, each with its event; none for a test call.
    pub due: Vec<(Delivery, Option<Event>)>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The target took it, with this status.
    Taken(u16),
    /// It did not, with this status.
    Answered(u16),
    /// There was no answer, for this reason.
    Silent(String),
}

/// The status by which a target says that it wants nothing any more (Standard Webhooks, "410 Gone").
const GONE: u16 = 410;

/// Makes a webhook. Its secret is shown once.
///
/// # Errors
/// [`Error::Invalid`] naming `url` when there are [`MOST`] already.
pub fn create(
    tx: &mut Tx<'_>,
    actor: &Actor,
    new: &NewWebhook,
    now: Millis,
) -> Result<(Webhook, Secret), Error> {
    make(tx, actor, ids::new_id(now), new, now)
}

/// As [`create`], under an id that was drawn with the page on which it is asked for: what is sent twice
/// makes one webhook. `None` if it was made before.
///
/// # Errors
/// As [`create`].
pub fn create_once(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: i64,
    new: &NewWebhook,
    now: Millis,
) -> Result<Option<(Webhook, Secret)>, Error> {
    match store::webhooks::find(tx, id)? {
        Some(_) => Ok(None),
        None => make(tx, actor, id, new, now).map(Some),
    }
}

fn make(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: i64,
    new: &NewWebhook,
    now: Millis,
) -> Result<(Webhook, Secret), Error> {
    if store::webhooks::list(tx)?.len() >= MOST {
        let message = format!("There are {MOST} webhooks already; delete one first.");
        return Err(FieldError::new("url", FieldCode::Malformed, message).into());
    }
    let secret = Secret(ids::webhook_secret().to_vec());
    let webhook = Webhook {
        id,
        url: new.url.clone(),
        about: new.about.clone(),
        kinds: new.kinds.clone(),
        active: true,
        created_at: now,
        failures: 0,
        old_secret_until: None,
    };
    store::webhooks::insert(tx, &webhook, &secret.0)?;
    write_down(tx, actor, Action::WebhookAdded, &webhook, Details::none(), now)?;
    Ok((webhook, secret))
}

/// All of them, in the order in which they were made.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Webhook>, Error> {
    Ok(store::webhooks::list(tx)?)
}

/// The webhook with this id.
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Webhook, Error> {
    store::webhooks::find(tx, id)?.ok_or(Error::NotFound)
}

/// Changes a webhook. One with a new URL, or active again, is tried at once.
pub fn change(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: i64,
    change: WebhookChange,
    now: Millis,
) -> Result<Webhook, Error> {
    let old = find(tx, id)?;
    let mut webhook = old.clone();
    webhook.url = change.url.unwrap_or(webhook.url);
    webhook.about = change.about.unwrap_or(webhook.about);
    webhook.kinds = change.kinds.unwrap_or(webhook.kinds);
    webhook.active = change.active.unwrap_or(webhook.active);
    webhook.failures = 0;
    store::webhooks::update(tx, &webhook, now)?;
    let details = difference(&old, &webhook);
    if !details.is_empty() {
        write_down(tx, actor, Action::WebhookEdited, &webhook, details, now)?;
    }
    Ok(webhook)
}

/// What an edit changed. A URL is told without its query, which may hold a secret.
fn difference(old: &Webhook, new: &Webhook) -> Details {
    let kinds = |webhook: &Webhook| {
        let words: Vec<&str> = webhook.kinds.iter().map(|kind| kind.as_str()).collect();
        if words.is_empty() { "all".to_owned() } else { words.join(", ") }
    };
    let mut details = Details::none()
        .changed("url", Subject::webhook(old).words, Subject::webhook(new).words)
        .changed("about", old.about.as_str(), new.about.as_str())
        .changed("kinds", kinds(old), kinds(new))
        .changed("active", old.active, new.active);
    if old.url != new.url && !details.0.contains_key("url") {
        details = details.with("query of the URL", "changed");
    }
    details
}

fn write_down(
    tx: &mut Tx<'_>,
    actor: &Actor,
    action: Action,
    webhook: &Webhook,
    details: Details,
    now: Millis,
) -> Result<(), Error> {
    audit::record(tx, actor, action, &Subject::webhook(webhook), details, now)
}

/// Removes a webhook and everything that was on its way to it.
pub fn delete(tx: &mut Tx<'_>, actor: &Actor, id: i64, now: Millis) -> Result<(), Error> {
    let webhook = find(tx, id)?;
    store::deliveries::delete_of(tx, id)?;
    store::webhooks::delete(tx, id)?;
    write_down(tx, actor, Action::WebhookRemoved, &webhook, Details::none(), now)
}

/// Makes a new secret. The old one signs as well for a day.
pub fn rotate(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: i64,
    now: Millis,
) -> Result<(Webhook, Secret), Error> {
    let webhook = store::webhooks::take(tx, id)?.ok_or(Error::NotFound)?;
    change_secret(tx, actor, webhook, now)
}

/// As [`rotate`], if nobody has made one since somebody `saw` until when the old one signs: what is sent
/// twice makes one secret. `None` if somebody has.
pub fn rotate_once(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: i64,
    saw: Option<Millis>,
    now: Millis,
) -> Result<Option<(Webhook, Secret)>, Error> {
    let webhook = store::webhooks::take(tx, id)?.ok_or(Error::NotFound)?;
    if webhook.old_secret_until != saw {
        return Ok(None);
    }
    change_secret(tx, actor, webhook, now).map(Some)
}

fn change_secret(
    tx: &mut Tx<'_>,
    actor: &Actor,
    webhook: Webhook,
    now: Millis,
) -> Result<(Webhook, Secret), Error> {
    let (secret, until) = (Secret(ids::webhook_secret().to_vec()), now.plus(OLD_SECRET_TIME));
    store::webhooks::set_secret(tx, webhook.id, &secret.0, until)?;
    write_down(tx, actor, Action::WebhookRotated, &webhook, Details::none(), now)?;
    Ok((Webhook { old_secret_until: Some(until), ..webhook }, secret))
}

/// One delivery to a webhook.
///
/// # Errors
/// [`Error::NotFound`].
pub fn delivery_of(tx: &mut Tx<'_>, id: i64, delivery: i64) -> Result<Delivery, Error> {
    store::deliveries::find(tx, id, delivery)?.ok_or(Error::NotFound)
}

/// Queues a test call.
pub fn test(tx: &mut Tx<'_>, actor: &Actor, id: i64, now: Millis) -> Result<Delivery, Error> {
    let webhook = find(tx, id)?;
    write_down(tx, actor, Action::WebhookTested, &webhook, Details::none(), now)?;
    let delivery = delivery(None, now);
    store::deliveries::insert(tx, id, &delivery)?;
    store::webhooks::wake(tx, id, now)?;
    Ok(delivery)
}

/// Queues numbered events for the webhooks that want them.
pub(in crate::domain) fn queue(
    tx: &mut Tx<'_>,
    events: &[(i64, EventKind)],
    now: Millis,
) -> Result<(), Error> {
    for webhook in store::webhooks::list(tx)? {
        for (number, _) in events.iter().filter(|(_, kind)| webhook.wants(*kind)) {
            store::deliveries::insert(tx, webhook.id, &delivery(Some(*number), now))?;
        }
    }
    Ok(())
}

fn delivery(event_number: Option<i64>, now: Millis) -> Delivery {
    Delivery {
        id: ids::new_id(now),
        event_number,
        message_id: format!("msg_{}", ids::word()),
        state: DeliveryState::Queued,
        created_at: now,
        due_at: now,
        give_up_at: now.plus(PATIENCE),
        failures: 0,
        settled_at: None,
        status: None,
        error: None,
    }
}

/// Whether anything is due.
pub fn any_due(tx: &mut Tx<'_>, now: Millis) -> Result<bool, Error> {
    Ok(store::webhooks::any_due(tx, now)?)
}

/// Claims a webhook and the deliveries to it that are due.
pub fn claim(tx: &mut Tx<'_>, now: Millis) -> Result<Option<Work>, Error> {
    let Some(mut work) = store::webhooks::claim(tx, now, now.plus(LEASE))? else {
        return Ok(None);
    };
    for delivery in store::deliveries::due(tx, work.webhook_id, now, AT_ONCE)? {
        let event = match delivery.event_number {
            Some(number) => events::find(tx, number)?,
            None => None,
        };
        work.due.push((delivery, event));
    }
    Ok(Some(work))
}

/// Settles what was sent. What was taken is taken even if the lease was lost meanwhile; the rest is
/// then left to whoever holds it.
pub fn settle(
    tx: &mut Tx<'_>,
    work: &Work,
    outcomes: &[Outcome],
    now: Millis,
) -> Result<(), Error> {
    let taken = |outcome: &Outcome| matches!(outcome, Outcome::Taken(_));
    let silent = !outcomes.is_empty() && !outcomes.iter().any(taken);
    let failures = if silent { work.failures + 1 } else { 0 };
    let rest =
        if silent { outbox::retry_after(failures).min(LONGEST_REST) } else { Duration::ZERO };
    let own = store::webhooks::settle(tx, work.webhook_id, work.attempt, failures, now.plus(rest))?;
    for ((delivery, _), outcome) in work.due.iter().zip(outcomes) {
        if own || taken(outcome) {
            store::deliveries::settle(tx, &after(delivery, outcome, now))?;
        }
    }
    if own && outcomes.contains(&Outcome::Answered(GONE)) {
        let webhook = Webhook { active: false, ..find(tx, work.webhook_id)? };
        store::webhooks::update(tx, &webhook, now)?;
    }
    Ok(())
}

/// A delivery after an attempt.
fn after(delivery: &Delivery, outcome: &Outcome, now: Millis) -> Delivery {
    let delivery = delivery.clone();
    let (status, error) = match outcome {
        Outcome::Taken(status) => (Some(*status), None),
        Outcome::Answered(status) => (Some(*status), Some(format!("the target answered {status}"))),
        Outcome::Silent(reason) => (None, Some(reason.clone())),
    };
    let failures = delivery.failures + i64::from(error.is_some());
    let due_at = now.plus(outbox::retry_after(failures));
    let state = match &error {
        None => DeliveryState::Delivered,
        Some(_) if due_at >= delivery.give_up_at => DeliveryState::Failed,
        Some(_) => DeliveryState::Queued,
    };
    let settled_at = (state != DeliveryState::Queued).then_some(now);
    let status = status.map(i64::from);
    Delivery { state, due_at, failures, settled_at, status, error, ..delivery }
}

/// Deliveries to a webhook, the newest first.
pub fn deliveries(
    tx: &mut Tx<'_>,
    id: i64,
    cursor: Option<&str>,
    limit: i64,
) -> Result<Page<Delivery>, Error> {
    find(tx, id)?;
    let before = page::place("cursor", cursor)?;
    let rows = store::deliveries::list(tx, id, before, limit + 1)?;
    Ok(Page::cut(rows, limit, |row| vec![row.id], |row| row))
}

/// Queues a delivery again that was given up, or that waits for its next attempt. What was
/// delivered is sent once more, under the same `webhook-id`.
pub fn retry(
    tx: &mut Tx<'_>,
    actor: &Actor,
    (id, delivery): (i64, i64),
    now: Millis,
) -> Result<Delivery, Error> {
    let found = store::deliveries::find(tx, id, delivery)?.ok_or(Error::NotFound)?;
    let (webhook, details) = (find(tx, id)?, Details::none().with("call", &*found.message_id));
    write_down(tx, actor, Action::WebhookRedelivered, &webhook, details, now)?;
    let again = Delivery {
        state: DeliveryState::Queued,
        due_at: now,
        give_up_at: now.plus(PATIENCE),
        settled_at: None,
        ..found
    };
    store::deliveries::put_back(tx, &again)?;
    store::webhooks::wake(tx, id, now)?;
    Ok(again)
}

/// Forgets deliveries that were settled long ago, `limit` at most. Returns how many.
pub fn forget_old(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<u64, Error> {
    Ok(store::deliveries::purge(tx, now.minus(REMEMBERED), limit)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_tried_for_two_days() {
        let mut at = Millis(0);
        let mut row = delivery(Some(1), at);
        let mut attempts = 0;
        while row.state == DeliveryState::Queued {
            row = after(&row, &Outcome::Answered(500), at);
            at = row.due_at;
            attempts += 1;
        }
        assert_eq!((row.state, row.failures), (DeliveryState::Failed, attempts));
        assert!((50..=54).contains(&attempts), "{attempts} attempts");
        assert_eq!(row.error.as_deref(), Some("the target answered 500"));
    }
}
