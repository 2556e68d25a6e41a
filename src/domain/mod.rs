//! Rules and transactions: no SQL, no HTTP.
//!
//! Every function that changes something gets an open transaction, asks [`crate::store`],
//! decides, tells the store, and puts the mails that follow into the same transaction.
//! Time comes in as a parameter. Authorisation is part of the look-up: what an actor may not
//! see is not found.

pub mod access;
pub mod answers;
pub mod api_keys;
pub mod audit;
pub mod backups;
pub mod codes;
pub mod colour;
pub mod customer_desk;
pub mod customer_import;
pub mod customer_uploads;
pub mod customers;
pub mod dashboard;
pub mod email;
pub mod entries;
pub mod erasures;
pub mod events;
pub mod health;
pub mod highlight;
pub mod histories;
pub mod id_token;
pub mod idempotency;
pub mod keys;
pub mod limits;
pub mod links;
pub mod live;
pub mod logos;
pub mod mails;
pub mod notes;
pub mod oidc;
pub mod outbox;
pub mod page;
pub mod passkeys;
pub mod person;
pub mod presence;
pub mod replies;
pub mod saved_views;
pub mod search;
pub mod sessions;
pub mod settings;
pub mod staff;
pub mod staff_sign_ins;
pub mod table;
pub mod text;
pub mod tickets;
pub mod transfer;
pub mod uses;
pub mod webauthn;
pub mod webhooks;
pub mod words;

use std::time::Duration;

/// What every function of the domain works in: an open transaction.
pub use crate::db::Tx;

use crate::domain::email::Email;
use crate::domain::staff::Role;

/// Who does something. Decides what is found, what may be done and how it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A customer with a portal link.
    Customer {
        /// Their row.
        id: i64,
        /// Their name, empty if they never gave one.
        name: String,
    },
    /// A member of staff at the desk or the command line.
    Staff {
        /// Their row.
        id: i64,
        /// Their name, as customers read it.
        name: String,
        /// What they may do.
        role: Role,
    },
    /// A program with an API key.
    Program {
        /// The key's row.
        id: i64,
        /// The key's name; staff see it, customers never do.
        name: String,
        /// What it may do.
        role: Role,
    },
    /// Doorkey itself, or its operator at the command line.
    System,
}

impl Actor {
    /// Their name, if they have one.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Customer { name, .. } => (!name.is_empty()).then(|| name.clone()),
            Self::Staff { name, .. } | Self::Program { name, .. } => Some(name.clone()),
            Self::System => None,
        }
    }
}

/// Which mails are sent when something happens to a ticket. Whoever asks for a way in is always
/// mailed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notices {
    /// To the customer of a new ticket. Setting `mail.on_ticket_created`.
    pub ticket_created: bool,
    /// To the customer, with a public note. Setting `mail.on_note_added`.
    pub note_added: bool,
    /// To the customer, about another status. Setting `mail.on_status_change`.
    pub status_changed: bool,
    /// To the customer, with the resolution. Setting `mail.on_ticket_resolved`.
    pub ticket_resolved: bool,
    /// To staff, with the customer's reply. Setting `mail.on_customer_replied`.
    pub customer_replied: bool,
    /// To the technician who is given a ticket. Setting `mail.on_ticket_assigned`.
    pub ticket_assigned: bool,
}

impl Default for Notices {
    fn default() -> Self {
        Self {
            ticket_created: true,
            note_added: true,
            status_changed: false,
            ticket_resolved: true,
            customer_replied: true,
            ticket_assigned: true,
        }
    }
}

/// The settings that rules depend on.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How long a link works after it was issued. Setting `portal.link_ttl`.
    pub link_ttl: Duration,
    /// Whether a customer's reply reopens a resolved ticket. Setting `tickets.reopen_on_reply`.
    pub reopen_on_reply: bool,
    /// Days after which a resolved ticket closes by itself; 0 means never. Setting `tickets.auto_close_days`.
    pub auto_close_days: u32,
    /// The categories a ticket may have. Setting `tickets.categories`.
    pub categories: Vec<String>,
    /// Where replies to unassigned tickets are announced. Setting `mail.staff_inbox`.
    pub staff_inbox: Option<Email>,
    /// Which mails are sent. Settings `mail.on_…`.
    pub notices: Notices,
    /// Whether admins need a passkey. Setting `staff.require_passkey`.
    pub require_passkey: bool,
    /// Whether limits count. Setting `limits`; off only for load tests on a loopback address.
    pub limits: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            link_ttl: Duration::from_secs(7 * 86_400),
            reopen_on_reply: true,
            auto_close_days: 14,
            categories: ["Alarm", "CCTV", "Access Control", "Intercom", "General"]
                .map(String::from)
                .to_vec(),
            staff_inbox: None,
            notices: Notices::default(),
            require_passkey: false,
            limits: true,
        }
    }
}
