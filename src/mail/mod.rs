//! Mails: what each says ([`Mail`]), how it reads ([`render()`]) and how it is
//! handed over.
//!
//! A [`Mail`] is kept as JSON in the outbox until it is sent. It says what to tell whom and never
//! holds a link or a code: those are [`Minted`] when the mail is handed over, each attempt its
//! own, so that neither the database nor a backup of it opens anything.

pub mod capture;
mod colours;
pub mod compose;
pub mod health;
mod hosts;
pub mod outbox;
mod render;
pub mod smtp;
mod socket;
#[cfg(test)]
mod tests;
mod tls;
mod words;

pub use render::render;

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::domain::email::Email;

/// The kind of [`Mail::PortalLink`].
pub const PORTAL_LINK: &str = "portal_link";
/// The kind of mail that lets a member of staff in whom an admin sent it to.
pub const STAFF_LINK: &str = "staff_link";

/// What is to be said. Names, subjects and texts are kept as people wrote them; [`render()`]
/// makes them harmless.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Mail {
    /// To a customer who asked for a way in: a link and a code.
    PortalLink {
        /// The customer's name, or empty.
        customer_name: String,
        /// The reference of the ticket they wanted to see.
        ticket: Option<String>,
    },
    /// To the customer of a new ticket.
    TicketCreated {
        /// The customer's name, or empty.
        customer_name: String,
        /// The ticket's reference.
        reference: String,
        /// The ticket's subject.
        subject: String,
    },
    /// To the customer: somebody wrote a note they may read.
    NoteAdded {
        /// The customer's name, or empty.
        customer_name: String,
        /// The ticket's reference.
        reference: String,
        /// The ticket's subject.
        subject: String,
        /// Who wrote it, if customers may know.
        author: Option<String>,
        /// What they wrote.
        note: String,
    },
    /// To the customer: the ticket's status changed.
    StatusChanged {
        /// The customer's name, or empty.
        customer_name: String,
        /// The ticket's reference.
        reference: String,
        /// The ticket's subject.
        subject: String,
        /// The label of the status before, `Open`.
        from: String,
        /// The label of the status now, `In Progress`.
        to: String,
    },
    /// To the customer: the ticket is resolved.
    TicketResolved {
        /// The customer's name, or empty.
        customer_name: String,
        /// The ticket's reference.
        reference: String,
        /// The ticket's subject.
        subject: String,
        /// How it was resolved.
        resolution: String,
        /// A public note written in the same act.
        note: Option<String>,
    },
    /// To staff: the customer replied.
    CustomerReplied {
        /// The ticket's reference.
        reference: String,
        /// The ticket's subject.
        subject: String,
        /// The customer's name, or empty.
        customer_name: String,
        /// The customer's address.
        customer_email: String,
        /// What they wrote.
        reply: String,
    },
    /// To a technician: somebody gave them a ticket.
    TicketAssigned {
        /// The ticket's reference.
        reference: String,
        /// The ticket's subject.
        subject: String,
        /// The technician's name.
        technician_name: String,
        /// Who assigned it, if that was a person.
        assigned_by: Option<String>,
    },
    /// To a member of staff who asked for a way in: a link and a code.
    StaffSignIn {
        /// Their name.
        name: String,
    },
    /// To a member of staff whom an admin lets in: a link.
    StaffLink {
        /// Their name.
        name: String,
        /// The admin's name.
        sent_by: Option<String>,
    },
}

impl Mail {
    /// The word for it in the outbox and in the captured mailbox.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::PortalLink { .. } => PORTAL_LINK,
            Self::TicketCreated { .. } => "ticket_created",
            Self::NoteAdded { .. } => "note_added",
            Self::StatusChanged { .. } => "status_changed",
            Self::TicketResolved { .. } => "ticket_resolved",
            Self::CustomerReplied { .. } => "customer_replied",
            Self::TicketAssigned { .. } => "ticket_assigned",
            Self::StaffSignIn { .. } => "staff_sign_in",
            Self::StaffLink { .. } => STAFF_LINK,
        }
    }

    /// Lower goes first: 0 for who waits at the door, 1 for news.
    pub fn lane(&self) -> i64 {
        match self {
            Self::PortalLink { .. } | Self::StaffSignIn { .. } | Self::StaffLink { .. } => 0,
            _ => 1,
        }
    }

    /// The ticket in whose thread it belongs. A sign-in mail belongs in none.
    pub fn thread(&self) -> Option<&str> {
        match self {
            Self::TicketCreated { reference, .. }
            | Self::NoteAdded { reference, .. }
            | Self::StatusChanged { reference, .. }
            | Self::TicketResolved { reference, .. }
            | Self::CustomerReplied { reference, .. }
            | Self::TicketAssigned { reference, .. } => Some(reference),
            Self::PortalLink { .. } | Self::StaffSignIn { .. } | Self::StaffLink { .. } => None,
        }
    }
}

/// What opens something, made when a mail is handed over and kept nowhere.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Minted {
    /// The whole address: of the portal with its token, or of the desk.
    pub link: Option<String>,
    /// Six digits for who reads mail on another device.
    pub code: Option<String>,
    /// How long the link works, in words: `7 days`.
    pub valid_for: String,
}

/// Whose mails these are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brand {
    /// The company's name.
    pub name: String,
    /// Its colour, `#rrggbb`. Anything else gives way to Doorkey's own.
    pub colour: String,
    /// Where it can be called.
    pub support_phone: Option<String>,
    /// When it can be called.
    pub support_hours: Option<String>,
}

impl From<&crate::config::Brand> for Brand {
    fn from(setting: &crate::config::Brand) -> Self {
        Self {
            name: setting.name.clone(),
            colour: setting.colour.clone().unwrap_or_default(),
            support_phone: setting.phone.clone(),
            support_hours: setting.hours.clone(),
        }
    }
}

/// A mail in words, ready to be composed. Holds a usable link: never log or store it.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line without control characters.
    pub subject: String,
    /// The mail as plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// One mail to one person, on its way out.
#[derive(Clone)]
pub struct Letter {
    /// The Message-ID without angle brackets, `word@domain`; the same at every attempt.
    pub message_id: String,
    /// [`Mail::kind`].
    pub kind: &'static str,
    /// The only recipient.
    pub to: Email,
    /// What the `Date` header says.
    pub at: Millis,
    /// [`Mail::thread`].
    pub thread: Option<String>,
    /// What it says.
    pub rendered: Rendered,
}

/// Why a mail was not taken. No reason holds a password or a link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Worth another attempt: no connection, a timeout, or a 4xx reply.
    #[error("try again later: {reason}")]
    Later {
        /// For staff and the log.
        reason: String,
    },
    /// Final: the server refuses this recipient or this mail.
    #[error("refused: {reason}")]
    Refused {
        /// For staff and the log.
        reason: String,
    },
    /// Nothing can be sent until somebody acts: TLS or authentication fails, or the server
    /// refuses us as a client or sender. The whole queue pauses.
    #[error("sending is paused: {reason}")]
    Paused {
        /// For staff and the log.
        reason: String,
    },
}

/// Where mails go: to a mail server, or into the captured mailbox.
pub enum Transport {
    /// To a mail server.
    Smtp(Box<smtp::Smtp>),
    /// Into a folder.
    Capture(capture::Capture),
}

impl Transport {
    /// Hands `letter` over. `Ok` means that it was taken.
    ///
    /// # Errors
    ///
    /// See [`SendError`].
    pub async fn send(&self, letter: &Letter) -> Result<(), SendError> {
        match self {
            Self::Smtp(smtp) => smtp.send(letter).await,
            Self::Capture(capture) => {
                let (capture, letter) = (capture.clone(), letter.clone());
                let kept = tokio::task::spawn_blocking(move || capture.keep(&letter)).await;
                kept.unwrap_or_else(|error| Err(SendError::Later { reason: error.to_string() }))
            }
        }
    }
}
