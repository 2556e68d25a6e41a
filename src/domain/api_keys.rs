//! API keys: how a program of the company gets in.

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::audit::{self, Action, Details, Subject};
use crate::domain::staff::Role;
use crate::domain::{Actor, text};
use crate::error::{Error, FieldCode, FieldError};
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
    /// When it was last used, give or take a minute.
    pub last_used_at: Option<Millis>,
}

/// Makes a key. Returns the row and the key itself, which is shown once and never kept.
///
/// # Errors
/// [`Error::Invalid`] naming `name`: it is no name, or a key in use has it. A timeline calls a
/// program by its name alone, so no two may share one.
pub fn create(
    tx: &mut Tx<'_>,
    actor: &Actor,
    name: &str,
    role: Role,
    now: Millis,
) -> Result<(ApiKey, String), Error> {
    make(tx, actor, ids::new_id(now), (name, role), now)
}

/// As [`create`], under an id that was drawn with the page on which it is asked for: what is sent twice
/// makes one key. `None` if it was made before.
///
/// # Errors
/// As [`create`].
pub fn create_once(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: i64,
    what: (&str, Role),
    now: Millis,
) -> Result<Option<(ApiKey, String)>, Error> {
    match store::api_keys::find(tx, id)? {
        Some(_) => Ok(None),
        None => make(tx, actor, id, what, now).map(Some),
    }
}

fn make(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: i64,
    (name, role): (&str, Role),
    now: Millis,
) -> Result<(ApiKey, String), Error> {
    let name = parse_name("name", name)?;
    let (revoked_at, last_used_at) = (None, None);
    let key = ApiKey { id, name, role, created_at: now, revoked_at, last_used_at };
    let (secret, hash) = ids::api_key();
    if store::api_keys::insert(tx, &key, &text::fold(&key.name), hash)? {
        let details = Details::none().with("role", role.as_str());
        audit::record(tx, actor, Action::ApiKeyMade, &Subject::api_key(&key), details, now)?;
        return Ok((key, secret));
    }
    let message = "A key in use has this name already. Choose another, or revoke that one first.";
    Err(FieldError::new("name", FieldCode::Taken, message).into())
}

/// Reads the name of a key. One of digits alone, of whatever width, is refused: keys are called by name or
/// by id.
pub fn parse_name(field: &str, typed: &str) -> Result<String, FieldError> {
    let name = text::parse_line(field, typed, text::REQUIRED_NAME)?;
    if text::fold(&name).bytes().all(|byte| byte.is_ascii_digit()) {
        let message = "A number alone could be the id of another key. Add a word.";
        return Err(FieldError::new(field, FieldCode::Malformed, message));
    }
    Ok(name)
}

/// The key in use that `word` means: its id or its name, without regard to case.
///
/// # Errors
/// [`Error::NotFound`] if none in use is called so.
pub fn find_in_use(tx: &mut Tx<'_>, word: &str) -> Result<ApiKey, Error> {
    let (word, name) = (word.trim(), text::fold(word.trim()));
    let mut in_use = list(tx)?.into_iter().filter(|key| key.revoked_at.is_none());
    let found = in_use.find(|key| key.id.to_string() == word || text::fold(&key.name) == name);
    found.ok_or(Error::NotFound)
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

/// The key with this id, in use or not.
///
/// # Errors
/// [`Error::NotFound`].
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<ApiKey, Error> {
    store::api_keys::find(tx, id)?.ok_or(Error::NotFound)
}

/// Revokes a key at once.
///
/// # Errors
/// [`Error::NotFound`] if there is no such key or it was revoked before.
pub fn revoke(tx: &mut Tx<'_>, actor: &Actor, id: i64, now: Millis) -> Result<ApiKey, Error> {
    let key = find(tx, id)?;
    if !store::api_keys::revoke(tx, id, now)? {
        return Err(Error::NotFound);
    }
    audit::record(tx, actor, Action::ApiKeyRevoked, &Subject::api_key(&key), Details::none(), now)?;
    Ok(ApiKey { revoked_at: Some(now), ..key })
}
