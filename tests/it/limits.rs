//! Asking for links: nobody learns who is a customer, and nobody asks without end.

use serde_json::json;
use tokio::task::JoinSet;

use crate::support::TestApp;
use crate::support::client::{Answer, Client};
use crate::support::dump;
use crate::support::issuer::Issuer;

const ALICE: &str = "alice@example.com";
const LINKS: &str = "/api/v1/portal/links";

async fn ask(client: &Client, address: &str) -> Answer {
    client.post(LINKS, &json!({ "email": address })).await
}

/// The answer without what names this one request.
fn plain(answer: &Answer) -> String {
    let body = answer.json();
    let id = body["request_id"].as_str().expect("a request id");
    assert_eq!(id.len(), 22);
    answer.without_request_id().replace(id, "…")
}

#[tokio::test]
async fn the_answer_is_the_same_for_everybody() {
    let app = TestApp::start().await;
    app.customer_row(ALICE).await;
    let out = app.customer_row("gone@example.com").await;
    app.set_active(out.id, false).await;
    app.staff("dana@example.com", "Dana", doorkey::domain::staff::Role::Admin).await;
    let anon = app.anon();
    let known = ask(&anon, ALICE).await.expect(202);
    for stranger in
        ["gone@example.com", "nobody@example.com", "dana@example.com", "ALICE@example.com"]
    {
        assert_eq!(plain(&ask(&anon, stranger).await), plain(&known), "{stranger}");
    }
    app.deliver().await;
    // The second mail within the minute is not sent, and the answer does not tell.
    assert_eq!(plain(&ask(&anon, ALICE).await), plain(&known));
    app.deliver().await;
    assert_eq!(app.mails().len(), 1);
    let message = known.json()["message"].as_str().unwrap().to_owned();
    let wanted =
        "If that address is one of our customers', a link is on its way. It is valid for 7 days.";
    assert_eq!(message, wanted);
}

#[tokio::test]
async fn a_request_writes_one_row_that_is_alike_for_all() {
    let app = TestApp::start().await;
    app.customer_row(ALICE).await;
    for address in [ALICE, "nobody@example.com"] {
        let before = app.dump().await;
        ask(&app.anon(), address).await.expect(202);
        let after = app.dump().await;
        let changed: Vec<&String> =
            before.keys().filter(|table| before[*table] != after[*table]).collect();
        assert_eq!(changed, ["limits", "link_requests"], "{address}");
        let rows = (before["link_requests"].len(), after["link_requests"].len());
        assert_eq!(rows.1, rows.0 + 1, "{}", dump::difference(&before, &after));
    }
    let rows: Vec<(Option<i64>, Option<i64>, bool)> =
        app.column("SELECT customer_id, worked_at, code_hash IS NULL FROM link_requests").await;
    assert_eq!(rows, [(None, None, true), (None, None, true)]);
    app.deliver().await;
    let kept = "SELECT COUNT(*) FROM link_requests WHERE email IS NOT NULL";
    assert_eq!(app.number(kept).await, 0, "what was typed is forgotten once it was looked at");
}

#[tokio::test]
async fn a_request_looks_nobody_up() {
    let app = TestApp::start().await;
    app.customer_row(ALICE).await;
    // A look-up would now fail.
    for table in ["customers", "staff", "links", "outbox", "tickets"] {
        app.sql(format!("ALTER TABLE {table} RENAME TO hidden_{table}")).await;
    }
    for address in [ALICE, "nobody@example.com"] {
        ask(&app.anon(), address).await.expect(202);
    }
}

#[tokio::test]
async fn a_network_asks_30_times_an_hour() {
    let app = TestApp::start().await;
    app.customer_row(ALICE).await;
    let here = app.anon().from("192.0.2.7");
    for number in 0..30 {
        ask(&here, &format!("nobody{number}@example.com")).await.expect(202);
        app.sleep(1);
    }
    let (known, unknown) = (ask(&here, ALICE).await, ask(&here, "nobody@example.com").await);
    assert_eq!(known.problem(), "429 rate_limited");
    assert_eq!(known.without_request_id(), unknown.without_request_id());
    assert_eq!(known.header("retry-after"), Some("3570"), "when the first of them leaves");
    let requests = "SELECT COUNT(*) FROM link_requests";
    assert_eq!(app.number(requests).await, 30);
    ask(&here.from("192.0.2.8"), ALICE).await.expect(202);
    let spoofed = here.header("X-Forwarded-For", "198.51.100.9");
    assert_eq!(ask(&spoofed, ALICE).await.status, 429, "who is not trusted is not believed");
    app.sleep(3_569);
    assert_eq!(ask(&here, ALICE).await.status, 429);
    app.sleep(1);
    ask(&here, ALICE).await.expect(202);
    // A link that was mailed before works all the while.
    let alice = app.customer(ALICE).await.from("192.0.2.7");
    alice.get("/api/v1/portal/session").await.expect(200);
}

#[tokio::test]
async fn a_network_that_asks_all_at_once_asks_no_more() {
    let app = TestApp::start().await;
    let mut asks = JoinSet::new();
    for number in 0..45 {
        let here = app.anon().from("192.0.2.7");
        asks.spawn(async move { ask(&here, &format!("n{number}@example.com")).await.status });
    }
    let answers = asks.join_all().await;
    assert_eq!(answers.iter().filter(|status| **status == 202).count(), 30, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 429).count(), 15, "{answers:?}");
}

#[tokio::test]
async fn a_network_of_ipv6_is_64_bits_wide() {
    let app = TestApp::start().await;
    for number in 0..30 {
        let somewhere = app.anon().from(&format!("2001:db8:1:2::{number:x}"));
        ask(&somewhere, "nobody@example.com").await.expect(202);
    }
    assert_eq!(ask(&app.anon().from("2001:db8:1:2:ffff::1"), ALICE).await.status, 429);
    ask(&app.anon().from("2001:db8:1:3::1"), ALICE).await.expect(202);
}

#[tokio::test]
async fn a_trusted_proxy_says_who_asks() {
    let app = TestApp::with(|config| {
        config.server.trusted_proxies = vec!["192.0.2.0/24".parse().unwrap()];
    })
    .await;
    let proxy = app.anon().from("192.0.2.1");
    let one = proxy.header("X-Forwarded-For", "203.0.113.1");
    for _ in 0..30 {
        ask(&one, "nobody@example.com").await.expect(202);
    }
    assert_eq!(ask(&one, ALICE).await.status, 429);
    let spoofed = proxy.header("X-Forwarded-For", "203.0.113.77, 203.0.113.1");
    assert_eq!(ask(&spoofed, ALICE).await.status, 429, "only what the proxy saw itself counts");
    ask(&proxy.header("X-Forwarded-For", "203.0.113.2"), ALICE).await.expect(202);
}

#[tokio::test]
async fn all_together_ask_3000_times_an_hour() {
    let app = TestApp::start().await;
    app.customer_row(ALICE).await;
    let anon = app.anon();
    ask(&anon.from("192.0.2.1"), "nobody@example.com").await.expect(202);
    ask(&anon.from("192.0.2.2"), "nobody@example.com").await.expect(202);
    // The one counter that both have raised is that of all.
    app.sql("UPDATE limits SET hits = 2999 WHERE hits = 2").await;
    ask(&anon.from("192.0.2.3"), "nobody@example.com").await.expect(202);
    let (known, unknown) = (
        ask(&anon.from("192.0.2.4"), ALICE).await,
        ask(&anon.from("192.0.2.5"), "nobody@example.com").await,
    );
    assert_eq!(known.problem(), "429 rate_limited");
    assert_eq!(known.without_request_id(), unknown.without_request_id());
    let wait: u64 = known.header("retry-after").unwrap().parse().unwrap();
    assert!((3_600..=3_660).contains(&wait), "{wait}");
    app.sleep(wait);
    ask(&anon.from("192.0.2.4"), ALICE).await.expect(202);
}

#[tokio::test]
async fn an_address_gets_one_mail_a_minute_and_five_an_hour() {
    let app = TestApp::start().await;
    app.customer_row(ALICE).await;
    let mails = async |wanted: usize, when: &str| {
        let address = if wanted.is_multiple_of(2) { ALICE } else { "ALICE@Example.com" };
        ask(&app.anon().from(&format!("192.0.2.{}", app.now().0 % 250)), address).await.expect(202);
        app.deliver().await;
        assert_eq!(app.mailbox(ALICE).len(), wanted, "{when}");
    };
    mails(1, "the first").await;
    mails(1, "at once again").await;
    app.sleep(59);
    mails(1, "59 s later").await;
    app.sleep(1);
    for wanted in 2..=5 {
        mails(wanted, "a minute later").await;
        app.sleep(60);
    }
    mails(5, "the sixth within the hour").await;
    app.sleep(3_600 - 5 * 60 - 1);
    mails(5, "a second before the hour").await;
    app.sleep(1);
    mails(6, "an hour after the first").await;
    // Other people's mail is not held up by it.
    app.customer_row("bob@example.com").await;
    ask(&app.anon(), "bob@example.com").await.expect(202);
    app.deliver().await;
    assert_eq!(app.mailbox("bob@example.com").len(), 1);
}

#[tokio::test]
async fn a_network_types_60_codes_an_hour() {
    let app = TestApp::start().await;
    let anon = app.anon();
    let body = json!({ "request_id": "nobody asked this", "code": "123456" });
    for _ in 0..60 {
        let answer = anon.post("/api/v1/portal/codes", &body).await;
        assert_eq!(answer.problem(), "401 code_invalid");
    }
    let answer = anon.post("/api/v1/portal/codes", &body).await;
    assert_eq!(answer.problem(), "429 rate_limited");
    assert!(answer.header("retry-after").is_some());
}

/// A door for who is not known yet: its address, a form for it, and how often an hour one network may come.
type Door = (&'static str, &'static [(&'static str, &'static str)], usize);

/// Every door at which an address, a code or a secret is named.
const DOORS: &[Door] = &[
    (LINKS, &[("email", "nobody@example.com")], 30),
    ("/api/v1/portal/codes", &[("request_id", "nobody asked this"), ("code", "123456")], 60),
    ("/admin/sign-in", &[("email", "nobody@example.com")], 30),
    ("/admin/sign-in/code", &[("code", "123456")], 60),
    ("/admin/sign-in/passkey/begin", &[], 120),
    ("/admin/sign-in/oidc", &[], 120),
];

/// What takes nothing that could be guessed: 256 random bits, and a signature over what the line above gave out.
const UNGUESSED: [&str; 2] = ["/admin/sign-in/link/{token}", "/admin/sign-in/passkey"];

#[tokio::test]
async fn every_door_for_who_is_not_known_yet_is_limited() {
    let issuer = Issuer::start().await;
    let app = TestApp::with(|config| config.oidc = Some(issuer.settings())).await;
    let mut known: Vec<&str> = DOORS.iter().map(|door| door.0).chain(UNGUESSED).collect();
    known.sort_unstable();
    assert_eq!(open_doors(&app).await, known, "every door has its line here");
    for (at, (path, form, most)) in DOORS.iter().enumerate() {
        // Codes of customers and of staff share a counter: each door is tried from a place of its own.
        let visit = async |machine: usize| {
            let stranger = app.anon().browser().from(&format!("192.0.{at}.{machine}"));
            if path.starts_with("/api/") {
                let body: serde_json::Map<_, _> =
                    form.iter().map(|(name, value)| ((*name).into(), json!(value))).collect();
                return stranger.post(path, &body.into()).await;
            }
            stranger.form(path, form).await
        };
        for number in 0..*most {
            assert_ne!(visit(7).await.status, 429, "{path}, number {number}");
        }
        let refused = visit(7).await.expect(429);
        assert!(refused.header("retry-after").is_some(), "{path}");
        assert_ne!(visit(8).await.status, 429, "{path}: others go on");
    }
}

/// Every address that takes something from who is not signed in, as description and source have them.
async fn open_doors(app: &TestApp) -> Vec<String> {
    let document = app.anon().get("/api/v1/openapi.json").await.expect(200).json();
    let is_open = |verbs: &serde_json::Value| {
        let mut operations = verbs.as_object().unwrap().iter();
        operations.any(|(verb, it)| verb != "get" && it["security"][0] == json!({}))
    };
    let paths = document["paths"].as_object().unwrap().iter();
    let mut doors: Vec<String> =
        paths.filter(|(_, verbs)| is_open(verbs)).map(|(path, _)| path.clone()).collect();
    let desk = crate::desk_sign_in::routes().into_iter();
    doors.extend(
        desk.filter(|(verb, path)| *verb == "POST" && path.starts_with("/admin/sign-in"))
            .map(|(_, path)| path),
    );
    // Everything else is only read.
    for path in ["/", "/portal", "/portal/help", "/portal/tickets", "/dev/mailbox", "/healthz"] {
        app.anon().post(path, &json!({})).await.expect(405);
    }
    doors.sort_unstable();
    doors
}

#[tokio::test]
async fn with_limits_off_nothing_is_counted() {
    let app = TestApp::with(|config| config.limits = false).await;
    app.customer_row(ALICE).await;
    for _ in 0..35 {
        ask(&app.anon(), ALICE).await.expect(202);
    }
    app.deliver().await;
    assert_eq!(app.mailbox(ALICE).len(), 35);
    assert_eq!(app.number("SELECT COUNT(*) FROM limits").await, 0);
}

#[tokio::test]
async fn counters_name_nobody_and_are_forgotten() {
    let app = TestApp::start().await;
    ask(&app.anon(), ALICE).await.expect(202);
    app.deliver().await;
    let rows = app.dump_of("limits").await.join("\n");
    assert!(!rows.contains("alice") && !rows.contains("C0000201"), "{rows}");
    // Many are forgotten in several transactions, so none holds the others up for long.
    let many = app.act(|tx, _, now| {
        for number in 0..510_u64 {
            let subject = doorkey::ids::sha256(&number.to_be_bytes());
            doorkey::store::limits::add(tx, &subject, now, now)?;
        }
        Ok(())
    });
    many.await.unwrap();
    app.sleep(3_700);
    assert!(doorkey::jobs::tidy::forget(&app).await.unwrap(), "there is more");
    assert!(!doorkey::jobs::tidy::forget(&app).await.unwrap());
    assert_eq!(app.number("SELECT COUNT(*) FROM limits").await, 0);
}
