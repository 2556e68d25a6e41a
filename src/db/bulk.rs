//! Many rows at once, each engine in the way it is fastest at.
//!
//! SQLite takes many rows a statement: a check such as `kind IN (…)` sets up its list once a
//! statement, and costs more than the row itself. A clash leaves the rows before it in place, as
//! whatever fails undoes the whole transaction (see [`Tx`]): else SQLite would keep a journal of
//! each statement beside that of the transaction. PostgreSQL takes its binary COPY.

use std::panic::Location;

use super::error::Failure;
use super::tx::Link;
use super::{DbError, Tx, Value, sqlite};

/// Rows in one statement on SQLite, whose limit is 32,766 values: enough for 163 columns.
const ROWS: usize = 200;

impl Tx<'_> {
    /// Adds rows to `table`: `values` holds those of `columns` for the first row, then for the
    /// second, and so on. Answers how many rows that were.
    ///
    /// All names are the program's own: they become part of the statement.
    ///
    /// # Errors
    /// Any [`DbError`]; [`DbError::Bug`] if the last row is not whole.
    #[track_caller]
    pub fn load(
        &mut self,
        table: &str,
        columns: &[&str],
        values: &[Value<'_>],
    ) -> Result<u64, DbError> {
        self.alive()?;
        if columns.is_empty() || !values.len().is_multiple_of(columns.len()) {
            return Err(DbError::Bug(format!("rows of {table} that are not whole")));
        }
        let at = Location::caller();
        tracing::trace!(file = at.file(), line = at.line(), "load {table}");
        let result = match self.link() {
            Link::Sqlite(connection) => load(connection, table, columns, values),
            Link::Postgres(session) => session.load(table, columns, values),
        };
        self.note(result)
    }
}

fn load(
    connection: &rusqlite::Connection,
    table: &str,
    columns: &[&str],
    values: &[Value<'_>],
) -> Result<u64, Failure> {
    let whole = values.len() - values.len() % (columns.len() * ROWS);
    let (blocks, rest) = values.split_at(whole);
    let mut added = add(connection, table, columns, ROWS, blocks)?;
    // One by one, so that no statement is prepared for every length that a rest may have.
    added += add(connection, table, columns, 1, rest)?;
    Ok(added)
}

fn add(
    connection: &rusqlite::Connection,
    table: &str,
    columns: &[&str],
    rows: usize,
    values: &[Value<'_>],
) -> Result<u64, Failure> {
    if values.is_empty() {
        return Ok(0);
    }
    let sql = insert(table, columns, rows);
    let mut statement = connection.prepare_cached(&sql).map_err(|error| sqlite::failure(&error))?;
    let mut added = 0;
    for block in values.chunks(columns.len() * rows) {
        for (index, value) in block.iter().enumerate() {
            statement
                .raw_bind_parameter(index + 1, value)
                .map_err(|error| sqlite::failure(&error))?;
        }
        statement.raw_execute().map_err(|error| sqlite::failure(&error))?;
        added += rows as u64;
    }
    Ok(added)
}

/// `INSERT OR FAIL INTO t (a, b) VALUES (?, ?), (?, ?)`: bound by position, as looking a parameter up by
/// its name takes SQLite longer the more there are.
fn insert(table: &str, columns: &[&str], rows: usize) -> String {
    let row = format!("({})", vec!["?"; columns.len()].join(", "));
    format!(
        "INSERT OR FAIL INTO {table} ({}) VALUES {}",
        columns.join(", "),
        vec![row; rows].join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_a_place_for_every_value() {
        let said = insert("t", &["a", "b"], 2);
        assert_eq!(said, "INSERT OR FAIL INTO t (a, b) VALUES (?, ?), (?, ?)");
    }
}
