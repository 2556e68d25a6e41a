//! PostgreSQL: the pool of sessions, and transactions that are run again when that helps.
//!
//! A session blocks its thread, and must neither be used nor dropped on a thread that runs
//! asynchronous tasks; so everything here happens on blocking threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use postgres::Config;
use tokio::sync::Semaphore;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::ids;

use super::error::Again;
pub(super) use super::session::{Session, column};
use super::tls::read_url;
use super::{DatabaseSettings, DbError, RUNS, Stats, Tx};

/// The oldest version that is tested.
const OLDEST: i64 = 150_000;
/// Times a transaction that had to give way to another is run again.
const CONFLICTS: u32 = 10;
/// The longest pause before that, in milliseconds.
const LONGEST_PAUSE: u64 = 200;

/// A PostgreSQL database: idle sessions, and how many there may be.
pub(super) struct Postgres {
    config: Config,
    tls: MakeRustlsConnect,
    idle: Mutex<Vec<Session>>,
    slots: Arc<Semaphore>,
    connections: usize,
    wait: Duration,
    begin_read: String,
    begin_scan: String,
    begin_write: String,
    writes: AtomicU64,
    commits: AtomicU64,
}

impl Postgres {
    /// Connects once, to see that the server will do. Blocks.
    pub(super) fn open(settings: &DatabaseSettings) -> Result<Self, DbError> {
        let (mut config, tls) = read_url(&settings.url)?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(settings.wait);
        }
        if config.get_application_name().is_none() {
            config.application_name("doorkey");
        }
        let postgres = Self {
            config,
            tls,
            idle: Mutex::default(),
            slots: Arc::new(Semaphore::new(settings.connections)),
            connections: settings.connections,
            wait: settings.wait,
            begin_read: begin_read(settings.read_time),
            begin_scan: begin_read(settings.scan_time),
            begin_write: begin_write(settings.wait),
            writes: AtomicU64::new(0),
            commits: AtomicU64::new(0),
        };
        postgres.check_sessions()?;
        postgres.transact(&postgres.begin_read, &mut check)?;
        Ok(postgres)
    }

    /// Refuses a pooler that lends a session of the server to one transaction after another:
    /// statements that were prepared in it are then missing, or are those of another process.
    fn check_sessions(&self) -> Result<(), DbError> {
        let (mut one, mut two) = (self.session()?, self.session()?);
        let first = [one.server_process()?, two.server_process()?];
        let then = [one.server_process()?, two.server_process()?];
        self.give_back(one);
        if are_two_sessions(&first, &then) {
            return Ok(());
        }
        let text = "a pooler in transaction mode stands between Doorkey and PostgreSQL; have it pool \
                    sessions (PgBouncer: pool_mode = session), or name the server itself";
        Err(DbError::Unavailable(text.to_owned()))
    }

    pub(super) async fn read<T, E, F>(self: Arc<Self>, mut work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.on_a_thread(move |postgres| postgres.transact(&postgres.begin_read, &mut work)).await
    }

    pub(super) async fn scan<T, E, F>(self: Arc<Self>, mut work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.on_a_thread(move |postgres| postgres.transact(&postgres.begin_scan, &mut work)).await
    }

    /// Over a session of its own: one that waited may have broken, and nothing is run again.
    pub(super) async fn survey<T, E, F>(self: Arc<Self>, mut work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.on_a_thread(move |postgres| {
            let mut session = Session::connect(&postgres.config, postgres.tls.clone())?;
            session.transact(&postgres.begin_scan, &mut work).result
        })
        .await
    }

    pub(super) async fn write<T, E, F>(self: Arc<Self>, mut work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.on_a_thread(move |postgres| {
            let result = postgres.transact(&postgres.begin_write, &mut work);
            postgres.writes.fetch_add(1, Ordering::Relaxed);
            postgres.commits.fetch_add(u64::from(result.is_ok()), Ordering::Relaxed);
            result
        })
        .await
    }

    /// Waits for a free session, then runs `work` where blocking is allowed. From there on it
    /// is finished even if nobody waits for it.
    async fn on_a_thread<T, E>(
        self: Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let slot = tokio::time::timeout(self.wait, Arc::clone(&self.slots).acquire_owned()).await;
        let slot = match slot {
            Ok(Ok(slot)) => slot,
            Ok(Err(_)) => return Err(super::stopped().into()),
            Err(_) => return Err(DbError::Busy.into()),
        };
        let done = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            work(&self)
        });
        done.await.unwrap_or_else(|_| Err(super::stopped().into()))
    }

    /// Runs `work` in a transaction, again as long as that promises something.
    fn transact<T, E: From<DbError>>(
        &self,
        begin: &str,
        work: &mut impl FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut patience = Patience::default();
        loop {
            let mut session = self.session()?;
            let attempt = session.transact(begin, work);
            self.give_back(session);
            match attempt.again {
                Some(again) if attempt.result.is_err() && patience.allows(again) => {
                    self.prepare_for(again, &patience);
                }
                _ => return attempt.result,
            }
        }
    }

    fn prepare_for(&self, again: Again, patience: &Patience) {
        match again {
            Again::Ids => {}
            Again::Conflict => thread::sleep(patience.pause()),
            // What broke one session (a restart, a changed schema) has broken the idle ones too.
            Again::Reconnect | Again::Reprepare => drop(self.take_idle()),
        }
    }

    fn session(&self) -> Result<Session, DbError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| Session::connect(&self.config, self.tls.clone()), Ok)
    }

    fn give_back(&self, session: Session) {
        if session.is_usable() && !self.slots.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        }
    }

    fn take_idle(&self) -> Vec<Session> {
        std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            commits: self.commits.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
            waiting: 0,
        }
    }

    /// Lets the transactions that run end, then closes every session.
    pub(super) async fn close(self: Arc<Self>) {
        let all = u32::try_from(self.connections).unwrap_or(u32::MAX);
        let running = self.slots.acquire_many(all).await.map(tokio::sync::SemaphorePermit::forget);
        self.slots.close();
        if running.is_ok() {
            let sessions = self.take_idle();
            let _ = tokio::task::spawn_blocking(move || drop(sessions)).await;
        }
    }
}

impl Drop for Postgres {
    /// The last owner may be an asynchronous task, where closing a session would panic.
    fn drop(&mut self) {
        let sessions = self.take_idle();
        if !sessions.is_empty() {
            thread::spawn(move || drop(sessions));
        }
    }
}

fn begin_read(time: Duration) -> String {
    let milliseconds = time.as_millis();
    format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {milliseconds}"
    )
}

fn begin_write(wait: Duration) -> String {
    let milliseconds = wait.as_millis();
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = {milliseconds}"
    )
}

/// Whether two connections, asked in turn which process of the server they have, have each their own.
fn are_two_sessions(first: &[Option<String>; 2], then: &[Option<String>; 2]) -> bool {
    first == then && first[0] != first[1]
}

/// Refuses a server that is too old or stores another encoding; warns where text would be
/// sorted by a language's rules, since pages would then be ordered unlike on SQLite.
fn check(tx: &mut Tx<'_>) -> Result<(), DbError> {
    let version: i64 =
        tx.one("SELECT CAST(current_setting('server_version_num') AS BIGINT)", &[])?;
    if version < OLDEST {
        return Err(DbError::Unavailable("PostgreSQL 15 or later is needed".to_owned()));
    }
    let (encoding, collation, provider): (String, String, String) = tx.one(
        "SELECT CAST(pg_encoding_to_char(encoding) AS TEXT), CAST(datcollate AS TEXT),
                CAST(datlocprovider AS TEXT)
         FROM pg_database WHERE datname = current_database()",
        &[],
    )?;
    if encoding != "UTF8" {
        let text = format!("the database is encoded in {encoding}; create it with ENCODING 'UTF8'");
        return Err(DbError::Unavailable(text));
    }
    let plain = matches!(collation.as_str(), "C" | "POSIX" | "C.UTF-8" | "C.utf8");
    if !plain || provider == "i" {
        tracing::warn!(%collation, "the database sorts text by a language; create it with LC_COLLATE 'C' TEMPLATE template0");
    }
    Ok(())
}

/// How often a transaction has been run again, and why.
#[derive(Default)]
struct Patience {
    ids: u32,
    conflicts: u32,
    others: u32,
}

impl Patience {
    fn allows(&mut self, again: Again) -> bool {
        let (count, most) = match again {
            Again::Ids => (&mut self.ids, RUNS - 1),
            Again::Conflict => (&mut self.conflicts, CONFLICTS),
            Again::Reconnect | Again::Reprepare => (&mut self.others, 1),
        };
        *count += 1;
        *count <= most
    }

    /// Longer after each conflict, and by chance, so that two that met do not meet again.
    fn pause(&self) -> Duration {
        let longest = LONGEST_PAUSE.min(2_u64.saturating_pow(self.conflicts));
        ids::jitter(Duration::from_millis(longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_that_a_pooler_lends_are_told_from_own_ones() {
        let asked = |one: &str, two: &str| [Some(one.to_owned()), Some(two.to_owned())];
        assert!(are_two_sessions(&asked("7", "8"), &asked("7", "8")));
        assert!(!are_two_sessions(&asked("7", "7"), &asked("7", "7")), "one for both");
        assert!(!are_two_sessions(&asked("7", "8"), &asked("8", "7")), "another each time");
        assert!(!are_two_sessions(&[None, None], &[None, None]), "no answer");
    }
}
