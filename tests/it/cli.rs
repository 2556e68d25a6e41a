//! The commands that keep staff, customers, tickets and API keys: the binary as a person or a
//! script runs it, on the engine of the tests.

use std::fs::File;
use std::io::Write as _;
use std::process::{Output, Stdio};

use doorkey::db::{DatabaseSettings, Db, DbError};
use serde_json::{Value, json};

use crate::real::doorkey::Doorkey;

const ANA: &str = "ana@cafe-lumen.example";
const KIM: &str = "kim@rfs.example";
const ADD_ANA: &[&str] = &[
    "customer",
    "add",
    "--email",
    ANA,
    "--name",
    " Ana Costa ",
    "--phone",
    "+351 210 000 000",
    "--company",
    "Café Lumen",
];
const ADD_KIM: &[&str] =
    &["staff", "add", "--email", KIM, "--name", "Kim Park", "--role", "technician"];

fn set_up() -> Doorkey {
    Doorkey::prepare(&[("DOORKEY_PUBLIC_URL", "https://support.rfs.example")])
}

/// Runs a command as a person does, without `--json`.
fn run(doorkey: &Doorkey, arguments: &[&str]) -> Output {
    doorkey.command().args(arguments).output().unwrap()
}

/// What a person reads of a command that works.
fn say(doorkey: &Doorkey, arguments: &[&str]) -> String {
    let output = run(doorkey, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a command that does not work says: nothing on standard output, this exit code.
fn fail(doorkey: &Doorkey, arguments: &[&str], code: i32) -> String {
    let output = doorkey.try_cli(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// How many rows there are.
fn count(doorkey: &Doorkey, rows: &'static str) -> i64 {
    let settings = DatabaseSettings::new(doorkey.database_url());
    let counted = async move {
        let db = Db::open(&settings).await?;
        let sql = format!("SELECT COUNT(*) FROM {rows}");
        let number = db.read(move |tx| tx.one::<i64>(&sql, &[])).await?;
        db.close().await;
        Ok::<i64, DbError>(number)
    };
    tokio::runtime::Runtime::new().unwrap().block_on(counted).unwrap()
}

/// The fields without those that differ from run to run, which must be there as strings.
fn without_chance(mut object: Value, drawn: &[&str]) -> Value {
    for name in drawn {
        let value = object.as_object_mut().unwrap().remove(*name);
        assert!(value.as_ref().is_some_and(Value::is_string), "{name}: {value:?}");
    }
    object
}

#[test]
fn staff_are_added_listed_disabled_and_enabled() {
    let doorkey = set_up();
    let kim = json!({ "email": KIM, "name": "Kim Park", "role": "technician", "active": true });
    let added = doorkey.cli(ADD_KIM);
    assert!(added["id"].as_str().unwrap().parse::<i64>().is_ok());
    assert!(added["created_at"].as_str().unwrap().ends_with('Z'), "{added}");
    let link = added["url"].as_str().unwrap();
    let token = link.strip_prefix("https://support.rfs.example/admin/sign-in/link/").expect(link);
    assert_eq!(token.len(), 43, "{link}");
    let drawn = ["id", "created_at", "url", "expires_at"];
    assert_eq!(without_chance(added.clone(), &drawn), kim);
    doorkey.cli(&[
        "staff",
        "add",
        "--email",
        "lee@rfs.example",
        "--name",
        "Lee",
        "--role",
        "admin",
    ]);
    let disabled = doorkey.cli(&["staff", "disable", "--email", "KIM@rfs.example"]);
    assert_eq!((&disabled["id"], &disabled["active"]), (&added["id"], &json!(false)));
    let list = doorkey.cli(&["staff", "list"]);
    let names: Vec<&Value> =
        list["items"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["Kim Park", "Lee"]);
    assert_eq!(list["items"][0], disabled);
    let enabled = doorkey.cli(&["staff", "enable", "--email", KIM]);
    assert_eq!((&enabled["id"], &enabled["active"]), (&added["id"], &json!(true)));
    let words = say(&doorkey, &["staff", "list"]);
    assert!(words.starts_with("E-MAIL           NAME      ROLE        ACTIVE\n"), "{words}");
    assert!(words.contains("\nkim@rfs.example  Kim Park  technician  yes\n"), "{words}");
}

#[test]
fn staff_get_a_link_at_the_command_line_unless_they_are_disabled() {
    let doorkey = set_up();
    doorkey.cli(ADD_KIM);
    let link = ["staff", "link", "--email", "KIM@rfs.example"];
    let made = doorkey.cli(&link);
    without_chance(made.clone(), &["url", "expires_at"]);
    let words = say(&doorkey, &link);
    assert!(words.starts_with("https://support.rfs.example/admin/sign-in/link/"), "{words}");
    assert_ne!(words.trim_end(), made["url"].as_str().unwrap());
    assert_eq!(count(&doorkey, "staff_sign_ins"), 3);
    doorkey.cli(&["staff", "disable", "--email", KIM]);
    let refused = fail(&doorkey, &link, 1);
    assert_eq!(refused, "doorkey: --email: This member of staff is disabled and gets no link.\n");
}

#[test]
fn a_customer_is_added_once_and_linked_until_disabled() {
    let doorkey = set_up();
    let added = doorkey.cli(ADD_ANA);
    let ana = json!({
        "email": ANA, "name": "Ana Costa", "phone": "+351 210 000 000", "company": "Café Lumen",
        "notes": "", "active": true,
    });
    assert_eq!(without_chance(added.clone(), &["id", "created_at"]), ana);
    let link = &["customer", "link", "--email", "Ana@Cafe-Lumen.example"];
    let made = doorkey.cli(link);
    let url = made["url"].as_str().unwrap();
    let token = url.strip_prefix("https://support.rfs.example/portal#token=").expect(url);
    assert_eq!(token.len(), 43, "{url}");
    without_chance(made.clone(), &["id", "url", "expires_at"]);
    assert!(say(&doorkey, link).starts_with("https://support.rfs.example/portal#token="));
    let again = fail(&doorkey, &["customer", "add", "--email", "ANA@cafe-lumen.example"], 1);
    assert_eq!(again, "doorkey: --email: A customer with this e-mail address exists already.\n");
    let disabled = doorkey.cli(&["customer", "disable", "--email", ANA]);
    assert_eq!((&disabled["id"], &disabled["active"]), (&added["id"], &json!(false)));
    let refused = fail(&doorkey, link, 1);
    assert_eq!(refused, "doorkey: --email: This customer is inactive and gets no link.\n");
    assert_eq!(count(&doorkey, "links"), 2);
    assert_eq!(doorkey.cli(&["customer", "enable", "--email", ANA]), added);
    doorkey.cli(link);
}

#[test]
fn a_ticket_is_added_and_its_customer_linked_to_it() {
    let doorkey = set_up();
    doorkey.cli(ADD_KIM);
    let ticket = doorkey.cli(&[
        "ticket",
        "add",
        "--email",
        ANA,
        "--subject",
        "-5° in the server room",
        "--description",
        "It beeps.\nالإنذار 😀",
        "--priority",
        "urgent",
        "--category",
        "Alarm",
        "--assignee",
        KIM,
    ]);
    let reference = ticket["reference"].as_str().unwrap();
    assert!(ticket["customer"]["id"].is_string(), "{ticket}");
    let mut rest = without_chance(ticket.clone(), &["reference", "created_at", "updated_at"]);
    rest["customer"]["id"] = Value::Null;
    let expected = json!({
        "subject": "-5° in the server room", "description": "It beeps.\nالإنذار 😀",
        "status": "open", "priority": "urgent", "category": "Alarm",
        "customer": { "id": null, "email": ANA, "name": "" },
        "assignee": { "email": KIM, "name": "Kim Park" },
        "resolution": null, "note_count": 0,
    });
    assert_eq!(rest, expected);
    let loosely = reference.to_lowercase().replace("tkt-", "");
    let link = doorkey.cli(&["customer", "link", "--email", ANA, "--ticket", &loosely]);
    let start = format!("https://support.rfs.example/portal/tickets/{reference}#token=");
    assert!(link["url"].as_str().unwrap().starts_with(&start), "{link}");
}

#[test]
fn a_description_comes_from_standard_input() {
    let doorkey = set_up();
    let long = format!("{}é", "All day.\r\n".repeat(2_000));
    let add = |typed: &[u8], json: bool| {
        let mut command = doorkey.command();
        command.args(["ticket", "add", "--email", ANA, "--subject", "Noise", "--description", "-"]);
        command.args(json.then_some("--json")).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(typed).unwrap();
        child.wait_with_output().unwrap()
    };
    let ticket: Value = serde_json::from_slice(&add(long.as_bytes(), true).stdout).unwrap();
    assert_eq!(ticket["description"], long.replace("\r\n", "\n"));
    let words = String::from_utf8(add(b"Since noon.", false).stdout).unwrap();
    let reference = words.trim_end();
    assert!(
        reference.starts_with("TKT-") && reference.len() == 10,
        "only the reference: {words:?}"
    );
    for (bad, why) in [(&b"\xff"[..], "UTF-8"), (b"a\0b", "U+0000"), (b" \n", "write something")] {
        let output = add(bad, true);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.starts_with("doorkey: --description: ") && errors.contains(why), "{errors}");
    }
    assert_eq!(count(&doorkey, "tickets"), 2);
}

#[test]
fn mail_goes_out_unless_told_otherwise() {
    let doorkey = set_up();
    let add = ["ticket", "add", "--email", ANA, "--subject", "Noise", "--description", "Loud."];
    doorkey.cli(&[&add[..], &["--no-mail"]].concat());
    assert_eq!(count(&doorkey, "outbox"), 0);
    doorkey.cli(&add);
    assert_eq!(count(&doorkey, "outbox"), 1);
}

#[test]
fn an_api_key_is_shown_once_and_revoked_once() {
    let doorkey = set_up();
    let made = doorkey.cli(&["api-key", "create", "--name", "Receiver", "--role", "technician"]);
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("dk_") && key.len() == 46, "{key}");
    let output = run(&doorkey, &["api-key", "create", "--name", "Second", "--role", "admin"]);
    let second = String::from_utf8(output.stdout).unwrap();
    assert!(second.starts_with("dk_") && second.trim_end().len() == 46, "only the key: {second:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("only this once"));
    let list = doorkey.cli(&["api-key", "list"]);
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    let row = without_chance(made.clone(), &["key"]);
    assert_eq!(list["items"][0], row, "everything but the key");
    let words = say(&doorkey, &["api-key", "list"]);
    assert!(!words.contains("dk_") && words.contains("Receiver"), "{words}");
    let id = made["id"].as_str().unwrap();
    let revoked = doorkey.cli(&["api-key", "revoke", id]);
    assert_eq!(revoked["id"], made["id"]);
    let list = doorkey.cli(&["api-key", "list"]);
    assert_eq!(list["items"][0]["revoked_at"], revoked["revoked_at"]);
    assert_eq!(list["items"][1]["revoked_at"], Value::Null);
    let again = fail(&doorkey, &["api-key", "revoke", id], 1);
    assert!(again.contains(id) && again.contains("doorkey api-key list"), "{again}");
}

#[test]
fn an_api_key_is_called_by_a_name_of_its_own() {
    let doorkey = set_up();
    let create =
        |name: &str| ["api-key", "create", "--name", name, "--role", "admin"].map(str::to_owned);
    let create = |name: &str, code: i32| {
        let words = create(name);
        fail(&doorkey, &words.each_ref().map(String::as_str), code)
    };
    let made = doorkey.cli(&["api-key", "create", "--name", "Web shop", "--role", "technician"]);
    for same in ["Web shop", " web SHOP ", "Ｗｅｂ shop"] {
        let words = create(same, 1);
        assert!(words.contains("name: A key in use has this name already"), "{same}: {words}");
    }
    for number in ["7340032000000000001", "７３４"] {
        let words = create(number, 2);
        assert!(words.contains("name: A number alone could be the id of another key"), "{words}");
    }
    doorkey.cli(&["api-key", "create", "--name", "Web shop 2", "--role", "technician"]);
    let revoked = doorkey.cli(&["api-key", "revoke", "web shop"]);
    assert_eq!(revoked["id"], made["id"], "the other one has another name");
    assert_eq!(revoked["name"], "Web shop");
    let gone = fail(&doorkey, &["api-key", "revoke", "Web shop"], 1);
    assert!(gone.contains("no key in use has the name or id Web shop"), "{gone}");
    let again = doorkey.cli(&["api-key", "create", "--name", "Web shop", "--role", "admin"]);
    assert_ne!(again["id"], made["id"], "a revoked key gives its name free");
    assert_eq!(doorkey.cli(&["api-key", "list"])["items"].as_array().unwrap().len(), 3);
}

#[test]
fn every_wrong_argument_is_named_at_once() {
    let doorkey = set_up();
    let long = "x".repeat(201);
    let errors = fail(
        &doorkey,
        &[
            "customer",
            "add",
            "--email",
            "ana",
            "--name",
            &long,
            "--phone",
            "1\t2",
            "--company",
            &long,
        ],
        2,
    );
    let flags: Vec<_> = errors.lines().map(|line| line.split(": ").nth(1).unwrap()).collect();
    assert_eq!(flags, ["--email", "--name", "--phone", "--company"], "{errors}");
    assert!(errors.contains("doorkey: --name: At most 200 characters fit here; these are 201."));
    let errors = fail(
        &doorkey,
        &[
            "ticket",
            "add",
            "--email",
            "",
            "--subject",
            " ",
            "--description",
            "\u{7}",
            "--assignee",
            "k",
        ],
        2,
    );
    let flags: Vec<_> = errors.lines().map(|line| line.split(": ").nth(1).unwrap()).collect();
    assert_eq!(flags, ["--email", "--subject", "--description", "--assignee"], "{errors}");
    let errors =
        fail(&doorkey, &["staff", "add", "--email", "k", "--name", "", "--role", "admin"], 2);
    assert_eq!(errors.lines().count(), 2, "{errors}");
    let errors = fail(&doorkey, &["customer", "link", "--email", ANA, "--ticket", "TKT-1"], 2);
    assert!(errors.starts_with("doorkey: --ticket: "), "{errors}");
    let errors = fail(&doorkey, &["api-key", "create", "--name", " ", "--role", "admin"], 2);
    assert!(errors.starts_with("doorkey: --name: "), "{errors}");
}

#[test]
fn what_cannot_be_typed_is_refused_with_what_can() {
    let doorkey = set_up();
    let commands: [(&[&str], &str); 8] = [
        (
            &["staff", "add", "--email", KIM, "--name", "Kim", "--role", "owner"],
            "technician, admin",
        ),
        (&["staff", "add", "--email", KIM, "--name", "Kim"], "--role"),
        (&["api-key", "create", "--name", "x", "--role", "Admin"], "technician, admin"),
        (&["ticket", "add", "--email", ANA, "--subject", "x"], "--description"),
        (
            &[
                "ticket",
                "add",
                "--email",
                ANA,
                "--subject",
                "x",
                "--description",
                "y",
                "--priority",
                "5",
            ],
            "low, medium, high, urgent",
        ),
        (&["customer"], "Usage: doorkey customer"),
        (&["customer", "remove"], "customer"),
        (&["customer", "link", "--ticket", "TKT-7K3M9Q"], "--email"),
    ];
    for (arguments, hint) in commands {
        let output = run(&doorkey, arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(errors.contains(hint), "{arguments:?}: {errors}");
    }
}

#[test]
fn what_the_data_does_not_allow_fails_and_changes_nothing() {
    let doorkey = set_up();
    doorkey.cli(ADD_ANA);
    doorkey.cli(ADD_KIM);
    let ben = ["ticket", "add", "--email", "ben@harbour-lofts.example", "--subject", "x"];
    let ben = [&ben[..], &["--description", "y"]].concat();
    let bens = doorkey.cli(&ben)["reference"].as_str().unwrap().to_owned();
    let commands: [(Vec<&str>, &str); 9] = [
        (vec!["staff", "link", "--email", ANA], "doorkey staff list"),
        (ADD_KIM.to_vec(), "--email: Somebody"),
        (vec!["staff", "disable", "--email", ANA], "doorkey staff list"),
        (vec!["staff", "enable", "--email", ANA], "doorkey staff list"),
        (vec!["customer", "disable", "--email", KIM], "doorkey customer add"),
        (vec!["customer", "link", "--email", KIM], "doorkey customer add"),
        (vec!["customer", "link", "--email", ANA, "--ticket", &bens], "--ticket: "),
        (
            [&ben[..], &["--category", "Plumbing"]].concat(),
            "--category: This category is not one of: Alarm",
        ),
        ([&ben[..], &["--assignee", ANA]].concat(), "--assignee: "),
    ];
    let both = [&ben[..], &["--category", "Plumbing", "--assignee", ANA]].concat();
    let errors = fail(&doorkey, &both, 1);
    let flags: Vec<_> = errors.lines().map(|line| line.split(": ").nth(1).unwrap()).collect();
    assert_eq!(flags, ["--category", "--assignee"], "{errors}");
    for (arguments, hint) in commands {
        let errors = fail(&doorkey, &arguments, 1);
        assert!(
            errors.starts_with("doorkey: ") && errors.contains(hint),
            "{arguments:?}: {errors}"
        );
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
    for (rows, number) in [("staff", 1), ("customers", 2), ("tickets", 1), ("links", 0)] {
        assert_eq!(count(&doorkey, rows), number, "{rows}");
    }
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let doorkey = set_up();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = doorkey.command().args(ADD_ANA).stdout(full).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("it was done, but the answer cannot be written"), "{errors}");
    assert_eq!(count(&doorkey, "customers"), 1);
}

#[test]
fn every_command_has_a_purpose_and_an_example() {
    let doorkey = set_up();
    let commands = [
        "staff add",
        "staff list",
        "staff link",
        "staff disable",
        "staff enable",
        "customer add",
        "customer link",
        "customer disable",
        "customer enable",
        "ticket add",
        "api-key create",
        "api-key list",
        "api-key revoke",
        "staff",
        "customer",
        "ticket",
        "api-key",
    ];
    for command in commands {
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let help = say(&doorkey, &words);
        let example = format!("\nExample:\n  doorkey {command} ");
        assert!(help.contains(&example), "{command}: {help}");
        assert!(help.contains("--json"), "{command}: {help}");
        let second = help.lines().nth(1);
        assert_eq!(second, Some(""), "one line of purpose, then a gap: {help}");
    }
}

#[test]
fn commands_work_while_the_server_runs_and_many_at_once() {
    let doorkey = Doorkey::start(&[]);
    doorkey.cli(ADD_ANA);
    let link = ["customer", "link", "--email", ANA, "--json"];
    let running: Vec<_> = (0..8)
        .map(|_| {
            let mut command = doorkey.command();
            command.args(link).stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let mut urls = Vec::new();
    for child in running {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let made: Value = serde_json::from_slice(&output.stdout).unwrap();
        urls.push(made["url"].as_str().unwrap().to_owned());
    }
    urls.sort();
    urls.dedup();
    assert_eq!(urls.len(), 8, "every link is its own");
    assert!(urls[0].starts_with(&doorkey.url("/portal#token=")), "{urls:?}");
    assert_eq!(count(&doorkey, "links"), 8);
    assert!(doorkey.readiness().starts_with("HTTP/1.1 200 "));
}

#[test]
fn the_demo_refuses_settings_that_it_would_not_keep() {
    let doorkey = set_up();
    for flag in
        ["--database-url=sqlite:keep.db", "--data-dir=keep", "--public-url=https://a.example"]
    {
        let said = fail(&doorkey, &["demo", flag], 2);
        assert!(said.contains(flag.split('=').next().unwrap()), "{said}");
    }
}

#[test]
fn the_reference_of_settings_is_there_for_whoever_has_a_wrong_one() {
    let doorkey = Doorkey::prepare(&[("DOORKEY_LISTEN", "nonsense")]);
    let reference = say(&doorkey, &["config", "--markdown"]);
    assert!(reference.contains("`mail.smtp_url` | `DOORKEY_SMTP_URL`"), "{reference}");
}

#[test]
fn nothing_yet_is_said_in_words() {
    let doorkey = set_up();
    doorkey.cli(&["migrate"]);
    for (list, words) in [
        (&["staff", "list"][..], "doorkey staff add adds the first"),
        (&["api-key", "list"], "doorkey api-key create makes one"),
        (&["outbox", "list"], "No mail was given up."),
        (&["outbox", "list", "--state", "queued"], "No mail waits."),
        (&["outbox", "list", "--state", "held"], "No mail is held."),
        (&["outbox", "list", "--state", "sent"], "No mail was sent yet."),
    ] {
        assert!(say(&doorkey, list).contains(words), "{list:?}");
    }
    let wrong = fail(&doorkey, &["outbox", "retry", "abc"], 2);
    assert!(wrong.contains("an id is a number such as 7340032000000000001"), "{wrong}");
    let none = fail(&doorkey, &["outbox", "give-up"], 2);
    assert!(none.contains("<ID|--all-held>"), "{none}");
    let both = fail(&doorkey, &["outbox", "give-up", "5", "--all-held"], 2);
    assert!(both.contains("--all-held"), "{both}");
    let alone = fail(&doorkey, &["copy"], 2);
    assert!(alone.contains("name --from, --to or both"), "{alone}");
}

#[test]
fn a_database_that_cannot_be_used_names_its_setting() {
    let file = set_up().try_cli(&["migrate", "--database-url", "sqlite:/etc/passwd"]);
    let said = String::from_utf8(file.stderr).unwrap();
    assert!(said.contains("/etc/passwd: file is not a database; look at"), "{said}");
    let doorkey = set_up();
    let said = fail(&doorkey, &["migrate", "--database-url", "postgres://x@127.0.0.1:1/x"], 1);
    assert!(said.contains("database.url"), "{said}");
}

#[test]
fn the_settings_that_hold_are_shown_without_secrets() {
    let doorkey = Doorkey::prepare(&[
        ("DOORKEY_SMTP_URL", "smtp://mailer:hunter2@mail.rfs.example:587"),
        ("DOORKEY_MAIL_FROM", "RFS <support@rfs.example>"),
        ("DOORKEY_TICKETS_CATEGORIES", "Alarm,CCTV"),
    ]);
    let shown = doorkey.cli(&["config", "--data-dir", "elsewhere"]);
    let find = |name: &str| {
        let all = shown["settings"].as_array().unwrap().iter();
        all.clone().find(|it| it["name"] == name).unwrap().clone()
    };
    let smtp = find("mail.smtp_url");
    assert_eq!(smtp["value"], "smtp://mailer:***@mail.rfs.example:587");
    assert_eq!(smtp["from"], "DOORKEY_SMTP_URL");
    assert_eq!(
        (&find("data_dir")["value"], &find("data_dir")["from"]),
        (&json!("elsewhere"), &json!("--data-dir"))
    );
    assert_eq!(find("portal.link_ttl")["from"], "default");
    let people = say(&doorkey, &["config"]);
    assert!(!people.contains("hunter2") && people.contains("mail.smtp_url"), "{people}");
}

#[test]
fn shells_and_man_know_every_command() {
    let doorkey = Doorkey::prepare(&[("DOORKEY_LISTEN", "nonsense")]);
    for shell in ["bash", "zsh", "fish"] {
        let text = say(&doorkey, &["completions", shell]);
        assert!(text.contains("api-key") && text.contains("doorkey"), "{shell}");
    }
    let page = say(&doorkey, &["man"]);
    for command in ["DOORKEY SERVE", "DOORKEY CUSTOMER LINK", "DOORKEY API\\-KEY"] {
        assert!(page.contains(command) || page.contains(&command.replace("\\-", "-")), "{command}");
    }
}

#[test]
fn what_is_done_at_the_command_line_is_told_as_such() {
    let doorkey = set_up();
    doorkey.cli(ADD_KIM);
    doorkey.cli(&["staff", "disable", "--email", KIM]);
    doorkey.cli(ADD_ANA);
    let told = "audit WHERE by_kind = 'operator' AND by_id = 0 AND network = '' AND cause IS NULL";
    assert_eq!((count(&doorkey, told), count(&doorkey, "audit")), (4, 4));
    for action in ["staff.added", "staff.link_made", "staff.disabled", "customer.added"] {
        let told = format!("audit WHERE action = '{action}'");
        assert_eq!(count(&doorkey, told.leak()), 1, "{action}");
    }
}
