//! The description of the API against a running `doorkey serve`, asked by
//! [schemathesis](https://schemathesis.io) with all its checks: it makes up requests from the
//! document alone, good ones and bad ones, and holds every answer against it.
//!
//! `contract/schemathesis.toml` says how it asks, `contract/hooks.py` what no description can say.
//! The cases are the same each time. `DOORKEY_TEST_CONTRACT_CASES` is how many cases an operation and phase gets
//! at most; more of them take longer and look deeper.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use super::doorkey::{Doorkey, Program};
use super::skip;
use crate::support::contract::document;

/// Cases for each operation in each phase, unless the environment says otherwise.
const CASES: &str = "4";
/// Customers who sign out while it runs.
const SESSIONS: usize = 60;

#[tokio::test]
async fn schemathesis_finds_nothing_to_complain_about() {
    let Some(schemathesis) = schemathesis() else { return };
    let doorkey = Doorkey::start(&[("DOORKEY_LIMITS", "off"), ("DOORKEY_LOG", "info")]);
    let program = doorkey.program("admin");
    let things = things(&doorkey, &program).await;
    let output = run(&schemathesis, &doorkey, &program, &things);
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{words}{}{}",
        String::from_utf8_lossy(&output.stderr),
        doorkey.last_words()
    );
    let generated = number_before(&words, "generated");
    println!("{generated} cases: {}", words.lines().last().unwrap_or_default());
    assert!(generated >= 1_000, "that is few: {words}");
    every_operation_succeeded(&doorkey.log());
}

/// The program that `./scripts/test` installs; without it the test is skipped.
fn schemathesis() -> Option<PathBuf> {
    let given = std::env::var_os("DOORKEY_TEST_SCHEMATHESIS").map(PathBuf::from);
    let found = given.filter(|path| path.exists());
    if found.is_none() {
        skip("schemathesis is not here; ./scripts/test installs it");
    }
    found
}

fn run(
    schemathesis: &Path,
    doorkey: &Doorkey,
    program: &Program,
    things: &Things,
) -> std::process::Output {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/real/contract");
    let folder = tempfile::tempdir().unwrap();
    let cases = std::env::var("DOORKEY_TEST_CONTRACT_CASES").unwrap_or_else(|_| CASES.to_owned());
    Command::new(schemathesis)
        .arg("--config-file")
        .arg(files.join("schemathesis.toml"))
        .args(["run", &doorkey.url("/api/v1/openapi.json"), "--checks", "all"])
        .args(["--max-examples", &cases, "--continue-on-failure", "--no-color"])
        .env("SCHEMATHESIS_HOOKS", files.join("hooks.py"))
        .env("CONTRACT_BASE", doorkey.url(""))
        .env("CONTRACT_API_KEY", program.key())
        .env("CONTRACT_PORTAL_TOKEN", &things.token)
        .env("CONTRACT_THINGS", things.names.to_string())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONIOENCODING", "utf-8")
        .current_dir(folder.path())
        .output()
        .unwrap()
}

/// What is there before it begins: for the portal one customer, for the company another.
struct Things {
    token: String,
    names: Value,
}

async fn things(doorkey: &Doorkey, program: &Program) -> Things {
    let ask = async |path: &str, body: Value, status| {
        program.ask(Method::POST, path, Some(body), status).await
    };
    let dana = ["staff", "add", "--email", "dana@example.com", "--name", "Dana", "--role", "admin"];
    doorkey.cli(&dana);
    let reference = program.open_ticket("ana@example.com", "A camera", "It is dark.").await;
    let (portal_customer, _, token) = link(program, &reference).await;
    let other = program.open_ticket("luc@example.com", "A lock", "It sticks.").await;
    let (customer, link, _) = self::link(program, &other).await;
    let webhook = ask("/webhooks", json!({ "url": "https://hooks.invalid/" }), 201).await;
    let webhook = text(&webhook["id"]);
    let test = format!("/webhooks/{webhook}/test");
    let delivery = ask(&test, json!({}), 202).await;
    ask(&test, json!({}), 202).await;
    let mut sessions = Vec::new();
    for number in 0..SESSIONS {
        let email = format!("guest{number}@example.com");
        let guest = ask("/customers", json!({ "email": email }), 201).await;
        sessions.push(issue(program, &text(&guest["id"])).await.1);
    }
    // Portal and company have one name for a ticket's place in the path: the portal's customer's
    // ticket serves both.
    let names = json!({
        "path": {
            "reference": reference, "id": customer, "link": link, "webhook": webhook,
            "delivery": delivery["id"],
        },
        "assignee": "dana@example.com", "customer": "luc@example.com", "category": "Alarm",
        "portal_customer": portal_customer, "sessions": sessions,
    });
    Things { token, names }
}

/// The customer of a ticket, and a link of theirs with its token.
async fn link(program: &Program, reference: &str) -> (String, String, String) {
    let customer = text(&program.ticket(reference).await["customer"]["id"]);
    let (link, token) = issue(program, &customer).await;
    (customer, link, token)
}

async fn issue(program: &Program, customer: &str) -> (String, String) {
    let path = format!("/customers/{customer}/links");
    let link = program.ask(Method::POST, &path, Some(json!({})), 201).await;
    let url = text(&link["url"]);
    (text(&link["id"]), url.split_once("#token=").unwrap().1.to_owned())
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The number in front of `word`.
fn number_before(words: &str, word: &str) -> u64 {
    let words: Vec<&str> = words.split_whitespace().collect();
    let place = words.windows(2).find(|pair| pair[1].trim_end_matches(',') == word);
    place.and_then(|pair| pair[0].parse().ok()).unwrap_or_else(|| panic!("no {word}: {words:?}"))
}

/// A run in which everything was refused would prove little.
fn every_operation_succeeded(log: &str) {
    let requests = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let succeeded: BTreeSet<(String, String)> = requests
        .filter(|line| line["status"].as_u64().is_some_and(|status| status / 100 == 2))
        .filter_map(|line| Some((line["method"].as_str()?.into(), line["route"].as_str()?.into())))
        .collect();
    for (path, item) in document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            // A code is mailed, and nobody reads this mail.
            if operation["operationId"] != "redeemCode" {
                let wanted = (method.to_uppercase(), path.clone());
                assert!(succeeded.contains(&wanted), "{method} {path} never succeeded");
            }
        }
    }
}
