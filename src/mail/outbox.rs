//! The outbox: mails wait here, in the transaction that caused them, until they are handed over.
//!
//! A worker claims one with a lease, sends it with no transaction open, and settles it only if
//! the lease is still its own: every claim raises the row's attempt, and who settles names theirs.

use std::time::Duration;

use super::Mail;
use crate::clock::Millis;
use crate::db::{DbError, Tx};
use crate::domain::email::Email;
use crate::store;
pub use crate::store::outbox::Claimed;
use crate::store::outbox::NewMail;

/// How long a claim holds without being renewed. A mail of a worker that was killed goes out again
/// after this.
pub const LEASE: Duration = Duration::from_secs(60);
/// When the next attempt is made after one, two, … failed ones; the last repeats.
const RETRIES: [Duration; 5] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(600),
    Duration::from_secs(3600),
];
/// How long before it is given up a mail is tried for the last time.
const LAST_CALL: Duration = Duration::from_secs(10);
/// How long a notice is tried.
pub const NOTICE_TIME: Duration = Duration::from_secs(2 * 86_400);
/// How long a sign-in mail is tried: nobody waits longer at a door.
const SIGN_IN_TIME: Duration = Duration::from_secs(3600);

/// What a mail is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct For {
    /// The customer it is for; none if it goes to staff.
    pub customer_id: Option<i64>,
    /// The ticket it is about.
    pub ticket_id: Option<i64>,
    /// The link request it answers, or the sign-in of staff.
    pub request_id: Option<i64>,
}

/// Puts a mail into the outbox, due at once.
pub fn put(
    tx: &mut Tx<'_>,
    recipient: &Email,
    mail: &Mail,
    about: For,
    now: Millis,
) -> Result<(), DbError> {
    let content = serde_json::to_string(mail).map_err(|error| DbError::Bug(error.to_string()))?;
    let time = if mail.lane() == 0 { SIGN_IN_TIME } else { NOTICE_TIME };
    let row = NewMail {
        id: crate::ids::new_id(now),
        lane: mail.lane(),
        kind: mail.kind(),
        recipient: recipient.as_str(),
        recipient_key: &recipient.key(),
        customer_id: about.customer_id,
        ticket_id: about.ticket_id,
        request_id: about.request_id,
        message_id: &crate::ids::word(),
        content: &content,
        now,
        give_up_at: now.plus(time),
    };
    store::outbox::insert(tx, &row)
}

/// Claims the next mail of `lane` that is due. If there is none, those that wait behind another
/// step aside.
pub fn claim(tx: &mut Tx<'_>, lane: i64, now: Millis) -> Result<Option<Claimed>, DbError> {
    let claimed = store::outbox::claim(tx, lane, now, now.plus(LEASE))?;
    if claimed.is_none() {
        store::outbox::step_aside(tx, lane, now)?;
    }
    Ok(claimed)
}

/// Keeps the lease of an attempt that is still under way. `false` if another took over.
pub fn renew(tx: &mut Tx<'_>, claimed: &Claimed, now: Millis) -> Result<bool, DbError> {
    store::outbox::renew(tx, claimed.id, claimed.attempt, now.plus(LEASE))
}

/// Settles a mail that was taken: the envelope stays, the text goes.
pub fn settle(tx: &mut Tx<'_>, claimed: &Claimed, now: Millis) -> Result<bool, DbError> {
    let own = store::outbox::settle_sent(tx, claimed.id, claimed.attempt, now)?;
    store::outbox::release_next(tx, claimed.id, now)?;
    Ok(own)
}

/// Puts a mail off after a failed attempt, or gives it up when its time is over.
pub fn defer(
    tx: &mut Tx<'_>,
    claimed: &Claimed,
    reason: &str,
    now: Millis,
) -> Result<bool, DbError> {
    let last = claimed.give_up_at.minus(LAST_CALL);
    if now >= last {
        return give_up(tx, claimed, reason, now);
    }
    // The last attempt comes just before its time is over, not an hour too early.
    let due_at = now.plus(retry_after(claimed.failures + 1)).min(last);
    store::outbox::defer(tx, claimed.id, claimed.attempt, due_at, reason)
}

/// Puts a mail back while the whole queue pauses: due again when it goes on, and no failure of its
/// own.
pub fn hold(tx: &mut Tx<'_>, claimed: &Claimed, until: Millis) -> Result<bool, DbError> {
    store::outbox::renew(tx, claimed.id, claimed.attempt, until)
}

/// Gives a mail up; staff see why.
pub fn give_up(
    tx: &mut Tx<'_>,
    claimed: &Claimed,
    reason: &str,
    now: Millis,
) -> Result<bool, DbError> {
    let own = store::outbox::settle_failed(tx, claimed.id, claimed.attempt, now, reason)?;
    store::outbox::release_next(tx, claimed.id, now)?;
    Ok(own)
}

/// How long after failure number `failure` the next attempt is made.
pub fn retry_after(failure: i64) -> Duration {
    let index = usize::try_from(failure - 1).unwrap_or(0);
    RETRIES[index.min(RETRIES.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_spaced_and_the_last_space_repeats() {
        let seconds: Vec<u64> = (1..=7).map(|attempt| retry_after(attempt).as_secs()).collect();
        assert_eq!(seconds, [5, 30, 120, 600, 3600, 3600, 3600]);
    }
}
