//! Rows of sign-ins that staff asked for.

use std::sync::Arc;

use crate::clock::Millis;
use crate::db::{DbError, FromRow, Row, Tx};
use crate::ids::TokenHash;
use crate::params;
use crate::store::link_requests::CodeState;

/// A sign-in the worker has yet to look at.
pub struct Waiting {
    /// The row.
    pub id: i64,
    /// The address as it was typed.
    pub email: String,
    /// The HTTP request that asked.
    pub cause: Option<Arc<str>>,
}

impl FromRow for Waiting {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let cause: Option<String> = row.get(2)?;
        Ok(Self { id: row.get(0)?, email: row.get(1)?, cause: cause.map(Arc::from) })
    }
}

/// What the link of a sign-in is checked against.
pub struct LinkState {
    /// The row.
    pub id: i64,
    /// Of the id that the browser holds that asked; none if somebody else made the link.
    pub request_hash: Option<[u8; 32]>,
    /// Who gets in with it.
    pub staff_id: Option<i64>,
    /// Until when it works.
    pub expires_at: Option<Millis>,
    /// Whether it was used, or its code.
    pub used: bool,
    /// Where to go then.
    pub next_path: String,
    /// Whether an admin had it made or mailed.
    pub invited: bool,
}

impl FromRow for LinkState {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self {
            id: row.get(0)?,
            request_hash: row.get(1)?,
            staff_id: row.get(2)?,
            expires_at: row.get(3)?,
            used: row.get::<Option<Millis>>(4)?.is_some(),
            next_path: row.get(5)?,
            invited: row.get(6)?,
        })
    }
}

/// Adds the one row a request writes.
pub fn insert(
    tx: &mut Tx<'_>,
    id: i64,
    request_hash: &[u8; 32],
    email: &str,
    next_path: &str,
    now: Millis,
) -> Result<(), DbError> {
    let cause = tx.cause();
    tx.run(
        "INSERT INTO staff_sign_ins (id, request_hash, email, next_path, created_at, code_tries, \
           invited, cause) VALUES ($1, $2, $3, $4, $5, 0, FALSE, $6)",
        params![id, request_hash, email, next_path, now, cause.as_deref()],
    )?;
    Ok(())
}

/// A sign-in that an operator or an admin made: there is nothing to look up, and no browser that asked.
pub struct ByHand<'a> {
    /// The row.
    pub id: i64,
    /// Whom it lets in.
    pub staff_id: i64,
    /// Of the link, and until when it works; none if it is minted for a mail.
    pub link: Option<(TokenHash, Millis)>,
    /// Where to go then.
    pub next_path: &'a str,
    /// Whether an admin made it.
    pub invited: bool,
    /// When.
    pub now: Millis,
}

/// Adds such a sign-in.
pub fn insert_by_hand(tx: &mut Tx<'_>, made: &ByHand<'_>) -> Result<(), DbError> {
    let (token, expires_at) = made.link.unzip();
    tx.run(
        "INSERT INTO staff_sign_ins (id, staff_id, token_hash, next_path, created_at, worked_at, \
           expires_at, code_tries, invited) VALUES ($1, $2, $3, $4, $5, $5, $6, 0, $7)",
        params![
            made.id,
            made.staff_id,
            token.as_ref().map(|token| &token.0),
            made.next_path,
            made.now,
            expires_at,
            made.invited
        ],
    )?;
    Ok(())
}

/// Whether nobody has looked at some sign-in.
pub fn any_waiting(tx: &mut Tx<'_>) -> Result<bool, DbError> {
    let row: Option<(i64,)> =
        tx.row("SELECT id FROM staff_sign_ins WHERE worked_at IS NULL LIMIT 1", params![])?;
    Ok(row.is_some())
}

/// Takes sign-ins nobody has looked at, oldest first, so that no other worker takes them too.
pub fn take_waiting(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<Waiting>, DbError> {
    let lock = tx.dialect().skip_locked();
    tx.rows(
        &format!(
            "SELECT id, email, cause FROM staff_sign_ins WHERE worked_at IS NULL \
             ORDER BY id LIMIT $1{lock}"
        ),
        params![limit],
    )
}

/// Settles one: the address is forgotten, whose it is remains.
pub fn settle(tx: &mut Tx<'_>, id: i64, staff_id: Option<i64>, now: Millis) -> Result<(), DbError> {
    tx.run(
        "UPDATE staff_sign_ins SET email = NULL, staff_id = $2, worked_at = $3 WHERE id = $1",
        params![id, staff_id, now],
    )?;
    Ok(())
}

/// Sets the link and code that were minted for this sign-in. `false` if nobody waits for them any
/// more: it was used or forgotten.
pub fn set_minted(
    tx: &mut Tx<'_>,
    id: i64,
    token: TokenHash,
    code_hash: &[u8; 32],
    expires_at: Millis,
) -> Result<bool, DbError> {
    let rows = tx.run(
        "UPDATE staff_sign_ins SET token_hash = $2, code_hash = $3, expires_at = $4 \
         WHERE id = $1 AND staff_id IS NOT NULL AND used_at IS NULL",
        params![id, &token.0, code_hash, expires_at],
    )?;
    Ok(rows > 0)
}

/// What the link with this token is checked against, for a look that changes nothing.
pub fn find_link_state(tx: &mut Tx<'_>, token: TokenHash) -> Result<Option<LinkState>, DbError> {
    tx.row(
        "SELECT id, request_hash, staff_id, expires_at, used_at, next_path, invited \
         FROM staff_sign_ins WHERE token_hash = $1",
        params![&token.0],
    )
}

/// The same, and holds it, so that a link opens once.
pub fn take_link_state(tx: &mut Tx<'_>, token: TokenHash) -> Result<Option<LinkState>, DbError> {
    let lock = tx.dialect().for_update();
    tx.row(
        &format!(
            "SELECT id, request_hash, staff_id, expires_at, used_at, next_path, invited \
             FROM staff_sign_ins WHERE token_hash = $1{lock}"
        ),
        params![&token.0],
    )
}

/// Finds the sign-in by the hash of its request's id and holds it, so that tries are counted one
/// by one; with it, where to go then.
pub fn take_code_state(
    tx: &mut Tx<'_>,
    request_hash: &[u8; 32],
) -> Result<Option<(CodeState, String)>, DbError> {
    let lock = tx.dialect().for_update();
    let found: Option<WithPath> = tx.row(
        &format!(
            "SELECT id, staff_id, code_hash, expires_at, code_tries, used_at, next_path \
             FROM staff_sign_ins WHERE request_hash = $1{lock}"
        ),
        params![request_hash],
    )?;
    Ok(found.map(|WithPath(state, path)| (state, path)))
}

struct WithPath(CodeState, String);

impl FromRow for WithPath {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self(CodeState::from_row(row)?, row.get(6)?))
    }
}

/// Counts a try of the code.
pub fn count_try(tx: &mut Tx<'_>, id: i64) -> Result<(), DbError> {
    tx.run("UPDATE staff_sign_ins SET code_tries = code_tries + 1 WHERE id = $1", params![id])?;
    Ok(())
}

/// Notes that the link or the code was used: neither works again.
pub fn set_used(tx: &mut Tx<'_>, id: i64, now: Millis) -> Result<(), DbError> {
    tx.run("UPDATE staff_sign_ins SET used_at = $2 WHERE id = $1", params![id, now])?;
    Ok(())
}

/// Makes every link and code of a member of staff worthless.
pub fn forget_of_staff(tx: &mut Tx<'_>, staff_id: i64) -> Result<(), DbError> {
    tx.run(
        "UPDATE staff_sign_ins SET staff_id = NULL, token_hash = NULL, code_hash = NULL \
         WHERE staff_id = $1",
        params![staff_id],
    )?;
    Ok(())
}

/// Forgets every sign-in, and its link and code with it.
pub fn forget_all(tx: &mut Tx<'_>) -> Result<(), DbError> {
    tx.run("DELETE FROM staff_sign_ins", params![])?;
    Ok(())
}

/// Forgets sign-ins older than `before`, `limit` at most.
pub fn purge(tx: &mut Tx<'_>, before: Millis, limit: i64) -> Result<u64, DbError> {
    tx.run(
        "DELETE FROM staff_sign_ins WHERE id IN (\
           SELECT id FROM staff_sign_ins WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
        params![before, limit],
    )
}
