//! The installation's own key, made by whoever comes first.

use crate::db::Tx;
use crate::error::Error;
use crate::ids::HashKey;
use crate::store;

const NAME: &str = "hash_key";

/// The key under which addresses, networks and codes are hashed; made and kept at the first call.
pub fn hash_key(tx: &mut Tx<'_>) -> Result<HashKey, Error> {
    if let Some(bytes) = store::secrets::find(tx, NAME)? {
        return Ok(HashKey(bytes));
    }
    store::secrets::insert_if_missing(tx, NAME, &HashKey::random().0)?;
    // Another process may have been first: what is kept counts.
    store::secrets::find(tx, NAME)?.map(HashKey).ok_or(Error::NotFound)
}
