//! SQLite's one writer: a thread that commits in groups.
//!
//! A commit waits for the disk (some 3 ms), and SQLite allows one writer at a time. So all
//! closures that wait are run in one transaction, each in a savepoint of its own (one that waits
//! alone needs none), and answered
//! after the one commit: an answer still means *on disk*, and many writers share the wait.
//!
//! Another process may hold the lock. How long a closure waits for it counts from when it was
//! queued, so that waits behind others do not add up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::clock::Deadline;

use super::error::Again;
use super::fill::Alone;
use super::sqlite::{execute, failure};
use super::tx::{Link, attempt};
use super::{DbError, RUNS, Stats, Tx};

/// Closures in one commit at most, so that the first does not wait for ever.
const GROUP: usize = 256;
/// Closures that may wait; beyond, callers wait for a place, and then are told `Busy`.
const QUEUE: usize = 1024;

/// The queue to the writer's thread.
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    wait: Duration,
    counts: Arc<Counts>,
}

enum Message {
    Work(Box<dyn Job>),
    /// Work that fills the database, and is left out if others use it.
    Fill(Box<dyn Job>),
    Stop(oneshot::Sender<()>),
}

#[derive(Default)]
struct Counts {
    commits: AtomicU64,
    writes: AtomicU64,
}

impl Writer {
    /// Starts the thread, which owns `connection` from now on.
    pub(super) fn start(connection: Connection, wait: Duration) -> Result<Self, DbError> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let counts = Arc::new(Counts::default());
        let thread = Thread { connection, wait, waiting, counts: Arc::clone(&counts) };
        thread::Builder::new()
            .name("doorkey-writer".to_owned())
            .spawn(move || thread.run())
            .map_err(|error| DbError::Unavailable(format!("no thread to write: {error}")))?;
        Ok(Self { queue, wait, counts })
    }

    /// Queues `work` and waits until it is on disk. Once queued it is done even if nobody
    /// waits any longer.
    pub(super) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let until = Deadline::after(self.wait);
        let job = Box::new(Work { work, until, result: None, answer });
        self.queue(Message::Work(job)).await?;
        answered.await.unwrap_or_else(|_| Err(super::stopped().into()))
    }

    /// The same for work that fills the database: see [`super::Db::fill`].
    pub(super) async fn fill<T, E, F>(&self, mut work: F) -> Result<Option<T>, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        // The answer of work that is left out.
        let result = Some(Ok(None));
        let until = Deadline::after(self.wait);
        let work = move |tx: &mut Tx<'_>| work(tx).map(Some);
        let job = Box::new(Work { work, until, result, answer });
        self.queue(Message::Fill(job)).await?;
        answered.await.unwrap_or_else(|_| Err(super::stopped().into()))
    }

    async fn queue(&self, message: Message) -> Result<(), DbError> {
        self.queue.send_timeout(message, self.wait).await.map_err(|error| match error {
            mpsc::error::SendTimeoutError::Timeout(_) => DbError::Busy,
            mpsc::error::SendTimeoutError::Closed(_) => super::stopped(),
        })
    }

    /// Finishes what is queued and ends the thread.
    pub(super) async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.queue.send(Message::Stop(done)).await.is_ok() {
            let _ = stopped.await;
        }
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            commits: self.counts.commits.load(Ordering::Relaxed),
            writes: self.counts.writes.load(Ordering::Relaxed),
            waiting: QUEUE - self.queue.capacity(),
        }
    }
}

/// How one run of a job ended.
enum Outcome {
    Keep,
    Undo,
    Again,
}

/// A closure in the queue, whatever its types.
trait Job: Send {
    /// When it has waited long enough for another process.
    fn until(&self) -> Deadline;
    /// Runs the closure once.
    fn run(&mut self, connection: &Connection) -> Outcome;
    /// What it did was undone with the whole group: success becomes `error`.
    fn fail(&mut self, error: &DbError);
    /// Tells the caller.
    fn answer(self: Box<Self>);
}

struct Work<T, E, F> {
    work: F,
    until: Deadline,
    result: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Job for Work<T, E, F>
where
    T: Send,
    E: From<DbError> + Send,
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send,
{
    fn until(&self) -> Deadline {
        self.until
    }

    fn run(&mut self, connection: &Connection) -> Outcome {
        let attempt = attempt(Link::Sqlite(connection), &mut self.work);
        let outcome = match (&attempt.result, attempt.again) {
            (Ok(_), _) => Outcome::Keep,
            (Err(_), Some(Again::Ids)) => Outcome::Again,
            (Err(_), _) => Outcome::Undo,
        };
        self.result = Some(attempt.result);
        outcome
    }

    fn fail(&mut self, error: &DbError) {
        if !matches!(self.result, Some(Err(_))) {
            self.result = Some(Err(error.clone().into()));
        }
    }

    fn answer(self: Box<Self>) {
        let result = self.result.unwrap_or_else(|| Err(super::stopped().into()));
        // Whoever asked may have gone; what was done stays done.
        let _ = self.answer.send(result);
    }
}

struct Thread {
    connection: Connection,
    wait: Duration,
    waiting: mpsc::Receiver<Message>,
    counts: Arc<Counts>,
}

impl Thread {
    fn run(mut self) {
        let mut stopped = Vec::new();
        while let Some(message) = self.waiting.blocking_recv() {
            let mut group = Vec::new();
            let mut fill = self.take(message, &mut group, &mut stopped);
            while fill.is_none() && group.len() < GROUP {
                let Ok(message) = self.waiting.try_recv() else { break };
                fill = self.take(message, &mut group, &mut stopped);
            }
            self.commit(group);
            if let Some(job) = fill {
                self.fill(job);
            }
        }
        // Leaves one whole file behind; the log would do as well.
        let _ = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        drop(self.connection);
        for stopped in stopped {
            let _ = stopped.send(());
        }
    }

    /// Adds a job to the group, or answers the one that is to be alone. After a stop no more is
    /// accepted, but what waits is done.
    fn take(
        &mut self,
        message: Message,
        group: &mut Vec<Box<dyn Job>>,
        stopped: &mut Vec<oneshot::Sender<()>>,
    ) -> Option<Box<dyn Job>> {
        match message {
            Message::Work(job) => group.push(job),
            Message::Fill(job) => return Some(job),
            Message::Stop(done) => {
                self.waiting.close();
                stopped.push(done);
            }
        }
        None
    }

    /// Runs a job that fills the database, unless others use it.
    fn fill(&self, mut job: Box<dyn Job>) {
        let filled = Alone::begin(&self.connection).and_then(|alone| match alone {
            Some(alone) => self.fill_alone(&alone, job.as_mut()),
            None => Ok(()),
        });
        if let Err(error) = filled {
            tracing::warn!(%error, "the database was not filled");
            job.fail(&error);
        }
        job.answer();
    }

    fn fill_alone(&self, alone: &Alone<'_>, job: &mut dyn Job) -> Result<(), DbError> {
        if matches!(job.run(&self.connection), Outcome::Keep) {
            self.check_open()?;
            alone.keep()?;
            self.counts.commits.fetch_add(1, Ordering::Relaxed);
        }
        self.counts.writes.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn commit(&self, mut group: Vec<Box<dyn Job>>) {
        let begun = self.begin(&mut group);
        if group.is_empty() {
            return;
        }
        if let Err(error) = begun.and_then(|()| self.run_group(&mut group)) {
            tracing::warn!(%error, writes = group.len(), "a group of writes was undone");
            if !self.connection.is_autocommit() {
                let _ = execute(&self.connection, "ROLLBACK");
            }
            for job in &mut group {
                job.fail(&error);
            }
        }
        for job in group {
            job.answer();
        }
    }

    /// Begins the transaction of a group. Jobs whose time is over before the lock is free are
    /// answered and leave the group, and the others go on waiting. One that had no time left to
    /// begin with has one try.
    fn begin(&self, group: &mut Vec<Box<dyn Job>>) -> Result<(), DbError> {
        while let Some(first) = group.iter().map(|job| job.until()).min() {
            match self.begin_until(first) {
                Err(DbError::Busy) => refuse_late(group),
                begun => return begun,
            }
        }
        Ok(())
    }

    /// Takes the lock, unless another process holds it until then.
    fn begin_until(&self, until: Deadline) -> Result<(), DbError> {
        self.be_patient(until.left())?;
        let begun = execute(&self.connection, "BEGIN IMMEDIATE");
        self.be_patient(self.wait)?;
        begun
    }

    /// Sets how long SQLite waits for a lock, in whole milliseconds.
    fn be_patient(&self, time: Duration) -> Result<(), DbError> {
        self.connection.busy_timeout(time).map_err(|error| failure(&error).error)
    }

    /// Runs a group in the transaction that was begun for it, and ends that.
    fn run_group(&self, group: &mut [Box<dyn Job>]) -> Result<(), DbError> {
        if let [job] = group {
            return self.run_alone(job.as_mut());
        }
        for job in &mut *group {
            self.run_job(job.as_mut())?;
        }
        execute(&self.connection, "COMMIT")?;
        self.counts.commits.fetch_add(1, Ordering::Relaxed);
        self.counts.writes.fetch_add(group.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Runs a job that has a transaction to itself, and so needs no savepoint: SQLite's journal of
    /// one would grow with all that a large job changes, and is walked after each statement.
    fn run_alone(&self, job: &mut dyn Job) -> Result<(), DbError> {
        for run in 0..RUNS {
            if run > 0 {
                self.begin_until(job.until())?;
            }
            let outcome = job.run(&self.connection);
            self.check_open()?;
            match outcome {
                Outcome::Keep => {
                    execute(&self.connection, "COMMIT")?;
                    self.counts.commits.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                Outcome::Undo => {
                    execute(&self.connection, "ROLLBACK")?;
                    break;
                }
                Outcome::Again => execute(&self.connection, "ROLLBACK")?,
            }
        }
        self.counts.writes.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// A full disk or a failed read may end the whole transaction behind our back.
    fn check_open(&self) -> Result<(), DbError> {
        if self.connection.is_autocommit() {
            let text = "the transaction was given up: disk full or failing";
            return Err(DbError::Unavailable(text.to_owned()));
        }
        Ok(())
    }

    /// Runs a job in its savepoint, again when an id it drew was taken.
    fn run_job(&self, job: &mut dyn Job) -> Result<(), DbError> {
        for _ in 0..RUNS {
            execute(&self.connection, "SAVEPOINT job")?;
            let outcome = job.run(&self.connection);
            self.check_open()?;
            if !matches!(outcome, Outcome::Keep) {
                execute(&self.connection, "ROLLBACK TO job")?;
            }
            execute(&self.connection, "RELEASE job")?;
            if !matches!(outcome, Outcome::Again) {
                break;
            }
        }
        Ok(())
    }
}

/// Answers those whose time is over while another process holds the lock.
fn refuse_late(group: &mut Vec<Box<dyn Job>>) {
    let late: Vec<_> = group.extract_if(.., |job| job.until().passed()).collect();
    if !late.is_empty() {
        tracing::warn!(writes = late.len(), "another process writes for long: writes were refused");
    }
    for mut job in late {
        job.fail(&DbError::Busy);
        job.answer();
    }
}
