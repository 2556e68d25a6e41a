//! The customer's pages. The address answers a plain navigation with a shell that is the same for
//! everybody; with a token in the `Authorization` header it answers with the content to show in it.

pub mod list;
pub mod ticket;

#[cfg(test)]
mod tests;

use askama::Template;

use crate::clock::Millis;
use crate::web::site::Site;

/// Who reads a page, as the page names them.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Their address.
    pub email: String,
    /// Their name; empty if they never gave one.
    pub name: String,
    /// When their link ends.
    pub expires_at: Millis,
}

impl Reader {
    /// What to greet them with.
    pub fn first_name(&self) -> Option<&str> {
        self.name.split_whitespace().next()
    }
}

/// What every address of the portal answers before it knows who asks.
#[derive(Template)]
#[template(path = "portal/shell.html")]
pub struct Shell<'a> {
    /// Brand and assets.
    pub site: &'a Site,
}

/// A link that opens nothing (any more), with the form for a new one.
#[derive(Template)]
#[template(path = "portal/refused.html")]
pub struct Refused {
    /// Whether it was good once.
    pub expired: bool,
}

impl Refused {
    fn heading(&self) -> &'static str {
        if self.expired { "This link has expired" } else { "This link is not valid" }
    }
}

/// A ticket that is not there, or not theirs: the same words for both.
#[derive(Template)]
#[template(path = "portal/missing.html")]
pub struct Missing;
