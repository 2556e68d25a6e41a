//! The API as a program of the company.

use doorkey::domain::staff::Role;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::client::Client;

const ALICE: &str = "alice@example.com";
const TICKETS: &str = "/api/v1/tickets";
const CUSTOMERS: &str = "/api/v1/customers";

fn new_ticket(subject: &str) -> Value {
    json!({ "customer": { "email": ALICE }, "subject": subject, "description": "It beeps." })
}

async fn create(client: &Client, body: &Value) -> Value {
    client.post(TICKETS, body).await.expect(201).json()
}

fn path(ticket: &Value) -> String {
    format!("{TICKETS}/{}", ticket["reference"].as_str().unwrap())
}

#[tokio::test]
async fn a_ticket_is_created_with_its_customer_and_found_where_the_answer_says() {
    let app = TestApp::start().await;
    app.staff("dana@rfs.example", "Dana", Role::Technician).await;
    let shop = app.technician().await;
    let body = json!({
        "customer": { "email": "Alice@Example.com", "name": " Alice ", "phone": "1", "company": "Café" },
        "subject": " A broken camera ",
        "description": "Line one\r\nline two \n\n",
        "priority": "high",
        "category": "CCTV",
        "assignee": "DANA@rfs.example",
    });
    let answer = shop.post(TICKETS, &body).await.expect(201);
    let ticket = answer.json();
    assert_eq!(answer.header("location"), Some(path(&ticket).as_str()));
    assert_eq!(shop.get(&path(&ticket)).await.expect(200).json(), ticket);
    let customer = app.customer_row("alice@example.com").await;
    let wanted = json!({
        "reference": ticket["reference"],
        "subject": "A broken camera",
        "description": "Line one\nline two",
        "status": "open",
        "priority": "high",
        "category": "CCTV",
        "customer": { "id": customer.id.to_string(), "email": "Alice@Example.com", "name": "Alice" },
        "assignee": { "email": "dana@rfs.example", "name": "Dana" },
        "resolution": null,
        "created_at": "2026-11-12T09:14:00.000Z",
        "updated_at": "2026-11-12T09:14:00.000Z",
        "note_count": 0,
    });
    assert_eq!(ticket, wanted);
    app.deliver().await;
    assert_eq!(app.mailbox("Alice@Example.com").kinds(), ["ticket_created"]);
    // What is known of a customer is not overwritten by whoever writes their address.
    let again = json!({
        "customer": { "email": ALICE, "name": "Mallory" }, "subject": "s", "description": "d",
    });
    assert_eq!(create(&shop, &again).await["customer"]["name"], "Alice");
    assert_eq!(app.number("SELECT COUNT(*) FROM customers").await, 1);
}

#[tokio::test]
async fn the_same_key_creates_one_ticket_and_mails_once() {
    let app = TestApp::start().await;
    let shop = app.technician().await.key("order 4711".replace(' ', "-").as_str());
    let first = create(&shop, &new_ticket("A")).await;
    app.sleep(60);
    assert_eq!(create(&shop, &new_ticket("A")).await["reference"], first["reference"]);
    let other = shop.post(TICKETS, &new_ticket("B")).await;
    assert_eq!(other.problem(), "422 idempotency_mismatch");
    let note = json!({ "body": "b", "visibility": "public" });
    let elsewhere = shop.post(&format!("{}/notes", path(&first)), &note).await;
    assert_eq!(elsewhere.problem(), "422 idempotency_mismatch");
    app.deliver().await;
    assert_eq!(app.mailbox(ALICE).len(), 1);
    assert_eq!(app.number("SELECT COUNT(*) FROM tickets").await, 1);
}

#[tokio::test]
async fn what_is_refused_does_not_use_its_key_up() {
    let app = TestApp::start().await;
    let shop = app.technician().await.key("k");
    let mut body = new_ticket("A");
    body["category"] = json!("Nonsense");
    assert_eq!(shop.post(TICKETS, &body).await.fields(), ["category unknown_value"]);
    create(&shop, &new_ticket("A")).await;
}

#[tokio::test]
async fn a_life_through_the_api() {
    let app = TestApp::start().await;
    let shop = app.technician().await;
    let ticket = create(&shop, &new_ticket("A broken camera")).await;
    let path = path(&ticket);
    let moved = shop.patch(&path, &json!({ "status": "in_progress", "subject": "A lens" })).await;
    let moved = moved.expect(200).json();
    assert_eq!((&moved["status"], &moved["subject"]), (&json!("in_progress"), &json!("A lens")));
    for (visibility, count) in [("internal", 0), ("public", 1)] {
        let note = json!({ "body": "Note.", "visibility": visibility });
        let entry = shop.post(&format!("{path}/notes"), &note).await.expect(201).json();
        assert_eq!(entry["visibility"], visibility);
        assert_eq!(entry["author"], "the shop");
        assert_eq!(shop.get(&path).await.expect(200).json()["note_count"], count);
    }
    let resolve = format!("{path}/resolution");
    let resolved = shop.post(&resolve, &json!({ "text": "Changed." })).await.expect(200).json();
    assert_eq!(
        (&resolved["status"], &resolved["resolution"]),
        (&json!("resolved"), &json!("Changed."))
    );
    let again = shop.post(&resolve, &json!({ "text": "Changed." })).await;
    assert_eq!(again.problem(), "409 transition_refused");
    shop.patch(&path, &json!({ "status": "closed" })).await.expect(200);
    let refused = shop.post(&resolve, &json!({ "text": "Changed." })).await;
    assert_eq!(refused.problem(), "409 transition_refused");
    let to_resolved = shop.patch(&path, &json!({ "status": "open" })).await.expect(200).json();
    assert_eq!(to_resolved["resolution"], Value::Null);
    let without_text = shop.patch(&path, &json!({ "status": "resolved" })).await;
    assert_eq!(without_text.fields(), ["status required"]);
    let kinds: Vec<Value> =
        timeline(&shop, &path, "").await.iter().map(|it| it["kind"].clone()).collect();
    let wanted = [
        "created",
        "status_changed",
        "note",
        "note",
        "resolution",
        "status_changed",
        "status_changed",
    ];
    assert_eq!(kinds, wanted);
    let by_two = timeline(&shop, &path, "&limit=2").await;
    assert_eq!(by_two, timeline(&shop, &path, "").await, "in pieces it is the same");
}

/// The whole timeline, page after page.
async fn timeline(client: &Client, path: &str, limit: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("{path}/timeline?{cursor}{limit}")).await.expect(200).json();
        items.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("cursor={next}"),
            None => return items,
        }
    }
}

#[tokio::test]
async fn a_change_that_is_refused_changes_nothing_at_all() {
    let app = TestApp::start().await;
    let shop = app.technician().await;
    let ticket = create(&shop, &new_ticket("A")).await;
    let before = app.dump().await;
    for (change, wanted) in [
        (json!({ "priority": "high", "assignee": "nobody@rfs.example" }), "assignee unknown_value"),
        (json!({ "subject": "B", "category": "Nonsense" }), "category unknown_value"),
        (json!({ "subject": "B", "status": "resolved" }), "status required"),
    ] {
        assert_eq!(shop.patch(&path(&ticket), &change).await.fields(), [wanted]);
        assert_eq!(app.dump().await, before, "{change}");
    }
    shop.patch(&path(&ticket), &json!({})).await.expect(200);
    assert_eq!(app.dump().await, before, "nothing asked, nothing done");
}

#[tokio::test]
async fn null_takes_away_and_absence_leaves() {
    let app = TestApp::start().await;
    app.staff("dana@rfs.example", "Dana", Role::Technician).await;
    let shop = app.technician().await;
    let mut body = new_ticket("A");
    (body["category"], body["assignee"]) = (json!("CCTV"), json!("dana@rfs.example"));
    let ticket = create(&shop, &body).await;
    let same = shop.patch(&path(&ticket), &json!({ "priority": "low" })).await.expect(200).json();
    assert_eq!((&same["category"], &same["assignee"]), (&ticket["category"], &ticket["assignee"]));
    let off = json!({ "category": null, "assignee": null });
    let off = shop.patch(&path(&ticket), &off).await.expect(200).json();
    assert_eq!((&off["category"], &off["assignee"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn null_for_what_cannot_be_taken_away_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = create(&admin, &new_ticket("A")).await;
    let customer = format!("/api/v1/customers/{}", ticket["customer"]["id"].as_str().unwrap());
    let before = app.dump().await;
    for (path, names) in [
        (path(&ticket), &["status", "priority", "subject", "notify"][..]),
        (customer, &["name", "phone", "company", "notes", "active"]),
    ] {
        for name in names {
            let answer = admin.patch(&path, &json!({ *name: null })).await.expect(422);
            assert_eq!(answer.fields(), [format!("{name} malformed")]);
        }
    }
    assert_eq!(app.dump().await, before);
}

#[tokio::test]
async fn tickets_are_filtered_sorted_and_searched() {
    let app = TestApp::start().await;
    app.staff("dana@rfs.example", "Dana", Role::Technician).await;
    let shop = app.technician().await;
    for (number, (address, priority, category)) in [
        ("alice@example.com", "low", "CCTV"),
        ("bob@example.com", "urgent", "Alarm"),
        ("bob@example.com", "high", "CCTV"),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({
            "customer": { "email": address, "company": format!("Company{number}") },
            "subject": format!("Ticket {number}"), "description": format!("described{number}"),
            "priority": priority, "category": category,
        });
        create(&shop, &body).await;
        app.sleep(1);
    }
    let subjects = async |query: &str| {
        let list = shop.get(&format!("{TICKETS}?{query}")).await.expect(200).json();
        let items = list["items"].as_array().unwrap().clone();
        items.iter().map(|it| it["subject"].as_str().unwrap()[7..].to_owned()).collect::<String>()
    };
    for (query, wanted) in [
        ("", "210"),
        ("sort=created", "210"),
        ("sort=priority", "120"),
        ("priority=high", "2"),
        ("category=CCTV", "20"),
        ("category=None", ""),
        ("customer=BOB@example.com", "21"),
        ("customer=bob@example.com&category=Alarm", "1"),
        ("status=open", "210"),
        ("status=closed", ""),
        ("assignee=dana@rfs.example", ""),
        ("q=bob", "21"),
        ("q=company0", "0"),
        ("q=ticket%20described2", "2"),
    ] {
        assert_eq!(subjects(query).await, wanted, "{query}");
    }
    for sort in ["updated", "created", "priority"] {
        let (mut cursor, mut found) = (String::new(), Vec::new());
        loop {
            let page = shop
                .get(&format!("{TICKETS}?sort={sort}&limit=1{cursor}"))
                .await
                .expect(200)
                .json();
            found.push(page["items"][0]["reference"].clone());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(found.len(), 3, "{sort}");
    }
    let nobody = shop.get(&format!("{TICKETS}?customer=nobody@example.com")).await;
    assert_eq!(nobody.fields(), ["customer unknown_value"]);
}

#[tokio::test]
async fn customers_are_kept_by_admins() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({ "email": ALICE, "name": "Alice", "phone": "+1 613", "company": "Café", "notes": "VIP" });
    let answer = admin.post(CUSTOMERS, &body).await.expect(201);
    let customer = answer.json();
    let id = customer["id"].as_str().unwrap();
    let path = format!("{CUSTOMERS}/{id}");
    assert_eq!(answer.header("location"), Some(path.as_str()));
    let wanted = json!({
        "id": id, "email": ALICE, "name": "Alice", "phone": "+1 613", "company": "Café",
        "notes": "VIP", "active": true, "created_at": "2026-11-12T09:14:00.000Z",
    });
    assert_eq!(customer, wanted);
    for address in [ALICE, "ALICE@example.com"] {
        let taken = admin.post(CUSTOMERS, &json!({ "email": address })).await;
        assert_eq!(taken.fields(), ["email taken"]);
    }
    let moved = admin.patch(&path, &json!({ "email": "new@example.com" })).await;
    assert_eq!(moved.fields(), ["email unknown_field"], "an address cannot be changed");
    let changed =
        admin.patch(&path, &json!({ "name": "", "active": false })).await.expect(200).json();
    assert_eq!((&changed["name"], &changed["active"]), (&json!(""), &json!(false)));
    assert_eq!((&changed["notes"], &changed["company"]), (&json!("VIP"), &json!("Café")));
    assert_eq!(admin.get(&path).await.expect(200).json(), changed);
    let found = admin.get(&format!("{CUSTOMERS}?q=CAF%C3%89")).await.expect(200).json();
    assert_eq!(found["items"], json!([changed]));
    let hidden = admin.get(&format!("{CUSTOMERS}?q=vip")).await.expect(200).json();
    assert_eq!(hidden["items"], json!([]), "notes are not searched");
}

#[tokio::test]
async fn a_link_made_by_a_program_opens_the_portal_until_it_is_taken_back() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ticket = app.ticket(ALICE, "A broken camera").await;
    let theirs = app.ticket("bob@example.com", "A lock").await;
    let links = format!("{CUSTOMERS}/{}/links", ticket.customer.id);
    let made = admin
        .post(&links, &json!({ "ticket": ticket.reference.as_str() }))
        .await
        .expect(201)
        .json();
    let url = made["url"].as_str().unwrap();
    let start = format!("http://localhost:8080/portal/tickets/{}#token=", ticket.reference);
    assert!(url.starts_with(&start), "{url}");
    let alice = app.anon().open(url);
    alice.get("/api/v1/portal/session").await.expect(200);
    app.write_uses().await;
    let listed = admin.get(&links).await.expect(200);
    assert!(!listed.text().contains(alice.secret()), "the token is never told again");
    let link = &listed.json()["items"][0];
    assert_eq!(
        (&link["id"], &link["reason"], &link["use_count"]),
        (&made["id"], &json!("api"), &json!(1))
    );
    let foreign = admin.post(&links, &json!({ "ticket": theirs.reference.as_str() })).await;
    assert_eq!(foreign.fields(), ["ticket unknown_value"]);
    let one = format!("{links}/{}", made["id"].as_str().unwrap());
    admin.delete(&one).await.expect(204);
    admin.delete(&one).await.expect(204);
    let refused = alice.get("/api/v1/portal/session").await;
    assert_eq!(refused.problem(), "401 link_invalid");
    let link = admin.get(&links).await.expect(200).json()["items"][0].clone();
    assert_eq!(link["revoked_by"], "the program the shop");
    let second = admin.post(&links, &json!({})).await.expect(201).json();
    admin.delete(&links).await.expect(204);
    let alice = app.anon().open(second["url"].as_str().unwrap());
    assert_eq!(alice.get("/api/v1/portal/session").await.problem(), "401 link_invalid");
    app.set_active(ticket.customer.id, false).await;
    assert_eq!(admin.post(&links, &json!({})).await.fields(), ["customer unknown_value"]);
}

#[tokio::test]
async fn the_longest_description_fits_in_any_script() {
    let app = TestApp::start().await;
    let shop = app.technician().await;
    for letter in ["a", "ع", "字", "🔔"] {
        let mut body = new_ticket("A long story");
        body["description"] = letter.repeat(20_000).into();
        let reference = create(&shop, &body).await["reference"].clone();
        let path = format!("{TICKETS}/{}", reference.as_str().unwrap());
        let found = shop.get(&path).await.expect(200).json();
        assert_eq!(found["description"], body["description"], "{letter}");
    }
}
