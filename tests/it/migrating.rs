//! The queries of docs/migrating on databases like those they are for. Zammad's runs on the
//! PostgreSQL of the tests; docs/MIGRATING.md says how the others were checked.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::real::doorkey::Doorkey;
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

/// The lines of an export, of one type.
fn of_type<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

#[test]
fn zammad_moves_in_with_its_internal_notes_internal() {
    let Some(zammad) = Postgres::create() else { return };
    psql(&zammad, "tests/it/migrating/zammad.sql");
    let lines = psql(&zammad, "docs/migrating/zammad.sql");
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("zammad.jsonl");
    std::fs::write(&file, &lines).unwrap();
    let doorkey = Doorkey::prepare(&[]);
    let import = || {
        let mut command = doorkey.command();
        command.arg("import").arg(&file).arg("--json").output().unwrap()
    };
    let done = import();
    let told: Vec<Value> = String::from_utf8(done.stdout.clone())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let bad = of_type(&told, "bad");
    assert_eq!(bad.len(), 1, "only the ticket of somebody without an address: {done:?}");
    assert_eq!(bad[0]["field"], "customer");
    let end = told.last().unwrap();
    assert_eq!(
        [&end["source"], &end["staff"], &end["customers"], &end["tickets"], &end["entries"]],
        [&json!("zammad"), &json!(2), &json!(2), &json!(3), &json!(6)]
    );
    let out = doorkey.command().arg("export").output().unwrap().stdout;
    let out: Vec<Value> = String::from_utf8(out)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    people_are_who_they_were(&out);
    tickets_say_what_they_said(&out);
    let again = import();
    let again: Value =
        serde_json::from_slice(again.stdout.rsplit(|it| *it == b'\n').nth(1).unwrap()).unwrap();
    assert_eq!((&again["tickets"], &again["known_tickets"]), (&json!(0), &json!(3)));
}

fn people_are_who_they_were(out: &[Value]) {
    let staff = of_type(out, "staff");
    let said =
        |person: &Value| format!("{} {} {}", person["name"], person["role"], person["active"]);
    assert_eq!(said(staff[0]), r#""Dana Réyes" "admin" true"#);
    assert_eq!(said(staff[1]), r#""kim" "technician" false"#);
    let ana = of_type(out, "customer")[0];
    assert_eq!(
        [&ana["name"], &ana["company"], &ana["phone"], &ana["notes"], &ana["created_at"]],
        ["Ana Costa", "Café Lumen", "+351 210 000 000", "Pays late", "2020-01-01T10:00:00.500Z"]
    );
}

fn tickets_say_what_they_said(out: &[Value]) {
    let tickets = of_type(out, "ticket");
    let said = |ticket: &Value| {
        ["subject", "status", "priority", "category"]
            .map(|field| ticket[field].as_str().unwrap().to_owned())
    };
    assert_eq!(said(tickets[0]), ["Camera 3 is black (#67001)", "closed", "high", "CCTV"]);
    assert_eq!(said(tickets[1]), ["New (#67002)", "open", "low", "Users"]);
    assert_eq!(said(tickets[2]), ["Waiting (#67003)", "in_progress", "medium", "Users"]);
    assert_eq!(tickets[0]["description"], "Since the storm — 😀\n\n- front\n- back <left> &amp;");
    assert_eq!(tickets[1]["description"], format!("{} […]", "ö".repeat(19_900)));
    assert_eq!(tickets[2]["description"], "(no text)", "an internal article is no description");
    let entries = of_type(out, "entry");
    let timeline: Vec<Value> = entries
        .iter()
        .map(|it| {
            json!([it["kind"], it["visibility"], it["by"], it["author"], it["body"], it["at"]])
        })
        .collect();
    let dana = "Dana Réyes";
    assert_eq!(
        timeline,
        [
            json!(["created", "public", "system", null, null, "2020-03-01T09:00:00.125Z"]),
            json!([
                "note",
                "internal",
                "staff",
                dana,
                "Seen on patrol.",
                "2020-03-01T09:00:00.125Z"
            ]),
            json!([
                "note",
                "public",
                "staff",
                dana,
                "We come\nat two.",
                "2020-03-01T09:30:00.000Z"
            ]),
            json!([
                "reply",
                "public",
                "customer",
                "Ana Costa",
                "Good.\n\n  Code \\n \"7\"",
                "2020-03-01T09:40:00.000Z"
            ]),
            json!([
                "note",
                "public",
                "system",
                null,
                "Your ticket was closed.",
                "2020-03-05T09:00:00.000Z"
            ]),
            json!(["status_changed", "public", "system", null, null, "2020-03-05T09:00:00.250Z"]),
            json!(["created", "public", "system", null, null, "2020-03-02T09:00:00.000Z"]),
            json!(["created", "public", "system", null, null, "2020-03-03T09:00:00.000Z"]),
            json!(["note", "internal", "staff", "kim", "Only for us", "2020-03-03T09:00:00.000Z"]),
            json!([
                "note",
                "internal",
                "customer",
                "Ana Costa",
                "Customer, marked internal",
                "2020-03-03T09:10:00.000Z"
            ]),
            json!(["status_changed", "public", "system", null, null, "2020-03-03T09:00:00.000Z"]),
        ]
    );
}
