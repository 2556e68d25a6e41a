//! Staff: the people who work the tickets.

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::audit::{self, Action, Details, Subject};
use crate::domain::email::Email;
use crate::domain::tickets::Person;
use crate::domain::{Actor, sessions};
use crate::error::{Error, FieldCode, FieldError};
use crate::{ids, store};

/// What a member of staff, or an API key, may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything about tickets, and reading customers.
    Technician,
    /// Everything.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 2] = [Self::Technician, Self::Admin];

    /// The word for it in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Technician => "technician",
            Self::Admin => "admin",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// A member of staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staff {
    /// The row.
    pub id: i64,
    /// Where they are mailed. Customers never see it.
    pub email: Email,
    /// Their name, as customers read it.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whether they may do anything at all.
    pub active: bool,
    /// When they were added.
    pub created_at: Millis,
}

/// A member of staff, and how they come and go.
#[derive(Clone, Debug)]
pub struct Colleague {
    /// Who.
    pub staff: Staff,
    /// When they were last at the desk, if that was in the last month.
    pub last_seen: Option<Millis>,
    /// How many sessions they have now.
    pub sessions: i64,
    /// How many passkeys.
    pub passkeys: i64,
}

/// A member of staff to add; the name was read with [`crate::domain::text::parse_line`].
#[derive(Clone, Debug)]
pub struct NewStaff {
    /// Where they are mailed; unique among staff without regard to case.
    pub email: Email,
    /// Their name, as customers read it.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

/// Adds a member of staff.
///
/// # Errors
/// [`Error::Invalid`] naming `email` if somebody of staff has it already.
pub fn add(tx: &mut Tx<'_>, actor: &Actor, new: &NewStaff, now: Millis) -> Result<Staff, Error> {
    if store::staff::find_by_email(tx, &new.email)?.is_some() {
        let message = "Somebody with this e-mail address is on the staff already.";
        return Err(FieldError::new("email", FieldCode::Taken, message).into());
    }
    let staff = Staff {
        id: ids::new_id(now),
        email: new.email.clone(),
        name: new.name.clone(),
        role: new.role,
        active: true,
        created_at: now,
    };
    store::staff::insert(tx, &staff)?;
    let details = Details::none().with("name", new.name.as_str()).with("role", new.role.as_str());
    audit::record(tx, actor, Action::StaffAdded, &Subject::staff(&staff), details, now)?;
    Ok(staff)
}

/// Adds one as they are, unless somebody has the address; returns who has it now.
pub fn add_if_missing(tx: &mut Tx<'_>, staff: &Staff) -> Result<Staff, Error> {
    if let Some(known) = store::staff::find_by_email(tx, &staff.email)? {
        return Ok(known);
    }
    store::staff::insert(tx, staff)?;
    Ok(staff.clone())
}

/// Everybody, in the order in which they were added.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Staff>, Error> {
    Ok(store::staff::list(tx)?)
}

/// The member of staff with this id.
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Staff, Error> {
    store::staff::find(tx, id)?.ok_or(Error::NotFound)
}

/// Everybody as admins see them, the active first, by name.
pub fn colleagues(tx: &mut Tx<'_>, now: Millis) -> Result<Vec<Colleague>, Error> {
    Ok(store::staff::colleagues(tx, now.minus(sessions::IDLE), now)?)
}

/// The member of staff with this address.
pub fn find_by_email(tx: &mut Tx<'_>, email: &Email) -> Result<Staff, Error> {
    store::staff::find_by_email(tx, email)?.ok_or(Error::NotFound)
}

/// Changes what a member of staff is called and what they may do, at once.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] naming `role` if they are the last active admin.
pub fn edit(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: i64,
    (name, role): (&str, Role),
    now: Millis,
) -> Result<Staff, Error> {
    let admins = store::staff::lock_admins(tx)?;
    let old = find(tx, id)?;
    if role != Role::Admin {
        keep_an_admin(actor, &admins, &old, "role")?;
    }
    let staff = Staff { name: name.to_owned(), role, ..old.clone() };
    let details = Details::none().changed("name", old.name.as_str(), name).changed(
        "role",
        old.role.as_str(),
        role.as_str(),
    );
    if !details.is_empty() {
        store::staff::update(tx, &staff)?;
        audit::record(tx, actor, Action::StaffEdited, &Subject::staff(&staff), details, now)?;
    }
    Ok(staff)
}

/// Refuses to leave the desk without an admin. Not to an operator, who can make another at any time.
fn keep_an_admin(actor: &Actor, admins: &[i64], staff: &Staff, field: &str) -> Result<(), Error> {
    if *actor == Actor::System || admins != [staff.id] {
        return Ok(());
    }
    let message = "This is the only active admin. Make somebody else an admin first.";
    Err(FieldError::new(field, FieldCode::UnknownValue, message).into())
}

/// Keeps a member of staff out, or lets them in again. Their tickets stay theirs; their sessions end
/// at once, and links and codes that were mailed to them work no more.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] naming `active` if they are the last active admin, unless an
/// operator does it.
pub fn set_active(
    tx: &mut Tx<'_>,
    actor: &Actor,
    email: &Email,
    active: bool,
    now: Millis,
) -> Result<Staff, Error> {
    let admins = store::staff::lock_admins(tx)?;
    let mut staff = find_by_email(tx, email)?;
    if !active {
        keep_an_admin(actor, &admins, &staff, "active")?;
    }
    if staff.active != active {
        let action = if active { Action::StaffEnabled } else { Action::StaffDisabled };
        audit::record(tx, actor, action, &Subject::staff(&staff), Details::none(), now)?;
    }
    store::staff::set_active(tx, staff.id, active)?;
    if !active {
        sessions::end_all(tx, staff.id, now)?;
    }
    staff.active = active;
    Ok(staff)
}

/// The active member of staff with this address, as a ticket names them.
///
/// # Errors
/// [`Error::Invalid`] naming `assignee` if there is none.
pub(in crate::domain) fn find_assignee(
    tx: &mut Tx<'_>,
    email: Option<&Email>,
) -> Result<Option<Person>, Error> {
    let Some(email) = email else { return Ok(None) };
    match store::staff::find_by_email(tx, email)? {
        Some(Staff { id, email, name, active: true, .. }) => Ok(Some(Person { id, email, name })),
        _ => {
            let message = "Nobody active on the staff has this e-mail address.";
            Err(FieldError::new("assignee", FieldCode::UnknownValue, message).into())
        }
    }
}
