//! A database of a test's own on the PostgreSQL that `DOORKEY_TEST_DATABASE_URL` names.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A fresh database; dropped, with whoever is connected, when this is.
pub struct Postgres {
    server: String,
    name: String,
}

impl Postgres {
    /// A new database, or `None` where the tests run on SQLite.
    pub fn create() -> Option<Self> {
        let server = std::env::var("DOORKEY_TEST_DATABASE_URL").ok()?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("doorkey_{}_{number}", std::process::id());
        let database = Self { server, name };
        // Names sort by bytes: what the program sorts and what the database sorts must agree.
        database.say(&format!(
            "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'",
            database.name
        ));
        Some(database)
    }

    /// Its URL, for `DOORKEY_DATABASE_URL`.
    pub fn url(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').expect("postgres://…/database");
        format!("{server}/{}", self.name)
    }

    fn say(&self, sql: &str) {
        let psql = Command::new("psql")
            .args(["--no-psqlrc", "--quiet", "--dbname", &self.server, "--command", sql])
            .output()
            .expect("psql, PostgreSQL's own client");
        assert!(psql.status.success(), "{sql}: {}", String::from_utf8_lossy(&psql.stderr));
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.say(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}
