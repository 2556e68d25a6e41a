//! One entry by itself: what each kind may hold.

use super::ID;
use super::lines::EntryLine;
use super::parse::{Checks, Wrong, status, time, word};
use crate::clock::Millis;
use crate::domain::entries::{By, Kind, Visibility};
use crate::domain::text;
use crate::domain::tickets::Status;
use crate::error::FieldCode;

/// An entry of the other system.
#[derive(Clone, Debug)]
pub(super) struct EntryItem {
    pub(super) line: u64,
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) visibility: Visibility,
    pub(super) at: Millis,
    pub(super) by: By,
    pub(super) staff: Option<String>,
    pub(super) author: Option<String>,
    pub(super) body: Option<String>,
    pub(super) from: Option<Status>,
    pub(super) to: Option<Status>,
}

/// The entry, apart from its ticket.
pub(super) fn read(line: &EntryLine, number: u64) -> Result<EntryItem, Wrong> {
    let mut checks = Checks::default();
    let id = checks.line("id", &line.id, ID);
    let kind = checks.take(word("kind", &line.kind, Kind::parse, &Kind::ALL.map(Kind::as_str)));
    let at = checks.take(time("at", &line.at));
    let by = checks.take(word("by", &line.by, By::parse, &BY));
    let staff =
        checks.optional(line.staff.as_deref(), |typed| text::parse_line("staff", typed, ID));
    let author = checks.optional(line.author.as_deref(), |typed| {
        text::parse_line("author", typed, text::REQUIRED_NAME)
    });
    let from = checks.optional(line.from.as_deref(), |typed| status("from", typed));
    let to = checks.optional(line.to.as_deref(), |typed| status("to", typed));
    let visibility = kind.and_then(|kind| visibility(&mut checks, line, kind));
    let body = kind.and_then(|kind| body(&mut checks, line, kind));
    if let (Some(kind), Some(from), Some(to)) = (kind, from, to) {
        check_statuses(&mut checks, kind, from, to);
    }
    if kind == Some(Kind::Reply) && by.is_some_and(|by| by != By::Customer) {
        let message = "A reply is the customer's; what others write is a note.";
        checks.refuse("by", FieldCode::UnknownValue, message);
    }
    if line.staff.is_some() && by.is_some_and(|by| by != By::Staff) {
        checks.refuse("staff", FieldCode::UnknownValue, "This belongs to an entry by staff.");
    }
    let read = || {
        let kind = kind?;
        Some(EntryItem {
            line: number,
            id: id?,
            kind,
            visibility: visibility?,
            at: at?,
            by: by?,
            staff: staff?,
            author: author?,
            body: body?,
            from: from?,
            to: if kind == Kind::Resolution { Some(Status::Resolved) } else { to? },
        })
    };
    checks.finish(read())
}

const BY: [&str; 4] = ["customer", "staff", "program", "system"];

/// A note says who may see it, lest something becomes public by being forgotten. All other kinds
/// have one visibility, which may be said.
fn visibility(checks: &mut Checks, line: &EntryLine, kind: Kind) -> Option<Visibility> {
    let known = Visibility::ALL.map(Visibility::as_str);
    let said = checks.optional(line.visibility.as_deref(), |typed| {
        word("visibility", typed, Visibility::parse, &known)
    })?;
    let fixed = match kind {
        Kind::Note => None,
        Kind::Assigned => Some(Visibility::Internal),
        _ => Some(Visibility::Public),
    };
    match (fixed, said) {
        (None, None) => {
            let message = "A note is public or internal: please say which.";
            checks.refuse("visibility", FieldCode::Required, message);
            None
        }
        (Some(fixed), Some(said)) if fixed != said => {
            let message = format!("An entry of the kind {} is {}.", kind.as_str(), fixed.as_str());
            checks.refuse("visibility", FieldCode::UnknownValue, message);
            None
        }
        (fixed, said) => fixed.or(said),
    }
}

fn body(checks: &mut Checks, line: &EntryLine, kind: Kind) -> Option<Option<String>> {
    let typed = line.body.as_deref();
    let required = typed.unwrap_or_default();
    match kind {
        // Letters that were mailed are longer than what a form takes here.
        Kind::Note | Kind::Reply => {
            checks.take(text::parse("body", required, text::DESCRIPTION)).map(Some)
        }
        Kind::Resolution => checks.take(text::parse("body", required, text::RESOLUTION)).map(Some),
        Kind::Assigned => {
            checks.optional(typed, |typed| text::parse_line("body", typed, text::REQUIRED_NAME))
        }
        Kind::Created | Kind::StatusChanged => {
            if typed.is_some() {
                let message = format!("An entry of the kind {} has no text.", kind.as_str());
                checks.refuse("body", FieldCode::UnknownValue, message);
            }
            Some(None)
        }
    }
}

fn check_statuses(checks: &mut Checks, kind: Kind, from: Option<Status>, to: Option<Status>) {
    match kind {
        Kind::StatusChanged => {
            let missing = [("from", from), ("to", to)];
            for (field, _) in missing.iter().filter(|(_, status)| status.is_none()) {
                checks.refuse(field, FieldCode::Required, "A change of status has both.");
            }
            if from.is_some() && from == to {
                checks.refuse("to", FieldCode::UnknownValue, "This is no change.");
            }
            if to == Some(Status::Resolved) {
                let message = "To resolve is an entry of the kind resolution, with its text.";
                checks.refuse("to", FieldCode::UnknownValue, message);
            }
        }
        Kind::Resolution => {
            if from.is_none() {
                checks.refuse(
                    "from",
                    FieldCode::Required,
                    "Please say what the status was before.",
                );
            }
            if to.is_some_and(|to| to != Status::Resolved) || from == Some(Status::Resolved) {
                let message = "A resolution leads to resolved, from another status.";
                checks.refuse("to", FieldCode::UnknownValue, message);
            }
        }
        _ => {
            for (field, _) in [("from", from), ("to", to)].iter().filter(|it| it.1.is_some()) {
                let message = format!("An entry of the kind {} has none.", kind.as_str());
                checks.refuse(field, FieldCode::UnknownValue, message);
            }
        }
    }
}
