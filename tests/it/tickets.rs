//! The rules of tickets, asked directly: what may become what, what is counted, what moves and
//! what must not.

use std::collections::BTreeMap;
use std::time::Duration;

use doorkey::clock::Millis;
use doorkey::domain::entries::{Kind, Visibility};
use doorkey::domain::staff::Role;
use doorkey::domain::tickets::{self, Change, ListFilter, NewTicket, Priority, Status, Ticket};
use doorkey::domain::{staff, uses::Uses};
use doorkey::error::{Error, FieldCode};
use doorkey::ids::Reference;
use doorkey::jobs;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::TestApp;
use crate::support::client::Client;
use crate::support::desk::somebody;
use crate::support::desk::{email, to};

const ALICE: &str = "alice@example.com";

/// A ticket of Alice's, brought to `status`.
async fn ticket_in(app: &TestApp, status: Status) -> Ticket {
    let ticket = app.ticket(ALICE, "A broken camera").await;
    match status {
        Status::Open => ticket,
        Status::Resolved => app.resolve(&ticket.reference, "Changed the camera.").await.unwrap(),
        other => app.change(&ticket.reference, to(other)).await.unwrap(),
    }
}

/// The table of the rules, written out once more: what each status may become.
const TABLE: [(Status, &[Status]); 4] = [
    (Status::Open, &[Status::InProgress, Status::Resolved, Status::Closed]),
    (Status::InProgress, &[Status::Open, Status::Resolved, Status::Closed]),
    (Status::Resolved, &[Status::Open, Status::InProgress, Status::Closed]),
    (Status::Closed, &[Status::Open, Status::InProgress]),
];

#[tokio::test]
async fn every_pair_of_statuses_is_allowed_or_refused_as_the_table_says() {
    let app = TestApp::start().await;
    app.customer_row(ALICE).await;
    for (from, allowed) in TABLE {
        for wanted in Status::ALL {
            let ticket = ticket_in(&app, from).await;
            let before = (ticket.clone(), app.timeline(&ticket.reference).await);
            let outcome = match wanted {
                Status::Resolved => app.resolve(&ticket.reference, "Done.").await,
                other => app.change(&ticket.reference, to(other)).await,
            };
            let name = format!("{from:?} to {wanted:?}");
            if allowed.contains(&wanted) {
                assert_eq!(outcome.unwrap().status, wanted, "{name}");
                let newest = app.timeline(&ticket.reference).await.pop().unwrap();
                assert_eq!((newest.from, newest.to), (Some(from), Some(wanted)), "{name}");
                continue;
            }
            match outcome {
                // To ask for what is already so is no change.
                Ok(same) if from == wanted => assert_eq!(same, before.0, "{name}"),
                Err(Error::TransitionRefused { from: f, to: t }) => {
                    assert_eq!((f, t), (from, wanted), "{name}");
                }
                other => panic!("{name}: {other:?}"),
            }
            let after = (app.see(&ticket.reference).await, app.timeline(&ticket.reference).await);
            assert_eq!(after, before, "{name}: a refusal changes nothing");
        }
    }
}

#[tokio::test]
async fn to_resolve_takes_a_text() {
    let app = TestApp::start().await;
    let ticket = app.ticket(ALICE, "A broken camera").await;
    let refused = app.change(&ticket.reference, to(Status::Resolved)).await.unwrap_err();
    let Error::Invalid(errors) = refused else { panic!("{refused:?}") };
    assert_eq!((errors[0].field.as_str(), errors[0].code), ("status", FieldCode::Required));
    let resolved = app.resolve(&ticket.reference, "A new cable.").await.unwrap();
    assert_eq!(resolved.resolution.as_deref(), Some("A new cable."));
    let entry = app.timeline(&ticket.reference).await.pop().unwrap();
    assert_eq!((entry.kind, entry.body.as_deref()), (Kind::Resolution, Some("A new cable.")));
}

#[tokio::test]
async fn reopening_clears_the_resolution_and_the_timeline_keeps_it() {
    let app = TestApp::start().await;
    for wanted in [Status::Open, Status::InProgress] {
        let ticket = ticket_in(&app, Status::Resolved).await;
        let reopened = app.change(&ticket.reference, to(wanted)).await.unwrap();
        assert_eq!((reopened.resolution, reopened.resolved_at), (None, None));
        let texts = app.timeline(&ticket.reference).await;
        assert!(texts.iter().any(|entry| entry.body.as_deref() == Some("Changed the camera.")));
    }
    let closed = ticket_in(&app, Status::Resolved).await;
    let closed = app.change(&closed.reference, to(Status::Closed)).await.unwrap();
    assert_eq!(closed.resolution.as_deref(), Some("Changed the camera."), "closing keeps it");
}

#[tokio::test]
async fn a_reply_reopens_what_is_resolved() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    let ticket = ticket_in(&app, Status::Resolved).await;
    app.reply(&alice, &ticket.reference, "It is back.").await.unwrap();
    let now = app.see(&ticket.reference).await;
    assert_eq!((now.status, now.resolution), (Status::Open, None));
    let kinds: Vec<Kind> = app.timeline(&ticket.reference).await.iter().map(|it| it.kind).collect();
    let wanted = [Kind::Created, Kind::Resolution, Kind::Reply, Kind::StatusChanged];
    assert_eq!(kinds, wanted, "the reply comes before what it set off");
}

#[tokio::test]
async fn a_reply_reopens_nothing_where_that_is_off() {
    let app = TestApp::with(|config| config.tickets.reopen_on_reply = false).await;
    let alice = app.customer(ALICE).await;
    let ticket = ticket_in(&app, Status::Resolved).await;
    app.reply(&alice, &ticket.reference, "It is back.").await.unwrap();
    let now = app.see(&ticket.reference).await;
    assert_eq!((now.status, now.note_count), (Status::Resolved, 1));
    assert!(now.resolution.is_some());
}

#[tokio::test]
async fn a_reply_moves_nothing_else_and_a_closed_ticket_takes_none() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    for status in [Status::Open, Status::InProgress] {
        let ticket = ticket_in(&app, status).await;
        app.reply(&alice, &ticket.reference, "Any news?").await.unwrap();
        assert_eq!(app.see(&ticket.reference).await.status, status);
    }
    let ticket = ticket_in(&app, Status::Closed).await;
    let before = app.dump().await;
    let refused = app.reply(&alice, &ticket.reference, "Any news?").await;
    assert!(matches!(refused, Err(Error::TicketClosed)), "{refused:?}");
    assert_eq!(app.dump().await, before);
}

#[tokio::test]
async fn a_reply_and_a_closing_at_once_leave_no_reply_after_the_end() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    for _ in 0..20 {
        let ticket = ticket_in(&app, Status::Open).await;
        let (closed, replied) = tokio::join!(
            app.change(&ticket.reference, to(Status::Closed)),
            app.reply(&alice, &ticket.reference, "Wait!"),
        );
        closed.unwrap();
        let timeline = app.timeline(&ticket.reference).await;
        let kinds: Vec<Kind> = timeline.iter().map(|entry| entry.kind).collect();
        match replied {
            Ok(_) => assert_eq!(kinds, [Kind::Created, Kind::Reply, Kind::StatusChanged]),
            Err(Error::TicketClosed) => assert_eq!(kinds, [Kind::Created, Kind::StatusChanged]),
            Err(other) => panic!("{other:?}"),
        }
        assert_eq!(app.see(&ticket.reference).await.status, Status::Closed);
    }
}

#[tokio::test]
async fn resolved_tickets_close_by_themselves_to_the_second() {
    let app = TestApp::start().await;
    let ticket = ticket_in(&app, Status::Resolved).await;
    let other = ticket_in(&app, Status::Open).await;
    app.clock.advance(Duration::from_secs(14 * 86_400 - 1));
    jobs::tidy::close(&app).await.unwrap();
    assert_eq!(app.see(&ticket.reference).await.status, Status::Resolved);
    app.sleep(1);
    jobs::tidy::close(&app).await.unwrap();
    app.deliver().await;
    let closed = app.see(&ticket.reference).await;
    assert_eq!((closed.status, closed.resolved_at), (Status::Closed, None));
    assert_eq!(app.see(&other.reference).await.status, Status::Open);
    assert!(!app.mailbox(ALICE).kinds().contains(&"status_changed"), "without a word");
}

#[tokio::test]
async fn a_reply_starts_the_days_anew_and_closing_many_takes_several_turns() {
    let app = TestApp::with(|config| config.tickets.auto_close_days = 1).await;
    let alice = app.customer(ALICE).await;
    let back = ticket_in(&app, Status::Resolved).await;
    app.reply(&alice, &back.reference, "It is back.").await.unwrap();
    for _ in 0..51 {
        ticket_in(&app, Status::Resolved).await;
    }
    app.sleep_days(1);
    let mut turns = 1;
    while jobs::tidy::close(&app).await.unwrap() {
        turns += 1;
    }
    assert_eq!(turns, 2);
    assert_eq!(app.number("SELECT COUNT(*) FROM tickets WHERE status = 'closed'").await, 51);
    assert_eq!(app.see(&back.reference).await.status, Status::Open);
}

#[tokio::test]
async fn zero_days_close_nothing_ever() {
    let app = TestApp::with(|config| config.tickets.auto_close_days = 0).await;
    let ticket = ticket_in(&app, Status::Resolved).await;
    app.sleep_days(4_000);
    jobs::tidy::close(&app).await.unwrap();
    assert_eq!(app.see(&ticket.reference).await.status, Status::Resolved);
}

#[tokio::test]
async fn an_internal_note_betrays_itself_nowhere() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    let ticket = app.ticket(ALICE, "A broken camera").await;
    let seen = app.detail(&alice, &ticket.reference).await.unwrap();
    let listed = list(&app, &alice, "").await;
    app.sleep(60);
    app.note(&ticket.reference, "They never pay.", Visibility::Internal).await.unwrap();
    let dana = app.staff("dana@rfs.example", "Dana", Role::Technician).await;
    assert_eq!(app.detail(&alice, &ticket.reference).await.unwrap(), seen, "version included");
    assert_eq!(list(&app, &alice, "").await, listed);
    assert!(list(&app, &alice, "never").await.is_empty(), "a search finds no internal note");
    let now = app.see(&ticket.reference).await;
    let unmoved = (now.note_count, now.updated_at, now.staff_at, now.version);
    assert_eq!(unmoved, (0, ticket.updated_at, ticket.staff_at, ticket.version));
    // To be assigned is internal as well; the customer sees only who it is.
    let assign = Change { assignee: Some(Some(dana.email)), ..Change::default() };
    app.change(&ticket.reference, assign).await.unwrap();
    let after = app.detail(&alice, &ticket.reference).await.unwrap();
    assert_eq!(after.timeline, seen.timeline);
    assert_eq!(after.summary.updated_at, seen.summary.updated_at);
    assert_eq!(after.summary.assigned_to.as_deref(), Some("Dana"));
    assert!(!after.summary.unread);
    assert_ne!(after.version, seen.version, "an open page shows the new name");
}

#[tokio::test]
async fn public_notes_and_replies_are_counted_and_move_the_last_update() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    let ticket = app.ticket(ALICE, "A broken camera").await;
    for wanted in 1..=3 {
        app.sleep(60);
        app.note(&ticket.reference, "We come on Monday.", Visibility::Public).await.unwrap();
        app.note(&ticket.reference, "Or Tuesday.", Visibility::Internal).await.unwrap();
        let now = app.see(&ticket.reference).await;
        assert_eq!((now.note_count, now.updated_at), (wanted * 2 - 1, app.now()));
        app.reply(&alice, &ticket.reference, "Good.").await.unwrap();
        assert_eq!(app.see(&ticket.reference).await.note_count, wanted * 2);
    }
    app.sleep(60);
    app.resolve(&ticket.reference, "Done.").await.unwrap();
    let now = app.see(&ticket.reference).await;
    assert_eq!((now.note_count, now.updated_at), (6, app.now()), "a resolution is no note");
}

#[tokio::test]
async fn the_timeline_keeps_its_order_when_the_clock_is_set_back() {
    let app = TestApp::start().await;
    let ticket = app.ticket(ALICE, "A broken camera").await;
    let updated_at = app.see(&ticket.reference).await.updated_at;
    let mut bodies = Vec::new();
    for (number, shift) in [0, -86_400_000, 5, -3_600_000, 86_400_000, -1].iter().enumerate() {
        app.set_clock(Millis(app.now().0 + shift));
        let body = format!("note {number}");
        app.note(&ticket.reference, &body, Visibility::Public).await.unwrap();
        bodies.push(Some(body));
    }
    let entries = app.timeline(&ticket.reference).await;
    let written: Vec<_> = entries[1..].iter().map(|entry| entry.body.clone()).collect();
    assert_eq!(written, bodies);
    assert!(entries.is_sorted_by(|a, b| a.id < b.id));
    assert!(app.see(&ticket.reference).await.updated_at >= updated_at, "never runs backwards");
}

#[tokio::test]
async fn ids_of_entries_tell_nothing_of_those_between_them() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    // Two timelines look alike to their customer; one has 30 internal notes in its middle.
    let mut gaps = Vec::new();
    for internal in [0, 30] {
        let ticket = app.ticket(ALICE, "A broken camera").await;
        app.note(&ticket.reference, "one", Visibility::Public).await.unwrap();
        for _ in 0..internal {
            app.sleep(1);
            app.note(&ticket.reference, "hidden", Visibility::Internal).await.unwrap();
        }
        app.sleep(60 - internal);
        app.note(&ticket.reference, "two", Visibility::Public).await.unwrap();
        let detail = app.detail(&alice, &ticket.reference).await.unwrap();
        assert_eq!(detail.timeline.len(), 3);
        // What is left of an id without its time is noise, never a count of what was skipped.
        gaps.push(detail.timeline[2].id - detail.timeline[1].id);
    }
    let minute = 60_000 << 22;
    for gap in gaps {
        assert!((gap - minute).abs() < 1 << 23, "{gap} is a minute and noise");
    }
}

async fn list(app: &TestApp, client: &Client, query: &str) -> Vec<tickets::Summary> {
    let viewer = app.viewer(client).await;
    let filter =
        ListFilter { status: None, query: Some(query.to_owned()), cursor: None, limit: 100 };
    let page = app.db.read(move |tx| tickets::list_for_customer(tx, &viewer, &filter)).await;
    page.map_err(|error: Error| error).unwrap().items
}

#[tokio::test]
async fn what_staff_did_since_the_last_visit_is_marked_and_what_i_did_is_not() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    let ticket = app.ticket(ALICE, "A broken camera").await;
    let unread = async || list(&app, &alice, "").await[0].unread;
    let look = async || {
        app.sleep(60);
        let viewer = app.viewer(&alice).await;
        app.uses.ticket_seen(&viewer, ticket.id, app.now());
        app.write_uses().await;
        app.sleep(60);
    };
    look().await;
    assert!(!unread().await);
    app.reply(&alice, &ticket.reference, "My own words.").await.unwrap();
    app.note(&ticket.reference, "Hidden.", Visibility::Internal).await.unwrap();
    assert!(!unread().await);
    app.note(&ticket.reference, "For you.", Visibility::Public).await.unwrap();
    assert!(unread().await);
    look().await;
    assert!(!unread().await);
    app.change(&ticket.reference, to(Status::InProgress)).await.unwrap();
    assert!(unread().await);
    look().await;
    app.resolve(&ticket.reference, "Done.").await.unwrap();
    assert!(unread().await);
    // An older opening, written late, takes nothing back.
    look().await;
    let viewer = app.viewer(&alice).await;
    app.uses.ticket_seen(&viewer, ticket.id, ticket.created_at);
    app.write_uses().await;
    assert!(!unread().await);
    assert!(Uses::default().take().is_none());
}

#[tokio::test]
async fn categories_and_assignees_are_those_that_are_there() {
    let app = TestApp::with(|config| config.tickets.categories = vec!["Alarm".into()]).await;
    let base = app.new_ticket(ALICE, "A broken camera");
    let with = |category: Option<&str>, assignee: Option<&str>| NewTicket {
        category: category.map(Into::into),
        assignee: assignee.map(email),
        ..base.clone()
    };
    app.staff("dana@rfs.example", "Dana", Role::Technician).await;
    app.staff("gone@rfs.example", "Gone", Role::Technician).await;
    let gone = email("gone@rfs.example");
    app.act(move |tx, _, now| staff::set_active(tx, &somebody(), &gone, false, now)).await.unwrap();
    let before = app.dump().await;
    for (category, assignee, field) in [
        (Some("CCTV"), None, "category"),
        (Some("alarm"), None, "category"),
        (Some(""), None, "category"),
        (None, Some("nobody@rfs.example"), "assignee"),
        (None, Some("gone@rfs.example"), "assignee"),
        (None, Some(ALICE), "assignee"),
    ] {
        let refused = app.create(with(category, assignee)).await.unwrap_err();
        let Error::Invalid(errors) = refused else { panic!("{refused:?}") };
        assert_eq!((errors[0].field.as_str(), errors[0].code), (field, FieldCode::UnknownValue));
        assert_eq!(app.dump().await, before, "not even the customer was created");
    }
    let made = app.create(with(Some("Alarm"), Some("DANA@rfs.example"))).await.unwrap();
    assert_eq!(made.assignee.as_ref().unwrap().name, "Dana");
    let off = Change { category: Some(None), assignee: Some(None), ..Change::default() };
    let changed = app.change(&made.reference, off).await.unwrap();
    assert_eq!((changed.category, changed.assignee), (None, None));
    let unknown = Change { category: Some(Some("CCTV".into())), ..Change::default() };
    let refused = app.change(&made.reference, unknown).await.unwrap_err();
    assert!(matches!(&refused, Error::Invalid(errors) if errors[0].field == "category"));
}

#[tokio::test]
async fn who_leaves_the_staff_keeps_their_tickets_and_gets_no_new_ones() {
    let app = TestApp::start().await;
    let dana = app.staff("dana@rfs.example", "Dana", Role::Technician).await;
    let new = NewTicket {
        assignee: Some(dana.email.clone()),
        ..app.new_ticket(ALICE, "A broken camera")
    };
    let ticket = app.create(new).await.unwrap();
    let address = dana.email.clone();
    app.act(move |tx, _, now| staff::set_active(tx, &somebody(), &address, false, now))
        .await
        .unwrap();
    assert_eq!(app.see(&ticket.reference).await.assignee.unwrap().name, "Dana");
    let off = Change { assignee: Some(None), ..Change::default() };
    app.change(&ticket.reference, off).await.unwrap();
    let back = Change { assignee: Some(Some(dana.email)), ..Change::default() };
    assert!(matches!(app.change(&ticket.reference, back).await, Err(Error::Invalid(_))));
}

/// What is done to tickets in a random walk.
#[derive(Clone, Copy, Debug)]
enum Step {
    Create(usize),
    Note(usize, bool),
    Reply(usize),
    Move(usize, Status),
    Resolve(usize),
    SetBack(i64),
    Days(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let status = prop_oneof![
        Just(Status::Open),
        Just(Status::InProgress),
        Just(Status::Resolved),
        Just(Status::Closed)
    ];
    let step = prop_oneof![
        2 => (0..2_usize).prop_map(Step::Create),
        3 => (0..8_usize, any::<bool>()).prop_map(|(at, public)| Step::Note(at, public)),
        3 => (0..8_usize).prop_map(Step::Reply),
        4 => (0..8_usize, status).prop_map(|(at, to)| Step::Move(at, to)),
        2 => (0..8_usize).prop_map(Step::Resolve),
        1 => (-100_000..100_000_i64).prop_map(Step::SetBack),
        1 => (1..20_u64).prop_map(Step::Days),
    ];
    proptest::collection::vec(step, 1..40)
}

/// What a ticket must be, worked out apart from the program.
#[derive(Debug, PartialEq, Eq)]
struct Model {
    owner: usize,
    status: Status,
    notes: i64,
    resolved_at: Option<Millis>,
}

#[test]
fn what_is_stored_is_what_was_done_whatever_the_order() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(Config { cases: 12, ..Config::default() });
    runner
        .run(&steps(), |steps| {
            runtime.block_on(walk(&steps));
            Ok(())
        })
        .unwrap();
}

async fn walk(steps: &[Step]) {
    let app = TestApp::start().await;
    let owners = ["alice@example.com", "bob@example.com"];
    let clients = [app.customer(owners[0]).await, app.customer(owners[1]).await];
    let mut models: Vec<(Reference, Model)> = Vec::new();
    for step in steps {
        take(&app, &owners, &clients, &mut models, *step).await;
    }
    for (reference, model) in &models {
        let ticket = app.see(reference).await;
        let found = Model {
            owner: model.owner,
            status: ticket.status,
            notes: ticket.note_count,
            resolved_at: ticket.resolved_at,
        };
        assert_eq!(&found, model);
        assert_eq!(ticket.customer.email.as_str(), owners[model.owner]);
    }
    for (owner, client) in clients.iter().enumerate() {
        let viewer = app.viewer(client).await;
        let counts = app.db.read(move |tx| tickets::counts(tx, &viewer)).await;
        let counts: tickets::Counts = counts.map_err(|error: Error| error).unwrap();
        let mut wanted: BTreeMap<&str, i64> = BTreeMap::new();
        for (_, model) in models.iter().filter(|(_, model)| model.owner == owner) {
            *wanted.entry(model.status.as_str()).or_default() += 1;
        }
        for status in Status::ALL {
            let count = wanted.get(status.as_str()).copied().unwrap_or_default();
            assert_eq!(counts.of(status), count, "{status:?} of {}", owners[owner]);
        }
    }
    counted_is_stored(&app).await;
}

/// Compares every stored count with what a count of the rows gives.
async fn counted_is_stored(app: &TestApp) {
    let notes = "SELECT COUNT(*) FROM tickets t WHERE t.note_count <> (SELECT COUNT(*) \
        FROM entries e WHERE e.ticket_id = t.id AND e.is_public AND e.kind IN ('note', 'reply'))";
    assert_eq!(app.number(notes).await, 0, "stored note counts");
    let tickets = "SELECT COUNT(*) FROM ticket_counts c WHERE c.tickets <> (SELECT COUNT(*) \
        FROM tickets t WHERE t.customer_id = c.customer_id AND t.status = c.status)";
    assert_eq!(app.number(tickets).await, 0, "stored counts of tickets");
    let last = "SELECT COUNT(*) FROM tickets t WHERE t.last_entry <> \
        (SELECT MAX(e.id) FROM entries e WHERE e.ticket_id = t.id)";
    assert_eq!(app.number(last).await, 0, "newest entries");
    crate::dashboard::desk_counts_agree(app).await;
    crate::desk_search::words_agree(app).await;
}

async fn take(
    app: &TestApp,
    owners: &[&str; 2],
    clients: &[Client; 2],
    models: &mut Vec<(Reference, Model)>,
    step: Step,
) {
    if let Step::Create(owner) = step {
        let ticket = app.ticket(owners[owner], "A broken camera").await;
        let model = Model { owner, status: Status::Open, notes: 0, resolved_at: None };
        models.push((ticket.reference, model));
        return;
    }
    match step {
        // The links must outlive the walk.
        Step::SetBack(millis) => return app.set_clock(Millis(app.now().0 + millis)),
        Step::Days(days) => {
            let wanted = Millis(app.now().0 + i64::try_from(days).unwrap() * 3_600_000);
            return app
                .set_clock(wanted.min(crate::support::START.plus(Duration::from_secs(500_000))));
        }
        _ => {}
    }
    let (Step::Note(at, _) | Step::Reply(at) | Step::Move(at, _) | Step::Resolve(at)) = step else {
        return;
    };
    let Some((reference, model)) = models.get_mut(at) else { return };
    match step {
        Step::Note(_, public) => {
            let visibility = if public { Visibility::Public } else { Visibility::Internal };
            app.note(reference, "A note.", visibility).await.unwrap();
            model.notes += i64::from(public);
        }
        Step::Reply(_) => {
            let done = app.reply(&clients[model.owner], reference, "A reply.").await;
            let stranger = app.reply(&clients[1 - model.owner], reference, "A stranger.").await;
            assert!(matches!(stranger, Err(Error::NotFound)), "{stranger:?}");
            assert_eq!(done.is_ok(), model.status != Status::Closed, "{done:?}");
            model.notes += i64::from(done.is_ok());
            if model.status == Status::Resolved {
                (model.status, model.resolved_at) = (Status::Open, None);
            }
        }
        Step::Move(_, wanted) => {
            let done = app.change(reference, to(wanted)).await;
            let same = model.status == wanted;
            let (_, table) = TABLE.iter().find(|(from, _)| *from == model.status).unwrap();
            let allowed = same || (table.contains(&wanted) && wanted != Status::Resolved);
            assert_eq!(done.is_ok(), allowed, "{:?} to {wanted:?}", model.status);
            if allowed && !same {
                (model.status, model.resolved_at) = (wanted, None);
            }
        }
        Step::Resolve(_) => {
            let done = app.resolve(reference, "Done.").await;
            let allowed = matches!(model.status, Status::Open | Status::InProgress);
            assert_eq!(done.is_ok(), allowed);
            if allowed {
                (model.status, model.resolved_at) = (Status::Resolved, Some(app.now()));
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn the_same_key_creates_one_ticket() {
    use doorkey::domain::Actor;
    use doorkey::domain::idempotency::Key;

    let app = TestApp::start().await;
    let actor = Actor::Program { id: 7, name: "shop".into(), role: Role::Technician };
    let new = NewTicket { priority: Priority::High, ..app.new_ticket(ALICE, "A broken camera") };
    let create = async |actor: Actor, key: &str, asked: &'static str, new: NewTicket| {
        let key = Key::new(&actor, key.to_owned(), &[b"create", asked.as_bytes()]);
        app.act(move |tx, rules, now| tickets::create(tx, rules, &actor, &new, Some(&key), now))
            .await
    };
    let first = create(actor.clone(), "k1", "a", new.clone()).await.unwrap();
    app.sleep(60);
    let again = create(actor.clone(), "k1", "a", new.clone()).await.unwrap();
    assert_eq!(first.id, again.id);
    let other = create(actor.clone(), "k1", "b", new.clone()).await;
    assert!(matches!(other, Err(Error::IdempotencyMismatch)), "{other:?}");
    let stranger = Actor::Program { id: 8, name: "crm".into(), role: Role::Technician };
    let theirs = create(stranger, "k1", "a", new.clone()).await.unwrap();
    assert_ne!(theirs.id, first.id, "keys of two programs never meet");
    app.deliver().await;
    assert_eq!(app.mailbox(ALICE).len(), 2);
    // A key is remembered for 14 days.
    app.sleep_days(13);
    jobs::tidy::forget(&app).await.unwrap();
    let kept = create(actor.clone(), "k1", "a", new.clone()).await.unwrap();
    assert_eq!(kept.id, first.id);
    app.sleep_days(2);
    jobs::tidy::forget(&app).await.unwrap();
    assert_ne!(create(actor, "k1", "a", new).await.unwrap().id, first.id);
}
