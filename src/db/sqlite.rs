//! SQLite: how a connection is opened and checked, the readers, and single statements.
//!
//! Reads run on the thread that asks, over connections that cannot write: a joined read takes
//! some 30 µs, less than handing it to another thread would. Writes go to [`super::writer`].

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement, StatementStatus, ffi};
use rustix::process::geteuid;
use tokio::sync::Semaphore;

use crate::clock::Deadline;

use super::error::Failure;
use super::tx::{Link, attempt};
use super::value::{Row, Source};
use super::writer::Writer;
use super::{DatabaseSettings, DbError, FromRow, Tx, Value};

/// Earlier versions can corrupt a database in WAL mode when a checkpoint races a writer.
const OLDEST: i32 = 3_051_003;
/// Prepared statements kept per connection: more than the program has.
const STATEMENTS: usize = 512;
/// Steps of SQLite's machine between two looks at the clock: well under a millisecond.
const STEPS: i32 = 10_000;
/// Scans at a time, so that searching leaves a core to everybody else.
const SCANS: usize = 4;

/// Memory for pages of each connection, in KiB, below zero as SQLite wants it.
pub(super) const CACHE_SIZE: i64 = -16_384;

/// What every connection is told, and must say afterwards.
///
/// `synchronous` 2 is FULL: an acknowledged write is on disk. Memory-mapping stays off: with it
/// a disk that fails kills the process instead of failing a read. `fullfsync` is for macOS,
/// whose `fsync` alone does not reach the disk.
///
/// The log is moved into the file when it has 16 MiB, not four: a page that many replies change, such
/// as the end of an index, is then moved a quarter as often. That costs two waits for the disk, and
/// stood for a fifth of all that replies take.
const PRAGMAS: [(&str, i64); 10] = [
    ("synchronous", 2),
    ("foreign_keys", 1),
    ("trusted_schema", 0),
    ("temp_store", 2),
    ("cache_size", CACHE_SIZE),
    ("mmap_size", 0),
    ("fullfsync", 1),
    ("checkpoint_fullfsync", 1),
    ("wal_autocheckpoint", 4_000),
    ("journal_size_limit", 67_108_864),
];

/// A SQLite database: connections to read over, and the one writer.
pub(super) struct Sqlite {
    path: PathBuf,
    /// The file that was opened, by device and number: what stands under the path may change.
    file: (u64, u64),
    idle: Mutex<Vec<Connection>>,
    keep: usize,
    wait: Duration,
    read_time: Duration,
    scan_time: Duration,
    scans: Arc<Semaphore>,
    pub(super) writer: Writer,
}

impl Sqlite {
    pub(super) fn open(path: &Path, settings: &DatabaseSettings) -> Result<Self, DbError> {
        if rusqlite::version_number() < OLDEST {
            let version = rusqlite::version();
            return Err(DbError::Bug(format!("SQLite {version} is too old; 3.51.3 is needed")));
        }
        make_folder(path)?;
        give_to_owner(path)?;
        let writer = open_writer(path, settings.wait).map_err(|error| named(path, error))?;
        let writer = Writer::start(writer, settings.wait)?;
        let sqlite = Self {
            path: path.to_owned(),
            file: identity(path)?,
            idle: Mutex::default(),
            keep: settings.connections,
            wait: settings.wait,
            read_time: settings.read_time,
            scan_time: settings.scan_time,
            scans: Arc::new(Semaphore::new(SCANS)),
            writer,
        };
        // One reader now: what is wrong with the file shows at the start, and the first
        // request finds it warm.
        let reader = sqlite.reader()?;
        sqlite.give_back(reader);
        Ok(sqlite)
    }

    /// Whether the file that was opened still stands under its path.
    pub(super) fn is_in_place(&self) -> bool {
        identity(&self.path).is_ok_and(|file| file == self.file)
    }

    /// The size of the log beside the file.
    pub(super) fn log_bytes(&self) -> u64 {
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        std::fs::metadata(log).map_or(0, |found| found.len())
    }

    /// Runs a read that visits few rows, here and now.
    pub(super) fn read<T, E: From<DbError>>(
        &self,
        work: &mut impl FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.read_within(Some(self.read_time), work)
    }

    /// Waits for its turn, then runs a read that may visit many rows where blocking is allowed.
    pub(super) async fn scan<T, E, F>(self: Arc<Self>, mut work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let turn = tokio::time::timeout(self.scan_time, Arc::clone(&self.scans).acquire_owned());
        let Ok(Ok(turn)) = turn.await else {
            return Err(DbError::Busy.into());
        };
        let scan = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            self.read_within(Some(self.scan_time), &mut work)
        });
        scan.await.unwrap_or_else(|_| Err(super::stopped().into()))
    }

    /// Runs a read that takes as long as it takes, where blocking is allowed.
    pub(super) async fn survey<T, E, F>(self: Arc<Self>, mut work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let survey = tokio::task::spawn_blocking(move || self.read_within(None, &mut work));
        survey.await.unwrap_or_else(|_| Err(super::stopped().into()))
    }

    fn read_within<T, E: From<DbError>>(
        &self,
        time: Option<Duration>,
        work: &mut impl FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut reader = self.reader()?;
        let deadline = time.map(Deadline::after);
        let too_late = deadline.map(|deadline| move || deadline.passed());
        reader.progress_handler(STEPS, too_late).map_err(|error| failure(&error).error)?;
        execute(&reader, "BEGIN")?;
        let result = attempt(Link::Sqlite(&reader), work).result;
        // A connection that cannot even end its transaction is not used again.
        if execute(&reader, "ROLLBACK").is_ok() {
            self.give_back(reader);
        }
        result
    }

    /// An idle reader, or a new one: there are never more at work than threads.
    fn reader(&self) -> Result<Connection, DbError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| open_reader(&self.path, self.wait), Ok)
    }

    fn give_back(&self, reader: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.keep {
            idle.push(reader);
        }
    }

    /// Fills the database in one go: see [`super::Db::fill`].
    pub(super) async fn fill<T, E, F>(&self, work: F) -> Result<Option<T>, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.let_go();
        self.writer.fill(work).await
    }

    fn let_go(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Writes one moment of the database into `file`, over a connection of its own: writers go on.
    /// Blocks as long as that takes.
    pub(super) fn vacuum_into(&self, file: &Path) -> Result<(), DbError> {
        let Some(name) = file.to_str() else {
            return Err(DbError::Unavailable(format!("{} is not UTF-8", file.display())));
        };
        let connection = connect(&self.path, self.wait)?;
        run(&connection, "VACUUM INTO $1", &[name.into()])
            .map(drop)
            .map_err(|failure| failure.error)
    }

    /// Finishes what is queued, moves the log into the file and lets go of it.
    pub(super) async fn close(&self) {
        self.let_go();
        self.writer.stop().await;
    }
}

/// Makes the database's folder, for this user only: it will hold customers' words.
fn make_folder(path: &Path) -> Result<(), DbError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|error| DbError::Unavailable(format!("{}: {error}", folder.display())))
}

/// What root makes in another user's folder is given to that user, as SQLite itself does with the
/// files beside a database: a command that root runs must not lock `serve` out.
fn give_to_owner(path: &Path) -> Result<(), DbError> {
    let folder = path.parent().and_then(|folder| folder.metadata().ok());
    let Some(folder) = folder.filter(|folder| geteuid().is_root() && folder.uid() != 0) else {
        return Ok(());
    };
    // A link that somebody laid here is no new file, so nothing else can be given away.
    match File::options().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => fchown(file, Some(folder.uid()), Some(folder.gid())),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
    .map_err(|error| DbError::Unavailable(format!("{}: {error}", path.display())))
}

/// An error with the file that it is about, if it does not name it.
fn named(path: &Path, error: DbError) -> DbError {
    let name = path.display().to_string();
    match error {
        DbError::Unavailable(text) if !text.contains(&name) => {
            DbError::Unavailable(format!("{name}: {text}"))
        }
        other => other,
    }
}

/// Which file a path leads to.
fn identity(path: &Path) -> Result<(u64, u64), DbError> {
    let found = std::fs::metadata(path);
    let found =
        found.map_err(|error| DbError::Unavailable(format!("{}: {error}", path.display())))?;
    Ok((found.dev(), found.ino()))
}

fn open_writer(path: &Path, wait: Duration) -> Result<Connection, DbError> {
    let writer = connect(path, wait)?;
    if writer.is_readonly("main").unwrap_or(true) {
        return Err(DbError::Unavailable(format!("{} cannot be written", path.display())));
    }
    enter_wal(&writer)?;
    Ok(writer)
}

/// Has changes written to a log first: readers go on while somebody writes.
pub(super) fn enter_wal(writer: &Connection) -> Result<(), DbError> {
    let mode: String = writer
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(|error| failure(&error).error)?;
    if mode == "wal" {
        return Ok(());
    }
    let path = writer.path().unwrap_or_default();
    Err(DbError::Unavailable(format!("{path} is on a disk that cannot do WAL (network?)")))
}

fn open_reader(path: &Path, wait: Duration) -> Result<Connection, DbError> {
    let reader = connect(path, wait)?;
    set(&reader, "query_only", 1)?;
    Ok(reader)
}

/// A connection that waits as long as `wait` for another process that holds a lock.
fn connect(path: &Path, wait: Duration) -> Result<Connection, DbError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags);
    let connection =
        opened.map_err(|error| DbError::Unavailable(format!("{}: {error}", path.display())))?;
    connection.busy_timeout(wait).map_err(|error| failure(&error).error)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Else a statement with `LIMIT $2` is planned anew each time something is bound to it, for the
    // sake of the number: four times as long as it runs.
    let steady = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true);
    steady.map_err(|error| failure(&error).error)?;
    for (name, value) in PRAGMAS {
        set(&connection, name, value)?;
    }
    Ok(connection)
}

/// Sets a pragma and reads it back: an unknown or refused one is ignored silently by SQLite.
pub(super) fn set(connection: &Connection, name: &str, wanted: i64) -> Result<(), DbError> {
    let found = connection
        .execute_batch(&format!("PRAGMA {name} = {wanted}"))
        .and_then(|()| pragma(connection, name))
        .map_err(|error| failure(&error).error)?;
    if found == wanted {
        return Ok(());
    }
    Err(DbError::Unavailable(format!("SQLite has {name} at {found}, not at {wanted}")))
}

pub(super) fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
}

pub(super) fn rows<T: FromRow>(
    connection: &Connection,
    sql: &str,
    params: &[Value<'_>],
) -> Result<Vec<T>, Failure> {
    let mut statement = connection.prepare_cached(sql).map_err(|error| failure(&error))?;
    bind(&mut statement, sql, params)?;
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(|error| failure(&error))? {
        found.push(T::from_row(&Row(Source::Sqlite(row))).map_err(|error| in_sql(error, sql))?);
    }
    Ok(found)
}

/// How SQLite goes about a statement, a step each; its parameters are not known to it.
pub(super) fn plan(connection: &Connection, sql: &str) -> String {
    let steps =
        connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).and_then(|mut statement| {
            let mut rows = statement.raw_query();
            let mut steps: Vec<String> = Vec::new();
            while let Some(row) = rows.next()? {
                steps.push(row.get("detail")?);
            }
            Ok(steps)
        });
    steps.map_or_else(|_| "unknown".to_owned(), |steps| steps.join("; "))
}

/// Tells the log what SQLite counted while it ran a statement: rows stepped to where it walks through
/// a table whole, sorts, rows put into indexes made for this one run, and steps of its machine. It
/// counts from one telling to the next.
pub(super) fn tell_effort(connection: &Connection, sql: &str) {
    // The statement that has just run: it waits to be used again.
    let Ok(statement) = connection.prepare_cached(sql) else { return };
    let count = |what| statement.reset_status(what);
    tracing::trace!(
        scanned = count(StatementStatus::FullscanStep),
        sorts = count(StatementStatus::Sort),
        indexed = count(StatementStatus::AutoIndex),
        steps = count(StatementStatus::VmStep),
        "the statement's effort"
    );
}

pub(super) fn run(
    connection: &Connection,
    sql: &str,
    params: &[Value<'_>],
) -> Result<u64, Failure> {
    let mut statement = connection.prepare_cached(sql).map_err(|error| failure(&error))?;
    bind(&mut statement, sql, params)?;
    let changed = statement.raw_execute().map_err(|error| failure(&error))?;
    Ok(u64::try_from(changed).unwrap_or(u64::MAX))
}

pub(super) fn batch(connection: &Connection, sql: &str) -> Result<(), Failure> {
    connection.execute_batch(sql).map_err(|error| failure(&error))
}

/// A statement of our own without parameters, like `BEGIN`.
pub(super) fn execute(connection: &Connection, sql: &str) -> Result<(), DbError> {
    run(connection, sql, &[]).map(drop).map_err(|failure| failure.error)
}

/// Binds `params` to `$1`, `$2`, … by name.
///
/// To SQLite `$2` is a *name*, numbered by where it first appears, so binding by position would
/// silently swap values in `… WHERE b = $2 AND a = $1`.
fn bind(statement: &mut Statement<'_>, sql: &str, params: &[Value<'_>]) -> Result<(), Failure> {
    for slot in 1..=statement.parameter_count() {
        let number: Option<usize> = statement
            .parameter_name(slot)
            .and_then(|name| name.strip_prefix('$'))
            .and_then(|number| number.parse().ok());
        let value = number.and_then(|number| params.get(number.checked_sub(1)?));
        let Some(value) = value else {
            return Err(Failure::bug(format!("parameter {slot} is not given: {sql}")));
        };
        statement.raw_bind_parameter(slot, value).map_err(|error| failure(&error))?;
    }
    Ok(())
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Value::Null => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(number),
            Value::Bool(truth) => ValueRef::Integer(i64::from(truth)),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

pub(super) fn column<'r>(row: &'r rusqlite::Row<'_>, index: usize) -> Result<Value<'r>, DbError> {
    let value = row.get_ref(index).map_err(|error| DbError::Bug(error.to_string()))?;
    match value {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => Ok(Value::Int(number)),
        ValueRef::Text(text) => std::str::from_utf8(text)
            .map(Value::Text)
            .map_err(|_| DbError::Bug(format!("column {index} is not UTF-8"))),
        ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes)),
        ValueRef::Real(_) => Err(DbError::Bug(format!("column {index} is a fraction"))),
    }
}

fn in_sql(error: DbError, sql: &str) -> Failure {
    match error {
        DbError::Bug(text) => Failure::bug(format!("{text}: {sql}")),
        other => other.into(),
    }
}

/// What SQLite's error means to a caller.
pub(super) fn failure(error: &rusqlite::Error) -> Failure {
    let rusqlite::Error::SqliteFailure(code, text) = error else {
        return Failure::bug(error.to_string());
    };
    match code.extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE => return unique(text.as_deref(), false),
        ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            return unique(text.as_deref(), true);
        }
        _ => {}
    }
    match code.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OperationInterrupted => {
            DbError::Busy.into()
        }
        ErrorCode::DiskFull
        | ErrorCode::SystemIoFailure
        | ErrorCode::CannotOpen
        | ErrorCode::OutOfMemory
        | ErrorCode::PermissionDenied
        | ErrorCode::NotADatabase
        | ErrorCode::DatabaseCorrupt => DbError::Unavailable(error.to_string()).into(),
        _ => Failure::bug(error.to_string()),
    }
}

/// Reads `UNIQUE constraint failed: limits.subject, limits.slice`.
fn unique(text: Option<&str>, primary_key: bool) -> Failure {
    let clash = text.and_then(|text| text.split_once("failed: ")).map_or("", |(_, clash)| clash);
    let pairs: Vec<(&str, &str)> =
        clash.split(", ").filter_map(|pair| pair.split_once('.')).collect();
    let table = pairs.first().map_or("", |(table, _)| table);
    let columns: Vec<&str> = pairs.iter().map(|(_, column)| *column).collect();
    Failure::unique(table, &columns, primary_key)
}
