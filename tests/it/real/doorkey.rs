//! Doorkey's own binary as people run it: `serve` on a port of its own with its own data, and
//! commands beside it on the same settings.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::{Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;

use super::postgres::Postgres;
use super::smtp::Smtp;
use super::{Process, wait_for};
use crate::support::contract;

/// A running `doorkey serve`. It is killed when this is dropped, and its data goes with it.
pub struct Doorkey {
    settings: BTreeMap<String, String>,
    port: u16,
    process: Option<Process>,
    folder: TempDir,
    _database: Option<Postgres>,
}

impl Doorkey {
    /// Starts `serve` with `settings` (`("DOORKEY_PORTAL_LINK_TTL", "2s")`) on a fresh database,
    /// on PostgreSQL if the tests run there, and waits until it is ready.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let mut doorkey = Self::prepare(settings);
        doorkey.run();
        doorkey
    }

    /// As [`Self::start`], with its mail going to `smtp`.
    pub fn start_with_mail(smtp: &Smtp, settings: &[(&str, &str)]) -> Self {
        let url = smtp.url();
        let authority = smtp.authority().display().to_string();
        let mut all = vec![
            ("DOORKEY_SMTP_URL", url.as_str()),
            ("DOORKEY_MAIL_FROM", "RFS Support <support@rfs.example>"),
            ("SSL_CERT_FILE", authority.as_str()),
        ];
        all.extend_from_slice(settings);
        Self::start(&all)
    }

    /// The settings of [`Self::start`] and a fresh database, for commands; nothing runs.
    pub fn prepare(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Postgres::create();
        let port = free_port();
        let mut all = BTreeMap::from([
            ("DOORKEY_LISTEN".to_owned(), format!("127.0.0.1:{port}")),
            ("DOORKEY_PUBLIC_URL".to_owned(), format!("http://localhost:{port}")),
            ("DOORKEY_DATA_DIR".to_owned(), folder.path().join("data").display().to_string()),
            ("DOORKEY_LOG".to_owned(), "debug".to_owned()),
        ]);
        if let Some(database) = &database {
            all.insert("DOORKEY_DATABASE_URL".to_owned(), database.url());
        }
        all.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Self { settings: all, port, process: None, folder, _database: database }
    }

    /// An address of this server: `url("/portal")`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.settings["DOORKEY_PUBLIC_URL"])
    }

    /// Where its data is, as the setting `database.url` has it.
    pub fn database_url(&self) -> String {
        let file = || format!("sqlite:{}/doorkey.db", self.settings["DOORKEY_DATA_DIR"]);
        self.settings.get("DOORKEY_DATABASE_URL").cloned().unwrap_or_else(file)
    }

    /// The folder for its data.
    pub fn data_dir(&self) -> PathBuf {
        self.settings["DOORKEY_DATA_DIR"].clone().into()
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What `/readyz` answers, head and body; empty while nobody answers.
    pub fn readiness(&self) -> String {
        // Asked by hand: this runs inside and outside of a runtime.
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return String::new();
        };
        let request = format!(
            "GET /readyz HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\r\n",
            self.port
        );
        let mut answer = String::new();
        let asked = stream.write_all(request.as_bytes());
        let read = asked.and_then(|()| stream.read_to_string(&mut answer));
        read.map(|_| answer).unwrap_or_default()
    }

    /// Runs a command on the same settings; returns the JSON object that it prints.
    pub fn cli(&self, arguments: &[&str]) -> Value {
        let output = self.try_cli(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "doorkey {arguments:?}: {} {errors}", output.status);
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("doorkey {arguments:?} --json: {error}"))
    }

    /// Runs a command on the same settings, whatever comes of it.
    pub fn try_cli(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).arg("--json").output().unwrap()
    }

    /// A program of the company with a new API key of this role.
    pub fn program(&self, role: &str) -> Program {
        static MADE: AtomicU32 = AtomicU32::new(0);
        // No two keys in use share a name.
        let name = match MADE.fetch_add(1, Ordering::Relaxed) {
            0 => "Alarm receiver".to_owned(),
            others => format!("Alarm receiver {}", others + 1),
        };
        let made = self.cli(&["api-key", "create", "--name", &name, "--role", role]);
        let key = made["key"].as_str().expect("the key, shown once").to_owned();
        Program { base: self.url("/api/v1"), key, client: reqwest::Client::new() }
    }

    /// Everything that the server logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap()
    }

    /// The last lines of the log, for messages of failed tests.
    pub fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Kills it, as a power cut would.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Asks it to stop and waits until it has.
    pub fn terminate(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("a running server");
        process.signal("TERM");
        wait_for("the server to stop", || process.0.try_wait().unwrap())
    }

    /// Changes a setting; it counts from the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.insert(name.to_owned(), value.to_owned());
    }

    /// Starts it again on the same data, port and settings.
    pub fn restart(&mut self) {
        self.kill();
        self.run();
    }

    /// Starts it again without waiting until it answers.
    pub fn run_without_waiting(&mut self) {
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        let mut command = self.command();
        command.arg("serve").stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(Process::start(&mut command));
    }

    fn run(&mut self) {
        self.run_without_waiting();
        wait_for("the server to be ready", || {
            let process = self.process.as_mut().expect("just started");
            if let Some(status) = process.0.try_wait().unwrap() {
                panic!("doorkey serve ended at once: {status}\n{}", self.last_words());
            }
            self.readiness().starts_with("HTTP/1.1 200 ").then_some(())
        });
    }

    /// The binary with these settings and no others, to be given arguments.
    pub fn command(&self) -> Command {
        let mut command = Command::new(binary());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DOORKEY_")) {
            command.env_remove(name);
        }
        command.envs(&self.settings).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

/// The binary under test: the release build that `./scripts/test` made, or this build's own.
pub fn binary() -> PathBuf {
    let given = std::env::var_os("DOORKEY_TEST_BIN");
    given.map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_doorkey")), PathBuf::from)
}

/// A port that is free now. Nothing reserves it: whoever loses the race fails loudly at start.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A program with an API key.
pub struct Program {
    base: String,
    key: String,
    client: reqwest::Client,
}

impl Program {
    /// Sends one request and expects `status`; returns the answer's JSON, null when it is empty.
    pub async fn ask(&self, method: Method, path: &str, body: Option<Value>, status: u16) -> Value {
        let url = format!("{}{path}", self.base);
        let mut request = self.client.request(method.clone(), &url).bearer_auth(&self.key);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let (got, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let full = format!("/api/v1{path}");
        contract::check(method.as_str(), &full, got.as_u16(), &headers, text.as_bytes());
        let wanted = StatusCode::from_u16(status).unwrap();
        assert_eq!(got, wanted, "{method} {path} {body:?}: {text}");
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() }
    }

    /// The key itself.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Posts something; whether it was acknowledged.
    pub async fn try_post(&self, path: &str, body: &Value) -> bool {
        let url = format!("{}{path}", self.base);
        let request = self.client.post(url).bearer_auth(&self.key).json(body);
        request.send().await.is_ok_and(|answer| answer.status().is_success())
    }

    /// Asks for something that is there.
    pub async fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, path, None, 200).await
    }

    /// Opens a ticket for `email` and returns its reference.
    pub async fn open_ticket(&self, email: &str, subject: &str, description: &str) -> String {
        let customer = serde_json::json!({ "email": email, "name": "Ana Costa" });
        let body = serde_json::json!({
            "customer": customer, "subject": subject, "description": description
        });
        let ticket = self.ask(Method::POST, "/tickets", Some(body), 201).await;
        ticket["reference"].as_str().expect("a reference").to_owned()
    }

    /// Adds a public note.
    pub async fn note(&self, reference: &str, text: &str) {
        let body = serde_json::json!({ "body": text, "visibility": "public" });
        self.ask(Method::POST, &format!("/tickets/{reference}/notes"), Some(body), 201).await;
    }

    /// Resolves a ticket.
    pub async fn resolve(&self, reference: &str, text: &str) {
        let body = serde_json::json!({ "text": text });
        self.ask(Method::POST, &format!("/tickets/{reference}/resolution"), Some(body), 200).await;
    }

    /// Changes a ticket's status.
    pub async fn set_status(&self, reference: &str, status: &str) {
        let body = serde_json::json!({ "status": status });
        self.ask(Method::PATCH, &format!("/tickets/{reference}"), Some(body), 200).await;
    }

    /// The ticket as it stands.
    pub async fn ticket(&self, reference: &str) -> Value {
        self.get(&format!("/tickets/{reference}")).await
    }

    /// The ticket's entries of one kind, oldest first, internal ones included.
    pub async fn entries(&self, reference: &str, kind: &str) -> Vec<Value> {
        let list = self.get(&format!("/tickets/{reference}/timeline?limit=100")).await;
        let items = list["items"].as_array().expect("a list").clone();
        items.into_iter().filter(|entry| entry["kind"] == kind).collect()
    }
}
