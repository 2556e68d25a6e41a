//! Rows that remember what was imported from where.

use crate::db::{DbError, FromRow, Row, Tx};
use crate::domain::transfer::What;
use crate::params;

/// What something of another system became here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The row it is here.
    pub row_id: i64,
    /// How a ticket stood when it was imported.
    pub ticket: Option<Stand>,
}

/// How a ticket stood when it was imported last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stand {
    /// SHA-256 of its line.
    pub line_hash: [u8; 32],
    /// What its last imported entry is called there; none if it had none.
    pub source_entry: Option<String>,
    /// Its newest entry here.
    pub last_entry: i64,
    /// Its version here.
    pub version: i64,
}

impl FromRow for Imported {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let hash: Option<[u8; 32]> = row.get(1)?;
        let ticket = match hash {
            Some(line_hash) => Some(Stand {
                line_hash,
                source_entry: row.get(2)?,
                last_entry: row.get(3)?,
                version: row.get(4)?,
            }),
            None => None,
        };
        Ok(Self { row_id: row.get(0)?, ticket })
    }
}

/// What `id` of `source` became, if it was imported.
pub fn find(
    tx: &mut Tx<'_>,
    source: &str,
    what: What,
    id: &str,
) -> Result<Option<Imported>, DbError> {
    tx.row(
        "SELECT row_id, line_hash, source_entry, last_entry, version FROM imports \
         WHERE source = $1 AND kind = $2 AND source_id = $3",
        params![source, what.as_str(), id],
    )
}

/// Remembers what `id` of `source` became, in place of what was known of it.
pub fn put(
    tx: &mut Tx<'_>,
    source: &str,
    what: What,
    id: &str,
    imported: &Imported,
) -> Result<(), DbError> {
    let stand = imported.ticket.as_ref();
    tx.run(
        "INSERT INTO imports (source, kind, source_id, row_id, line_hash, source_entry, last_entry, \
           version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (source, kind, source_id) DO UPDATE SET row_id = excluded.row_id, \
           line_hash = excluded.line_hash, source_entry = excluded.source_entry, \
           last_entry = excluded.last_entry, version = excluded.version",
        params![
            source,
            what.as_str(),
            id,
            imported.row_id,
            stand.map(|stand| &stand.line_hash),
            stand.and_then(|stand| stand.source_entry.as_deref()),
            stand.map(|stand| stand.last_entry),
            stand.map(|stand| stand.version)
        ],
    )?;
    Ok(())
}
