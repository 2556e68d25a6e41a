//! What goes into a statement and comes out of a row, the same on both engines.

use crate::clock::Millis;

use super::{DbError, postgres, sqlite};

/// A parameter of a statement, or one column of a row.
///
/// SQLite has no booleans and gives them as `Int`; [`FromValue`] for `bool` reads both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// BIGINT.
    Int(i64),
    /// BOOLEAN.
    Bool(bool),
    /// TEXT.
    Text(&'a str),
    /// BYTEA.
    Bytes(&'a [u8]),
}

impl Value<'_> {
    /// The name of the type, for errors; never the content.
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Int(_) => "BIGINT",
            Self::Bool(_) => "BOOLEAN",
            Self::Text(_) => "TEXT",
            Self::Bytes(_) => "BYTEA",
        }
    }
}

/// The parameters of a statement, in the order of `$1`, `$2`: `params![customer.id, now, "open"]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::db::Value::from($value)),*] };
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Millis> for Value<'_> {
    fn from(value: Millis) -> Self {
        Self::Int(value.0)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a> From<&'a Vec<u8>> for Value<'a> {
    fn from(value: &'a Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'a> From<&'a Option<String>> for Value<'a> {
    fn from(value: &'a Option<String>) -> Self {
        value.as_deref().into()
    }
}

/// A row while it is read.
pub struct Row<'r>(pub(super) Source<'r>);

pub(super) enum Source<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r ::postgres::Row),
}

impl Row<'_> {
    /// The column at `index`, counted from 0.
    ///
    /// # Errors
    /// [`DbError::Bug`] if there is no such column or it is of another type.
    pub fn get<T: FromValue>(&self, index: usize) -> Result<T, DbError> {
        let value = self.column(index)?;
        let kind = value.kind();
        T::from_value(value).map_err(|error| match error {
            DbError::Bug(text) => DbError::Bug(format!("column {index}, {kind}: {text}")),
            other => other,
        })
    }

    /// What `read` makes of the text at `index`, which is not copied for it: a word for something.
    ///
    /// # Errors
    /// As [`Self::get`], and what `read` answers.
    pub fn word<T>(
        &self,
        index: usize,
        read: impl FnOnce(&str) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        match self.column(index)? {
            Value::Text(word) => read(word),
            other => Err(DbError::Bug(format!("column {index}, {}: is not text", other.kind()))),
        }
    }

    fn column(&self, index: usize) -> Result<Value<'_>, DbError> {
        match self.0 {
            Source::Sqlite(row) => sqlite::column(row, index),
            Source::Postgres(row) => postgres::column(row, index),
        }
    }
}

/// A type that one column can be read as.
pub trait FromValue: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// [`DbError::Bug`] if it is of another type; the text must not hold the value.
    fn from_value(value: Value<'_>) -> Result<Self, DbError>;
}

fn wrong(wanted: &str) -> DbError {
    DbError::Bug(format!("is not {wanted}"))
}

impl FromValue for i64 {
    fn from_value(value: Value<'_>) -> Result<Self, DbError> {
        match value {
            Value::Int(number) => Ok(number),
            _ => Err(wrong("a number")),
        }
    }
}

impl FromValue for bool {
    fn from_value(value: Value<'_>) -> Result<Self, DbError> {
        match value {
            Value::Bool(truth) => Ok(truth),
            Value::Int(number @ (0 | 1)) => Ok(number == 1),
            _ => Err(wrong("a boolean")),
        }
    }
}

impl FromValue for String {
    fn from_value(value: Value<'_>) -> Result<Self, DbError> {
        match value {
            Value::Text(text) => Ok(text.to_owned()),
            _ => Err(wrong("text")),
        }
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: Value<'_>) -> Result<Self, DbError> {
        match value {
            Value::Bytes(bytes) => Ok(bytes.to_owned()),
            _ => Err(wrong("bytes")),
        }
    }
}

impl<const N: usize> FromValue for [u8; N] {
    fn from_value(value: Value<'_>) -> Result<Self, DbError> {
        match value {
            Value::Bytes(bytes) => bytes.try_into().map_err(|_| wrong("as long as expected")),
            _ => Err(wrong("bytes")),
        }
    }
}

impl FromValue for Millis {
    fn from_value(value: Value<'_>) -> Result<Self, DbError> {
        i64::from_value(value).map(Self)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value<'_>) -> Result<Self, DbError> {
        match value {
            Value::Null => Ok(None),
            some => T::from_value(some).map(Some),
        }
    }
}

/// A type that a whole row can be read as: a scalar, a tuple, or a struct of the store.
pub trait FromRow: Sized {
    /// Reads the row.
    ///
    /// # Errors
    /// [`DbError::Bug`] if the row has other columns than this type expects.
    fn from_row(row: &Row<'_>) -> Result<Self, DbError>;
}

impl<T: FromValue> FromRow for T {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        row.get(0)
    }
}

macro_rules! tuples {
    ($($name:ident $index:literal),+) => {
        impl<$($name: FromValue),+> FromRow for ($($name,)+) {
            fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
                Ok(($(row.get::<$name>($index)?,)+))
            }
        }
    };
}

tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
