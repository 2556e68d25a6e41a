//! A backup: one SQLite file of one moment, whichever engine runs.
//!
//! SQLite writes it itself (`VACUUM INTO`: one read transaction, so writers go on, and what was
//! forgotten is not in it); PostgreSQL is copied into it (see [`super::copy`]). A mark in its
//! header tells a backup from a database in use, of which a file alone may lack the newest changes.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use rusqlite::{Connection, OpenFlags};

use crate::clock::Millis;

use super::copy::{Copied, CopyError, Progress, copy};
use super::{DatabaseSettings, Db, DbError, Kind, migrate};

/// `DKBK`, in the place of the file's header that SQLite keeps for such marks.
const MARK: i64 = 0x444B_424B;
/// How every SQLite file begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// What a URI of SQLite would take for its own.
const IN_URI: &AsciiSet = &CONTROLS.add(b'?').add(b'#').add(b'%').add(b' ');

/// Why there is no backup, or why a file is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// It cannot be read or written.
    #[error("{0}")]
    Io(String),
    /// It is something else.
    #[error("it is no backup of Doorkey: {0}")]
    Foreign(&'static str),
    /// It is a backup and damaged.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It has migrations that this program does not know.
    #[error("it was made by a newer Doorkey ({0}); use that version or a later one")]
    Newer(String),
    /// The database could not be copied.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// A database said no.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Db {
    /// Writes everything into `file`, which must not exist, while others read and write. Files
    /// beside it come and go meanwhile. It is not synced; [`verify`] says whether it is good.
    ///
    /// # Errors
    /// [`BackupError::Copy`] or [`BackupError::Db`].
    pub async fn back_up<P>(&self, file: &Path, now: Millis, tell: P) -> Result<(), BackupError>
    where
        P: FnMut(Progress<'_>) + Send + 'static,
    {
        let to = file.to_owned();
        match &self.0 {
            Kind::Sqlite(sqlite) => {
                let sqlite = std::sync::Arc::clone(sqlite);
                blocking(move || Ok(sqlite.vacuum_into(&to)?)).await?;
            }
            Kind::Postgres(_) => {
                let url = format!("sqlite:{}", file.display());
                let target = Db::open(&DatabaseSettings::patient(url)).await?;
                let copied = copy(self, &target, now, tell, |_| Ok::<_, CopyError>(())).await;
                target.close().await;
                copied?;
            }
        }
        let to = file.to_owned();
        blocking(move || Ok(mark(&to)?)).await
    }
}

/// Runs `work` where blocking is allowed.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
) -> Result<T, BackupError> {
    let done = tokio::task::spawn_blocking(work);
    done.await.unwrap_or_else(|_| Err(super::stopped().into()))
}

/// Makes a backup of a database: one whole file, with the mark.
fn mark(file: &Path) -> Result<(), DbError> {
    let connection = Connection::open(file).map_err(|error| unavailable(&error))?;
    connection
        .execute_batch(&format!("PRAGMA journal_mode = DELETE; PRAGMA application_id = {MARK}"))
        .map_err(|error| unavailable(&error))
}

/// Looks at every page and row of a backup without changing anything, and answers its tables with
/// how many rows each has. Takes as long as reading it does.
///
/// # Errors
/// [`BackupError`] for whatever is not a good backup that this program can restore.
pub async fn verify(file: &Path) -> Result<Vec<Copied>, BackupError> {
    let file = file.to_owned();
    blocking(move || {
        let backup = open_whole(&file)?;
        check_migrations(&backup)?;
        count(&backup)
    })
    .await
}

/// As [`verify`], for a backup that was just made. The database may be newer than this program, which
/// works on it all the same, and its backup is as good.
///
/// # Errors
/// [`BackupError`] for whatever is not a good backup.
pub async fn verify_made(file: &Path) -> Result<Vec<Copied>, BackupError> {
    let file = file.to_owned();
    blocking(move || count(&open_whole(&file)?)).await
}

/// Opens a backup of which every page and row is as it should be.
fn open_whole(file: &Path) -> Result<Connection, BackupError> {
    check_header(file)?;
    let connection = open_unchanging(file)?;
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    if number("PRAGMA application_id").map_err(|error| damaged(&error))? != MARK {
        return Err(BackupError::Foreign(
            "it may be a database in use, or one of another program; doorkey backup makes backups",
        ));
    }
    let text = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0));
    let state = text("PRAGMA integrity_check").map_err(|error| damaged(&error))?;
    if state != "ok" {
        return Err(BackupError::Damaged(state));
    }
    let strays = number("SELECT count(*) FROM pragma_foreign_key_check");
    match strays.map_err(|error| damaged(&error))? {
        0 => {}
        strays => {
            return Err(BackupError::Damaged(format!("{strays} rows refer to rows not there")));
        }
    }
    Ok(connection)
}

fn check_header(file: &Path) -> Result<(), BackupError> {
    let mut start = [0; 16];
    let read = File::open(file).and_then(|mut file| {
        if file.metadata()?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        file.read_exact(&mut start)
    });
    match read {
        Ok(()) if start == *MAGIC => Ok(()),
        Ok(()) => Err(BackupError::Foreign("it is no SQLite file")),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(BackupError::Foreign("it is empty, or nearly"))
        }
        Err(error) => Err(BackupError::Io(match error.kind() {
            io::ErrorKind::IsADirectory => "it is a folder; name the backup in it".to_owned(),
            io::ErrorKind::NotFound => "it is not there".to_owned(),
            _ => error.to_string(),
        })),
    }
}

/// Reads a file that nobody changes: no lock is taken and no file made beside it, so it may lie on
/// a medium that cannot be written.
fn open_unchanging(file: &Path) -> Result<Connection, BackupError> {
    let Some(path) = file.to_str() else {
        return Err(BackupError::Io("its name is not UTF-8".to_owned()));
    };
    let uri = format!("file:{}?immutable=1", utf8_percent_encode(path, IN_URI));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(uri, flags).map_err(|error| BackupError::Io(error.to_string()))
}

fn check_migrations(connection: &Connection) -> Result<(), BackupError> {
    let names = || -> rusqlite::Result<Vec<String>> {
        let mut statement = connection.prepare("SELECT name FROM migrations ORDER BY name")?;
        statement.query_map([], |row| row.get(0))?.collect()
    };
    let names = names().map_err(|_| BackupError::Foreign("it has no list of migrations"))?;
    let unknown: Vec<String> = migrate::unknown_among(&names);
    if unknown.is_empty() { Ok(()) } else { Err(BackupError::Newer(unknown.join(", "))) }
}

/// Every table but the list of migrations, SQLite's own, and the full-text index.
fn count(connection: &Connection) -> Result<Vec<Copied>, BackupError> {
    count_rows(connection).map_err(|error| damaged(&error))
}

fn count_rows(connection: &Connection) -> rusqlite::Result<Vec<Copied>> {
    let names = "SELECT s.name FROM sqlite_schema s JOIN pragma_table_list(s.name) l \
         WHERE s.type = 'table' AND s.name <> 'migrations' AND l.schema = 'main' AND l.type = 'table' \
         AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY s.rowid";
    let mut statement = connection.prepare(names)?;
    let names: Vec<String> =
        statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let each = names.into_iter().map(|table| {
        let sql = format!("SELECT count(*) FROM \"{}\"", table.replace('"', "\"\""));
        let rows: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
        Ok(Copied { table, rows: rows.unsigned_abs() })
    });
    each.collect()
}

/// Puts the log and the index of a SQLite database aside whose main file is gone: they belong to
/// it, and nothing may be taken from them into another. Answers whether there were any.
///
/// # Errors
/// What the system says.
pub fn set_strays_aside(file: &Path) -> io::Result<bool> {
    if fs::metadata(file).is_ok_and(|found| found.len() > 0) {
        return Ok(false);
    }
    let mut found = false;
    for ending in ["-wal", "-shm"] {
        let mut stray = file.as_os_str().to_owned();
        stray.push(ending);
        if Path::new(&stray).exists() {
            let mut aside = stray.clone();
            aside.push(".stale");
            fs::rename(&stray, &aside)?;
            found = true;
        }
    }
    Ok(found)
}

fn damaged(error: &rusqlite::Error) -> BackupError {
    BackupError::Damaged(error.to_string())
}

fn unavailable(error: &rusqlite::Error) -> DbError {
    DbError::Unavailable(error.to_string())
}
