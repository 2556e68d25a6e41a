//! A transaction in progress: what the store works through.

use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::dialect::{Dialect, Engine};
use super::error::{Again, Failure};
use super::slow::Slow;
use super::{DbError, FromRow, Value, postgres, sqlite};
use crate::cause::Cause;

/// A transaction in progress. It ends with the closure that was given it.
///
/// After a statement has failed nothing more can be done in the transaction, and it is undone
/// even if the closure answers `Ok`: PostgreSQL works so, and SQLite is made to. Where a clash
/// is expected and harmless, say `ON CONFLICT … DO`.
pub struct Tx<'a> {
    link: Link<'a>,
    failure: Option<Failure>,
    cause: Cause,
}

/// The connection below.
pub(super) enum Link<'a> {
    Sqlite(&'a rusqlite::Connection),
    Postgres(&'a mut postgres::Session),
}

impl<'a> Tx<'a> {
    /// The id of the request that this is done for, if it is for one.
    pub fn cause(&self) -> Option<Arc<str>> {
        self.cause.request.clone()
    }

    /// Roughly where that request came from, in words.
    pub fn network(&self) -> Option<Arc<str>> {
        self.cause.network.clone()
    }

    /// Whether this is done for a command that somebody typed on the machine.
    pub fn is_typed(&self) -> bool {
        self.cause.is_typed
    }

    /// Says which request the rest of this transaction is done for: one that came earlier, and
    /// whose work was put off.
    pub fn set_cause(&mut self, request: Option<Arc<str>>) {
        self.cause = Cause { request, ..Cause::default() };
    }

    /// Says what all of this transaction is done for.
    pub(super) fn caused_by(&mut self, cause: Cause) {
        self.cause = cause;
    }

    /// The connection below.
    pub(super) fn link(&mut self) -> &mut Link<'a> {
        &mut self.link
    }

    /// All rows of a query.
    ///
    /// # Errors
    /// Any [`DbError`].
    #[track_caller]
    pub fn rows<T: FromRow>(&mut self, sql: &str, params: &[Value<'_>]) -> Result<Vec<T>, DbError> {
        self.alive()?;
        trace(sql);
        let begun = Instant::now();
        let result = match &mut self.link {
            Link::Sqlite(connection) => sqlite::rows(connection, sql, params),
            Link::Postgres(session) => session.rows(sql, params),
        };
        self.watch(sql, begun);
        self.note(result)
    }

    /// The row of a query that has at most one.
    ///
    /// # Errors
    /// Any [`DbError`]; [`DbError::Bug`] if there are more.
    #[track_caller]
    pub fn row<T: FromRow>(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
    ) -> Result<Option<T>, DbError> {
        let mut rows = self.rows(sql, params)?;
        let row = rows.pop();
        if rows.is_empty() { Ok(row) } else { Err(DbError::Bug(format!("several rows: {sql}"))) }
    }

    /// The row of a query that has exactly one: a count, or `RETURNING`.
    ///
    /// # Errors
    /// Any [`DbError`]; [`DbError::Bug`] if there are none or more.
    #[track_caller]
    pub fn one<T: FromRow>(&mut self, sql: &str, params: &[Value<'_>]) -> Result<T, DbError> {
        self.row(sql, params)?.ok_or_else(|| DbError::Bug(format!("no row: {sql}")))
    }

    /// Runs a statement that gives no rows; answers how many rows it changed.
    ///
    /// # Errors
    /// Any [`DbError`].
    #[track_caller]
    pub fn run(&mut self, sql: &str, params: &[Value<'_>]) -> Result<u64, DbError> {
        self.alive()?;
        trace(sql);
        let begun = Instant::now();
        let result = match &mut self.link {
            Link::Sqlite(connection) => sqlite::run(connection, sql, params),
            Link::Postgres(session) => session.run(sql, params),
        };
        self.watch(sql, begun);
        self.note(result)
    }

    /// Runs several statements without parameters, as a migration has them.
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), DbError> {
        self.alive()?;
        let result = match &mut self.link {
            Link::Sqlite(connection) => sqlite::batch(connection, sql),
            Link::Postgres(session) => session.batch(sql),
        };
        self.note(result)
    }

    /// Has PostgreSQL look at how many rows of what there are now, by which it plans: for after very
    /// many were added. By itself it looks a minute later, and until then may read a large table for
    /// every row that it wants. SQLite plans without.
    ///
    /// # Errors
    /// Any [`DbError`].
    pub fn take_stock(&mut self) -> Result<(), DbError> {
        match self.engine() {
            Engine::Sqlite => Ok(()),
            Engine::Postgres => self.run("ANALYZE", &[]).map(drop),
        }
    }

    /// The pieces of SQL that differ between the engines.
    pub fn dialect(&self) -> Dialect {
        Dialect(self.engine())
    }

    pub(super) fn engine(&self) -> Engine {
        match self.link {
            Link::Sqlite(_) => Engine::Sqlite,
            Link::Postgres(_) => Engine::Postgres,
        }
    }

    /// Tells a statement that took too long. To PostgreSQL it is explained after the transaction:
    /// whatever goes wrong with that must not undo it.
    #[track_caller]
    fn watch(&mut self, sql: &str, begun: Instant) {
        let took = begun.elapsed();
        self.tell_effort(sql);
        let Some(slow) = Slow::new(sql, Location::caller(), took) else { return };
        match &mut self.link {
            Link::Sqlite(connection) => slow.tell(&sqlite::plan(connection, sql)),
            Link::Postgres(session) => session.slow.push(slow),
        }
    }

    /// Tells the log how much there was to do for the statement that it was told of last, as far as
    /// the engine counts that. Nothing is asked for unless somebody listens.
    fn tell_effort(&self, sql: &str) {
        if let Link::Sqlite(connection) = &self.link
            && tracing::enabled!(tracing::Level::TRACE)
        {
            sqlite::tell_effort(connection, sql);
        }
    }

    pub(super) fn alive(&self) -> Result<(), DbError> {
        match &self.failure {
            None => Ok(()),
            Some(Failure { error, .. }) => {
                Err(DbError::Bug(format!("the transaction has already failed: {error}")))
            }
        }
    }

    /// Remembers a failure: nothing more can be done in this transaction.
    pub(super) fn note<T>(&mut self, result: Result<T, Failure>) -> Result<T, DbError> {
        result.map_err(|failure| {
            let error = failure.error.clone();
            self.failure = Some(failure);
            error
        })
    }
}

/// Tells the log which statement runs and where it is written; never its parameters, which are
/// people's words. Setting `log` to `doorkey::db=trace` shows it.
#[track_caller]
fn trace(sql: &str) {
    let at = Location::caller();
    tracing::trace!(file = at.file(), line = at.line(), "{sql}");
}

/// How one run of a closure went.
pub(super) struct Attempt<T, E> {
    /// To be kept if `Ok`, undone if `Err`.
    pub(super) result: Result<T, E>,
    /// Why another run may end better, if `result` is an error.
    pub(super) again: Option<Again>,
}

/// Runs `work` once. A panic becomes a [`DbError::Bug`]: the panic hook has logged it.
pub(super) fn attempt<T, E: From<DbError>>(
    link: Link<'_>,
    work: &mut impl FnMut(&mut Tx<'_>) -> Result<T, E>,
) -> Attempt<T, E> {
    let mut tx = Tx { link, failure: None, cause: Cause::default() };
    let result = catch_unwind(AssertUnwindSafe(|| work(&mut tx)));
    let again = tx.failure.as_ref().and_then(|failure| failure.again);
    match (result, tx.failure) {
        (Err(_), _) => {
            let error = DbError::Bug("a transaction panicked".to_owned());
            Attempt { result: Err(error.into()), again: None }
        }
        (Ok(Ok(_)), Some(failure)) => Attempt { result: Err(failure.error.into()), again },
        (Ok(result), _) => Attempt { result, again },
    }
}
