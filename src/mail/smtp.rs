//! Handing mails to a mail server, RFC 5321.
//!
//! The connection is our own, with TCP_NODELAY: lettre's sends the last line of a mail in a
//! packet of its own, which Nagle's algorithm and delayed acknowledgements hold back 40 ms.

use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Severity;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::config::smtp_url::SmtpUrl;
use crate::mail::compose::{Composed, Sender, compose};
use crate::mail::socket::{Encrypted, Lines};
use crate::mail::tls::Tls;
use crate::mail::{Letter, SendError};

/// How many connections are kept for the next mail.
const IDLE_MAX: usize = 4;
/// How long one is kept. Servers hang up on idle clients after some minutes, some after 30 s.
const IDLE_FOR: Duration = Duration::from_secs(20);
/// How much of a server's answer a reason repeats, in characters.
const ANSWER_MAX: usize = 300;

/// How long each step may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// One command and its answer, and the TLS handshake.
    pub command: Duration,
    /// From the content to the answer to its final dot. RFC 5321 §4.5.3.2.6 says 10 minutes:
    /// a server that is cut off while it delivers sends the mail twice.
    pub content: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            command: Duration::from_secs(60),
            content: Duration::from_secs(600),
        }
    }
}

/// The way to one mail server.
pub struct Smtp {
    url: SmtpUrl,
    tls: Tls,
    sender: Sender,
    timeouts: Timeouts,
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

/// Where in the conversation something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Connect,
    Greeting,
    Tls,
    Login,
    Sender,
    Recipient,
    Content,
}

impl Smtp {
    /// Prepares the way; connects to nothing yet.
    ///
    /// # Errors
    ///
    /// A sentence for the operator if the certificate authorities cannot be read.
    pub fn new(url: SmtpUrl, sender: Sender, timeouts: Timeouts) -> Result<Self, String> {
        let tls = Tls::new(&url)?;
        Ok(Self { url, tls, sender, timeouts, idle: Mutex::default() })
    }

    /// Hands `letter` over. `Ok` means that the server has taken it.
    ///
    /// # Errors
    ///
    /// See [`SendError`]. After [`SendError::Later`] the server may have taken it all the same:
    /// the next attempt carries the same Message-ID.
    pub async fn send(&self, letter: &Letter) -> Result<(), SendError> {
        let composed = compose(letter, &self.sender)?;
        let mut connection = self.begin(&composed).await?;
        if let Err(error) = self.hand_over(&mut connection, &composed).await {
            if matches!(error, SendError::Refused { .. }) {
                self.reset(connection).await;
            }
            return Err(error);
        }
        self.keep(connection);
        Ok(())
    }

    /// Goes as far as naming the sender of `letter`, and hands nothing over.
    ///
    /// # Errors
    ///
    /// See [`SendError`].
    pub async fn check(&self, letter: &Letter) -> Result<(), SendError> {
        let composed = compose(letter, &self.sender)?;
        let connection = self.begin(&composed).await?;
        self.reset(connection).await;
        Ok(())
    }

    /// A connection that has accepted us as the sender of `composed`.
    async fn begin(&self, composed: &Composed) -> Result<AsyncSmtpConnection, SendError> {
        while let Some(mut connection) = self.take_idle() {
            // The server may have hung up meanwhile; then the next connection tells the truth.
            if self.say_sender(&mut connection, composed).await.is_ok() {
                return Ok(connection);
            }
        }
        let mut connection = self.connect().await?;
        self.say_sender(&mut connection, composed).await?;
        Ok(connection)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, SendError> {
        let hello = ClientId::Domain(self.sender.domain().to_owned());
        let tcp = self.connect_tcp().await?;
        let mut connection = match &self.tls {
            Tls::Implicit(connector, name) => {
                let handshake = connector.connect(name.clone(), tcp);
                let stream = self.within(Step::Tls, handshake).await?;
                let greeting = AsyncSmtpConnection::connect_with_transport(
                    Box::new(Encrypted(stream)),
                    &hello,
                );
                self.within(Step::Greeting, greeting).await?
            }
            Tls::Upgrade(_) | Tls::None => {
                let greeting =
                    AsyncSmtpConnection::connect_with_transport(Box::new(Lines(tcp)), &hello);
                self.within(Step::Greeting, greeting).await?
            }
        };
        if let Tls::Upgrade(parameters) = &self.tls {
            self.within(Step::Tls, connection.starttls(parameters.clone(), &hello)).await?;
        }
        self.log_in(&mut connection).await?;
        Ok(connection)
    }

    async fn connect_tcp(&self) -> Result<TcpStream, SendError> {
        let target = (self.url.host.as_str(), self.url.port);
        let tcp = self.within(Step::Connect, TcpStream::connect(target)).await?;
        let prepared = tcp.set_nodelay(true).and_then(|()| tcp.peer_addr());
        let peer = prepared.map_err(|error| failure(Step::Connect, &error))?;
        if matches!(self.tls, Tls::None) && !peer.ip().is_loopback() {
            let reason = "tls=none, but the mail server is not on this machine".into();
            return Err(SendError::Paused { reason });
        }
        Ok(tcp)
    }

    /// Logs in if there is a login. TLS stands by now: a login without it is refused at start.
    async fn log_in(&self, connection: &mut AsyncSmtpConnection) -> Result<(), SendError> {
        let Some(login) = &self.url.login else { return Ok(()) };
        let credentials = Credentials::new(login.user.clone(), login.password.clone());
        let auth = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials);
        self.within(Step::Login, auth).await.map(drop)
    }

    async fn say_sender(
        &self,
        connection: &mut AsyncSmtpConnection,
        composed: &Composed,
    ) -> Result<(), SendError> {
        let parameters = parameters(connection, composed)?;
        let command = MailFrom::new(Some(composed.from.clone()), parameters);
        self.within(Step::Sender, connection.command(command)).await.map(drop)
    }

    async fn hand_over(
        &self,
        connection: &mut AsyncSmtpConnection,
        composed: &Composed,
    ) -> Result<(), SendError> {
        let recipient = Rcpt::new(composed.to.clone(), Vec::new());
        self.within(Step::Recipient, connection.command(recipient)).await?;
        self.within(Step::Recipient, connection.command(Data)).await?;
        self.within(Step::Content, connection.message(&composed.bytes)).await.map(drop)
    }

    /// Runs one step within its time.
    async fn within<T, E: Failure>(
        &self,
        step: Step,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, SendError> {
        let limit = match step {
            Step::Connect => self.timeouts.connect,
            Step::Content => self.timeouts.content,
            _ => self.timeouts.command,
        };
        match timeout(limit, work).await {
            Ok(done) => done.map_err(|error| failure(step, &error)),
            Err(_) => Err(SendError::Later { reason: format!("{step}: no answer in time") }),
        }
    }

    /// After a refusal the conversation may go on with the next mail.
    async fn reset(&self, mut connection: AsyncSmtpConnection) {
        if self.within(Step::Sender, connection.command(Rset)).await.is_ok() {
            self.keep(connection);
        }
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push((connection, Instant::now()));
        }
    }

    fn take_idle(&self) -> Option<AsyncSmtpConnection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, since)| since.elapsed() < IDLE_FOR);
        idle.pop().map(|(connection, _)| connection)
    }
}

/// What `MAIL FROM` must say: SMTPUTF8 (RFC 6531) for addresses beyond ASCII.
fn parameters(
    connection: &AsyncSmtpConnection,
    composed: &Composed,
) -> Result<Vec<MailParameter>, SendError> {
    let is_ascii = [&composed.from, &composed.to].iter().all(|it| it.to_string().is_ascii());
    if is_ascii && composed.bytes.is_ascii() {
        return Ok(Vec::new());
    }
    if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
        let reason =
            "the mail server takes no addresses with letters beyond ASCII (SMTPUTF8)".into();
        return Err(SendError::Refused { reason });
    }
    Ok(vec![MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)])
}

/// An error of one step, and what it says about the next attempt.
trait Failure {
    /// The server's answer, if that is what it was: its severity, its code and its words.
    fn answer(&self) -> Option<(Severity, u16, String)>;
    /// Whether TLS itself failed, and not the network below it.
    fn is_tls(&self) -> bool;
    /// Whether the server lacks what we insist on.
    fn is_missing_feature(&self) -> bool;
    /// In words.
    fn words(&self) -> String;
}

impl Failure for SmtpError {
    fn answer(&self) -> Option<(Severity, u16, String)> {
        let code = self.status()?;
        let words = self.source().map(ToString::to_string).unwrap_or_default();
        let number = code.to_string().parse().unwrap_or_default();
        Some((code.severity, number, words))
    }

    fn is_tls(&self) -> bool {
        let chain = std::iter::successors(self.source(), |error| (*error).source());
        SmtpError::is_tls(self) || chain.filter_map(|it| it.downcast_ref()).any(is_tls_error)
    }

    fn is_missing_feature(&self) -> bool {
        self.is_client()
    }

    fn words(&self) -> String {
        self.to_string()
    }
}

impl Failure for io::Error {
    fn answer(&self) -> Option<(Severity, u16, String)> {
        None
    }

    fn is_tls(&self) -> bool {
        is_tls_error(self)
    }

    fn is_missing_feature(&self) -> bool {
        false
    }

    fn words(&self) -> String {
        self.to_string()
    }
}

fn is_tls_error(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.downcast_ref::<rustls::Error>().is_some())
}

/// What a failed step means for the mail and the queue.
fn failure(step: Step, error: &impl Failure) -> SendError {
    let Some((severity, code, words)) = error.answer() else {
        let reason = shorten(&format!("{step}: {}", error.words()));
        let is_ours = error.is_tls() || error.is_missing_feature();
        return if is_ours { SendError::Paused { reason } } else { SendError::Later { reason } };
    };
    let reason = match step {
        // An answer to a login may repeat it.
        Step::Login => format!("{step}: the mail server said {code}"),
        _ => shorten(&format!("{step}: the mail server said {code} {words}")),
    };
    if severity != Severity::PermanentNegativeCompletion {
        return SendError::Later { reason };
    }
    // RFC 4954 §6: 530, 534, 535 and 538 mean us and not the recipient, wherever they come.
    let about_us = !matches!(step, Step::Recipient | Step::Content);
    if about_us || matches!(code, 530 | 534 | 535 | 538) {
        return SendError::Paused { reason };
    }
    SendError::Refused { reason }
}

/// One line of at most 300 characters.
fn shorten(text: &str) -> String {
    let words: Vec<&str> = text.split(|it: char| it.is_whitespace() || it.is_control()).collect();
    words.join(" ").chars().take(ANSWER_MAX).collect()
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting to the mail server",
            Self::Greeting => "greeting the mail server",
            Self::Tls => "encrypting the connection to the mail server",
            Self::Login => "logging in to the mail server",
            Self::Sender => "naming the sender",
            Self::Recipient => "naming the recipient",
            Self::Content => "handing over the mail",
        })
    }
}
