//! Brings the schema up to date: forward only, each migration in a transaction of its own.
//!
//! Migrations only add between releases, so the old and the new program can run side by side:
//! a database that knows *more* migrations than this program is served all the same.

use crate::clock::Millis;
use crate::params;

use super::dialect::Engine;
use super::translate::for_sqlite;
use super::{Db, DbError, Tx};

/// A step of the schema.
#[derive(Clone, Copy)]
pub(super) struct Migration {
    /// The file's name without ending: `0001_init`.
    pub(super) name: &'static str,
    pub(super) text: Text,
}

/// The words of a migration.
#[derive(Clone, Copy)]
pub(super) enum Text {
    /// Written once, in PostgreSQL's words: `migrations/NAME.sql`.
    Once(&'static str),
    /// What cannot be said once: `NAME.sqlite.sql` and `NAME.postgres.sql`.
    Twice { sqlite: &'static str, postgres: &'static str },
}

macro_rules! once {
    ($name:literal) => {
        Migration {
            name: $name,
            text: Text::Once(include_str!(concat!("../../migrations/", $name, ".sql"))),
        }
    };
}

macro_rules! twice {
    ($name:literal) => {
        Migration {
            name: $name,
            text: Text::Twice {
                sqlite: include_str!(concat!("../../migrations/", $name, ".sqlite.sql")),
                postgres: include_str!(concat!("../../migrations/", $name, ".postgres.sql")),
            },
        }
    };
}

/// Every migration, in order. A new file in `migrations/` needs its line here.
pub(super) const ALL: &[Migration] =
    &[once!("0001_init"), twice!("0002_search"), twice!("0003_audit"), twice!("0004_stamps")];

const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied_at BIGINT NOT NULL)";

impl Db {
    /// Applies the migrations that are missing; answers their names. Several processes may do
    /// so at once: one works, the others wait.
    ///
    /// # Errors
    /// Any [`DbError`]. The migrations before the one that failed stay applied.
    pub async fn migrate(&self, now: Millis) -> Result<Vec<String>, DbError> {
        self.apply(ALL, now).await
    }

    /// The names of the migrations that are missing.
    ///
    /// # Errors
    /// Any [`DbError`].
    pub async fn pending_migrations(&self) -> Result<Vec<String>, DbError> {
        let applied = self.read(applied).await?;
        Ok(missing(ALL, &applied).map(|migration| migration.name.to_owned()).collect())
    }

    /// The names of the migrations that were applied and that this program does not know.
    ///
    /// # Errors
    /// Any [`DbError`].
    pub async fn unknown_migrations(&self) -> Result<Vec<String>, DbError> {
        let applied = self.read(applied).await?;
        Ok(unknown_among(&applied))
    }

    pub(super) async fn apply(
        &self,
        all: &'static [Migration],
        now: Millis,
    ) -> Result<Vec<String>, DbError> {
        let known = self.read(applied).await?;
        warn_if_newer(all, &known);
        let mut done = Vec::new();
        for migration in missing(all, &known) {
            if self.write(move |tx| apply_one(tx, migration, now)).await? {
                tracing::info!(migration = migration.name, "migrated the database");
                done.push(migration.name.to_owned());
            }
        }
        Ok(done)
    }
}

fn applied(tx: &mut Tx<'_>) -> Result<Vec<String>, DbError> {
    let sql = tx.dialect().has_table();
    if !tx.one::<bool>(sql, params!["migrations"])? {
        return Ok(Vec::new());
    }
    tx.rows("SELECT name FROM migrations ORDER BY name", &[])
}

fn missing<'a>(
    all: &'static [Migration],
    applied: &'a [String],
) -> impl Iterator<Item = &'static Migration> + 'a {
    all.iter().filter(move |migration| !applied.iter().any(|name| name == migration.name))
}

/// Those of `names` that this program does not know.
pub(super) fn unknown_among(names: &[String]) -> Vec<String> {
    unknown(ALL, names).cloned().collect()
}

/// Every migration as SQLite takes it, in order.
pub(super) fn in_words_of_sqlite() -> impl Iterator<Item = String> {
    ALL.iter().map(|migration| words(migration, Engine::Sqlite))
}

/// Applies `migration` unless another process was faster.
fn apply_one(tx: &mut Tx<'_>, migration: &Migration, now: Millis) -> Result<bool, DbError> {
    tx.batch(tx.dialect().migration_lock())?;
    tx.batch(&in_words_of(tx.engine(), TABLE))?;
    let sql = "INSERT INTO migrations (name, applied_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    if tx.run(sql, params![migration.name, now])? == 0 {
        return Ok(false);
    }
    let text = words(migration, tx.engine());
    tx.batch(&text).map_err(|error| name_it(migration.name, error))?;
    Ok(true)
}

fn words(migration: &Migration, engine: Engine) -> String {
    match (migration.text, engine) {
        (Text::Once(text), engine) => in_words_of(engine, text),
        (Text::Twice { sqlite, .. }, Engine::Sqlite) => sqlite.to_owned(),
        (Text::Twice { postgres, .. }, Engine::Postgres) => postgres.to_owned(),
    }
}

fn in_words_of(engine: Engine, text: &str) -> String {
    match engine {
        Engine::Sqlite => for_sqlite(text),
        Engine::Postgres => text.to_owned(),
    }
}

fn name_it(name: &str, error: DbError) -> DbError {
    match error {
        DbError::Bug(text) => DbError::Bug(format!("migration {name}: {text}")),
        other => other,
    }
}

fn unknown<'a>(
    all: &'static [Migration],
    applied: &'a [String],
) -> impl Iterator<Item = &'a String> {
    applied.iter().filter(move |name| !all.iter().any(|migration| migration.name == **name))
}

fn warn_if_newer(all: &'static [Migration], applied: &[String]) {
    let newer: Vec<&String> = unknown(all, applied).collect();
    if !newer.is_empty() {
        tracing::warn!(?newer, "the database is newer than this program, which runs all the same");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the list should be, from the files: a pair counts once.
    fn files() -> Vec<String> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .expect("the folder of migrations")
            .map(|file| file.expect("a file").file_name().into_string().expect("a plain name"))
            .filter_map(|name| name.strip_suffix(".sql").map(str::to_owned))
            .map(|name| name.trim_end_matches(".sqlite").trim_end_matches(".postgres").to_owned())
            .collect();
        names.sort();
        names.dedup();
        names
    }

    #[test]
    fn every_file_is_listed_in_order() {
        let listed: Vec<&str> = ALL.iter().map(|migration| migration.name).collect();
        assert_eq!(listed, files());
    }

    #[test]
    fn words_that_were_there_before_the_index_are_found() {
        let connection = rusqlite::Connection::open_in_memory().expect("opened");
        let run = |sql: &str| connection.execute_batch(sql).expect(sql);
        // The words of a ticket do without the ticket here.
        run("PRAGMA foreign_keys = 0");
        let mut migrations = in_words_of_sqlite();
        run(&migrations.next().expect("the first"));
        run("INSERT INTO ticket_words (ticket_id, words) VALUES (7, 'alarm beeps')");
        migrations.for_each(|migration| run(&migration));
        let sql = "SELECT rowid FROM ticket_search WHERE ticket_search MATCH 'beeps'";
        let found: i64 = connection.query_row(sql, [], |row| row.get(0)).expect("found");
        assert_eq!(found, 7);
    }
}
