//! Backups and what comes back of them: taken from a server that is being written to, damaged,
//! foreign, newer, and restored in a drill.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorkey::db::backup::verify;
use doorkey::db::{self, DatabaseSettings, Db, DbError, FromRow};
use doorkey::domain::backups;
use doorkey::error::Error;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::real::doorkey::Doorkey;
use crate::real::{Process, wait_for};

const ANA: &str = "ana@cafe-lumen.example";

/// The rows of a query on a database that may be a file alone.
async fn rows<T: FromRow + Send + 'static>(url: &str, sql: &str) -> Result<Vec<T>, DbError> {
    let db = Db::open(&DatabaseSettings::new(url)).await?;
    let sql = sql.to_owned();
    let found = db.scan(move |tx| tx.rows::<T>(&sql, &[])).await;
    db.close().await;
    found
}

async fn run_sql(url: &str, sql: &str) {
    let db = Db::open(&DatabaseSettings::new(url)).await.unwrap();
    let sql = sql.to_owned();
    let done: Result<u64, DbError> = db.write(move |tx| tx.run(&sql, &[])).await;
    done.unwrap();
    db.close().await;
}

fn url_of(file: &Path) -> String {
    format!("sqlite:{}", file.display())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// By writer: how many notes were acknowledged so far.
type Acknowledged = Arc<Mutex<BTreeMap<usize, usize>>>;

/// Whether a copy of the database holds what was acknowledged before it was begun, and of each
/// writer nothing without all that they wrote before.
async fn check(file: &Path, acknowledged: &BTreeMap<usize, usize>) -> Result<usize, String> {
    let sql = "SELECT body FROM entries WHERE kind = 'note' ORDER BY ticket_id, id";
    let bodies: Vec<String> =
        rows(&url_of(file), sql).await.map_err(|error| format!("cannot be asked: {error}"))?;
    let mut notes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for body in &bodies {
        let (writer, number) = body.split_once(' ').unwrap();
        notes.entry(writer.parse().unwrap()).or_default().push(number.parse().unwrap());
    }
    for (writer, numbers) in &notes {
        if *numbers != (0..numbers.len()).collect::<Vec<_>>() {
            return Err(format!("writer {writer} has a hole: {numbers:?}"));
        }
    }
    for (writer, count) in acknowledged {
        let found = notes.get(writer).map_or(0, Vec::len);
        if found < *count {
            return Err(format!("writer {writer}: {found} notes of {count} acknowledged"));
        }
    }
    Ok(bodies.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_taken_while_others_write_hold_all_that_was_acknowledged() {
    let doorkey = Arc::new(Doorkey::start(&[]));
    let folder = tempfile::tempdir().unwrap();
    let acknowledged: Acknowledged = Arc::default();
    let mut writers = Vec::new();
    for writer in 0..3 {
        let program = doorkey.program("technician");
        let reference = program.open_ticket(ANA, "Alarm", "It beeps.").await;
        let acknowledged = Arc::clone(&acknowledged);
        writers.push(tokio::spawn(async move {
            let path = format!("/tickets/{reference}/notes");
            for number in 0.. {
                let body =
                    json!({ "body": format!("{writer} {number}"), "visibility": "internal" });
                if !program.try_post(&path, &body).await {
                    return;
                }
                acknowledged.lock().unwrap().insert(writer, number + 1);
            }
        }));
    }
    let mut sizes = Vec::new();
    for number in 0..6 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let (doorkey, file) = (Arc::clone(&doorkey), folder.path().join(format!("{number}.db")));
        let before = acknowledged.lock().unwrap().clone();
        let target = file.clone();
        let said = tokio::task::spawn_blocking(move || doorkey.cli(&["backup", text(&target)]));
        assert_eq!(said.await.unwrap()["file"], text(&file));
        let tables = verify(&file).await.unwrap();
        assert!(tables.iter().any(|table| table.table == "tickets" && table.rows == 3));
        sizes.push(check(&file, &before).await.unwrap());
    }
    assert!(sizes.is_sorted() && sizes[0] < sizes[5], "they wrote meanwhile: {sizes:?}");
    // The same eyes on what must not be done: the main file, without its log.
    if let Some(file) = db::sqlite_file(&doorkey.database_url()) {
        let copy = folder.path().join("plain.db");
        let mut is_seen = false;
        for _ in 0..40 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let last = acknowledged.lock().unwrap().clone();
            fs::copy(file, &copy).unwrap();
            // Just after the log was moved into the file it may be whole by luck.
            is_seen |= check(&copy, &last).await.is_err() && verify(&copy).await.is_err();
        }
        assert!(is_seen, "a copy of the main file alone always looks whole");
    }
    writers.iter().for_each(tokio::task::JoinHandle::abort);
}

/// A server that has a customer with a link, a ticket, mails that cannot get out, a key.
struct Before {
    doorkey: Doorkey,
    reference: String,
    link: String,
    key: String,
}

async fn before() -> Before {
    let doorkey = Doorkey::start(&[
        ("DOORKEY_SMTP_URL", "smtp://127.0.0.1:1?tls=none"),
        ("DOORKEY_MAIL_FROM", "RFS Support <support@rfs.example>"),
    ]);
    let program = doorkey.program("technician");
    let reference = program.open_ticket(ANA, "Alarm", "It beeps.").await;
    program.note(&reference, "We come on Monday.").await;
    let link = doorkey.cli(&["customer", "link", "--email", ANA]);
    let link = link["url"].as_str().unwrap().to_owned();
    let made = doorkey.cli(&["api-key", "create", "--name", "Shop", "--role", "admin"]);
    let key = made["key"].as_str().unwrap().to_owned();
    Before { doorkey, reference, link, key }
}

/// What the portal answers to a token.
async fn portal(doorkey: &Doorkey, link: &str, path: &str) -> (StatusCode, Value) {
    let (_, token) = link.split_once("#token=").unwrap();
    let url = doorkey.url(&format!("/api/v1/portal{path}"));
    let answer = reqwest::Client::new().get(url).bearer_auth(token).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_database_lets_nobody_in_by_an_old_link_and_mails_nobody() {
    let before = before().await;
    let (status, tickets) = portal(&before.doorkey, &before.link, "/tickets").await;
    assert_eq!(status, StatusCode::OK);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.db");
    before.doorkey.cli(&["backup", text(&file)]);
    let kept = fs::read(&file).unwrap();
    // On the engine of the tests, and in SQLite wherever the backup is from.
    let lite = url_of(&folder.path().join("restored/doorkey.db"));
    for settings in [vec![], vec![("DOORKEY_DATABASE_URL", lite.as_str())]] {
        let mut after = Doorkey::prepare(&settings);
        let said = after.cli(&["restore", text(&file)]);
        // Each attempt at a mail had a link of its own.
        assert!(said["links_revoked"].as_i64() >= Some(1), "{said}");
        let working = "SELECT count(*) FROM links WHERE revoked_at IS NULL";
        assert_eq!(rows::<i64>(&after.database_url(), working).await.unwrap(), [0]);
        let names: Vec<&str> = said["api_keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["Alarm receiver", "Shop"]);
        let held = said["mails_held"].as_i64().unwrap();
        assert_eq!(held, 2, "a new ticket and a note: {said}");
        after.restart();
        drill(&after, &before, &tickets, held).await;
    }
    assert_eq!(fs::read(&file).unwrap(), kept, "the backup is as it was");
}

async fn drill(after: &Doorkey, before: &Before, tickets: &Value, held: i64) {
    let (status, problem) = portal(after, &before.link, "/tickets").await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("link_invalid")));
    let link = after.cli(&["customer", "link", "--email", ANA]);
    let (status, found) = portal(after, link["url"].as_str().unwrap(), "/tickets").await;
    assert_eq!((status, &found), (StatusCode::OK, tickets), "the same tickets by a new link");
    let ticket = reqwest::Client::new()
        .get(after.url(&format!("/api/v1/tickets/{}", before.reference)))
        .bearer_auth(&before.key);
    assert_eq!(ticket.send().await.unwrap().status(), StatusCode::OK, "keys work on");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let list = after.cli(&["outbox", "list", "--state", "held"]);
    let mails = list["items"].as_array().unwrap();
    assert_eq!(mails.len() as i64, held, "none was sent by itself: {list}");
    assert_eq!((&mails[0]["to"], &mails[0]["ticket"]), (&json!(ANA), &json!(before.reference)));
    let id = mails[0]["id"].as_str().unwrap();
    assert_eq!(after.cli(&["outbox", "retry", id])["state"], "queued");
    wait_for("the mail to be sent", || {
        let sent = after.cli(&["outbox", "list", "--state", "sent"]);
        (sent["items"].as_array().unwrap().iter().any(|mail| mail["id"] == id)).then_some(())
    });
    assert_eq!(after.cli(&["outbox", "give-up", "--all-held"])["given_up"], held - 1);
}

#[test]
fn a_backup_appears_whole_for_its_owner_alone_and_replaces_nothing_unasked() {
    let doorkey = Doorkey::prepare(&[]);
    doorkey.cli(&["customer", "add", "--email", ANA]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("back up?#%.db");
    assert_eq!(last(&doorkey), None);
    let said = doorkey.cli(&["backup", text(&file)]);
    assert_eq!(said["bytes"], fs::metadata(&file).unwrap().len());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let at = last(&doorkey).expect("it is noted");
    assert_eq!(said["at"], at);
    let first = fs::read(&file).unwrap();
    let refused = doorkey.try_cli(&["backup", text(&file)]);
    let words = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(1) && words.contains("--replace"), "{words}");
    assert_eq!(fs::read(&file).unwrap(), first);
    doorkey.cli(&["customer", "add", "--email", "luc@example.net"]);
    doorkey.cli(&["backup", "--replace", text(&file)]);
    assert_ne!(fs::read(&file).unwrap(), first);
    assert!(last(&doorkey) > Some(at));
    assert_eq!(names_in(folder.path()), ["back up?#%.db"], "nothing is left beside it");
}

fn names_in(folder: &Path) -> Vec<String> {
    let each = fs::read_dir(folder).unwrap();
    each.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// When the last good backup was made.
fn last(doorkey: &Doorkey) -> Option<String> {
    let settings = DatabaseSettings::new(doorkey.database_url());
    let asked = async move {
        let db = Db::open(&settings).await?;
        let last: Result<_, Error> = db.read(backups::last).await;
        db.close().await;
        last
    };
    let last = tokio::runtime::Runtime::new().unwrap().block_on(asked).unwrap();
    last.map(doorkey::clock::Millis::rfc3339)
}

#[test]
fn a_backup_that_cannot_be_made_says_why_and_leaves_nothing() {
    let doorkey = Doorkey::prepare(&[]);
    doorkey.cli(&["customer", "add", "--email", ANA]);
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no/such/folder/backup.db");
    for (file, code, words) in
        [(missing.as_path(), 1, "is not there; make it"), (folder.path(), 2, "is a folder")]
    {
        let output = doorkey.try_cli(&["backup", text(file)]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(words), "{said}");
    }
    let nowhere = url_of(&folder.path().join("none.db"));
    let target = folder.path().join("backup.db");
    let output = doorkey.try_cli(&["backup", text(&target), "--database-url", &nowhere]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("no database at"), "{said}");
    assert!(names_in(folder.path()).is_empty());
    assert_eq!(last(&doorkey), None);
}

#[test]
fn a_backup_that_was_killed_leaves_no_file_of_that_name() {
    let doorkey = Doorkey::prepare(&[("DOORKEY_LOG", "warn")]);
    doorkey.cli(&["generate", "--customers", "50", "--tickets", "2000"]);
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut broken_off = 0;
    for pause in [10, 30, 60, 100, 150, 200, 300] {
        let file = folder.path().join(format!("{pause}.db"));
        let mut process = Process::start(doorkey.command().args(["backup", text(&file)]));
        std::thread::sleep(Duration::from_millis(pause));
        broken_off += usize::from(process.0.try_wait().unwrap().is_none());
        drop(process);
        if file.exists() {
            runtime.block_on(verify(&file)).expect("what has its name is good");
        }
    }
    assert!(broken_off > 0, "none was under way when it was killed");
    doorkey.cli(&["backup", text(&folder.path().join("whole.db"))]);
}

/// A good backup of a little, in `folder`.
fn small_backup(folder: &Path) -> (Doorkey, PathBuf) {
    let doorkey = Doorkey::prepare(&[("DOORKEY_LOG", "warn")]);
    doorkey.cli(&["generate", "--customers", "5", "--tickets", "200"]);
    let file = folder.join("good.db");
    doorkey.cli(&["backup", text(&file)]);
    (doorkey, file)
}

#[test]
fn a_database_that_is_newer_is_backed_up_and_not_restored() {
    let folder = tempfile::tempdir().unwrap();
    let doorkey = Doorkey::prepare(&[("DOORKEY_LOG", "warn")]);
    doorkey.cli(&["generate", "--customers", "5", "--tickets", "20"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let later = "INSERT INTO migrations (name, applied_at) VALUES ('9999_later', 1)";
    runtime.block_on(run_sql(&doorkey.database_url(), later));
    let file = folder.path().join("newer.db");
    if db::sqlite_file(&doorkey.database_url()).is_none() {
        // A copy out of PostgreSQL would lack what this program does not know.
        let said = doorkey.try_cli(&["backup", text(&file)]).stderr;
        assert!(String::from_utf8_lossy(&said).contains("9999_later") && !file.exists());
        return;
    }
    assert_eq!(doorkey.cli(&["backup", text(&file)])["file"], text(&file));
    let target = url_of(&folder.path().join("new/doorkey.db"));
    let output = doorkey.try_cli(&["restore", text(&file), "--database-url", &target]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(1) && said.contains("newer Doorkey (9999_later)"),
        "{said}"
    );
}

#[test]
fn what_is_no_good_backup_is_refused_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let (doorkey, good) = small_backup(folder.path());
    let whole = fs::read(&good).unwrap();
    let put = |name: &str, content: &[u8]| {
        let file = folder.path().join(name);
        fs::write(&file, content).unwrap();
        file
    };
    let page = 4096;
    let mut holed = whole.clone();
    let middle = whole.len() / page / 2 * page;
    holed[middle..middle + page].fill(0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let newer = put("newer.db", &whole);
    let later = "INSERT INTO migrations (name, applied_at) VALUES ('9999_later', 1)";
    runtime.block_on(run_sql(&url_of(&newer), later));
    let stray = put("stray.db", &whole);
    orphan(&stray);
    let database = folder.path().join("database.db");
    doorkey.cli(&["copy", "--from", &url_of(&good), "--to", &url_of(&database)]);
    let cases = [
        (put("half.db", &whole[..whole.len() / 2]), "damaged"),
        (put("holed.db", &holed), "damaged"),
        (stray, "refer to rows not there"),
        (put("empty.db", b""), "it is empty"),
        (put("letter.txt", b"Dear customer, this is no database at all."), "no SQLite file"),
        (database, "doorkey backup makes backups"),
        (newer, "newer Doorkey (9999_later)"),
        (folder.path().join("missing.db"), "it is not there"),
        (folder.path().to_owned(), "it is a folder"),
    ];
    for (file, words) in &cases {
        let place = folder.path().join("new/doorkey.db");
        let target = url_of(&place);
        let output = doorkey.try_cli(&["restore", text(file), "--database-url", &target]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{file:?}: {said}");
        assert!(said.contains(words) && said.contains("cannot be restored"), "{file:?}: {said}");
        assert!(!place.exists(), "{file:?}");
    }
}

/// Makes an entry of a ticket that is not there. Doorkey's own connections do not let it happen.
fn orphan(file: &Path) {
    let status = std::process::Command::new("/usr/bin/python3")
        .args(["-c", "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); \
            c.execute('UPDATE entries SET ticket_id = 1 WHERE id = (SELECT max(id) FROM entries)'); \
            c.commit()", text(file)])
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn a_database_in_use_is_not_restored_over() {
    let folder = tempfile::tempdir().unwrap();
    let (doorkey, good) = small_backup(folder.path());
    let output = doorkey.try_cli(&["restore", text(&good)]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("not empty"), "{said}");
    assert!(said.contains("its table customers"), "{said}");
}

#[test]
fn what_a_lost_database_left_behind_is_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let (doorkey, good) = small_backup(folder.path());
    let place = folder.path().join("lost");
    fs::create_dir(&place).unwrap();
    fs::write(place.join("doorkey.db-wal"), b"of another database").unwrap();
    fs::write(place.join("doorkey.db-shm"), b"of another database").unwrap();
    let target = url_of(&place.join("doorkey.db"));
    let output = doorkey
        .command()
        .args(["restore", text(&good), "--database-url", &target])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("tickets") && said.contains("doorkey serve"), "{said}");
    let mut names = names_in(&place);
    names.sort();
    assert_eq!(names, ["doorkey.db", "doorkey.db-shm.stale", "doorkey.db-wal.stale"]);
    assert_eq!(fs::read(place.join("doorkey.db-wal.stale")).unwrap(), b"of another database");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let count = runtime.block_on(rows::<i64>(&target, "SELECT count(*) FROM tickets")).unwrap();
    assert_eq!(count, [200]);
}
