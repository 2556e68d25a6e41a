//! What each value may look like. Every error says what to write instead, and none repeats a
//! value that may be secret.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use lettre::message::Mailbox;
use serde::Deserialize as _;
use url::{Host, Url};

use super::{Card, LogFormat};
use crate::domain::email::Email;

/// A value that no log, error or `Debug` may show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself. The caller must not store or log it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The address people open: scheme, host and port, nothing after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    host: String,
    https: bool,
    loopback: bool,
}

impl Default for PublicUrl {
    fn default() -> Self {
        let (origin, host) = ("http://localhost:8080".to_owned(), "localhost".to_owned());
        Self { origin, host, https: false, loopback: true }
    }
}

impl PublicUrl {
    /// Reads an origin; `https` unless the host is this machine.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wanted = "write the address people open, such as https://support.example.com";
        let url = Url::parse(text).map_err(|error| format!("{error}; {wanted}"))?;
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(wanted.to_owned()),
        };
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() {
            return Err(format!("only scheme, host and port belong here; {wanted}"));
        }
        let loopback = is_loopback(url.host().as_ref());
        if !https && !loopback {
            return Err(format!(
                "links in mails must be https unless they lead to this machine; {wanted}"
            ));
        }
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        Ok(Self { origin: url.origin().ascii_serialization(), host, https, loopback })
    }

    /// The name or address in it, without a port and brackets: `support.example.com`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The origin without a slash at its end: `https://support.example.com`.
    pub fn as_str(&self) -> &str {
        &self.origin
    }

    /// Whether browsers reach it encrypted.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether its host is a name, not a bare address.
    pub fn has_name(&self) -> bool {
        self.host.parse::<std::net::IpAddr>().is_err()
    }

    /// Whether it leads to this machine.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

/// Whether a host is this machine, by its name (RFC 6761 §6.3) or address.
pub(super) fn is_loopback(host: Option<&Host<&str>>) -> bool {
    match host {
        Some(Host::Domain(name)) => {
            // Schemes that the URL standard does not know keep an address as a name.
            *name == "localhost"
                || name.ends_with(".localhost")
                || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        }
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Who mail is from; kept as it was written.
pub(super) fn sender(text: &str) -> Result<String, String> {
    match text.parse::<Mailbox>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("write an address such as: Support <support@example.com>".to_owned()),
    }
}

pub(super) fn email(text: &str) -> Result<Email, String> {
    Email::parse("", text).map_err(|error| error.message)
}

pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let whole = text.parse::<IpAddr>().map(IpNet::from);
    whole.or_else(|_| text.parse()).map_err(|_| {
        format!("{text} is no address or network; write for example 10.0.0.1 or 10.0.0.0/8")
    })
}

/// Reads the address of a database.
///
/// # Errors
/// What to write instead, without repeating what may hold a password.
pub fn database_url(text: &str) -> Result<Secret, String> {
    let known = ["sqlite:", "postgres://", "postgresql://"];
    if known.iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme)) {
        return Ok(Secret::new(text));
    }
    Err("write sqlite:path/to/doorkey.db or postgres://user:password@host/database".to_owned())
}

pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err(format!("{text} is neither on nor off; write on, off, true or false")),
    }
}

/// A number and its unit: `2s`, `15m`, `12h`, `7d`. At least a second, at most ten years.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wanted = || format!("{text} is no duration; write for example 15m, 12h or 7d (s, m, h, d)");
    let unit = text.chars().next_back().ok_or_else(wanted)?;
    let seconds_each: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wanted()),
    };
    let digits = &text[..text.len() - 1];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wanted());
    }
    let number: u64 = digits.parse().map_err(|_| wanted())?;
    let seconds = number.checked_mul(seconds_each).ok_or_else(wanted)?;
    if !(1..=3_650 * 86_400).contains(&seconds) {
        return Err("write a duration between 1s and 3650d".to_owned());
    }
    Ok(Duration::from_secs(seconds))
}

/// A time after which something is slow: `200ms`, a duration, or `off`.
pub(super) fn slow(text: &str) -> Result<Option<Duration>, String> {
    if text == "off" {
        return Ok(None);
    }
    let Some(digits) = text.strip_suffix("ms") else { return duration(text).map(Some) };
    match digits.parse() {
        Ok(milliseconds @ 1..=3_600_000) => Ok(Some(Duration::from_millis(milliseconds))),
        _ => Err(format!("{text} is no such time; write for example 200ms, 2s or off")),
    }
}

pub(super) fn days(text: &str) -> Result<u32, String> {
    let days = text.parse().ok().filter(|days| *days <= 3_650);
    days.ok_or_else(|| format!("{text} is no number of days; write 0 (never) to 3650"))
}

/// One line of text that people read, 1–100 characters.
pub(super) fn line(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) || text.chars().count() > 100 {
        return Err("write one line of at most 100 characters".to_owned());
    }
    Ok(text.to_owned())
}

/// Where somebody can be written to about a weakness, as RFC 9116 §2.5.3 has it.
pub(super) fn contact(text: &str) -> Result<String, String> {
    let wanted = "write mailto:security@example.com, or a page that begins with https://";
    let url = Url::parse(text).map_err(|error| format!("{error}; {wanted}"))?;
    let somebody = match url.scheme() {
        "https" => url.host().is_some(),
        "mailto" => Email::parse("security_contact", url.path()).is_ok(),
        _ => false,
    };
    somebody.then(|| url.into()).ok_or_else(|| wanted.to_owned())
}

pub(super) fn colour(text: &str) -> Result<String, String> {
    let hex = text.strip_prefix('#').filter(|hex| hex.len() == 6);
    if hex.is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(format!("{text} is no colour; write six hexadecimal digits, such as \"#3355a8\""))
}

pub(super) fn card(value: toml::Value) -> Result<Card, String> {
    check_card(Card::deserialize(value).map_err(|error| error.message().to_owned())?)
}

/// Takes a card for the start page if it has a title and leads somewhere.
///
/// # Errors
/// What to write instead.
pub fn check_card(card: Card) -> Result<Card, String> {
    line(&card.title)?;
    if card.title.trim().is_empty() {
        return Err("a card needs a title".to_owned());
    }
    let path = card.url.starts_with('/') && !card.url.starts_with("//");
    let schemes = ["https", "http", "mailto", "tel"];
    let address = Url::parse(&card.url).is_ok_and(|url| schemes.contains(&url.scheme()));
    if path || address {
        return Ok(card);
    }
    Err(format!(
        "the card's url {} must be a path or begin with https:, http:, mailto: or tel:",
        card.url
    ))
}

pub(super) fn log_filter(text: &str) -> Result<String, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let wanted = "write error, warn, info, debug or trace, or for a part doorkey::db=trace";
    // A bare word that is no level would be taken for a part of the program, and silence the rest.
    let is_level = |part: &str| LEVELS.contains(&part.to_ascii_lowercase().as_str());
    let known = |part: &str| is_level(part.trim()) || part.contains('=');
    if !text.split(',').all(known) {
        return Err(format!("{text} is no level; {wanted}"));
    }
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("{error}; {wanted}")),
    }
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("{text} is not a format; write text or json")),
    }
}
