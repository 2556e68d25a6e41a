//! Who gets in with a link.

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::Actor;
use crate::domain::email::Email;
use crate::error::Error;
use crate::ids::Token;
use crate::store;

/// A customer who came in with a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// Their row.
    pub customer_id: i64,
    /// Their address.
    pub email: Email,
    /// Their name, empty if they never gave one.
    pub name: String,
    /// The link they came with.
    pub link_id: i64,
    /// Until when it works.
    pub expires_at: Millis,
    /// Another one when what is theirs has changed: see `migrations/0004_stamps.*.sql`.
    pub stamp: i64,
}

impl Viewer {
    /// Them as an actor.
    pub fn actor(&self) -> Actor {
        Actor::Customer { id: self.customer_id, name: self.name.clone() }
    }
}

/// Whose portal `token` opens.
///
/// # Errors
/// [`Error::LinkExpired`] from the millisecond at which its time is over, and from then on, should the
/// clock be set back; [`Error::LinkInvalid`]
/// for a token that is unknown or revoked, and for every link of an inactive customer.
pub fn viewer(tx: &mut Tx<'_>, token: &Token, now: Millis) -> Result<Viewer, Error> {
    let opening = store::links::find_opening(tx, token.hash())?.ok_or(Error::LinkInvalid)?;
    if opening.revoked || !opening.active {
        return Err(Error::LinkInvalid);
    }
    if opening.ended || now >= opening.expires_at {
        return Err(Error::LinkExpired);
    }
    Ok(Viewer {
        customer_id: opening.customer_id,
        email: opening.email,
        name: opening.name,
        link_id: opening.link_id,
        expires_at: opening.expires_at,
        stamp: opening.stamp,
    })
}
