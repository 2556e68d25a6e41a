//! What is being written: across tabs, lost connections, and tickets that close and open again.

use serde_json::json;

use super::{DESCRIPTION, SUBJECT, Stage};
use crate::real::browser::Browser;

/// From here on the server is not reached, until [`reconnect`].
async fn disconnect(browser: &Browser) {
    let gone = "window.real = window.fetch;
        window.fetch = () => Promise.reject(new TypeError('no connection'));";
    browser.evaluate(gone).await;
}

async fn reconnect(browser: &Browser) {
    browser.evaluate("window.fetch = window.real").await;
}

/// What a tab does when its reader comes back to it.
async fn look(browser: &Browser) {
    browser.evaluate("document.dispatchEvent(new Event('visibilitychange'))").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_added_in_another_tab_outlives_the_sending_of_the_rest() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let (reference, link) = stage.ticket().await;
    let browser = &stage.browser;
    browser.open(&link).await;
    browser.fill("Reply", "The first half.").await;
    let first = browser.tab().await;
    let second = browser.open_new_tab(&link).await;
    browser.see("15 of 2000 characters").await;
    browser.fill("Reply", "The first half. And more.").await;
    browser.switch(&first).await;
    browser.press("Send Reply").await;
    browser.see("0 of 2000 characters").await;
    browser.switch(&second).await;
    browser.see("The first half.").await;
    assert_eq!(browser.value("Reply").await, "The first half. And more.");
    browser.reload().await;
    browser.see(DESCRIPTION).await;
    assert_eq!(browser.value("Reply").await, "The first half. And more.", "kept as a draft too");
    browser.press("Send Reply").await;
    browser.see("0 of 2000 characters").await;
    let stored = stage.program.entries(&reference, "reply").await;
    assert_eq!(stored.len(), 2, "a reply of its own, under a key of its own: {stored:?}");
    browser.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_was_sent_is_taken_from_the_other_tab() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let (_, link) = stage.ticket().await;
    let browser = &stage.browser;
    browser.open(&link).await;
    browser.fill("Reply", "All of it.").await;
    let first = browser.tab().await;
    let second = browser.open_new_tab(&link).await;
    browser.see("10 of 2000 characters").await;
    browser.switch(&first).await;
    browser.press("Send Reply").await;
    browser.see("0 of 2000 characters").await;
    browser.switch(&second).await;
    browser.see("0 of 2000 characters").await;
    assert_eq!(browser.value("Reply").await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_comes_back_into_the_form_when_the_ticket_opens_again() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let (reference, link) = stage.ticket().await;
    let browser = &stage.browser;
    browser.open(&link).await;
    browser.fill("Reply", "One more thing").await;
    stage.program.set_status(&reference, "closed").await;
    look(browser).await;
    browser.see("This ticket is closed.").await;
    stage.program.set_status(&reference, "open").await;
    look(browser).await;
    browser.see("14 of 2000 characters").await;
    assert_eq!(browser.value("Reply").await, "One more thing");
    browser.press("Send Reply").await;
    browser.see("0 of 2000 characters").await;
    let stored = stage.program.entries(&reference, "reply").await;
    assert_eq!(stored[0]["body"], "One more thing");
    browser.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_whose_answer_was_lost_is_not_written_twice_after_a_reload() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let (reference, link) = stage.ticket().await;
    let browser = &stage.browser;
    browser.open(&link).await;
    browser.fill("Reply", "Thanks.").await;
    browser.press("Send Reply").await;
    browser.see("0 of 2000 characters").await;
    // The same words again do not arrive this time: the older entry is not them.
    browser.fill("Reply", "Thanks.").await;
    disconnect(browser).await;
    browser.press("Send Reply").await;
    browser.see("We cannot reach the server.").await;
    browser.reload().await;
    browser.see(DESCRIPTION).await;
    assert_eq!(browser.value("Reply").await, "Thanks.", "it was never stored");
    // Now they arrive, and the answer does not.
    let lost = "const real = window.fetch;
        window.fetch = async (...all) => {
            await real(...all);
            throw new TypeError('the line is gone');
        }";
    browser.evaluate(lost).await;
    browser.press("Send Reply").await;
    browser.see("We cannot reach the server.").await;
    browser.reload().await;
    browser.see(DESCRIPTION).await;
    browser.see("0 of 2000 characters").await;
    assert_eq!(browser.value("Reply").await, "");
    assert_eq!(stage.program.entries(&reference, "reply").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_phone_one_sees_that_a_reply_was_sent() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let (reference, link) = stage.ticket().await;
    let browser = &stage.browser;
    for day in ["Monday", "Tuesday", "Wednesday", "Thursday"] {
        stage.program.note(&reference, &format!("{day}.\n\n\n\nYours\nDana")).await;
    }
    browser.set_size(320, 480).await;
    browser.prefer("prefers-reduced-motion", "reduce").await;
    browser.open(&link).await;
    browser.fill("Reply", "Friday.\n\n\n\n\nYours\nAna").await;
    browser.press("Send Reply").await;
    browser.see("0 of 2000 characters").await;
    browser.find("link", "Your tickets").await;
    let shown = "const it = document.querySelector('[data-sent]');
        return it.checkVisibility() && it.innerText.trim()";
    let begun = std::time::Instant::now();
    while browser.evaluate(shown).await != json!("Your reply was sent.") {
        assert!(begun.elapsed() < crate::real::PATIENCE, "the words under the button");
    }
    let box_of =
        "const box = [...document.querySelectorAll('.mine')].at(-1).getBoundingClientRect();
        return box.top >= 0 && box.top < innerHeight - 40";
    assert_eq!(browser.evaluate(box_of).await, json!(true), "the new entry is in sight");
    tokio::time::sleep(std::time::Duration::from_secs(9)).await;
    assert_eq!(browser.evaluate(shown).await, json!(false), "the words go again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_told_until_it_is_back_on_the_list_too() {
    let Some(stage) = Stage::set(&[]).await else { return };
    stage.ticket().await;
    let browser = &stage.browser;
    browser.open(&stage.link_for(super::ANA)).await;
    browser.follow(SUBJECT).await;
    browser.see(DESCRIPTION).await;
    disconnect(browser).await;
    for _ in 0..2 {
        look(browser).await;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    browser.see("The connection is lost.").await;
    browser.follow("Your tickets").await;
    browser.find("heading", "Your tickets").await;
    browser.see("The connection is lost.").await;
    browser.evaluate("window.sameDocument = true").await;
    reconnect(browser).await;
    browser.see_no_more("The connection is lost.").await;
    assert_eq!(browser.evaluate("return window.sameDocument").await, json!(true));
    browser.see(SUBJECT).await;
    browser.assert_quiet().await;
}
