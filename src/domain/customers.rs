//! Customers: the people whose tickets these are.

use crate::clock::Millis;
use crate::domain::email::Email;

/// A customer. Text that was never given is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// The row.
    pub id: i64,
    /// Unique without regard to case; cannot be changed once created.
    pub email: Email,
    /// What they are called.
    pub name: String,
    /// Where they can be called.
    pub phone: String,
    /// Whom they work for.
    pub company: String,
    /// What staff wrote about them. Only staff see it.
    pub notes: String,
    /// An inactive customer gets no link, and their links stop working at once.
    pub active: bool,
    /// When they were added.
    pub created_at: Millis,
}
