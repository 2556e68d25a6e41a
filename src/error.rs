//! What can go wrong, in the domain's words. `web/reply.rs` is the only map to status codes.

use std::fmt;
use std::time::Duration;

use crate::db::DbError;
use crate::domain::tickets::Status;

/// Why something asked of Doorkey was not done. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One or more fields are wrong; each names itself and the reason.
    #[error("{}", list(.0))]
    Invalid(Vec<FieldError>),
    /// It does not exist, or the one who asks may not know that it does.
    #[error("not found")]
    NotFound,
    /// The link was good once; its time is over.
    #[error("this link has expired")]
    LinkExpired,
    /// The link is unknown, revoked, or its customer is no longer active.
    #[error("this link is not valid")]
    LinkInvalid,
    /// The code is wrong, too old, used, or was tried too often.
    #[error("this code is not valid")]
    CodeInvalid,
    /// The API key is missing, unknown or revoked.
    #[error("the API key is missing or not valid")]
    KeyInvalid,
    /// The API key's role does not allow this.
    #[error("only an admin may do this")]
    Forbidden,
    /// The ticket is closed, so a customer cannot reply.
    #[error("the ticket is closed")]
    TicketClosed,
    /// The change is not in the table of transitions.
    #[error("a ticket that is {} cannot become {}", .from.label(), .to.label())]
    TransitionRefused {
        /// What the ticket is.
        from: Status,
        /// What was asked for.
        to: Status,
    },
    /// An `Idempotency-Key` came again with another request.
    #[error("this Idempotency-Key was used for another request")]
    IdempotencyMismatch,
    /// Too many of these; again after this long.
    #[error("too many requests; try again in {} seconds", .retry_after.as_secs())]
    RateLimited {
        /// When it will be accepted again, at the earliest.
        retry_after: Duration,
    },
    /// The database said no: busy, unreachable, or a bug.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// One field that is wrong, and why.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    /// The field's name as the request has it, `customer.email` for a nested one.
    pub field: String,
    /// A stable word for programs.
    pub code: FieldCode,
    /// A sentence for people.
    pub message: String,
}

/// Why a field is wrong, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldCode {
    /// It is missing or empty.
    Required,
    /// It is longer than it may be.
    TooLong,
    /// It holds NUL or another control character.
    ControlCharacters,
    /// It has the wrong type or form.
    Malformed,
    /// It is none of the values that are allowed, or names something that is not there.
    UnknownValue,
    /// No field of this name is known.
    UnknownField,
    /// Somebody else has it already.
    Taken,
}

impl FieldCode {
    /// Every code.
    pub const ALL: [Self; 7] = [
        Self::Required,
        Self::TooLong,
        Self::ControlCharacters,
        Self::Malformed,
        Self::UnknownValue,
        Self::UnknownField,
        Self::Taken,
    ];
}

impl FieldError {
    /// An error about `field`.
    pub fn new(field: impl Into<String>, code: FieldCode, message: impl Into<String>) -> Self {
        Self { field: field.into(), code, message: message.into() }
    }
}

impl From<FieldError> for Error {
    fn from(error: FieldError) -> Self {
        Self::Invalid(vec![error])
    }
}

/// Both values, or everything that is wrong with either, so that all wrong fields are named at once.
///
/// # Errors
/// The fields of both together; an error of another kind counts before wrong fields.
pub fn both<A, B>(one: Result<A, Error>, other: Result<B, Error>) -> Result<(A, B), Error> {
    match (one, other) {
        (Err(Error::Invalid(mut fields)), Err(Error::Invalid(more))) => {
            fields.extend(more);
            Err(Error::Invalid(fields))
        }
        (Err(Error::Invalid(_)), Err(error)) => Err(error),
        (one, other) => Ok((one?, other?)),
    }
}

/// A line of a file that cannot be taken, and why.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LineError {
    /// Which line, counted from 1.
    pub line: u64,
    /// What is wrong with it. The field is empty where the whole line is meant.
    #[serde(flatten)]
    pub error: FieldError,
}

impl LineError {
    /// An error about the whole of `line`.
    pub fn new(line: u64, code: FieldCode, message: impl Into<String>) -> Self {
        Self { line, error: FieldError::new("", code, message) }
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FieldError { field, message, .. } = &self.error;
        let colon = if field.is_empty() { "" } else { ", " };
        write!(f, "line {}{colon}{field}: {message}", self.line)
    }
}

fn list(errors: &[FieldError]) -> String {
    let parts: Vec<String> =
        errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
    parts.join("; ")
}
