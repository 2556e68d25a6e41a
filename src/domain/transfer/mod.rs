//! Everything that belongs to the company, as lines of JSON: out of this database, and into it
//! from another or from another program. docs/EXPORT.md describes the lines.
//!
//! [`export()`] reads one moment of the database and gives line after line. On the way in,
//! [`Assembler`] checks each line by itself and gathers a ticket with its entries; [`import`] then
//! adds them in batches, each a transaction, and remembers what became of what, so that importing
//! again adds only what is new. Nobody is mailed and no link is made. Nothing here knows a file.

mod assemble;
mod entry;
mod export;
mod import;
mod lines;
mod parse;
mod setting;
mod tickets;
mod timeline;

pub use assemble::{Assembler, Piece, Whole, is_end};
pub use export::export;
pub use import::{Outcome, Remark, Tally, foresee, import, write_down};
pub use lines::{
    CustomerLine, EndLine, EntryLine, HeaderLine, Line, SettingLine, StaffLine, TicketLine, Totals,
};

use std::ops::RangeInclusive;

/// The version of the format that is written, and the only one that is read.
pub const VERSION: u32 = 1;
/// The longest line, in bytes: a text of 20,000 characters, each escaped, has 240,000.
pub const LONGEST_LINE: usize = 1024 * 1024;
/// Entries of one ticket at most: it is imported whole, in one transaction.
pub const MOST_ENTRIES: usize = 100_000;
/// Bytes of all texts of one ticket at most.
pub const MOST_TEXT: usize = 64 * 1024 * 1024;
/// Lengths of an id of the other system, and of its name.
pub const ID: RangeInclusive<usize> = 1..=200;
/// Where what is imported comes from, if nothing says so.
pub const SOURCE: &str = "doorkey";

/// What has an id of its own in the other system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A setting, whose name is its id. What became of one is not remembered.
    Setting,
    /// A member of staff.
    Staff,
    /// A customer.
    Customer,
    /// A ticket.
    Ticket,
}

impl What {
    /// The word for it in the database and in the lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Setting => "setting",
            Self::Staff => "staff",
            Self::Customer => "customer",
            Self::Ticket => "ticket",
        }
    }
}
