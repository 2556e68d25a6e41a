//! What a person can ask for: a copy of all that is kept about them, and that it is forgotten. After
//! that not a word of theirs is left in any column of any table.

use std::sync::Arc;

use doorkey::app::App;
use doorkey::domain::customer_import;
use doorkey::domain::customers::{self, CustomerChange, NewCustomer};
use doorkey::domain::entries::Visibility;
use doorkey::domain::staff::Role;
use doorkey::domain::tickets::{self, Change, Seen, Status};
use doorkey::domain::transfer;
use doorkey::domain::{Actor, customer_uploads, saved_views};
use doorkey::error::Error;
use doorkey::ids::Reference;
use doorkey::jobs;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::client::Client;
use crate::support::desk::{email, somebody, to};

/// In every word that is the person's or about them.
const CANARY: &str = "zzcanary";
const ANA: &str = "ZZcanary.ana@cafe-lumen.example";
const BEN: &str = "ben@example.com";

/// A database in which Ana's words stand in every place where words can stand.
struct Full {
    app: TestApp,
    boss: Client,
    ana: i64,
    /// A ticket of hers, one of hers that is Ben's by now, and one of Ben's that is hers.
    tickets: [Reference; 3],
    token: Client,
}

async fn full() -> Full {
    let app = TestApp::with(|config| {
        config.mail.staff_inbox = Some(email("inbox@rfs.example"));
        config.mail.on_status_change = true;
    })
    .await;
    let boss = app.at_the_desk("boss@rfs.example", Role::Admin).await;
    let new = NewCustomer {
        name: "Zzcanary Costa".into(),
        phone: "zzcanary 555".into(),
        company: "Zzcanary & Co".into(),
        notes: "zzcanary pays late".into(),
        ..NewCustomer::with_email(email(ANA))
    };
    let made = app.act(move |tx, _, now| customers::add(tx, &somebody(), &new, now)).await;
    let ana = made.unwrap().id;
    app.customer_row(BEN).await;
    let token = app.customer(ANA).await;
    let own = a_ticket_with_everything(&app, &token).await;
    let given =
        app.create(app.new_ticket(ANA, "Written down for the wrong one")).await.unwrap().reference;
    app.reply(&token, &given, "zzcanary replied before it was moved").await.unwrap();
    let got =
        app.create(app.new_ticket(BEN, "About zzcanary, by mistake")).await.unwrap().reference;
    let ben = app.customer(BEN).await;
    app.reply(&ben, &got, "Ben says zzcanary").await.unwrap();
    give(&app, &given, BEN).await;
    give(&app, &got, ANA).await;
    around(&app, &boss, &token, ana).await;
    Full { app, boss, ana, tickets: [own, given, got], token }
}

async fn give(app: &TestApp, reference: &Reference, address: &'static str) {
    let (reference, seen) = (reference.clone(), Seen::of(&app.see(reference).await));
    app.act(move |tx, _, now| {
        tickets::give(tx, &somebody(), &reference, (&email(address), true), seen, now)
    })
    .await
    .unwrap();
}

async fn a_ticket_with_everything(app: &TestApp, ana: &Client) -> Reference {
    let mut new = app.new_ticket(ANA, "zzcanary subject");
    new.category = Some("Alarm".into());
    let reference = app.create(new).await.unwrap().reference;
    app.deliver().await;
    let reply = json!({ "body": "zzcanary reply" });
    let path = format!("/api/v1/portal/tickets/{reference}");
    ana.key("zzcanary-key").post(&format!("{path}/replies"), &reply).await.expect(201);
    ana.get(&path).await.expect(200);
    app.note(&reference, "zzcanary internal", Visibility::Internal).await.unwrap();
    app.note(&reference, "zzcanary public", Visibility::Public).await.unwrap();
    let subject = Change { subject: Some("zzcanary subject, changed".into()), ..Change::default() };
    app.change(&reference, subject).await.unwrap();
    app.resolve(&reference, "zzcanary resolution").await.unwrap();
    app.change(&reference, to(Status::Open)).await.unwrap();
    app.resolve(&reference, "zzcanary resolution again").await.unwrap();
    reference
}

/// What stands around the tickets.
async fn around(app: &TestApp, boss: &Client, ana: &Client, id: i64) {
    app.write_uses().await;
    while jobs::events::number(app).await.unwrap() {}
    // Known already as events, and this one not yet.
    let change = CustomerChange { name: Some("Ana Zzcanary".into()), ..CustomerChange::default() };
    app.act(move |tx, _, now| customers::change(tx, &somebody(), id, change.clone(), now))
        .await
        .unwrap();
    let ask = json!({ "email": ANA });
    app.anon().post("/api/v1/portal/links", &ask).await.expect(202);
    jobs::requests::work(app).await.unwrap();
    app.anon().post("/api/v1/portal/links", &ask).await.expect(202);
    boss.form(&format!("/admin/customers/{id}/links"), &[("do", "copy")]).await.expect(200);
    ana.get("/api/v1/portal/session").await.expect(200);
    app.sql(
        "UPDATE outbox SET state = 'failed', settled_at = created_at, \
           error = '550 zzcanary.ana@cafe-lumen.example unknown' \
         WHERE kind = 'note_added'",
    )
    .await;
    app.sql("UPDATE outbox SET state = 'held', error = 'zzcanary' WHERE kind = 'customer_replied'")
        .await;
    app.sql(format!(
        "INSERT INTO imports (source, kind, source_id, row_id) \
         VALUES ('old', 'customer', 'zzcanary-17', {id})"
    ))
    .await;
    for export in [
        "tickets.csv?customer=ZZcanary.Ana%40cafe-lumen.example&status=open",
        "tickets.csv?q=zzCANARY&category=Alarm",
        "audit.csv?about=zzcanary.ana@cafe-lumen.example",
        "tickets.csv?q=battery",
    ] {
        boss.get(&format!("/admin/{export}")).await.expect(200);
    }
    let staff = app.number("SELECT min(id) FROM staff").await;
    app.act(move |tx, _, now| {
        customer_import::write_down(tx, &somebody(), ("Ana Zzcanary.csv", 1), now)?;
        let query = "status=open&customer=ZZcanary.ana%40cafe-lumen.example";
        saved_views::keep(tx, staff, "Hers", query, now)?;
        saved_views::keep(tx, staff, "Mine", "assignee=me", now)?;
        let table = b"email,name\nzzcanary.ana@cafe-lumen.example,Zzcanary\nnew@b.example,New\n\
            ZZcanary.Ana@cafe-lumen.example,Zzcanary again\nzzcanary\n";
        let checked = customer_import::check(table).expect("a table");
        customer_uploads::add(tx, staff, "people.csv", (&checked, 1), now)?;
        Ok(())
    })
    .await
    .unwrap();
}

/// Rows in which the canary stands, each with its table.
async fn canaries(app: &TestApp) -> Vec<String> {
    let mut found = Vec::new();
    for (table, rows) in app.dump().await {
        for row in rows {
            // Bytes are told in hexadecimal digits.
            let hex: String = CANARY.bytes().map(|byte| format!("{byte:02X}")).collect();
            if row.to_lowercase().contains(CANARY) || row.contains(&hex) {
                found.push(format!("{table}: {row}"));
            }
        }
    }
    found
}

async fn erase_all(app: &App) {
    while jobs::erasures::work(app).await.unwrap() {}
}

/// What is to stay of every ticket.
async fn skeletons(app: &TestApp) -> Vec<String> {
    app.column(
        "SELECT reference || ' ' || status || ' ' || CAST(priority AS TEXT) || ' ' || \
           COALESCE(category, '') || ' ' || CAST(note_count AS TEXT) || ' ' || \
           CAST(created_at AS TEXT) || ' ' || CAST(updated_at AS TEXT) || ' ' || \
           CAST(customer_id AS TEXT) || ' ' || CAST(COALESCE(assignee_id, 0) AS TEXT) || ' ' || \
           CAST(COALESCE(resolved_at, 0) AS TEXT) FROM tickets ORDER BY reference",
    )
    .await
}

#[tokio::test]
async fn not_a_word_of_a_person_is_left_anywhere() {
    let full = full().await;
    let (app, path) = (&full.app, format!("/admin/customers/{}", full.ana));
    let planted: Vec<String> = canaries(app).await;
    let places: std::collections::BTreeSet<&str> =
        planted.iter().filter_map(|row| row.split(':').next()).collect();
    for table in [
        "audit",
        "customers",
        "customer_uploads",
        "customer_upload_parts",
        "entries",
        "event_inbox",
        "events",
        "idempotency",
        "imports",
        "link_requests",
        "outbox",
        "saved_views",
        "search_texts",
        "ticket_words",
        "tickets",
    ] {
        assert!(places.contains(table), "no canary stands in {table}: {places:?}");
    }
    let before = skeletons(app).await;
    let ask = full.boss.get(&format!("{path}/erase")).await.expect(200).text();
    assert!(ask.contains("What goes") && ask.contains("What stays"), "{ask}");
    let wrong = full.boss.form(&format!("{path}/erase"), &[("email", BEN)]).await.expect(422);
    assert!(wrong.text().contains("This is not the address of this customer."));
    full.boss.form(&format!("{path}/erase"), &[("email", "ana")]).await.expect(422);
    assert_eq!(canaries(app).await.len(), planted.len(), "nothing has changed");
    let typed = [("email", "zzcanary.ana@CAFE-lumen.example")];
    full.boss.form(&format!("{path}/erase"), &typed).await.expect(303);
    // At once: out, and nameless, though the texts are still on their way.
    full.token.get("/api/v1/portal/session").await.expect(401);
    let page = full.boss.get(&path).await.expect(200).text();
    assert!(page.contains("is being erased") && page.contains("Erased customer"), "{page}");
    erase_all(app).await;
    app.write_uses().await;
    while jobs::events::number(app).await.unwrap() {}
    app.deliver().await;
    assert_eq!(canaries(app).await, [""; 0]);
    assert_eq!(skeletons(app).await, before);
    let page = full.boss.get(&path).await.expect(200).text();
    assert!(page.contains("Everything that told who this was is gone"), "{page}");
    let log: Vec<(String, String)> =
        app.column("SELECT by_name, subject FROM audit WHERE action = 'customer.erased'").await;
    assert_eq!(log, [("Dana Reyes".to_owned(), String::new())]);
    let mut exports: Vec<String> = app
        .column("SELECT details FROM audit WHERE action IN ('data.tickets_exported', 'data.audit_exported')")
        .await;
    exports.sort_unstable();
    assert_eq!(exports, ["{\"q\":\"battery\"}", "{}", "{}", "{}"], "what is not theirs stays");
    // Asked for again, by a reload or another admin, it changes nothing.
    full.boss.get(&format!("{path}/erase")).await.expect(303);
    full.boss.form(&format!("{path}/erase"), &typed).await.expect(303);
    assert_eq!(app.number("SELECT count(*) FROM audit WHERE action = 'customer.erased'").await, 1);
}

#[tokio::test]
async fn every_door_answers_sensibly_afterwards() {
    let full = full().await;
    let (app, id) = (&full.app, full.ana);
    let path = format!("/admin/customers/{id}");
    full.boss.form(&format!("{path}/erase"), &[("email", ANA)]).await.expect(303);
    erase_all(app).await;
    let program = app.admin().await;
    let [own, given, got] = &full.tickets;
    for reference in &full.tickets {
        let ticket = program.get(&format!("/api/v1/tickets/{reference}")).await.expect(200).json();
        let is_bens = reference == given;
        assert_eq!(ticket["customer"]["name"], if is_bens { "ben" } else { "" }, "{ticket}");
        let timeline = format!("/api/v1/tickets/{reference}/timeline");
        program.get(&timeline).await.expect(200);
        full.boss.get(&format!("/admin/tickets/{reference}")).await.expect(200);
    }
    let ticket = program.get(&format!("/api/v1/tickets/{own}")).await.expect(200).json();
    for field in ["subject", "description", "resolution"] {
        assert_eq!(ticket[field], "Erased", "{field}");
    }
    assert_eq!(ticket["status"], "resolved");
    // Ben keeps what he wrote himself on the ticket that became his.
    let ben = app.customer(BEN).await;
    let detail = ben.get(&format!("/api/v1/portal/tickets/{given}")).await.expect(200).json();
    assert_eq!(detail["subject"], "Written down for the wrong one", "the ticket is his: {detail}");
    ben.get(&format!("/api/v1/portal/tickets/{got}")).await.expect(404);
    while jobs::events::number(app).await.unwrap() {}
    let feed = program.get("/api/v1/events?limit=100").await.expect(200).json();
    let items = feed["items"].as_array().unwrap();
    let last = items.iter().rfind(|it| it["type"] == "customer.erased").expect("programs are told");
    assert_eq!(last["customer"], id.to_string());
    assert!(items.iter().any(|it| it["type"] == "ticket.changed" && it["changes"] == json!({})));
    let customer = program.get(&format!("/api/v1/customers/{id}")).await.expect(200).json();
    assert_eq!(customer["email"], format!("erased-{id}@erased.invalid"));
    assert_eq!((&customer["name"], &customer["active"]), (&json!(""), &json!(false)));
    let (at, active) = (format!("/api/v1/customers/{id}"), json!({ "active": true }));
    assert!(program.patch(&at, &active).await.expect(422).text().contains("erased"));
    program.post(&format!("/api/v1/customers/{id}/links"), &json!({})).await.expect(422);
    full.boss.form(&format!("{path}/active"), &[("active", "true")]).await.expect(409);
    full.boss.form(&format!("{path}/export"), &[]).await.expect(404);
    for list in ["/admin", "/admin/tickets", "/admin/customers", "/admin/tickets.csv"] {
        full.boss.get(list).await.expect(200);
    }
    let mut lines = 0;
    let export = app.db.survey(move |tx| {
        transfer::export::<Error>(tx, &mut |_| {
            lines += 1;
            Ok(())
        })
    });
    export.await.unwrap();
    // The same person may come again: they are somebody new.
    let again = app.customer_row(ANA).await;
    assert_ne!(again.id, id);
    let new = app.create(app.new_ticket(ANA, "A new start")).await.unwrap();
    assert_eq!(new.customer.id, again.id);
}

#[tokio::test]
async fn many_tickets_go_in_steps_and_a_killed_process_is_gone_on_with() {
    let app = TestApp::start().await;
    for number in 0..45 {
        app.ticket(ANA, &format!("zzcanary {number}")).await;
    }
    app.ticket(BEN, "His own").await;
    let ana = app.customer_row(ANA).await.id;
    app.act(move |tx, _, now| {
        doorkey::domain::erasures::begin(tx, &Actor::System, ana, &email(ANA), now)
    })
    .await
    .unwrap();
    let left = "SELECT count(*) FROM tickets WHERE subject LIKE 'zzcanary%'";
    assert!(jobs::erasures::work(&app).await.unwrap());
    assert_eq!(app.number(left).await, 25);
    let other: Arc<App> = app.beside().await;
    let both = tokio::join!(jobs::erasures::work(&other), jobs::erasures::work(&app));
    assert!(both.0.unwrap() | both.1.unwrap());
    erase_all(&other).await;
    assert_eq!(app.number(left).await, 0);
    assert_eq!(canaries(&app).await, [""; 0]);
    assert_eq!(app.number("SELECT count(*) FROM erasures WHERE ended_at IS NULL").await, 0);
    let ben = app.customer(BEN).await;
    let list = ben.get("/api/v1/portal/tickets?q=own").await.expect(200).json();
    assert_eq!(list["items"][0]["subject"], "His own");
    let counts = "SELECT tickets FROM ticket_counts WHERE status = 'open' ORDER BY customer_id";
    let mut counts: Vec<i64> = app.column(counts).await;
    counts.sort_unstable();
    assert_eq!(counts, [1, 45], "the figures stay");
    other.db.clone().close().await;
}

/// The copy, as JSON.
async fn copy(full: &Full, fields: &[(&str, &str)]) -> Value {
    let path = format!("/admin/customers/{}/export", full.ana);
    let answer = full.boss.form(&path, fields).await.expect(200);
    let name = format!("attachment; filename=\"customer-{}-2026-11-12.json\"", full.ana);
    assert_eq!(answer.header("content-disposition"), Some(&*name));
    answer.json()
}

#[tokio::test]
async fn a_copy_holds_everything_that_is_kept_about_a_person_and_nothing_else() {
    let full = full().await;
    let told = copy(&full, &[]).await;
    let customer = &told["customer"];
    assert_eq!(customer["email"], ANA);
    assert_eq!(
        (&customer["name"], &customer["notes"]),
        (&json!("Ana Zzcanary"), &json!("zzcanary pays late"))
    );
    let tickets = told["tickets"].as_array().unwrap();
    let mut references: Vec<&str> =
        tickets.iter().map(|it| it["reference"].as_str().unwrap()).collect();
    references.sort_unstable();
    let mut wanted = [full.tickets[0].as_str(), full.tickets[2].as_str()];
    wanted.sort_unstable();
    assert_eq!(references, wanted, "what is somebody else's by now is theirs");
    let text = told.to_string();
    for words in ["zzcanary reply", "zzcanary public", "zzcanary resolution again", "seen_until"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("zzcanary internal") && !text.contains("Moved from"), "{text}");
    assert!(!text.contains("token") && !text.contains("hash"), "{text}");
    let links = told["links"].as_array().unwrap();
    assert!(links.iter().any(|it| it["issued_by"] == "Dana Reyes"), "{links:?}");
    assert!(told["mails"].as_array().unwrap().iter().any(|it| it["kind"] == "ticket_resolved"));
    let with = copy(&full, &[("internal", "true")]).await.to_string();
    assert!(with.contains("zzcanary internal") && with.contains("Moved from"), "{with}");
    let asked = "SELECT count(*) FROM audit WHERE action = 'customer.exported'";
    assert_eq!(full.app.number(asked).await, 2);
}
