//! `doorkey export` and `doorkey import` as a person or a script runs them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::real::doorkey::Doorkey;

/// A Doorkey of its own and a folder for files.
struct Place {
    doorkey: Doorkey,
    files: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { doorkey: Doorkey::prepare(&[]), files: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn import(&self, file: &Path, flags: &[&str]) -> Output {
        self.doorkey.command().arg("import").arg(file).args(flags).output().unwrap()
    }

    fn export(&self) -> String {
        let output = self.doorkey.command().arg("export").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

/// The JSON objects that were printed, one a line.
fn objects(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_example_in_the_documentation_is_imported_and_exported_again() {
    let example = std::fs::read_to_string(docs("export-example.jsonl")).unwrap();
    let described = std::fs::read_to_string(docs("EXPORT.md")).unwrap();
    for line in example.lines() {
        assert!(described.contains(line), "docs/EXPORT.md shows the file as it is: {line}");
    }
    let place = Place::new();
    let done = place.import(&docs("export-example.jsonl"), &["--json"]);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let expected = json!({
        "type": "done", "dry_run": false, "source": "doorkey", "settings": 1,
        "known_settings": 0, "staff": 1, "known_staff": 0,
        "customers": 1, "known_customers": 0, "tickets": 1, "grown_tickets": 0,
        "known_tickets": 0, "kept_tickets": 0, "entries": 8, "bad": 0, "unknown_categories": [],
    });
    assert_eq!(objects(&done), [expected]);
    assert_eq!(place.export(), example);
    if place.doorkey.database_url().starts_with("postgres") {
        let known = "SELECT CAST(reltuples AS BIGINT) FROM pg_class WHERE relname = 'tickets'";
        let known = crate::generate::number(&place.doorkey, known);
        assert_eq!(known, 1, "PostgreSQL plans by what there is");
    }
}

#[test]
fn an_export_goes_through_a_file_or_a_pipe_into_another_doorkey() {
    let (here, there) = (Place::new(), Place::new());
    here.import(&docs("export-example.jsonl"), &[]);
    let file = here.file("company.jsonl");
    std::fs::write(&file, "what was there before").unwrap();
    let done = here.doorkey.cli(&["export", file.to_str().unwrap(), "--replace"]);
    assert_eq!(
        done,
        json!({ "settings": 1, "staff": 1, "customers": 1, "tickets": 1, "entries": 8 })
    );
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(written, here.export());
    assert_eq!(
        std::fs::read_dir(here.files.path()).unwrap().count(),
        1,
        "nothing is left beside it"
    );
    let mut piped = there.doorkey.command();
    piped.args(["import", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    child.stdin.take().unwrap().write_all(written.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        said(&output.stdout),
        "Imported: 1 member of staff, 1 customer, 1 ticket, 8 entries, 1 setting. Tickets that \
         grow: 0; here before: 0.\n"
    );
    assert_eq!(there.export(), written);
}

#[test]
fn bad_lines_are_printed_and_the_rest_is_imported_unless_it_is_a_dry_run() {
    let place = Place::new();
    let file = place.file("old.jsonl");
    let lines = [
        r#"{"type":"doorkey","version":1,"source":"old"}"#,
        r#"{"type":"customer","id":"1","email":"ana@example.com"}"#,
        r#"{"type":"customer","id":"2","email":"ben"}"#,
        r#"{"type":"ticket","id":"482913","customer":"1","subject":"S","description":"D","category":"Fax",
            "status":"open","created_at":"2020-01-01T00:00:00Z"}"#,
        r#"{"type":"end"}"#,
    ];
    std::fs::write(&file, lines.join("\n").replace(",\n  ", ",")).unwrap();
    place.doorkey.cli(&["migrate"]);
    let tried = place.import(&file, &["--dry-run"]);
    assert_eq!(tried.status.code(), Some(1), "{tried:?}");
    assert_eq!(
        said(&tried.stdout).lines().collect::<Vec<_>>(),
        [
            "line 3, email: This does not look like an e-mail address, such as name@example.com.",
            "To be imported: 0 members of staff, 1 customer, 1 ticket, 0 entries. Tickets that grow: 0; here before: 0.",
        ]
    );
    assert!(said(&tried.stderr).contains("1 mistake was found; nothing was changed."), "{tried:?}");
    assert_eq!(place.export().lines().count(), 2, "the first line and the last");
    let done = place.import(&file, &["--json"]);
    let told = objects(&done);
    assert_eq!((done.status.code(), told.len()), (Some(1), 3), "{done:?}");
    assert_eq!(
        (&told[0]["type"], &told[0]["line"], &told[0]["field"]),
        (&json!("bad"), &json!(3), &json!("email"))
    );
    assert_eq!((&told[1]["type"], &told[1]["ticket"]), (&json!("reference"), &json!("482913")));
    assert_eq!((&told[2]["source"], &told[2]["tickets"]), (&json!("old"), &json!(1)));
    assert_eq!(told[2]["unknown_categories"], json!(["Fax"]));
    assert!(place.export().contains(told[1]["reference"].as_str().unwrap()));
    let other = place.import(&file, &["--source", "older", "--json"]);
    let other = objects(&other).pop().unwrap();
    assert_eq!(
        (&other["tickets"], &other["known_customers"]),
        (&json!(1), &json!(1)),
        "another's ids"
    );
}

#[test]
fn a_file_that_was_cut_off_is_refused_before_anything_is_imported() {
    let example = std::fs::read_to_string(docs("export-example.jsonl")).unwrap();
    let lines: Vec<&str> = example.lines().collect();
    let place = Place::new();
    place.doorkey.cli(&["migrate"]);
    let empty = place.export();
    let last = lines.len() - 1;
    for cut in [
        lines[..last].join("\n"),
        lines[..6].join("\n") + "\n\n",
        lines[..1].join("\n"),
        example[..example.len() - 10].to_owned(),
    ] {
        let file = place.file("cut.jsonl");
        std::fs::write(&file, &cut).unwrap();
        for flags in [&[][..], &["--dry-run"]] {
            let refused = place.import(&file, flags);
            let words = said(&refused.stderr);
            assert_eq!(refused.status.code(), Some(1), "{words}");
            let name = file.display();
            assert!(
                words.starts_with(&format!("doorkey: {name} seems to be cut off: ")),
                "{words}"
            );
            assert!(words.contains(r#"add {"type":"end"}"#), "{words}");
            assert!(words.contains(". Nothing was "), "{words}");
            assert_eq!(said(&refused.stdout), "");
        }
        assert_eq!(place.export(), empty, "nothing is half done");
    }
    std::fs::write(place.file("cut.jsonl"), lines[..last].join("\n") + "\n{\"type\":\"end\"}")
        .unwrap();
    let done = place.import(&place.file("cut.jsonl"), &[]);
    assert_eq!(done.status.code(), Some(0), "a last line need not count: {done:?}");
    assert_eq!(place.export(), example);
}

/// A pipe cannot be looked at before it is read: what was whole before the cut is kept, the ticket at
/// the cut is not.
#[test]
fn a_pipe_that_is_cut_off_fails_and_the_whole_file_goes_on_from_there() {
    let place = Place::new();
    let mut lines = vec![r#"{"type":"doorkey","version":1}"#.to_owned()];
    let customer =
        |id: usize| format!(r#"{{"type":"customer","id":"{id}","email":"c{id}@b.example"}}"#);
    lines.extend((0..1_500).map(customer));
    lines.push(
        r#"{"type":"ticket","id":"1","customer":"0","subject":"S","description":"D","status":"open","created_at":"2020-01-01T00:00:00Z"}"#
            .to_owned(),
    );
    let pipe = |text: &str| {
        let mut command = place.doorkey.command();
        command.args(["import", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let cut = pipe(&lines.join("\n"));
    let words = said(&cut.stderr);
    assert_eq!(cut.status.code(), Some(1), "{words}");
    assert!(words.contains("standard input seems to be cut off"), "{words}");
    let stays = "was imported (1,000 customers, 0 tickets); the whole file goes on from there";
    assert!(words.contains(stays), "{words}");
    let kept = place.export();
    assert!(!kept.contains(r#""type":"ticket""#), "a ticket at the cut may lack entries");
    assert_eq!(kept.lines().count(), 1_002, "the batch before the cut: 1,000 customers");
    lines.push(r#"{"type":"end","customers":1500,"tickets":1}"#.to_owned());
    let whole = pipe(&lines.join("\n"));
    assert_eq!(whole.status.code(), Some(0), "{}", said(&whole.stderr));
    assert_eq!(place.export().lines().count(), 1_504, "a ticket has its first entry");
}

#[test]
fn an_export_replaces_nothing_unasked_and_never_the_database() {
    let place = Place::new();
    let nothing = place.doorkey.try_cli(&["export", place.file("a.jsonl").to_str().unwrap()]);
    if place.doorkey.database_url().starts_with("sqlite:") {
        assert_eq!(nothing.status.code(), Some(1), "{nothing:?}");
        assert!(said(&nothing.stderr).contains("there is no database at"), "{nothing:?}");
        assert!(!place.doorkey.data_dir().join("doorkey.db").exists(), "none is made");
    }
    place.doorkey.cli(&["migrate"]);
    let file = place.file("company.jsonl");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "precious").unwrap();
    let refused = place.doorkey.try_cli(&["export", path]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(said(&refused.stderr).contains("--replace"), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    place.doorkey.cli(&["export", path, "--replace"]);
    assert!(std::fs::read_to_string(&file).unwrap().contains("\"end\""));
    let database = place.doorkey.data_dir().join("doorkey.db");
    if place.doorkey.database_url().starts_with("sqlite:") {
        for command in ["export", "backup"] {
            let over = [command, database.to_str().unwrap(), "--replace"];
            let refused = place.doorkey.try_cli(&over);
            assert_eq!(refused.status.code(), Some(2), "{refused:?}");
            assert!(said(&refused.stderr).contains("belongs to the database"), "{refused:?}");
        }
        let start = std::fs::read(&database).unwrap();
        assert!(start.starts_with(b"SQLite format 3"));
    }
}

#[test]
fn what_cannot_be_read_or_written_is_told() {
    let place = Place::new();
    let missing = place.file("missing/company.jsonl");
    place.doorkey.cli(&["migrate"]);
    for (arguments, code, words) in [
        (vec!["import", "nowhere.jsonl"], 1, "nowhere.jsonl: No such file"),
        (vec!["import", "."], 2, "FILE: . is a folder"),
        (vec!["import", "/dev/null"], 1, "line 1: There is nothing in it."),
        (vec!["export", missing.to_str().unwrap()], 1, "missing is not there; make it"),
        (vec!["export", "."], 2, "FILE: . is a folder"),
        (vec!["backup", missing.to_str().unwrap()], 1, "missing is not there; make it"),
        (vec!["backup", "."], 2, "FILE: . is a folder"),
        (vec!["backup", "-"], 2, "a pipe can be neither"),
        (vec!["restore", "-"], 2, "write it into a file first"),
        (vec!["restore", "."], 1, ". cannot be restored: it is a folder"),
        (vec!["restore", "/dev/null"], 1, "/dev/null cannot be restored: "),
        (vec!["export"], 2, "--json answers on standard output"),
    ] {
        let output = place.doorkey.try_cli(&arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        assert!(said(&output.stderr).contains(words), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
    }
}
