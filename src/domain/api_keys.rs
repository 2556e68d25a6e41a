//! API keys: how a program of the company gets in.

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::staff::Role;
use crate::domain::{Actor, text};
use crate::error::Error;
use crate::ids::TokenHash;
use crate::{ids, store};

/// An API key, without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// The row.
    pub id: i64,
    /// What it is for, in the words of who made it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created_at: Millis,
    /// When it stopped working.
    pub revoked_at: Option<Millis>,
}

/// Makes a key. Returns the row and the key itself, which is shown once and never kept.
pub fn create(
    tx: &mut Tx<'_>,
    name: &str,
    role: Role,
    now: Millis,
) -> Result<(ApiKey, String), Error> {
    let name = text::parse_line("name", name, text::REQUIRED_NAME)?;
    let key = ApiKey { id: ids::new_id(now), name, role, created_at: now, revoked_at: None };
    let (secret, hash) = ids::api_key();
    store::api_keys::insert(tx, &key, hash)?;
    Ok((key, secret))
}

/// Who holds the key with this hash. Unknown and revoked keys are alike.
pub fn open(tx: &mut Tx<'_>, hash: TokenHash) -> Result<Actor, Error> {
    match store::api_keys::find_by_hash(tx, hash)? {
        Some(ApiKey { id, name, role, revoked_at: None, .. }) => {
            Ok(Actor::Program { id, name, role })
        }
        _ => Err(Error::KeyInvalid),
    }
}

/// All keys, oldest first.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<ApiKey>, Error> {
    Ok(store::api_keys::list(tx)?)
}

/// Revokes a key at once.
///
/// # Errors
/// [`Error::NotFound`] if there is no such key or it was revoked before.
pub fn revoke(tx: &mut Tx<'_>, id: i64, now: Millis) -> Result<(), Error> {
    if store::api_keys::revoke(tx, id, now)? { Ok(()) } else { Err(Error::NotFound) }
}
