//! Sessions: who of staff is at the desk, in which browsers, and until when.

use std::time::Duration;

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::Actor;
use crate::domain::audit::{self, Action, Details, Subject};
use crate::domain::staff::{Role, Staff};
use crate::error::Error;
use crate::ids::{self, Token, TokenHash};
use crate::store;

/// A session that was not used for so long is over (ASVS 7.3.1).
pub const IDLE: Duration = Duration::from_secs(12 * 3600);
/// So long a session lasts at most, however much it is used (ASVS 7.3.2).
pub const LIFETIME: Duration = Duration::from_secs(7 * 86_400);
/// A use is written down when the last one is at least so long ago.
pub const USE_NOTED_AFTER: Duration = Duration::from_secs(60);
/// How long it is remembered who was there.
const REMEMBERED: Duration = Duration::from_secs(30 * 86_400);

/// How somebody came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// With the link that was mailed.
    Link,
    /// With the code that was mailed.
    Code,
    /// With a link that an operator made at the command line.
    Operator,
    /// With a link that an admin sent or made.
    Invited,
    /// With a passkey.
    Passkey,
    /// At the OpenID Connect provider.
    Oidc,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 6] =
        [Self::Link, Self::Code, Self::Operator, Self::Invited, Self::Passkey, Self::Oidc];

    /// The word for it in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Code => "code",
            Self::Operator => "operator",
            Self::Invited => "invited",
            Self::Passkey => "passkey",
            Self::Oidc => "oidc",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == word)
    }

    /// For people: `signed in with …`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Link => "a mailed link",
            Self::Code => "a mailed code",
            Self::Operator => "a link from the command line",
            Self::Invited => "a link from an admin",
            Self::Passkey => "a passkey",
            Self::Oidc => "OpenID Connect",
        }
    }
}

/// The browser somebody comes with, as coarsely as it is kept.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// `Firefox on Windows`, at most 100 characters.
    pub browser: String,
    /// Roughly where it is: `192.0.2.x`, at most 100 characters.
    pub network: String,
    /// The session this browser has so far; it ends when another begins.
    pub had: Option<TokenHash>,
}

/// A session, without its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The row.
    pub id: i64,
    /// Whose.
    pub staff_id: i64,
    /// How it began.
    pub way: Way,
    /// In which browser, in words.
    pub browser: String,
    /// Roughly where.
    pub network: String,
    /// When it began.
    pub created_at: Millis,
    /// When it was last used, give or take [`USE_NOTED_AFTER`].
    pub last_used_at: Millis,
    /// When it ends, however much it is used.
    pub expires_at: Millis,
}

/// Somebody at the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The session they came with.
    pub session: Session,
    /// Who they are.
    pub staff: Staff,
}

impl SignedIn {
    /// Them as an actor.
    pub fn actor(&self) -> Actor {
        let Staff { id, name, role, .. } = &self.staff;
        Actor::Staff { id: *id, name: name.clone(), role: *role }
    }

    /// Whether they may do everything.
    pub fn is_admin(&self) -> bool {
        self.staff.role == Role::Admin
    }
}

/// Signs somebody in. The token is returned and kept nowhere.
pub(in crate::domain) fn begin(
    tx: &mut Tx<'_>,
    staff: &Staff,
    way: Way,
    visitor: &Visitor,
    now: Millis,
) -> Result<(SignedIn, Token), Error> {
    let (signed_in, token) = open(tx, staff, way, visitor, now)?;
    let details =
        Details::none().with("with", way.label()).with("browser", visitor.browser.as_str());
    let subject = Subject::staff(staff);
    audit::record(tx, &signed_in.actor(), Action::SignedIn, &subject, details, now)?;
    Ok((signed_in, token))
}

/// Begins a session for somebody who is at the desk already, in place of the one they had.
pub(in crate::domain) fn open(
    tx: &mut Tx<'_>,
    staff: &Staff,
    way: Way,
    visitor: &Visitor,
    now: Millis,
) -> Result<(SignedIn, Token), Error> {
    if let Some(had) = visitor.had {
        store::sessions::revoke_by_token(tx, had, now)?;
    }
    let token = Token::random();
    let session = Session {
        id: ids::new_id(now),
        staff_id: staff.id,
        way,
        browser: visitor.browser.clone(),
        network: visitor.network.clone(),
        created_at: now,
        last_used_at: now,
        expires_at: now.plus(LIFETIME),
    };
    store::sessions::insert(tx, &session, token.hash())?;
    Ok((SignedIn { session, staff: staff.clone() }, token))
}

/// Who is at the desk with this token; nobody if its session is unknown, was ended, was not used
/// for [`IDLE`], is older than [`LIFETIME`], or its member of staff is no longer active.
pub fn find(tx: &mut Tx<'_>, token: TokenHash, now: Millis) -> Result<Option<SignedIn>, Error> {
    let found = store::sessions::find_open(tx, token, now.minus(IDLE), now)?;
    Ok(found.filter(|signed_in| signed_in.staff.active))
}

/// The open sessions of one member of staff, the newest first.
pub fn list(tx: &mut Tx<'_>, staff_id: i64, now: Millis) -> Result<Vec<Session>, Error> {
    Ok(store::sessions::open_of_staff(tx, staff_id, now.minus(IDLE), now)?)
}

/// Ends one of one's own sessions at once; the one that is being used is signed out of. Ending it again
/// changes nothing.
///
/// # Errors
/// [`Error::NotFound`] if they have no such session.
pub fn revoke(tx: &mut Tx<'_>, me: &SignedIn, id: i64, now: Millis) -> Result<(), Error> {
    if !store::sessions::revoke(tx, me.staff.id, id, now)? {
        return Err(Error::NotFound);
    }
    let own = id == me.session.id;
    let action = if own { Action::SignedOut } else { Action::SessionRevoked };
    audit::record(tx, &me.actor(), action, &Subject::staff(&me.staff), Details::none(), now)
}

/// Ends every session of a member of staff at once, and makes links and codes that were mailed
/// worthless.
pub fn revoke_all(tx: &mut Tx<'_>, actor: &Actor, staff: &Staff, now: Millis) -> Result<(), Error> {
    end_all(tx, staff.id, now)?;
    let subject = Subject::staff(staff);
    audit::record(tx, actor, Action::SessionsRevoked, &subject, Details::none(), now)
}

/// The same as part of something else. What was mailed goes first: a link that is being used at this
/// moment is waited for, and its session ends with the rest.
pub(in crate::domain) fn end_all(tx: &mut Tx<'_>, staff_id: i64, now: Millis) -> Result<(), Error> {
    store::staff_sign_ins::forget_of_staff(tx, staff_id)?;
    store::sessions::revoke_all(tx, staff_id, now)?;
    Ok(())
}

/// Ends sessions that were not used for [`IDLE`], so that setting the clock back opens none of them again.
/// Returns how many.
pub fn note_ends(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<u64, Error> {
    Ok(store::sessions::end_idle(tx, now.minus(IDLE), now, limit)?)
}

/// Forgets sessions that are long over. Returns how many.
pub fn forget_old(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<u64, Error> {
    Ok(store::sessions::purge(tx, now.minus(REMEMBERED), limit)?)
}
