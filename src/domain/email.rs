//! E-mail addresses: one address, as it was typed, compared without regard to case.

use std::fmt;

use email_address::{EmailAddress, Options};
use unicode_normalization::UnicodeNormalization;

use super::text;
use crate::error::{FieldCode, FieldError};

/// Longest address in bytes, RFC 5321 §4.5.3.1.3 less the angle brackets.
const MAX_BYTES: usize = 254;

/// An e-mail address that can stand in an envelope: no display name, no comment, no control
/// character, no list.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// Reads what a person typed into `field`. White space around it is forgiven.
    pub fn parse(field: &str, typed: &str) -> Result<Self, FieldError> {
        let address = typed.trim();
        if address.is_empty() {
            return Err(FieldError::new(
                field,
                FieldCode::Required,
                "Please enter an e-mail address.",
            ));
        }
        if address.len() > MAX_BYTES {
            return Err(FieldError::new(
                field,
                FieldCode::TooLong,
                format!("An e-mail address has at most {MAX_BYTES} characters."),
            ));
        }
        // What takes no room makes two addresses look the same.
        let hidden = |letter: char| text::is_invisible(letter) && !letter.is_whitespace();
        if address.chars().any(|letter| letter.is_control() || hidden(letter)) {
            return Err(FieldError::new(
                field,
                FieldCode::ControlCharacters,
                "An e-mail address cannot contain control characters, or ones that cannot be seen.",
            ));
        }
        if !is_plain(address) {
            return Err(FieldError::new(
                field,
                FieldCode::Malformed,
                "This does not look like an e-mail address, such as name@example.com.",
            ));
        }
        Ok(Self(address.to_owned()))
    }

    /// An address that was checked before it was stored.
    pub fn from_store(address: String) -> Self {
        Self(address)
    }

    /// The address as it was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What makes two addresses the same: letters without case, composed, and the domain as DNS
    /// has it (RFC 5891), since browsers send `bücher.example` as `xn--bcher-kva.example`. A
    /// look-alike (Turkish `ı`, full-width forms before the `@`) never matches.
    pub fn key(&self) -> String {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or((&self.0, ""));
        let local: String = local.nfc().flat_map(char::to_lowercase).nfc().collect();
        let domain = idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_lowercase());
        format!("{local}@{domain}")
    }
}

/// Quoted local parts, address literals and display names are legal in headers and useless to a
/// customer; they only help whoever wants to smuggle something into one.
fn is_plain(address: &str) -> bool {
    let options =
        Options::default().with_required_tld().without_display_text().without_domain_literal();
    let localhost =
        address.strip_suffix("@localhost").map(|local| format!("{local}@localhost.test"));
    let address = localhost.as_deref().unwrap_or(address);
    !address.contains(['"', '(', ')', ',', ';', '<', '>', '\\', ' '])
        && EmailAddress::parse_with_options(address, options).is_ok()
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_addresses_are_taken() {
        for good in [
            "ana@cafe-lumen.example",
            "a.b+c@sub.example.co",
            "rené@exämple.de",
            "root@localhost",
            " ana@example.com ",
        ] {
            assert!(Email::parse("email", good).is_ok(), "{good}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for bad in [
            "",
            "ana",
            "ana@",
            "@example.com",
            "ana@example",
            "a b@example.com",
            "ana@example.com,b@example.com",
            "Ana <ana@example.com>",
            "ana@[127.0.0.1]",
            "\"ana\"@example.com",
            "ana@exa\nmple.com",
            "ana(x)@example.com",
            "ana@@example.com",
            "ana@example..com",
            "ana\0@example.com",
            "ana\u{200b}@example.com",
            "ana\u{202e}@example.com",
            "ana@exa\u{ad}mple.com",
            "a\u{200d}na@example.com",
        ] {
            assert!(Email::parse("email", bad).is_err(), "{bad:?}");
        }
        assert!(Email::parse("email", &format!("{}@example.com", "a".repeat(250))).is_err());
    }

    #[test]
    fn look_alikes_do_not_match() {
        let mike = Email::parse("email", "mike@example.com").expect("an address").key();
        assert_eq!(Email::parse("email", "MIKE@Example.COM").expect("an address").key(), mike);
        let same = |a: &str, b: &str| {
            let key = |text| Email::parse("email", text).expect("an address").key();
            assert_eq!(key(a), key(b));
        };
        same("Ñu@example.com", "ñu@example.com");
        same("q@BÜCHER.example", "q@xn--bcher-kva.example");
        assert_ne!(Email::parse("email", "mıke@example.com").expect("an address").key(), mike);
    }
}
