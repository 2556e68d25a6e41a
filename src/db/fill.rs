//! Filling a SQLite database that nobody else uses: many times faster than adding to one in use.
//!
//! The log is put aside for the journal of what was there before, which stays as small as that was,
//! so that each new page is written once. Indexes are made when the rows are there, by sorting.
//! Whether rows refer to rows that exist is looked at once for all, and checks such as `kind IN (…)`
//! are left to the types that the rows are made of. It is one transaction: killed at any moment, the
//! database is as it was.

use rusqlite::Connection;

use super::sqlite::{CACHE_SIZE, enter_wal, execute, failure, rows, set};
use super::{DbError, FromRow};

/// Memory for pages, in KiB, so that few of them are written more than once.
const CACHE: i64 = 256 * 1024;

/// Memory for the words of a full-text index, in bytes, before they are written: while it is made,
/// and as FTS5 has it by itself.
const WORDS: [i64; 2] = [64 << 20, 1 << 20];

/// What is otherwise meanwhile: the pragma, its value then, and the one that it has for everybody.
const WAYS: [(&str, i64, i64); 4] = [
    ("foreign_keys", 0, 1),
    ("ignore_check_constraints", 1, 0),
    ("cache_size", -CACHE, CACHE_SIZE),
    // What is sorted for an index may be more than fits into memory.
    ("temp_store", 1, 2),
];

/// A connection that has the database to itself, in a transaction. Dropped, it undoes what was not
/// kept, and everything is as for everybody else again.
pub(super) struct Alone<'c> {
    connection: &'c Connection,
    /// How each index and trigger is made that was put aside.
    aside: Vec<String>,
    /// The full-text indexes that are made anew.
    full_text: Vec<String>,
}

impl<'c> Alone<'c> {
    /// Begins, or answers nothing if another connection uses the database.
    pub(super) fn begin(connection: &'c Connection) -> Result<Option<Self>, DbError> {
        let mode: Result<String, _> =
            connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0));
        match mode.map_err(|error| failure(&error).error) {
            Ok(mode) if mode == "delete" => {}
            Ok(_) | Err(DbError::Busy) => return Ok(None),
            Err(error) => return Err(error),
        }
        let mut alone = Self { connection, aside: Vec::new(), full_text: Vec::new() };
        for (name, value, _) in WAYS {
            set(connection, name, value)?;
        }
        execute(connection, "BEGIN EXCLUSIVE")?;
        alone.drop_indexes()?;
        alone.drop_full_text()?;
        Ok(Some(alone))
    }

    fn drop_indexes(&mut self) -> Result<(), DbError> {
        self.put_aside("index", "sql IS NOT NULL")
    }

    /// Puts the triggers aside that keep full-text indexes right, row by row, and those that stamp
    /// customers: nobody has looked at their pages yet.
    fn drop_full_text(&mut self) -> Result<(), DbError> {
        let tables =
            "SELECT name FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL TABLE % USING fts5%'";
        self.full_text = self.rows(tables)?;
        self.put_aside("trigger", "instr(sql, 'SET stamp = ') > 0")?;
        for table in self.full_text.clone() {
            self.put_aside("trigger", &format!("instr(sql, 'INSERT INTO {table} (') > 0"))?;
        }
        Ok(())
    }

    /// Drops what is of this kind and fits the condition, and remembers how it is made.
    fn put_aside(&mut self, kind: &str, which: &str) -> Result<(), DbError> {
        let found =
            format!("SELECT name, sql FROM sqlite_schema WHERE type = '{kind}' AND {which}");
        let found: Vec<(String, String)> = self.rows(&found)?;
        for (name, sql) in found {
            self.batch(&format!("DROP {kind} {name}"))?;
            self.aside.push(sql);
        }
        Ok(())
    }

    /// Makes the indexes, sees that all references lead somewhere, and commits.
    pub(super) fn keep(&self) -> Result<(), DbError> {
        for sql in &self.aside {
            self.batch(sql)?;
        }
        for table in &self.full_text {
            self.rebuild(table)?;
        }
        let lost: Vec<String> =
            self.rows("SELECT \"table\" FROM pragma_foreign_key_check LIMIT 1")?;
        if let Some(table) = lost.first() {
            return Err(DbError::Bug(format!("rows of {table} refer to rows that are not there")));
        }
        execute(self.connection, "COMMIT")
    }

    /// Makes a full-text index of all that its table holds now.
    fn rebuild(&self, table: &str) -> Result<(), DbError> {
        let memory = |bytes: i64| {
            self.batch(&format!("INSERT INTO {table} ({table}, rank) VALUES ('hashsize', {bytes})"))
        };
        let [much, usual] = WORDS;
        memory(much)?;
        self.batch(&format!("INSERT INTO {table} ({table}) VALUES ('rebuild')"))?;
        memory(usual)
    }

    fn rows<T: FromRow>(&self, sql: &str) -> Result<Vec<T>, DbError> {
        rows(self.connection, sql, &[]).map_err(|failure| failure.error)
    }

    fn batch(&self, sql: &str) -> Result<(), DbError> {
        self.connection.execute_batch(sql).map_err(|error| failure(&error).error)
    }

    fn leave(&self) -> Result<(), DbError> {
        if !self.connection.is_autocommit() {
            execute(self.connection, "ROLLBACK")?;
        }
        for (name, _, value) in WAYS {
            set(self.connection, name, value)?;
        }
        enter_wal(self.connection)
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.leave() {
            tracing::error!(%error, "the database is not as it is to be after it was filled");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Millis;
    use crate::db::migrate::{Migration, Text};
    use crate::db::sqlite::pragma;
    use crate::db::{DatabaseSettings, Db, Tx};
    use crate::params;

    const PEOPLE: &[Migration] = &[Migration {
        name: "0001_people",
        text: Text::Once(
            "CREATE TABLE people (id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE);
             CREATE INDEX people_by_name ON people (name DESC);
             CREATE TABLE pets (id BIGINT PRIMARY KEY, owner BIGINT NOT NULL REFERENCES people (id),
               kind TEXT NOT NULL CHECK (kind IN ('cat', 'dog')));
             CREATE UNIQUE INDEX one_cat ON pets (owner) WHERE kind = 'cat';
             CREATE VIRTUAL TABLE names USING fts5 (name, content = 'people', content_rowid = 'id');
             CREATE TRIGGER people_added AFTER INSERT ON people BEGIN
               INSERT INTO names (rowid, name) VALUES (new.id, new.name);
             END;
             CREATE TRIGGER people_stay BEFORE DELETE ON people BEGIN
               SELECT RAISE (ABORT, 'people stay');
             END;",
        ),
    }];

    async fn fresh() -> (Db, DatabaseSettings, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("doorkey.db");
        let mut settings = DatabaseSettings::new(format!("sqlite:{}", file.display()));
        settings.wait = Duration::from_millis(100);
        let db = Db::open(&settings).await.expect("a database");
        db.apply(PEOPLE, Millis(1)).await.expect("migrated");
        (db, settings, folder)
    }

    fn add(tx: &mut Tx<'_>, owner: i64, kind: &str) -> Result<(), DbError> {
        let pet = "INSERT INTO pets (id, owner, kind) VALUES ($1, $1, $2)";
        tx.run(pet, params![owner, kind])?;
        add_person(tx, owner)
    }

    fn add_person(tx: &mut Tx<'_>, id: i64) -> Result<(), DbError> {
        let person = "INSERT INTO people (id, name) VALUES ($1, $2)";
        tx.run(person, params![id, &id.to_string()]).map(drop)
    }

    /// The schema, and how many people and pets there are.
    async fn state(db: &Db) -> (Vec<String>, i64, i64) {
        let read = db.read(|tx| {
            let schema =
                "SELECT name || sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
            let count =
                |tx: &mut Tx<'_>, table| tx.one(&format!("SELECT count(*) FROM {table}"), &[]);
            Ok::<_, DbError>((tx.rows(schema, &[])?, count(tx, "people")?, count(tx, "pets")?))
        });
        read.await.expect("a state")
    }

    /// What everybody relies on holds again: the log, references and checks.
    async fn see_usual_ways(db: &Db) {
        let dangling = |tx: &mut Tx<'_>| {
            let sql = "INSERT INTO pets (id, owner, kind) VALUES (90, 91, 'dog')";
            tx.run(sql, &[]).map(drop)
        };
        assert!(db.write(dangling).await.is_err(), "references are looked at");
        assert!(db.write(|tx| add(tx, 92, "fish")).await.is_err(), "checks are made");
        let mode = db.read(|tx| tx.one::<String>("PRAGMA journal_mode", &[])).await;
        assert_eq!(mode.as_deref(), Ok("wal"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_filled_is_there_with_its_indexes() {
        let (db, _settings, _folder) = fresh().await;
        let (schema, ..) = state(&db).await;
        let filled = db.fill(|tx| {
            // Pets before their people: references are looked at in the end.
            (1..=500).try_for_each(|id| add(tx, id, "cat"))
        });
        assert_eq!(filled.await, Ok(Some(())));
        assert_eq!(state(&db).await, (schema, 500, 500));
        see_usual_ways(&db).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_full_text_index_knows_what_was_there_before_what_was_filled_and_what_comes_after() {
        let (db, _settings, _folder) = fresh().await;
        db.write(|tx| add_person(tx, 1)).await.expect("added");
        let filled = db.fill(|tx| {
            let sql = "DELETE FROM people WHERE id = 1";
            assert!(tx.run(sql, &[]).is_err(), "other triggers are in force");
            Err::<(), _>(DbError::Busy)
        });
        assert_eq!(filled.await, Err(DbError::Busy));
        let filled = db.fill(|tx| (2..=300).try_for_each(|id| add(tx, id, "cat")));
        assert_eq!(filled.await, Ok(Some(())));
        db.write(|tx| add_person(tx, 301)).await.expect("added");
        for id in [1, 2, 300, 301] {
            let sql = "SELECT rowid FROM names WHERE names MATCH $1";
            let found = db.read(move |tx| tx.rows::<i64>(sql, params![&format!("\"{id}\"")]));
            assert_eq!(found.await, Ok(vec![id]));
        }
        let whole = "INSERT INTO names (names, rank) VALUES ('integrity-check', 1)";
        assert!(db.write(|tx| tx.run(whole, &[])).await.is_ok());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_cannot_be_kept_leaves_everything_as_it_was() {
        let (db, _settings, _folder) = fresh().await;
        let before = state(&db).await;
        let failing = db.fill(|tx| {
            add(tx, 1, "dog")?;
            Err::<(), _>(DbError::Busy)
        });
        assert_eq!(failing.await, Err(DbError::Busy));
        let lost = db.fill(|tx| {
            let sql = "INSERT INTO pets (id, owner, kind) VALUES (1, 2, 'dog')";
            tx.run(sql, &[])
        });
        let lost = lost.await.expect_err("refused").to_string();
        assert!(lost.contains("rows of pets refer to rows that are not there"), "{lost}");
        let twice = db.fill(|tx| {
            add(tx, 1, "cat")?;
            tx.run("INSERT INTO pets (id, owner, kind) VALUES (2, 1, 'cat')", &[])
        });
        assert!(matches!(twice.await, Err(DbError::Unique { .. })), "an index sees it");
        let panicking = db.fill(|_: &mut Tx<'_>| -> Result<(), DbError> { panic!("as planned") });
        assert!(panicking.await.is_err());
        assert_eq!(state(&db).await, before);
        see_usual_ways(&db).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_database_that_others_use_is_left_alone() {
        let (db, settings, _folder) = fresh().await;
        let before = state(&db).await;
        let other = Db::open(&settings).await.expect("opened");
        let filled = db.fill(|_: &mut Tx<'_>| -> Result<(), DbError> { panic!("it is run") });
        assert_eq!(filled.await, Ok(None));
        assert_eq!(state(&other).await, before);
        see_usual_ways(&db).await;
        other.close().await;
        assert_eq!(db.fill(|tx| add(tx, 1, "dog")).await, Ok(Some(())));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_way_is_as_all_connections_have_it_afterwards() {
        let (db, settings, _folder) = fresh().await;
        let path = settings.url.strip_prefix("sqlite:").expect("a path");
        db.close().await;
        let connection = Connection::open(path).expect("opened");
        for (name, _, value) in WAYS {
            set(&connection, name, value).expect("set");
        }
        drop(Alone::begin(&connection).expect("begun").expect("nobody else is there"));
        for (name, _, value) in WAYS {
            assert_eq!(pragma(&connection, name), Ok(value), "{name}");
        }
    }
}
