//! Backups: when the last good one was made, and what must not come back with a restored one.

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::Actor;
use crate::domain::api_keys::ApiKey;
use crate::domain::audit::{self, Action, Details, Subject};
use crate::error::Error;
use crate::store;

const MARK: &str = "backup";
/// Who revoked the links of a restored backup, and why its mails are held.
const RESTORED: &str = "a restored backup";

/// Notes that a good backup was made of the moment `now`.
pub fn note(tx: &mut Tx<'_>, now: Millis) -> Result<(), Error> {
    let (subject, details) = (Subject::doorkey(), Details::none());
    audit::record(tx, &Actor::System, Action::BackupMade, &subject, details, now)?;
    Ok(store::marks::set(tx, MARK, now)?)
}

/// When the last good backup was made; none if there was none yet.
pub fn last(tx: &mut Tx<'_>) -> Result<Option<Millis>, Error> {
    Ok(store::marks::find(tx, MARK)?)
}

/// What was done to a restored database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Links that worked in the backup and are revoked now.
    pub links: u64,
    /// Sessions of staff that were in the backup and are forgotten now.
    pub sessions: u64,
    /// Mails that waited in the backup and are held now.
    pub mails: u64,
    /// API keys that work in the backup. They work on: one that was revoked since must be revoked
    /// again.
    pub api_keys: Vec<ApiKey>,
    /// How many webhooks there are.
    pub webhooks: usize,
}

/// Makes a restored database safe to serve. What was revoked, used up or sent since the backup is
/// not known any more, so every link is revoked; requests for links, staff's sessions and sign-ins, and their codes are
/// forgotten; and mails that waited are held: see [`crate::domain::outbox`].
pub fn make_safe(tx: &mut Tx<'_>, now: Millis) -> Result<Restored, Error> {
    let links = store::links::revoke_everybodys(tx, RESTORED, now)?;
    store::link_requests::forget_all(tx)?;
    store::staff_sign_ins::forget_all(tx)?;
    let sessions = store::sessions::forget_all(tx)?;
    store::passkeys::forget_challenges(tx)?;
    store::oidc::forget_all(tx)?;
    let mails = store::outbox_desk::hold_queued(tx, RESTORED)?;
    let mut api_keys = store::api_keys::list(tx)?;
    api_keys.retain(|key| key.revoked_at.is_none());
    let webhooks = store::webhooks::list(tx)?.len();
    let (subject, details) = (Subject::doorkey(), Details::none());
    audit::record(tx, &Actor::System, Action::BackupRestored, &subject, details, now)?;
    Ok(Restored { links, sessions, mails, api_keys, webhooks })
}
