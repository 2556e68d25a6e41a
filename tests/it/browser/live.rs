//! Pages that stand open: what others do appears by itself and moves nothing that somebody writes;
//! two who work on one ticket see each other; and the desk with a keyboard alone or one thumb.

use std::time::{Duration, Instant};

use serde_json::json;
use thirtyfour::prelude::*;

use super::{ANA, BEN, DESCRIPTION, SUBJECT, Stage};
use crate::real::browser::Browser;
use crate::real::doorkey::Doorkey;

const REPLY: &str = "It still beeps, but less often.";

/// Signs somebody in who is no admin.
async fn sign_in(browser: &Browser, doorkey: &Doorkey, email: &str, name: &str) {
    let made = ["staff", "add", "--email", email, "--name", name, "--role", "technician"];
    browser.open(doorkey.cli(&made)["url"].as_str().unwrap()).await;
    browser.press("Sign In").await;
    browser.follow("Not now").await;
    browser.see("Hello, ").await;
}

/// What a screen reader was told since the page was loaded: every text of the polite region.
const LISTEN: &str = "
    window.said = [];
    const region = document.getElementById('live');
    new MutationObserver(() => region.textContent && window.said.push(region.textContent))
        .observe(region, { childList: true, characterData: true, subtree: true });";

async fn said(browser: &Browser, words: &str) {
    let begun = Instant::now();
    loop {
        let said = browser.evaluate("return window.said").await;
        if said.to_string().contains(words) {
            return;
        }
        assert!(begun.elapsed() < crate::real::PATIENCE, "{words:?} was not said, but {said}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The customer's reply, by their own door.
async fn reply(stage: &Stage, reference: &str, text: &str) {
    let link = stage.link_for(ANA);
    let (_, token) = link.split_once("#token=").unwrap();
    let address = stage.doorkey.url(&format!("/api/v1/portal/tickets/{reference}/replies"));
    let sent =
        reqwest::Client::new().post(address).bearer_auth(token).json(&json!({ "body": text }));
    assert_eq!(sent.send().await.unwrap().status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_appears_while_somebody_writes_and_moves_nothing() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let Stage { doorkey, program, browser, .. } = &stage;
    let (reference, _) = stage.ticket().await;
    for number in 0..12 {
        program
            .note(&reference, &format!("Note {number}, which takes some room.\n\nMore of it."))
            .await;
    }
    sign_in(browser, doorkey, "dana@rfs.example", "Dana Reyes").await;
    browser.open(&doorkey.url(&format!("/admin/tickets/{reference}"))).await;
    browser.see("Note 11").await;
    browser.evaluate(LISTEN).await;
    browser.fill("Note", "A thought that is not fini").await;
    let place = "return document.getElementById('note').getBoundingClientRect().top";
    browser.evaluate("document.getElementById('note').scrollIntoView({ block: 'center' })").await;
    let before = browser.evaluate(place).await.as_f64().unwrap();
    let begun = Instant::now();
    reply(&stage, &reference, REPLY).await;
    browser.see(REPLY).await;
    println!("a reply was on the page after {:?}", begun.elapsed());
    said(browser, "New reply from Ana Costa").await;
    assert_eq!(browser.value("Note").await, "A thought that is not fini");
    let focused = browser.evaluate("return document.activeElement.id").await;
    assert_eq!(focused, json!("note"), "the caret stays where it is");
    let after = browser.evaluate(place).await.as_f64().unwrap();
    assert!((after - before).abs() < 2.0, "what is written moved from {before} to {after}");
    // Status and details are of nobody's writing: they follow.
    program.resolve(&reference, "The contact was worn.").await;
    browser.see("The contact was worn.").await;
    said(browser, "resolved this ticket").await;
    browser.see("Reopen and Start Work").await;
    assert_eq!(browser.value("Note").await, "A thought that is not fini");
    // What was begun before is not sent over what happened since.
    browser.press("Add Internal Note").await;
    browser.see("Somebody changed this ticket meanwhile").await;
    assert_eq!(browser.value("Note").await, "A thought that is not fini");
    // Nor is it lost when something happens on this page.
    program.note(&reference, "One more thing.").await;
    browser.see("One more thing.").await;
    assert_eq!(browser.value("Note").await, "A thought that is not fini");
    browser.press("Add Internal Note").await;
    browser.see("Somebody changed this ticket meanwhile").await;
    browser.press("Add Internal Note").await;
    browser.see_no_more("Somebody changed this ticket meanwhile").await;
    assert_eq!(program.entries(&reference, "note").await.len(), 14);
    browser.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_technicians_on_one_ticket_see_each_other_and_overwrite_nothing() {
    let Some(browser) = &Browser::start().await else { return };
    let Some(other) = &Browser::start().await else { return };
    let doorkey = Doorkey::start(&[]);
    let program = doorkey.program("admin");
    let reference = program.open_ticket(ANA, SUBJECT, DESCRIPTION).await;
    sign_in(browser, &doorkey, "dana@rfs.example", "Dana Reyes").await;
    sign_in(other, &doorkey, "eve@rfs.example", "Eve Adams").await;
    let address = doorkey.url(&format!("/admin/tickets/{reference}"));
    browser.open(&address).await;
    other.open(&address).await;
    browser.see("Eve Adams is looking at this ticket, too.").await;
    other.see("Dana Reyes is looking at this ticket, too.").await;
    other.fill("How was it resolved?", "I went there and changed the battery.").await;
    browser.see("Eve Adams is writing here.").await;
    super::looks::look_at(browser, "desk-ticket-with-a-colleague").await;
    browser.fill("Note", "Battery ordered.").await;
    other.see("Dana Reyes is writing here.").await;
    browser.press("Add Internal Note").await;
    other.see("Battery ordered.").await;
    other.press("Preview…").await;
    other.see("Resolve this ticket?").await;
    other.press("Resolve and Send Mail").await;
    other.see("Somebody changed this ticket meanwhile").await;
    let kept = other.value("How was it resolved?").await;
    assert_eq!(kept, "I went there and changed the battery.");
    assert_eq!(program.ticket(&reference).await["status"], "open", "nothing was overwritten");
    // Who closes the page is gone.
    other.open(&doorkey.url("/admin")).await;
    browser.see_no_more("Eve Adams is").await;
    // Without a script the page says who is there, too.
    other.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    other.open(&address).await;
    other.see("Dana Reyes is looking at this ticket, too.").await;
    browser.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_and_the_dashboard_follow() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let Stage { doorkey, program, browser, .. } = &stage;
    let first = program.open_ticket(ANA, SUBJECT, DESCRIPTION).await;
    let second = program.open_ticket(BEN, "Camera 2 is dark", "Since the storm.").await;
    sign_in(browser, doorkey, "dana@rfs.example", "Dana Reyes").await;
    let figures = "return document.querySelector('.figures').innerText";
    assert!(browser.evaluate(figures).await.as_str().unwrap().contains("2\nUnassigned"));
    let third = program.open_ticket(BEN, "The gate stays open", "All night.").await;
    browser.see("3\nUnassigned").await;

    browser.open(&doorkey.url("/admin/tickets")).await;
    browser.evaluate(LISTEN).await;
    let tick = format!("document.querySelector('.pick input[value={second}]').click()");
    browser.evaluate(&tick).await;
    // The newest stays first: its row changes in its place, quietly.
    program.set_status(&third, "in_progress").await;
    let row = format!("return document.querySelector('[data-row={third}] .state').innerText");
    wait_until(browser, &row, "Status:\nIn Progress").await;
    let order =
        "return Array.from(document.querySelectorAll('[data-row]'), (it) => it.dataset.row)";
    assert_eq!(browser.evaluate(order).await, json!([third, second, first]));
    assert_eq!(browser.evaluate("return window.said").await, json!([]));
    // What would move rows is offered, and what was chosen stays chosen.
    program.note(&first, "We come on Thursday.").await;
    browser.find("button", "1 ticket changed: show").await;
    said(browser, "1 ticket changed.").await;
    assert_eq!(browser.evaluate(order).await, json!([third, second, first]));
    super::looks::look_at(browser, "desk-tickets-live").await;
    let fourth = program.open_ticket(ANA, "The bell is silent", "Since nine.").await;
    browser.press("2 tickets changed: show").await;
    assert_eq!(browser.evaluate(order).await, json!([fourth, first, third, second]));
    let chosen =
        "return Array.from(document.querySelectorAll('.pick input:checked'), (it) => it.value)";
    assert_eq!(browser.evaluate(chosen).await, json!([second]));
    // A list that is filtered asks for itself as it is.
    browser.open(&doorkey.url("/admin/tickets?status=open&q=dark")).await;
    program.set_status(&second, "in_progress").await;
    browser.press("1 ticket changed: show").await;
    browser.see("Nothing found").await;
    browser.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_signed_out_elsewhere_is_told_and_keeps_what_they_wrote() {
    let Some(browser) = &Browser::start().await else { return };
    let doorkey = Doorkey::start(&[]);
    let reference = doorkey.program("admin").open_ticket(ANA, SUBJECT, DESCRIPTION).await;
    sign_in(browser, &doorkey, "eve@rfs.example", "Eve Adams").await;
    browser.open(&doorkey.url(&format!("/admin/tickets/{reference}"))).await;
    browser.fill("Note", "Half a sentence").await;
    doorkey.cli(&["staff", "disable", "--email", "eve@rfs.example"]);
    browser.find("link", "You are signed out. Sign in in a new tab").await;
    assert_eq!(browser.value("Note").await, "Half a sentence");
    browser.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_open_ticket_is_told_and_falls_back_to_looking() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let Stage { doorkey, program, browser, .. } = &stage;
    let (reference, link) = stage.ticket().await;
    browser.open(&link).await;
    browser.see(DESCRIPTION).await;
    browser.fill("Reply", "Half a sent").await;
    let begun = Instant::now();
    program.note(&reference, "We come on Thursday at ten.").await;
    browser.see("We come on Thursday at ten.").await;
    println!("a note was on the customer's page after {:?}", begun.elapsed());
    assert_eq!(browser.value("Reply").await, "Half a sent");
    // Without streams, as behind a proxy that holds them back, it takes as long as it ever did.
    browser.devtools("Network.enable", json!({})).await;
    browser.devtools("Network.setBlockedURLs", json!({ "urls": ["*/live"] })).await;
    browser.reload().await;
    browser.see("We come on Thursday at ten.").await;
    program.note(&reference, "It may be eleven.").await;
    browser.see("It may be eleven.").await;
    // Access that ends, ends here.
    browser.devtools("Network.setBlockedURLs", json!({ "urls": [] })).await;
    browser.reload().await;
    browser.see("It may be eleven.").await;
    doorkey.cli(&["customer", "disable", "--email", ANA]);
    browser.see("This link is not valid").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_is_worked_with_keys_that_can_be_turned_off() {
    let Some(browser) = &Browser::start().await else { return };
    let doorkey = Doorkey::start(&[]);
    let program = doorkey.program("admin");
    for subject in ["The gate stays open", "Camera 2 is dark"] {
        program.open_ticket(ANA, subject, "Since Monday.").await;
    }
    sign_in(browser, &doorkey, "dana@rfs.example", "Dana Reyes").await;
    browser.keys("/").await;
    browser.see_address("/admin/tickets#q").await;
    let focused = "return document.activeElement.id || document.activeElement.textContent.trim()";
    wait_until(browser, focused, "q").await;
    // The driver sends the letter of a key after the key, and it may come to the next page.
    browser.evaluate("document.activeElement.value = ''").await;
    // In a field they are letters.
    browser.keys("jnr?").await;
    assert_eq!(browser.value("Search tickets").await, "jnr?");
    browser.evaluate("document.activeElement.blur()").await;
    browser.keys("j").await;
    assert_eq!(browser.evaluate(focused).await, json!("Camera 2 is dark"));
    let seen = "return document.activeElement.matches(':focus-visible')";
    assert_eq!(browser.evaluate(seen).await, json!(true));
    browser.keys("jj").await;
    assert_eq!(browser.evaluate(focused).await, json!("The gate stays open"), "the last one");
    browser.keys("k").await;
    assert_eq!(browser.evaluate(focused).await, json!("Camera 2 is dark"));
    browser.keys("j").await;
    // What the browser does with Ctrl is the browser's.
    let chain = browser.driver().action_chain().key_down(Key::Control).send_keys("k");
    chain.key_up(Key::Control).perform().await.unwrap();
    assert_eq!(browser.evaluate(focused).await, json!("The gate stays open"));
    browser.keys("k").await;
    browser.keys("o").await;
    browser.see_address("/admin/tickets/TKT-").await;
    browser.keys("r").await;
    wait_until(browser, focused, "note").await;
    browser.evaluate("document.activeElement.blur()").await;
    browser.keys("?").await;
    browser.find("heading", "Keyboard shortcuts").await;
    super::looks::look_at(browser, "desk-keys").await;
    browser.find("field", "Use these shortcuts in this browser").await.click().await.unwrap();
    browser.keys(Key::Escape + "").await;
    browser.keys("n?").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!browser.has("heading", "Keyboard shortcuts").await, "they are off");
    assert!(browser.address().await.contains("/admin/tickets/TKT-"));
    // Another page of this browser knows, and there is a way back without a key.
    browser.open(&doorkey.url("/admin/tickets")).await;
    browser.keys("n").await;
    browser.press("Keyboard").await;
    browser.find("field", "Use these shortcuts in this browser").await.click().await.unwrap();
    browser.press("Close").await;
    browser.keys("n").await;
    browser.see_address("/admin/tickets/new").await;
    browser.assert_quiet().await;
}

async fn wait_until(browser: &Browser, script: &str, wanted: &str) {
    let begun = Instant::now();
    while browser.evaluate(script).await != json!(wanted) {
        assert!(begun.elapsed() < crate::real::PATIENCE, "{wanted}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// What a finger has to hit on the page and is smaller than 44 by 44 pixels. Links within text, and
/// boxes whose words can be tapped as well, count by what can be tapped (WCAG 2.5.5).
const SMALL: &str = "
    const tapped = (node) => node.labels?.length ? [node, ...node.labels] : [node];
    const shown = (node) => node.checkVisibility({ visibilityProperty: true }) && node.getClientRects().length > 0;
    const isSmall = (node) => {
        const boxes = tapped(node).map((it) => it.getBoundingClientRect());
        return Math.max(...boxes.map((it) => it.height)) < 43.5 || Math.max(...boxes.map((it) => it.width)) < 43.5;
    };
    const selectors = 'main button, main a.button, main input:not([type=hidden]), main select, main textarea, main summary';
    return Array.from(document.querySelectorAll(selectors)).filter((node) => shown(node) && isSmall(node))
        .map((node) => `${node.outerHTML.slice(0, 90)} ${node.getBoundingClientRect().width}x${node.getBoundingClientRect().height}`)";

#[tokio::test(flavor = "multi_thread")]
async fn a_technician_on_a_phone_notes_and_resolves_with_one_thumb() {
    let Some(browser) = &Browser::start().await else { return };
    let doorkey = Doorkey::start(&[]);
    let program = doorkey.program("admin");
    let reference = program.open_ticket(ANA, SUBJECT, DESCRIPTION).await;
    for number in 0..6 {
        program.note(&reference, &format!("Note {number}\n\nwith some lines")).await;
    }
    sign_in(browser, &doorkey, "dana@rfs.example", "Dana Reyes").await;
    browser.set_size(320, 640).await;
    browser.open(&doorkey.url(&format!("/admin/tickets/{reference}"))).await;
    browser.see("Note 5").await;
    assert_eq!(browser.evaluate(SMALL).await, json!([]), "each target is as large as a fingertip");
    // Wherever one reads, both ways stand at the thumb.
    for part in ["0", "0.5"] {
        let script = format!("scrollTo(0, {part} * document.documentElement.scrollHeight)");
        browser.evaluate(&script).await;
        for way in ["Add a Note", "Resolve…"] {
            let link = in_jump(browser, way).await;
            assert!(link > 500.0 && link < 640.0, "{way} at {link}");
        }
    }
    tap(browser, "Add a Note").await;
    browser.fill("Note", "On my way.").await;
    browser.press("Add Internal Note").await;
    browser.see("On my way.").await;
    tap(browser, "Resolve…").await;
    browser.fill("How was it resolved?", "Changed the battery.").await;
    browser.press("Preview…").await;
    browser.see("Resolve this ticket?").await;
    assert_eq!(browser.evaluate(SMALL).await, json!([]), "here, too");
    browser.press("Resolve and Send Mail").await;
    browser.see("Changed the battery.").await;
    browser.see_address(&format!("/admin/tickets/{reference}")).await;
    assert_eq!(program.ticket(&reference).await["status"], "resolved");
    browser.assert_no_sideways_scroll("the ticket").await;
    browser.picture("desk-ticket-thumb").await;
    browser.assert_quiet().await;
}

/// Where on the screen the middle of one of the ways at the bottom is.
async fn in_jump(browser: &Browser, way: &str) -> f64 {
    let script = format!(
        "const box = Array.from(document.querySelectorAll('.jump a')).find((it) => it.textContent.replace(/\\s/g, '') === '{}').getBoundingClientRect();
         return (box.top + box.bottom) / 2",
        way.replace(' ', "")
    );
    browser.evaluate(&script).await.as_f64().unwrap()
}

async fn tap(browser: &Browser, way: &str) {
    let script = format!(
        "Array.from(document.querySelectorAll('.jump a')).find((it) => it.textContent.replace(/\\s/g, '') === '{}').click()",
        way.replace(' ', "")
    );
    browser.evaluate(&script).await;
}
