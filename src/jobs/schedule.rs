//! All recurring work on one screen.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{
    customer_uploads, deliver, erasures, events, live, log_size, repeat, requests, search, tidy,
    uses, webhooks,
};
use crate::app::App;

/// Mails handed over at the same time, beside the one that is kept free for sign-in mails.
const DELIVERIES: usize = 3;
/// Webhooks called at the same time: one that is slow does not hold up the others.
const CALLERS: usize = 2;

/// Spawns every job on `tasks`.
pub fn spawn_all(app: &Arc<App>, stopped: &watch::Receiver<bool>, tasks: &mut JoinSet<()>) {
    let soon = Duration::from_millis(250);
    let minutes = |count: u64| Duration::from_secs(60 * count);
    macro_rules! every {
        ($name:literal, $pause:expr, $work:expr) => {
            tasks.spawn(repeat($name, Arc::clone(app), $pause, stopped.clone(), $work))
        };
    }
    // Who waits at the door never waits behind news.
    every!("sign-in mails", soon, |app| async move { deliver::next_sign_in(&app).await });
    for _ in 0..DELIVERIES {
        every!("mails", soon, |app| async move { deliver::next(&app).await });
    }
    // Requests are looked at in steps, not at once: what a request sets off cannot be felt in the
    // time of the next one.
    every!("link requests", soon, |app| async move { requests::work(&app).await });
    every!("events", soon, |app| async move { events::number(&app).await });
    // Neither reads anything while nobody has a page open.
    every!("news", soon, |app| async move { live::tell(&app).await });
    every!("streams", Duration::from_millis(500), |app| async move { live::tend(&app).await });
    for _ in 0..CALLERS {
        every!("webhooks", soon, |app| async move { webhooks::next(&app).await });
    }
    every!("openings", Duration::from_secs(1), |app| async move { uses::write(&app).await });
    every!("names", Duration::from_secs(1), |app| async move { search::follow_names(&app).await });
    every!("uploads", soon, |app| async move { customer_uploads::work(&app).await });
    every!("erasures", Duration::from_secs(1), |app| async move { erasures::work(&app).await });
    every!("ends", minutes(1), |app| async move { tidy::end(&app).await });
    every!("closing", minutes(1), |app| async move { tidy::close(&app).await });
    let told = Arc::new(log_size::Told::default());
    every!("log size", minutes(1), move |app| {
        let told = Arc::clone(&told);
        async move {
            log_size::watch(&app, &told);
            Ok(false)
        }
    });
    every!("forgetting", minutes(10), |app| async move { tidy::forget(&app).await });
}
