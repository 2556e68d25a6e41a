//! Statements that take too long: told in the log with where they are written and how the database
//! goes about them, never with what they were about.
//!
//! Like the log itself this is one per process.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::metrics;

/// How long a place in the source is silent after a word about it: a database that is slow
/// altogether shall not be slowed down further.
const SILENCE: Duration = Duration::from_secs(10);

/// Nanoseconds; what takes longer is told.
static AFTER: AtomicU64 = AtomicU64::new(u64::MAX);
/// When what was told last. There are as many places as statements.
static TOLD: Mutex<Option<HashMap<Place, Instant>>> = Mutex::new(None);

type Place = &'static Location<'static>;

/// Tells statements that take `time` or longer from now on; none at all without it. Setting
/// `log_slow`.
pub fn log_slow(time: Option<Duration>) {
    let nanoseconds = time.and_then(|time| u64::try_from(time.as_nanos()).ok());
    AFTER.store(nanoseconds.unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// A statement that took too long.
pub(super) struct Slow {
    pub(super) sql: String,
    at: Place,
    took: Duration,
}

impl Slow {
    /// The statement at `at`, if it took too long and is to be told.
    pub(super) fn new(sql: &str, at: Place, took: Duration) -> Option<Self> {
        let after = AFTER.load(Ordering::Relaxed);
        if after == u64::MAX || took < Duration::from_nanos(after) {
            return None;
        }
        metrics::slow_statement();
        may_be_told(at, Instant::now()).then(|| Self { sql: sql.to_owned(), at, took })
    }

    /// Tells it. `plan` is how the database goes about it.
    pub(super) fn tell(&self, plan: &str) {
        tracing::warn!(
            file = self.at.file(),
            line = self.at.line(),
            duration_ms = self.took.as_millis() as u64,
            plan,
            "a statement was slow"
        );
    }
}

fn may_be_told(at: Place, now: Instant) -> bool {
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    let told = told.get_or_insert_default();
    if told.get(at).is_some_and(|last| now.duration_since(*last) < SILENCE) {
        return false;
    }
    told.insert(at, now);
    true
}

/// What asks PostgreSQL for the plan of `sql`, none of its values known: a statement prepared for
/// any values, explained for none in particular.
pub(super) fn script(sql: &str) -> String {
    let mut nulls = String::new();
    for number in 0..parameters(sql) {
        // Writing into a String cannot fail.
        let _ = write!(nulls, "{}NULL", if number == 0 { "" } else { ", " });
    }
    let values = if nulls.is_empty() { nulls } else { format!("({nulls})") };
    format!(
        "BEGIN READ ONLY; SET LOCAL plan_cache_mode = force_generic_plan; \
         PREPARE doorkey_slow AS {sql}; EXPLAIN (COSTS OFF) EXECUTE doorkey_slow{values}; \
         DEALLOCATE doorkey_slow; ROLLBACK"
    )
}

/// The highest number of `$1`, `$2`, … in a statement.
fn parameters(sql: &str) -> usize {
    let after = sql.split('$').skip(1);
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    after.filter_map(|text| text[..digits(text)].parse().ok()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_counted_by_their_highest() {
        assert_eq!(parameters("SELECT 1"), 0);
        assert_eq!(parameters("SELECT $2, $1, $2 LIMIT $12"), 12);
        assert!(script("SELECT $1, $2").contains("EXECUTE doorkey_slow(NULL, NULL);"));
        assert!(script("SELECT 1").contains("EXECUTE doorkey_slow;"));
    }

    #[test]
    fn a_place_is_told_once_in_a_while() {
        let (here, there) = (Location::caller(), this_place());
        let now = Instant::now();
        assert!(may_be_told(here, now) && may_be_told(there, now));
        assert!(!may_be_told(here, now + SILENCE / 2));
        assert!(may_be_told(here, now + SILENCE));
    }

    #[track_caller]
    fn this_place() -> Place {
        Location::caller()
    }

    #[test]
    fn what_is_quick_is_not_told() {
        log_slow(Some(Duration::from_millis(200)));
        let place = Location::caller();
        assert!(Slow::new("SELECT 1", place, Duration::from_millis(199)).is_none());
        assert!(Slow::new("SELECT 1", place, Duration::from_millis(200)).is_some());
        log_slow(None);
        assert!(Slow::new("SELECT 1", this_place(), Duration::from_secs(900)).is_none());
    }
}
