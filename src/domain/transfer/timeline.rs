//! A timeline as a whole: what its entries, each good by itself, must be together.

use std::collections::HashSet;

use super::assemble::Whole;
use crate::domain::entries::Kind;
use crate::domain::tickets::Status;
use crate::error::{FieldCode, FieldError, LineError};

/// Entries are told apart, `created` comes first, and statuses follow one from another.
pub(super) fn check(line: u64, whole: &Whole) -> Result<(), LineError> {
    let mut ids = HashSet::new();
    let mut status = Status::Open;
    for (index, entry) in whole.entries.iter().enumerate() {
        let error = |field: &str, message: String| LineError {
            line: entry.line,
            error: FieldError::new(field, FieldCode::UnknownValue, message),
        };
        if !ids.insert(&entry.id) {
            return Err(error("id", "Another entry of this ticket has this id.".to_owned()));
        }
        if entry.kind == Kind::Created && index > 0 {
            return Err(error("kind", "created is the first entry of its ticket.".to_owned()));
        }
        if let Some(from) = entry.from.filter(|&from| from != status) {
            let message = format!(
                "Before this entry the ticket was {}, not {}.",
                status.as_str(),
                from.as_str()
            );
            return Err(error("from", message));
        }
        status = entry.to.unwrap_or(status);
    }
    let ticket = &whole.ticket;
    if ticket.status == Status::Resolved
        && status != Status::Resolved
        && ticket.resolution.is_none()
    {
        let message = "A resolved ticket has a resolution, here or as its last entry of that kind.";
        let error = FieldError::new("resolution", FieldCode::Required, message);
        return Err(LineError { line, error });
    }
    Ok(())
}
