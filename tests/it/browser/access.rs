//! Getting in, and being let out: links that expire, are revoked, are shared between tabs; codes.

use std::time::Duration;

use reqwest::Method;
use thirtyfour::prelude::*;

use super::{ANA, BEN, DESCRIPTION, SUBJECT, Stage};
use crate::real::browser::Browser;

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_link_is_renewed_and_leads_to_the_ticket() {
    let Some(mut stage) = Stage::set(&[("DOORKEY_PORTAL_LINK_TTL", "2s")]).await else { return };
    let (reference, link) = stage.ticket().await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    // The old link keeps its end; a new one gets the time that is set now.
    stage.doorkey.set("DOORKEY_PORTAL_LINK_TTL", "7d");
    stage.doorkey.restart();
    stage.browser.open(&link).await;
    stage.browser.see("This link has expired").await;
    let page = stage.browser.words().await;
    assert!(!page.contains("beeping"), "nothing of the ticket is shown");
    let mail = stage.ask_for_link(ANA).await;
    assert!(
        mail.link().contains(&format!("/portal/tickets/{reference}#token=")),
        "{}",
        mail.link()
    );
    stage.browser.open_new_tab(&mail.link()).await;
    stage.browser.see(DESCRIPTION).await;
    stage.browser.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_link_keeps_the_draft_until_the_next_one() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let Stage { program, browser, .. } = &stage;
    let (_, link) = stage.ticket().await;
    browser.open(&link).await;
    browser.fill("Reply", "Half a thought").await;
    let id = stage.customer_id(ANA).await;
    program.ask(Method::DELETE, &format!("/customers/{id}/links"), None, 204).await;
    browser.press_if_there("Send Reply").await;
    browser.see("This link is not valid").await;
    let mail = stage.ask_for_link(ANA).await;
    browser.open(&mail.link()).await;
    browser.see(DESCRIPTION).await;
    assert_eq!(browser.value("Reply").await, "Half a thought");
    browser.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inactive_customer_is_out_at_once_and_is_not_told_apart() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let (_, link) = stage.ticket().await;
    stage.browser.open(&link).await;
    stage.browser.see(DESCRIPTION).await;
    stage.doorkey.cli(&["customer", "disable", "--email", ANA]);
    stage.browser.reload().await;
    stage.browser.see("This link is not valid").await;
    stage.browser.fill("Email", ANA).await;
    stage.browser.press("Send Me a Link").await;
    stage.browser.see("a link is on its way").await;
    let answer = stage.browser.words().await;
    stage.browser.press("Use another address").await;
    stage.browser.fill("Email", "nobody@nowhere.example").await;
    stage.browser.press("Send Me a Link").await;
    stage.browser.see("a link is on its way").await;
    let other = stage.browser.words().await.replace("nobody@nowhere.example", ANA);
    assert_eq!(answer, other, "known, inactive and unknown read the same");
    // A mail to somebody else shows that the queue was worked through.
    stage.program.open_ticket(BEN, "The gate", "It opens by itself.").await;
    stage.smtp.wait_for(BEN, 1);
    assert_eq!(stage.smtp.mails_to(ANA).len(), 1, "no link for the inactive");
    assert!(stage.smtp.mails_to("nobody@nowhere.example").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_tab_is_handed_the_token() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let Stage { browser, .. } = &stage;
    stage.ticket().await;
    browser.open(&stage.link_for(ANA)).await;
    let first = browser.tab().await;
    let link = browser.find("link", SUBJECT).await;
    let chain = browser.driver().action_chain().key_down(Key::Control).click_element(&link);
    chain.key_up(Key::Control).perform().await.unwrap();
    let second = browser.switch_to_newest(std::slice::from_ref(&first)).await;
    browser.see(DESCRIPTION).await;
    assert!(!browser.address().await.contains("token"));

    // Signing out ends one tab, not the other.
    browser.press("Sign out").await;
    browser.see_no_more(DESCRIPTION).await;
    browser.driver().back().await.unwrap();
    assert!(!browser.words().await.contains("beeping"), "going back shows nothing");
    browser.reload().await;
    browser.find("field", "Email").await;
    browser.switch(&first).await;
    browser.reload().await;
    browser.see(SUBJECT).await;

    // A link that is opened in a new tab by hand finds the token too.
    browser.switch(&second).await;
    browser.driver().close_window().await.unwrap();
    browser.switch(&first).await;
    browser.open_new_tab(&stage.doorkey.url("/portal")).await;
    browser.see(SUBJECT).await;
    browser.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_from_a_mail_on_another_device_opens_the_page_that_asked() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let Some(phone) = Browser::start().await else { return };
    let Stage { browser, .. } = &stage;
    let (reference, _) = stage.ticket().await;
    browser.open(&stage.doorkey.url(&format!("/portal/tickets/{reference}"))).await;
    let mail = stage.ask_for_link(ANA).await;
    let code = mail.code();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    browser.fill("6-digit code", wrong).await;
    browser.press("Open My Tickets").await;
    browser.find("field", "6-digit code").await;
    browser.see("This code is not valid").await;
    assert!(!browser.words().await.contains(DESCRIPTION));
    browser.fill("6-digit code", &code).await;
    browser.press("Open My Tickets").await;
    browser.see(DESCRIPTION).await;
    // The link in the same mail works on the phone, and both go on working.
    phone.open(&mail.link()).await;
    phone.see(SUBJECT).await;
    browser.reload().await;
    browser.see(SUBJECT).await;
    assert!(!stage.doorkey.log().contains(&code), "a code in the log");
    browser.assert_quiet().await;
    phone.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_keeps_the_field_for_the_code_and_an_earlier_code_opens() {
    let Some(mut stage) = Stage::set(&[("DOORKEY_PORTAL_LINK_TTL", "2s")]).await else { return };
    let (_, link) = stage.ticket().await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    stage.doorkey.set("DOORKEY_PORTAL_LINK_TTL", "7d");
    stage.doorkey.restart();
    stage.browser.open(&link).await;
    stage.browser.see("This link has expired").await;
    let mail = stage.ask_for_link(ANA).await;
    stage.browser.reload().await;
    stage.browser.find("field", "6-digit code").await;
    // The second request within the minute brings no mail; the code of the first goes on working.
    stage.browser.press("Send it again").await;
    stage.browser.find("button", "Sent again").await;
    stage.browser.reload().await;
    stage.browser.fill("6-digit code", &mail.code()).await;
    stage.browser.press("Open My Tickets").await;
    stage.browser.see(DESCRIPTION).await;
    stage.browser.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_not_left_to_the_next_customer_in_the_tab() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let Stage { browser, .. } = &stage;
    let (_, link) = stage.ticket().await;
    let drafts = "return Object.keys(sessionStorage).filter((key) => key.includes('draft')).length";
    browser.open(&link).await;
    browser.fill("Reply", "Between us").await;
    assert_eq!(browser.evaluate(drafts).await, 1);
    browser.open(&stage.link_for(BEN)).await;
    browser.see("No tickets yet").await;
    assert_eq!(browser.evaluate(drafts).await, 0);
    browser.open(&link).await;
    browser.see(DESCRIPTION).await;
    assert_eq!(browser.value("Reply").await, "");
    browser.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn end_all_access_ends_every_link_on_every_device() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let Some(phone) = Browser::start().await else { return };
    let Stage { browser, .. } = &stage;
    let (_, from_mail) = stage.ticket().await;
    phone.open(&from_mail).await;
    phone.see(DESCRIPTION).await;
    let link = stage.link_for(ANA);
    browser.open(&link).await;
    browser.press("End all access").await;
    browser.see("Every link we ever sent you stops working").await;
    browser.press("Keep My Links").await;
    browser.press("End all access").await;
    browser.press("End All Access").await;
    browser.see_no_more(SUBJECT).await;
    browser.find("field", "Email").await;
    phone.reload().await;
    phone.see("This link is not valid").await;
    browser.open_new_tab(&link).await;
    browser.see("This link is not valid").await;
    browser.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_the_query_is_taken_and_removed() {
    let Some(stage) = Stage::set(&[]).await else { return };
    stage.ticket().await;
    let link = stage.link_for(ANA).replace("#token=", "?token=");
    stage.browser.open(&link).await;
    stage.browser.see(SUBJECT).await;
    assert_eq!(stage.browser.address().await, stage.doorkey.url("/portal"));
    stage.browser.driver().back().await.unwrap();
    assert!(!stage.browser.address().await.contains("token="), "not in the history either");
    let token = link.split_once("token=").unwrap().1;
    assert!(!stage.doorkey.log().contains(token), "a token in the log");
}
