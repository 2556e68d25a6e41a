//! Every example in docs/API.md, typed into a shell as it stands there, against the real binary.

use std::collections::BTreeSet;
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use super::doorkey::{Doorkey, Program};
use super::wait_for;

const CODES: &str = "luc.codes@example.com";

/// What the examples are about, made before each block: some of them end it.
struct Things {
    reference: String,
    customer: String,
    link: String,
    token: String,
    webhook: String,
    delivery: String,
    request_id: String,
    code: String,
}

/// A block of examples, and the statuses that the text after it begins with.
struct Block {
    shell: String,
    statuses: Vec<String>,
}

#[tokio::test]
async fn every_example_of_the_api_does_what_is_written_beside_it() {
    let doorkey = Doorkey::start(&[("DOORKEY_LIMITS", "off")]);
    let program = doorkey.program("admin");
    doorkey.cli(&[
        "staff",
        "add",
        "--email",
        "dana@example.com",
        "--name",
        "Dana",
        "--role",
        "admin",
    ]);
    let mut examples = 0;
    for block in blocks(include_str!("../../../docs/API.md")) {
        let things = things(&doorkey, &program).await;
        let typed = block.shell.replace("TKT-7K3M9Q", &things.reference);
        let typed = typed
            .replace("473211820012339201", &things.customer)
            .replace("473211820012339777", &things.link)
            .replace("473211820012339900", &things.webhook)
            .replace("473211820012339911", &things.delivery)
            .replace("\"request_id\": \"…\"", &format!("\"request_id\": \"{}\"", things.request_id))
            .replace("123456", &things.code);
        assert!(!typed.contains('…'), "an example cannot be typed: {typed}");
        let answered = run(&doorkey, program.key(), &things.token, &typed);
        let wanted = &block.statuses[..answered.len()];
        assert_eq!(answered, wanted, "{typed}");
        examples += answered.len();
    }
    assert!(examples >= 30, "only {examples} examples found");
}

/// The blocks with a call in them.
fn blocks(text: &str) -> Vec<Block> {
    let mut parts = text.split("```");
    let mut blocks = Vec::new();
    parts.next();
    while let (Some(code), Some(after)) = (parts.next(), parts.next()) {
        let Some(shell) = code.strip_prefix("sh\n").filter(|shell| shell.contains("curl")) else {
            continue;
        };
        let numbers = after.split(|c: char| !c.is_ascii_alphanumeric());
        let is_status = |word: &&str| {
            word.len() == 3 && word.parse().is_ok_and(|status: u16| (200..=599).contains(&status))
        };
        let statuses = numbers.filter(is_status).map(str::to_owned).collect();
        blocks.push(Block { shell: shell.to_owned(), statuses });
    }
    blocks
}

fn run(doorkey: &Doorkey, key: &str, token: &str, typed: &str) -> Vec<String> {
    let status_only = "curl() { command curl -sS -o /dev/null -w '%{http_code}\\n' \"$@\"; }";
    let output = Command::new("bash")
        .args(["-euc", &format!("{status_only}\n{typed}")])
        .env("D", doorkey.url("/api/v1"))
        .env("KEY", key)
        .env("TOKEN", token)
        .output()
        .unwrap();
    assert!(output.status.success(), "{typed}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

async fn things(doorkey: &Doorkey, program: &Program) -> Things {
    let ask = async |path: &str, body: Value, status| {
        program.ask(Method::POST, path, Some(body), status).await
    };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let reference = program.open_ticket("ana@example.com", "A camera", "It is dark.").await;
    let ticket = program.get(&format!("/tickets/{reference}")).await;
    let customer = text(&ticket["customer"]["id"]);
    let path = format!("/customers/{customer}");
    program.ask(Method::PATCH, &path, Some(json!({ "active": true })), 200).await;
    let link = ask(&format!("{path}/links"), json!({}), 201).await;
    let token = text(&link["url"]).split("#token=").nth(1).unwrap().to_owned();
    let webhook = ask("/webhooks", json!({ "url": "https://example.com/" }), 201).await;
    let webhook = text(&webhook["id"]);
    let delivery = ask(&format!("/webhooks/{webhook}/test"), json!({}), 202).await;
    // Somebody of whom no example asks for a link, so that each code is known by its request.
    program.open_ticket(CODES, "A lock", "It sticks.").await;
    let before = codes(doorkey);
    let asked = ask("/portal/links", json!({ "email": CODES }), 202).await;
    let code =
        wait_for("the mail with the code", || codes(doorkey).difference(&before).next().cloned());
    Things {
        reference,
        customer,
        link: text(&link["id"]),
        token,
        webhook,
        delivery: text(&delivery["id"]),
        code,
        request_id: text(&asked["request_id"]),
    }
}

/// Every code that was mailed.
fn codes(doorkey: &Doorkey) -> BTreeSet<String> {
    let Ok(folder) = std::fs::read_dir(doorkey.data_dir().join("mailbox")) else {
        return BTreeSet::new();
    };
    let mails =
        folder.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap_or_default());
    mails
        .filter_map(|mail| {
            let mail: Value = serde_json::from_str(&mail).ok()?;
            (mail["to"] == CODES).then_some(())?;
            crate::support::mailbox::code(mail["text"].as_str()?)
        })
        .collect()
}
