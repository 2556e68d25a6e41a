//! The portal as people meet it: stories in a real browser, with the real binary and a real mail
//! server. Each starts its own of everything.

mod access;
mod company;
mod customers;
mod demo;
mod desk;
mod drafts;
mod hostile;
mod keyboard;
mod lighthouse;
mod live;
mod looks;
mod oidc;
mod replies;
mod story;

use crate::real::browser::Browser;
use crate::real::doorkey::{Doorkey, Program};
use crate::real::smtp::Smtp;

/// A customer of the company.
const ANA: &str = "ana@cafe-lumen.example";
/// Another one.
const BEN: &str = "ben@harbour-lofts.example";
/// Where replies to unassigned tickets are announced.
const DESK: &str = "desk@rfs.example";

const SUBJECT: &str = "Alarm keeps beeping after the battery was changed";
const DESCRIPTION: &str = "The keypad in the kitchen beeps once a minute since Monday.";

/// Everything a story needs.
struct Stage {
    smtp: Smtp,
    doorkey: Doorkey,
    program: Program,
    browser: Browser,
}

impl Stage {
    /// Starts a mail server, Doorkey and a browser; `None`, and the test skipped, without them.
    async fn set(settings: &[(&str, &str)]) -> Option<Self> {
        let smtp = Smtp::start()?;
        let browser = Browser::start().await?;
        let mut all = vec![("DOORKEY_MAIL_STAFF_INBOX", DESK)];
        all.extend_from_slice(settings);
        let doorkey = Doorkey::start_with_mail(&smtp, &all);
        let program = doorkey.program("admin");
        Some(Self { smtp, doorkey, program, browser })
    }

    /// A ticket of [`ANA`]'s, and the link to it from the mail about it.
    async fn ticket(&self) -> (String, String) {
        let before = self.smtp.mails_to(ANA).len();
        let reference = self.program.open_ticket(ANA, SUBJECT, DESCRIPTION).await;
        (reference, self.smtp.wait_for(ANA, before + 1).link())
    }

    /// A link to all tickets of `email`, who becomes a customer with it.
    fn link_for(&self, email: &str) -> String {
        let _ = self.doorkey.try_cli(&["customer", "add", "--email", email]);
        let made = self.doorkey.cli(&["customer", "link", "--email", email]);
        made["url"].as_str().expect("the address, shown once").to_owned()
    }

    /// Asks for a link in this tab, as people do, and returns the mail that brings it.
    async fn ask_for_link(&self, email: &str) -> crate::real::smtp::Mail {
        let before = self.smtp.mails_to(email).len();
        self.browser.fill("Email", email).await;
        self.browser.press("Send Me a Link").await;
        self.browser.see("a link is on its way").await;
        self.smtp.wait_for(email, before + 1)
    }

    /// The id by which the API knows a customer.
    async fn customer_id(&self, email: &str) -> String {
        let list = self.program.get(&format!("/customers?q={email}")).await;
        let id = &list["items"][0]["id"];
        id.as_str().map_or_else(|| id.to_string(), str::to_owned)
    }
}

/// Whether a word is an e-mail address, as far as tests have to tell.
fn is_address(word: &str) -> bool {
    word.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rig_finds_things_by_their_names() {
    let Some(browser) = Browser::start().await else { return };
    let page = "data:text/html,<label for=e>Email</label><input id=e>\
        <button>Send <span aria-hidden=true>x</span></button><a href=%23>A <bdi>link</bdi></a>";
    browser.open(page).await;
    browser.fill("Email", "Grüße 😀 مرحبا").await;
    assert_eq!(browser.value("Email").await, "Grüße 😀 مرحبا");
    assert!(browser.has("button", "Send").await);
    assert!(browser.has("link", "A li…").await);
    assert!(!browser.has("button", "Email").await);
    browser.assert_quiet().await;
}
