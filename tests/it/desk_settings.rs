//! The settings at the desk: what is typed is checked, kept, previewed and saved; what it makes of pages.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorkey::config::Config;
use doorkey::domain::email::Email;
use doorkey::domain::settings::{InForce, Section, Seen};
use doorkey::domain::staff::Role;

use crate::settings::{ALICE, operator_says};
use crate::support::TestApp;
use crate::support::client::{Answer, Client};

const BRAND: &str = "/admin/settings";
const CARDS: &str = "/admin/settings/start-page";
const TICKETS: &str = "/admin/settings/tickets";
const MAILS: &str = "/admin/settings/mails";
/// A drawing, 8 by 8.
const DRAWING: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path fill="#a50" d="M0 0h8v8z"/></svg>"##;

async fn desk() -> (TestApp, Client) {
    desk_of(|_| {}).await
}

async fn desk_of(change: impl FnOnce(&mut Config)) -> (TestApp, Client) {
    let app = TestApp::with(change).await;
    let helen = app.at_the_desk("helen@rfs.example", Role::Admin).await;
    (app, helen)
}

/// What the page of a form shows of its section.
async fn seen(helen: &Client, path: &str) -> String {
    let page = helen.get(path).await.expect(200).text();
    let after = page.split("name=\"seen\" value=\"").nth(1).expect("what was seen");
    after.split('"').next().unwrap().to_owned()
}

/// Sends the form of a page as it stands there, but for these fields.
async fn send(helen: &Client, path: &str, fields: &[(&str, &str)]) -> Answer {
    let seen = seen(helen, path).await;
    let mut all = vec![("seen", seen.as_str())];
    let standing: &[(&str, &str)] = match path {
        BRAND => &[("name", "RFS"), ("colour", ""), ("phone", ""), ("hours", "")],
        TICKETS => &[
            ("categories", "Alarm\r\nCCTV\r\nAccess Control\r\nIntercom\r\nGeneral"),
            ("reopen_on_reply", "true"),
            ("auto_close_days", "14"),
            ("link_ttl", "7d"),
        ],
        CARDS => &[("cards", "true")],
        _ => &[
            ("on_ticket_created", "true"),
            ("on_note_added", "true"),
            ("on_ticket_resolved", "true"),
            ("on_customer_replied", "true"),
            ("on_ticket_assigned", "true"),
            ("staff_inbox", ""),
        ],
    };
    all.extend(standing.iter().filter(|(name, _)| fields.iter().all(|it| it.0 != *name)));
    all.extend(fields.iter().filter(|(_, value)| *value != "(not sent)"));
    helen.form(path, &all).await
}

/// Sends the form of the logo.
async fn send_logo(helen: &Client, step: &str, seen: &str, image: &[u8]) -> Answer {
    let mut body = Vec::new();
    for (head, part) in [
        ("name=\"seen\"", seen.as_bytes()),
        ("name=\"logo\"; filename=\"logo.svg\"\r\nContent-Type: application/octet-stream", image),
        ("name=\"step\"", step.as_bytes()),
    ] {
        body.extend_from_slice(
            format!("--x\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes(),
        );
        body.extend_from_slice(part);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--x--\r\n");
    let ours = helen.header("Sec-Fetch-Site", "same-origin");
    ours.send("POST", "/admin/settings/logo", body, Some("multipart/form-data; boundary=x")).await
}

async fn holds(app: &TestApp) -> std::sync::Arc<InForce> {
    app.shown().await
}

fn logo_seen(holds: &InForce) -> String {
    Seen::of(Section::Logo, holds).as_str().to_owned()
}

#[tokio::test]
async fn the_brand_reaches_every_page() {
    let (app, helen) = desk().await;
    let changed = [
        ("name", " Halden & Sons "),
        ("colour", "FFD400"),
        ("phone", "+1 613 555 0142"),
        ("hours", "weekdays 8 to 18"),
    ];
    let saved = send(&helen, BRAND, &changed).await.expect(303);
    assert_eq!(saved.header("location"), Some("/admin/settings?saved=true"));
    assert!(helen.get("/admin/settings?saved=true").await.text().contains("Saved."));
    let ana = app.customer(ALICE).await;
    app.sleep_days(8);
    let pages = [
        (app.anon(), "/", 200),
        (app.anon(), "/portal", 200),
        (app.anon(), "/api/docs", 200),
        (app.anon(), "/no/such/page", 404),
        (app.anon(), "/admin/sign-in", 200),
        (helen.clone(), "/dev/mailbox", 200),
    ];
    for (who, path, status) in pages {
        let page = who.get(path).await.expect(status).text();
        for word in [
            "Halden &#38; Sons",
            "/assets/paint-ffd400.",
            "content=\"#ffd400\"",
            "tel:+16135550142",
        ] {
            assert!(page.contains(word), "{path}: {word}: {page}");
        }
        assert!(!page.contains("RFS"), "{path}");
    }
    let expired = ana.get("/portal").await.expect(401).text();
    assert!(expired.contains("href=\"tel:+16135550142\"") && expired.contains("weekdays 8 to 18"));
    let again = app.at_the_desk("helen@rfs.example", Role::Admin).await;
    let desk = again.get("/admin").await.expect(200).text();
    assert!(desk.contains("Halden &#38; Sons Desk") && desk.contains("/assets/paint-ffd400."));
    let paint = desk.split("href=\"").find(|it| it.starts_with("/assets/paint-")).unwrap();
    let paint = app.anon().get(paint.split('"').next().unwrap()).await.expect(200);
    assert!(paint.header("cache-control").unwrap().contains("immutable"));
    assert!(paint.text().contains("--brand: #ffd400;"), "{}", paint.text());
}

#[tokio::test]
async fn a_refused_form_names_the_fields_keeps_what_was_typed_and_changes_nothing() {
    let (app, helen) = desk().await;
    let before = app.dump().await;
    for (path, fields, words) in [
        (
            BRAND,
            &[("name", " "), ("colour", "greenish"), ("phone", "call us")][..],
            &["write something", "six digits", "telephone number"][..],
        ),
        (
            TICKETS,
            &[("categories", "Doors\ndoors"), ("auto_close_days", "-3"), ("link_ttl", "31d")],
            &["stands here twice", "from 0 (never)", "30 days (30d)"],
        ),
        (MAILS, &[("staff_inbox", "nobody")], &["does not look like"]),
        (
            CARDS,
            &[("card_2_title", "Shop"), ("card_2_url", "javascript:alert(1)")],
            &["begins with https://"],
        ),
    ] {
        let answer = send(&helen, path, fields).await.expect(422).text();
        assert!(answer.contains("Nothing was saved yet"), "{path}");
        for word in words {
            assert!(answer.contains(word), "{path}: {word}: {answer}");
        }
        for (_, typed) in fields.iter().filter(|(name, _)| *name != "link_ttl") {
            let typed = typed.lines().next().unwrap().trim();
            assert!(answer.contains(typed), "{path}: {typed}");
        }
    }
    assert_eq!(crate::support::dump::difference(&before, &app.dump().await), "");
}

#[tokio::test]
async fn tickets_mails_and_cards_are_set_and_shown_again() {
    let (app, helen) = desk().await;
    app.ticket(ALICE, "Old").await;
    let tickets = [
        ("categories", "Doors\r\nAlarm\r\n"),
        ("reopen_on_reply", "(not sent)"),
        ("auto_close_days", "0"),
        ("link_ttl", "12h"),
    ];
    send(&helen, TICKETS, &tickets).await.expect(303);
    send(
        &helen,
        MAILS,
        &[
            ("on_note_added", "(not sent)"),
            ("on_status_change", "true"),
            ("staff_inbox", "desk@rfs.example"),
        ],
    )
    .await
    .expect(303);
    let cards = [
        ("card_1_title", "Shop"),
        ("card_1_text", "Spare parts."),
        ("card_1_url", "https://shop.example"),
        ("card_4_title", "Emergency"),
        ("card_4_url", "tel:112"),
    ];
    send(&helen, CARDS, &cards).await.expect(303);
    let rules = holds(&app).await.rules.clone();
    assert_eq!(rules.categories, ["Doors", "Alarm"]);
    assert!(!rules.reopen_on_reply && rules.auto_close_days == 0);
    assert_eq!(rules.link_ttl.as_secs(), 12 * 3_600);
    assert!(
        !rules.notices.note_added && rules.notices.status_changed && rules.notices.ticket_created
    );
    assert_eq!(rules.staff_inbox.as_ref().map(Email::as_str), Some("desk@rfs.example"));
    let hub = app.anon().get("/").await.expect(200).text();
    let places = ["https://shop.example", "tel:112"].map(|it| hub.find(it).unwrap());
    assert!(places.is_sorted() && hub.contains("Spare parts."));
    let new = helen.get("/admin/tickets/new").await.expect(200).text();
    assert!(new.contains("<option value=\"Doors\"") && !new.contains("<option value=\"CCTV\""));
    let page = helen.get(TICKETS).await.expect(200).text();
    assert!(
        page.contains(">Doors\nAlarm</textarea>")
            && page.contains("<option value=\"12h\" selected")
    );
    assert!(page.contains("Last changed by <bdi>Dana Reyes</bdi>"), "{page}");
    let ask = serde_json::json!({ "email": ALICE });
    let asked = app.anon().post("/api/v1/portal/links", &ask).await.expect(202).text();
    assert!(asked.contains("valid for 12 hours"), "{asked}");
    // An emptied card goes, the others keep their order.
    send(&helen, CARDS, &cards[3..]).await.expect(303);
    assert_eq!(holds(&app).await.config.brand.cards.len(), 1);
}

#[tokio::test]
async fn a_change_is_in_the_audit_log_with_what_was_before_and_nothing_else_is() {
    let (app, helen) = desk().await;
    send(&helen, BRAND, &[("name", "Halden"), ("hours", "weekdays")]).await.expect(303);
    send(&helen, BRAND, &[("name", "Halden"), ("hours", "weekdays")]).await.expect(303);
    send(&helen, BRAND, &[("name", "")]).await.expect(422);
    let lines: Vec<String> =
        app.column("SELECT details FROM audit WHERE action = 'settings.changed'").await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    let details: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(details["brand.name"], serde_json::json!({ "from": "RFS", "to": "Halden" }));
    assert_eq!(details["brand.hours"], serde_json::json!({ "from": "", "to": "weekdays" }));
    assert_eq!(details.as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn lists_and_logos_are_in_the_audit_log_in_words_and_never_as_they_are_kept() {
    let (app, helen) = desk().await;
    send(&helen, TICKETS, &[("categories", "Doors\nLamps")]).await.expect(303);
    let card =
        [("card_1_title", "Shop"), ("card_1_text", "Buy."), ("card_1_url", "https://shop.example")];
    send(&helen, CARDS, &card).await.expect(303);
    for image in [DRAWING.to_owned(), DRAWING.replace("a50", "001")] {
        let seen = logo_seen(&*holds(&app).await);
        send_logo(&helen, "save", &seen, image.as_bytes()).await.expect(303);
    }
    let path = "/admin/audit?what=settings.changed";
    let page = helen.get(path).await.expect(200).text();
    for words in [
        "became “Doors, Lamps”",
        "brand.cards: nothing became “Shop”",
        "brand.logo: nothing became “a picture”",
        "brand.logo: changed",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let table = helen.get(&path.replace("audit?", "audit.csv?")).await.expect(200).text();
    assert_eq!(table.lines().count(), 5, "{table}");
    // The page itself shows the logo, under the name it is kept by.
    let hash = holds(&app).await.config.brand.logo.clone().unwrap();
    assert!(!table.contains(&hash), "{table}");
    for text in [page, table] {
        for raw in ["[\"", "[&#34;", "{\"", "&#34;title", "shop.example"] {
            assert!(!text.contains(raw), "{raw}: {text}");
        }
    }
}

#[tokio::test]
async fn a_category_that_went_stays_on_its_tickets() {
    let (app, helen) = desk().await;
    let new = doorkey::domain::tickets::NewTicket {
        category: Some("Intercom".to_owned()),
        ..app.new_ticket(ALICE, "It hums")
    };
    let ticket = app.create(new).await.unwrap().reference;
    send(&helen, TICKETS, &[("categories", "Doors")]).await.expect(303);
    let page = helen.get(&format!("/admin/tickets/{ticket}")).await.expect(200).text();
    assert!(page.contains("<option value=\"Intercom\" selected"), "{page}");
    let alice = app.customer(ALICE).await;
    let page = alice.get(&format!("/portal/tickets/{ticket}")).await.expect(200).text();
    assert!(page.contains("Intercom"));
    let urgent = doorkey::domain::tickets::Change {
        priority: Some(doorkey::domain::tickets::Priority::Urgent),
        category: Some(Some("Intercom".to_owned())),
        ..Default::default()
    };
    app.change(&ticket, urgent).await.unwrap();
    let listed = helen.get("/admin/tickets?category=Intercom").await.expect(200).text();
    assert!(listed.contains("It hums"));
}

#[tokio::test]
async fn what_the_operator_set_is_shown_with_its_place_and_cannot_be_sent() {
    let (app, helen) = desk_of(|config| {
        let said = [
            ("DOORKEY_BRAND_NAME", "Halden"),
            ("DOORKEY_TICKETS_REOPEN_ON_REPLY", "off"),
            ("DOORKEY_MAIL_STAFF_INBOX", "desk@rfs.example"),
        ];
        operator_says(config, &said);
    })
    .await;
    let page = helen.get(BRAND).await.expect(200).text();
    assert!(page.contains("Set by the operator in <code>DOORKEY_BRAND_NAME</code>"), "{page}");
    assert!(page.contains("readonly type=\"text\"") && page.contains("value=\"Halden\""));
    assert!(helen.get(MAILS).await.text().contains("<code>DOORKEY_MAIL_STAFF_INBOX</code>"));
    // The rest of the page can be saved without it; an old page that still sends it is told.
    send(&helen, BRAND, &[("name", "(not sent)"), ("hours", "always")]).await.expect(303);
    assert_eq!(holds(&app).await.config.brand.hours.as_deref(), Some("always"));
    let old =
        send(&helen, BRAND, &[("name", "Other"), ("hours", "never")]).await.expect(422).text();
    assert!(old.contains("The operator has set this in DOORKEY_BRAND_NAME"), "{old}");
    assert_eq!(holds(&app).await.config.brand.hours.as_deref(), Some("always"));
    let tickets =
        send(&helen, TICKETS, &[("reopen_on_reply", "(not sent)"), ("auto_close_days", "2")]).await;
    tickets.expect(303);
    let rules = holds(&app).await.rules.clone();
    assert!(!rules.reopen_on_reply && rules.auto_close_days == 2);
}

#[tokio::test]
async fn a_preview_shows_what_is_typed_and_saves_nothing() {
    let (app, helen) = desk().await;
    let before = app.dump().await;
    let typed = [
        ("name", "Halden"),
        ("colour", "#0a5f3c"),
        ("phone", "555 0142"),
        ("hours", "day and night"),
    ];
    let look =
        |path: &'static str, step: &'static str, typed: Vec<(&'static str, &'static str)>| {
            let helen = helen.clone();
            async move {
                let mut fields = typed;
                fields.push(("step", step));
                send(&helen, path, &fields).await.expect(200)
            }
        };
    let portal = look(BRAND, "portal", typed.to_vec()).await.text();
    for word in [
        "Halden Support",
        "paint-0a5f3c.",
        "tel:5550142",
        "day and night",
        "This is a preview",
        "Send Me a Link",
        "Resolution",
    ] {
        assert!(portal.contains(word), "{word}: {portal}");
    }
    let mail = look(BRAND, "mail", typed.to_vec()).await;
    assert!(mail.header("content-security-policy").unwrap().starts_with("sandbox;"));
    assert!(mail.text().contains("background:#0a5f3c") && mail.text().contains("Halden Support"));
    let reply = "the ticket opens again";
    assert!(look(TICKETS, "portal", vec![]).await.text().contains(reply));
    let off = vec![("reopen_on_reply", "(not sent)"), ("link_ttl", "3d")];
    assert!(!look(TICKETS, "portal", off.clone()).await.text().contains(reply));
    assert!(look(TICKETS, "mail", off).await.text().contains("3 days"));
    let card = vec![("card_1_title", "Manuals"), ("card_1_url", "/manuals")];
    assert!(look(CARDS, "start_page", card).await.text().contains("Manuals"));
    // What will not do is told instead.
    send(&helen, BRAND, &[("colour", "x"), ("step", "portal")]).await.expect(422);
    assert_eq!(crate::support::dump::difference(&before, &app.dump().await), "");
    assert_eq!(holds(&app).await.config.brand.name, "RFS");
}

#[tokio::test]
async fn who_saves_what_somebody_else_changed_meanwhile_is_told_and_loses_nothing() {
    let (app, helen) = desk().await;
    let mine = seen(&helen, BRAND).await;
    send(&helen, BRAND, &[("name", "Theirs")]).await.expect(303);
    let fields = [
        ("seen", mine.as_str()),
        ("name", "Mine"),
        ("colour", ""),
        ("phone", ""),
        ("hours", "mine, too"),
    ];
    let answer = helen.form(BRAND, &fields).await.expect(409).text();
    assert!(
        answer.contains("Somebody else changed these settings")
            && answer.contains("value=\"mine, too\"")
    );
    assert_eq!(holds(&app).await.config.brand.name, "Theirs");
    // What the page shows now is what was changed meanwhile, so the second try counts.
    send(&helen, BRAND, &[("name", "Mine"), ("hours", "mine, too")]).await.expect(303);
    assert_eq!(holds(&app).await.config.brand.name, "Mine");
}

#[tokio::test]
async fn cards_change_places_before_anything_is_saved() {
    let (app, helen) = desk().await;
    let cards = [
        ("card_1_title", "One"),
        ("card_1_url", "/one"),
        ("card_2_title", "Two"),
        ("card_2_url", "not yet right"),
        ("step", "up_2"),
    ];
    let page = send(&helen, CARDS, &cards).await.expect(200).text();
    let places = ["value=\"Two\"", "value=\"not yet right\"", "value=\"One\""]
        .map(|it| page.find(it).unwrap());
    assert!(places[0] < places[2] && places[1] < places[2], "{page}");
    for odd in ["up_1", "up_99", "up_x", "up_"] {
        let answer = send(&helen, CARDS, &[("step", odd)]).await;
        assert!([200, 303].contains(&answer.status), "{odd}: {}", answer.status);
    }
    assert!(holds(&app).await.config.brand.cards.is_empty());
}

#[tokio::test]
async fn a_logo_is_looked_at_used_served_harmlessly_and_taken_away() {
    let (app, helen) = desk().await;
    let begun = logo_seen(&*holds(&app).await);
    let look = send_logo(&helen, "portal", &begun, DRAWING.as_bytes()).await.expect(200).text();
    let inside = format!("src=\"data:image/svg+xml;base64,{}\"", STANDARD.encode(DRAWING));
    assert!(look.contains(&inside.replace('+', "&#43;")) || look.contains(&inside), "{look}");
    assert_eq!(holds(&app).await.config.brand.logo, None, "a look keeps nothing");
    send_logo(&helen, "save", &begun, DRAWING.as_bytes()).await.expect(303);
    let hash = holds(&app).await.config.brand.logo.clone().unwrap();
    for (who, path) in [(app.anon(), "/"), (app.anon(), "/portal"), (helen.clone(), "/admin")] {
        let page = who.get(path).await.expect(200).text();
        assert!(
            page.contains(&format!("<img class=\"own-logo\" src=\"/logo/{hash}\" alt=\"\">")),
            "{path}"
        );
        assert!(!page.contains("#a50"), "the drawing itself stands in no page");
    }
    let logo = app.anon().get(&format!("/logo/{hash}")).await.expect(200);
    assert_eq!(logo.text(), DRAWING);
    assert_eq!(logo.header("content-type"), Some("image/svg+xml"));
    assert_eq!(logo.header("x-content-type-options"), Some("nosniff"));
    let policy = logo.header("content-security-policy").unwrap();
    assert!(policy.starts_with("sandbox; default-src 'none'"), "{policy}");
    // The one before is still there for pages that name it; the one before that is not.
    for (number, kept) in [(1, 200), (2, 404)] {
        let seen = logo_seen(&*holds(&app).await);
        let other = DRAWING.replace("a50", &format!("00{number}"));
        send_logo(&helen, "save", &seen, other.as_bytes()).await.expect(303);
        assert_eq!(app.anon().get(&format!("/logo/{hash}")).await.status, kept, "{number}");
    }
    send_logo(&helen, "remove", &logo_seen(&*holds(&app).await), b"").await.expect(303);
    assert_eq!(holds(&app).await.config.brand.logo, None);
    assert!(!app.anon().get("/").await.text().contains("own-logo"));
}

#[tokio::test]
async fn a_logo_that_will_not_do_is_refused_in_words() {
    let (app, helen) = desk().await;
    let before = app.dump().await;
    let seen = logo_seen(&*holds(&app).await);
    let large = vec![b'x'; 300 * 1024];
    for (image, words) in [
        (&b""[..], "choose a file"),
        (&b"GIF89a\x01\0\x01\0"[..], "PNG, JPEG, WebP or SVG"),
        (&large[..], "256 KB at most"),
        (&DRAWING.replace("<path", "<script/><path").into_bytes()[..], "&#60;script&#62;"),
        (&DRAWING.replace("<path", "<path onload=\"x\"").into_bytes()[..], "onload"),
    ] {
        let page = send_logo(&helen, "save", &seen, image).await.expect(422).text();
        assert!(page.contains(words), "{words}: {page}");
    }
    let refused = app.dump().await;
    assert_eq!(crate::support::dump::difference(&before, &refused), "");
    let stale = send_logo(&helen, "save", "long ago", DRAWING.as_bytes()).await.expect(422).text();
    assert!(stale.contains("Somebody changed the logo"), "{stale}");
    let whole = vec![b'x'; 1024 * 1024];
    send_logo(&helen, "save", &seen, &whole).await.expect(413);
    let plain = helen.form("/admin/settings/logo", &[("step", "save")]).await;
    assert_eq!(plain.status, 415, "{}", plain.text());
    assert_eq!(holds(&app).await.config.brand.logo, None);
}
