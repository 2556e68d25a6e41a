//! What Lighthouse says about the pages that are opened most, on a telephone: for whom they are, what
//! the browser thinks of them, and, on a machine that does nothing else, how fast they are.

use std::path::Path;
use std::process::Command;

use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::{Value, json};

use super::demo::Demo;
use crate::real::browser::CHROMIUM;
use crate::real::{have, node_module};
use crate::support::mailbox::sign_in_link;

/// How often a page may try to be fast: something else on the machine may have been in its way.
const RUNS: u32 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_that_are_opened_most_are_for_everybody_and_as_browsers_want_them() {
    let categories = ["accessibility", "best-practices"];
    all_get_full_marks(&categories, 1).await;
}

/// Measured, not guarded: the mark is made of times.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "depends on what else the machine does: see docs/PERFORMANCE.md"]
async fn the_pages_that_are_opened_most_are_as_fast_as_can_be_on_a_telephone() {
    all_get_full_marks(&["performance"], RUNS).await;
}

async fn all_get_full_marks(categories: &[&str], runs: u32) {
    if std::env::var_os("DOORKEY_TEST_DATABASE_URL").is_some() {
        return; // the demo has a database of its own, so it would be the same once more
    }
    let Some(lighthouse) = node_module("lighthouse") else { return };
    if !have(&[CHROMIUM]) {
        return;
    }
    let demo = Demo::start();
    let token = token(&demo);
    let ticket = newest_ticket(&demo, &token).await;
    let list = format!("{}/portal#token={token}", demo.url);
    let detail = format!("{}/portal/tickets/{ticket}#token={token}", demo.url);
    let desk = format!("{}/admin/tickets", demo.url);
    let pages = [
        ("the list of the portal", list, String::new()),
        ("a ticket of the portal", detail, String::new()),
        ("the list of the desk", desk, session(&demo).await),
    ];
    let modules = lighthouse.parent().unwrap();
    let categories = categories.join(",");
    let runs = runs.to_string();
    let marks = pages
        .map(|(name, url, cookie)| (name, marks(modules, [&runs, &categories, &url, &cookie])));
    for (name, marks) in &marks {
        println!("{name}: {marks}");
    }
    for (name, marks) in marks {
        let all = marks["marks"].as_object().unwrap();
        assert!(!all.is_empty() && all.values().all(|mark| mark == 100), "{name}: {marks}");
        assert_eq!(marks["failed"], json!([]), "{name}");
    }
}

/// What Lighthouse says about a page: `[runs, categories, address, cookie]`.
fn marks(modules: &Path, [runs, categories, url, cookie]: [&str; 4]) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/real/lighthouse.mjs");
    let mut command = Command::new("node");
    command.arg(script).arg(std::path::absolute(modules).unwrap());
    let output = command.args([CHROMIUM, runs, categories, url, cookie]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{url}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{url}: {error} {errors}"))
}

/// The token in the first customer's link.
fn token(demo: &Demo) -> String {
    let mut words = demo.printed.split_whitespace();
    let token = words.find_map(|word| word.split_once("/portal#token="));
    token.expect("a link to the portal").1.to_owned()
}

async fn newest_ticket(demo: &Demo, token: &str) -> String {
    let tickets = format!("{}/api/v1/portal/tickets", demo.url);
    let asked = Client::new().get(tickets).bearer_auth(token).send().await.unwrap();
    let list: Value = asked.json().await.unwrap();
    list["items"][0]["reference"].as_str().expect("a ticket").to_owned()
}

/// The cookie of an admin who has just signed in.
async fn session(demo: &Demo) -> String {
    let client = Client::builder().redirect(Policy::none()).build().unwrap();
    let request = client.post(sign_in_link(&demo.printed)).header("sec-fetch-site", "same-origin");
    let answer: Response = request.send().await.unwrap();
    let cookies = answer.headers().get_all("set-cookie").iter().map(|it| it.to_str().unwrap());
    let session = cookies.map(|it| it.split(';').next().unwrap()).find(|it| it.len() > 40);
    session.expect("a session").to_owned()
}
