//! What somebody writes turns nothing around but itself: neither what stands beside it nor the window's title.

use serde_json::Value;

use crate::browser::desk::sign_in;
use crate::real::browser::Browser;
use crate::real::doorkey::Doorkey;

/// Turned around, and never turned back.
const TURNING: [&str; 4] =
    ["\u{202e}", "\u{2067}\u{202e}", "\u{202b}\u{202e}", "\u{200f}אבג \u{202e}"];

/// Where each letter of what is ours stands on the page: texts of Latin letters and digits outside of what is
/// set apart as people's, of which each must read from left to right. Returns those that do not.
const TURNED: &str = r"
const turned = [];
const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
let letters = 0;
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const text = node.data;
  if (!/^[\x20-\x7e\n]+$/.test(text) || !/[A-Za-z0-9]{3}/.test(text)) continue;
  if (node.parentElement.closest('bdi, [dir=auto]') || !node.parentElement.checkVisibility()) continue;
  let last = null;
  for (let at = 0; at < text.length; at += 1) {
    if (!/[A-Za-z0-9]/.test(text[at])) continue;
    const range = document.createRange();
    range.setStart(node, at);
    range.setEnd(node, at + 1);
    const box = range.getBoundingClientRect();
    if (box.width === 0) continue;
    letters += 1;
    const isSameLine = last !== null && Math.abs(box.top - last.top) < 2;
    if (isSameLine && box.left < last.left) { turned.push(text); break; }
    last = box;
  }
}
return { turned, letters };
";

/// What is turned around of what stands on the page, and how many letters were looked at.
async fn turned(browser: &Browser) -> (Vec<String>, u64) {
    let found = browser.evaluate(TURNED).await;
    let texts = found["turned"].as_array().unwrap().iter().filter_map(Value::as_str);
    (texts.map(str::to_owned).collect(), found["letters"].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_are_turned_around_turn_nothing_beside_them() {
    let Some(browser) = &Browser::start().await else { return };
    let doorkey = Doorkey::start(&[]);
    let program = doorkey.program("admin");
    sign_in(browser, &doorkey).await;
    let mut tickets = Vec::new();
    for (number, turn) in TURNING.iter().enumerate() {
        let email = format!("ana{number}@cafe-lumen.example");
        let words = format!("{turn}fdp.tnemyap");
        let customer = serde_json::json!({
            "email": email, "name": words, "company": words, "phone": format!("{turn}6135550142"),
        });
        let body =
            serde_json::json!({ "customer": customer, "subject": words, "description": words });
        let made = program.ask(reqwest::Method::POST, "/tickets", Some(body), 201).await;
        let reference = made["reference"].as_str().unwrap().to_owned();
        program.note(&reference, &words).await;
        tickets.push((email, reference));
        doorkey.cli(&[
            "staff",
            "add",
            "--email",
            &format!("s{number}@rfs.example"),
            &format!("--name={words}"),
            "--role",
            "technician",
        ]);
        doorkey.cli(&["api-key", "create", &format!("--name={words}"), "--role", "technician"]);
    }
    let mut pages: Vec<String> = [
        "",
        "/tickets",
        "/tickets?q=fdp",
        "/customers",
        "/staff",
        "/api-keys",
        "/audit",
        "/outbox?state=sent",
    ]
    .iter()
    .map(|page| format!("/admin{page}"))
    .collect();
    pages.extend(tickets.iter().map(|(_, reference)| format!("/admin/tickets/{reference}")));
    for page in pages {
        browser.open(&doorkey.url(&page)).await;
        assert_unturned(browser, &page).await;
    }
    for (email, reference) in &tickets {
        let link = doorkey.cli(&["customer", "link", "--email", email]);
        browser.open(link["url"].as_str().unwrap()).await;
        browser.see("Your tickets").await;
        assert_unturned(browser, "the list").await;
        browser.open(&doorkey.url(&format!("/portal/tickets/{reference}"))).await;
        browser.see("What happened so far").await;
        assert_unturned(browser, "the ticket").await;
        let title = browser.driver().title().await.unwrap();
        assert!(title.starts_with(reference.as_str()), "{title}");
        assert!(!title.contains(['\u{202e}', '\u{2067}']), "{title}");
    }
    // The rig sees it: the same words without anything around them.
    let plain = "const it = document.createElement('p'); it.append('\\u202e', 'TKT reference');
        document.querySelector('main').append(it)";
    browser.evaluate(plain).await;
    assert_eq!(turned(browser).await.0, ["TKT reference"]);
}

async fn assert_unturned(browser: &Browser, page: &str) {
    let (turned, letters) = turned(browser).await;
    assert!(letters > 40, "{page}: only {letters} letters looked at");
    assert!(turned.is_empty(), "{page}: {turned:?}");
}
