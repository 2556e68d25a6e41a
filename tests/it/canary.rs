//! What customers must never see is marked, then everything a customer can reach is read.

use doorkey::domain::Actor;
use doorkey::domain::customers::{self, CustomerChange};
use doorkey::domain::entries::Visibility;
use doorkey::domain::staff::Role;
use doorkey::domain::tickets::{self, Change, Status};
use doorkey::ids::Reference;
use serde_json::json;

use crate::support::TestApp;
use crate::support::client::Client;
use crate::support::desk::{email, to};

const ALICE: &str = "alice@example.com";

/// Marks of what is not for Alice. Each stands in one kind of place.
const CANARIES: [&str; 8] = [
    "canaryinternal",
    "canarynotes",
    "canarystaff",
    "canarykey",
    "canarybob",
    "canaryreplaced",
    "canaryinbox",
    "canaryother",
];

/// Everything that a customer must not see, planted all around Alice's ticket.
async fn plant(app: &TestApp) -> Reference {
    app.staff("canarystaff@rfs.example", "Dana Reyes", Role::Technician).await;
    app.staff("replaced@rfs.example", "Canaryreplaced Smith", Role::Technician).await;
    let alice = app.customer_row(ALICE).await;
    let notes = CustomerChange {
        notes: Some("canarynotes: pays late".into()),
        ..CustomerChange::default()
    };
    app.act(move |tx, _, now| customers::change(tx, &Actor::System, alice.id, notes.clone(), now))
        .await
        .unwrap();
    let ticket = app.ticket(ALICE, "A broken camera").await.reference;
    for technician in ["replaced@rfs.example", "canarystaff@rfs.example"] {
        let assignee = Some(Some(email(technician)));
        let change = Change { assignee, notify: true, ..Change::default() };
        app.change(&ticket, change).await.unwrap();
    }
    app.note(&ticket, "canaryinternal: never pays", Visibility::Internal).await.unwrap();
    app.note(&ticket, "We come on Monday.", Visibility::Public).await.unwrap();
    let program = Actor::Program { id: 9, name: "canarykey".into(), role: Role::Admin };
    let reference = ticket.clone();
    app.act(move |tx, rules, now| {
        let change = to(Status::InProgress);
        tickets::change(tx, rules, &program, &reference, &change, now)?;
        tickets::resolve(tx, rules, &program, &reference, "A new cable.", true, now)
    })
    .await
    .unwrap();
    let bob = app.customer("canarybob@example.com").await;
    let other = app.ticket("canarybob@example.com", "canaryother vault").await.reference;
    app.reply(&bob, &other, "canaryother is mine").await.unwrap();
    ticket
}

async fn planted() -> (TestApp, Reference, Client) {
    let app = TestApp::with(|config| {
        config.mail.staff_inbox = Some(email("canaryinbox@rfs.example"));
        config.mail.on_status_change = true;
    })
    .await;
    let ticket = plant(&app).await;
    let alice = app.customer(ALICE).await;
    (app, ticket, alice)
}

#[tokio::test]
async fn nothing_that_is_not_theirs_reaches_a_customer_by_any_door() {
    let (app, ticket, alice) = planted().await;
    let mut texts = Vec::new();
    for query in ["", "q=canary", "q=pays", "status=resolved", "status=open", "q=Reyes", "limit=1"]
    {
        for path in ["/api/v1/portal/tickets", "/portal"] {
            texts.push(alice.get(&format!("{path}?{query}")).await);
        }
    }
    for path in [
        format!("/api/v1/portal/tickets/{ticket}"),
        format!("/portal/tickets/{ticket}"),
        "/api/v1/portal/session".into(),
        "/api/v1/portal/tickets/TKT-000000".into(),
        "/api/v1/tickets".into(),
        "/api/v1/customers".into(),
        "/api/v1/openapi.json".into(),
        "/".into(),
        "/admin".into(),
        "/admin/sign-in".into(),
        "/admin/sessions".into(),
        "/readyz".into(),
    ] {
        texts.push(alice.get(&path).await);
    }
    let replies = format!("/api/v1/portal/tickets/{ticket}/replies");
    texts.push(alice.post(&replies, &json!({ "body": "It is back." })).await.expect(201));
    texts.push(alice.post(&replies, &json!({ "body": "" })).await);
    texts.push(alice.get(&format!("/api/v1/portal/tickets/{ticket}")).await.expect(200));
    let program = app.technician().await;
    program
        .patch(&format!("/api/v1/tickets/{ticket}"), &json!({ "status": "closed" }))
        .await
        .expect(200);
    texts.push(alice.post(&replies, &json!({ "body": "Hello?" })).await.expect(409));
    texts.push(alice.get(&format!("/portal/tickets/{ticket}")).await.expect(200));
    let body = json!({ "email": ALICE, "ticket": ticket.as_str() });
    texts.push(app.anon().post("/api/v1/portal/links", &body).await.expect(202));
    app.deliver().await;
    for answer in &texts {
        // The query comes back in the search field of the page, and only as it was typed.
        let told = answer.text().replace("\"canary\"", "").replace("“canary”", "");
        let told = told.replace("q=canary", "").to_lowercase();
        for canary in CANARIES {
            let headers = format!("{:?}", answer.headers);
            assert!(!headers.contains(canary), "{answer:?}");
            assert!(!told.contains(canary), "{canary} in {}", answer.text());
        }
    }
    let mails = app.mailbox(ALICE);
    assert!(mails.len() >= 4, "{:?}", mails.kinds());
    for mail in &mails.0 {
        let whole = serde_json::to_string(mail).unwrap().to_lowercase();
        for canary in CANARIES {
            assert!(!whole.contains(canary), "{canary} in the mail {}: {}", mail.kind, mail.text);
        }
    }
}

#[tokio::test]
async fn the_canaries_sing_where_they_may() {
    let (app, ticket, _) = planted().await;
    let admin = app.admin().await;
    let mut whole = String::new();
    for path in [
        format!("/api/v1/tickets/{ticket}/timeline"),
        format!("/api/v1/tickets/{ticket}"),
        "/api/v1/tickets".into(),
        "/api/v1/customers".into(),
    ] {
        whole.push_str(&admin.get(&path).await.expect(200).text().to_lowercase());
    }
    app.deliver().await;
    for mail in app.mails() {
        whole.push_str(&serde_json::to_string(&mail).unwrap().to_lowercase());
    }
    for canary in CANARIES {
        assert!(whole.contains(canary), "{canary} was planted where nobody finds it");
    }
}

#[tokio::test]
async fn what_is_internal_changes_no_byte_of_what_a_customer_gets() {
    let (app, ticket, alice) = planted().await;
    let paths = [
        "/portal".to_owned(),
        format!("/portal/tickets/{ticket}"),
        "/api/v1/portal/tickets".to_owned(),
        format!("/api/v1/portal/tickets/{ticket}"),
    ];
    let all = async || {
        let mut answers = Vec::new();
        for path in &paths {
            answers.push(alice.get(path).await.expect(200).without_request_id());
        }
        answers
    };
    all().await;
    app.write_uses().await;
    let before = all().await;
    for _ in 0..3 {
        app.note(&ticket, "canaryinternal", Visibility::Internal).await.unwrap();
    }
    let alice_row = app.customer_row(ALICE).await;
    let change = CustomerChange { notes: Some("more".into()), ..CustomerChange::default() };
    app.act(move |tx, _, now| {
        customers::change(tx, &Actor::System, alice_row.id, change.clone(), now)
    })
    .await
    .unwrap();
    assert_eq!(all().await, before, "tags included");
    let priority = Change { priority: Some(tickets::Priority::High), ..Change::default() };
    app.change(&ticket, priority).await.unwrap();
    assert_ne!(all().await, before, "this test sees a change");
    assert_eq!(app.see(&ticket).await.status, Status::Resolved);
}
