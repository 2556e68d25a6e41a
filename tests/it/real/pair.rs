//! Two processes on one PostgreSQL, one of which is killed: everything is still told, mailed and
//! called, and nothing under two names.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use doorkey::db::{DatabaseSettings, Db, DbError};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::doorkey::{Doorkey, Program};
use super::smtp::Smtp;
use crate::support::hook::Hook;

const ANA: &str = "ana@cafe-lumen.example";
const TICKETS: usize = 24;
/// Mails that one process hands over at a time.
const WORKERS: usize = 4;
/// What a killed process held is free after its lease of a minute.
const PATIENCE: Duration = Duration::from_secs(100);

#[tokio::test(flavor = "multi_thread")]
async fn what_one_of_two_processes_leaves_behind_the_other_does() {
    if std::env::var_os("DOORKEY_TEST_DATABASE_URL").is_none() {
        return; // PostgreSQL alone is shared by processes that serve
    }
    let Some(smtp) = Smtp::start() else { return };
    let allow = ("DOORKEY_WEBHOOKS_ALLOW", "127.0.0.0/8");
    let mut first = Doorkey::start_with_mail(&smtp, &[allow]);
    let database = first.database_url();
    let second =
        Doorkey::start_with_mail(&smtp, &[allow, ("DOORKEY_DATABASE_URL", database.as_str())]);
    let hook = Hook::start().await;
    let programs = [first.program("admin"), second.program("admin")];
    let target = json!({ "url": hook.url(), "events": ["ticket.created"] });
    programs[0].ask(Method::POST, "/webhooks", Some(target), 201).await;
    let mut references = BTreeSet::new();
    for number in 0..TICKETS {
        if number == TICKETS / 2 {
            first.kill();
        }
        let side = if number < TICKETS / 2 { number % 2 } else { 1 };
        let subject = format!("Ticket {number}");
        references.insert(programs[side].open_ticket(ANA, &subject, "It beeps.").await);
    }
    until("every ticket is mailed", || mailed(&smtp) == TICKETS).await;
    until("every ticket is told to the webhook", || called(&hook) == references).await;
    until("nothing is left to be sent", || waiting(&database) == 0).await;
    assert_eq!((mailed(&smtp), called(&hook)), (TICKETS, references.clone()), "and nothing more");
    // Only what the killed process had under way may come twice: it had four workers.
    let repeated = smtp.mails_to(ANA).len() - TICKETS;
    assert!(repeated <= WORKERS, "{repeated} mails came twice");
    let events = feed(&programs[1]).await;
    let ids: Vec<i64> =
        events.iter().map(|it| it["id"].as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(ids, (1..=ids.len() as i64).collect::<Vec<_>>(), "no gap, in order");
    let created = events.iter().filter(|it| it["type"] == "ticket.created");
    let told: BTreeSet<String> =
        created.clone().map(|it| it["ticket"].as_str().unwrap().to_owned()).collect();
    assert_eq!((created.count(), told), (TICKETS, references));
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Mails and calls of webhooks that are queued, in either process.
fn waiting(database: &str) -> i64 {
    let settings = DatabaseSettings::new(database);
    let counted = async move {
        let db = Db::open(&settings).await?;
        let sql = "SELECT (SELECT COUNT(*) FROM outbox WHERE state = 'queued') \
            + (SELECT COUNT(*) FROM deliveries WHERE state = 'queued')";
        let number = db.read(move |tx| tx.one::<i64>(sql, &[])).await?;
        db.close().await;
        Ok::<i64, DbError>(number)
    };
    // A runtime of its own: the database is asked from inside of another.
    let asked = std::thread::spawn(|| Runtime::new().unwrap().block_on(counted).unwrap());
    asked.join().unwrap()
}

/// How many different mails Ana has. One that was under way in the killed process may come twice,
/// under the same Message-ID.
fn mailed(smtp: &Smtp) -> usize {
    let mails = smtp.mails_to(ANA);
    let subjects: BTreeSet<_> = mails.iter().map(|mail| mail.subject().to_owned()).collect();
    let ids: BTreeSet<_> = mails.iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!(ids.len(), subjects.len(), "one Message-ID for each event");
    ids.len()
}

/// The tickets that the webhook was told of, each under one `webhook-id`.
fn called(hook: &Hook) -> BTreeSet<String> {
    let calls = hook.calls();
    let ids: BTreeSet<_> = calls.iter().map(|call| call.header("webhook-id").to_owned()).collect();
    let tickets: BTreeSet<String> =
        calls.iter().map(|it| it.json()["data"]["ticket"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), tickets.len(), "one webhook-id for each event");
    tickets
}

async fn feed(program: &Program) -> Vec<Value> {
    let (mut all, mut query) = (Vec::new(), String::new());
    loop {
        let page = program.get(&format!("/events{query}")).await;
        let items = page["items"].as_array().unwrap().clone();
        if items.is_empty() {
            return all;
        }
        all.extend(items);
        query = format!("?cursor={}", page["next_cursor"].as_str().unwrap());
    }
}
