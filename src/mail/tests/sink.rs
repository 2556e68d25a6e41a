//! A mail server for tests, strict: it hangs up on a bare LF, and it counts what it is told.

use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const CERTIFICATE: &[u8] = include_bytes!("../testdata/server.pem");
const KEY: &[u8] = include_bytes!("../testdata/server.key");

/// How the server behaves.
#[derive(Clone, Default)]
pub(super) struct Script {
    /// Answers to commands that begin with these words, in place of the usual ones.
    pub answers: Vec<(&'static str, &'static str)>,
    /// What EHLO offers, besides STARTTLS.
    pub offers: Vec<&'static str>,
    /// Whether it offers STARTTLS.
    pub starttls: bool,
    /// Whether it speaks TLS from the first byte.
    pub implicit: bool,
    /// Said in clear right behind the answer to STARTTLS, by somebody on the way.
    pub injected: &'static str,
    /// Hangs up instead of greeting the first so many connections.
    pub hang_up: usize,
    /// Hangs up after each mail without a word.
    pub one_mail_only: bool,
}

/// What was said to it.
#[derive(Clone, Default)]
pub(super) struct Heard {
    /// Every command, `TLS ` before those that came encrypted.
    pub commands: Vec<String>,
    /// Every mail without dot-stuffing.
    pub mails: Vec<Vec<u8>>,
    /// Connections accepted.
    pub connections: usize,
}

pub(super) struct Sink {
    pub port: u16,
    heard: Arc<Mutex<Heard>>,
}

impl Sink {
    pub(super) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let sink = Self { port, heard: Arc::clone(&heard) };
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.expect("a connection");
                tokio::spawn(serve(tcp, script.clone(), Arc::clone(&heard)));
            }
        });
        sink
    }

    pub(super) fn heard(&self) -> Heard {
        self.heard.lock().expect("unpoisoned").clone()
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

fn acceptor() -> TlsAcceptor {
    let chain =
        CertificateDer::pem_slice_iter(CERTIFICATE).collect::<Result<Vec<_>, _>>().expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(KEY).expect("PEM");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate");
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(tcp: TcpStream, script: Script, heard: Arc<Mutex<Heard>>) -> Option<()> {
    let number = {
        let mut heard = heard.lock().expect("unpoisoned");
        heard.connections += 1;
        heard.connections
    };
    if number <= script.hang_up {
        return None;
    }
    let mut encrypted = script.implicit;
    let mut stream: Box<dyn Stream> =
        if encrypted { Box::new(acceptor().accept(tcp).await.ok()?) } else { Box::new(tcp) };
    say(&mut stream, answer(&script, "GREETING", "220 sink.example ESMTP")).await?;
    loop {
        let line = read_line(&mut stream).await?;
        let prefix = if encrypted { "TLS " } else { "" };
        heard.lock().expect("unpoisoned").commands.push(format!("{prefix}{line}"));
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        match verb.as_str() {
            "EHLO" => {
                let mut offers = script.offers.clone();
                offers.extend((script.starttls && !encrypted).then_some("STARTTLS"));
                let lines: String = offers.iter().map(|offer| format!("250-{offer}\r\n")).collect();
                say(
                    &mut stream,
                    answer(&script, "EHLO", &format!("250-sink.example\r\n{lines}250 OK")),
                )
                .await?;
            }
            "STARTTLS" => {
                let go = answer(&script, "STARTTLS", "220 go ahead");
                let is_go = go.starts_with("220");
                say(&mut stream, format!("{go}\r\n{}", script.injected).trim_end().to_owned())
                    .await?;
                if is_go {
                    stream = Box::new(acceptor().accept(stream).await.ok()?);
                    encrypted = true;
                }
            }
            "DATA" => {
                let go = answer(&script, "DATA", "354 go on");
                let is_go = go.starts_with("354");
                say(&mut stream, go).await?;
                if is_go {
                    let mail = read_mail(&mut stream).await?;
                    heard.lock().expect("unpoisoned").mails.push(mail);
                    let done = answer(&script, "DOT", "250 taken");
                    say(&mut stream, done).await?;
                    if script.one_mail_only {
                        return None;
                    }
                }
            }
            "AUTH" => say(&mut stream, answer(&script, "AUTH", "235 welcome")).await?,
            _ => say(&mut stream, answer(&script, &verb, "250 OK")).await?,
        }
    }
}

fn answer(script: &Script, verb: &str, usual: &str) -> String {
    let found = script.answers.iter().find(|(word, _)| *word == verb);
    found.map_or(usual, |(_, answer)| answer).to_owned()
}

/// Says nothing at all when the answer is empty: a server that hangs.
async fn say(stream: &mut Box<dyn Stream>, answer: String) -> Option<()> {
    if answer.is_empty() {
        std::future::pending::<()>().await;
    }
    stream.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
    stream.flush().await.ok()
}

async fn read_line(stream: &mut Box<dyn Stream>) -> Option<String> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(stream.read_u8().await.ok()?);
        let before = line.len().checked_sub(2).map(|at| line[at]);
        assert!(!(line.ends_with(b"\n") && before != Some(b'\r')), "a bare LF in a command");
    }
    line.truncate(line.len() - 2);
    Some(String::from_utf8(line).expect("UTF-8"))
}

async fn read_mail(stream: &mut Box<dyn Stream>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n.\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
        // A lenient server ends the mail here.
        for end in [&b"\n.\n"[..], b"\r.\r", b"\n.\r\n"] {
            let is_strict_end = bytes.ends_with(b"\r\n.\r\n");
            assert!(!bytes.ends_with(end) || is_strict_end, "an end that only some servers see");
        }
    }
    bytes.truncate(bytes.len() - 3);
    let mut lines = bytes
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| line.strip_prefix(b".").unwrap_or(line));
    Some(lines.by_ref().flatten().copied().collect())
}
