//! The audit log as a table for spreadsheets, page by page, so that it may have any length.

use super::{Line, Query, list};
use crate::db::Tx;
use crate::domain::table;
use crate::error::Error;

/// Lines read at once.
const AT_ONCE: i64 = 200;

const COLUMNS: [&str; 10] =
    ["at", "who_kind", "who_id", "who", "action", "what", "about", "details", "network", "request"];

/// Hands the lines that `query` asks for to `write`, as a table with its head: some lines at a time, each
/// whole, in UTF-8. Where `query` begins and how many it wants does not matter. Answers how many
/// lines of the log there were.
///
/// # Errors
/// As [`list`], and what `write` answers: then it is over.
pub fn export<E: From<Error>>(
    tx: &mut Tx<'_>,
    query: &Query,
    write: impl FnMut(Vec<u8>) -> Result<(), E>,
) -> Result<u64, E> {
    let mut query = Query { cursor: None, limit: AT_ONCE, ..query.clone() };
    let page = |cursor| {
        query.cursor = cursor;
        list(tx, &query)
    };
    table::write(COLUMNS, row, page, write)
}

fn row(line: &Line) -> [String; COLUMNS.len()] {
    [
        line.at.rfc3339(),
        line.by.kind.as_str().to_owned(),
        if line.by.id == 0 { String::new() } else { line.by.id.to_string() },
        line.by.name.clone(),
        line.action.clone(),
        line.sentence(),
        line.subject.words.clone(),
        line.details.in_words().join("; "),
        line.network.clone(),
        line.cause.clone().unwrap_or_default(),
    ]
}
