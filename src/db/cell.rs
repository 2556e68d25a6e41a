//! Rows of any table, as they are copied: owned, counted and summed.

use sha2::{Digest, Sha256};

use super::value::Source;
use super::{DbError, FromRow, FromValue, Row, Value};

/// One value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Cell {
    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Int(number) => Value::Int(*number),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        }
    }

    fn add_to(&self, hash: &mut Sha256) {
        let (kind, bytes): (u8, &[u8]) = match self {
            Self::Null => (0, &[]),
            Self::Int(number) => {
                hash.update([1]);
                hash.update(number.to_be_bytes());
                return;
            }
            Self::Text(text) => (2, text.as_bytes()),
            Self::Bytes(bytes) => (3, bytes),
        };
        hash.update([kind]);
        // The length keeps ("ab", "c") apart from ("a", "bc").
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
}

impl FromValue for Cell {
    /// A boolean is the number that SQLite keeps it as: both engines' rows are told alike.
    fn from_value(value: Value<'_>) -> Result<Self, DbError> {
        Ok(match value {
            Value::Null => Self::Null,
            Value::Int(number) => Self::Int(number),
            Value::Bool(truth) => Self::Int(i64::from(truth)),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Bytes(bytes) => Self::Bytes(bytes.to_owned()),
        })
    }
}

/// A row with all its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cells(pub(super) Vec<Cell>);

impl FromRow for Cells {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let count = match row.0 {
            Source::Sqlite(row) => row.as_ref().column_count(),
            Source::Postgres(row) => row.len(),
        };
        (0..count).map(|index| row.get(index)).collect::<Result<_, _>>().map(Self)
    }
}

/// What a table holds, whatever the order of its rows: how many there are, and the sum of their
/// hashes. Meant for accidents, not for forgers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) rows: u64,
    hashes: u128,
}

impl Sum {
    pub(super) fn add(&mut self, row: &Cells) {
        let mut hash = Sha256::new();
        row.0.iter().for_each(|cell| cell.add_to(&mut hash));
        let digest: [u8; 32] = hash.finalize().into();
        let (first, _) = digest.split_at(16);
        let first = first.iter().fold(0, |sum, byte| sum << 8 | u128::from(*byte));
        self.hashes = self.hashes.wrapping_add(first);
        self.rows += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(rows: &[&[&str]]) -> Sum {
        let mut sum = Sum::default();
        for row in rows {
            sum.add(&Cells(row.iter().map(|text| Cell::Text((*text).to_owned())).collect()));
        }
        sum
    }

    #[test]
    fn a_sum_knows_rows_and_not_their_order() {
        assert_eq!(sum(&[&["a", "b"], &["c"]]), sum(&[&["c"], &["a", "b"]]));
        for other in [&[&["ab", ""][..], &["c"]][..], &[&["a", "b"]], &[&["a", "b"], &["d"]]] {
            assert_ne!(sum(&[&["a", "b"], &["c"]]), sum(other));
        }
        let mut null = Sum::default();
        null.add(&Cells(vec![Cell::Null]));
        assert_ne!(null, sum(&[&[""]]));
    }
}
