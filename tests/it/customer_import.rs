//! `doorkey customer import`: what a person or a script gets for a file of customers.

use std::io::Write as _;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::real::doorkey::Doorkey;

const GOOD: &str = "Name;E-Mail\n";

struct Desk {
    doorkey: Doorkey,
    files: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { doorkey: Doorkey::prepare(&[]), files: tempfile::tempdir().unwrap() };
        desk.doorkey.cli(&["migrate"]);
        desk
    }

    fn import(&self, file: impl AsRef<[u8]>, flags: &[&str]) -> Output {
        let path = self.files.path().join("customers.csv");
        std::fs::write(&path, file).unwrap();
        let mut command = self.doorkey.command();
        command.args(["customer", "import"]).arg(path).args(flags).output().unwrap()
    }

    /// The answer in JSON and the exit code.
    fn ask(&self, file: impl AsRef<[u8]>, flags: &[&str]) -> (Value, Option<i32>) {
        let output = self.import(file, &[flags, &["--json"]].concat());
        let answer = serde_json::from_slice(&output.stdout);
        (answer.unwrap_or_else(|error| panic!("{error}: {output:?}")), output.status.code())
    }

    /// What is known of a customer, who is shut out by the way.
    fn disable(&self, email: &str) -> Value {
        self.doorkey.cli(&["customer", "disable", "--email", email])
    }
}

fn report(dry_run: bool, added: u64, existing: u64) -> Value {
    json!({ "dry_run": dry_run, "added": added, "existing": existing, "bad": [] })
}

#[test]
fn customers_are_added_once_and_known_ones_stay_as_they_are() {
    let desk = Desk::new();
    desk.doorkey.cli(&["customer", "add", "--email", "ana@b.example", "--name", "Ana Costa"]);
    let file = "\u{feff}Company;EMAIL;phone;notes;name\r\n\
        Café Lumen;ANA@b.example;1;;Somebody\r\n\
        \"Müller; Söhne\";zoë@b.example;+49 1;\"two\r\nlines\";Zoë 😀\r\n;;;;\r\n";
    assert_eq!(desk.ask(file, &["--dry-run"]), (report(true, 1, 1), Some(0)));
    assert_eq!(desk.ask(file, &[]), (report(false, 1, 1), Some(0)));
    assert_eq!(desk.ask(file, &[]), (report(false, 0, 2), Some(0)));
    let zoe = desk.disable("zoë@b.example");
    assert_eq!(
        [&zoe["name"], &zoe["company"], &zoe["phone"], &zoe["notes"]],
        ["Zoë 😀", "Müller; Söhne", "+49 1", "two\nlines"]
    );
    let ana = desk.disable("ana@b.example");
    assert_eq!([&ana["name"], &ana["company"], &ana["phone"]], ["Ana Costa", "", ""]);
}

#[test]
fn a_table_comes_through_a_pipe_as_well() {
    let desk = Desk::new();
    let mut command = desk.doorkey.command();
    command.args(["customer", "import", "-", "--json"]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"email\nana@b.example\nben@b.example\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((answer, output.status.code()), (report(false, 2, 0), Some(0)));
}

const MIXED: &str = "email,name\n\
    ana@b.example,Ana\n\
    nobody,Nobody\n\
    ANA@b.example,Ana again\n\
    ben@b.example,Ben,extra\n\
    ,\n\
    cleo@b.example,Cleo\n";

#[test]
fn bad_lines_are_named_and_nothing_is_changed_unless_they_are_to_be_skipped() {
    let desk = Desk::new();
    let expected = json!([
        { "line": 3, "field": "email", "code": "malformed",
          "message": "This does not look like an e-mail address, such as name@example.com.",
          "found": "nobody" },
        { "line": 4, "field": "email", "code": "taken",
          "message": "This address stands on line 2 already.", "found": "ANA@b.example" },
        { "line": 5, "field": "", "code": "malformed",
          "message": "This line has 3 cells where the header has 2. A text that holds the \
            delimiter or a quotation mark must stand in quotation marks.",
          "found": "ben@b.example, Ben, extra" },
    ]);
    let (found, code) = desk.ask(MIXED, &["--dry-run"]);
    assert_eq!((&found["bad"], &found["added"], code), (&expected, &json!(2), Some(1)));
    let (found, code) = desk.ask(MIXED, &[]);
    assert_eq!((&found["bad"], &found["added"], code), (&expected, &json!(0), Some(1)));
    let words = desk.import(MIXED, &[]);
    let (out, errors) =
        (String::from_utf8_lossy(&words.stdout), String::from_utf8_lossy(&words.stderr));
    assert_eq!(out.lines().count(), 3, "{out}");
    assert!(out.starts_with("line 3, email: This does not look like"), "{out}");
    assert!(out.contains("name@example.com. It says “nobody”."), "{out}");
    assert!(errors.contains("3 lines are bad; nothing was changed."), "{errors}");
    let (found, code) = desk.ask(MIXED, &["--skip-bad"]);
    assert_eq!((&found["bad"], &found["added"], code), (&expected, &json!(2), Some(0)));
    let (found, _) = desk.ask(MIXED, &["--dry-run"]);
    assert_eq!((&found["added"], &found["existing"]), (&json!(0), &json!(2)));
}

#[test]
fn a_file_that_is_no_table_of_customers_is_refused_with_the_reason() {
    let desk = Desk::new();
    for (file, reason) in [
        (&b""[..], "line 1, email: There is no column of this name"),
        (GOOD.as_bytes(), "line 1, E-Mail: The column \"E-Mail\" is not known. The first line"),
        (b"email,fax\na@b.example,1\n", "line 1, fax: The column \"fax\" is not known."),
        (b"em\xE9ail\na@b.example\n", "line 1: Byte 3 of this line is not UTF-8."),
        (b"\xFF\xFEe\0m\0", "It looks like UTF-16."),
    ] {
        for flags in [&["--skip-bad"][..], &["--dry-run"], &[]] {
            let output = desk.import(file, flags);
            let out = String::from_utf8_lossy(&output.stdout);
            assert!(out.contains(reason), "{reason}: {output:?}");
            assert_eq!(output.status.code(), Some(1), "{output:?}");
        }
    }
    let missing = desk.doorkey.try_cli(&["customer", "import", "nowhere.csv"]);
    let errors = String::from_utf8_lossy(&missing.stderr);
    assert!(errors.contains("doorkey: nowhere.csv: No such file"), "{errors}");
    assert_eq!(missing.status.code(), Some(1));
}

#[test]
fn a_dry_run_names_every_line_that_is_not_utf8_and_counts_the_good_ones() {
    let desk = Desk::new();
    let file =
        b"email,name\na@b.example,Jos\xE9\nb@b.example,Bo\n\xFFc@b.example,Cy\nd@b.example,D\n";
    let (answer, code) = desk.ask(file, &["--dry-run"]);
    assert_eq!((&answer["added"], code), (&json!(2), Some(1)));
    let lines: Vec<u64> =
        answer["bad"].as_array().unwrap().iter().map(|bad| bad["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [2, 4]);
    assert!(answer["bad"][0]["message"].as_str().unwrap().starts_with("Byte 16 of this line"));
    let (answer, code) = desk.ask(file, &[]);
    assert_eq!((&answer["added"], code), (&json!(0), Some(1)), "one bad line holds all back");
    let (answer, code) = desk.ask(file, &["--skip-bad"]);
    assert_eq!((&answer["added"], code), (&json!(2), Some(0)));
}

#[test]
fn a_minus_reads_standard_input() {
    let desk = Desk::new();
    let mut command = desk.doorkey.command();
    command.args(["customer", "import", "-", "--json"]);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"email\nana@b.example\n").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer, report(false, 1, 0));
}
