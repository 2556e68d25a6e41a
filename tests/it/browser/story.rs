//! The main story, from the first mail to the closed ticket.

use std::collections::BTreeSet;

use super::{ANA, BEN, DESCRIPTION, DESK, SUBJECT, Stage};

/// Exactly 2000 characters, with emoji of several scalar values, right-to-left text and newlines.
fn long_reply() -> String {
    let line = "Still beeping 😀 👨‍👩‍👧‍👦. اللوحة تصدر صوتًا كل دقيقة، شكرًا لكم. Čas 09:14 → ‹zone 4›\n";
    let mut text: String = line.chars().cycle().take(1999).collect();
    text.push('.');
    assert_eq!(text.chars().count(), 2000);
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_first_mail_to_the_closed_ticket() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let Stage { smtp, doorkey, program, browser } = &stage;
    let (reference, _) = stage.ticket().await;
    let camera = program.open_ticket(ANA, "Camera 3 shows no picture", "Black since noon.").await;
    program.set_status(&camera, "in_progress").await;
    program.open_ticket(BEN, "The gate opens by itself", "Twice this night.").await;
    smtp.wait_for(ANA, 2);

    // A link is asked for, and comes by mail.
    browser.open(&doorkey.url("/portal")).await;
    let mail = stage.ask_for_link(ANA).await;
    browser.see("It is valid for 7 days.").await;
    assert_eq!(mail.from, "support@rfs.example");
    assert_eq!(mail.header("Auto-Submitted"), Some("auto-generated"));
    assert!(mail.html.contains(&mail.token()), "text and HTML carry the same link");

    // It opens the list: both tickets, the newest update first, and nobody else's.
    browser.open_new_tab(&mail.link()).await;
    browser.see("Camera 3 shows no picture").await;
    browser.see(SUBJECT).await;
    let page = browser.words().await;
    assert!(page.find("Camera 3").unwrap() < page.find(SUBJECT).unwrap());
    assert!(!page.contains("gate"), "another customer's ticket");
    assert!(!browser.address().await.contains("token"), "the address is cleaned at once");

    // By status, then by words of the description.
    browser.follow("In Progress…").await;
    browser.see_no_more(SUBJECT).await;
    browser.see("Camera 3 shows no picture").await;
    browser.follow("All…").await;
    browser.fill("Search your tickets", "KEYPAD").await;
    browser.see_no_more("Camera 3 shows no picture").await;
    browser.see(SUBJECT).await;

    // The ticket, and a reply as long as replies may be.
    browser.follow(SUBJECT).await;
    browser.see(DESCRIPTION).await;
    let reply = long_reply();
    browser.fill("Reply", &reply).await;
    browser.see("2000 of 2000 characters").await;
    let button = browser.find("button", "Send Reply").await;
    browser.driver().action_chain().double_click_element(&button).perform().await.unwrap();
    browser.see("0 of 2000 characters").await;
    browser.see("Čas 09:14").await;
    let stored = program.entries(&reference, "reply").await;
    assert_eq!(stored.len(), 1, "a double click is one reply");
    assert_eq!(stored[0]["body"], reply.as_str(), "every character as it was typed");
    assert!(smtp.wait_for(DESK, 1).text.contains("👨‍👩‍👧‍👦"));

    // Resolved by the company's program; its mail leads back, and a reply opens it again.
    program.resolve(&reference, "The contact of zone 4 was worn; we put in a new one.").await;
    let resolved = smtp.wait_for(ANA, 4);
    assert!(resolved.subject().contains(&reference), "{}", resolved.subject());
    assert!(resolved.text.contains("zone 4"));
    browser.open_new_tab(&resolved.link()).await;
    browser.see("we put in a new one").await;
    browser.see("Resolved").await;
    browser.fill("Reply", "It beeps again, sorry.").await;
    browser.press("Send Reply").await;
    browser.see("It beeps again, sorry.").await;
    browser.see("set this ticket back to Open").await;
    assert_eq!(program.ticket(&reference).await["status"], "open");
    assert_eq!(program.ticket(&reference).await["resolution"], serde_json::Value::Null);
    assert_eq!(smtp.wait_for(DESK, 2).to, [DESK]);

    // Closed: readable, and no more replies.
    program.set_status(&reference, "closed").await;
    browser.see("This ticket is closed.").await;
    assert!(!browser.has("field", "Reply").await);
    assert!(!browser.has("button", "Send Reply").await);

    browser.assert_quiet().await;
    assert_secrets_stay_secret(&stage).await;
}

/// No token, code or address of a customer in the log; no token in any address that was asked for.
async fn assert_secrets_stay_secret(stage: &Stage) {
    let log = stage.doorkey.log();
    let requests = stage.browser.requests().await;
    assert!(requests.len() > 10, "the browser tells what it asked for");
    assert!(log.contains("/portal"), "the server logs requests");
    let mails = stage.smtp.mails_to(ANA);
    let tokens: BTreeSet<String> =
        mails.iter().map(super::super::real::smtp::Mail::token).collect();
    assert_eq!(tokens.len(), mails.len(), "each mail its own link");
    for token in &tokens {
        assert!(!log.contains(token.as_str()), "a token in the log");
        for (address, referer) in &requests {
            assert!(!address.contains(token.as_str()), "a token asked for: {address}");
            // The browser opens a page of its own first.
            let ours = [stage.doorkey.url("/"), "data:".into(), "chrome://".into()];
            let is_ours = ours.iter().any(|begin| address.starts_with(begin));
            assert!(is_ours, "asked for elsewhere: {address}");
            assert!(referer.is_empty(), "a Referer: {referer}");
        }
    }
    assert!(!log.contains(ANA), "a customer's address in the log");
    assert!(!log.contains("Still beeping"), "a reply's text in the log");
}
