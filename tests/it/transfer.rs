//! What goes out comes in again: every line, every counter, on either engine. And what comes from
//! elsewhere fits, or is refused with the reason.

use std::sync::Arc;

use doorkey::config::Secret;
use doorkey::domain::entries::Visibility;
use doorkey::domain::staff::{self, Role};
use doorkey::domain::text;
use doorkey::domain::tickets::{Change, NewTicket, Priority, Status};
use doorkey::domain::transfer::{self, Assembler, Outcome, Remark, Tally};
use doorkey::error::{Error, LineError};
use doorkey::ids::Reference;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::desk::{email, to};
use crate::support::dump::difference;

const HEADER: &str = r#"{"type":"doorkey","version":1,"source":"old"}"#;

/// Every line that is written.
async fn export(app: &TestApp) -> String {
    let written = app.db.survey(|tx| {
        let mut text = String::new();
        transfer::export::<Error>(tx, &mut |line| {
            text.push_str(&serde_json::to_string(line).unwrap());
            text.push('\n');
            Ok(())
        })?;
        Ok::<_, Error>(text)
    });
    written.await.unwrap()
}

/// Imports these lines, or only looks at them. The mistakes of all lines are in the outcome.
async fn import_or_foresee(app: &TestApp, text: &str, only_foresee: bool) -> Outcome {
    let mut lines = text.lines();
    let mut assembler = Assembler::new(1, lines.next().unwrap(), None).unwrap();
    for (index, line) in lines.enumerate() {
        assembler.read(index as u64 + 2, line);
    }
    assembler.finish();
    let (mut bad, pieces) = (assembler.take_bad(), Arc::new(assembler.take_ready()));
    let source = assembler.source().to_owned();
    let mut outcome = if only_foresee {
        app.db.scan(move |tx| transfer::foresee(tx, &source, &pieces)).await.unwrap()
    } else {
        app.act(move |tx, _, now| transfer::import(tx, &source, &pieces, now)).await.unwrap()
    };
    bad.append(&mut outcome.bad);
    bad.sort_by_key(|error| error.line);
    Outcome { bad, ..outcome }
}

/// Imports lines of the system `old`; the header need not be said.
async fn import(app: &TestApp, lines: &[Value]) -> Outcome {
    import_or_foresee(app, &text(lines), false).await
}

fn text(lines: &[Value]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
    format!("{HEADER}\n{}", lines.concat())
}

async fn import_all(app: &TestApp, text: &str) -> Tally {
    let outcome = import_or_foresee(app, text, false).await;
    assert_eq!(outcome.bad, vec![], "every line is good");
    outcome.tally
}

/// An empty database on SQLite, whichever engine the tests run on.
async fn on_sqlite() -> (TestApp, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("other.db").display());
    (TestApp::with(move |config| config.database.url = Secret::new(url)).await, folder)
}

/// A text with everything in it that is not plain.
const ODD: &str = "Zoë said: “it’s 5\u{a0}°C” \\ \"quoted\" \u{2028}and \u{2029}then 👩‍👩‍👧 \u{202e}abc\u{202c} \
    e\u{301} \u{feff}x\n\n\tindented\n- العربية עברית 漢字 \u{1f468}\u{200d}\u{1f680} </script> \u{7ff}\u{fffd}";

/// A company in which everything has happened that can happen.
async fn company(app: &TestApp) {
    app.staff("dana@rfs.example", "Dana Réyes", Role::Technician).await;
    app.staff("gone@rfs.example", "Gone", Role::Admin).await;
    let gone = email("gone@rfs.example");
    app.act(move |tx, _, now| {
        staff::set_active(tx, &doorkey::domain::Actor::System, &gone, false, now)
    })
    .await
    .unwrap();
    let ana = app.customer("ana@example.com").await;
    app.sleep(5);
    let ben = app.customer_row("Ben.Ñ@Example.com").await;
    app.set_active(ben.id, false).await;
    let ticket = busy_ticket(app).await;
    app.reply(&ana, &ticket, ODD).await.unwrap();
    app.sleep(61);
    app.resolve(&ticket, ODD).await.unwrap();
    app.sleep(10);
    app.reply(&ana, &ticket, "Still broken.").await.unwrap();
    app.sleep(10);
    app.resolve(&ticket, "Now it works.").await.unwrap();
    app.change(&ticket, to(Status::Closed)).await.unwrap();
    let resolved = app.ticket("ben.ñ@example.com", "Second").await;
    app.resolve(&resolved.reference, "Done.").await.unwrap();
    for _ in 0..3 {
        app.ticket("ana@example.com", "Nobody has begun").await;
    }
}

/// One with more entries than are read at once.
async fn busy_ticket(app: &TestApp) -> Reference {
    let new = NewTicket {
        description: ODD.to_owned(),
        priority: Priority::Urgent,
        category: Some("CCTV".into()),
        assignee: Some(email("dana@rfs.example")),
        ..app.new_ticket("ana@example.com", "A 🎥 \u{202e}camera")
    };
    let ticket = app.create(new).await.unwrap().reference;
    for number in 0..120 {
        app.sleep(1);
        let visibility = Visibility::ALL[number % 2];
        app.note(&ticket, &format!("Note {number}"), visibility).await.unwrap();
    }
    app.change(&ticket, to(Status::InProgress)).await.unwrap();
    let unassigned = Change { assignee: Some(None), ..Change::default() };
    app.change(&ticket, unassigned).await.unwrap();
    ticket
}

/// What is computed of every ticket and customer, without ids.
async fn computed(app: &TestApp) -> Vec<String> {
    let text = |name: &str| format!("COALESCE(CAST(t.{name} AS TEXT), '-')");
    let columns = [
        "reference",
        "status",
        "priority",
        "category",
        "resolution",
        "resolved_at",
        "note_count",
        "created_at",
        "updated_at",
        "staff_at",
    ];
    let columns = columns.map(text).join(" || '|' || ");
    let last = "CASE WHEN t.customer_last THEN '|customer' ELSE '|staff' END";
    let tickets = format!("SELECT {columns} || {last} FROM tickets t ORDER BY reference");
    let searched = "SELECT t.reference || '|' || s.text || '|' || CASE WHEN s.is_public THEN 'p' ELSE 'i' END \
        FROM search_texts s JOIN tickets t ON t.id = s.ticket_id AND t.customer_id = s.customer_id \
        ORDER BY t.reference, s.entry_id";
    let counted = "SELECT c.email || '|' || n.status || '|' || CAST(n.tickets AS TEXT) \
        FROM ticket_counts n JOIN customers c ON c.id = n.customer_id WHERE n.tickets > 0 \
        ORDER BY c.email, n.status";
    let desk = "SELECT d.status || '|' || COALESCE(s.email, '-') || '|' || CAST(sum(d.tickets) AS TEXT) \
        FROM desk_counts d LEFT JOIN staff s ON s.id = d.assignee_id \
        GROUP BY d.status, s.email HAVING sum(d.tickets) <> 0 ORDER BY d.status, s.email";
    let found = "SELECT email || '|' || search FROM customers ORDER BY email";
    let mut all: Vec<String> = Vec::new();
    let words = "SELECT t.reference || w.words FROM ticket_words w \
        JOIN tickets t ON t.id = w.ticket_id ORDER BY t.reference";
    for query in [tickets.as_str(), searched, counted, desk, words, found] {
        all.extend(app.column::<String>(query).await);
    }
    all
}

#[tokio::test]
async fn an_export_imported_elsewhere_exports_the_same() {
    let app = TestApp::start().await;
    company(&app).await;
    let lines = export(&app).await;
    assert!(
        lines.starts_with("{\"type\":\"doorkey\",\"version\":1}\n{\"type\":\"staff\""),
        "{lines}"
    );
    let last = lines.lines().last().unwrap();
    assert!(last.starts_with(r#"{"type":"end","staff":2,"customers":2,"tickets":5,"#), "{last}");
    let (other, _folder) = on_sqlite().await;
    for copy in [TestApp::start().await, other] {
        copy.sleep_days(3);
        let tally = import_all(&copy, &lines).await;
        assert_eq!((tally.staff, tally.customers, tally.tickets), (2, 2, 5));
        assert_eq!(export(&copy).await, lines);
        assert_eq!(computed(&copy).await, computed(&app).await);
        let sent = copy.number(
            "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM links) \
                 + (SELECT count(*) FROM event_inbox)",
        );
        assert_eq!(sent.await, 0, "nobody is mailed or told, no link is made");
        let before = copy.dump().await;
        copy.sleep(60);
        let again = import_all(&copy, &lines).await;
        let known =
            Tally { known_staff: 2, known_customers: 2, known_tickets: 5, ..Tally::default() };
        assert_eq!(again, known);
        let after = copy.dump().await;
        assert_eq!(before, after, "{}", difference(&before, &after));
    }
}

#[tokio::test]
async fn a_database_that_is_given_its_own_export_stays_as_it_is() {
    let app = TestApp::start().await;
    company(&app).await;
    let (lines, mut before) = (export(&app).await, app.dump().await);
    let tally = import_all(&app, &lines).await;
    assert_eq!((tally.tickets, tally.known_tickets, tally.entries), (0, 5, 0));
    let mut after = app.dump().await;
    // Who is known by which id is remembered.
    assert_eq!(
        (before.remove("imports").unwrap().len(), after.remove("imports").unwrap().len()),
        (0, 4)
    );
    assert_eq!(before, after, "{}", difference(&before, &after));
}

#[tokio::test]
async fn a_customer_sees_in_the_copy_what_they_saw() {
    let app = TestApp::start().await;
    company(&app).await;
    let copy = TestApp::start().await;
    import_all(&copy, &export(&app).await).await;
    for reference in app.column::<String>("SELECT reference FROM tickets").await {
        let reference = Reference::parse(&reference).unwrap();
        let whose = app.see(&reference).await.customer.email.to_string();
        if whose != "ana@example.com" {
            continue;
        }
        let seen = |detail: doorkey::domain::tickets::Detail| {
            let entries = detail.timeline.into_iter();
            let entries: Vec<_> =
                entries.map(|it| (it.kind, it.at, it.by, it.author, it.body)).collect();
            (detail.summary, detail.description, detail.resolution, entries)
        };
        let here = app.detail(&app.customer(&whose).await, &reference).await.unwrap();
        let there = copy.detail(&copy.customer(&whose).await, &reference).await.unwrap();
        assert_eq!(seen(there), seen(here));
    }
    let unread = "SELECT count(*) FROM tickets t LEFT JOIN ticket_reads r ON r.ticket_id = t.id \
        WHERE t.staff_at > COALESCE(r.read_at, 0)";
    assert_eq!(copy.number(unread).await, 0, "what was imported is no news");
}

fn staff() -> Value {
    json!({ "type": "staff", "id": "7", "email": "dana@rfs.example", "name": "Dana", "role": "technician" })
}

fn customer() -> Value {
    json!({ "type": "customer", "id": "3", "email": "ana@example.com", "name": "Ana", "active": 1 })
}

fn ticket(id: &str, status: &str) -> Value {
    json!({
        "type": "ticket", "id": id, "customer": "3", "subject": format!("Old {id}"),
        "description": "It beeps.", "status": status, "created_at": "2019-03-01T08:00:00Z",
        "reference": null,
    })
}

/// A public note by Dana, some minutes after nine.
fn note(ticket: &str, id: &str, minute: u32) -> Value {
    json!({
        "type": "entry", "ticket": ticket, "id": id, "kind": "note", "visibility": "public",
        "at": format!("2019-03-01T09:{minute:02}:00Z"), "by": "staff", "staff": "7", "body": format!("Note {id}"),
    })
}

fn with(mut line: Value, change: &Value) -> Value {
    for (name, value) in change.as_object().unwrap() {
        line[name] = value.clone();
    }
    line
}

/// The reference of the ticket that was drawn for `id`.
fn drawn(outcome: &Outcome, id: &str) -> Reference {
    let drawn = outcome.remarks.iter().find_map(|remark| match remark {
        Remark::Reference { ticket, reference } if ticket == id => reference.clone(),
        _ => None,
    });
    drawn.expect("a reference was drawn")
}

fn told(bad: &[LineError]) -> Vec<String> {
    bad.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_file_that_has_grown_adds_what_is_new() {
    let app = TestApp::start().await;
    let first = [staff(), customer(), ticket("a", "open"), note("a", "n1", 1), ticket("b", "open")];
    let outcome = import(&app, &first).await;
    assert_eq!((outcome.tally.tickets, outcome.tally.entries, outcome.bad.len()), (2, 1, 0));
    let reference = drawn(&outcome, "a");
    let grown = [
        staff(),
        customer(),
        with(customer(), &json!({ "id": "4", "email": "ben@example.com" })),
        with(
            ticket("a", "closed"),
            &json!({ "subject": "Renamed", "priority": "high", "assignee": "7" }),
        ),
        note("a", "n1", 1),
        note("a", "n2", 2),
        ticket("b", "open"),
        ticket("c", "in_progress"),
    ];
    let (outcome, foreseen) = {
        let foreseen = import_or_foresee(&app, &text(&grown), true).await;
        (import(&app, &grown).await, foreseen)
    };
    let expected = Tally {
        known_staff: 1,
        customers: 1,
        known_customers: 1,
        tickets: 1,
        grown_tickets: 1,
        known_tickets: 1,
        entries: 1,
        ..Tally::default()
    };
    assert_eq!((outcome.tally, foreseen.tally), (expected, expected));
    let ticket = app.see(&reference).await;
    assert_eq!(
        (&*ticket.subject, ticket.priority, ticket.status),
        ("Renamed", Priority::High, Status::Closed)
    );
    assert_eq!((ticket.note_count, ticket.assignee.unwrap().name), (2, "Dana".to_owned()));
    let bodies: Vec<_> =
        app.timeline(&reference).await.into_iter().map(|entry| entry.body).collect();
    assert_eq!(bodies, [None, Some("Note n1".into()), Some("Note n2".into()), None]);
    let counts: Vec<String> =
        computed(&app).await.into_iter().filter(|it| it.starts_with("ana@example.com|")).collect();
    assert_eq!(
        counts[..3],
        ["ana@example.com|closed|1", "ana@example.com|in_progress|1", "ana@example.com|open|1"]
    );
    let found = app.column::<String>("SELECT text FROM search_texts WHERE entry_id = 0").await;
    assert!(found.iter().any(|text| text.contains("renamed")), "{found:?}");
}

#[tokio::test]
async fn a_ticket_that_was_worked_on_here_stays_as_it_is() {
    let app = TestApp::start().await;
    let lines = [staff(), customer(), ticket("a", "open"), note("a", "n1", 1)];
    let reference = drawn(&import(&app, &lines).await, "a");
    app.note(&reference, "Ours", Visibility::Internal).await.unwrap();
    let before = app.dump().await;
    let same = import(&app, &lines).await;
    assert_eq!((same.tally.known_tickets, same.remarks), (1, vec![]));
    let grown =
        [staff(), customer(), ticket("a", "closed"), note("a", "n1", 1), note("a", "n2", 2)];
    let outcome = import(&app, &grown).await;
    assert_eq!(outcome.remarks, [Remark::Kept { ticket: "a".into(), reference }]);
    assert_eq!((outcome.tally.kept_tickets, outcome.tally.entries), (1, 0));
    assert_eq!(before, app.dump().await);
    let shrunk = import(&app, &[staff(), customer(), ticket("a", "open")]).await;
    let why = told(&shrunk.bad);
    assert!(why[0].starts_with("line 4, id: Its last entry that was imported before"), "{why:?}");
}

#[tokio::test]
async fn a_reference_is_kept_when_it_is_free_and_drawn_anew_when_it_is_not() {
    let app = TestApp::start().await;
    let taken = app.ticket("ben@example.com", "Ours").await.reference;
    let named =
        |id: &str, reference: &str| with(ticket(id, "open"), &json!({ "reference": reference }));
    let lines = [customer(), named("a", "tkt-oldoid"), named("b", taken.as_str())];
    let foreseen = import_or_foresee(&app, &text(&lines), true).await;
    assert_eq!(foreseen.remarks, [Remark::Reference { ticket: "b".into(), reference: None }]);
    let outcome = import(&app, &lines).await;
    let new = drawn(&outcome, "b");
    assert_eq!(outcome.remarks.len(), 1, "the other kept its own");
    assert_ne!(new, taken);
    assert_eq!(app.see(&Reference::parse("TKT-01D01D").unwrap()).await.subject, "Old a");
    assert_eq!(
        (app.see(&new).await.subject, app.see(&taken).await.subject),
        ("Old b".into(), "Ours".into())
    );
}

#[tokio::test]
async fn statuses_that_no_entry_tells_are_added_to_the_timeline() {
    let app = TestApp::start().await;
    let at = "2019-03-02T00:00:00Z";
    let outcome = import(&app, &[
        customer(),
        ticket("working", "in_progress"),
        with(ticket("done", "resolved"), &json!({ "resolution": "Replaced.", "status_at": at })),
        with(ticket("over", "closed"), &json!({ "resolution": "Replaced." })),
        ticket("gone", "closed"),
        ticket("silent", "resolved"),
        ticket("told", "closed"),
        json!({ "type": "entry", "ticket": "told", "id": "1", "kind": "resolution", "at": at, "by": "system",
                "body": "Told.", "from": "open", "to": "resolved" }),
    ]).await;
    let why = told(&outcome.bad);
    assert_eq!(why.len(), 1, "{why:?}");
    assert!(
        why[0].starts_with("line 7, resolution: A resolved ticket has a resolution"),
        "{why:?}"
    );
    let mut timelines = Vec::new();
    for id in ["working", "done", "over", "gone", "told"] {
        let reference = drawn(&outcome, id);
        let entries = app.timeline(&reference).await;
        let moves: Vec<_> =
            entries.iter().filter_map(|it| Some((it.from?.as_str(), it.to?.as_str()))).collect();
        timelines.push((moves, app.see(&reference).await.resolution));
    }
    let resolved = ("open", "resolved");
    let closed = ("resolved", "closed");
    assert_eq!(
        timelines,
        [
            (vec![("open", "in_progress")], None),
            (vec![resolved], Some("Replaced.".to_owned())),
            (vec![resolved, closed], Some("Replaced.".to_owned())),
            (vec![("open", "closed")], None),
            (vec![resolved, closed], Some("Told.".to_owned())),
        ]
    );
    let done = app.see(&drawn(&outcome, "done")).await;
    assert_eq!(done.resolved_at.unwrap().rfc3339(), "2019-03-02T00:00:00.000Z");
    let lines = export(&app).await;
    let copy = TestApp::start().await;
    import_all(&copy, &lines).await;
    assert_eq!(export(&copy).await, lines, "what was added is told from now on");
}

#[tokio::test]
async fn every_bad_line_is_named_and_its_ticket_left_out_whole() {
    let app = TestApp::start().await;
    let reply = json!({ "kind": "reply", "by": "customer", "staff": null });
    let lines = [
        staff(),                                                                      // 2
        customer(),                                                                   // 3
        with(customer(), &json!({ "id": "3" })),                                      // 4: twice
        with(customer(), &json!({ "id": "5", "email": "nobody", "phone": "\u{0}" })), // 5
        ticket("good", "open"),                                                       // 6
        note("good", "1", 1),                                                         // 7
        ticket("hidden", "open"),                                                     // 8
        with(note("hidden", "1", 1), &json!({ "visibility": null })),                 // 9
        note("hidden", "2", 2),  // 10: passed over
        ticket("twice", "open"), // 11
        note("twice", "1", 1),   // 12
        note("twice", "1", 2),   // 13
        with(ticket("stranger", "open"), &json!({ "customer": "5" })), // 14
        with(note("stranger", "1", 1), &json!({ "staff": "8" })), // 15
        note("lost", "1", 1),    // 16
        ticket("order", "open"), // 17
        with(
            note("order", "1", 1),
            &json!({ "kind": "status_changed", "body": null,
            "visibility": null, "from": "in_progress", "to": "closed" }),
        ), // 18
        ticket("reply", "open"), // 19
        with(note("reply", "1", 1), &with(reply, &json!({ "by": "staff", "staff": "7" }))), // 20
        with(
            ticket("bad", "waiting"),
            &json!({ "created_at": "yesterday", "subject": "",
            "reference": "482913", "priority": "asap" }),
        ), // 21
        json!({ "type": "customer", "id": "6", "email": "c@example.com", "fax": "1" }), // 22
        json!({ "type": "invoice" }), // 23
        ticket("alsogood", "open"), // 24
    ];
    let mut file = text(&lines);
    file.push_str("{\"type\":\"ticket\",\n");
    let foreseen = import_or_foresee(&app, &file, true).await;
    assert_eq!(app.number("SELECT count(*) FROM customers").await, 0);
    let outcome = import_or_foresee(&app, &file, false).await;
    assert_eq!((&foreseen.bad, foreseen.tally), (&outcome.bad, outcome.tally));
    assert_eq!((outcome.tally.tickets, outcome.tally.entries, outcome.tally.customers), (1, 1, 1));
    let expected = [
        "line 4, id: The customer of this id stands on line 3 already.",
        "line 5, email: This does not look like an e-mail address, such as name@example.com.",
        "line 5, phone: The text contains the control character U+0000, which cannot be shown. Please remove it.",
        "line 9, visibility: A note is public or internal: please say which.",
        "line 13, id: Another entry of this ticket has this id.",
        "line 14, customer: No customer of this id stands on a good line before, or was imported before.",
        "line 15, staff: Nobody of the staff of this id stands on a good line before, or was imported before.",
        "line 16, ticket: The line of its ticket must stand before it, with nothing but other entries of that ticket between.",
        "line 18, from: Before this entry the ticket was open, not in_progress.",
        "line 20, by: A reply is the customer's; what others write is a note.",
        "line 21, reference: This is not a ticket's reference, such as TKT-7K3M9Q. Leave it out, and one is drawn.",
        "line 21, subject: Please write something here.",
        "line 21, priority: This is not one of: low, medium, high, urgent.",
        "line 21, status: This is not one of: open, in_progress, resolved, closed.",
        "line 21, created_at: This is not a time such as 2026-11-12T09:14:00.000Z (RFC 3339).",
        "line 22: This is not as docs/EXPORT.md describes it: unknown field `fax`, expected one of `id`, `email`, `name`, `phone`, `company`, `notes`, `active`, `created_at`.",
        "line 23: This is not as docs/EXPORT.md describes it: unknown variant `invoice`, expected one of `doorkey`, `setting`, `staff`, `customer`, `ticket`, `entry`, `end`.",
        "line 25: This is not JSON: EOF while parsing a value, at byte 17.",
    ];
    assert_eq!(told(&outcome.bad), expected);
    // The line that is cut may have been the last ticket's entry, so that one waits for the mended file.
    assert_eq!(app.column::<String>("SELECT subject FROM tickets").await, ["Old good"]);
    let mended = import(
        &app,
        &[
            staff(),
            customer(),
            ticket("good", "open"),
            note("good", "1", 1),
            ticket("hidden", "open"),
            note("hidden", "1", 1),
            ticket("alsogood", "open"),
        ],
    )
    .await;
    assert_eq!((mended.tally.tickets, mended.tally.known_tickets, mended.bad.len()), (2, 1, 0));
}

#[tokio::test]
async fn a_file_that_is_cut_short_is_told_by_its_last_line() {
    let app = TestApp::start().await;
    company(&app).await;
    let lines = export(&app).await;
    let all: Vec<&str> = lines.lines().collect();
    let without_one: Vec<&str> = [&all[..20], &all[21..]].concat();
    let copy = TestApp::start().await;
    let why = told(&import_or_foresee(&copy, &without_one.join("\n"), true).await.bad);
    assert!(why[0].contains("The file is not whole."), "{why:?}");
    let more = format!("{lines}{}\n", customer());
    let why = told(&import_or_foresee(&copy, &more, true).await.bad);
    assert!(why[0].contains("said that it was the last"), "{why:?}");
    for (header, reason) in
        [("{}", "The first line says"), (r#"{"type":"doorkey","version":2}"#, "version 2")]
    {
        let error = Assembler::new(1, header, None).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[tokio::test]
async fn ids_of_imported_entries_do_not_betray_what_lies_between() {
    let app = TestApp::start().await;
    let mut lines = vec![staff(), customer(), ticket("a", "open")];
    for number in 0..50 {
        lines.push(with(
            note("a", &number.to_string(), 1),
            &json!({ "visibility": (["public", "internal"][number % 2]) }),
        ));
    }
    let reference = drawn(&import(&app, &lines).await, "a");
    let ids: Vec<i64> = app.timeline(&reference).await.iter().map(|entry| entry.id).collect();
    let counted_on = ids.windows(2).filter(|pair| pair[1] - pair[0] == 1).count();
    assert!(ids.is_sorted() && counted_on < 5, "{counted_on}: {ids:?}");
    app.note(&reference, "Later", Visibility::Public).await.unwrap();
    assert_eq!(app.timeline(&reference).await.last().unwrap().body.as_deref(), Some("Later"));
}

#[tokio::test]
async fn any_text_survives() {
    let mut runner = TestRunner::deterministic();
    let mut texts = Vec::new();
    while texts.len() < 200 {
        let any = proptest::collection::vec(proptest::char::any(), 1..60);
        let drawn: String = any.new_tree(&mut runner).unwrap().current().into_iter().collect();
        texts.extend(text::parse("body", &drawn, text::DESCRIPTION).ok());
    }
    texts.push("😀".repeat(20_000));
    texts.push(ODD.to_owned());
    let mut lines = vec![staff(), customer(), ticket("a", "open")];
    for (number, body) in texts.iter().enumerate() {
        lines.push(with(note("a", &number.to_string(), 1), &json!({ "body": body })));
    }
    let app = TestApp::start().await;
    let outcome = import(&app, &lines).await;
    assert_eq!(outcome.bad, vec![]);
    let exported = export(&app).await;
    let bodies: Vec<String> = exported
        .split('\n')
        .filter(|line| line.contains("\"kind\":\"note\""))
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["body"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(bodies, texts);
}
