//! `doorkey demo`, as somebody who has just heard of it tries it.

use std::process::Command;

use super::is_address;
use crate::real::browser::Browser;
use crate::real::doorkey::{binary, free_port};
use crate::real::{Process, wait_for};
use crate::support::mailbox::sign_in_link;

/// A running demo and what it printed.
pub(super) struct Demo {
    pub(super) url: String,
    pub(super) printed: String,
    _process: Process,
    _folder: tempfile::TempDir,
}

impl Demo {
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("printed");
        let output = std::fs::File::create(&file).unwrap();
        let listen = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(binary());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DOORKEY_")) {
            command.env_remove(name);
        }
        command.args(["demo", "--listen", &listen]).current_dir(folder.path());
        command.env("TMPDIR", folder.path());
        command.stdout(output.try_clone().unwrap()).stderr(output);
        let mut process = Process::start(&mut command);
        let read = || std::fs::read_to_string(&file).unwrap();
        wait_for("the demo's addresses", || {
            assert!(process.0.try_wait().unwrap().is_none(), "the demo ended: {}", read());
            let there = std::net::TcpStream::connect(&listen).is_ok();
            (there && read().contains("/dev/mailbox")).then_some(())
        });
        let printed = read();
        let words = printed.split_whitespace();
        let mailbox = words.clone().find(|word| word.ends_with("/dev/mailbox"));
        let url = mailbox.unwrap().trim_end_matches("/dev/mailbox").to_owned();
        Self { url, printed, _process: process, _folder: folder }
    }

    /// The first customer's address that it printed.
    fn customer(&self) -> String {
        let clean = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
        let mut addresses =
            self.printed.split_whitespace().map(clean).filter(|word| is_address(word));
        addresses.next().unwrap_or_else(|| panic!("no address in: {}", self.printed))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_leads_from_its_addresses_to_a_reply() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    let customer = demo.customer();
    browser.open(&format!("{}/", demo.url)).await;
    browser.follow("Customer Portal").await;
    browser.fill("Email", &customer).await;
    browser.press("Send Me a Link").await;
    browser.see("a link is on its way").await;
    browser.open_new_tab(&format!("{}/dev/mailbox", demo.url)).await;
    let begun = std::time::Instant::now();
    while !browser.has("link", "Your link to …").await {
        assert!(begun.elapsed() < crate::real::PATIENCE, "the mail with the link");
        browser.reload().await;
    }
    browser.follow("Your link to …").await;
    browser.see(&customer).await;
    browser.assert_accessible("a mail in the mailbox").await;
    browser.picture("mailbox-mail").await;
    assert!(
        !browser.words().await.contains("You need no password."),
        "the text is behind a switch"
    );
    browser.driver().enter_frame(0).await.unwrap();
    browser.see("Open My Tickets").await;
    browser.driver().enter_default_frame().await.unwrap();
    browser.follow("Open the Link in This Mail").await;
    browser.see("Your tickets").await;
    browser.assert_accessible("the demo's list").await;
    browser.picture("demo-list").await;
    // A ticket that takes replies: the tab of open ones.
    browser.follow("Open…").await;
    browser.see_address("status=open").await;
    let first = browser
        .evaluate(
            "
        const links = document.querySelectorAll('h2 a[href*=\"/portal/tickets/\"]');
        return links[0]?.textContent ?? ''",
        )
        .await;
    let subject = first.as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    browser.follow(&subject).await;
    browser.fill("Reply", "Thank you, that helped!").await;
    browser.press("Send Reply").await;
    browser.see("0 of 2000 characters").await;
    browser.see("Thank you, that helped!").await;
    browser.picture("demo-ticket").await;
    // And the desk, with one click.
    browser.open(&sign_in_link(&demo.printed)).await;
    browser.press("Sign In").await;
    browser.see("Hello, Helen").await;
    browser.assert_quiet().await;
}
