//! Which address a request really comes from, when proxies stand before Doorkey.
//!
//! Only what a trusted proxy says counts, and each proxy appends what it saw: so the list is read
//! from its right end, and the first address that is not a trusted proxy's is the client's.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

use super::ctx::Peer;

/// The client's address. Headers count only when `peer` is one of the `trusted` proxies, or a
/// process that may open our Unix socket: 0.0.0.0 stands for one that says nothing.
pub(super) fn client(peer: Peer, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = match peer.address().map(|address| address.to_canonical()) {
        Some(stranger) if !is_trusted(stranger, trusted) => return stranger,
        Some(proxy) => proxy,
        None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    let from_list = hops(headers, "x-forwarded-for", address);
    let from_fields = hops(headers, "forwarded", forwarded_for);
    match (from_list, from_fields) {
        (Some(hops), None) | (None, Some(hops)) => walk(peer, &hops, trusted),
        (Some(list), Some(fields)) => {
            // A proxy that knows only one of the two passes the other on as the client wrote it.
            let found = walk(peer, &list, trusted);
            if found == walk(peer, &fields, trusted) { found } else { peer }
        }
        (None, None) => peer,
    }
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// Every hop that a header names, in order; `None` if there is no such header.
fn hops(
    headers: &HeaderMap,
    name: &str,
    read: fn(&str) -> Option<IpAddr>,
) -> Option<Vec<Option<IpAddr>>> {
    let lines: Vec<_> = headers.get_all(name).iter().collect();
    if lines.is_empty() {
        return None;
    }
    let parts = lines.into_iter().flat_map(|line| line.to_str().unwrap_or_default().split(','));
    Some(parts.map(|part| read(part.trim())).collect())
}

/// Back from `peer` through the trusted proxies. What cannot be read ends the way: it was said by
/// the last one that could.
fn walk(peer: IpAddr, hops: &[Option<IpAddr>], trusted: &[IpNet]) -> IpAddr {
    let mut client = peer;
    for hop in hops.iter().rev() {
        let Some(address) = *hop else { break };
        client = address;
        if !is_trusted(address, trusted) {
            break;
        }
    }
    client
}

/// An address with or without a port and brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().map(|address| address.ip());
    let address = bare.parse().or_else(|_| with_port()).ok()?;
    Some(IpAddr::to_canonical(&address))
}

/// The `for` of one element of `Forwarded`, RFC 7239 §4.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
    address(node.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn seen(peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        let trusted = ["10.0.0.0/8", "::1/128"].map(|net| net.parse().expect("a network"));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let peer = peer.parse().map_or(Peer::Unix, Peer::Address);
        client(peer, &map, &trusted).to_string()
    }

    const LIST: &str = "x-forwarded-for";

    #[test]
    fn strangers_are_not_believed() {
        let spoofed = [(LIST, "192.0.2.9"), ("forwarded", "for=192.0.2.9")];
        assert_eq!(seen("198.51.100.1", &spoofed), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn the_right_most_untrusted_hop_is_the_client() {
        assert_eq!(seen("10.0.0.1", &[(LIST, "192.0.2.9, 198.51.100.1")]), "198.51.100.1");
        assert_eq!(
            seen("10.0.0.1", &[(LIST, "192.0.2.9, 198.51.100.1, 10.0.0.2")]),
            "198.51.100.1"
        );
        assert_eq!(
            seen("::ffff:10.0.0.1", &[(LIST, "192.0.2.9"), (LIST, "198.51.100.1")]),
            "198.51.100.1"
        );
        assert_eq!(seen("10.0.0.1", &[(LIST, "10.0.0.3, 10.0.0.2")]), "10.0.0.3");
    }

    #[test]
    fn whoever_may_open_our_socket_is_believed() {
        assert_eq!(seen("unix", &[(LIST, "192.0.2.9, 198.51.100.1")]), "198.51.100.1");
        assert_eq!(seen("unix", &[(LIST, "198.51.100.1, 10.0.0.2")]), "198.51.100.1");
        assert_eq!(seen("unix", &[("forwarded", "for=192.0.2.9")]), "192.0.2.9");
        assert_eq!(seen("unix", &[]), "0.0.0.0");
    }

    #[test]
    fn what_cannot_be_read_ends_the_way() {
        assert_eq!(seen("10.0.0.1", &[(LIST, "192.0.2.9, nonsense")]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &[(LIST, "192.0.2.9, nonsense, 10.0.0.2")]), "10.0.0.2");
        assert_eq!(seen("10.0.0.1", &[("forwarded", "for=192.0.2.9, for=unknown")]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &[("forwarded", "for=_hidden")]), "10.0.0.1");
    }

    #[test]
    fn both_forms_of_an_address_are_read() {
        assert_eq!(seen("::1", &[(LIST, "192.0.2.9:4711")]), "192.0.2.9");
        assert_eq!(
            seen("::1", &[("forwarded", "proto=https;For=\"[2001:db8::1]:4711\"")]),
            "2001:db8::1"
        );
        assert_eq!(seen("::1", &[("forwarded", "for=192.0.2.9;by=10.0.0.1")]), "192.0.2.9");
    }

    #[test]
    fn two_headers_count_only_when_they_agree() {
        let spoofed = [(LIST, "192.0.2.9"), ("forwarded", "for=198.51.100.1")];
        assert_eq!(seen("10.0.0.1", &spoofed), "10.0.0.1");
        let agreed = [(LIST, "192.0.2.9"), ("forwarded", "for=192.0.2.9")];
        assert_eq!(seen("10.0.0.1", &agreed), "192.0.2.9");
    }
}
