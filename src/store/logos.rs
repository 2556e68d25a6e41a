//! Rows of the company's logos.

use crate::clock::Millis;
use crate::db::{DbError, FromRow, Row, Tx};
use crate::domain::logos::{Kind, Logo};
use crate::params;

impl FromRow for Logo {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let kind: String = row.get(1)?;
        let kind = Kind::parse(&kind)
            .ok_or_else(|| DbError::Bug(format!("{kind} is no kind of picture")))?;
        Ok(Self { hash: row.get(0)?, kind, image: row.get(2)? })
    }
}

/// Keeps a logo; the same picture is kept once.
pub fn put(tx: &mut Tx<'_>, logo: &Logo, now: Millis) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO logos (hash, kind, image, added_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (hash) DO NOTHING",
        params![&logo.hash, logo.kind.as_str(), &logo.image, now],
    )?;
    Ok(())
}

/// The logo with this hash.
pub fn find(tx: &mut Tx<'_>, hash: &str) -> Result<Option<Logo>, DbError> {
    tx.row("SELECT hash, kind, image FROM logos WHERE hash = $1", params![hash])
}

/// Forgets all but these two.
pub fn remove_others(tx: &mut Tx<'_>, one: &str, other: &str) -> Result<(), DbError> {
    tx.run("DELETE FROM logos WHERE hash <> $1 AND hash <> $2", params![one, other])?;
    Ok(())
}
