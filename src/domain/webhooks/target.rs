//! Where events may be sent: no address that is not public, unless the operator allows it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use ipnet::IpNet;
use url::{Host, Url};

use crate::error::{FieldCode, FieldError};

/// Longest URL, in characters.
const URL_MAX: usize = 2_000;

/// Reads a target from `field`: `https`, or `http` to networks that the setting `webhooks.allow`
/// names. Where a name leads is looked at when it is called, each time.
pub fn parse_url(field: &str, typed: &str, allow: &[IpNet]) -> Result<String, FieldError> {
    let wrong = |code, message: &str| Err(FieldError::new(field, code, message));
    let typed = typed.trim();
    if typed.is_empty() {
        return wrong(FieldCode::Required, "Please enter the URL that is to be called.");
    }
    if typed.chars().count() > URL_MAX {
        return wrong(FieldCode::TooLong, "A URL has at most 2000 characters here.");
    }
    if typed.chars().any(char::is_control) {
        return wrong(FieldCode::ControlCharacters, "A URL cannot contain control characters.");
    }
    let wanted = "Write a URL such as https://example.com/hooks/doorkey.";
    let Ok(url) = Url::parse(typed) else { return wrong(FieldCode::Malformed, wanted) };
    // Written out it may be longer: a path that was left out, letters beyond ASCII.
    if url.as_str().len() > URL_MAX {
        return wrong(FieldCode::TooLong, "Written out, this URL has more than 2000 characters.");
    }
    let scheme = url.scheme() == "https" || (url.scheme() == "http" && !allow.is_empty());
    if !scheme {
        let message =
            "The URL must begin with https://, so that nobody on the way reads what is sent.";
        return wrong(FieldCode::Malformed, message);
    }
    if url.host().is_none() {
        return wrong(FieldCode::Malformed, wanted);
    }
    if url.fragment().is_some() {
        let message = "Leave out the # and what follows it: nobody is sent that part of a URL.";
        return wrong(FieldCode::Malformed, message);
    }
    if !url.username().is_empty() || url.password().is_some() {
        let message = "Leave user name and password out; each call is signed instead.";
        return wrong(FieldCode::Malformed, message);
    }
    let address = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        // A name that is this machine by definition (RFC 6761 §6.3), whatever a resolver says.
        Some(Host::Domain(name)) if is_this_machine(name) => Some(Ipv4Addr::LOCALHOST.into()),
        Some(Host::Domain(_)) | None => None,
    };
    if address.is_some_and(|address| !may_call(address, allow)) {
        let message = "This address is not a public one. The setting webhooks.allow can allow it.";
        return wrong(FieldCode::Malformed, message);
    }
    Ok(url.into())
}

fn is_this_machine(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether `address` may be called: a public one, or one that the operator allows.
pub fn may_call(address: IpAddr, allow: &[IpNet]) -> bool {
    let address = address.to_canonical();
    let within = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
    within(allow) || !within(&PRIVATE)
}

/// Networks that are not the public internet (IANA's special-purpose address registries), and
/// those that lead to IPv4 addresses in disguise.
static PRIVATE: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    ]
    .iter()
    .filter_map(|network| network.parse().ok())
    .collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_called_unless_allowed() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "::127.0.0.1",
            "fd00:ec2::254",
        ] {
            let address: IpAddr = private.parse().expect("an address");
            assert!(!may_call(address, &[]), "{private}");
            let allow = [IpNet::from(address.to_canonical())];
            assert!(may_call(address, &allow), "{private} is allowed");
        }
        for public in ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(may_call(public.parse().expect("an address"), &[]), "{public}");
        }
        assert_eq!(PRIVATE.len(), 28, "every network in the list is one");
    }

    #[test]
    fn targets_are_https_without_secrets_or_tricks() {
        let allow = ["127.0.0.0/8".parse().expect("a network")];
        assert!(parse_url("url", "https://example.com/a?b=c", &[]).is_ok());
        assert!(parse_url("url", "http://127.0.0.1:9/x", &allow).is_ok());
        assert!(parse_url("url", "https://localhost:9/x", &allow).is_ok());
        assert!(parse_url("url", "https://localhost.example.com/", &[]).is_ok());
        for bad in [
            "",
            "example.com",
            "http://example.com/",
            "ftp://example.com/",
            "https://",
            "https://user:pw@example.com/",
            "https://example.com/#x",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://localhost/",
            "https://LOCALHOST.:8443/x",
            "https://a.localhost/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "javascript:alert(1)",
            "https://exa mple.com/",
            "https://example.com/\nx",
            "file:///etc",
        ] {
            assert!(parse_url("url", bad, &[]).is_err(), "{bad}");
        }
        for long in [
            format!("https://example.com/{}", "a".repeat(2_000)),
            // 2,000 as typed, one more with the path that was left out.
            format!("https://{}aa", "a.".repeat(995)),
            format!("https://example.com/{}", "ä".repeat(1_000)),
        ] {
            let code = parse_url("url", &long, &[]).map_err(|error| error.code);
            assert_eq!(code, Err(FieldCode::TooLong), "{long}");
        }
        for (bad, says) in [
            ("http://example.com/", "must begin with https://"),
            ("ftp://example.com/", "must begin with https://"),
            ("example.com", "Write a URL such as https://"),
            ("https://example.com/#x", "Leave out the #"),
        ] {
            let message = parse_url("url", bad, &[]).map_err(|error| error.message);
            assert!(message.as_ref().is_err_and(|it| it.contains(says)), "{bad}: {message:?}");
        }
        let whole = format!("https://example.com/{}", "a".repeat(1_980));
        assert_eq!(parse_url("url", &whole, &[]).as_deref(), Ok(whole.as_str()));
    }
}
