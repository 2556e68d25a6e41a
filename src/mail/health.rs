//! Whether mail can be handed over at all: `/readyz` and the log tell it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Millis;

/// How long the queue pauses before it tries again.
const PAUSE: Duration = Duration::from_secs(60);

/// Why and until when the queue pauses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// What the mail server said; holds no password.
    pub reason: String,
    /// When the next attempt is made.
    pub until: Millis,
}

/// The state of sending in this process.
#[derive(Debug, Default)]
pub struct Health(Mutex<Option<Pause>>);

impl Health {
    /// The pause the queue is in, until a mail is taken again.
    pub fn pause(&self) -> Option<Pause> {
        self.lock().clone()
    }

    /// Whether nothing may be tried at this moment.
    pub fn is_waiting(&self, now: Millis) -> bool {
        self.lock().as_ref().is_some_and(|pause| now < pause.until)
    }

    /// Pauses the queue. Returns until when.
    pub fn stop(&self, reason: &str, now: Millis) -> Millis {
        let until = now.plus(PAUSE);
        tracing::error!(reason, "sending mail is paused; it is tried again every minute");
        *self.lock() = Some(Pause { reason: reason.to_owned(), until });
        until
    }

    /// Notes that the mail server took something.
    pub fn resume(&self) {
        if self.lock().take().is_some() {
            tracing::info!("sending mail goes on");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Pause>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_lasts_until_something_is_taken() {
        let health = Health::default();
        assert!(!health.is_waiting(Millis(0)));
        assert_eq!(health.stop("535 no", Millis(0)), Millis(60_000));
        assert!(health.is_waiting(Millis(59_999)));
        assert!(!health.is_waiting(Millis(60_000)));
        assert!(health.pause().is_some());
        health.resume();
        assert_eq!(health.pause(), None);
    }
}
