//! Staff: the people who work the tickets.

use crate::clock::Millis;
use crate::domain::email::Email;

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
