//! Who is mailed what: one action, one mail to one person at most.

use doorkey::domain::entries::Visibility;
use doorkey::domain::notes::{self, NewNote};
use doorkey::domain::staff::Role;
use doorkey::domain::tickets::{self, Change, NewTicket, Status};
use doorkey::domain::{Actor, staff};
use doorkey::error::Error;
use serde_json::json;

use crate::support::TestApp;
use crate::support::desk::{email, somebody, to};
use crate::support::mailbox::header;

const ALICE: &str = "alice@example.com";
const DANA: &str = "dana@rfs.example";
const DESK: &str = "desk@rfs.example";

/// An application with a technician, the staff's inbox, and mails about every status.
async fn chatty() -> TestApp {
    let app = TestApp::with(|config| {
        config.mail.staff_inbox = Some(email(DESK));
        config.mail.on_status_change = true;
    })
    .await;
    app.staff(DANA, "Dana", Role::Technician).await;
    app
}

/// The mails put into the outbox since the last call: `kind to recipient`, in their order.
async fn new_mails(app: &TestApp) -> Vec<String> {
    let rows: Vec<(String, String)> =
        app.column("SELECT kind, recipient FROM outbox ORDER BY id").await;
    app.sql("DELETE FROM outbox").await;
    rows.into_iter().map(|(kind, recipient)| format!("{kind} to {recipient}")).collect()
}

async fn assign(app: &TestApp, ticket: &tickets::Ticket, who: Option<&str>) {
    let change = Change { assignee: Some(who.map(email)), ..Change::default() };
    app.change(&ticket.reference, change).await.unwrap();
}

#[tokio::test]
async fn a_new_ticket_is_told_to_its_customer_and_its_technician() {
    let app = chatty().await;
    let new = app.new_ticket(ALICE, "A broken camera");
    app.create(new.clone()).await.unwrap();
    assert_eq!(new_mails(&app).await, ["ticket_created to alice@example.com"]);
    let assigned = NewTicket { assignee: Some(email(DANA)), ..new.clone() };
    app.create(assigned.clone()).await.unwrap();
    let both = ["ticket_created to alice@example.com", "ticket_assigned to dana@rfs.example"];
    assert_eq!(new_mails(&app).await, both);
    app.create(NewTicket { notify: false, ..assigned.clone() }).await.unwrap();
    assert!(new_mails(&app).await.is_empty());
    // Who takes a ticket themselves knows it.
    let dana = app.db.read(|tx| staff::find_by_email(tx, &email(DANA))).await.unwrap();
    let dana = Actor::Staff { id: dana.id, name: dana.name, role: dana.role };
    app.act(move |tx, rules, now| tickets::create(tx, rules, &dana, &assigned, None, now))
        .await
        .unwrap();
    assert_eq!(new_mails(&app).await, ["ticket_created to alice@example.com"]);
}

#[tokio::test]
async fn a_public_note_is_mailed_and_an_internal_one_never() {
    let app = chatty().await;
    let ticket = app.ticket(ALICE, "A broken camera").await;
    app.note(&ticket.reference, "We come on Monday.", Visibility::Public).await.unwrap();
    assert_eq!(new_mails(&app).await, ["note_added to alice@example.com"]);
    app.note(&ticket.reference, "They never pay.", Visibility::Internal).await.unwrap();
    assert!(new_mails(&app).await.is_empty());
    let quiet = NewNote { body: "Hush.".into(), visibility: Visibility::Public, notify: false };
    let reference = ticket.reference.clone();
    app.act(move |tx, rules, now| {
        notes::add(tx, rules, &somebody(), &reference, &quiet, None, now)
    })
    .await
    .unwrap();
    assert!(new_mails(&app).await.is_empty());
}

#[tokio::test]
async fn another_status_is_mailed_where_that_is_on_and_resolving_is_one_mail() {
    for on in [false, true] {
        let app = TestApp::with(|config| config.mail.on_status_change = on).await;
        let ticket = app.ticket(ALICE, "A broken camera").await;
        let wanted: Vec<&str> = match on {
            true => vec!["status_changed to alice@example.com"],
            false => Vec::new(),
        };
        for status in [Status::InProgress, Status::Closed, Status::Open] {
            app.change(&ticket.reference, to(status)).await.unwrap();
            assert_eq!(new_mails(&app).await, wanted, "{status:?}, on: {on}");
            app.change(&ticket.reference, to(status)).await.unwrap();
            assert!(new_mails(&app).await.is_empty(), "what is so already is no news");
        }
        let quiet = Change { notify: false, ..to(Status::InProgress) };
        app.change(&ticket.reference, quiet).await.unwrap();
        assert!(new_mails(&app).await.is_empty());
        app.resolve(&ticket.reference, "A new cable.").await.unwrap();
        assert_eq!(new_mails(&app).await, ["ticket_resolved to alice@example.com"]);
    }
}

#[tokio::test]
async fn a_reply_goes_to_who_works_on_the_ticket_or_else_to_the_inbox() {
    let app = chatty().await;
    let alice = app.customer(ALICE).await;
    let ticket = app.ticket(ALICE, "A broken camera").await;
    app.reply(&alice, &ticket.reference, "Hello?").await.unwrap();
    assert_eq!(new_mails(&app).await, ["customer_replied to desk@rfs.example"]);
    assign(&app, &ticket, Some(DANA)).await;
    app.reply(&alice, &ticket.reference, "Hello?").await.unwrap();
    assert_eq!(new_mails(&app).await, ["customer_replied to dana@rfs.example"]);
    app.resolve(&ticket.reference, "Done.").await.unwrap();
    new_mails(&app).await;
    app.reply(&alice, &ticket.reference, "It is back.").await.unwrap();
    let reopening = new_mails(&app).await;
    assert_eq!(reopening, ["customer_replied to dana@rfs.example"], "one mail, also when reopened");
    app.act(|tx, _, now| staff::set_active(tx, &somebody(), &email(DANA), false, now))
        .await
        .unwrap();
    app.reply(&alice, &ticket.reference, "Hello?").await.unwrap();
    assert_eq!(new_mails(&app).await, ["customer_replied to desk@rfs.example"]);
    let silent = TestApp::start().await;
    let alice = silent.customer(ALICE).await;
    let ticket = silent.ticket(ALICE, "A broken camera").await;
    silent.reply(&alice, &ticket.reference, "Hello?").await.unwrap();
    assert!(new_mails(&silent).await.is_empty(), "no inbox, no technician, no mail");
}

#[tokio::test]
async fn to_be_assigned_is_mailed_once_and_to_be_relieved_is_not() {
    let app = chatty().await;
    let ticket = app.ticket(ALICE, "A broken camera").await;
    let change = |who: Option<&str>| Change {
        assignee: Some(who.map(email)),
        notify: true,
        ..Change::default()
    };
    app.change(&ticket.reference, change(Some(DANA))).await.unwrap();
    assert_eq!(new_mails(&app).await, ["ticket_assigned to dana@rfs.example"]);
    app.change(&ticket.reference, change(Some("DANA@rfs.example"))).await.unwrap();
    assert!(new_mails(&app).await.is_empty(), "it was theirs already");
    app.change(&ticket.reference, change(None)).await.unwrap();
    assert!(new_mails(&app).await.is_empty());
    let both = Change { status: Some(Status::InProgress), ..change(Some(DANA)) };
    app.change(&ticket.reference, both).await.unwrap();
    let mut told = new_mails(&app).await;
    told.sort();
    let wanted = ["status_changed to alice@example.com", "ticket_assigned to dana@rfs.example"];
    assert_eq!(told, wanted, "one action, one mail to each");
}

#[tokio::test]
async fn what_is_undone_is_told_to_nobody() {
    let app = chatty().await;
    let new = NewTicket { assignee: Some(email(DANA)), ..app.new_ticket(ALICE, "A camera") };
    let before = app.dump().await;
    let undone = app
        .act(move |tx, rules, now| {
            tickets::create(tx, rules, &somebody(), &new, None, now)?;
            Err::<(), _>(Error::NotFound)
        })
        .await;
    assert!(matches!(undone, Err(Error::NotFound)));
    assert_eq!(app.dump().await, before);
    app.deliver().await;
    assert!(app.mails().is_empty());
}

#[tokio::test]
async fn an_answer_that_comes_twice_mails_once() {
    let app = chatty().await;
    let alice = app.customer(ALICE).await.key("k1");
    let ticket = app.ticket(ALICE, "A broken camera").await;
    let path = format!("/api/v1/portal/tickets/{}/replies", ticket.reference);
    for _ in 0..3 {
        alice.post(&path, &json!({ "body": "Hello?" })).await.expect(201);
    }
    assert_eq!(new_mails(&app).await, ["customer_replied to desk@rfs.example"]);
}

#[tokio::test]
async fn every_mail_has_its_headers_and_a_ticket_s_mails_are_one_thread() {
    let app = chatty().await;
    let alice = app.customer(ALICE).await;
    let new = NewTicket { assignee: Some(email(DANA)), ..app.new_ticket(ALICE, "A camera") };
    let ticket = app.create(new).await.unwrap();
    app.note(&ticket.reference, "We come on Monday.", Visibility::Public).await.unwrap();
    app.change(&ticket.reference, to(Status::InProgress)).await.unwrap();
    app.reply(&alice, &ticket.reference, "Good.").await.unwrap();
    app.resolve(&ticket.reference, "A new cable.").await.unwrap();
    app.anon()
        .post(
            "/api/v1/portal/links",
            &json!({ "email": ALICE, "ticket": ticket.reference.as_str() }),
        )
        .await
        .expect(202);
    app.deliver().await;
    let mails = app.mails();
    let mut kinds: Vec<&str> = mails.iter().map(|mail| mail.kind.as_str()).collect();
    kinds.sort_unstable();
    let wanted = [
        "customer_replied",
        "note_added",
        "portal_link",
        "status_changed",
        "ticket_assigned",
        "ticket_created",
        "ticket_resolved",
    ];
    assert_eq!(kinds, wanted);
    let mut ids = std::collections::BTreeSet::new();
    let mut threads = std::collections::BTreeSet::new();
    for mail in &mails {
        let kind = &mail.kind;
        assert_eq!(header(mail, "Auto-Submitted"), Some("auto-generated"), "{kind}");
        assert_eq!(header(mail, "X-Auto-Response-Suppress"), Some("All"), "{kind}");
        assert_eq!(header(mail, "To"), Some(mail.to.as_str()), "{kind}");
        assert!(ids.insert(header(mail, "Message-ID").unwrap().to_owned()), "{kind}: its own id");
        match header(mail, "References") {
            Some(thread) => drop(threads.insert(thread.to_owned())),
            None => assert_eq!(kind, "portal_link"),
        }
        for part in [&mail.text, &mail.html] {
            let named = part.contains(ticket.reference.as_str());
            assert!(named, "{kind} names the ticket: {part}");
        }
        assert!(!mail.html.contains("<img") && !mail.html.contains("url("), "{kind}");
        let opens = mail.text.contains("#token=");
        assert_eq!(opens, mail.to == ALICE, "{kind}: only the customer's mails open the portal");
    }
    assert_eq!(threads.len(), 1, "{threads:?}");
    let link = app.mailbox(ALICE).link();
    assert!(link.contains(&format!("/portal/tickets/{}#token=", ticket.reference)), "{link}");
    let to_dana = app.mailbox(DANA);
    let desk = format!("http://localhost:8080/admin/tickets/{}", ticket.reference);
    assert!(to_dana.0.iter().all(|mail| mail.text.contains(&desk)));
}

#[tokio::test]
async fn a_program_s_name_stays_with_staff() {
    let app = chatty().await;
    let shop = app.technician().await;
    let ticket = app.ticket(ALICE, "A broken camera").await;
    let path = format!("/api/v1/tickets/{}", ticket.reference);
    let note = json!({ "body": "We come.", "visibility": "public" });
    shop.post(&format!("{path}/notes"), &note).await.expect(201);
    shop.patch(&path, &json!({ "status": "in_progress" })).await.expect(200);
    shop.post(&format!("{path}/resolution"), &json!({ "text": "Done." })).await.expect(200);
    app.deliver().await;
    let mails = app.mailbox(ALICE);
    let mut kinds = mails.kinds();
    kinds.sort_unstable();
    assert_eq!(kinds, ["note_added", "status_changed", "ticket_resolved"]);
    for mail in &mails.0 {
        assert!(
            !mail.text.contains("the shop") && !mail.html.contains("the shop"),
            "{}",
            mail.text
        );
    }
}

#[tokio::test]
async fn captured_mails_are_shown_to_who_asks_this_machine_by_its_own_name() {
    let app = chatty().await;
    app.create(app.new_ticket(ALICE, "A camera")).await.unwrap();
    app.deliver().await;
    let page = format!("/dev/mailbox/{}", app.mailbox(ALICE).last().id);
    let pages = ["/dev/mailbox".to_owned(), format!("{page}/html"), page];
    for host in ["localhost:8080", "LOCALHOST", "127.0.0.1:8080", "127.1.2.3", "[::1]:8080"] {
        for page in &pages {
            app.anon().header("Host", host).get(page).await.expect(200);
        }
    }
    // A name that was made to lead here: what its pages may read is theirs.
    for host in [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example:8080",
        "localhost:8080@evil.example",
        "evil.example/localhost",
        "192.0.2.1:8080",
        "",
    ] {
        for page in &pages {
            let answer = app.anon().header("Host", host).get(page).await;
            assert_eq!(answer.status, 404, "{host} {page}");
        }
    }
}

#[tokio::test]
async fn hostile_names_make_no_header_and_no_link() {
    let app = TestApp::start().await;
    let technician = app.technician().await;
    let body = json!({
        "customer": { "email": ALICE, "name": "http://evil.example/\u{202e}Click www.evil.example" },
        "subject": "<b>Bold</b> https://evil.example \u{202e}gnp.exe Bcc: eve@example.com",
        "description": "x",
    });
    technician.post("/api/v1/tickets", &body).await.expect(201);
    app.deliver().await;
    let mail = app.mailbox(ALICE);
    let mail = mail.last();
    assert!(!mail.subject.contains(['\r', '\n', '\u{202e}']), "{}", mail.subject);
    assert!(header(mail, "Bcc").is_none());
    assert!(
        !mail.html.contains("href=\"https://evil") && !mail.html.contains("href=\"http://evil")
    );
    assert!(!mail.html.contains("<b>Bold"), "{}", mail.html);
}
