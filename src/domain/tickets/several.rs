//! Several tickets change at once: each by itself and by the rules for one, so that one which refuses
//! holds up no other; and back again, where that can be.

use std::fmt;

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::email::Email;
use crate::domain::tickets::{Change, Priority, Seen, Status, change, find};
use crate::domain::{Actor, Rules};
use crate::error::Error;
use crate::ids::Reference;

/// What one ticket was before a change, and how it stood right after it. As text it can wait in a
/// page: it allows nothing that its holder may not do by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Was {
    /// Which ticket.
    pub reference: Reference,
    /// As it was after the change.
    seen: Seen,
    status: Option<Status>,
    priority: Option<Priority>,
    assignee: Option<Option<Email>>,
}

/// What became of a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Became {
    /// It was so already.
    Same,
    /// It changed, and can be put back.
    Changed(Was),
    /// It changed for good: it was reopened, and what it was resolved with is in its timeline only.
    ForGood,
    /// Nothing: somebody else changed it since it was seen.
    ChangedMeanwhile,
}

/// Changes one of several tickets, if it still is as it was `seen`.
///
/// # Errors
/// As [`change`].
pub fn change_one(
    tx: &mut Tx<'_>,
    rules: &Rules,
    actor: &Actor,
    (reference, seen): (&Reference, Option<Seen>),
    wanted: &Change,
    now: Millis,
) -> Result<Became, Error> {
    let before = find::take(tx, actor, reference)?;
    if seen.is_some_and(|seen| seen != Seen::of(&before)) {
        return Ok(Became::ChangedMeanwhile);
    }
    let after = change(tx, rules, actor, reference, wanted, now)?;
    let moved = before.status != after.status;
    let assigned = before.assignee != after.assignee;
    let weighed = before.priority != after.priority;
    if !moved && !assigned && !weighed {
        return Ok(Became::Same);
    }
    if moved && (before.status == Status::Resolved || before.resolution.is_some()) {
        return Ok(Became::ForGood);
    }
    Ok(Became::Changed(Was {
        reference: after.reference.clone(),
        seen: Seen::of(&after),
        status: moved.then_some(before.status),
        priority: weighed.then_some(before.priority),
        assignee: assigned.then(|| before.assignee.map(|person| person.email)),
    }))
}

/// Puts a ticket back to what it was, without a mail, unless anything happened to it since. Returns
/// whether it was put back.
///
/// # Errors
/// As [`change`]: whoever was assigned may be active no more.
pub fn put_back(
    tx: &mut Tx<'_>,
    rules: &Rules,
    actor: &Actor,
    was: &Was,
    now: Millis,
) -> Result<bool, Error> {
    let ticket = find::take(tx, actor, &was.reference)?;
    if Seen::of(&ticket) != was.seen {
        return Ok(false);
    }
    let back = Change {
        status: was.status,
        priority: was.priority,
        assignee: was.assignee.clone(),
        notify: false,
        ..Change::default()
    };
    change(tx, rules, actor, &was.reference, &back, now)?;
    Ok(true)
}

impl Was {
    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, ' ');
        let reference = Reference::parse(parts.next()?)?;
        let seen = Seen::parse(parts.next()?)?;
        let status = match parts.next()? {
            "-" => None,
            word => Some(Status::parse(word)?),
        };
        let priority = match parts.next()? {
            "-" => None,
            word => Some(Priority::parse(word)?),
        };
        let assignee = match parts.next()? {
            "-" => None,
            "nobody" => Some(None),
            address => Some(Some(Email::parse("was", address).ok()?)),
        };
        Some(Self { reference, seen, status, priority, assignee })
    }
}

impl fmt::Display for Was {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reference, seen, .. } = self;
        let status = self.status.map_or("-", Status::as_str);
        let priority = self.priority.map_or("-", Priority::as_str);
        let assignee = match &self.assignee {
            None => "-",
            Some(None) => "nobody",
            Some(Some(email)) => email.as_str(),
        };
        write!(f, "{reference} {seen} {status} {priority} {assignee}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_is_read_again_and_nothing_else_is() {
        let dana = Email::parse("email", "dana@rfs.example").expect("an address");
        for assignee in [None, Some(None), Some(Some(dana))] {
            for (status, priority) in [(None, Some(Priority::Low)), (Some(Status::Closed), None)] {
                let was = Was {
                    reference: Reference::parse("TKT-7K3M9Q").expect("a reference"),
                    seen: Seen { last_entry: -3, version: 7 },
                    status,
                    priority,
                    assignee: assignee.clone(),
                };
                assert_eq!(Was::parse(&was.to_string()), Some(was));
            }
        }
        for bad in [
            "",
            "TKT-7K3M9Q",
            "x 1.2 - - -",
            "TKT-7K3M9Q 1.x - - -",
            "TKT-7K3M9Q 1.2 solved - -",
            "TKT-7K3M9Q 1.2 - most -",
            "TKT-7K3M9Q 1.2 - - dana",
            "TKT-7K3M9Q 1.2 - -",
        ] {
            assert_eq!(Was::parse(bad), None, "{bad}");
        }
    }
}
