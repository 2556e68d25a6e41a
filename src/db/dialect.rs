//! What differs between the engines in SQL: the closed list.
//!
//! Everything else is written once. Before adding a line here, look for words both engines know.

/// Which database runs. For display only: code that asks belongs into [`Dialect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, in this process.
    Sqlite,
    /// PostgreSQL, 15 or later.
    Postgres,
}

impl Engine {
    /// Its name in lower case, as it stands at the beginning of a database's address.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

impl Engine {
    /// The engine's name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// Pieces of SQL that differ.
#[derive(Clone, Copy, Debug)]
pub struct Dialect(pub(super) Engine);

impl Dialect {
    /// Ends a `SELECT` whose rows this transaction will change. SQLite has one writer anyway.
    pub fn for_update(self) -> &'static str {
        self.choose("", " FOR UPDATE")
    }

    /// Ends a `SELECT` that claims work: rows another worker has claimed are passed over.
    pub fn skip_locked(self) -> &'static str {
        self.choose("", " FOR UPDATE SKIP LOCKED")
    }

    /// A query for the newest tickets, at most `$3` and older than `$2`, that the full-text index
    /// finds for `$1`, which [`Self::search_for`] wrote.
    ///
    /// SQLite walks its index from the newest on. PostgreSQL's has no order: all that it finds is
    /// sorted, and it must not be left to walk the tickets instead.
    pub fn search_hits(self) -> &'static str {
        self.choose(
            "SELECT rowid FROM ticket_search WHERE ticket_search MATCH $1 AND rowid < $2 \
             ORDER BY rowid DESC LIMIT $3",
            "WITH hits AS MATERIALIZED (SELECT ticket_id FROM ticket_words WHERE \
               array_to_tsvector(string_to_array(btrim(words), ' ')) @@ CAST($1 AS tsquery) \
               AND ticket_id < $2) \
             SELECT ticket_id FROM hits ORDER BY ticket_id DESC LIMIT $3",
        )
    }

    /// What to ask the full-text index for, to find what holds all these words; with `true`, any
    /// word that begins so. The words hold letters, digits and symbols, never a quote.
    pub fn search_for<'a>(self, words: impl Iterator<Item = (&'a str, bool)>) -> String {
        let (quote, begins, and) = match self.0 {
            Engine::Sqlite => ('"', "*", " "),
            Engine::Postgres => ('\'', ":*", " & "),
        };
        let each = words.map(|(word, is_prefix)| {
            format!("{quote}{word}{quote}{}", if is_prefix { begins } else { "" })
        });
        each.collect::<Vec<_>>().join(and)
    }

    /// A query for one boolean: is there a table named `$1`?
    pub(super) fn has_table(self) -> &'static str {
        self.choose(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1)",
            "SELECT to_regclass($1) IS NOT NULL",
        )
    }

    /// Waits until no other process migrates this database (or this schema of it), and keeps
    /// others out until the transaction ends. SQLite's write lock does that by itself.
    pub(super) fn migration_lock(self) -> &'static str {
        self.choose(
            "",
            "SET LOCAL lock_timeout = 0;
             SELECT pg_advisory_xact_lock(hashtextextended('doorkey ' || current_schema(), 0))",
        )
    }

    /// Keeps others from writing to these tables until the transaction ends. SQLite has one
    /// writer anyway.
    pub(super) fn lock_tables(self, names: &[&str]) -> String {
        let lock = self.choose("", "LOCK TABLE # IN EXCLUSIVE MODE");
        lock.replace('#', &names.join(", "))
    }

    fn choose(self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self.0 {
            Engine::Sqlite => sqlite,
            Engine::Postgres => postgres,
        }
    }
}
