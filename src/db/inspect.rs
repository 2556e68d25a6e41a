//! What the engine says of itself: whether it keeps what it is given.

use super::{Db, DbError, Engine, Tx};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What was found.
    pub found: String,
    /// How to mend it, if it is wrong.
    pub mend: Option<&'static str>,
}

impl Db {
    /// Looks at the engine's version and the settings that durability and correctness depend on.
    ///
    /// # Errors
    /// Any [`DbError`].
    pub async fn inspect(&self) -> Result<Vec<Fact>, DbError> {
        match self.engine() {
            Engine::Sqlite => self.read(of_sqlite).await,
            Engine::Postgres => self.read(of_postgres).await,
        }
    }

    /// Answers if the database takes writes, without writing.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn check_writable(&self) -> Result<(), DbError> {
        match self.engine() {
            // Looked at when it was opened; what changes since shows with the next write.
            Engine::Sqlite => Ok(()),
            Engine::Postgres => self.read(refuse_standby).await,
        }
    }
}

/// A standby answers reads, so that it could be taken for the server that it copies.
fn refuse_standby(tx: &mut Tx<'_>) -> Result<(), DbError> {
    if tx.one("SELECT pg_is_in_recovery()", &[])? {
        let text = "PostgreSQL is a standby that takes no writes (yet)";
        return Err(DbError::Unavailable(text.to_owned()));
    }
    Ok(())
}

/// Journal, syncing and foreign keys were set and read back when the database was opened.
fn of_sqlite(tx: &mut Tx<'_>) -> Result<Vec<Fact>, DbError> {
    let version: String = tx.one("SELECT sqlite_version()", &[])?;
    let bytes: i64 = tx.one(
        "SELECT p.page_count * s.page_size FROM pragma_page_count p, pragma_page_size s",
        &[],
    )?;
    let found = format!(
        "SQLite {version} of our own, write-ahead log, every commit synced, {} MiB",
        bytes / (1024 * 1024)
    );
    Ok(vec![Fact { found, mend: None }])
}

fn of_postgres(tx: &mut Tx<'_>) -> Result<Vec<Fact>, DbError> {
    let setting = |tx: &mut Tx<'_>, name: &str| -> Result<String, DbError> {
        tx.one(&format!("SELECT setting FROM pg_settings WHERE name = '{name}'"), &[])
    };
    let mut facts = Vec::new();
    let version = setting(tx, "server_version")?;
    facts.push(Fact { found: format!("PostgreSQL {version}"), mend: None });
    for (name, wanted, mend) in [
        (
            "fsync",
            "on",
            "set fsync = on in postgresql.conf: without it a power cut destroys the database",
        ),
        (
            "full_page_writes",
            "on",
            "set full_page_writes = on in postgresql.conf: without it a power cut can tear pages",
        ),
        ("server_encoding", "UTF8", "create the database with ENCODING 'UTF8'"),
    ] {
        let value = setting(tx, name)?;
        let mend = (value != wanted).then_some(mend);
        facts.push(Fact { found: format!("{name} is {value}"), mend });
    }
    // Never off: a session of ours sees to that.
    let value = setting(tx, "synchronous_commit")?;
    facts.push(Fact { found: format!("synchronous_commit is {value} for Doorkey"), mend: None });
    Ok(facts)
}
