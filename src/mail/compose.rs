//! From words to the bytes of a mail, RFC 5322.
//!
//! Nothing a person wrote reaches a header unencoded: lettre encodes subjects and names, and
//! what goes out is checked once more as a whole. Bodies are always quoted-printable, so that
//! no line is too long and no bare CR, bare LF or high byte reaches the SMTP conversation
//! (RUSTSEC-2026-0561).

use std::time::{Duration, SystemTime};

use lettre::Address;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};

use crate::clock::Millis;
use crate::mail::{Letter, SendError};

/// Longest line in bytes without its CRLF, RFC 5322 §2.1.1.
const LINE_MAX: usize = 998;

/// Who sends: the setting `mail.from`, `Support <support@example.com>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender(Mailbox);

impl From<Mailbox> for Sender {
    fn from(setting: Mailbox) -> Self {
        Self(Mailbox::new(setting.name, with_ascii_domain(setting.email)))
    }
}

impl std::str::FromStr for Sender {
    type Err = lettre::address::AddressError;

    fn from_str(setting: &str) -> Result<Self, Self::Err> {
        Ok(Self::from(setting.parse::<Mailbox>()?))
    }
}

impl Sender {
    /// The address alone.
    pub fn address(&self) -> &str {
        self.0.email.as_ref()
    }

    /// The domain of its address: the right side of every Message-ID and the name we greet
    /// SMTP servers with.
    pub fn domain(&self) -> &str {
        self.0.email.domain()
    }
}

/// A mail as it goes over the wire, with its envelope.
pub struct Composed {
    /// Where bounces go.
    pub from: Address,
    /// The only recipient.
    pub to: Address,
    /// The mail. Lines end in CRLF.
    pub bytes: Vec<u8>,
}

impl Composed {
    /// The headers as they are sent, unfolded.
    pub fn headers(&self) -> Vec<(String, String)> {
        let text = String::from_utf8_lossy(&self.bytes);
        let head = text.split("\r\n\r\n").next().unwrap_or_default();
        let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let pairs = unfolded.split("\r\n").filter_map(|line| line.split_once(": "));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

/// Composes `letter` from `sender`.
///
/// # Errors
///
/// [`SendError::Refused`] if its address or an id could not stand in a header.
pub fn compose(letter: &Letter, sender: &Sender) -> Result<Composed, SendError> {
    let to = address(letter.to.as_str())?;
    let mut builder = Message::builder()
        .from(sender.0.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(&letter.rendered.subject)
        .message_id(Some(bracketed(&letter.message_id)?))
        .date(system_time(letter.at))
        .raw_header(raw("Auto-Submitted", "auto-generated"))
        .raw_header(raw("X-Auto-Response-Suppress", "All"));
    if let Some(reference) = &letter.thread {
        let thread = bracketed(&format!("{reference}.thread@{}", sender.domain()))?;
        builder = builder.in_reply_to(thread.clone()).references(thread);
    }
    let parts = MultiPart::alternative()
        .singlepart(part(ContentType::TEXT_PLAIN, &letter.rendered.text))
        .singlepart(part(ContentType::TEXT_HTML, &letter.rendered.html));
    let message = builder.multipart(parts).map_err(|error| refused(error.to_string()))?;
    let bytes = message.formatted();
    check_wire(&bytes)?;
    Ok(Composed { from: sender.0.email.clone(), to, bytes })
}

fn address(text: &str) -> Result<Address, SendError> {
    let is_clean = !text.chars().any(|it| it.is_control() || it.is_whitespace());
    let parsed = text.parse::<Address>().ok().filter(|_| is_clean);
    parsed.map(with_ascii_domain).ok_or_else(|| refused("the recipient's address is not valid"))
}

/// `müller.example` as `xn--mller-kva.example` (RFC 5891), which every server takes. A local part
/// beyond ASCII has no such form: there the address stays whole and needs SMTPUTF8.
fn with_ascii_domain(address: Address) -> Address {
    if address.domain().is_ascii() || !address.user().is_ascii() {
        return address;
    }
    let domain = url::Host::parse(address.domain()).map(|host| host.to_string());
    domain.ok().and_then(|domain| Address::new(address.user(), domain).ok()).unwrap_or(address)
}

/// `<id>`, of what RFC 5322 §3.6.4 allows in both of its halves.
fn bracketed(id: &str) -> Result<String, SendError> {
    let is_atom = |it: char| it.is_ascii_alphanumeric() || "-_.+=@".contains(it);
    if id.chars().all(is_atom) && id.matches('@').count() == 1 {
        return Ok(format!("<{id}>"));
    }
    Err(refused("the mail's id is not valid"))
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn system_time(at: Millis) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(at.0).unwrap_or_default())
}

fn part(kind: ContentType, text: &str) -> SinglePart {
    let clean = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
    SinglePart::builder().header(kind).header(ContentTransferEncoding::QuotedPrintable).body(clean)
}

/// What must hold for every mail, whatever went into it: no NUL, no bare CR or LF, no long line.
fn check_wire(bytes: &[u8]) -> Result<(), SendError> {
    let lines = bytes.split(|it| *it == b'\n');
    let mut body = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let is_clean =
        body.all(|line| line.len() <= LINE_MAX && !line.contains(&b'\r') && !line.contains(&0));
    let ends = bytes.windows(2).filter(|pair| pair == b"\r\n").count();
    let feeds = bytes.iter().filter(|it| **it == b'\n').count();
    if is_clean && ends == feeds {
        return Ok(());
    }
    Err(refused("the mail could not be put into a form that is safe to send"))
}

fn refused(reason: impl Into<String>) -> SendError {
    SendError::Refused { reason: reason.into() }
}
