//! A ticket that was written down for the wrong customer moves to the right one: at once, with all
//! that hangs on it, and nothing of it left for the one before.

use doorkey::domain::customers::{self, CustomerChange};
use doorkey::domain::entries::{Kind, Visibility};
use doorkey::domain::staff::Role;
use doorkey::domain::tickets::{DeskQuery, Ticket, list};
use doorkey::error::Error;

use crate::support::TestApp;
use crate::support::client::Client;
use crate::support::desk::{email, somebody};

const ANA: &str = "ana@cafe-lumen.example";
const BEN: &str = "ben@example.com";

/// The desk with a ticket that says it is Ana's.
async fn set_up() -> (TestApp, Client, Ticket) {
    let app = TestApp::start().await;
    app.customer_row(BEN).await;
    let ticket = app.create(app.new_ticket(ANA, "Alarm beeps")).await.unwrap();
    let dana = app.at_the_desk("dana@rfs.example", Role::Technician).await;
    (app, dana, ticket)
}

fn path(ticket: &Ticket) -> String {
    format!("/admin/tickets/{}/customer", ticket.reference)
}

fn seen(page: &str) -> String {
    page.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// Dana moves the ticket.
async fn move_to(dana: &Client, ticket: &Ticket, address: &str) {
    let page = dana.get(&path(ticket)).await.expect(200).text();
    let fields = [("seen", &*seen(&page)), ("customer", address), ("step", "move")];
    dana.form(&path(ticket), &fields).await.expect(303);
}

async fn found_by(app: &TestApp, address: Option<&str>, words: Option<&str>) -> usize {
    let query = DeskQuery {
        customer: address.map(email),
        query: words.map(str::to_owned),
        limit: 5,
        ..DeskQuery::default()
    };
    let page = app.db.scan(move |tx| list(tx, &query)).await;
    page.map_err(|error: Error| error).unwrap().items.len()
}

#[tokio::test]
async fn the_one_before_gets_404_at_once_and_the_new_one_sees_it() {
    let (app, dana, ticket) = set_up().await;
    let (ana, ben) = (app.customer(ANA).await, app.customer(BEN).await);
    app.reply(&ana, &ticket.reference, "It is the panel by the door.").await.unwrap();
    app.note(&ticket.reference, "Old model.", Visibility::Internal).await.unwrap();
    let (api, page) = (
        format!("/api/v1/portal/tickets/{}", ticket.reference),
        format!("/portal/tickets/{}", ticket.reference),
    );
    ana.get(&api).await.expect(200);
    app.write_uses().await;
    ben.get(&api).await.expect(404);
    move_to(&dana, &ticket, BEN).await;
    for address in [&api, &page] {
        ana.get(address).await.expect(404);
    }
    let replies = format!("{api}/replies");
    ana.post(&replies, &serde_json::json!({ "body": "Hello?" })).await.expect(404);
    let seen = ben.get(&api).await.expect(200).text();
    assert!(seen.contains("panel by the door") && !seen.contains("Old model"), "{seen}");
    assert!(!seen.contains("Moved from"), "that it moved is for colleagues: {seen}");
    ben.get(&page).await.expect(200);
    for (client, tickets) in [(&ana, 0), (&ben, 1)] {
        for query in ["", "?q=panel", "?q=beeps", "?status=open"] {
            let list = client.get(&format!("/api/v1/portal/tickets{query}")).await.expect(200);
            assert_eq!(list.json()["items"].as_array().unwrap().len(), tickets, "{query}");
        }
        let viewer = app.viewer(client).await;
        let counts = app
            .db
            .read(move |tx| doorkey::domain::tickets::counts(tx, &viewer))
            .await
            .map_err(|error: Error| error)
            .unwrap();
        assert_eq!((counts.open, counts.all()), (tickets as i64, tickets as i64));
    }
    assert_eq!(
        app.number("SELECT count(*) FROM ticket_reads").await,
        0,
        "nobody read it as theirs"
    );
    ben.post(&replies, &serde_json::json!({ "body": "Mine." })).await.expect(201);
}

#[tokio::test]
async fn the_desk_finds_it_by_its_new_customer_and_tells_who_moved_it() {
    let (app, dana, ticket) = set_up().await;
    move_to(&dana, &ticket, "BEN@example.com").await;
    assert_eq!(found_by(&app, Some(ANA), None).await, 0);
    assert_eq!(found_by(&app, Some(BEN), None).await, 1);
    assert_eq!(found_by(&app, None, Some("beeps ben")).await, 1);
    let entries = app.timeline(&ticket.reference).await;
    let note = entries.last().unwrap();
    assert_eq!((note.kind, note.visibility), (Kind::Note, Visibility::Internal));
    assert_eq!(note.author.as_deref(), Some("Dana Reyes"));
    let body = format!("Moved from {ANA} to ben ({BEN}).");
    assert_eq!(note.body.as_deref(), Some(&*body));
    let now = app.see(&ticket.reference).await;
    assert_eq!((now.updated_at, now.note_count), (ticket.updated_at, ticket.note_count));
    assert!(now.version > ticket.version, "a page that is open is another now");
    // A new name of either finds and changes the right words.
    let (ana, ben) = (app.customer_row(ANA).await.id, app.customer_row(BEN).await.id);
    for (id, name) in [(ana, "Zoe"), (ben, "Benedikt")] {
        let change = CustomerChange { name: Some(name.into()), ..CustomerChange::default() };
        app.act(move |tx, _, now| customers::change(tx, &somebody(), id, change.clone(), now))
            .await
            .unwrap();
    }
    while doorkey::jobs::search::follow_names(&app).await.unwrap() {}
    assert_eq!(found_by(&app, None, Some("beeps benedikt")).await, 1);
    assert_eq!(found_by(&app, None, Some("beeps zoe")).await, 0);
    while doorkey::jobs::events::number(&app).await.unwrap() {}
    let feed = app.admin().await.get("/api/v1/events?limit=100").await.expect(200).json();
    let mut told = feed["items"].as_array().unwrap().iter();
    let moved = told.rfind(|it| it["type"] == "ticket.changed").unwrap();
    let ids = serde_json::json!({ "customer": { "from": ana.to_string(), "to": ben.to_string() } });
    assert_eq!(moved["changes"], ids, "{moved}");
}

#[tokio::test]
async fn mails_that_wait_are_withdrawn_and_links_lead_to_nothing_of_the_ticket() {
    let (app, dana, ticket) = set_up().await;
    app.deliver().await;
    let mailed = app.anon().open(&app.mailbox(ANA).link());
    app.note(&ticket.reference, "We come on Monday.", Visibility::Public).await.unwrap();
    app.break_mail(true);
    app.deliver().await;
    app.break_mail(false);
    let page = dana.get(&path(&ticket)).await.expect(200).text();
    app.sleep(1);
    // A sign-in mail that waits leads to the portal and not to the ticket any more.
    dana.form(&format!("/admin/tickets/{}/links", ticket.reference), &[("do", "send")]).await;
    let fields = [("seen", &*seen(&page)), ("customer", BEN), ("step", "move"), ("notify", "true")];
    dana.form(&path(&ticket), &fields).await.expect(303);
    let kept: Vec<(String, String)> =
        app.column("SELECT state, error FROM outbox WHERE kind = 'note_added'").await;
    assert_eq!(kept, [("failed".into(), "the ticket was moved to another customer".into())]);
    let before = app.mailbox(ANA).len();
    app.sleep(60);
    app.deliver().await;
    let anas = app.mailbox(ANA);
    assert_eq!(anas.len(), before + 1, "the sign-in mail alone");
    assert!(!anas.link().contains(ticket.reference.as_str()), "{}", anas.link());
    assert!(app.mailbox(BEN).link().contains(ticket.reference.as_str()));
    let api = format!("/api/v1/portal/tickets/{}", ticket.reference);
    mailed.get("/api/v1/portal/session").await.expect(200);
    mailed.get(&api).await.expect(404);
    app.anon().open(&anas.link()).get(&api).await.expect(404);
    app.anon().open(&app.mailbox(BEN).link()).get(&api).await.expect(200);
    let again =
        app.number("SELECT count(*) FROM outbox WHERE state = 'failed' AND content IS NOT NULL");
    assert_eq!(again.await, 0, "nobody sends by hand what was withdrawn");
}

#[tokio::test]
async fn who_gets_it_is_looked_for_shown_and_confirmed() {
    let (app, dana, ticket) = set_up().await;
    let to = path(&ticket);
    let page = dana.get(&to).await.expect(200).text();
    let state = seen(&page);
    let send = async |fields: &[(&str, &str)]| {
        dana.form(&to, &[&[("seen", &*state)], fields].concat()).await
    };
    let found = send(&[("customer", "ben"), ("step", "find")]).await.expect(200).text();
    assert!(found.contains(&format!("name=\"pick\" value=\"{BEN}\"")), "{found}");
    let found = send(&[("customer", "ben")]).await.expect(200).text();
    assert!(found.contains("Who is it?"), "a name alone is looked for: {found}");
    let shown = send(&[("customer", "ben"), ("pick", BEN)]).await.expect(200).text();
    for words in ["Move this ticket?", "will not find it any more", "Move Ticket", BEN, ANA] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    for (typed, says) in [
        ("nobody@example.com", "No customer has this address."),
        (ANA, "this customer’s already"),
        ("a@b", "does not look like"),
        ("", "Please enter"),
    ] {
        let page = send(&[("customer", typed)]).await.expect(422).text();
        assert!(page.contains(says), "{typed}: {page}");
    }
    let moved = send(&[("customer", "nobody@example.com"), ("step", "move")]).await.expect(422);
    assert!(moved.text().contains("No customer has this address."));
    dana.form(&to, &[("customer", BEN), ("step", "move")]).await.expect(422);
    assert_eq!(app.see(&ticket.reference).await.customer.email, email(ANA), "nothing has moved");
    // Somebody writes on it meanwhile: it is not moved before the mover has seen that.
    app.note(&ticket.reference, "Private: Ana's alarm code.", Visibility::Public).await.unwrap();
    let page = send(&[("customer", BEN), ("step", "move")]).await.expect(409).text();
    assert!(page.contains("Somebody changed this ticket meanwhile"), "{page}");
    assert_eq!(app.see(&ticket.reference).await.customer.email, email(ANA));
    let state = seen(&page);
    for _ in 0..2 {
        let fields = [("seen", &*state), ("customer", BEN), ("step", "move")];
        dana.form(&to, &fields).await.expect(303);
    }
    let notes = app.timeline(&ticket.reference).await;
    let moves = notes.iter().filter(|it| it.body.as_deref().is_some_and(|it| it.contains("Moved")));
    assert_eq!(moves.count(), 1, "sent twice it moves once");
}
