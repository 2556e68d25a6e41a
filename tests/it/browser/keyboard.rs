//! The whole way without a mouse.

use thirtyfour::prelude::*;

use super::{ANA, DESCRIPTION, SUBJECT, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn everything_can_be_done_with_a_keyboard_alone() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let Stage { smtp, doorkey, program, browser } = &stage;
    let (reference, _) = stage.ticket().await;
    browser.open(&doorkey.url("/portal")).await;
    browser.tab_to("field", "Email").await;
    browser.keys("not an address").await;
    browser.keys(Key::Enter).await;
    browser.see("does not look like an e-mail address").await;
    let wrong =
        browser.evaluate("return document.activeElement.getAttribute('aria-invalid')").await;
    assert_eq!(wrong, serde_json::json!("true"), "the focus is on the field that is wrong");
    let all = browser.driver().action_chain().key_down(Key::Control).send_keys("a");
    all.key_up(Key::Control).perform().await.unwrap();
    browser.keys(ANA).await;
    browser.keys(Key::Enter).await;
    browser.see("a link is on its way").await;
    let mail = smtp.wait_for(ANA, 2);
    browser.tab_to("field", "6-digit code").await;
    browser.keys(mail.code()).await;
    browser.keys(Key::Enter).await;
    browser.see(SUBJECT).await;

    browser.tab_to("link", "Open…").await;
    browser.keys(Key::Enter).await;
    browser.tab_to("link", SUBJECT).await;
    browser.keys(Key::Enter).await;
    browser.see(DESCRIPTION).await;
    let heading = browser.evaluate("return document.activeElement.tagName").await;
    assert_eq!(heading, serde_json::json!("H1"), "a new page is read from its heading");

    browser.tab_to("field", "Reply").await;
    browser.keys("Please come on Thursday.").await;
    browser.tab_to("button", "Send Reply").await;
    browser.keys(Key::Space).await;
    browser.see("0 of 2000 characters").await;
    assert_eq!(program.entries(&reference, "reply").await.len(), 1);

    browser.tab_to("button", "End all access").await;
    browser.keys(Key::Enter).await;
    browser.see("Every link we ever sent you stops working").await;
    browser.keys(Key::Escape).await;
    browser.see_no_more("Every link we ever sent you stops working").await;
    let back = browser.evaluate("return document.activeElement.textContent").await;
    assert_eq!(back, serde_json::json!("End all access"), "the focus returns to where it was");
    browser.assert_quiet().await;
}
