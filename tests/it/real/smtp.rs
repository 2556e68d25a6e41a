//! A real mail server, another program in another process: STARTTLS with a certificate of the
//! test's own authority, then a login, then each mail as a file.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use tempfile::TempDir;

use super::{Process, have, wait_for};

const PYTHON: &str = "/usr/bin/python3";
const OPENSSL: &str = "/usr/bin/openssl";

/// The server. It stops when this is dropped, and its mails go with it.
pub struct Smtp {
    folder: TempDir,
    port: u16,
    process: Option<Process>,
}

/// A mail as the server took it.
#[derive(Clone, Debug, Deserialize)]
pub struct Mail {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// Decoded headers in their order.
    pub headers: Vec<(String, String)>,
    /// The text part, decoded.
    pub text: String,
    /// The HTML part, decoded.
    pub html: String,
    /// Every byte of the content; surrogates stand for what is no UTF-8.
    pub raw: String,
}

impl Mail {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The subject; empty without one.
    pub fn subject(&self) -> &str {
        self.header("Subject").unwrap_or_default()
    }

    /// The first link of the text part that carries a token.
    pub fn link(&self) -> String {
        let mut words = self.text.split_whitespace();
        let link = words.find(|word| word.starts_with("http") && word.contains("#token="));
        link.unwrap_or_else(|| panic!("no link in {}", self.text)).to_owned()
    }

    /// The token in the first link.
    pub fn token(&self) -> String {
        self.link().split_once("#token=").expect("a token in the link").1.to_owned()
    }

    /// The 6-digit code, read with or without a space in its middle.
    pub fn code(&self) -> String {
        let mut lines = self.text.lines().map(|line| line.replace(' ', ""));
        let is_code = |line: &String| line.len() == 6 && line.bytes().all(|b| b.is_ascii_digit());
        lines.find(is_code).unwrap_or_else(|| panic!("no code in {}", self.text))
    }
}

impl Smtp {
    /// User and password of the server's one account.
    pub const LOGIN: (&str, &str) = ("doorkey", "s3cret@mail");

    /// A name that the certificate is good for, beside `localhost`.
    pub const NAME: &str = "mail.example.com";

    /// Starts a server on a free port of loopback. `None`, and the test skipped, where the
    /// programs for it are missing.
    pub fn start() -> Option<Self> {
        if !have(&[PYTHON, OPENSSL]) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        make_certificate(folder.path());
        let mut smtp = Self { folder, port: 0, process: None };
        smtp.run();
        Some(smtp)
    }

    /// The setting `DOORKEY_SMTP_URL` for this server.
    pub fn url(&self) -> String {
        self.url_at("localhost")
    }

    /// The same under another name of this machine.
    pub fn url_at(&self, host: &str) -> String {
        let (user, password) = Self::LOGIN;
        format!("smtp://{user}:{}@{host}:{}", password.replace('@', "%40"), self.port)
    }

    /// The authority that signed the server's certificate.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Makes the server answer `RCPT TO:<recipient>` with `answer` until it is [`Self::accept`]ed.
    pub fn refuse(&self, recipient: &str, answer: &str) {
        let answers = BTreeMap::from([(recipient, answer)]);
        std::fs::write(
            self.folder.path().join("answers.json"),
            serde_json::to_vec(&answers).unwrap(),
        )
        .unwrap();
    }

    /// Takes mail for everybody again.
    pub fn accept(&self) {
        std::fs::remove_file(self.folder.path().join("answers.json")).unwrap();
    }

    /// Stops the server; its port refuses connections.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again on the same port, with the mails it had.
    pub fn restart(&mut self) {
        self.stop();
        self.run();
    }

    /// Every mail accepted so far, oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|file| file.unwrap().path())
            .filter(|path| {
                path.to_string_lossy().contains("/mail-")
                    && path.extension().is_some_and(|end| end == "json")
            })
            .collect();
        files.sort();
        files
            .iter()
            .map(|file| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap())
            .collect()
    }

    /// Every mail to `recipient`, oldest first.
    pub fn mails_to(&self, recipient: &str) -> Vec<Mail> {
        self.mails().into_iter().filter(|mail| mail.to == [recipient]).collect()
    }

    /// Waits until `recipient` has `count` mails and returns the newest.
    pub fn wait_for(&self, recipient: &str, count: usize) -> Mail {
        wait_for(&format!("mail {count} to {recipient}"), || {
            let mails = self.mails_to(recipient);
            assert!(mails.len() <= count, "{recipient} has {} mails, not {count}", mails.len());
            (mails.len() == count).then(|| mails[count - 1].clone())
        })
    }

    fn run(&mut self) {
        let (user, password) = Self::LOGIN;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/real/smtp_server.py");
        let mut process = Process::start(
            Command::new(PYTHON)
                .arg(script)
                .arg(self.folder.path())
                .args([&self.port.to_string(), user, password])
                .stdin(Stdio::null())
                .stdout(Stdio::piped()),
        );
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.port = line.trim().parse().expect("the mail server prints its port when it listens");
        self.process = Some(process);
    }
}

/// An authority and a certificate for `localhost` and [`Smtp::NAME`] that it signed.
fn make_certificate(folder: &Path) {
    let script = "
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
            -subj '/CN=Test authority' -keyout ca-key.pem -out ca.pem \
            -addext 'basicConstraints=critical,CA:TRUE'
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
            -subj '/CN=localhost' -keyout key.pem -out request.pem
        printf 'subjectAltName=DNS:localhost,DNS:mail.example.com,IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' > extensions
        openssl x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 \
            -extfile extensions -out cert.pem";
    let output = Command::new("sh").args(["-ec", script]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

mod tests {
    use super::*;

    #[test]
    fn the_server_speaks_and_comes_back_on_its_port() {
        let Some(mut smtp) = Smtp::start() else { return };
        let port = smtp.port;
        assert!(greeting(port).starts_with("220 "));
        smtp.stop();
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
        smtp.restart();
        assert_eq!(smtp.port, port);
        assert!(greeting(port).starts_with("220 "));
        assert!(smtp.mails().is_empty());
    }

    fn greeting(port: u16) -> String {
        let stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line
    }
}
