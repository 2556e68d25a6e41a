//! Whom the server calls: nobody but the mail server, the database and what an admin named. Shown in a network
//! of its own that leads nowhere, where the kernel counts every attempt.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::doorkey::{Doorkey, binary};
use super::{Process, have, skip, wait_for};

/// What would be fetched by whoever looks into texts.
const TEMPTING: &str = "See http://192.0.2.80/a.png, https://tracker.example/x.svg and \
    <img src=http://192.0.2.81/pixel.gif><link rel=stylesheet href=//192.0.2.82/x.css>";

/// The server in its own network, reached over a Unix socket.
struct Alone {
    doorkey: Doorkey,
    process: Process,
    socket: PathBuf,
    _folder: tempfile::TempDir,
}

impl Alone {
    /// `None`, and the test skipped, where no such network can be made, or the database is reached over one.
    fn start() -> Option<Self> {
        if !have(&["/usr/bin/unshare", "/bin/sh"]) {
            return None;
        }
        let probe = Command::new("unshare").args(["--net", "true"]).stderr(Stdio::null()).status();
        if !probe.is_ok_and(|status| status.success()) {
            skip("no network of one's own can be made here; it takes root");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("doorkey.sock");
        let mut doorkey = Doorkey::prepare(&[]);
        if !doorkey.database_url().starts_with("sqlite:") {
            return None;
        }
        doorkey.set("DOORKEY_LISTEN", &format!("unix:{}", socket.display()));
        let inner = doorkey.command();
        let mut outer = Command::new("unshare");
        outer.args(["--net", "--"]).arg(binary()).arg("serve");
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => outer.env(name, value),
                None => outer.env_remove(name),
            };
        }
        outer.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
        let process = Process::start(outer.stderr(Stdio::null()));
        let alone = Self { doorkey, process, socket, _folder: folder };
        wait_for("an answer", || {
            (alone.try_ask("GET", "/healthz", "", None)?.0 == 200).then_some(())
        });
        Some(alone)
    }

    fn ask(&self, verb: &str, path: &str, secret: &str, body: Option<&Value>) -> (u16, Value) {
        self.try_ask(verb, path, secret, body).unwrap_or_else(|| panic!("{verb} {path}"))
    }

    fn try_ask(
        &self,
        verb: &str,
        path: &str,
        secret: &str,
        body: Option<&Value>,
    ) -> Option<(u16, Value)> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut stream = UnixStream::connect(&self.socket).ok()?;
        let head = format!(
            "{verb} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Authorization: Bearer {secret}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, serde_json::from_str(body).unwrap_or_default()))
    }

    /// What the kernel counted in this network: `Tcp ActiveOpens`, `Udp OutDatagrams`, …
    fn counted(&self) -> BTreeMap<String, u64> {
        let folder = PathBuf::from(format!("/proc/{}/net", self.process.0.id()));
        let mut counted = of_pairs(&folder.join("snmp"));
        let six = std::fs::read_to_string(folder.join("snmp6")).unwrap_or_default();
        let lines = six.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        counted.extend(lines.map(|words| (words[0].to_owned(), words[1].parse().unwrap())));
        counted
    }
}

/// `Tcp: RtoAlgorithm …` above `Tcp: 1 …`.
fn of_pairs(path: &Path) -> BTreeMap<String, u64> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut counted = BTreeMap::new();
    for pair in lines.chunks(2) {
        let (kind, names) = pair[0].split_once(": ").unwrap();
        let (_, values) = pair[1].split_once(": ").unwrap();
        for (name, value) in names.split(' ').zip(values.split(' ')) {
            // Some are negative for "no limit".
            counted.insert(format!("{kind} {name}"), value.parse().unwrap_or_default());
        }
    }
    counted
}

/// Whatever is sent or asked for, and whatever there is no way to.
const ATTEMPTS: [&str; 6] = [
    "Tcp ActiveOpens",
    "Udp OutDatagrams",
    "Ip OutRequests",
    "Ip OutNoRoutes",
    "Udp6OutDatagrams",
    "Ip6OutNoRoutes",
];

fn attempts(alone: &Alone) -> Vec<(&'static str, u64)> {
    let counted = alone.counted();
    let named = ATTEMPTS.into_iter().map(|name| (name, counted[name]));
    named.filter(|(_, count)| *count > 0).collect()
}

#[test]
fn nobody_is_called_that_nobody_named() {
    let Some(alone) = Alone::start() else { return };
    let made = alone.doorkey.cli(&["api-key", "create", "--name", "shop", "--role", "admin"]);
    let key = made["key"].as_str().unwrap();
    let new = json!({
        "customer": { "email": "ana@tracker.example", "name": TEMPTING, "company": TEMPTING },
        "subject": TEMPTING, "description": TEMPTING,
    });
    let (status, ticket) = alone.ask("POST", "/api/v1/tickets", key, Some(&new));
    assert_eq!(status, 201, "{ticket}");
    let path = format!("/tickets/{}", ticket["reference"].as_str().unwrap());
    let note = json!({ "body": TEMPTING, "visibility": "public" });
    assert_eq!(alone.ask("POST", &format!("/api/v1{path}/notes"), key, Some(&note)).0, 201);
    let link = alone.doorkey.cli(&["customer", "link", "--email", "ana@tracker.example"]);
    let token = link["url"].as_str().unwrap().split_once("#token=").unwrap().1;
    let reply = json!({ "body": TEMPTING });
    let replies = format!("/api/v1/portal{path}/replies");
    assert_eq!(alone.ask("POST", &replies, token, Some(&reply)).0, 201);
    for page in
        ["/", "/portal", &format!("/portal{path}"), "/admin/sign-in", "/api/docs", "/readyz"]
    {
        assert_eq!(alone.ask("GET", page, token, None).0, 200, "{page}");
    }
    wait_for("the mails to be handed over", || {
        let queued = alone.doorkey.cli(&["outbox", "list", "--state", "queued"]);
        queued["items"].as_array().unwrap().is_empty().then_some(())
    });
    // Every job has had its turn.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(attempts(&alone), [], "somebody was called");

    // And it would have been seen: a webhook is one that somebody named.
    let hook = json!({ "url": "https://8.8.8.8/hook" });
    let (status, hook) = alone.ask("POST", "/api/v1/webhooks", key, Some(&hook));
    assert_eq!(status, 201, "{hook}");
    let test = format!("/api/v1/webhooks/{}/test", hook["id"].as_str().unwrap());
    assert_eq!(alone.ask("POST", &test, key, Some(&json!({}))).0, 202);
    wait_for("the call to be counted", || {
        attempts(&alone).iter().any(|(name, _)| *name == "Ip OutNoRoutes").then_some(())
    });
}
