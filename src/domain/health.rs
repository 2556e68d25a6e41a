//! What the rows tell of the health of the house, for who looks after it. Each is one indexed read.

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::outbox::MailState;
use crate::domain::staff::Role;
use crate::domain::{backups, mails};
use crate::error::Error;
use crate::store;

/// What `doorkey doctor` wants to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The last update of any ticket.
    pub newest: Option<Millis>,
    /// Whether anybody active is an admin.
    pub has_admin: bool,
    /// Since when the mail that has been due longest is due.
    pub oldest_due: Option<Millis>,
    /// Mails that were given up and are still on record, counted up to 10,000.
    pub failed: i64,
    /// When the last backup was made.
    pub last_backup: Option<Millis>,
}

/// Looks.
pub fn look(tx: &mut Tx<'_>, now: Millis) -> Result<Health, Error> {
    let staff = store::staff::list(tx)?;
    Ok(Health {
        newest: store::tickets::newest_update(tx)?,
        has_admin: staff.iter().any(|one| one.active && one.role == Role::Admin),
        oldest_due: mails::backlog(tx, now)?.iter().filter_map(|lane| lane.oldest).min(),
        failed: mails::count(tx, MailState::Failed)?,
        last_backup: backups::last(tx)?,
    })
}
