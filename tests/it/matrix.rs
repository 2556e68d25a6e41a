//! Who may do what: customers A and B at every route, with every verb and every form of a name;
//! and every role of an API key at every operation.

use doorkey::domain::staff::Role;
use serde_json::{Value, json};

use crate::support::client::{Answer, Client};
use crate::support::desk::somebody;
use crate::support::{TestApp, dump};

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";
const MISSING: &str = "TKT-ZZZZZZ";
const VERBS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

/// Every path of the API, as its description has it, and the portal's pages.
async fn paths(app: &TestApp) -> Vec<String> {
    let document = app.anon().get("/api/v1/openapi.json").await.expect(200).json();
    let paths = document["paths"].as_object().unwrap().keys().cloned();
    let pages = ["/portal", "/portal/tickets/{reference}", "/portal/tickets/{reference}/live"];
    paths.chain(pages.map(str::to_owned)).collect()
}

/// What a caller may compare: everything but the request's own id and the name it asked for.
fn plain(answer: &Answer, name: &str) -> String {
    answer.without_request_id().replace(name, "NAME")
}

#[tokio::test]
async fn what_is_somebody_else_s_is_not_there_by_any_route_verb_or_name() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    let bob = app.customer(BOB).await;
    app.ticket(ALICE, "My own").await;
    let theirs = app.ticket(BOB, "The vault").await.reference.to_string();
    app.reply(&bob, &doorkey::ids::Reference::parse(&theirs).unwrap(), "Hidden.").await.unwrap();
    let before = app.dump().await;
    let bodies = [
        json!({ "body": "Mine now." }),
        json!({ "body": "" }),
        json!({ "nonsense": 1 }),
        json!([]),
    ];
    let mut compared = 0;
    let with_reference = |path: &String| path.contains("{reference}");
    for path in paths(&app).await.iter().filter(|path| with_reference(path)) {
        for (foreign, missing) in forms(&theirs).into_iter().zip(forms(MISSING)) {
            for verb in VERBS {
                for (number, body) in bodies.iter().enumerate() {
                    for query in ["", "?before=AAAA", "?limit=0"] {
                        let ask = async |name: &str| {
                            let path = path.replace("{reference}", name);
                            alice.json(verb, &format!("{path}{query}"), body).await
                        };
                        let (foreign_says, missing_says) =
                            (ask(&foreign).await, ask(&missing).await);
                        let what = format!("{verb} {path}{query} {foreign} body {number}");
                        assert!(
                            foreign_says.status >= 400 || verb == "OPTIONS",
                            "{what}: {foreign_says:?}"
                        );
                        assert!(foreign_says.status < 500, "{what}");
                        assert_eq!(
                            plain(&foreign_says, &foreign),
                            plain(&missing_says, &missing),
                            "{what}"
                        );
                        compared += 1;
                    }
                }
            }
        }
    }
    assert!(compared > 500, "only {compared} compared");
    app.write_uses().await;
    assert_eq!(dump::difference(&before, &app.dump().await), "");
    for path in ["/api/v1/portal/tickets/", "/portal/tickets/"] {
        let answer = alice.get(&format!("{path}{theirs}")).await;
        assert_eq!(answer.status, 404, "{}", answer.text());
        bob.get(&format!("{path}{theirs}")).await.expect(200);
    }
}

/// Ways of writing a reference in a path.
fn forms(reference: &str) -> Vec<String> {
    let encoded: String = reference.bytes().map(|byte| format!("%{byte:02X}")).collect();
    vec![
        reference.to_owned(),
        reference.to_lowercase(),
        encoded,
        format!("{reference}%00"),
        format!("{reference}%20"),
        format!("%20{reference}"),
        format!("{reference};"),
        format!("{reference}.json"),
        format!("{reference}%2Freplies"),
        format!("..%2F{reference}"),
        format!("{}%25", &reference[..9]),
        format!("{}_", &reference[..9]),
        reference[4..].to_owned(),
        format!("{reference},{reference}"),
    ]
}

#[tokio::test]
async fn lists_and_searches_hold_only_what_is_mine() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    app.ticket(ALICE, "My camera").await;
    let theirs = app.ticket(BOB, "Vault camera").await.reference.to_string();
    for query in [
        String::new(),
        "?q=camera".into(),
        format!("?q={theirs}"),
        format!("?q={}", &theirs[4..]),
        "?q=%25".into(),
        "?q=_____".into(),
        "?q=bob".into(),
        "?status=open".into(),
        "?q=vault%25%27%20OR%201%3D1".into(),
    ] {
        let answer = alice.get(&format!("/api/v1/portal/tickets{query}")).await.expect(200);
        let page = alice.get(&format!("/portal{query}")).await.expect(200);
        for text in [answer.text(), page.text()] {
            assert!(!text.contains("Vault"), "{query}: {text}");
            assert!(!text.contains(BOB), "{query}: {text}");
        }
    }
    // Somebody else's cursor shows only my own tickets.
    for _ in 0..3 {
        app.ticket(BOB, "Vault camera").await;
    }
    let bob = app.customer(BOB).await;
    let page = bob.get("/api/v1/portal/tickets?limit=1").await.expect(200).json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let mine = alice.get(&format!("/api/v1/portal/tickets?cursor={cursor}")).await.expect(200);
    assert!(!mine.text().contains("Vault"), "{}", mine.text());
}

#[tokio::test]
async fn a_portal_token_is_no_api_key_and_a_key_no_token() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    let admin = app.admin().await;
    let ticket = app.ticket(ALICE, "My camera").await.reference.to_string();
    let customer = app.customer_row(ALICE).await.id.to_string();
    let before = app.dump().await;
    for path in paths(&app).await {
        let real = path.replace("{reference}", &ticket).replace("{id}", &customer);
        let real = ["{link}", "{webhook}", "{delivery}"]
            .iter()
            .fold(real, |path, name| path.replace(name, "1"));
        for verb in ["GET", "POST", "PATCH", "DELETE"] {
            let body = json!({ "body": "x" });
            if path.starts_with("/api/v1/portal/") && !open_to_all(&path) {
                let answer = admin.json(verb, &real, &body).await;
                let refused = ["401 link_invalid", "405 method_not_allowed"];
                assert!(refused.contains(&answer.problem().as_str()), "{verb} {path}: {answer:?}");
            } else if path.starts_with("/api/v1/") && !open_to_all(&path) {
                for wrong in [&alice, &app.anon(), &app.anon().bearer("dk_nonsense")] {
                    let answer = wrong.json(verb, &real, &body).await;
                    let refused = ["401 key_invalid", "405 method_not_allowed"];
                    assert!(
                        refused.contains(&answer.problem().as_str()),
                        "{verb} {path}: {answer:?}"
                    );
                    if answer.status == 401 {
                        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
                    }
                }
            }
        }
    }
    assert_eq!(dump::difference(&before, &app.dump().await), "");
}

/// What needs nothing in hand: the way in, and what everybody may read.
fn open_to_all(path: &str) -> bool {
    let open = ["/api/v1/portal/links", "/api/v1/portal/codes", "/api/v1/openapi.json"];
    open.contains(&path)
}

/// A verb, a path, a body, and what a technician's and an admin's key are answered.
type Cell = (&'static str, String, Value, u16, u16);

fn roles(ticket: &str, customer: &str, link: &str, webhook: &str) -> Vec<Cell> {
    let webhooks = "/api/v1/webhooks";
    let tickets = "/api/v1/tickets";
    let customers = "/api/v1/customers";
    let new = json!({ "customer": { "email": ALICE }, "subject": "s", "description": "d" });
    vec![
        ("GET", tickets.into(), json!(null), 200, 200),
        ("POST", tickets.into(), new, 201, 201),
        ("GET", format!("{tickets}/{ticket}"), json!(null), 200, 200),
        ("PATCH", format!("{tickets}/{ticket}"), json!({ "priority": "high" }), 200, 200),
        ("GET", format!("{tickets}/{ticket}/timeline"), json!(null), 200, 200),
        (
            "POST",
            format!("{tickets}/{ticket}/notes"),
            json!({ "body": "b", "visibility": "internal" }),
            201,
            201,
        ),
        ("POST", format!("{tickets}/{ticket}/resolution"), json!({ "text": "Done." }), 200, 409),
        ("GET", customers.into(), json!(null), 200, 200),
        ("GET", format!("{customers}/{customer}"), json!(null), 200, 200),
        ("GET", format!("{customers}/{customer}/links"), json!(null), 200, 200),
        ("POST", customers.into(), json!({ "email": "new@example.com" }), 403, 201),
        ("PATCH", format!("{customers}/{customer}"), json!({ "active": true }), 403, 200),
        ("POST", format!("{customers}/{customer}/links"), json!({}), 403, 201),
        ("DELETE", format!("{customers}/{customer}/links/{link}"), json!(null), 403, 204),
        ("DELETE", format!("{customers}/{customer}/links"), json!(null), 403, 204),
        ("GET", "/api/v1/staff".into(), json!(null), 200, 200),
        ("GET", "/api/v1/events".into(), json!(null), 200, 200),
        ("GET", webhooks.into(), json!(null), 403, 200),
        ("POST", webhooks.into(), json!({ "url": "https://example.com" }), 403, 201),
        ("GET", format!("{webhooks}/{webhook}"), json!(null), 403, 200),
        ("PATCH", format!("{webhooks}/{webhook}"), json!({ "active": true }), 403, 200),
        ("POST", format!("{webhooks}/{webhook}/secret"), json!(null), 403, 201),
        ("POST", format!("{webhooks}/{webhook}/test"), json!(null), 403, 202),
        ("GET", format!("{webhooks}/{webhook}/deliveries"), json!(null), 403, 200),
        ("POST", format!("{webhooks}/{webhook}/deliveries/1/retry"), json!(null), 403, 404),
        ("DELETE", format!("{webhooks}/{webhook}"), json!(null), 403, 204),
    ]
}

/// How many operations there are for programs of the company.
async fn operations(app: &TestApp) -> usize {
    let document = app.anon().get("/api/v1/openapi.json").await.expect(200).json();
    let paths = document["paths"].as_object().unwrap().values();
    let all = paths.flat_map(|path| path.as_object().unwrap().values());
    all.filter(|it| !it["security"][0]["api_key"].is_null()).count()
}

#[tokio::test]
async fn a_role_may_do_what_it_is_for_and_nothing_else() {
    let app = TestApp::start().await;
    let row = app.customer_row(ALICE).await;
    let ticket = app.ticket(ALICE, "My camera").await.reference.to_string();
    let (link, _) = app.link_for(row.id).await;
    let (technician, admin) = (app.program(Role::Technician).await, app.program(Role::Admin).await);
    let target = json!({ "url": "https://example.com/" });
    let webhook = admin.post("/api/v1/webhooks", &target).await.expect(201).json();
    let (customer, link) = (row.id.to_string(), link.id.to_string());
    let matrix = roles(&ticket, &customer, &link, webhook["id"].as_str().unwrap());
    assert_eq!(matrix.len(), operations(&app).await, "every operation has its line");
    for (verb, path, body, for_technician, for_admin) in &matrix {
        let before = app.dump().await;
        let answer = send(&technician, verb, path, body).await;
        assert_eq!(answer.status, *for_technician, "{verb} {path}: {}", answer.text());
        if answer.status == 403 {
            assert_eq!(answer.problem(), "403 forbidden");
            assert_eq!(dump::difference(&before, &app.dump().await), "", "{verb} {path}");
            // What may not be done is refused alike for what is there and what is not.
            let missing = path.replace(&row.id.to_string(), "12345");
            let nothing = send(&technician, verb, &missing, body).await;
            assert_eq!(nothing.without_request_id(), answer.without_request_id());
        }
        let answer = send(&admin, verb, path, body).await;
        assert_eq!(answer.status, *for_admin, "{verb} {path}: {}", answer.text());
    }
}

async fn send(client: &Client, verb: &str, path: &str, body: &Value) -> Answer {
    match body {
        Value::Null => client.send(verb, path, "", None).await,
        body => client.json(verb, path, body).await,
    }
}

/// A route of the desk, a form for it, and what a technician and an admin are answered.
type Row = (&'static str, &'static str, &'static [(&'static str, &'static str)], u16, u16);

/// Every route of the desk, once. `{id}` becomes 1, `{reference}` that of no ticket, and other names `x`.
const DESK: &[Row] = &[
    ("GET", "/admin", &[], 200, 200),
    ("GET", "/admin/tickets", &[], 200, 200),
    ("GET", "/admin/tickets.csv", &[], 200, 200),
    ("GET", "/admin/tickets/several", &[], 303, 303),
    ("POST", "/admin/tickets/several", &[("ticket", MISSING), ("priority", "high")], 200, 200),
    ("GET", "/admin/tickets/several/undo", &[], 303, 303),
    ("POST", "/admin/tickets/several/undo", &[("was", "x")], 400, 400),
    ("GET", "/admin/tickets/views", &[], 303, 303),
    ("POST", "/admin/tickets/views", &[("name", "Mine"), ("query", "assignee=me")], 303, 303),
    ("POST", "/admin/tickets/views/remove", &[("name", "mine")], 303, 303),
    ("GET", "/admin/help", &[], 200, 200),
    ("GET", "/admin/help/{topic}", &[], 404, 404),
    ("GET", "/admin/answers", &[], 200, 200),
    ("POST", "/admin/answers", &[("name", "x")], 422, 422),
    ("GET", "/admin/answers/{id}", &[], 404, 404),
    ("POST", "/admin/answers/{id}", &[("name", "x"), ("body", "y")], 404, 404),
    ("POST", "/admin/answers/{id}/remove", &[], 404, 404),
    ("POST", "/admin/tickets/{reference}/answers", &[("into", "note")], 404, 404),
    ("GET", "/admin/tickets/{reference}/answers/{id}", &[], 404, 404),
    ("GET", "/admin/tickets/new", &[], 200, 200),
    ("POST", "/admin/tickets/new", &[("subject", "x")], 422, 422),
    ("GET", "/admin/tickets/new/customers", &[], 200, 200),
    ("GET", "/admin/customers", &[], 200, 200),
    ("GET", "/admin/customers/new", &[], 200, 200),
    ("POST", "/admin/customers/new", &[("email", "x")], 422, 422),
    ("GET", "/admin/customers/{id}", &[], 404, 404),
    ("POST", "/admin/customers/{id}/details", &[("seen", "x")], 404, 404),
    ("POST", "/admin/customers/{id}/active", &[("active", "false")], 403, 404),
    ("POST", "/admin/customers/{id}/links", &[("do", "copy")], 404, 404),
    ("POST", "/admin/customers/{id}/links/revoke", &[], 404, 404),
    ("POST", "/admin/customers/{id}/links/{link}/revoke", &[], 404, 404),
    ("GET", "/admin/customers/import", &[], 403, 200),
    ("POST", "/admin/customers/import", &[("file", "x")], 403, 415),
    ("GET", "/admin/customers/import/{id}", &[], 403, 404),
    ("POST", "/admin/customers/import/{id}", &[("do", "take")], 403, 404),
    ("POST", "/admin/customers/{id}/export", &[("internal", "true")], 403, 404),
    ("GET", "/admin/customers/{id}/erase", &[], 403, 404),
    ("POST", "/admin/customers/{id}/erase", &[("email", "a@b.example")], 403, 404),
    ("GET", "/admin/sessions", &[], 200, 200),
    ("POST", "/admin/sessions/{id}/end", &[], 404, 404),
    ("POST", "/admin/sessions/end-all", &[], 303, 303),
    ("POST", "/admin/sign-out", &[], 303, 303),
    ("GET", "/admin/sign-in", &[], 200, 200),
    ("POST", "/admin/sign-in", &[("email", "x")], 422, 422),
    ("GET", "/admin/sign-in/sent", &[], 303, 303),
    ("POST", "/admin/sign-in/code", &[("code", "000000")], 422, 422),
    ("GET", "/admin/sign-in/link/{token}", &[], 410, 410),
    ("POST", "/admin/sign-in/link/{token}", &[], 410, 410),
    ("GET", "/admin/tickets/{reference}", &[], 404, 404),
    ("POST", "/admin/tickets/{reference}/notes", &[], 404, 404),
    ("POST", "/admin/tickets/{reference}/details", &[], 404, 404),
    ("POST", "/admin/tickets/{reference}/status", &[], 422, 422),
    ("POST", "/admin/tickets/{reference}/resolution", &[], 404, 404),
    ("POST", "/admin/tickets/{reference}/links", &[("do", "copy")], 404, 404),
    ("GET", "/admin/tickets/{reference}/customer", &[], 404, 404),
    ("POST", "/admin/tickets/{reference}/customer", &[("seen", "1.1")], 404, 404),
    // There is no provider unless one is set.
    ("POST", "/admin/sign-in/oidc", &[], 404, 404),
    ("GET", "/admin/sign-in/oidc/callback", &[], 404, 404),
    ("POST", "/admin/sign-in/passkey", &[("client_data", "x")], 422, 422),
    ("POST", "/admin/sign-in/passkey/begin", &[], 200, 200),
    ("GET", "/admin/passkeys", &[], 200, 200),
    ("POST", "/admin/passkeys", &[("name", "x")], 422, 422),
    ("POST", "/admin/passkeys/begin", &[], 200, 200),
    ("POST", "/admin/passkeys/{id}/remove", &[], 404, 404),
    // Without a place to begin at there is no stream; one that is opened does not end.
    ("GET", "/admin/live", &[], 422, 422),
    ("POST", "/admin/tickets/{reference}/writing", &[], 404, 404),
    ("GET", "/admin/settings", &[], 403, 200),
    ("POST", "/admin/settings", &[("seen", "x"), ("name", "")], 403, 422),
    ("GET", "/admin/settings/start-page", &[], 403, 200),
    ("POST", "/admin/settings/start-page", &[("seen", "x"), ("step", "start_page")], 403, 200),
    ("GET", "/admin/settings/tickets", &[], 403, 200),
    ("POST", "/admin/settings/tickets", &[("seen", "x"), ("link_ttl", "1d")], 403, 422),
    ("GET", "/admin/settings/mails", &[], 403, 200),
    ("POST", "/admin/settings/mails", &[("seen", "x"), ("on_note_added", "true")], 403, 409),
    ("POST", "/admin/settings/logo", &[("step", "remove")], 403, 415),
    ("GET", "/admin/staff", &[], 403, 200),
    ("POST", "/admin/staff", &[("email", "x")], 403, 422),
    ("GET", "/admin/staff/{id}", &[], 403, 404),
    ("POST", "/admin/staff/{id}", &[("name", "Kim"), ("role", "admin")], 403, 404),
    ("POST", "/admin/staff/{id}/active", &[("active", "false")], 403, 404),
    ("POST", "/admin/staff/{id}/link", &[], 403, 404),
    ("POST", "/admin/staff/{id}/sessions/end-all", &[], 403, 404),
    ("POST", "/admin/staff/{id}/passkeys/remove-all", &[], 403, 404),
    ("GET", "/admin/api-keys", &[], 403, 200),
    ("POST", "/admin/api-keys", &[("name", "7")], 403, 422),
    ("POST", "/admin/api-keys/{id}/revoke", &[], 403, 404),
    ("GET", "/admin/webhooks", &[], 403, 200),
    ("POST", "/admin/webhooks", &[("url", "x")], 403, 422),
    ("GET", "/admin/webhooks/{id}", &[], 403, 404),
    ("POST", "/admin/webhooks/{id}", &[("url", "https://example.com/")], 403, 404),
    ("POST", "/admin/webhooks/{id}/test", &[], 403, 404),
    ("POST", "/admin/webhooks/{id}/secret", &[], 403, 404),
    ("POST", "/admin/webhooks/{id}/remove", &[], 403, 404),
    ("POST", "/admin/webhooks/{id}/deliveries/{delivery}/retry", &[], 403, 404),
    ("GET", "/admin/outbox", &[], 403, 200),
    ("POST", "/admin/outbox/retry-failed", &[], 403, 303),
    ("POST", "/admin/outbox/give-up-held", &[], 403, 303),
    ("POST", "/admin/outbox/{id}/retry", &[("state", "failed")], 403, 404),
    ("POST", "/admin/outbox/{id}/give-up", &[("state", "held")], 403, 404),
    ("GET", "/admin/audit", &[], 403, 200),
    ("GET", "/admin/audit.csv", &[], 403, 200),
    ("GET", "/admin/{*rest}", &[], 404, 404),
];

async fn visit(client: &Client, (verb, route, form, ..): &Row) -> Answer {
    let path = route
        .replace("{id}", "1")
        .replace("{token}", "x")
        .replace("{*rest}", "x/y")
        .replace("{link}", "1")
        .replace("{delivery}", "1");
    let path = path.replace("{reference}", "TKT-000000");
    match *verb {
        "GET" => client.get(&path).await,
        _ => client.form(&path, form).await,
    }
}

#[tokio::test]
async fn at_the_desk_a_role_may_do_what_it_is_for_and_nothing_else() {
    let app = TestApp::start().await;
    let mut listed: Vec<_> = DESK.iter().map(|row| (row.0, row.1.to_owned())).collect();
    listed.sort();
    assert_eq!(listed, crate::desk_sign_in::routes(), "every route of the desk has its line");
    for row in DESK {
        for (address, role, wanted) in [
            ("tech@rfs.example", Role::Technician, row.3),
            ("boss@rfs.example", Role::Admin, row.4),
        ] {
            let browser = app.at_the_desk(address, role).await;
            let before = app.dump().await;
            let answer = visit(&browser, row).await;
            assert_eq!(answer.status, wanted, "{role:?} {} {}: {}", row.0, row.1, answer.text());
            if wanted == 403 {
                assert_eq!(dump::difference(&before, &app.dump().await), "", "{row:?}");
            }
        }
    }
}

#[tokio::test]
async fn no_form_of_the_desk_takes_a_field_that_it_does_not_ask_for() {
    let app = TestApp::start().await;
    // Where the form is taken as it stands, so that nothing else can be what is refused.
    let taken = DESK.iter().filter(|row| row.0 == "POST" && [200, 303].contains(&row.4));
    let mut tried = 0;
    for (_, route, form, ..) in taken {
        let admin = app.at_the_desk("boss@rfs.example", Role::Admin).await;
        let before = app.dump().await;
        for more in ["is_admin", "role", "customer_id", "staff_id", "__proto__", ""] {
            let form: Vec<(&str, &str)> = form.iter().copied().chain([(more, "1")]).collect();
            let answer = admin.form(route, &form).await;
            assert_eq!(answer.status, 422, "{route} with {more}: {}", answer.text());
            tried += 1;
        }
        assert_eq!(dump::difference(&before, &app.dump().await), "", "{route}");
    }
    assert!(tried >= 50, "{tried} tried");
}

#[tokio::test]
async fn the_desk_is_shut_for_whoever_is_not_signed_in() {
    let app = TestApp::start().await;
    let tokens = [app.customer(ALICE).await, app.admin().await];
    app.sleep(1);
    let before = app.dump().await;
    let forged = app.anon().browser();
    forged.set_cookie("doorkey", tokens[0].secret());
    let mut strangers = vec![app.anon(), forged];
    strangers.extend(tokens);
    for row in DESK.iter().filter(|row| !row.1.starts_with("/admin/sign-in")) {
        for stranger in &strangers {
            let answer = visit(stranger, row).await;
            // What was typed is kept, on a page that asks to sign in.
            let is_page = row.2.is_empty() && row.1 != "/admin/live";
            let wanted = if is_page { 303 } else { 401 };
            assert_eq!(answer.status, wanted, "{row:?}: {}", answer.text());
        }
    }
    assert_eq!(dump::difference(&before, &app.dump().await), "");
}

#[tokio::test]
async fn a_link_is_revoked_only_at_the_customer_it_belongs_to() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.customer_row(ALICE).await, app.customer_row(BOB).await);
    let (link, token) = app.link_for(bob.id).await;
    let admin = app.admin().await;
    let path = |link: i64| format!("/api/v1/customers/{}/links/{link}", alice.id);
    let (foreign, missing) = (admin.delete(&path(link.id)).await, admin.delete(&path(7)).await);
    assert_eq!(foreign.problem(), "404 not_found");
    assert_eq!(foreign.without_request_id(), missing.without_request_id());
    let bob_in = app.anon().bearer(&token.reveal());
    bob_in.get("/api/v1/portal/session").await.expect(200);
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.get("/api/v1/tickets").await.expect(200);
    app.act(|tx, _, now| {
        let key = doorkey::domain::api_keys::list(tx)?.remove(0);
        doorkey::domain::api_keys::revoke(tx, &somebody(), key.id, now)
    })
    .await
    .unwrap();
    assert_eq!(admin.get("/api/v1/tickets").await.problem(), "401 key_invalid");
}

#[tokio::test]
async fn identity_comes_from_no_header_but_authorization() {
    let app = TestApp::start().await;
    app.customer_row(ALICE).await;
    for (name, value) in [
        ("X-Remote-User", ALICE),
        ("Remote-User", ALICE),
        ("X-Forwarded-User", ALICE),
        ("X-Customer-Id", "1"),
        ("X-Original-URL", "/api/v1/tickets"),
        ("X-HTTP-Method-Override", "DELETE"),
    ] {
        let liar = app.anon().header(name, value);
        let portal = liar.get("/api/v1/portal/tickets").await;
        assert_eq!(portal.problem(), "401 link_invalid", "{name}");
        assert_eq!(liar.get("/api/v1/tickets").await.problem(), "401 key_invalid", "{name}");
    }
}
