//! The whole story of a company with the desk: from the first admin to a closed ticket, with an
//! admin, a technician and a customer, each in a browser of their own, and a real mail server.

use serde_json::json;
use thirtyfour::prelude::*;

use super::desk::give_authenticator;
use super::{ANA, DESCRIPTION, SUBJECT, Stage};
use crate::real::browser::Browser;
use crate::support::mailbox::sign_in_link;

const DANA: &str = "dana@rfs.example";
const EVE: &str = "eve@rfs.example";

const INTERNAL: &str = "Their panel is the old model; bring the long screwdriver.";
const PUBLIC: &str = "Eve comes on Thursday at ten.";
const RESOLUTION: &str = "The contact of zone 4 was worn.\n\nWe put in a new one — no charge 🙂.";

#[tokio::test(flavor = "multi_thread")]
async fn from_the_first_admin_to_a_closed_ticket() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let Some(eves) = &Browser::start().await else { return };
    let Some(anas) = &Browser::start().await else { return };
    let danas = &stage.browser;

    the_first_admin_comes_in(&stage).await;
    a_technician_is_invited(&stage, eves).await;
    let reference = a_ticket_is_made(&stage).await;

    // The mail leads the customer to their ticket; the technician has it open.
    let ticket = stage.doorkey.url(&format!("/admin/tickets/{reference}"));
    eves.open(&ticket).await;
    eves.see(DESCRIPTION).await;
    anas.open(&stage.smtp.wait_for(ANA, 1).link()).await;
    anas.see(DESCRIPTION).await;
    anas.fill("Reply", "It is the one by the window.").await;
    anas.press("Send Reply").await;
    eves.see("It is the one by the window.").await;

    notes_are_written(eves, anas).await;
    the_mail_is_what_the_preview_showed(&stage, eves, anas).await;

    // Not solved: a reply opens it again. Then it is closed for good.
    anas.fill("Reply", "It beeps again, sorry.").await;
    anas.press("Send Reply").await;
    eves.see("It beeps again, sorry.").await;
    assert_eq!(stage.program.ticket(&reference).await["status"], "open");
    eves.open(&ticket).await;
    eves.press("Close").await;
    anas.see("This ticket is closed.").await;
    assert!(!anas.has("button", "Send Reply").await);

    customers_are_imported(&stage).await;
    for browser in [danas, eves, anas] {
        browser.assert_quiet().await;
    }
}

/// By a link of the mail server's side, then with a passkey.
async fn the_first_admin_comes_in(stage: &Stage) {
    let browser = &stage.browser;
    stage.doorkey.cli(&[
        "staff",
        "add",
        "--email",
        DANA,
        "--name",
        "Dana Reyes",
        "--role",
        "admin",
    ]);
    give_authenticator(browser).await;
    browser.open(&stage.doorkey.url("/admin")).await;
    browser.fill("Email", DANA).await;
    browser.press("Send Me a Link").await;
    browser.see("a link is on its way").await;
    browser.open(&sign_in_link(&stage.smtp.wait_for(DANA, 1).text)).await;
    browser.press("Sign In").await;
    browser.fill("Name of the passkey", "Dana’s laptop").await;
    browser.press("Add a Passkey").await;
    browser.see("Hello, Dana").await;
    browser.press("Sign out").await;
    browser.press("Use a Passkey").await;
    browser.see("Hello, Dana").await;
}

async fn a_technician_is_invited(stage: &Stage, eves: &Browser) {
    let browser = &stage.browser;
    browser.open(&stage.doorkey.url("/admin/staff")).await;
    browser.fill("E-mail", EVE).await;
    browser.fill("Name", "Eve Adams").await;
    browser.press("Add to the Staff").await;
    browser.see("Eve Adams").await;
    eves.open(&sign_in_link(&stage.smtp.wait_for(EVE, 1).text)).await;
    eves.press("Sign In").await;
    eves.follow("Not now").await;
    eves.see("Hello, Eve").await;
    eves.open(&stage.doorkey.url("/admin/staff")).await;
    eves.see("This page is for admins").await;
}

/// For a customer whom nobody knew.
async fn a_ticket_is_made(stage: &Stage) -> String {
    let browser = &stage.browser;
    browser.follow("Tickets").await;
    browser.follow("New Ticket").await;
    browser.fill("E-mail", ANA).await;
    browser.fill("Subject", SUBJECT).await;
    browser.fill("Description", DESCRIPTION).await;
    let choose = format!("document.querySelector('[name=assignee]').value = '{EVE}'");
    browser.evaluate(&choose).await;
    browser.press("Create Ticket").await;
    browser.see_address("/admin/tickets/TKT-").await;
    let address = browser.address().await;
    let reference = &address[address.find("TKT-").unwrap()..][..10];
    assert!(stage.smtp.wait_for(EVE, 2).subject().contains(reference), "she is told of it");
    reference.to_owned()
}

/// One for colleagues and one for the customer, who sees the one.
async fn notes_are_written(eves: &Browser, anas: &Browser) {
    eves.fill("Note", INTERNAL).await;
    eves.press("Add Internal Note").await;
    eves.see(INTERNAL).await;
    eves.evaluate("document.querySelector('[name=visibility][value=public]').click()").await;
    eves.fill("Note", PUBLIC).await;
    eves.press("Send to Customer").await;
    eves.see(PUBLIC).await;
    anas.see(PUBLIC).await;
    assert!(!anas.words().await.contains("screwdriver"), "an internal note in the portal");
}

async fn the_mail_is_what_the_preview_showed(stage: &Stage, eves: &Browser, anas: &Browser) {
    eves.fill("How was it resolved?", RESOLUTION).await;
    eves.press("Preview…").await;
    eves.see("Resolve this ticket?").await;
    let shown = eves.evaluate("return document.querySelector('[data-mail]').textContent").await;
    let subject = "return [...document.querySelectorAll('.pairs dt')] \
         .find((it) => it.textContent === 'Subject').nextElementSibling.textContent";
    let subject = eves.evaluate(subject).await;
    assert_eq!(stage.smtp.mails_to(ANA).len(), 2, "nothing is sent for a preview");
    eves.press("Resolve and Send Mail").await;
    let mail = stage.smtp.wait_for(ANA, 3);
    let said = mail.text.replace("\r\n", "\n").replace(&mail.token(), "…");
    assert_eq!(said.trim_end(), shown.as_str().unwrap().trim_end(), "word for word");
    assert_eq!(json!(mail.subject()), subject);
    anas.see("We put in a new one").await;
    anas.see("Resolved").await;
}

/// From a file with bad lines: each is named, the good ones are taken.
async fn customers_are_imported(stage: &Stage) {
    let browser = &stage.browser;
    std::fs::create_dir_all(stage.doorkey.data_dir()).unwrap();
    let file = stage.doorkey.data_dir().join("customers.csv");
    let lines = "email,name\nzoe@example.com,Zoë Ng\nnot an address,Nobody\nyan@example.com,Yan\n";
    std::fs::write(&file, lines).unwrap();
    browser.open(&stage.doorkey.url("/admin/customers/import")).await;
    let chosen = browser.driver().find(By::Css("input[type=file]")).await.unwrap();
    chosen.send_keys(file.to_str().unwrap()).await.unwrap();
    browser.press("Look Through It").await;
    browser.see("The bad line").await;
    browser.see("does not look like an e-mail address").await;
    let found =
        async || stage.program.get("/customers?q=zoe").await["items"].as_array().unwrap().len();
    assert_eq!(found().await, 0, "nothing is changed yet");
    browser.press("Import the Good Lines").await;
    browser.see("New customers. They were not mailed.").await;
    assert_eq!(found().await, 1);
}
