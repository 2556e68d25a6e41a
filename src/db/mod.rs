//! The database seam: transactions as closures, on SQLite or PostgreSQL.
//!
//! ```ignore
//! let entry = app.db.write(move |tx| replies::add(tx, &viewer, &reference, reply, now)).await?;
//! let page = app.db.read(move |tx| tickets::page_for(tx, &viewer, filter)).await?;
//! ```
//!
//! Inside a closure everything is plain synchronous Rust, so nothing but the database can hold
//! a transaction up. A closure may be run again (an id was taken, PostgreSQL asks for it), so
//! it changes nothing outside the transaction, and draws ids and secrets inside.
//!
//! SQL is written once, with `$1`, `$2`. The layers above never learn which engine runs.

pub mod backup;
mod bulk;
mod cell;
pub mod copy;
mod dialect;
mod error;
mod fill;
mod inspect;
mod migrate;
mod postgres;
mod session;
mod slow;
mod sqlite;
mod tables;
mod tls;
mod translate;
mod tx;
mod value;
mod writer;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use dialect::{Dialect, Engine};
pub use error::DbError;
pub use inspect::Fact;
pub use slow::log_slow;
pub use tx::Tx;
pub use value::{FromRow, FromValue, Row, Value};

use crate::cause;
use crate::metrics::{self, Transaction};

/// How often a closure is run when the ids it draws are taken.
const RUNS: u32 = 3;

/// A log of SQLite that is larger is one that a reader keeps from being emptied, or that a long
/// transaction has filled.
pub const MUCH_LOG: u64 = 256 << 20;

/// Where the database is and how much of it may be used.
#[derive(Clone)]
pub struct DatabaseSettings {
    /// `sqlite:path`, or `postgres://…` with the options libpq knows (`sslmode`, `sslrootcert`,
    /// `options`, …). May hold a password, so it is never logged.
    pub url: String,
    /// PostgreSQL: connections at most. SQLite: idle readers kept open.
    pub connections: usize,
    /// How long one read may take before it is [`DbError::Busy`].
    pub read_time: Duration,
    /// The same for one scan.
    pub scan_time: Duration,
    /// How long to wait for a connection, a lock or a place in the queue, before
    /// [`DbError::Busy`].
    pub wait: Duration,
}

impl DatabaseSettings {
    /// The usual settings for the database at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            connections: 16,
            read_time: Duration::from_secs(5),
            scan_time: Duration::from_secs(30),
            wait: Duration::from_secs(5),
        }
    }
}

impl DatabaseSettings {
    /// For one long job, such as copying: a read may take as long as it takes.
    #[must_use]
    pub fn patient(url: impl Into<String>) -> Self {
        let time = Duration::from_secs(7 * 86_400);
        Self { read_time: time, scan_time: time, ..Self::new(url) }
    }
}

/// The file of a database, if it is one of SQLite.
pub fn sqlite_file(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("sqlite:")?;
    Some(Path::new(path.strip_prefix("//").unwrap_or(path)))
}

impl fmt::Debug for DatabaseSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseSettings")
            .field("connections", &self.connections)
            .field("read_time", &self.read_time)
            .field("scan_time", &self.scan_time)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}

/// What the writing side has done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Commits; on SQLite one may hold many writes.
    pub commits: u64,
    /// Write closures that were run to an answer.
    pub writes: u64,
    /// Write closures that wait.
    pub waiting: usize,
}

/// The database. Clones are cheap and mean the same one.
#[derive(Clone)]
pub struct Db(Kind);

#[derive(Clone)]
enum Kind {
    Sqlite(Arc<sqlite::Sqlite>),
    Postgres(Arc<postgres::Postgres>),
}

impl Db {
    /// Opens the database, and makes SQLite's file and folder if they are missing. It does not
    /// migrate.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] if it cannot be reached or is unfit; [`DbError::Bug`] if the
    /// address is malformed.
    pub async fn open(settings: &DatabaseSettings) -> Result<Self, DbError> {
        let settings = settings.clone();
        let opening = tokio::task::spawn_blocking(move || Self::open_here(&settings));
        opening.await.unwrap_or_else(|_| Err(stopped()))
    }

    fn open_here(settings: &DatabaseSettings) -> Result<Self, DbError> {
        let url = settings.url.as_str();
        if let Some(path) = sqlite_file(url) {
            return Ok(Self(Kind::Sqlite(Arc::new(sqlite::Sqlite::open(path, settings)?))));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self(Kind::Postgres(Arc::new(postgres::Postgres::open(settings)?))));
        }
        let text = "the database's address starts with neither sqlite: nor postgres://";
        Err(DbError::Bug(text.to_owned()))
    }

    /// Runs `work` in a transaction that reads, and sees one moment of the database.
    ///
    /// For reads of few rows: on SQLite they run on the calling thread.
    ///
    /// # Errors
    /// What `work` answers; [`DbError::Busy`] after `read_time`.
    pub async fn read<T, E, F>(&self, mut work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let begun = Instant::now();
        let result = match &self.0 {
            Kind::Sqlite(sqlite) => sqlite.read(&mut work),
            Kind::Postgres(postgres) => Arc::clone(postgres).read(work).await,
        };
        metrics::transaction(Transaction::Read, begun.elapsed());
        result
    }

    /// As [`Self::read`], for reads that may visit many rows.
    ///
    /// # Errors
    /// What `work` answers; [`DbError::Busy`] after `scan_time`.
    pub async fn scan<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let begun = Instant::now();
        let result = match &self.0 {
            Kind::Sqlite(sqlite) => Arc::clone(sqlite).scan(work).await,
            Kind::Postgres(postgres) => Arc::clone(postgres).scan(work).await,
        };
        metrics::transaction(Transaction::Scan, begun.elapsed());
        result
    }

    /// Runs `work` once in a transaction that reads, and sees one moment of the database however
    /// long it takes: for an export. Others write meanwhile; on SQLite the log (`-wal`) grows
    /// until it is over.
    ///
    /// `work` reads in pages: a single statement has `scan_time` on PostgreSQL.
    ///
    /// # Errors
    /// What `work` answers.
    pub async fn survey<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let work = once(work);
        match &self.0 {
            Kind::Sqlite(sqlite) => Arc::clone(sqlite).survey(work).await,
            Kind::Postgres(postgres) => Arc::clone(postgres).survey(work).await,
        }
    }

    /// Runs `work` in a transaction, and answers when what it did is durable. An error undoes
    /// what `work` did, and nothing else.
    ///
    /// Once begun it is finished, even if nobody awaits it any longer.
    ///
    /// # Errors
    /// What `work` answers, or why its work could not be kept.
    pub async fn write<T, E, F>(&self, mut work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let begun = Instant::now();
        let cause = cause::current();
        let work = move |tx: &mut Tx<'_>| {
            tx.caused_by(cause.clone());
            work(tx)
        };
        let result = match &self.0 {
            Kind::Sqlite(sqlite) => sqlite.writer.write(work).await,
            Kind::Postgres(postgres) => Arc::clone(postgres).write(work).await,
        };
        metrics::transaction(Transaction::Write, begun.elapsed());
        result
    }

    /// Runs `work` once, in a transaction that has the database to itself and fills it many times
    /// faster: for an empty one, and for rows that are made and not typed. Answers nothing, and
    /// runs nothing, where that cannot be: on SQLite while somebody else uses the database, and
    /// on PostgreSQL, whose COPY is as fast beside others.
    ///
    /// # Errors
    /// What `work` answers, or why its work could not be kept. Then the database is as it was.
    pub async fn fill<T, E, F>(&self, work: F) -> Result<Option<T>, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        match &self.0 {
            Kind::Sqlite(sqlite) => sqlite.fill(once(work)).await,
            Kind::Postgres(_) => Ok(None),
        }
    }

    /// Answers if the database does.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ping(&self) -> Result<(), DbError> {
        self.read(|tx| tx.one::<i64>("SELECT 1", &[]).map(drop)).await
    }

    /// Whether the database is where it was opened. A SQLite file that is removed or replaced under
    /// a running process goes on to be read and written there, and is gone at its end.
    pub fn is_in_place(&self) -> bool {
        match &self.0 {
            Kind::Sqlite(sqlite) => sqlite.is_in_place(),
            Kind::Postgres(_) => true,
        }
    }

    /// The size of SQLite's log (`-wal`) in bytes; 0 on PostgreSQL, which looks after its own. It can
    /// only be emptied when nobody reads an old moment of the database.
    pub fn log_bytes(&self) -> u64 {
        match &self.0 {
            Kind::Sqlite(sqlite) => sqlite.log_bytes(),
            Kind::Postgres(_) => 0,
        }
    }

    /// Which engine runs; for display only.
    pub fn engine(&self) -> Engine {
        match self.0 {
            Kind::Sqlite(_) => Engine::Sqlite,
            Kind::Postgres(_) => Engine::Postgres,
        }
    }

    /// What the writing side has done since the start.
    pub fn stats(&self) -> Stats {
        match &self.0 {
            Kind::Sqlite(sqlite) => sqlite.writer.stats(),
            Kind::Postgres(postgres) => postgres.stats(),
        }
    }

    /// Finishes the writes that wait and lets go of the database, for all clones.
    pub async fn close(self) {
        match &self.0 {
            Kind::Sqlite(sqlite) => sqlite.close().await,
            Kind::Postgres(postgres) => Arc::clone(postgres).close().await,
        }
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Db").field(&self.engine()).finish()
    }
}

/// `work` as something that can be called again, and refuses to be.
fn once<T, E: From<DbError>>(
    work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
) -> impl FnMut(&mut Tx<'_>) -> Result<T, E> {
    let mut work = Some(work);
    move |tx| match work.take() {
        Some(work) => work(tx),
        None => {
            Err(DbError::Bug("work that can be done once was to be run again".to_owned()).into())
        }
    }
}

/// Why a write after [`Db::close`] fails.
fn stopped() -> DbError {
    DbError::Unavailable("it was closed".to_owned())
}
