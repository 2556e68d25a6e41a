//! Writing a reply when things go wrong, and reading one that arrives meanwhile.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{ANA, DESCRIPTION, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_survives_a_reload() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let (_, link) = stage.ticket().await;
    stage.browser.open(&link).await;
    stage.browser.fill("Reply", "Wednesday or\nThursday 😀").await;
    stage.browser.reload().await;
    stage.browser.see(DESCRIPTION).await;
    assert_eq!(stage.browser.value("Reply").await, "Wednesday or\nThursday 😀");
    stage.browser.see("23 of 2000 characters").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_long_a_reply_is_neither_cut_nor_sent() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let (reference, link) = stage.ticket().await;
    let text = "😀".repeat(2001);
    stage.browser.open(&link).await;
    stage.browser.fill("Reply", &text).await;
    stage.browser.see("2001 of 2000 characters").await;
    stage.browser.press("Send Reply").await;
    stage.browser.see("shorten your reply by 1 character").await;
    assert_eq!(stage.browser.value("Reply").await, text);
    assert!(stage.program.entries(&reference, "reply").await.is_empty());
    stage.browser.fill("Reply", "").await;
    stage.browser.driver().action_chain().send_keys("x ").perform().await.unwrap();
    stage.browser.press("Send Reply").await;
    stage.browser.see("0 of 2000 characters").await;
    let stored = stage.program.entries(&reference, "reply").await;
    assert_eq!(stored[0]["body"], "x", "white space at the end is nobody's intention");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_was_closed_meanwhile_keeps_the_draft() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let (reference, link) = stage.ticket().await;
    stage.browser.open(&link).await;
    stage.browser.fill("Reply", "One more thing").await;
    stage.program.set_status(&reference, "closed").await;
    stage.browser.press_if_there("Send Reply").await;
    stage.browser.see("This ticket is closed.").await;
    assert!(!stage.browser.has("button", "Send Reply").await);
    let kept = stage.browser.value("What you wrote was not sent…").await;
    assert_eq!(kept, "One more thing");
    assert!(stage.program.entries(&reference, "reply").await.is_empty());
    stage.browser.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_goes_out_once_when_the_answer_was_lost() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let (reference, link) = stage.ticket().await;
    let browser = &stage.browser;
    browser.open(&link).await;
    browser.fill("Reply", "Sent twice by a bad line").await;
    // The request arrives, its answer does not: what a train in a tunnel does.
    browser
        .evaluate(
            "
        const real = window.fetch;
        window.fetch = async (...all) => {
            const answer = await real(...all);
            if (all[1]?.method !== 'POST') return answer;
            window.fetch = real;
            throw new TypeError('the line is gone');
        }",
        )
        .await;
    browser.press("Send Reply").await;
    let begun = Instant::now();
    while stage.program.entries(&reference, "reply").await.is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(10), "the first request arrives");
    }
    assert_eq!(browser.value("Reply").await, "Sent twice by a bad line", "nothing is lost");
    browser.press("Send Reply").await;
    browser.see("0 of 2000 characters").await;
    assert_eq!(stage.program.entries(&reference, "reply").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_company_writes_appears_without_a_reload() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let (reference, link) = stage.ticket().await;
    let browser = &stage.browser;
    browser.open(&link).await;
    browser.fill("Reply", "I was just writing").await;
    browser.evaluate("window.sameDocument = true").await;
    stage.program.note(&reference, "I come on Thursday at 9.").await;
    let internal = json!({ "body": "CANARY between us", "visibility": "internal" });
    let notes = format!("/tickets/{reference}/notes");
    stage.program.ask(reqwest::Method::POST, &notes, Some(internal), 201).await;
    let begun = Instant::now();
    browser.see("I come on Thursday at 9.").await;
    assert!(begun.elapsed() < Duration::from_secs(15), "seen after {:?}", begun.elapsed());
    assert_eq!(browser.evaluate("return window.sameDocument").await, json!(true));
    assert_eq!(browser.value("Reply").await, "I was just writing");
    assert!(!browser.driver().source().await.unwrap().contains("CANARY"), "an internal note");
    assert!(!stage.smtp.mails_to(ANA).iter().any(|mail| mail.raw.contains("CANARY")));
    browser.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_subject_appears_without_a_reload() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let (reference, link) = stage.ticket().await;
    let browser = &stage.browser;
    browser.open(&link).await;
    browser.see(DESCRIPTION).await;
    browser.evaluate("window.sameDocument = true").await;
    let change = json!({ "subject": "The keypad beeps in zone 4" });
    let path = format!("/tickets/{reference}");
    stage.program.ask(reqwest::Method::PATCH, &path, Some(change), 200).await;
    browser.see("The keypad beeps in zone 4").await;
    let title = browser.driver().title().await.unwrap();
    assert!(title.contains("The keypad beeps in zone 4"), "{title}");
    assert_eq!(browser.evaluate("return window.sameDocument").await, json!(true));
    browser.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_stays_text() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let browser = &stage.browser;
    let subject = "<img src=x onerror=document.title='owned'>\u{202e}reversed";
    let text = "</script><script>document.title='owned'</script> javascript:alert(1) \
        https://example.com/\"onmouseover=alert(1) {{7*7}} \u{202e}txet";
    let reference = stage.program.open_ticket(ANA, subject, text).await;
    stage.program.note(&reference, text).await;
    let link = stage.smtp.wait_for(ANA, 2).link();
    browser.open(&link).await;
    browser.see("</script><script>").await;
    browser.see("<img src=x onerror").await;
    browser.fill("Reply", text).await;
    browser.press("Send Reply").await;
    browser.see("0 of 2000 characters").await;
    browser.open_new_tab(&stage.link_for(ANA)).await;
    browser.see("<img src=x onerror").await;
    browser.fill("Search your tickets", "\"><svg onload=alert(1)>").await;
    browser.see("Nothing found").await;
    assert!(!browser.driver().title().await.unwrap().contains("owned"));
    browser.assert_quiet().await;
}
