//! Passkeys: the second way in for staff, stronger than a mail.

use std::time::Duration;

use subtle::ConstantTimeEq;

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::audit::{self, Action, Details, Subject};
use crate::domain::sessions::{self, SignedIn, Visitor, Way};
use crate::domain::staff::Staff;
use crate::domain::webauthn::{self, Assertion, Creation, Party, Refusal};
use crate::domain::{Actor, Rules, limits};
use crate::error::{Error, FieldCode, FieldError};
use crate::ids::{self, HashKey, Token};
use crate::store;

/// How long a browser has to answer a challenge.
pub const CHALLENGE_TTL: Duration = Duration::from_secs(5 * 60);
/// How many passkeys somebody may have.
pub const MOST: usize = 20;

/// A passkey, without its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// The row.
    pub id: i64,
    /// What its holder calls it.
    pub name: String,
    /// Its id, as browsers know it.
    pub credential_id: Vec<u8>,
    /// When it was added.
    pub created_at: Millis,
    /// When somebody last signed in with it.
    pub last_used_at: Option<Millis>,
}

/// What checking a shown passkey takes.
pub struct Held {
    /// The row.
    pub id: i64,
    /// Whose it is.
    pub staff_id: i64,
    /// A SubjectPublicKeyInfo, DER.
    pub public_key: Vec<u8>,
    /// The counter it had last.
    pub counter: i64,
}

/// Who may do everything of their role with this session: where `staff.require_passkey` is on, an admin
/// needs one that began with a passkey. A link from the command line counts as well, so that nobody
/// is ever locked out; whoever makes one has the machine.
pub fn is_enough(rules: &Rules, me: &SignedIn) -> bool {
    let strong = matches!(me.session.way, Way::Passkey | Way::Operator);
    !rules.require_passkey || !me.is_admin() || strong
}

/// What browsers know a member of staff by (§5.4.3): it says nothing of who they are.
pub fn user_handle(key: &HashKey, staff_id: i64) -> [u8; 32] {
    key.digest("passkey-user", &[&staff_id.to_be_bytes()])
}

/// Somebody's passkeys, the oldest first.
pub fn list(tx: &mut Tx<'_>, staff_id: i64) -> Result<Vec<Passkey>, Error> {
    Ok(store::passkeys::of_staff(tx, staff_id)?)
}

/// Whether to offer a passkey now: at the very first session of somebody who has none.
pub fn is_to_be_offered(tx: &mut Tx<'_>, me: &SignedIn) -> Result<bool, Error> {
    let first = store::sessions::count_of_staff(tx, me.staff.id)? == 1;
    Ok(first && list(tx, me.staff.id)?.is_empty())
}

/// A challenge for somebody who wants to sign in, whoever that is.
///
/// # Errors
/// [`Error::RateLimited`] by network.
pub fn begin_sign_in(
    tx: &mut Tx<'_>,
    rules: &Rules,
    key: &HashKey,
    network: &[u8],
    now: Millis,
) -> Result<String, Error> {
    if rules.limits {
        limits::hit(tx, key, &[(limits::PASSKEYS_OF_NETWORK, network)], now)?;
    }
    challenge(tx, None, now)
}

/// A challenge for somebody who adds a passkey, and the ids of those they have.
///
/// # Errors
/// [`Error::Forbidden`] if this session may not; [`Error::Invalid`] if they have [`MOST`].
pub fn begin_adding(
    tx: &mut Tx<'_>,
    rules: &Rules,
    me: &SignedIn,
    now: Millis,
) -> Result<(String, Vec<Passkey>), Error> {
    let had = may_add(tx, rules, me)?;
    Ok((challenge(tx, Some(me.staff.id), now)?, had))
}

/// Who came in by mail alone and needs a passkey may add their first one, and no other: else a mailbox
/// would be as good as a passkey.
fn may_add(tx: &mut Tx<'_>, rules: &Rules, me: &SignedIn) -> Result<Vec<Passkey>, Error> {
    let had = list(tx, me.staff.id)?;
    if !had.is_empty() && !is_enough(rules, me) {
        return Err(Error::Forbidden);
    }
    if had.len() >= MOST {
        let message = format!("You have {MOST} passkeys, which is the most. Remove one first.");
        return Err(FieldError::new("name", FieldCode::TooLong, message).into());
    }
    Ok(had)
}

fn challenge(tx: &mut Tx<'_>, staff_id: Option<i64>, now: Millis) -> Result<String, Error> {
    let challenge = Token::random().reveal();
    let hash = ids::sha256(challenge.as_bytes());
    store::passkeys::insert_challenge(tx, &hash, staff_id, now.plus(CHALLENGE_TTL))?;
    Ok(challenge)
}

/// Uses a challenge up. Whether it was one of ours for `staff_id`, and in time.
fn take_challenge(
    tx: &mut Tx<'_>,
    client_data: &[u8],
    staff_id: Option<i64>,
    now: Millis,
) -> Result<bool, Error> {
    let Ok(challenge) = webauthn::challenge_of(client_data) else { return Ok(false) };
    let hash = ids::sha256(challenge.as_bytes());
    let taken = store::passkeys::take_challenge(tx, &hash)?;
    Ok(taken.is_some_and(|(whose, expires_at)| whose == staff_id && now < expires_at))
}

/// A passkey to add.
#[derive(Clone, Debug)]
pub struct NewPasskey {
    /// What its holder calls it.
    pub name: String,
    /// What their browser made.
    pub creation: Creation,
}

/// Adds a passkey. The session becomes another one that began with it. `None` if it was not taken;
/// the challenge is used up all the same.
///
/// # Errors
/// As [`begin_adding`].
pub fn add(
    tx: &mut Tx<'_>,
    rules: &Rules,
    party: &Party,
    me: &SignedIn,
    new: &NewPasskey,
    visitor: &Visitor,
    now: Millis,
) -> Result<Option<Token>, Error> {
    may_add(tx, rules, me)?;
    if !take_challenge(tx, &new.creation.client_data, Some(me.staff.id), now)? {
        return Ok(None);
    }
    let created = match webauthn::check_creation(party, &new.creation) {
        Ok(created) => created,
        Err(refusal) => return Ok(told(refusal)),
    };
    if store::passkeys::find(tx, &created.credential_id)?.is_some() {
        return Ok(None);
    }
    store::passkeys::insert(tx, ids::new_id(now), me.staff.id, &new.name, &created, now)?;
    let details = Details::none().with("passkey", new.name.as_str());
    let subject = Subject::staff(&me.staff);
    audit::record(tx, &me.actor(), Action::PasskeyAdded, &subject, details, now)?;
    let (_, token) = sessions::open(tx, &me.staff, Way::Passkey, visitor, now)?;
    Ok(Some(token))
}

/// Signs in with a passkey. `None` if it was not taken; the challenge is used up all the same.
pub fn sign_in(
    tx: &mut Tx<'_>,
    key: &HashKey,
    party: &Party,
    assertion: &Assertion,
    visitor: &Visitor,
    now: Millis,
) -> Result<Option<Token>, Error> {
    if !take_challenge(tx, &assertion.client_data, None, now)? {
        return Ok(None);
    }
    let Some(held) = store::passkeys::take(tx, &assertion.credential_id)? else { return Ok(None) };
    let handle = user_handle(key, held.staff_id);
    let own = bool::from(handle.as_slice().ct_eq(&assertion.user_handle));
    let staff = store::staff::find(tx, held.staff_id)?.filter(|staff| staff.active && own);
    let Some(staff) = staff else { return Ok(None) };
    let counter = u32::try_from(held.counter).unwrap_or(u32::MAX);
    match webauthn::check_assertion(party, assertion, &held.public_key, counter) {
        Err(refusal) => Ok(told(refusal)),
        Ok(counter) => {
            store::passkeys::set_used(tx, held.id, i64::from(counter), now)?;
            let (_, token) = sessions::begin(tx, &staff, Way::Passkey, visitor, now)?;
            Ok(Some(token))
        }
    }
}

fn told<T>(refusal: Refusal) -> Option<T> {
    tracing::warn!(reason = %refusal, "a passkey was not taken");
    None
}

/// Removes one of one's own passkeys at once.
///
/// # Errors
/// [`Error::Forbidden`] if this session may not; [`Error::NotFound`] if they have no such passkey.
pub fn remove(
    tx: &mut Tx<'_>,
    rules: &Rules,
    me: &SignedIn,
    id: i64,
    now: Millis,
) -> Result<(), Error> {
    if !is_enough(rules, me) {
        return Err(Error::Forbidden);
    }
    let found = list(tx, me.staff.id)?.into_iter().find(|passkey| passkey.id == id);
    let (Some(passkey), true) = (found, store::passkeys::delete(tx, me.staff.id, id)?) else {
        return Err(Error::NotFound);
    };
    let details = Details::none().with("passkey", passkey.name);
    let subject = Subject::staff(&me.staff);
    audit::record(tx, &me.actor(), Action::PasskeyRemoved, &subject, details, now)
}

/// Removes every passkey of a member of staff and ends their sessions, because a device is lost.
/// Returns how many passkeys there were.
pub fn remove_all(
    tx: &mut Tx<'_>,
    actor: &Actor,
    staff: &Staff,
    now: Millis,
) -> Result<u64, Error> {
    let count = store::passkeys::delete_all(tx, staff.id)?;
    sessions::end_all(tx, staff.id, now)?;
    let (subject, details) = (Subject::staff(staff), Details::none().with("passkeys", count));
    audit::record(tx, actor, Action::PasskeysRemoved, &subject, details, now)?;
    Ok(count)
}

/// Forgets challenges that nobody answered. Returns how many.
pub fn forget_old(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<u64, Error> {
    Ok(store::passkeys::purge_challenges(tx, now, limit)?)
}
