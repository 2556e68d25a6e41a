//! The three cookies there are, all for staff, and how they are written.
//!
//! Over HTTPS a name begins with `__Host-`, so that no other host can plant one (RFC 6265bis
//! §4.1.3.2). On a loopback `http` address browsers refuse that prefix and `Secure`, so both are
//! left out there.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::header::{COOKIE, SET_COOKIE};

/// A cookie of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// Holds the token of a session at the desk.
    Session,
    /// Holds the ids of the sign-ins that this browser asked for last.
    Asked,
    /// Holds the secrets of the sign-ins at the provider that this browser began last.
    Oidc,
}

impl Cookie {
    fn name(self, https: bool) -> &'static str {
        match (self, https) {
            (Self::Session, true) => "__Host-doorkey",
            (Self::Session, false) => "doorkey",
            (Self::Asked, true) => "__Host-doorkey-asked",
            (Self::Asked, false) => "doorkey-asked",
            (Self::Oidc, true) => "__Host-doorkey-oidc",
            (Self::Oidc, false) => "doorkey-oidc",
        }
    }

    /// Its value in a request. Two of one name are none: one of them may be somebody else's doing.
    pub fn read(self, headers: &HeaderMap, https: bool) -> Option<&str> {
        let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(name, _)| name.trim() == self.name(https));
        let (_, value) = values.next()?;
        values.next().is_none().then(|| value.trim())
    }

    /// Sets it for `age`. `value` is of base64url and dots, or empty.
    pub fn set(self, headers: &mut HeaderMap, https: bool, value: &str, age: Duration) {
        let (name, age) = (self.name(https), age.as_secs());
        let secure = if https { "; Secure" } else { "" };
        let text = format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly{secure}; SameSite=Lax");
        if let Ok(text) = HeaderValue::from_str(&text) {
            headers.append(SET_COOKIE, text);
        }
    }

    /// Takes it away.
    pub fn remove(self, headers: &mut HeaderMap, https: bool) {
        self.set(headers, https, "", Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (COOKIE, HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn a_cookie_is_read_by_its_whole_name() {
        let headers = sent(&["a=1; __Host-doorkey=abc", "__Host-doorkey-asked=def"]);
        assert_eq!(Cookie::Session.read(&headers, true), Some("abc"));
        assert_eq!(Cookie::Asked.read(&headers, true), Some("def"));
        assert_eq!(Cookie::Session.read(&headers, false), None);
        assert_eq!(Cookie::Session.read(&sent(&["xdoorkey=abc; doorkey"]), false), None);
    }

    #[test]
    fn two_of_one_name_are_none() {
        for lines in [&["doorkey=a; doorkey=b"][..], &["doorkey=a", "doorkey=b"]] {
            assert_eq!(Cookie::Session.read(&sent(lines), false), None, "{lines:?}");
        }
    }

    #[test]
    fn only_a_loopback_address_goes_without_secure() {
        let text = |https| {
            let mut headers = HeaderMap::new();
            Cookie::Session.set(&mut headers, https, "abc", Duration::from_secs(60));
            headers[SET_COOKIE].to_str().expect("ascii").to_owned()
        };
        assert_eq!(
            text(true),
            "__Host-doorkey=abc; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax"
        );
        assert_eq!(text(false), "doorkey=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Lax");
    }
}
