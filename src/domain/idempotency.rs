//! Requests that may come twice: the same key does the work once.
//!
//! The semantics are those of the Internet-Draft "The Idempotency-Key HTTP Header Field" (-07).

use std::time::Duration;

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::Actor;
use crate::domain::entries::Entry;
use crate::error::Error;
use crate::store::idempotency::Done;
use crate::{ids, store};

/// How long a key is remembered.
pub const KEPT: Duration = Duration::from_secs(14 * 86_400);

/// A key with what was asked under it. Keys of different actors never meet.
#[derive(Clone, Debug)]
pub struct Key {
    scope: String,
    key: String,
    request_hash: [u8; 32],
}

impl Key {
    /// The key `key` of `actor` for a request that is told apart by `request`: its operation,
    /// its address and its body.
    pub fn new(actor: &Actor, key: String, request: &[&[u8]]) -> Self {
        let scope = match actor {
            Actor::Customer { id, .. } => format!("c{id}"),
            Actor::Staff { id, .. } => format!("s{id}"),
            Actor::Program { id, .. } => format!("k{id}"),
            Actor::System => "system".to_owned(),
        };
        let mut joined = Vec::new();
        for part in request {
            joined.extend_from_slice(&(part.len() as u64).to_le_bytes());
            joined.extend_from_slice(part);
        }
        Self { scope, key, request_hash: ids::sha256(&joined) }
    }
}

/// The entry that came of the request when it came first, if it did. The caller holds the lock of
/// the ticket with this id.
///
/// # Errors
/// [`Error::IdempotencyMismatch`] if the key was used for anything else.
pub(in crate::domain) fn entry_before(
    tx: &mut Tx<'_>,
    key: Option<&Key>,
    ticket_id: i64,
) -> Result<Option<Entry>, Error> {
    let Some(key) = key else { return Ok(None) };
    let Some(done) = store::idempotency::find(tx, &key.scope, &key.key)? else { return Ok(None) };
    match done {
        Done { request_hash, ticket_id: ticket, entry_id: Some(entry_id) }
            if request_hash == key.request_hash && ticket == ticket_id =>
        {
            Ok(store::entries::find(tx, ticket_id, entry_id)?)
        }
        _ => Err(Error::IdempotencyMismatch),
    }
}

/// Keeps which entry came of the request.
pub(in crate::domain) fn keep_entry(
    tx: &mut Tx<'_>,
    key: Option<&Key>,
    ticket_id: i64,
    entry_id: i64,
    now: Millis,
) -> Result<(), Error> {
    let Some(key) = key else { return Ok(()) };
    let done = Done { request_hash: key.request_hash, ticket_id, entry_id: Some(entry_id) };
    // The ticket's lock keeps the same request out; a clash is the same key for another ticket.
    let kept = store::idempotency::insert(tx, &key.scope, &key.key, &done, now)?;
    if kept { Ok(()) } else { Err(Error::IdempotencyMismatch) }
}

/// Reserves the key for the ticket `ticket_id`, about to be created. Returns the ticket that was
/// created under it before, if one was.
pub(in crate::domain) fn reserve(
    tx: &mut Tx<'_>,
    key: Option<&Key>,
    ticket_id: i64,
    now: Millis,
) -> Result<Option<i64>, Error> {
    let Some(key) = key else { return Ok(None) };
    let done = Done { request_hash: key.request_hash, ticket_id, entry_id: None };
    if store::idempotency::insert(tx, &key.scope, &key.key, &done, now)? {
        return Ok(None);
    }
    match store::idempotency::find(tx, &key.scope, &key.key)? {
        Some(Done { request_hash, ticket_id, entry_id: None })
            if request_hash == key.request_hash =>
        {
            Ok(Some(ticket_id))
        }
        _ => Err(Error::IdempotencyMismatch),
    }
}

/// Forgets keys that are long past.
pub fn forget_old(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<u64, Error> {
    Ok(store::idempotency::purge(tx, now.minus(KEPT), limit)?)
}
