//! What was typed after a command: checked as the same text is in a form or the JSON API.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::CliError;
use crate::domain::staff::Role;
use crate::domain::text;
use crate::domain::tickets::Priority;
use crate::error::{Error, FieldCode, FieldError};
use crate::ids::Reference;

/// Remembers every argument that is wrong, so that all are named at once.
#[derive(Debug, Default)]
pub struct Checks(Vec<FieldError>);

impl Checks {
    /// The value, if it is good. If not, [`Self::finish`] says why.
    pub fn take<T>(&mut self, checked: Result<T, FieldError>) -> Option<T> {
        checked.map_err(|error| self.0.push(error)).ok()
    }

    /// A line that may be left out, and is empty then.
    pub fn line(
        &mut self,
        field: &str,
        typed: Option<&str>,
        length: std::ops::RangeInclusive<usize>,
    ) -> Option<String> {
        self.take(text::parse_line(field, typed.unwrap_or_default(), length))
    }

    /// The `values`, which are there if nothing was wrong.
    pub fn finish<T>(self, values: Option<T>) -> Result<T, CliError> {
        values.filter(|_| self.0.is_empty()).ok_or_else(|| Error::Invalid(self.0).into())
    }
}

/// Reads the reference of a ticket, with or without its `TKT-`.
pub fn reference(field: &str, typed: &str) -> Result<Reference, FieldError> {
    Reference::parse_loosely(typed).ok_or_else(|| {
        let message = "This is not a ticket's reference, such as TKT-7K3M9Q.";
        FieldError::new(field, FieldCode::Malformed, message)
    })
}

/// Takes the id of a row, as lists show it.
///
/// # Errors
/// What an id looks like.
pub fn id(typed: &str) -> Result<i64, String> {
    let id = typed.parse().ok().filter(|id| *id > 0);
    id.ok_or_else(|| "an id is a number such as 7340032000000000001".to_owned())
}

/// Takes the words for roles, and lists them in the help.
pub fn role() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.map(Role::as_str))
        .try_map(|word| Role::parse(&word).ok_or("unknown"))
}

/// Takes the words for priorities, and lists them in the help.
pub fn priority() -> impl TypedValueParser<Value = Priority> {
    PossibleValuesParser::new(Priority::ALL.map(Priority::as_str))
        .try_map(|word| Priority::parse(&word).ok_or("unknown"))
}
