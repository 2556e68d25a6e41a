//! Which commands make a database that is not there: those that may be the first on a new machine.
//! The others name the place and make nothing, since an empty database answers every question wrongly.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::real::doorkey::Doorkey;

/// A machine on which nothing was done yet, on SQLite whichever engine the tests run on.
struct NewMachine {
    doorkey: Doorkey,
    folder: TempDir,
}

impl NewMachine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("data/doorkey.db").display());
        Self { doorkey: Doorkey::prepare(&[("DOORKEY_DATABASE_URL", &url)]), folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("data/doorkey.db")
    }

    /// A file to import, of this name and text.
    fn with(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// What the command says to a person, and its exit code.
    fn say(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.doorkey.command().args(arguments).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }
}

const LINES: &str = "{\"type\":\"doorkey\",\"version\":1}\n{\"type\":\"end\"}\n";

#[test]
fn what_looks_or_needs_what_is_there_makes_no_database() {
    let machine = NewMachine::new();
    let lines = machine.with("old.jsonl", LINES);
    let table = machine.with("old.csv", "email\na@b.example\n");
    let backup = machine.with("a.db", "x");
    let id = "7340032000000000001";
    let commands: &[&[&str]] = &[
        &["staff", "list"],
        &["staff", "link", "--email", "a@b.example"],
        &["staff", "disable", "--email", "a@b.example"],
        &["staff", "enable", "--email", "a@b.example"],
        &["customer", "link", "--email", "a@b.example"],
        &["customer", "disable", "--email", "a@b.example"],
        &["customer", "enable", "--email", "a@b.example"],
        &["customer", "import", &table, "--dry-run"],
        &["api-key", "list"],
        &["api-key", "revoke", "x"],
        &["outbox", "list"],
        &["outbox", "retry", id],
        &["outbox", "give-up", id],
        &["outbox", "give-up", "--all-held"],
        &["import", &lines, "--dry-run"],
        &["export"],
        &["backup", &backup, "--replace"],
        &["copy", "--to", "sqlite:elsewhere.db"],
    ];
    for command in commands {
        let (code, said) = machine.say(command);
        assert_eq!(code, 1, "{command:?}: {said}");
        let path = machine.file().display().to_string();
        assert!(said.contains(&format!("there is no database at {path}; ")), "{command:?}: {said}");
        assert!(said.contains("doorkey migrate"), "{command:?}: {said}");
        assert!(!machine.file().parent().unwrap().exists(), "{command:?} makes nothing");
    }
    assert_eq!(std::fs::read_to_string(&backup).unwrap(), "x");
}

#[test]
fn a_relative_place_is_named_from_the_root() {
    let machine = NewMachine::new();
    let mut command = machine.doorkey.command();
    command.env("DOORKEY_DATABASE_URL", "sqlite:data/doorkey.db").current_dir(&machine.folder);
    let output = command.args(["staff", "list"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let here = machine.folder.path().canonicalize().unwrap();
    assert!(said.contains(&here.join("data/doorkey.db").display().to_string()), "{said}");
}

#[test]
fn what_may_come_first_makes_the_database_and_says_so_once() {
    let add = ["--email", "a@b.example"];
    let staff = [&["staff", "add"], &add[..], &["--name", "A", "--role", "admin"]].concat();
    let customer = [&["customer", "add"], &add[..]].concat();
    let ticket = [&["ticket", "add"], &add[..], &["--subject", "s", "--description", "d"]].concat();
    let key = vec!["api-key", "create", "--name", "x", "--role", "admin"];
    let places = NewMachine::new();
    let lines = places.with("old.jsonl", LINES);
    let table = places.with("old.csv", "email\na@b.example\n");
    let made_up = vec!["generate", "--customers", "1", "--tickets", "1"];
    let (import, customers) = (vec!["import", &lines], vec!["customer", "import", &table]);
    for command in [staff, customer, ticket, key, import, customers, made_up] {
        let machine = NewMachine::new();
        let (code, said) = machine.say(&command);
        assert_eq!(code, 0, "{command:?}: {said}");
        let words =
            format!("There was no database at {}: a new one was made.", machine.file().display());
        assert!(said.contains(&words), "{command:?}: {said}");
        let (code, said) = machine.say(&["staff", "list"]);
        assert_eq!((code, said.as_str()), (0, ""), "{command:?}");
    }
}
