//! The captured mailbox: what would have been sent, readable while no mail server is set.

use askama::Template;
use linkify::{LinkFinder, LinkKind};

use crate::clock::Millis;
use crate::web::site::{Site, time};

/// A captured mail.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Its number.
    pub id: i64,
    /// Who sends.
    pub from: String,
    /// To whom.
    pub to: String,
    /// What it is about.
    pub subject: String,
    /// When it was handed over.
    pub at: Millis,
    /// Its text part.
    pub text: String,
    /// Its HTML part.
    pub html: String,
}

/// `/dev/mailbox`: all of them, newest first.
#[derive(Template)]
#[template(path = "dev/mailbox.html")]
pub struct Mailbox<'a> {
    /// Brand and assets.
    pub site: &'a Site,
    /// The mails.
    pub mails: &'a [Mail],
}

/// `/dev/mailbox/{id}`: one mail.
#[derive(Template)]
#[template(path = "dev/mail.html")]
pub struct MailPage<'a> {
    /// Brand and assets.
    pub site: &'a Site,
    /// The mail.
    pub mail: &'a Mail,
}

impl MailPage<'_> {
    fn links(&self) -> Vec<&str> {
        let mut finder = LinkFinder::new();
        finder.kinds(&[LinkKind::Url]);
        let mut links: Vec<&str> =
            finder.links(&self.mail.text).map(|link| link.as_str()).collect();
        links.retain(|link| link.starts_with("http"));
        links.dedup();
        links
    }
}
