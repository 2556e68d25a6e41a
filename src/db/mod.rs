//! The database seam.

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("the database is busy")]
pub struct DbError;
