//! The setting that names the mail server: `smtp://user:pass@mail.example.com:587`.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::Url;

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// STARTTLS before anything else, or nothing is sent. `smtp://`.
    StartTls,
    /// TLS from the first byte. `smtps://`.
    Implicit,
    /// None, to a loopback address only. `smtp://localhost:1025?tls=none`.
    None,
}

/// A user and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

/// Where mails are handed over, and how.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpUrl {
    /// Name or address, an IPv6 one without brackets.
    pub host: String,
    /// 587 for `smtp`, 465 for `smtps`, unless it says otherwise.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// Who we are to the server, if it asks.
    pub login: Option<Login>,
    /// A file of PEM certificates to trust in place of the system's. `?ca=/etc/mail-ca.pem`.
    pub ca: Option<PathBuf>,
}

impl SmtpUrl {
    /// Reads the setting.
    ///
    /// # Errors
    ///
    /// A sentence for the operator, which never repeats the setting: it holds a password.
    pub fn parse(setting: &str) -> Result<Self, String> {
        Self::read(setting).map_err(|error| if is_torn(setting) { TORN.to_owned() } else { error })
    }

    fn read(setting: &str) -> Result<Self, String> {
        let url =
            Url::parse(setting).map_err(|error| format!("the SMTP URL is malformed: {error}"))?;
        let host = host(&url)?;
        let (tls, ca) = options(&url)?;
        let security = security(url.scheme(), tls.as_deref(), &host)?;
        let login = login(&url)?;
        if login.is_some() && security == Security::None {
            return Err(
                "the SMTP URL has a password and tls=none; a password is never sent in clear"
                    .into(),
            );
        }
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err("the SMTP URL has a path or a fragment; write a / in a password as %2F and a # as %23".into());
        }
        let default_port = if security == Security::Implicit { 465 } else { 587 };
        let port = url.port().unwrap_or(default_port);
        Ok(Self { host, port, security, login, ca })
    }
}

/// What a login with bare special characters is answered: the parser's own words would be about a
/// port or an option, and might hold a piece of the password.
const TORN: &str = "a special character in the user or password of the SMTP URL ends it early; write \
     it in percent encoding: / as %2F, ? as %3F, # as %23, @ as %40, : as %3A, % as %25";

/// Whether what looks like the end of the login comes after what ends a URL's host.
fn is_torn(setting: &str) -> bool {
    let rest = setting.split_once("://").map_or(setting, |(_, rest)| rest);
    rest.rfind('@').is_some_and(|at| rest[..at].contains(['/', '?', '#']))
}

fn host(url: &Url) -> Result<String, String> {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Err(
            "the SMTP URL names no host; write it as smtp://user:pass@mail.example.com:587".into(),
        );
    }
    Ok(host.to_owned())
}

fn options(url: &Url) -> Result<(Option<String>, Option<PathBuf>), String> {
    let (mut tls, mut ca) = (None, None);
    for (key, value) in url.query_pairs() {
        match &*key {
            "tls" => tls = Some(value.into_owned()),
            "ca" => ca = Some(PathBuf::from(value.into_owned())),
            other => {
                return Err(format!(
                    "the SMTP URL has an unknown option `{other}`; there are tls and ca"
                ));
            }
        }
    }
    Ok((tls, ca))
}

fn security(scheme: &str, tls: Option<&str>, host: &str) -> Result<Security, String> {
    match (scheme, tls) {
        ("smtp", None | Some("required")) => Ok(Security::StartTls),
        ("smtps", None | Some("required")) => Ok(Security::Implicit),
        ("smtp", Some("none")) if is_loopback(host) => Ok(Security::None),
        ("smtp", Some("none")) => {
            Err("tls=none is only for a mail server on this machine (localhost)".into())
        }
        ("smtp" | "smtps", Some(_)) => {
            Err("the option tls is `required` or, with smtp:// to localhost, `none`".into())
        }
        _ => Err("the SMTP URL begins with smtp:// or smtps://".into()),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn login(url: &Url) -> Result<Option<Login>, String> {
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None) => {
            Err("the SMTP URL has a user or a password, but not both".into())
        }
        (user, Some(password)) => {
            Ok(Some(Login { user: decode(user)?, password: decode(password)? }))
        }
    }
}

fn decode(part: &str) -> Result<String, String> {
    let decoded = percent_decode_str(part).decode_utf8();
    let clean = decoded.ok().filter(|text| !text.chars().any(char::is_control));
    clean.map(String::from).ok_or_else(|| "the SMTP URL's user or password is not text".into())
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpUrl")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("security", &self.security)
            .field("login", &self.login.as_ref().map(|_| "…"))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read() {
        let url = SmtpUrl::parse("smtp://me%40example.com:p%2Fa%3As%23s%25@mail.example.com")
            .expect("a URL");
        assert_eq!(
            (url.host.as_str(), url.port, url.security),
            ("mail.example.com", 587, Security::StartTls)
        );
        let login = url.login.clone().expect("a login");
        assert_eq!((login.user.as_str(), login.password.as_str()), ("me@example.com", "p/a:s#s%"));
        assert!(!format!("{url:?}").contains("s#s"));

        let url = SmtpUrl::parse("smtps://mail.example.com/?ca=/etc/ca%20x.pem").expect("a URL");
        assert_eq!((url.port, url.security), (465, Security::Implicit));
        assert_eq!(url.ca, Some(PathBuf::from("/etc/ca x.pem")));

        for local in ["localhost", "127.0.0.1", "[::1]"] {
            let url = SmtpUrl::parse(&format!("smtp://{local}:1025?tls=none")).expect("a URL");
            assert_eq!((url.port, url.security), (1025, Security::None));
        }
    }

    #[test]
    fn a_bare_special_character_in_a_password_is_told_with_what_to_write() {
        for torn in [
            "smtp://user:s3/cret@host:587",
            "smtp://user:12/s3cret@host",
            "smtp://user:12?s3cret@host",
            "smtp://user:12?s3cret=1@host",
            "smtp://user:s3cret#12@host",
            "smtps://u/s3cret:x@host",
        ] {
            let error = SmtpUrl::parse(torn).expect_err(torn);
            assert!(error.contains("/ as %2F") && !error.contains("s3"), "{torn}: {error}");
        }
        let error = SmtpUrl::parse("smtp://user:s3cret@host/x").expect_err("a path");
        assert!(error.contains("has a path"), "{error}");
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for bad in [
            "",
            "mail.example.com",
            "http://s3cret:s3cret@mail.example.com",
            "smtp://",
            "smtp://:s3cret@host",
            "smtp://user@host",
            "smtp://user:s3cret@host:99999",
            "smtp://user:s3cret@host/x",
            "smtp://user:s3cret@host#x",
            "smtp://user:s3cret@host?tls=maybe",
            "smtp://user:s3cret@host?tsl=none",
            "smtp://mail.example.com?tls=none",
            "smtps://localhost?tls=none",
            "smtp://user:s3cret@localhost?tls=none",
            "smtp://user:s3cret%0d%0a@host",
            "smtp://user:s3cret%ff@host",
            "smtp://10.0.0.1?tls=none",
            "smtp://localhost.evil.example?tls=none",
            "smtp://user:s3cret@ho st",
        ] {
            let error = SmtpUrl::parse(bad).expect_err(bad);
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
