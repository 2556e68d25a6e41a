//! What an operator does with mails that did not get out: looks, tries again, gives up.
//!
//! A mail that failed keeps what it says for a while, since a full mailbox or a mistyped server can
//! be mended. A mail is held when a backup was restored: it may have been sent since, so it goes
//! out only when somebody says so.

use std::time::Duration;

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::Actor;
use crate::domain::audit::{self, Action, Details, Subject};
use crate::domain::email::Email;
use crate::domain::page::{self, Page};
use crate::error::{Error, FieldCode, FieldError};
use crate::ids::Reference;
use crate::mail::outbox;
use crate::store;

/// How long a failed mail keeps what it says, and can be tried again.
pub const TEXT_KEPT: Duration = Duration::from_secs(14 * 86_400);

/// How many mails are queued again at once, so that other writers get their turn.
pub const AT_ONCE: i64 = 1_000;

/// How far a mail is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailState {
    /// It waits to be sent, or is being sent.
    Queued,
    /// It was queued in a backup that was restored.
    Held,
    /// The mail server took it.
    Sent,
    /// It was given up.
    Failed,
}

impl MailState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Queued, Self::Held, Self::Sent, Self::Failed];

    /// The word for it on the command line and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Held => "held",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// A mail as operators see it: its envelope, never its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMail {
    /// The row.
    pub id: i64,
    /// Whether it opens a door for somebody who waits at it.
    pub is_sign_in: bool,
    /// Which mail it is: `note_added`.
    pub kind: String,
    /// To whom.
    pub recipient: Email,
    /// The ticket it is about.
    pub reference: Option<Reference>,
    /// How far it is.
    pub state: MailState,
    /// When it was put here.
    pub created_at: Millis,
    /// While it is queued: not before.
    pub due_at: Millis,
    /// When it was sent or given up.
    pub settled_at: Option<Millis>,
    /// How often it was handed to the mail server.
    pub attempts: i64,
    /// Why it was not taken, or is held.
    pub error: Option<String>,
    /// Whether what it says is still there.
    pub has_text: bool,
}

/// A mail about a ticket, or to a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketMail {
    /// The mail.
    pub mail: StoredMail,
    /// When the link in it was last used, by its reader or by a program that looks at mails.
    pub opened_at: Option<Millis>,
}

/// Mails in a state, the newest first.
pub fn list(
    tx: &mut Tx<'_>,
    state: MailState,
    cursor: Option<&str>,
    limit: i64,
) -> Result<Page<StoredMail>, Error> {
    let before = page::place("cursor", cursor)?;
    let rows = store::outbox_desk::list(tx, state, before, limit + 1)?;
    Ok(Page::cut(rows, limit, |mail| vec![mail.id], |mail| mail))
}

/// Queues a mail again that is held or failed, for another two days. It keeps its Message-ID, so
/// whoever has it already can tell.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] naming `id` if it waits already, was sent, has lost its
/// text, or is a sign-in mail: who waited at that door has long asked again.
pub fn retry(tx: &mut Tx<'_>, actor: &Actor, id: i64, now: Millis) -> Result<StoredMail, Error> {
    let mail = find(tx, id)?;
    if let Some(reason) = not_again(&mail) {
        return Err(refused(reason));
    }
    if store::outbox_desk::retry(tx, id, now, now.plus(outbox::NOTICE_TIME))? {
        audit::record(tx, actor, Action::MailRetried, &Subject::mail(&mail), about(&mail), now)?;
        return find(tx, id);
    }
    Err(refused("This mail has changed meanwhile. Please look again."))
}

/// Queues again every mail that failed and can be: [`AT_ONCE`] at most. Returns how many.
pub fn retry_failed(tx: &mut Tx<'_>, actor: &Actor, now: Millis) -> Result<u64, Error> {
    let until = now.plus(outbox::NOTICE_TIME);
    let count = store::outbox_desk::retry_failed(tx, now, until, AT_ONCE)?;
    if count > 0 {
        let details = Details::none().with("mails", count);
        audit::record(tx, actor, Action::MailsRetried, &Subject::doorkey(), details, now)?;
    }
    Ok(count)
}

/// Why a mail cannot be sent again; `None` if it can.
pub fn not_again(mail: &StoredMail) -> Option<&'static str> {
    match mail.state {
        MailState::Queued => Some("This mail waits already, and is sent by itself."),
        MailState::Sent => Some("This mail was sent."),
        _ if mail.is_sign_in => {
            Some("A sign-in mail is not sent late: whoever needs a link asks for a new one.")
        }
        _ if !mail.has_text => {
            Some("What this mail said is forgotten: it failed more than 14 days ago.")
        }
        MailState::Held | MailState::Failed => None,
    }
}

/// Gives up a mail that is held or queued. Until its text is forgotten it can be tried again.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] naming `id` if it was sent or given up before.
pub fn give_up(tx: &mut Tx<'_>, actor: &Actor, id: i64, now: Millis) -> Result<StoredMail, Error> {
    let mail = find(tx, id)?;
    if !store::outbox_desk::give_up(tx, id, BY_HAND, now)? {
        return Err(refused("This mail was sent or given up before."));
    }
    store::outbox::release_next(tx, id, now)?;
    audit::record(tx, actor, Action::MailGivenUp, &Subject::mail(&mail), about(&mail), now)?;
    find(tx, id)
}

fn about(mail: &StoredMail) -> Details {
    let details = Details::none().with("mail", mail.kind.as_str());
    match &mail.reference {
        Some(reference) => details.with("ticket", reference.as_str()),
        None => details,
    }
}

/// Gives up every mail that is held. Returns how many.
pub fn give_up_held(tx: &mut Tx<'_>, actor: &Actor, now: Millis) -> Result<u64, Error> {
    let count = store::outbox_desk::give_up_held(tx, BY_HAND, now)?;
    if count > 0 {
        let details = Details::none().with("mails", count);
        audit::record(tx, actor, Action::MailsGivenUp, &Subject::doorkey(), details, now)?;
    }
    Ok(count)
}

const BY_HAND: &str = "it was given up by hand";

fn find(tx: &mut Tx<'_>, id: i64) -> Result<StoredMail, Error> {
    store::outbox_desk::find(tx, id)?.ok_or(Error::NotFound)
}

fn refused(reason: &str) -> Error {
    FieldError::new("id", FieldCode::UnknownValue, reason).into()
}

/// Forgets what some mails said that failed long ago. Returns how many.
pub fn forget_texts(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<u64, Error> {
    Ok(store::outbox_desk::forget_texts(tx, now.minus(TEXT_KEPT), limit)?)
}
