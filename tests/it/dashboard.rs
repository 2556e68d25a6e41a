//! The dashboard: what it counts is what is there, whatever was done and however many did it.

use std::collections::BTreeMap;

use doorkey::domain::dashboard::{self, Dashboard};
use doorkey::domain::entries::Visibility;
use doorkey::domain::outbox::{self, MailState};
use doorkey::domain::staff::Role;
use doorkey::domain::tickets::{Change, NewTicket, Status};
use doorkey::error::Error;

use crate::support::TestApp;
use crate::support::desk::somebody;
use crate::support::desk::{email, to};

const ALICE: &str = "alice@example.com";

/// Compares the counters of the desk, and the mark they count by, with what the rows say.
pub async fn desk_counts_agree(app: &TestApp) {
    let truth = "CASE WHEN (SELECT e.kind FROM entries e WHERE e.ticket_id = t.id AND e.is_public \
          AND e.kind IN ('created', 'reply', 'note', 'resolution') ORDER BY e.id DESC LIMIT 1) \
          IN ('created', 'reply') THEN 1 ELSE 0 END";
    let marks = format!(
        "SELECT count(*) FROM tickets t WHERE {truth} <> CASE WHEN t.customer_last THEN 1 ELSE 0 END"
    );
    assert_eq!(app.number(marks).await, 0, "whose word is the last");
    let key = |last: &str| {
        let who = "CAST(COALESCE(assignee_id, 0) AS TEXT)";
        format!("status || CASE WHEN {last} THEN '|customer|' ELSE '|staff|' END || {who}")
    };
    let (counted, stored) = (key("customer_last"), key("customer_last = 1"));
    let counted = format!("SELECT {counted}, count(*) FROM tickets GROUP BY 1");
    let stored =
        format!("SELECT {stored}, CAST(sum(tickets) AS BIGINT) FROM desk_counts GROUP BY 1");
    assert_eq!(sums(app, stored).await, sums(app, counted).await, "counts of the desk");
    let counted = "SELECT CAST(resolved_at / 86400000 AS TEXT), count(*) FROM tickets \
         WHERE resolved_at IS NOT NULL GROUP BY 1";
    let stored =
        "SELECT CAST(day AS TEXT), CAST(sum(tickets) AS BIGINT) FROM resolved_counts GROUP BY 1";
    assert_eq!(sums(app, stored).await, sums(app, counted).await, "resolved by day");
}

async fn sums(app: &TestApp, query: impl Into<String>) -> BTreeMap<String, i64> {
    let rows: Vec<(String, i64)> = app.column(query).await;
    rows.into_iter().filter(|(_, count)| *count != 0).collect()
}

async fn look(app: &TestApp, staff_id: i64) -> Dashboard {
    let now = app.now();
    let seen: Result<Dashboard, Error> =
        app.db.read(move |tx| dashboard::look(tx, staff_id, now)).await;
    seen.unwrap()
}

#[tokio::test]
async fn the_dashboard_follows_what_happens() {
    let app = TestApp::start().await;
    let dana = app.staff("dana@rfs.example", "Dana", Role::Technician).await;
    let alice = app.customer(ALICE).await;
    let nothing = look(&app, dana.id).await;
    assert_eq!((nothing.unfinished, nothing.failed_mails), (0, 0));

    let ticket = app.ticket(ALICE, "A camera").await.reference;
    let seen = look(&app, dana.id).await;
    assert_eq!((seen.unassigned, seen.customer_last, seen.mine), (1, 1, 0));

    let assign = Change { assignee: Some(Some(dana.email.clone())), ..Change::default() };
    app.change(&ticket, assign).await.unwrap();
    let seen = look(&app, dana.id).await;
    assert_eq!((seen.unassigned, seen.mine, seen.waiting_for_me), (0, 1, 1));
    assert_eq!(look(&app, dana.id + 1).await.mine, 0, "it is nobody else's");

    app.note(&ticket, "Among us.", Visibility::Internal).await.unwrap();
    assert_eq!(look(&app, dana.id).await.waiting_for_me, 1, "a note among us is no answer");
    app.note(&ticket, "We come on Monday.", Visibility::Public).await.unwrap();
    let seen = look(&app, dana.id).await;
    assert_eq!((seen.mine, seen.waiting_for_me, seen.customer_last), (1, 0, 0));
    app.reply(&alice, &ticket, "Good.").await.unwrap();
    assert_eq!(look(&app, dana.id).await.waiting_for_me, 1);

    app.resolve(&ticket, "Changed it.").await.unwrap();
    let seen = look(&app, dana.id).await;
    assert_eq!((seen.unfinished, seen.resolved_this_week), (0, 1));
    app.sleep_days(7);
    assert_eq!(look(&app, dana.id).await.resolved_this_week, 0, "another week has begun");
    app.change(&ticket, to(Status::Open)).await.unwrap();
    app.resolve(&ticket, "Changed it again.").await.unwrap();
    assert_eq!(look(&app, dana.id).await.resolved_this_week, 1);
    app.change(&ticket, to(Status::Closed)).await.unwrap();
    assert_eq!(
        look(&app, dana.id).await.resolved_this_week,
        0,
        "the Resolved tab has it no longer"
    );
    desk_counts_agree(&app).await;
}

#[tokio::test]
async fn mails_that_failed_are_counted_until_nothing_can_be_done() {
    let app = TestApp::start().await;
    app.create(app.new_ticket(ALICE, "A camera")).await.unwrap();
    let mails = app.db.read(|tx| outbox::list(tx, MailState::Queued, None, 10)).await;
    let mails = mails.map_err(|error: Error| error).unwrap().items;
    let id = mails[0].id;
    app.act(move |tx, _, now| outbox::give_up(tx, &somebody(), id, now)).await.unwrap();
    assert_eq!(look(&app, 1).await.failed_mails, 1);
    app.act(move |tx, _, now| outbox::retry(tx, &somebody(), id, now)).await.unwrap();
    assert_eq!(look(&app, 1).await.failed_mails, 0, "it waits again");
    app.act(move |tx, _, now| outbox::give_up(tx, &somebody(), id, now)).await.unwrap();
    assert_eq!(look(&app, 1).await.failed_mails, 1);
    app.sleep_days(15);
    assert_eq!(look(&app, 1).await.failed_mails, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_leave_counters_that_agree() {
    let app = TestApp::start().await;
    for name in ["dana", "eli"] {
        app.staff(&format!("{name}@rfs.example"), name, Role::Technician).await;
    }
    let mut tickets = Vec::new();
    for number in 0..6 {
        let new = NewTicket {
            notify: false,
            ..app.new_ticket(&format!("c{}@example.com", number % 3), "A camera")
        };
        tickets.push(app.create(new).await.unwrap().reference);
    }
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8_u64 {
        let (app, tickets) = (app.clone(), tickets.clone());
        writers.spawn(async move {
            let mut drawn = writer * 7_919 + 1;
            for _ in 0..25 {
                drawn = drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
                let pick = (drawn >> 33) as usize;
                act(&app, &tickets[pick % tickets.len()], pick / tickets.len()).await;
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    desk_counts_agree(&app).await;
    let slots = app.number("SELECT count(*) FROM desk_counts").await;
    let keys = "SELECT count(*) FROM (SELECT DISTINCT status, customer_last, assignee_id \
         FROM desk_counts) AS k";
    let keys = app.number(keys).await;
    // As many as wrote at once, and on SQLite there is one writer.
    let most = if app.is_postgres() { 8 * keys } else { keys };
    assert!(slots <= most, "{slots} slots for {keys} counts");
}

/// One of many things that happen to a ticket; what its status refuses changes nothing.
async fn act(app: &TestApp, reference: &doorkey::ids::Reference, pick: usize) {
    let assign = |who: Option<&str>| Change { assignee: Some(who.map(email)), ..Change::default() };
    let done = match pick % 8 {
        0 => app.change(reference, to(Status::InProgress)).await.map(drop),
        1 => app.change(reference, to(Status::Open)).await.map(drop),
        2 => app.change(reference, to(Status::Closed)).await.map(drop),
        3 => app.resolve(reference, "Done.").await.map(drop),
        4 => app.note(reference, "A note.", Visibility::Public).await.map(drop),
        5 => app.change(reference, assign(Some("dana@rfs.example"))).await.map(drop),
        6 => app.change(reference, assign(Some("eli@rfs.example"))).await.map(drop),
        _ => app.change(reference, assign(None)).await.map(drop),
    };
    assert!(matches!(done, Ok(()) | Err(Error::TransitionRefused { .. })), "{done:?}");
}
