//! Copying a whole database, there and back: every row, every hash, every index.

use std::process::{Command, Stdio};

use doorkey::domain::entries::Visibility;
use doorkey::domain::settings::Section;
use doorkey::domain::staff::Role;
use doorkey::domain::tickets::Status;
use serde_json::json;

use crate::real::doorkey::{Doorkey, binary};
use crate::real::postgres::Postgres;
use crate::real::{Process, wait_for};
use crate::schema;
use crate::support::TestApp;
use crate::support::desk::to;
use crate::support::dump::{self, Dump};

const ALICE: &str = "alice@example.com";

/// A place for a database that is not there yet, on either engine.
struct Place {
    url: String,
    _folder: tempfile::TempDir,
    _database: Option<Postgres>,
}

fn in_sqlite() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("copy.db").display());
    Place { url, _folder: folder, _database: None }
}

/// On PostgreSQL if the tests run there.
fn in_postgres() -> Option<Place> {
    let database = Postgres::create()?;
    let folder = tempfile::tempdir().unwrap();
    Some(Place { url: database.url(), _folder: folder, _database: Some(database) })
}

/// Runs the command, and returns what it prints.
fn copy(from: &str, to: &str) -> serde_json::Value {
    let output = try_copy(from, to);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn try_copy(from: &str, to: &str) -> std::process::Output {
    command(from, to).output().unwrap()
}

fn command(from: &str, to: &str) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DOORKEY_")) {
        command.env_remove(name);
    }
    command.args(["copy", "--from", from, "--to", to, "--json"]).stdin(Stdio::null());
    command.env("DOORKEY_LOG", "warn");
    command
}

/// An application that has seen something of everything.
async fn story() -> TestApp {
    let app = TestApp::start().await;
    app.staff("dana@rfs.example", "Dana", Role::Admin).await;
    app.technician().await;
    let ticket = app.ticket(ALICE, "Kamera „Süd“ – \u{202e}rückwärts\u{202c} 😀").await;
    app.note(&ticket.reference, "We come on Monday.\n\nBring\ta ladder.", Visibility::Public)
        .await
        .unwrap();
    app.note(&ticket.reference, "Second time.", Visibility::Internal).await.unwrap();
    let alice = app.customer(ALICE).await;
    app.reply(&alice, &ticket.reference, "جهاز الإنذار").await.unwrap();
    app.change(&ticket.reference, to(Status::InProgress)).await.unwrap();
    app.resolve(&ticket.reference, "Changed it.").await.unwrap();
    let body = json!({ "email": ALICE });
    app.anon().post("/api/v1/portal/links", &body).await.expect(202);
    app.deliver().await;
    app.ticket("bob@example.com", "A lock").await;
    app.set_active(app.customer_row("bob@example.com").await.id, false).await;
    let brand = [("brand.name", "Halden"), ("brand.colour", "#ffd400")];
    crate::settings::set(&app, Section::Brand, &brand).await.unwrap();
    crate::settings::set_logo(&app).await;
    // More rows than one batch has.
    for number in 0..1_203 {
        let sql = format!(
            "INSERT INTO limits (subject, slice, hits, expires_at) VALUES \
             ((SELECT token_hash FROM links ORDER BY id LIMIT 1), {number}, {}, -1)",
            i64::MAX - number
        );
        app.sql(sql).await;
    }
    app
}

async fn dump_of(url: &str) -> Dump {
    let url = url.to_owned();
    let app = TestApp::on(&url).await;
    app.dump().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_the_same_there_and_back() {
    let app = story().await;
    let before = app.dump().await;
    for table in ["tickets", "entries", "links", "outbox", "limits", "api_keys", "event_inbox"] {
        assert!(!before[table].is_empty(), "{table} has something to copy");
    }
    let mut from = app.config.database.url.reveal().to_owned();
    let mut places: Vec<Place> = vec![in_sqlite()];
    places.extend(in_postgres());
    places.push(in_sqlite());
    for place in &places {
        let said = copy(&from, &place.url);
        let rows: usize = before.values().map(Vec::len).sum();
        assert_eq!(said["rows"], rows, "{said}");
        let after = dump_of(&place.url).await;
        assert!(after == before, "{}", dump::difference(&before, &after));
        let copied = TestApp::on(&place.url).await;
        crate::desk_search::words_agree(&copied).await;
        let found = crate::desk_search::search(&copied, "rückwärts ladder").await;
        assert_eq!(found.len(), 1, "the full-text index is there");
        if copied.is_postgres() {
            let known = "SELECT CAST(reltuples AS BIGINT) FROM pg_class WHERE relname = 'tickets'";
            assert_eq!(copied.number(known).await, 2, "PostgreSQL plans by what there is");
        }
        drop(copied);
        let (wanted, found) = (schema::schema(&from).await, schema::schema(&place.url).await);
        assert_eq!(wanted, found, "the indexes are there as well");
        from.clone_from(&place.url);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_use_is_not_written_over() {
    let (app, other) = (story().await, TestApp::start().await);
    other.customer_row("carol@example.com").await;
    let before = other.dump().await;
    let target = other.config.database.url.reveal();
    let output = try_copy(app.config.database.url.reveal(), target);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("not empty") && said.contains("its table customers"), "{said}");
    assert_eq!(other.dump().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_only_started_is_taken() {
    let (app, started) = (story().await, TestApp::start().await);
    assert_eq!(started.dump().await["secrets"].len(), 1, "its own key");
    copy(app.config.database.url.reveal(), started.config.database.url.reveal());
    assert_eq!(started.dump().await, app.dump().await);
}

#[test]
fn what_cannot_be_copied_is_said() {
    let place = in_sqlite();
    for (from, to, code, words) in [
        ("sqlite:/nowhere/at/all.db", place.url.as_str(), 1, "no database at /nowhere/at/all.db"),
        ("mysql://x", place.url.as_str(), 2, "sqlite:path"),
        (place.url.as_str(), place.url.as_str(), 2, "the same database"),
    ] {
        let output = try_copy(from, to);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(words), "{said}");
    }
    let file = place.url.strip_prefix("sqlite:").unwrap();
    assert!(!std::path::Path::new(file).exists(), "nothing was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_program_is_not_copied_by_halves() {
    let app = story().await;
    app.sql("INSERT INTO migrations (name, applied_at) VALUES ('9999_later', 1)").await;
    let place = in_sqlite();
    let output = try_copy(app.config.database.url.reveal(), &place.url);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("9999_later"), "{said}");
}

#[test]
fn a_copy_that_was_killed_leaves_an_empty_database_and_is_started_again() {
    let doorkey = Doorkey::prepare(&[("DOORKEY_LOG", "warn")]);
    doorkey.cli(&["generate", "--customers", "100", "--tickets", "3000"]);
    let from = doorkey.database_url();
    let mut places = vec![in_sqlite()];
    places.extend(in_postgres());
    for place in &places {
        let mut broken_off = 0;
        for pause in [20, 80, 200, 400, 800] {
            let mut process = Process::start(&mut command(&from, &place.url));
            std::thread::sleep(std::time::Duration::from_millis(pause));
            broken_off += usize::from(process.0.try_wait().unwrap().is_none());
            drop(process);
            let counted = wait_for("the database to let go", || count_rows(&place.url));
            assert!(
                counted == 0 || counted == count_rows(&from).unwrap(),
                "half a copy: {counted} rows after {pause} ms"
            );
            if counted > 0 {
                break;
            }
        }
        assert!(broken_off > 0, "no copy was under way when it was killed");
        if count_rows(&place.url) == Some(0) {
            copy(&from, &place.url);
        }
        assert_eq!(count_rows(&place.url), count_rows(&from));
    }
}

/// The rows of tables that grow; none while the database cannot be asked.
fn count_rows(url: &str) -> Option<i64> {
    use doorkey::db::{DatabaseSettings, Db, DbError};
    let settings = DatabaseSettings::new(url);
    let counted = async move {
        let db = Db::open(&settings).await?;
        if !db.pending_migrations().await?.is_empty() {
            return Ok(0);
        }
        let sql = "SELECT (SELECT count(*) FROM customers) + (SELECT count(*) FROM tickets) \
             + (SELECT count(*) FROM entries) + (SELECT count(*) FROM search_texts)";
        let number = db.read(move |tx| tx.one::<i64>(sql, &[])).await?;
        db.close().await;
        Ok::<i64, DbError>(number)
    };
    tokio::runtime::Runtime::new().unwrap().block_on(counted).ok()
}
