//! Admins change settings: some that stand together on a page, at once or not at all.

use super::{InForce, Keeper, Stored, words};
use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::Actor;
use crate::domain::audit::{self, Action, Details, Subject};
use crate::domain::logos::{self, Logo};
use crate::error::{Error, FieldCode, FieldError};
use crate::ids;
use crate::store;

/// Settings that stand together on a page of the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What the company is called, looks like, and where it can be called.
    Brand,
    /// Its logo.
    Logo,
    /// What tickets do, and how long links work.
    Tickets,
    /// Which mails are sent.
    Mails,
    /// The cards of the start page.
    StartPage,
}

impl Section {
    /// The settings in it.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Brand => &["brand.name", "brand.colour", "brand.phone", "brand.hours"],
            Self::Logo => &["brand.logo"],
            Self::Tickets => &[
                "tickets.categories",
                "tickets.reopen_on_reply",
                "tickets.auto_close_days",
                "portal.link_ttl",
            ],
            Self::Mails => &[
                "mail.on_ticket_created",
                "mail.on_note_added",
                "mail.on_status_change",
                "mail.on_ticket_resolved",
                "mail.on_customer_replied",
                "mail.on_ticket_assigned",
                "mail.staff_inbox",
            ],
            Self::StartPage => &["brand.cards"],
        }
    }
}

/// What a setting is to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub name: &'static str,
    /// What it is to be, as text that [`super::read`] made.
    pub value: String,
}

/// What a page showed of a section when somebody began to write: a hash of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen(String);

impl Seen {
    /// All that there is of `section`.
    pub fn of(section: Section, holds: &InForce) -> Self {
        let texts: Vec<String> =
            section.names().iter().map(|name| holds.config.text_of(name)).collect();
        Self(ids::hash_word(texts.join("\0").as_bytes()))
    }

    /// Reads what [`Self::as_str`] gives.
    pub fn parse(word: &str) -> Self {
        Self(word.to_owned())
    }

    /// The word for it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is made, or was so already.
    Done,
    /// Somebody changed the same settings meanwhile; nothing was done.
    ChangedMeanwhile,
}

/// Changes settings of `section`, if they still are what the page showed. A new logo comes along as
/// `logo`.
///
/// # Errors
/// [`Error::Invalid`] naming a setting that is the operator's. Then nothing was changed.
pub fn save(
    tx: &mut Tx<'_>,
    keeper: &Keeper,
    actor: &Actor,
    (section, seen): (Section, &Seen),
    (changes, logo): (&[Change], Option<&Logo>),
    now: Millis,
) -> Result<Outcome, Error> {
    // Before anything is read: two who save take turns.
    store::settings::set_stamp(tx, &ids::word())?;
    // Not what the keeper remembers, nor to be remembered: it is about to be other settings.
    let holds = InForce::new(keeper.operators(), store::settings::list(tx)?, None);
    let other = |change: &&Change| holds.config.text_of(change.name) != change.value;
    let changes: Vec<&Change> = changes.iter().filter(other).collect();
    if changes.is_empty() {
        return Ok(Outcome::Done);
    }
    if Seen::of(section, &holds) != *seen {
        return Ok(Outcome::ChangedMeanwhile);
    }
    let wrong: Vec<FieldError> = changes.iter().filter_map(|it| refusal(keeper, it)).collect();
    if !wrong.is_empty() {
        return Err(Error::Invalid(wrong));
    }
    if let Some(logo) = logo {
        logos::keep(tx, logo, holds.config.brand.logo.as_deref(), now)?;
    }
    let mut details = Details::none();
    for change in changes {
        let before = holds.config.text_of(change.name);
        details = words::tell(details, change.name, (&before, &change.value));
        store::settings::put(tx, &stored(change, actor, now))?;
    }
    audit::record(tx, actor, Action::SettingsChanged, &Subject::doorkey(), details, now)?;
    Ok(Outcome::Done)
}

fn stored(change: &Change, actor: &Actor, now: Millis) -> Stored {
    Stored {
        name: change.name.to_owned(),
        value: change.value.clone(),
        changed_at: now,
        changed_by: actor.name().unwrap_or_else(|| "the operator".to_owned()),
    }
}

/// Why this may not be changed, or not to that.
fn refusal(keeper: &Keeper, change: &Change) -> Option<FieldError> {
    let field = change.name.rsplit('.').next().unwrap_or(change.name);
    if let Some(place) = keeper.operators().operators_place(change.name) {
        let message =
            format!("The operator has set this in {place}; it can only be changed there.");
        return Some(FieldError::new(field, FieldCode::Taken, message));
    }
    let unreadable = keeper.operators().clone().set(change.name, &change.value).err();
    unreadable.map(|message| FieldError::new(field, FieldCode::Malformed, message))
}

/// The settings as they would be with `changes`, for a look at them before. What is the operator's stays.
pub fn imagine(keeper: &Keeper, holds: &InForce, changes: &[Change], now: Millis) -> InForce {
    let mut all = holds.stored.clone();
    for change in changes {
        all.retain(|stored| stored.name != change.name);
        all.push(stored(change, &Actor::System, now));
    }
    InForce::new(keeper.operators(), all, holds.stamp.clone())
}

/// Takes a setting from an export, if nobody has made it here. Answers whether it did.
///
/// # Errors
/// Those of the database.
pub fn import(
    tx: &mut Tx<'_>,
    name: &str,
    value: &str,
    logo: Option<&Logo>,
    now: Millis,
) -> Result<bool, Error> {
    store::settings::set_stamp(tx, &ids::word())?;
    if is_stored(tx, name)? {
        return Ok(false);
    }
    if let Some(logo) = logo {
        logos::keep(tx, logo, None, now)?;
    }
    let changed_by = "an import".to_owned();
    let (name, value) = (name.to_owned(), value.to_owned());
    store::settings::put(tx, &Stored { name, value, changed_at: now, changed_by })?;
    Ok(true)
}

/// Whether an admin has made this setting.
///
/// # Errors
/// Those of the database.
pub fn is_stored(tx: &mut Tx<'_>, name: &str) -> Result<bool, Error> {
    Ok(store::settings::list(tx)?.iter().any(|stored| stored.name == name))
}
