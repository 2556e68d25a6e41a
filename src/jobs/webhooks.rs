//! Tells webhooks of events: claims one with a lease, calls it with no transaction open, and
//! settles it if the lease is still its own.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::app::App;
use crate::domain::webhooks::{self, Outcome, Work};
use crate::error::Error;
use crate::hooks::post::Call;
use crate::hooks::{payload, sign};
use crate::metrics;

/// Sends what is due to one webhook. Returns whether there was one.
pub async fn next(app: &Arc<App>) -> Result<bool, Error> {
    let now = app.clock.now();
    if !app.db.read(move |tx| webhooks::any_due(tx, now)).await? {
        return Ok(false);
    }
    let Some(work) = app.db.write(move |tx| webhooks::claim(tx, now)).await? else {
        return Ok(false);
    };
    let outcomes = call(app, &work).await;
    for outcome in &outcomes {
        metrics::webhook_call(matches!(outcome, Outcome::Taken(_)));
    }
    for outcome in outcomes.iter().filter(|outcome| !matches!(outcome, Outcome::Taken(_))) {
        tracing::warn!(webhook = work.webhook_id, ?outcome, "a webhook was not taken");
    }
    let now = app.clock.now();
    app.db.write(move |tx| webhooks::settle(tx, &work, &outcomes, now)).await?;
    Ok(true)
}

/// Calls with everything that is due at the same time; the outcomes come in its order.
async fn call(app: &Arc<App>, work: &Work) -> Vec<Outcome> {
    let timestamp = app.clock.now().0 / 1000;
    let mut calls = JoinSet::new();
    for (place, (delivery, event)) in work.due.iter().enumerate() {
        let body = payload::body(event.as_ref(), delivery.created_at);
        let id = delivery.message_id.clone();
        let signature = sign::signatures(&work.secrets, &id, timestamp, &body);
        let (app, url) = (Arc::clone(app), work.url.clone());
        calls.spawn(async move {
            let call = Call { id: &id, timestamp, signature: &signature, body };
            (place, app.hooks.call(&url, call).await)
        });
    }
    let broken = Outcome::Silent("the call broke off".to_owned());
    let mut outcomes = vec![broken; work.due.len()];
    while let Some(done) = calls.join_next().await {
        if let Ok((place, outcome)) = done {
            outcomes[place] = outcome;
        }
    }
    outcomes
}
