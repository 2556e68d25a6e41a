//! Who asks, from where, and when: the one extractor of every handler.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;

use super::cookies::Cookie;
use super::health::Watch;
use super::portal::kept::Pages;
use super::problem::Problem;
use super::proxies;
use super::site::{Site, Sites};
use crate::app::App;
use crate::clock::Millis;
use crate::domain::Rules;
use crate::domain::settings::{self, Change, InForce};
use crate::error::{Error, FieldCode, FieldError};
use crate::ids::{self, Token, TokenHash};

/// The other end of the connection; [`super::connection`] notes it on every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A machine.
    Address(IpAddr),
    /// A process on this machine, over a Unix socket: a proxy, and trusted as one.
    Unix,
}

impl Peer {
    /// Its address; none over a Unix socket.
    pub fn address(self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(address),
            Self::Unix => None,
        }
    }
}

/// Names a request in the answer and in the log; [`super::layers`] draws it.
#[derive(Clone, Debug)]
pub struct RequestId(pub Arc<str>);

/// The network a request comes from, for limits: an IPv4 address, or the first 64 bits of an
/// IPv6 address, which is what one household or server gets.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NetworkKey(Vec<u8>);

impl NetworkKey {
    /// Where a request comes from: its peer, or what the `trusted` proxies say.
    pub fn of_request(extensions: &Extensions, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let stranger = Peer::Address(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let peer = extensions.get::<Peer>().copied().unwrap_or(stranger);
        Self::of(proxies::client(peer, headers, trusted))
    }

    /// The network of `address`.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.octets().to_vec()),
            IpAddr::V6(address) => Self(address.octets()[..8].to_vec()),
        }
    }

    /// Roughly which one it is, for the person whose sessions it names: `192.0.2.x`, or the first
    /// 48 bits of an IPv6 address.
    pub fn coarse(&self) -> String {
        match self.0[..] {
            [0, 0, 0, 0] => "unknown".to_owned(),
            [a, b, c, _] => format!("{a}.{b}.{c}.x"),
            [a, b, c, d, e, f, ..] => {
                let part = |high: u8, low: u8| u16::from_be_bytes([high, low]);
                format!("{:x}:{:x}:{:x}::/48", part(a, b), part(c, d), part(e, f))
            }
            _ => "unknown".to_owned(),
        }
    }

    /// Four or eight bytes. The caller must store only a keyed hash of them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for NetworkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NetworkKey(…)")
    }
}

/// What all handlers share: the router's state.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The application.
    pub app: Arc<App>,
    /// What its pages look like.
    pub sites: Arc<Sites>,
    /// Customers' pages that were made before.
    pub pages: Arc<Pages>,
    /// Whether the database answers.
    pub watch: Arc<Watch>,
}

/// What every handler needs to know of a request beside its input.
pub struct Ctx {
    /// The application.
    pub app: Arc<App>,
    /// Brand and assets of its pages.
    pub site: Arc<Site>,
    /// The request's id.
    pub request_id: RequestId,
    /// When the request came.
    pub now: Millis,
    /// Where it came from.
    pub network: NetworkKey,
    /// Customers' pages that were made before.
    pub pages: Arc<Pages>,
    settings: Arc<InForce>,
    sites: Arc<Sites>,
    headers: HeaderMap,
}

impl FromRequestParts<Shared> for Ctx {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Problem> {
        let Shared { app, sites, pages, .. } = shared;
        let request_id = parts.extensions.get::<RequestId>().cloned();
        let trusted = &app.config.server.trusted_proxies;
        let network = NetworkKey::of_request(&parts.extensions, &parts.headers, trusted);
        let settings = app.shown().await;
        Ok(Self {
            app: Arc::clone(app),
            site: sites.of(&settings),
            settings,
            sites: Arc::clone(sites),
            request_id: request_id.unwrap_or_else(|| RequestId(ids::word().into())),
            now: app.clock.now(),
            network,
            pages: Arc::clone(pages),
            headers: parts.headers.clone(),
        })
    }
}

impl Ctx {
    /// The settings to show, at most a second old. What decides something asks in its own
    /// transaction: [`App::decide`].
    pub fn settings(&self) -> &InForce {
        &self.settings
    }

    /// The settings as they would be with `changes`.
    pub fn imagine(&self, changes: &[Change]) -> InForce {
        settings::imagine(&self.app.settings, &self.settings, changes, self.now)
    }

    /// What pages look like with settings that need not hold.
    pub fn site_of(&self, settings: &InForce) -> Site {
        self.sites.imagine(settings)
    }

    /// The rules among them.
    pub fn rules(&self) -> &Rules {
        &self.settings.rules
    }

    /// Whether the request says who it is at all: a page asked for by its address does not.
    pub fn has_authorization(&self) -> bool {
        self.headers.contains_key(AUTHORIZATION)
    }

    /// The portal token of the request, only ever from `Authorization` (RFC 6750 §2.1).
    pub fn token(&self) -> Result<Token, Error> {
        bearer(&self.headers).and_then(Token::parse).ok_or(Error::LinkInvalid)
    }

    /// The hash of the API key of the request, only ever from `Authorization`.
    pub fn api_key(&self) -> Result<TokenHash, Error> {
        bearer(&self.headers).and_then(ids::api_key_hash).ok_or(Error::KeyInvalid)
    }

    /// The `Idempotency-Key`, 1–255 visible ASCII characters, if there is one.
    pub fn idempotency_key(&self) -> Result<Option<String>, Error> {
        const NAME: &str = "Idempotency-Key";
        let mut values = self.headers.get_all(NAME).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let key = value.to_str().ok().filter(|key| {
            (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
        });
        match (key, values.next()) {
            (Some(key), None) => Ok(Some(key.to_owned())),
            _ => {
                let message = "Send one key of 1 to 255 visible ASCII characters.";
                Err(FieldError::new(NAME, FieldCode::Malformed, message).into())
            }
        }
    }

    /// The value of one of our cookies.
    pub fn cookie(&self, cookie: Cookie) -> Option<&str> {
        cookie.read(&self.headers, self.is_https())
    }

    /// Whether browsers reach us encrypted: what the public URL says, never the request.
    pub fn is_https(&self) -> bool {
        self.app.config.server.public_url.is_https()
    }

    /// A header as text, if it is there once and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctx").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}

/// The one bearer secret of a request; two of them are none. The scheme's case does not matter
/// (RFC 9110 §11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    let alone = values.next().is_none();
    (alone && scheme.eq_ignore_ascii_case("bearer")).then(|| secret.trim_start_matches(' '))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn authorization(values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_bearer_is_read_from_one_header_in_any_case() {
        for good in ["Bearer abc", "bearer abc", "BEARER  abc"] {
            assert_eq!(bearer(&authorization(&[good])), Some("abc"), "{good}");
        }
        for bad in ["abc", "Basic abc", "Bearer", "Bearerabc", ""] {
            assert_eq!(bearer(&authorization(&[bad])), None, "{bad}");
        }
        assert_eq!(bearer(&authorization(&["Bearer a", "Bearer a"])), None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }

    #[test]
    fn a_network_is_an_address_or_its_first_half() {
        let of = |text: &str| NetworkKey::of(text.parse().expect("an address"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert!(!format!("{:?}", of("192.0.2.1")).contains("192"));
    }

    #[test]
    fn a_network_is_told_roughly() {
        let of = |text: &str| NetworkKey::of(text.parse().expect("an address")).coarse();
        assert_eq!(of("192.0.2.1"), "192.0.2.x");
        assert_eq!(of("2001:db8:1:2::1"), "2001:db8:1::/48");
        assert_eq!(of("0.0.0.0"), "unknown");
    }
}
