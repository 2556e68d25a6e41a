//! Every state of every page: legible for axe-core in light and dark, no wider than 320 pixels
//! allow, and a picture of each under `target/screenshots` to look at.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ANA, BEN, DESCRIPTION, SUBJECT, Stage};
use crate::real::browser::Browser;
use crate::real::doorkey::Doorkey;

/// Looks at the page as it stands: narrow and wide, light and dark.
pub(super) async fn look_at(browser: &Browser, page: &str) {
    for (scheme, width) in [("light", 1280), ("dark", 1280), ("light", 320), ("dark", 320)] {
        browser.set_size(width, 800).await;
        browser.prefer("prefers-color-scheme", scheme).await;
        // Colours that are faded in would be measured half-way.
        tokio::time::sleep(Duration::from_millis(300)).await;
        browser.assert_no_sideways_scroll(page).await;
        browser.assert_accessible(&format!("{page}, {scheme}, {width} px")).await;
        browser.picture(&format!("{page}-{width}-{scheme}")).await;
    }
    browser.assert_quiet().await;
    browser.prefer("prefers-color-scheme", "light").await;
    browser.set_size(1280, 900).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_for_everybody_are_accessible() {
    let Some(browser) = &Browser::start().await else { return };
    let doorkey = Doorkey::start(&[("DOORKEY_BRAND_PHONE", "613 555 0142")]);
    browser.open(&doorkey.url("/")).await;
    browser.see("Customer Portal").await;
    look_at(browser, "hub").await;
    browser.open(&doorkey.url("/no/such/page")).await;
    browser.find("heading", "…").await;
    look_at(browser, "not-found").await;
    browser.follow("RFS Hub").await;
    browser.follow("Customer Portal").await;
    browser.find("field", "Email").await;
    look_at(browser, "login").await;
    browser.fill("Email", "not an address").await;
    browser.press("Send Me a Link").await;
    browser.see("does not look like an e-mail address").await;
    look_at(browser, "login-problem").await;
    browser.fill("Email", ANA).await;
    browser.press("Send Me a Link").await;
    browser.see("a link is on its way").await;
    look_at(browser, "answer").await;
    browser.fill("6-digit code", "000000").await;
    browser.press("Open My Tickets").await;
    browser.see("This code is not valid").await;
    look_at(browser, "code-problem").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_pages_are_accessible() {
    let Some(stage) = Stage::set(&[]).await else { return };
    let Stage { program, browser, .. } = &stage;
    browser.open(&stage.link_for(BEN)).await;
    browser.see("No tickets yet").await;
    look_at(browser, "list-empty").await;

    let (reference, link) = stage.ticket().await;
    let wide = format!("https://example.com/{}", "a-very-long-path/".repeat(8));
    program.open_ticket(ANA, &"Überlänge".repeat(22), &wide).await;
    program.open_ticket(ANA, "باب المكتب لا يغلق", "منذ صباح اليوم 🚪").await;
    program.note(&reference, &format!("Good morning Ana, see {wide} please.")).await;
    browser.open_new_tab(&stage.link_for(ANA)).await;
    browser.see(SUBJECT).await;
    look_at(browser, "list").await;
    browser.fill("Search your tickets", "no such words").await;
    browser.see("Nothing found").await;
    look_at(browser, "list-nothing-found").await;
    browser.fill("Search your tickets", "keypad").await;
    browser.see("1 of 3 tickets contains “keypad”.").await;
    look_at(browser, "list-found").await;

    browser.open_new_tab(&link).await;
    browser.see(DESCRIPTION).await;
    browser.press("Send Reply").await;
    browser.see("Please write something first.").await;
    browser.fill("Reply", "On Thursday, please.").await;
    browser.press("Send Reply").await;
    browser.see("0 of 2000 characters").await;
    look_at(browser, "ticket").await;
    browser.press("End all access").await;
    look_at(browser, "end-all-access").await;
    browser.press("Keep My Links").await;
    program.resolve(&reference, "The contact of zone 4 was worn.").await;
    browser.reload().await;
    browser.see("The contact of zone 4 was worn.").await;
    look_at(browser, "ticket-resolved").await;
    assert_print_style(browser).await;
    program.set_status(&reference, "closed").await;
    browser.reload().await;
    browser.see("This ticket is closed.").await;
    look_at(browser, "ticket-closed").await;
    browser.open(&stage.doorkey.url("/portal/tickets/TKT-000000")).await;
    browser.see("We cannot find this ticket").await;
    look_at(browser, "ticket-missing").await;
}

/// A ticket on paper is what was said, without what only a screen can use.
async fn assert_print_style(browser: &Browser) {
    browser.devtools("Emulation.setEmulatedMedia", json!({ "media": "print" })).await;
    browser.see(DESCRIPTION).await;
    browser.see(&format!("{ANA} · printed on")).await;
    assert!(!browser.words().await.contains("just now"), "a time that is wrong tomorrow");
    assert!(!browser.has("button", "Send Reply").await, "a form on paper");
    assert!(!browser.has("button", "Sign out").await, "a button on paper");
    browser.picture("ticket-print").await;
    browser.devtools("Emulation.setEmulatedMedia", json!({ "media": "" })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_accessible() {
    let Some(stage) = Stage::set(&[("DOORKEY_PORTAL_LINK_TTL", "1s")]).await else { return };
    let (_, link) = stage.ticket().await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    stage.browser.open(&link).await;
    stage.browser.see("This link has expired").await;
    look_at(&stage.browser, "link-expired").await;
    let unknown = stage.doorkey.url(&format!("/portal#token={}", "A".repeat(43)));
    stage.browser.open_new_tab(&unknown).await;
    stage.browser.see("This link is not valid").await;
    look_at(&stage.browser, "link-invalid").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desks_pages_are_accessible() {
    let Some(browser) = &Browser::start().await else { return };
    let doorkey = Doorkey::start(&[]);
    let long = "Dana-Maximiliane Reyes-Überlängenfeld von und zu Hohenschwarzwald";
    let add = ["staff", "add", "--email", "dana@rfs.example", "--name", long, "--role", "admin"];
    let link = doorkey.cli(&add)["url"].as_str().unwrap().to_owned();
    browser.open(&doorkey.url("/admin")).await;
    browser.find("field", "Email").await;
    look_at(browser, "desk-sign-in").await;
    browser.fill("Email", "dana").await;
    browser.press("Send Me a Link").await;
    browser.see("does not look like an e-mail address").await;
    look_at(browser, "desk-sign-in-problem").await;
    browser.fill("Email", "dana@rfs.example").await;
    browser.press("Send Me a Link").await;
    browser.see("a link is on its way").await;
    look_at(browser, "desk-sent").await;
    browser.fill("6-digit code", "000000").await;
    browser.press("Sign In").await;
    browser.see("This code is not valid").await;
    look_at(browser, "desk-code-problem").await;
    browser.open(&link).await;
    look_at(browser, "desk-link").await;
    browser.press("Sign In").await;
    browser.see("Sign in faster next time").await;
    look_at(browser, "desk-passkeys-offered").await;
    browser.follow("Not now").await;
    browser.see("Nothing waits for you").await;
    look_at(browser, "desk-dashboard").await;
    browser.open(&doorkey.url("/admin/sessions")).await;
    browser.see("Your sessions").await;
    look_at(browser, "desk-sessions").await;
    browser.open(&doorkey.url("/admin/no/such/page")).await;
    browser.see("There is no such page").await;
    look_at(browser, "desk-not-found").await;
    browser.open(&link).await;
    browser.see("This link was used already").await;
    look_at(browser, "desk-link-used").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desks_lists_are_accessible() {
    let Some(browser) = &Browser::start().await else { return };
    let doorkey = Doorkey::start(&[]);
    let program = doorkey.program("admin");
    super::desk::sign_in(browser, &doorkey).await;
    let list = doorkey.url("/admin/tickets");
    browser.open(&list).await;
    browser.see("No tickets yet").await;
    look_at(browser, "desk-tickets-empty").await;

    let reference = program.open_ticket(ANA, SUBJECT, DESCRIPTION).await;
    let wide = format!("https://example.com/{}", "a-very-long-path/".repeat(8));
    program.open_ticket(ANA, &"Überlänge".repeat(22), &wide).await;
    program.open_ticket(BEN, "باب المكتب لا يغلق", "منذ صباح اليوم 🚪").await;
    let done = program.open_ticket(BEN, "Camera 2 is dark", "Since the storm.").await;
    program.resolve(&done, "The cable was loose.").await;
    program.note(&reference, "We bring a keypad on Thursday.").await;
    browser.open(&list).await;
    browser.see(SUBJECT).await;
    look_at(browser, "desk-tickets").await;
    browser.open(&format!("{list}?q=keypad&assignee=nobody")).await;
    browser.see("Clear filters").await;
    look_at(browser, "desk-tickets-found").await;
    browser.open(&format!("{list}?priority=most&customer=x&status=solved")).await;
    browser.see("Some filters need another look").await;
    look_at(browser, "desk-tickets-problem").await;

    browser.open(&list).await;
    super::desk::choose_all(browser).await;
    look_at(browser, "desk-tickets-chosen").await;
    super::desk::pick(browser, "several", "assignee", "dana@rfs.example").await;
    browser.press("Change Them").await;
    browser.see("4 tickets changed.").await;
    look_at(browser, "desk-tickets-changed").await;
    browser.open(&doorkey.url("/admin")).await;
    browser.see("2 tickets wait for your answer.").await;
    look_at(browser, "desk-dashboard-waiting").await;

    browser.open(&doorkey.url("/admin/tickets/new")).await;
    browser.see("What is it about?").await;
    look_at(browser, "desk-new-ticket").await;
    browser.fill("E-mail", "ana").await;
    browser.press("Find").await;
    browser.see("Who is it?").await;
    look_at(browser, "desk-new-ticket-found").await;
    browser.fill("E-mail", "new@example.com").await;
    browser.fill("Subject", " ").await;
    browser.fill("Description", " ").await;
    browser.press("Create Ticket").await;
    browser.see("Please write something here.").await;
    look_at(browser, "desk-new-ticket-problem").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_at_the_desk_is_accessible() {
    let Some(browser) = &Browser::start().await else { return };
    let doorkey = Doorkey::start(&[]);
    let program = doorkey.program("admin");
    super::desk::sign_in(browser, &doorkey).await;
    browser.open(&doorkey.url("/admin/answers")).await;
    look_at(browser, "desk-answers-empty").await;
    super::desk::save_answer(browser, "Power cut", "Hello {custommer}").await;
    browser.see("There is no placeholder").await;
    look_at(browser, "desk-answers-problem").await;
    super::desk::save_answer(browser, "Power cut", "Hello {customer}, press 1.").await;
    browser.see("Hello {customer}, press 1.").await;
    look_at(browser, "desk-answers").await;
    browser.follow("Power cut").await;
    browser.see("What was sent with it before stays as it is.").await;
    look_at(browser, "desk-answer").await;

    let reference = program.open_ticket(ANA, SUBJECT, DESCRIPTION).await;
    program.note(&reference, "We bring a keypad on Thursday.").await;
    browser.open(&doorkey.url(&format!("/admin/tickets/{reference}"))).await;
    browser.see("Only colleagues see it").await;
    look_at(browser, "desk-ticket").await;
    browser.fill("How was it resolved?", "The keypad was replaced.").await;
    browser.press("Preview…").await;
    browser.see("Resolve this ticket?").await;
    look_at(browser, "desk-preview").await;
    browser.press("Resolve and Send Mail").await;
    browser.see("Reopen and Start Work").await;
    look_at(browser, "desk-ticket-resolved").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_are_accessible_in_any_colour() {
    let Some(browser) = &Browser::start().await else { return };
    let doorkey = Doorkey::start(&[("DOORKEY_BRAND_HOURS", "weekdays 8 to 18")]);
    super::desk::sign_in(browser, &doorkey).await;
    let settings = doorkey.url("/admin/settings");
    // Bright, pale and dark: each is a hard case for one kind of page.
    for colour in ["#ffb300", "#e8eaf6", "#101010"] {
        browser.open(&settings).await;
        browser.fill("Company name", "Halden Locks").await;
        browser.fill("Colour", colour).await;
        browser.fill("Support telephone", "+1 613 555 0142").await;
        browser.press("Save").await;
        browser.see("Saved.").await;
        look_at(browser, &format!("desk-settings-{}", &colour[1..])).await;
        browser.open(&doorkey.url("/")).await;
        browser.see("Halden Locks Hub").await;
        look_at(browser, &format!("hub-{}", &colour[1..])).await;
    }
    browser.open(&settings).await;
    browser.fill("Company name", " ").await;
    browser.fill("Colour", "greenish").await;
    browser.press("Save").await;
    browser.see("Nothing was saved yet").await;
    look_at(browser, "desk-settings-problem").await;
    for (page, words) in [
        ("start-page", "Preview the Start Page"),
        ("tickets", "Links to the portal"),
        ("mails", "To your people"),
    ] {
        browser.open(&format!("{settings}/{page}")).await;
        browser.see(words).await;
        look_at(browser, &format!("desk-settings-{page}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_previewed_and_saved_without_javascript() {
    let Some(browser) = &Browser::start().await else { return };
    let doorkey = Doorkey::start(&[]);
    let off = json!({ "value": true });
    browser.devtools("Emulation.setScriptExecutionDisabled", off).await;
    super::desk::sign_in(browser, &doorkey).await;
    browser.follow("Settings").await;
    browser.fill("Company name", "Halden Locks").await;
    browser.fill("Colour", "#ffb300").await;
    browser.fill("Support telephone", "613 555 0142").await;
    let desk = browser.tab().await;
    browser.press("Preview the Portal").await;
    let preview = browser.switch_to_newest(std::slice::from_ref(&desk)).await;
    browser.see("This is a preview.").await;
    browser.see("Halden Locks Support").await;
    browser.see("Rather talk to someone? Call 613 555 0142.").await;
    let off = json!({ "value": false });
    browser.devtools("Emulation.setScriptExecutionDisabled", off).await;
    look_at(browser, "desk-settings-preview").await;
    browser.switch(&desk).await;
    assert_eq!(browser.value("Company name").await, "Halden Locks", "the form is still there");
    browser.press("Preview a Mail").await;
    browser.switch_to_newest(&[desk.clone(), preview]).await;
    browser.see("Your ticket is resolved").await;
    browser.switch(&desk).await;
    browser.press("Save").await;
    browser.see("Saved. It holds from now on.").await;
    browser.open(&doorkey.url("/")).await;
    browser.see("Halden Locks Hub").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_for_admins_are_accessible() {
    let Some(browser) = &Browser::start().await else { return };
    let doorkey = Doorkey::start(&[]);
    let program = doorkey.program("admin");
    super::desk::sign_in(browser, &doorkey).await;
    let kim = [
        "staff",
        "add",
        "--email",
        "kim@rfs.example",
        "--name",
        "Kim Park",
        "--role",
        "technician",
    ];
    doorkey.cli(&kim);
    program.open_ticket(ANA, SUBJECT, DESCRIPTION).await;
    browser.open(&doorkey.url("/admin/staff")).await;
    browser.see("Kim Park").await;
    look_at(browser, "desk-staff").await;
    browser.follow("Kim Park").await;
    browser.see("They are not signed in.").await;
    look_at(browser, "desk-colleague").await;
    browser.press("Make a Sign-in Link").await;
    browser.see("A link with which they sign in, shown only now").await;
    look_at(browser, "desk-colleague-link").await;

    browser.open(&doorkey.url("/admin/api-keys")).await;
    browser.fill("Name", "Web shop").await;
    browser.press("Make Key").await;
    browser.see("shown only now").await;
    look_at(browser, "desk-api-keys").await;

    browser.open(&doorkey.url("/admin/webhooks")).await;
    browser.see("No webhooks yet").await;
    look_at(browser, "desk-webhooks").await;
    browser.fill("URL", "https://127.0.0.1/").await;
    browser.press("Add Webhook").await;
    browser.see("This address is not a public one.").await;
    look_at(browser, "desk-webhooks-problem").await;
    browser.fill("URL", "https://hooks.invalid/in").await;
    browser.fill("What it is for", "The shop").await;
    browser.press("Add Webhook").await;
    browser.see("The secret of this webhook, shown only now").await;
    browser.press("Send a Test Call").await;
    browser.see("Test call").await;
    look_at(browser, "desk-webhook").await;

    browser.open(&doorkey.url("/admin/outbox")).await;
    browser.see("No mail failed").await;
    look_at(browser, "desk-outbox-empty").await;
    browser.open(&doorkey.url("/admin/outbox?state=sent")).await;
    browser.see("Ticket created").await;
    look_at(browser, "desk-outbox").await;

    browser.open(&doorkey.url("/admin/audit")).await;
    browser.see("made a sign-in link for").await;
    look_at(browser, "desk-audit").await;
    browser.open(&doorkey.url("/admin/audit?from=x&who=ghost")).await;
    browser.see("Some filters need another look").await;
    look_at(browser, "desk-audit-problem").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_visit_is_light() {
    let Some(browser) = Browser::start().await else { return };
    let doorkey = Doorkey::start(&[]);
    browser.open(&doorkey.url("/portal")).await;
    browser.find("field", "Email").await;
    let (requests, bytes) = browser.traffic(&doorkey.url("/")).await;
    println!("a first visit: {requests} requests, {bytes} bytes");
    assert!((1..=6).contains(&requests), "{requests} requests");
    assert!((1_000..=60 * 1024).contains(&bytes), "{bytes} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_javascript_the_page_says_what_it_needs() {
    let Some(browser) = Browser::start().await else { return };
    let doorkey = Doorkey::start(&[]);
    let off = json!({ "value": true });
    browser.devtools("Emulation.setScriptExecutionDisabled", off).await;
    browser.open(&doorkey.url("/portal")).await;
    browser.devtools("Accessibility.enable", json!({})).await;
    let tree = browser.devtools("Accessibility.getFullAXTree", json!({})).await;
    let words = spoken(&tree);
    assert!(words.contains("the portal needs JavaScript"), "{words}");
    assert!(!words.contains("Loading"), "nothing pretends to load: {words}");
}

/// What a screen reader would read.
fn spoken(tree: &Value) -> String {
    let nodes = tree["nodes"].as_array().expect("a tree").iter();
    let texts = nodes.filter(|node| node["role"]["value"] == "StaticText");
    texts.filter_map(|node| node["name"]["value"].as_str()).collect::<Vec<_>>().join(" ")
}
