//! Codes: six digits for who reads mail on another device than the one that asked.

use std::time::Duration;

use subtle::ConstantTimeEq;

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::links::{self, Reason};
use crate::domain::{Rules, limits};
use crate::error::Error;
use crate::ids::{self, HashKey, Token};
use crate::store;
use crate::store::link_requests::CodeState;

/// How long a code works after it was mailed.
pub const TTL: Duration = Duration::from_secs(15 * 60);
/// How often one may be tried.
const TRIES: i64 = 5;
/// How long requests for links are remembered.
pub const REMEMBERED: Duration = Duration::from_secs(86_400);

/// What came of typing a code.
#[derive(Debug)]
pub enum Outcome {
    /// It was right: a new token, and until when it works.
    Opened(Token, Millis),
    /// Wrong, too old, used, tried too often, or nobody's. The try counts, so this is no error
    /// that would undo it.
    Refused,
}

/// Makes the code of a link request and keeps its keyed hash. A later one replaces it.
pub(in crate::domain) fn mint(
    tx: &mut Tx<'_>,
    key: &HashKey,
    request_id: i64,
    now: Millis,
) -> Result<String, Error> {
    let code = ids::code();
    let hash = digest(key, request_id, &code);
    store::link_requests::set_code(tx, request_id, &hash, now.plus(TTL))?;
    Ok(code)
}

/// Checks what was typed into the page that asked.
///
/// # Errors
/// [`Error::RateLimited`] by network.
pub fn redeem(
    tx: &mut Tx<'_>,
    rules: &Rules,
    key: &HashKey,
    (request_id, code): (&str, &str),
    network: &[u8],
    now: Millis,
) -> Result<Outcome, Error> {
    if rules.limits {
        limits::hit(tx, key, &[(limits::CODES_OF_NETWORK, network)], now)?;
    }
    let hash = ids::sha256(request_id.as_bytes());
    let Some(state) = store::link_requests::take_code_state(tx, &hash)? else {
        return Ok(Outcome::Refused);
    };
    store::link_requests::count_try(tx, state.id)?;
    let typed = digest(key, state.id, code);
    let Some(customer_id) = whom_it_lets_in(&state, &typed, now) else {
        return Ok(Outcome::Refused);
    };
    if !store::customers::find(tx, customer_id)?.is_some_and(|customer| customer.active) {
        return Ok(Outcome::Refused);
    }
    store::link_requests::set_used(tx, state.id, now)?;
    let (link, token) = links::issue(tx, rules, customer_id, None, (Reason::Requested, None), now)?;
    Ok(Outcome::Opened(token, link.expires_at))
}

/// Who gets in with what was typed, by their row; `None` if it is wrong, too old, used, was tried too
/// often, or is nobody's. The tries are those before this one.
pub(in crate::domain) fn whom_it_lets_in(
    state: &CodeState,
    typed: &[u8; 32],
    now: Millis,
) -> Option<i64> {
    let right = state.code_hash.is_some_and(|hash| bool::from(hash.ct_eq(typed)));
    let in_time = state.expires_at.is_some_and(|expires_at| now < expires_at);
    let usable = right && in_time && !state.used && state.tries < TRIES;
    state.holder.filter(|_| usable)
}

fn digest(key: &HashKey, request_id: i64, code: &str) -> [u8; 32] {
    key.digest("code", &[&request_id.to_be_bytes(), code.as_bytes()])
}

/// Forgets requests for links that are long past.
pub fn forget_old(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<u64, Error> {
    Ok(store::link_requests::purge(tx, now.minus(REMEMBERED), limit)?)
}
