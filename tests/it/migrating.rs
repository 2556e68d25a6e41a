//! The queries of docs/migrating on databases like those they are for: Zammad's on the PostgreSQL of the
//! tests, the others' on a MariaDB of their own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::real::doorkey::Doorkey;
use crate::real::mariadb::MariaDb;
use crate::real::postgres::Postgres;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn psql(database: &Postgres, file: &str) -> Vec<u8> {
    let done = Command::new("psql")
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"])
        .arg("--dbname")
        .arg(database.url())
        .arg("--file")
        .arg(here(file))
        .output()
        .expect("psql, PostgreSQL's own client");
    assert!(done.status.success(), "{file}: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// JSON objects, one a line.
fn objects(text: &[u8]) -> Vec<Value> {
    let text = String::from_utf8(text.to_vec()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The lines of an export, of one type.
fn of_type<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

/// A Doorkey and what a query wrote.
struct Move {
    doorkey: Doorkey,
    files: tempfile::TempDir,
}

impl Move {
    fn of(lines: &[u8]) -> Self {
        let files = tempfile::tempdir().unwrap();
        std::fs::write(files.path().join("lines.jsonl"), lines).unwrap();
        Self { doorkey: Doorkey::prepare(&[]), files }
    }

    fn import(&self) -> Output {
        let mut command = self.doorkey.command();
        command.arg("import").arg(self.files.path().join("lines.jsonl")).arg("--json");
        command.output().unwrap()
    }

    /// Imports, sees that one ticket alone is refused, that of somebody without an address, and that
    /// so many of everything came; answers what Doorkey has then.
    fn expect(&self, source: &str, [staff, customers, tickets, entries]: [u64; 4]) -> Vec<Value> {
        let done = self.import();
        let told = objects(&done.stdout);
        let bad = of_type(&told, "bad");
        assert_eq!(bad.len(), 1, "only the ticket of somebody without an address: {done:?}");
        assert_eq!(bad[0]["field"], "customer");
        let end = told.last().unwrap();
        assert_eq!(
            [&end["source"], &end["staff"], &end["customers"], &end["tickets"], &end["entries"]],
            [&json!(source), &json!(staff), &json!(customers), &json!(tickets), &json!(entries)]
        );
        let out = objects(&self.doorkey.command().arg("export").output().unwrap().stdout);
        let again = objects(&self.import().stdout);
        let again = again.last().unwrap();
        assert_eq!((&again["tickets"], &again["known_tickets"]), (&json!(0), &json!(tickets)));
        out
    }
}

#[test]
fn zammad_moves_in_with_its_internal_notes_internal() {
    let Some(zammad) = Postgres::create() else { return };
    psql(&zammad, "tests/it/migrating/zammad.sql");
    let lines = psql(&zammad, "docs/migrating/zammad.sql");
    let out = Move::of(&lines).expect("zammad", [2, 2, 3, 6]);
    people_are_who_they_were(&out, "2020-01-01T10:00:00.500Z", "kim", "Pays late");
    tickets_are(
        &out,
        [
            ["Camera 3 is black (#67001)", "closed", "high", "CCTV"],
            ["New (#67002)", "open", "low", "Users"],
            ["Waiting (#67003)", "in_progress", "medium", "Users"],
        ],
    );
    timeline_is(
        &out,
        &[
            "created public system - - 2020-03-01T09:00:00.125Z",
            r#"note internal staff "Dana Réyes" "Seen on patrol." 2020-03-01T09:00:00.125Z"#,
            r#"note public staff "Dana Réyes" "We come\nat two." 2020-03-01T09:30:00.000Z"#,
            r#"reply public customer "Ana Costa" "Good.\n\n  Code \\n \"7\"" 2020-03-01T09:40:00.000Z"#,
            r#"note public system - "Your ticket was closed." 2020-03-05T09:00:00.000Z"#,
            "status_changed public system - - 2020-03-05T09:00:00.250Z",
            "created public system - - 2020-03-02T09:00:00.000Z",
            "created public system - - 2020-03-03T09:00:00.000Z",
            r#"note internal staff "kim" "Only for us" 2020-03-03T09:00:00.000Z"#,
            r#"note internal customer "Ana Costa" "Customer, marked internal" 2020-03-03T09:10:00.000Z"#,
            "status_changed public system - - 2020-03-03T09:00:00.000Z",
        ],
    );
}

/// Its times are those of the server's zone, two hours before UTC's here.
#[test]
fn osticket_moves_in_with_its_internal_notes_internal() {
    let Some(server) = MariaDb::start() else { return };
    server.fill("osticket", &here("tests/it/migrating/osticket.sql"));
    let lines = server.run("osticket", &here("docs/migrating/osticket.sql"));
    let out = Move::of(&lines).expect("osticket", [2, 2, 3, 5]);
    people_are_who_they_were(&out, "2020-01-01T10:00:00.000Z", "kim", "");
    tickets_are(
        &out,
        [
            ["Camera 3 is black (#482913)", "closed", "high", "CCTV"],
            ["New (#482914)", "open", "low", "Users"],
            ["Waiting (#482915)", "in_progress", "medium", "Users"],
        ],
    );
    timeline_is(
        &out,
        &[
            "created public system - - 2020-03-01T09:00:00.000Z",
            r#"note internal staff "Dana Réyes" "Seen on patrol." 2020-03-01T09:00:00.000Z"#,
            r#"note public staff "Dana Réyes" "We come\nat two." 2020-03-01T09:30:00.000Z"#,
            r#"reply public customer "Ana Costa" "Good.\n\n  Code \\n \"7\"" 2020-03-01T09:40:00.000Z"#,
            r#"note public system "SYSTEM" "Your ticket was closed." 2020-03-05T09:00:00.000Z"#,
            "status_changed public system - - 2020-03-05T09:00:00.000Z",
            "created public system - - 2020-03-02T09:00:00.000Z",
            "created public system - - 2020-03-03T09:00:00.000Z",
            r#"note internal staff "kim" "Only for us" 2020-03-03T09:00:00.000Z"#,
            "status_changed public system - - 2020-03-03T09:00:00.000Z",
        ],
    );
}

#[test]
fn freescout_moves_in_with_its_internal_notes_internal() {
    let Some(server) = MariaDb::start() else { return };
    server.fill("freescout", &here("tests/it/migrating/freescout.sql"));
    let lines = server.run("freescout", &here("docs/migrating/freescout.sql"));
    let out = Move::of(&lines).expect("freescout", [2, 2, 3, 5]);
    people_are_who_they_were(&out, "2020-01-01T10:00:00.000Z", "kim@rfs.example", "Pays late");
    tickets_are(
        &out,
        [
            ["Camera 3 is black (#67001)", "closed", "medium", "CCTV"],
            ["New (#67002)", "open", "medium", "Users"],
            ["Waiting (#67003)", "in_progress", "medium", "Users"],
        ],
    );
    timeline_is(
        &out,
        &[
            "created public system - - 2020-03-01T09:00:00.000Z",
            r#"note internal staff "Dana Réyes" "Seen on patrol." 2020-03-01T09:00:00.000Z"#,
            r#"note public staff "Dana Réyes" "We come\nat two." 2020-03-01T09:30:00.000Z"#,
            r#"reply public customer "Ana Costa" "Good.\n\nCode \\n \"7\"" 2020-03-01T09:40:00.000Z"#,
            r#"note public staff - "From a colleague who left" 2020-03-05T09:01:00.000Z"#,
            "status_changed public system - - 2020-03-05T09:00:00.000Z",
            "created public system - - 2020-03-02T09:00:00.000Z",
            "created public system - - 2020-03-03T09:00:00.000Z",
            r#"note internal staff "kim@rfs.example" "Only for us" 2020-03-03T09:00:00.000Z"#,
            "status_changed public system - - 2020-03-03T09:00:00.000Z",
        ],
    );
}

fn people_are_who_they_were(out: &[Value], created_at: &str, kim: &str, notes: &str) {
    let staff = of_type(out, "staff");
    let said =
        |person: &Value| format!("{} {} {}", person["name"], person["role"], person["active"]);
    assert_eq!(said(staff[0]), r#""Dana Réyes" "admin" true"#);
    assert_eq!(said(staff[1]), format!(r#""{kim}" "technician" false"#));
    let ana = of_type(out, "customer")[0];
    let known = ["name", "company", "phone", "notes", "created_at"]
        .map(|field| ana[field].as_str().unwrap_or_default());
    assert_eq!(known, ["Ana Costa", "Café Lumen", "+351 210 000 000", notes, created_at]);
}

/// The tickets by subject, status, priority and category; and what they say, which is the same in
/// each of the databases.
fn tickets_are(out: &[Value], expected: [[&str; 4]; 3]) {
    let tickets = of_type(out, "ticket");
    let said = |ticket: &Value| {
        ["subject", "status", "priority", "category"]
            .map(|field| ticket[field].as_str().unwrap().to_owned())
    };
    assert_eq!(tickets.iter().map(|it| said(it)).collect::<Vec<_>>(), expected);
    assert_eq!(tickets[0]["description"], "Since the storm — 😀\n\n- front\n- back <left> &amp;");
    assert_eq!(tickets[1]["description"], format!("{} […]", "ö".repeat(19_900)));
    assert_eq!(tickets[2]["description"], "(no text)", "an internal text is no description");
}

/// Every entry as `kind visibility by author body at`, a dash for what is not there.
fn timeline_is(out: &[Value], expected: &[&str]) {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let text = |value: &Value| if value.is_null() { "-".to_owned() } else { value.to_string() };
    let said = |it: &&Value| {
        let [kind, visibility, by, at] = ["kind", "visibility", "by", "at"].map(|of| word(&it[of]));
        format!("{kind} {visibility} {by} {} {} {at}", text(&it["author"]), text(&it["body"]))
    };
    let timeline: Vec<String> = of_type(out, "entry").iter().map(said).collect();
    assert_eq!(timeline, expected);
}
