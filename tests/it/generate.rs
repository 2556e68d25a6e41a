//! Generated data: the rows that `doorkey generate` leaves keep every promise that rows keep which
//! grew through the doors, on the engine of the tests.

use std::collections::BTreeMap;

use doorkey::db::{DatabaseSettings, Db, DbError, FromRow};
use doorkey::domain::text;
use serde_json::Value;

use crate::real::doorkey::Doorkey;

const END: &str = "2026-11-12T09:14:00Z";

fn generate(doorkey: &Doorkey, customers: &str, tickets: &str, more: &[&str]) -> Value {
    let fixed =
        ["generate", "--customers", customers, "--tickets", tickets, "--seed", "42", "--end", END];
    doorkey.cli(&[&fixed[..], more].concat())
}

fn set_up() -> Doorkey {
    Doorkey::prepare(&[("DOORKEY_LOG", "warn")])
}

/// The rows of a query of the test's own.
fn rows<T: FromRow + Send + 'static>(doorkey: &Doorkey, sql: &str) -> Vec<T> {
    let (settings, sql) = (DatabaseSettings::new(doorkey.database_url()), sql.to_owned());
    let asked = async move {
        let db = Db::open(&settings).await?;
        let found = db.scan(move |tx| tx.rows::<T>(&sql, &[])).await?;
        db.close().await;
        Ok::<_, DbError>(found)
    };
    tokio::runtime::Runtime::new().unwrap().block_on(asked).unwrap()
}

/// The one number that a query of the test's own answers.
pub fn number(doorkey: &Doorkey, sql: &str) -> i64 {
    rows(doorkey, sql)[0]
}

/// Counts the rows that break a rule, by the rule's name.
fn broken(doorkey: &Doorkey) -> BTreeMap<&'static str, i64> {
    let of_ticket = "FROM entries e WHERE e.ticket_id = t.id";
    let rules = [
        (
            "note_count",
            format!(
                "t.note_count <> (SELECT count(*) {of_ticket} AND e.is_public \
                 AND e.kind IN ('note', 'reply'))"
            ),
        ),
        ("last_entry", format!("t.last_entry <> (SELECT max(e.id) {of_ticket})")),
        ("version", format!("t.version <> 1 + (SELECT count(*) {of_ticket} AND e.is_public)")),
        (
            "updated_at",
            format!(
                "t.updated_at < (SELECT max(e.at) {of_ticket} AND e.is_public) OR t.updated_at > \
                 (SELECT max(e.at) + count(*) {of_ticket} AND e.is_public)"
            ),
        ),
        (
            "staff_at",
            format!(
                "t.staff_at > t.updated_at OR t.staff_at < (SELECT COALESCE(max(e.at), t.created_at) \
                 {of_ticket} AND e.is_public AND e.by_kind IN ('staff', 'program'))"
            ),
        ),
        (
            "created",
            format!(
                "1 <> (SELECT count(*) {of_ticket} AND e.kind = 'created' AND e.at = t.created_at)"
            ),
        ),
        (
            "status",
            format!(
                "t.status <> COALESCE((SELECT e.to_status {of_ticket} AND e.to_status IS NOT NULL \
                 ORDER BY e.id DESC LIMIT 1), 'open')"
            ),
        ),
        (
            "transitions",
            format!(
                "EXISTS (SELECT 1 {of_ticket} AND (e.from_status = e.to_status OR (e.from_status = \
                 'closed' AND e.to_status = 'resolved') OR (e.kind = 'resolution') <> \
                 (e.to_status = 'resolved')))"
            ),
        ),
        (
            "resolution",
            format!(
                "(t.status = 'resolved' AND t.resolution IS NULL) OR (t.status IN ('open', \
                 'in_progress') AND t.resolution IS NOT NULL) OR (t.resolution IS NOT NULL AND \
                 t.resolution <> (SELECT e.body {of_ticket} AND e.kind = 'resolution' \
                 ORDER BY e.id DESC LIMIT 1))"
            ),
        ),
        ("resolved_at", "(t.status = 'resolved') <> (t.resolved_at IS NOT NULL)".to_owned()),
        (
            "assignee",
            "(t.assignee_id IS NOT NULL) <> EXISTS (SELECT 1 FROM entries e \
             WHERE e.ticket_id = t.id AND e.kind = 'assigned')"
                .to_owned(),
        ),
        (
            "texts",
            format!(
                "(SELECT count(*) FROM search_texts s WHERE s.ticket_id = t.id \
                 AND s.customer_id = t.customer_id) <> (SELECT 1 + count(e.body) {of_ticket})"
            ),
        ),
        (
            "order",
            format!(
                "EXISTS (SELECT 1 {of_ticket} AND EXISTS (SELECT 1 FROM entries f \
                 WHERE f.ticket_id = t.id AND f.id < e.id AND f.at > e.at))"
            ),
        ),
        (
            "arrival",
            "t.created_at < (SELECT c.created_at FROM customers c WHERE c.id = t.customer_id)"
                .to_owned(),
        ),
    ];
    let count =
        |rule: &str| number(doorkey, &format!("SELECT count(*) FROM tickets t WHERE {rule}"));
    rules.iter().map(|(name, rule)| (*name, count(rule))).filter(|(_, count)| *count > 0).collect()
}

#[test]
fn generated_rows_keep_every_promise() {
    let doorkey = set_up();
    let said = generate(&doorkey, "60", "3000", &[]);
    assert_eq!((&said["customers"], &said["tickets"]), (&60.into(), &3000.into()));
    assert_eq!(number(&doorkey, "SELECT count(*) FROM customers"), 60);
    assert_eq!(number(&doorkey, "SELECT count(*) FROM tickets"), 3000);
    let entries = number(&doorkey, "SELECT count(*) FROM entries");
    assert_eq!(said["entries"], Value::from(entries));
    assert_eq!(number(&doorkey, "SELECT count(*) FROM outbox"), 0, "nobody is mailed");
    if doorkey.database_url().starts_with("postgres") {
        let known = "SELECT CAST(reltuples AS BIGINT) FROM pg_class WHERE relname = 'tickets'";
        assert_eq!(number(&doorkey, known), 3000, "PostgreSQL plans by what there is");
    }
    assert_eq!(broken(&doorkey), BTreeMap::new());
    let counted = rows::<(i64, String, i64)>(
        &doorkey,
        "SELECT customer_id, status, count(*) FROM tickets GROUP BY customer_id, status ORDER BY 1, 2",
    );
    let kept = rows::<(i64, String, i64)>(
        &doorkey,
        "SELECT customer_id, status, tickets FROM ticket_counts ORDER BY customer_id, status",
    );
    assert_eq!(kept, counted);
    let desk = |from: &str, last: &str, count: &str| {
        let key = format!("status || CASE WHEN {last} THEN 'c' ELSE 's' END");
        let who = "COALESCE(assignee_id, 0)";
        let sql = format!("SELECT {key}, {who}, {count} FROM {from} GROUP BY 1, 2 ORDER BY 1, 2");
        rows::<(String, i64, i64)>(&doorkey, &sql)
    };
    let sum = "CAST(sum(tickets) AS BIGINT)";
    assert_eq!(
        desk("desk_counts", "customer_last = 1", sum),
        desk("tickets", "customer_last", "count(*)")
    );
    let texts = rows::<(String, String, String)>(
        &doorkey,
        "SELECT t.reference || chr || t.subject || chr || t.description, s.text, t.reference \
         FROM tickets t, search_texts s, (SELECT '\n' AS chr) x \
         WHERE s.ticket_id = t.id AND s.entry_id = 0",
    );
    assert_eq!(texts.len(), 3000);
    for (whole, folded, reference) in &texts {
        assert_eq!(&text::fold(whole), folded, "{reference}");
    }
    let words = rows::<(String, String)>(
        &doorkey,
        "SELECT w.words, c.search || ' ' || t.reference || ' ' || t.subject || ' ' || t.description \
         FROM tickets t JOIN customers c ON c.id = t.customer_id JOIN ticket_words w ON w.ticket_id = t.id \
         WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.ticket_id = t.id AND e.body IS NOT NULL)",
    );
    assert!(words.len() > 10, "{}", words.len());
    for (kept, text) in &words {
        let wanted: Vec<String> = doorkey::domain::words::of(text).into_iter().collect();
        assert_eq!(kept.split_whitespace().collect::<Vec<_>>(), wanted);
    }
    assert_eq!(number(&doorkey, "SELECT count(*) FROM ticket_words"), 3000);
    let notes = rows::<(String, String)>(
        &doorkey,
        "SELECT e.body, s.text FROM entries e JOIN search_texts s \
         ON s.ticket_id = e.ticket_id AND s.entry_id = e.id AND s.is_public = e.is_public",
    );
    assert_eq!(notes.len() as i64, number(&doorkey, "SELECT count(body) FROM entries"));
    assert!(notes.iter().all(|(body, folded)| text::fold(body) == *folded));
}

#[test]
fn the_checks_see_what_is_wrong() {
    let doorkey = set_up();
    generate(&doorkey, "5", "200", &[]);
    assert_eq!(broken(&doorkey), BTreeMap::new());
    for (change, rule) in [
        ("note_count = note_count + 1", "note_count"),
        ("version = version - 1", "version"),
        ("last_entry = last_entry + 1", "last_entry"),
        ("updated_at = created_at - 1", "updated_at"),
        ("resolution = 'Done.'", "resolution"),
    ] {
        change_one(&doorkey, change);
        assert!(broken(&doorkey).contains_key(rule), "{rule} after {change}");
    }
}

fn change_one(doorkey: &Doorkey, change: &str) {
    let settings = DatabaseSettings::new(doorkey.database_url());
    let sql = format!(
        "UPDATE tickets SET {change} WHERE id = (SELECT min(id) FROM tickets WHERE status = 'open')"
    );
    let changed = async move {
        let db = Db::open(&settings).await?;
        let changed = db.write(move |tx| tx.run(&sql, &[])).await?;
        db.close().await;
        Ok::<u64, DbError>(changed)
    };
    assert_eq!(tokio::runtime::Runtime::new().unwrap().block_on(changed).unwrap(), 1);
}

/// Every row that was generated, as text.
fn dump(doorkey: &Doorkey) -> Vec<Vec<String>> {
    let queries = [
        "SELECT id || ' ' || email || ' ' || name || ' ' || phone || ' ' || company || ' ' || search \
         || ' ' || created_at FROM customers ORDER BY id",
        "SELECT id || ' ' || email || ' ' || name || ' ' || role FROM staff ORDER BY id",
        "SELECT id || ' ' || reference || ' ' || customer_id || ' ' || COALESCE(assignee_id, 0) || \
         ' ' || subject || ' ' || description || ' ' || priority || ' ' || COALESCE(category, '-') || \
         ' ' || status || ' ' || COALESCE(resolution, '-') || ' ' || updated_at FROM tickets ORDER BY id",
        "SELECT ticket_id || ' ' || id || ' ' || kind || ' ' || at || ' ' || COALESCE(by_id, 0) || \
         ' ' || COALESCE(body, '-') FROM entries ORDER BY ticket_id, id",
        "SELECT customer_id || ' ' || ticket_id || ' ' || read_at FROM ticket_reads ORDER BY ticket_id",
    ];
    queries.iter().map(|sql| rows(doorkey, sql)).collect()
}

#[test]
fn the_same_seed_gives_the_same_rows_and_another_does_not() {
    let (one, two, three) = (set_up(), set_up(), set_up());
    generate(&one, "20", "400", &[]);
    generate(&two, "20", "400", &[]);
    three.cli(&["generate", "--customers", "20", "--tickets", "400", "--seed", "43", "--end", END]);
    let (first, second, other) = (dump(&one), dump(&two), dump(&three));
    assert!(first.iter().all(|rows| rows.len() >= 12), "there is something to compare");
    assert_eq!(first, second);
    assert!(first.iter().zip(&other).all(|(a, b)| a != b));
}

#[test]
fn a_database_with_customers_takes_more_only_when_told() {
    let doorkey = set_up();
    generate(&doorkey, "30", "500", &[]);
    let refused = doorkey.try_cli(&["generate", "--customers", "1", "--tickets", "1"]);
    assert_eq!(refused.status.code(), Some(1));
    let words = String::from_utf8(refused.stderr).unwrap();
    assert!(words.contains("30 customers") && words.contains("--more"), "{words}");
    generate(&doorkey, "30", "500", &["--more"]);
    assert_eq!(number(&doorkey, "SELECT count(*) FROM customers"), 60);
    assert_eq!(number(&doorkey, "SELECT count(*) FROM tickets"), 1000);
    assert_eq!(number(&doorkey, "SELECT count(*) FROM staff"), 12, "the same people work them");
    assert_eq!(broken(&doorkey), BTreeMap::new());
}

#[test]
fn numbers_that_cannot_be_are_refused() {
    let doorkey = set_up();
    for wrong in [
        &["generate", "--customers", "0", "--tickets", "1"][..],
        &["generate", "--customers", "1"],
        &["generate", "--customers", "1", "--tickets", "-1"],
        &["generate", "--customers", "1", "--tickets", "1", "--end", "soon"],
    ] {
        let output = doorkey.try_cli(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {output:?}");
    }
    let none = doorkey.cli(&["generate", "--customers", "3", "--tickets", "0"]);
    assert_eq!(none["entries"], 0);
}
