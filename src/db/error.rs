//! Why the database did not do what was asked, in words that fit both engines.

/// Why the database did not do what was asked. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DbError {
    /// Too much is waiting, or something took too long. Asking again later may work (HTTP 503).
    #[error("the database is busy")]
    Busy,
    /// It cannot be reached, its disk is full or broken, or it was closed (HTTP 503).
    ///
    /// A connection lost while a commit was under way is told so too: whether that commit
    /// happened is then not known.
    #[error("the database cannot be used: {0}")]
    Unavailable(String),
    /// There is such a row already. Ask [`DbError::is_unique`] which columns clash.
    #[error("there is a row with the same {constraint}")]
    Unique {
        /// `table.column`, or `table.column,column` in the order of the index.
        constraint: String,
    },
    /// Anything else, always a mistake in the program: wrong SQL, a wrong type, a broken rule.
    #[error("{0}")]
    Bug(String),
}

impl DbError {
    /// Whether asking again later may work; otherwise it is a mistake in the program.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Busy | Self::Unavailable(_))
    }

    /// True for a clash on exactly these columns, written `customers.email_key`, or
    /// `limits.subject,slice` for several, in the order of the index.
    ///
    /// The engines name a clash differently (by constraint, by columns), so both are translated
    /// to the columns. An index over an expression has no portable name; store the expression's
    /// result in a column of its own instead.
    pub fn is_unique(&self, columns: &str) -> bool {
        matches!(self, Self::Unique { constraint } if constraint == columns)
    }
}

/// Why a transaction's closure is worth running again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// An id drawn by the program is taken; the next run draws another.
    Ids,
    /// PostgreSQL chose this transaction to give way to another (40001, 40P01).
    Conflict,
    /// The connection broke before a commit was asked for.
    Reconnect,
    /// A prepared statement no longer fits the schema.
    Reprepare,
}

/// What a statement failed with.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) error: DbError,
    pub(super) again: Option<Again>,
}

impl Failure {
    /// A clash on `columns` of `table`. A program-made id that is a primary key of its own is
    /// drawn again; every other clash is the caller's to explain.
    pub(super) fn unique(table: &str, columns: &[&str], primary_key: bool) -> Self {
        let again = (primary_key && columns == ["id"]).then_some(Again::Ids);
        let constraint = format!("{table}.{}", columns.join(","));
        Self { error: DbError::Unique { constraint }, again }
    }

    pub(super) fn bug(text: impl Into<String>) -> Self {
        DbError::Bug(text.into()).into()
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        Self { error, again: None }
    }
}
