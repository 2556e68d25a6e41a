//! The settings that admins can make, for whoever only shows them: a page, a title, a colour.
//!
//! A page need not ask the database what the company is called. It is shown what was seen less than
//! [`FRESH`] ago, and whoever comes later looks again: so another process's change is seen within that
//! time, one of this process at once, and a process that nobody visits asks nothing. What decides
//! something asks in its own transaction instead: [`App::decide`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::App;
use crate::db::{DbError, Tx};
use crate::domain::Rules;
use crate::domain::settings::{InForce, Keeper};

/// How old what is shown may be.
const FRESH: Duration = Duration::from_secs(1);
/// How long a page waits for a look. Then it is shown what was seen last.
const PATIENCE: Duration = Duration::from_millis(500);

/// What was seen last.
#[derive(Debug)]
pub(super) struct Shown(Mutex<Seen>);

#[derive(Debug)]
struct Seen {
    settings: Arc<InForce>,
    /// When somebody last looked; never, if there was a change since.
    looked: Option<Instant>,
    /// How many changes of this process there were: a look that began before one shows the past.
    changes: u64,
}

impl Shown {
    pub(super) fn new(settings: Arc<InForce>) -> Self {
        Self(Mutex::new(Seen { settings, looked: Some(Instant::now()), changes: 0 }))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what holds.
pub(super) fn holding(
    keeper: &Arc<Keeper>,
) -> impl FnMut(&mut Tx<'_>) -> Result<Arc<InForce>, DbError> + Send + 'static {
    let keeper = Arc::clone(keeper);
    move |tx| keeper.in_force(tx)
}

impl App {
    /// Runs `work` in a transaction that writes, with the rules that hold in it. Otherwise as
    /// [`crate::db::Db::write`].
    ///
    /// # Errors
    /// What `work` answers, or why its work could not be kept.
    pub async fn decide<T, E, F>(&self, mut work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnMut(&mut Tx<'_>, &Rules) -> Result<T, E> + Send + 'static,
    {
        let keeper = Arc::clone(&self.settings);
        let work = move |tx: &mut Tx<'_>| {
            let settings = keeper.in_force(tx)?;
            work(tx, &settings.rules)
        };
        self.db.write(work).await
    }

    /// The settings to show, at most a second old. Where the database does not answer they are those
    /// that were seen last: a page that says so needs a name and a colour as well.
    pub async fn shown(&self) -> Arc<InForce> {
        let changes = {
            let seen = self.shown.seen();
            if seen.looked.is_some_and(|at| at.elapsed() < FRESH) {
                return Arc::clone(&seen.settings);
            }
            seen.changes
        };
        let look = tokio::time::timeout(PATIENCE, self.db.read(holding(&self.settings))).await;
        let mut seen = self.shown.seen();
        let settings = match look {
            Ok(Ok(settings)) => settings,
            Ok(Err(error)) => {
                tracing::debug!(%error, "the settings were not read");
                Arc::clone(&seen.settings)
            }
            Err(_) => Arc::clone(&seen.settings),
        };
        if seen.changes == changes {
            seen.settings = Arc::clone(&settings);
            seen.looked = Some(Instant::now());
        }
        settings
    }

    /// The settings as they were seen last, without a look: for an answer that must not wait.
    pub fn last_shown(&self) -> Arc<InForce> {
        Arc::clone(&self.shown.seen().settings)
    }

    /// Says that settings were changed: whoever is shown something from now on is shown those.
    pub fn settings_changed(&self) {
        let mut seen = self.shown.seen();
        seen.changes += 1;
        seen.looked = None;
    }
}
