//! What Prometheus reads from the binary: well-formed, complete, moving, and without a word of what
//! people sent. The alerts and the dashboard ask for nothing that is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::doorkey::{Doorkey, free_port};
use super::{skip, wait_for};

/// One family: its type and its samples, by name and labels.
#[derive(Debug)]
struct Family {
    kind: String,
    samples: BTreeMap<String, f64>,
}

/// Reads the text format as strictly as it is specified: every family has its help and its type
/// before its samples, stands together, and no sample comes twice.
fn parse(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut helped = None;
    let mut current = None;
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').expect("words");
            assert!(!words.is_empty(), "{line}");
            helped = Some(name.to_owned());
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a type");
            assert_eq!(helped.take().as_deref(), Some(name), "{line}");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            let family = Family { kind: kind.to_owned(), samples: BTreeMap::new() };
            assert!(families.insert(name.to_owned(), family).is_none(), "{name} comes twice");
            current = Some(name.to_owned());
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let value: f64 = value.replace("+Inf", "inf").parse().expect("a number");
            let name = series.split('{').next().unwrap();
            let of = current.as_deref().expect("a family");
            let family = families.get_mut(of).unwrap();
            let suffix = name.strip_prefix(of).unwrap_or_else(|| panic!("{line} is not in {of}"));
            let suffixes: &[&str] =
                if family.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(suffixes.contains(&suffix), "{line}");
            assert!(family.samples.insert(series.to_owned(), value).is_none(), "twice: {series}");
        }
    }
    for (name, family) in families.iter().filter(|(_, family)| family.kind == "histogram") {
        check_buckets(name, family);
    }
    families
}

/// Buckets only grow, and the last one has them all.
fn check_buckets(name: &str, family: &Family) {
    let count = format!("{name}_count");
    for (series, total) in family.samples.iter().filter(|(series, _)| series.starts_with(&count)) {
        let labels = series[count.len()..].trim_matches(['{', '}']);
        let mut buckets: Vec<(f64, f64)> = family
            .samples
            .iter()
            .filter(|(series, _)| series.contains("_bucket{") && series.contains(labels))
            .map(|(series, value)| {
                let bound = series.split("le=\"").nth(1).unwrap().split('"').next().unwrap();
                (bound.replace("+Inf", "inf").parse().unwrap(), *value)
            })
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.is_sorted_by(|a, b| a.1 <= b.1), "{series}: {buckets:?}");
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, *total)), "{series}");
    }
}

/// The sum over the samples of `family` whose series holds every one of `parts`.
fn sum(families: &BTreeMap<String, Family>, family: &str, parts: &[&str]) -> f64 {
    let samples = &families.get(family).unwrap_or_else(|| panic!("no family {family}")).samples;
    let of = samples.iter().filter(|(series, _)| parts.iter().all(|part| series.contains(part)));
    of.map(|(_, value)| value).sum()
}

fn get(port: u16, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn metrics(port: u16) -> String {
    let (head, body) = get(port, "/metrics");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_which_request_led_to_a_mail() {
    let doorkey = Doorkey::start(&[("DOORKEY_LOG_FORMAT", "json"), ("DOORKEY_LOG", "info")]);
    let ana = serde_json::json!({ "email": "ana@cafe-lumen.example" });
    let new =
        serde_json::json!({ "customer": ana, "subject": "Alarm", "description": "It beeps." });
    let key = doorkey.cli(&["api-key", "create", "--name", "crm", "--role", "admin"]);
    let client = reqwest::Client::new();
    let asked = client
        .post(doorkey.url("/api/v1/tickets"))
        .bearer_auth(key["key"].as_str().unwrap())
        .json(&new);
    let door = client.post(doorkey.url("/api/v1/portal/links")).json(&ana);
    for (request, kind) in [(asked, "ticket_created"), (door, "portal_link")] {
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        let told = wait_for("the mail to be told of", || {
            let log = doorkey.log();
            let mut lines = log.lines().filter_map(|line| serde_json::from_str(line).ok());
            lines.find(|line: &serde_json::Value| line["kind"] == kind)
        });
        assert_eq!(told["message"], "a mail was sent", "{told}");
        assert_eq!(told["request_id"], *id, "{told}");
        assert!(told["message_id"].as_str().is_some_and(|it| it.len() > 15), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_that_wait_for_a_person_are_counted() {
    let (port, nobody) = (free_port(), free_port());
    let doorkey = Doorkey::start(&[
        ("DOORKEY_METRICS_LISTEN", &format!("127.0.0.1:{port}")),
        ("DOORKEY_SMTP_URL", &format!("smtp://127.0.0.1:{nobody}?tls=none")),
        ("DOORKEY_MAIL_FROM", "RFS <support@rfs.example>"),
    ]);
    let program = doorkey.program("technician");
    program.open_ticket("ana@cafe-lumen.example", "Alarm", "It beeps.").await;
    let queued = doorkey.cli(&["outbox", "list", "--state", "queued"]);
    let id = queued["items"][0]["id"].as_str().expect("a mail").to_owned();
    doorkey.cli(&["outbox", "give-up", &id]);
    wait_for("the mail to be counted", || {
        let now = parse(&metrics(port));
        (sum(&now, "doorkey_outbox_stuck_mails", &["failed"]) == 1.0).then_some(())
    });
}

/// A mail server that takes the connection and then says nothing holds a mail up under its lease.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_under_way_is_told_apart_from_those_that_wait() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free_port();
    let address = silent.local_addr().unwrap();
    let doorkey = Doorkey::start(&[
        ("DOORKEY_METRICS_LISTEN", &format!("127.0.0.1:{port}")),
        ("DOORKEY_SMTP_URL", &format!("smtp://{address}?tls=none")),
        ("DOORKEY_MAIL_FROM", "RFS <support@rfs.example>"),
    ]);
    let program = doorkey.program("technician");
    program.open_ticket("ana@cafe-lumen.example", "Alarm", "It beeps.").await;
    program.open_ticket("ana@cafe-lumen.example", "Second", "It beeps.").await;
    let under_way = |lane: &str| {
        let lane = format!("lane=\"{lane}\"");
        sum(&parse(&metrics(port)), "doorkey_mail_deliveries_in_flight", &[&lane])
    };
    wait_for("the mail to be under way", || (under_way("notices") == 1.0).then_some(()));
    assert_eq!(under_way("sign_in"), 0.0);
    drop(silent);
}

/// A server whose metrics are on a port of their own.
fn start() -> (Doorkey, u16) {
    let port = free_port();
    let place = format!("127.0.0.1:{port}");
    (Doorkey::start(&[("DOORKEY_METRICS_LISTEN", &place)]), port)
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_move_and_say_nothing_of_people() {
    let (mut doorkey, port) = start();
    let before = parse(&metrics(port));
    let program = doorkey.program("technician");
    let reference = program.open_ticket("ana@cafe-lumen.example", "Alarm", "It beeps.").await;
    let link = doorkey.cli(&["customer", "link", "--email", "ana@cafe-lumen.example"]);
    let token = link["url"].as_str().unwrap().split("token=").nth(1).unwrap().to_owned();
    let client = reqwest::Client::new();
    let ask = serde_json::json!({ "email": "ana@cafe-lumen.example" });
    client.post(doorkey.url("/api/v1/portal/links")).json(&ask).send().await.unwrap();
    for path in [format!("/portal/tickets/{reference}"), format!("/nothing/{reference}")] {
        client.get(doorkey.url(&path)).bearer_auth(&token).send().await.unwrap();
    }
    client.request("BREW".parse().unwrap(), doorkey.url("/")).send().await.unwrap();
    wait_for("the mails to be handed over", || {
        let now = parse(&metrics(port));
        (sum(&now, "doorkey_mail_deliveries_total", &["sent"]) >= 2.0).then_some(())
    });

    let text = metrics(port);
    let after = parse(&text);
    let grown = |family: &str, parts: &[&str]| {
        let old = if before.contains_key(family) { sum(&before, family, parts) } else { 0.0 };
        sum(&after, family, parts) - old
    };
    let requests = "doorkey_http_requests_total";
    assert_eq!(grown(requests, &["route=\"/api/v1/tickets\"", "\"POST\"", "\"2xx\""]), 1.0);
    assert_eq!(grown(requests, &["route=\"/portal/tickets/{reference}\"", "\"GET\""]), 1.0);
    assert_eq!(grown(requests, &["route=\"-\"", "\"4xx\""]), 1.0);
    assert_eq!(grown(requests, &["method=\"other\"", "\"4xx\""]), 1.0);
    let times = "doorkey_http_request_duration_seconds";
    assert_eq!(grown(times, &["_count{", "route=\"/api/v1/tickets\""]), 1.0);
    assert!(grown(times, &["_sum{", "route=\"/api/v1/tickets\""]) > 0.0);
    for kind in ["read", "write"] {
        let kind = format!("kind=\"{kind}\"");
        let family = "doorkey_db_transaction_duration_seconds";
        assert!(grown(family, &["_count{", &kind]) > 0.0, "{kind}");
    }
    assert!(grown("doorkey_db_commits_total", &[]) > 0.0);
    assert!(grown("doorkey_db_writes_total", &[]) > 0.0);
    let on_sqlite = doorkey.database_url().starts_with("sqlite:");
    assert_eq!(sum(&after, "doorkey_db_log_bytes", &[]) > 0.0, on_sqlite);
    assert_eq!(grown("doorkey_link_requests_total", &["accepted"]), 1.0);
    assert_eq!(sum(&after, "doorkey_outbox_mails", &["due"]), 0.0);
    assert_eq!(sum(&after, "doorkey_mail_deliveries_in_flight", &[]), 0.0);
    assert_eq!(sum(&after, "doorkey_outbox_stuck_mails", &["failed"]), 0.0);
    assert_eq!(sum(&after, "doorkey_outbox_stuck_mails", &["held"]), 0.0);
    assert!(sum(&after, "doorkey_job_last_success_timestamp_seconds", &["\"mails\""]) > 1.6e9);
    assert!(sum(&after, "doorkey_build_info", &[env!("CARGO_PKG_VERSION")]) == 1.0);
    assert!(sum(&after, "doorkey_disk_free_bytes", &[]) > 0.0);
    if cfg!(target_os = "linux") {
        assert!(sum(&after, "process_resident_memory_bytes", &[]) > 1e6);
        assert!(sum(&after, "process_open_fds", &[]) > 5.0);
        assert!(grown("process_cpu_seconds_total", &[]) >= 0.0);
        assert!(sum(&after, "process_cpu_seconds_total", &[]) > 0.0);
        assert_eq!(after["process_cpu_seconds_total"].kind, "counter");
        assert!(sum(&after, "process_start_time_seconds", &[]) > 1.6e9);
    }
    for secret in [reference.as_str(), &token, "cafe-lumen", "ana@", "127.0.0.1", "BREW"] {
        assert!(!text.contains(secret), "{secret} is in the metrics");
    }
    assert!(doorkey.terminate().success());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "it ends with the rest");
}

#[test]
fn metrics_are_on_their_own_listener_and_nowhere_else() {
    let (doorkey, port) = start();
    assert!(get(port, "/").0.starts_with("HTTP/1.1 404 "));
    assert!(get(port, "/portal").0.starts_with("HTTP/1.1 404 "));
    assert!(get(doorkey.port(), "/metrics").0.starts_with("HTTP/1.1 404 "));
}

fn packaged(path: &str) -> String {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("packaging").join(path);
    std::fs::read_to_string(file).unwrap()
}

/// Every word that begins like one of our families.
fn named(text: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_word(c));
    let ours = words.filter(|word| word.starts_with("doorkey_") || word.starts_with("process_"));
    ours.map(str::to_owned).collect()
}

#[test]
fn alerts_and_dashboard_ask_for_what_is_there() {
    let (_doorkey, port) = start();
    // The first request is counted when it is answered.
    metrics(port);
    let families = wait_for("every family", || {
        let families = parse(&metrics(port));
        families.contains_key("doorkey_job_failures_total").then_some(families)
    });
    let is_there = |name: &str| {
        let base = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end));
        families.contains_key(name)
            || base.and_then(|base| families.get(base)).is_some_and(|of| of.kind == "histogram")
    };
    let described = include_str!("../../../docs/OPERATIONS.md");
    for name in families.keys().filter(|name| !name.starts_with("process_")) {
        assert!(
            described.contains(&format!("`{name}`")),
            "docs/OPERATIONS.md does not name {name}"
        );
    }
    let (rules, dashboard) =
        (packaged("prometheus/doorkey.rules.yml"), packaged("grafana/doorkey.json"));
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    assert!(dashboard["panels"].as_array().unwrap().len() > 10);
    for (place, text) in [("rules", rules), ("dashboard", dashboard.to_string())] {
        let names = named(&text);
        assert!(names.len() > 5, "{place}: {names:?}");
        for name in names {
            assert!(is_there(&name), "{place}: there is no {name}");
        }
    }
}

/// Runs promtool on `input`, where there is one.
fn promtool(arguments: &[&str], input: &str) -> Option<String> {
    let child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        skip("promtool is not here; ./scripts/test gets it where Debian's packages are");
        return None;
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let words = [output.stdout, output.stderr].concat();
    let words = String::from_utf8_lossy(&words).into_owned();
    assert!(output.status.success(), "promtool {arguments:?}: {words}");
    Some(words)
}

#[test]
fn prometheus_own_tool_finds_nothing_wrong() {
    let (_doorkey, port) = start();
    metrics(port);
    let Some(words) = promtool(&["check", "metrics"], &metrics(port)) else { return };
    assert_eq!(words.trim(), "", "no remark on names, types or help");
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/prometheus/doorkey.rules.yml");
    let words = promtool(&["check", "rules", rules], "").unwrap_or_default();
    assert!(words.contains("SUCCESS"), "{words}");
}
