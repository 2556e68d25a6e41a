//! Headers that are believed or not: where a request comes from, and its cookies. Each line is a header:
//! its first letter says which, the rest is its value.
#![no_main]

use std::net::IpAddr;
use std::time::Duration;

use axum::http::Extensions;
use axum::http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue, ORIGIN, SET_COOKIE};
use doorkey::config::PublicUrl;
use doorkey::web::admin::guard::comes_from_us;
use doorkey::web::cookies::Cookie;
use doorkey::web::ctx::{NetworkKey, Peer};
use ipnet::IpNet;
use libfuzzer_sys::fuzz_target;

const LIST: HeaderName = HeaderName::from_static("x-forwarded-for");
const FIELDS: HeaderName = HeaderName::from_static("forwarded");
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

fuzz_target!(|bytes: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some((letter, value)) = line.split_first() else { continue };
        let name = match letter {
            b'x' => LIST,
            b'f' => FIELDS,
            b's' => SITE,
            b'o' => ORIGIN,
            _ => COOKIE,
        };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    networks(&headers);
    for https in [true, false] {
        cookies(&headers, https);
    }
    let ours = comes_from_us(&headers, &PublicUrl::default());
    assert!(!ours || headers.get_all(SITE).iter().all(|it| it == "same-origin"));
});

fn networks(headers: &HeaderMap) {
    let trusted = ["10.0.0.0/8", "::1/128"].map(|it| it.parse::<IpNet>().expect("a network"));
    let seen = |peer: Peer, headers: &HeaderMap| {
        let mut extensions = Extensions::new();
        extensions.insert(peer);
        NetworkKey::of_request(&extensions, headers, &trusted)
    };
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    let stranger = address("198.51.100.1");
    assert_eq!(seen(Peer::Address(stranger), headers), NetworkKey::of(stranger), "not believed");
    for (peer, own) in [(Peer::Unix, "0.0.0.0"), (Peer::Address(address("10.0.0.1")), "10.0.0.1")] {
        let found = seen(peer, headers);
        assert!(!found.coarse().is_empty());
        if headers.get(LIST).is_none() && headers.get(FIELDS).is_none() {
            assert_eq!(found, NetworkKey::of(address(own)));
        }
        // Whatever a client writes: the address that our own proxy adds counts, or its own.
        let mut added = headers.clone();
        added.append(LIST, HeaderValue::from_static("203.0.113.7"));
        let mut possible = vec![NetworkKey::of(address("203.0.113.7"))];
        if headers.get(FIELDS).is_some() {
            possible.push(NetworkKey::of(address(own)));
        }
        assert!(possible.contains(&seen(peer, &added)));
    }
}

fn cookies(headers: &HeaderMap, https: bool) {
    for cookie in [Cookie::Session, Cookie::Asked, Cookie::Oidc] {
        let Some(value) = cookie.read(headers, https) else { continue };
        assert!(!value.contains(';') && value.trim() == value);
        let mut set = HeaderMap::new();
        cookie.set(&mut set, https, value, Duration::from_secs(60));
        let set = set.get(SET_COOKIE).and_then(|it| it.to_str().ok()).expect("a cookie");
        let (pair, _) = set.split_once("; ").expect("its attributes");
        // A browser sends it back, and it is the same; planted a second time, neither counts.
        let mut sent = HeaderMap::new();
        sent.append(COOKIE, pair.parse().expect("a value"));
        assert_eq!(cookie.read(&sent, https), Some(value));
        sent.append(COOKIE, pair.parse().expect("a value"));
        assert_eq!(cookie.read(&sent, https), None);
    }
}
