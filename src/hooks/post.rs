//! One call: to an address that was looked at after the name was resolved, so that no name can lead
//! into the house (server-side request forgery); no redirect is followed.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::domain::webhooks::{Outcome, may_call};

/// How long a target may take, from the first packet to the head of its answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long one address may take to take a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How much of a reason is kept, in characters.
const REASON_MAX: usize = 300;

/// Makes calls.
pub struct Caller {
    tls: OnceLock<TlsConnector>,
    allow: Vec<IpNet>,
}

/// TLS that trusts the system's certificate authorities.
pub(super) fn connector() -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Whom the certificate must name.
pub(super) fn server_name(url: &Url) -> Result<ServerName<'static>, String> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    ServerName::try_from(host).map_err(|_| "the host is no name for TLS".to_owned())
}

/// What the header `Host` says, RFC 9110 §7.2.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"))
}

/// What is sent.
pub struct Call<'a> {
    /// `webhook-id`.
    pub id: &'a str,
    /// `webhook-timestamp`: seconds since 1970.
    pub timestamp: i64,
    /// `webhook-signature`.
    pub signature: &'a str,
    /// The body, JSON.
    pub body: String,
}

impl Caller {
    /// A caller that trusts the system's certificate authorities, and may call addresses in
    /// `allow` that are not public.
    pub fn new(allow: Vec<IpNet>) -> Self {
        Self { tls: OnceLock::new(), allow }
    }

    /// Read at the first call over https: the authorities take longer to read than all else at a
    /// start, and most processes never call.
    fn tls(&self) -> Result<&TlsConnector, String> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls);
        }
        let fresh = connector()?;
        Ok(self.tls.get_or_init(|| fresh))
    }

    /// Calls `url` once.
    pub async fn call(&self, url: &str, call: Call<'_>) -> Outcome {
        match timeout(PATIENCE, self.answer(url, call)).await {
            Ok(Ok(status @ 200..=299)) => Outcome::Taken(status),
            Ok(Ok(status)) => Outcome::Answered(status),
            Ok(Err(reason)) => Outcome::Silent(reason.chars().take(REASON_MAX).collect()),
            Err(_) => Outcome::Silent(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    }

    async fn answer(&self, url: &str, call: Call<'_>) -> Result<u16, String> {
        let url = Url::parse(url).map_err(|error| format!("the URL cannot be read: {error}"))?;
        let request = request(&url, call)?;
        let stream = self.connect(&url).await?;
        if url.scheme() != "https" {
            return exchange(stream, request).await;
        }
        let secure = self.tls()?.connect(server_name(&url)?, stream).await;
        exchange(secure.map_err(|error| format!("TLS failed: {error}"))?, request).await
    }

    /// A connection to the first address of the host that may be called and answers.
    async fn connect(&self, url: &Url) -> Result<TcpStream, String> {
        let addresses = resolve(url).await.map_err(|error| format!("no address: {error}"))?;
        let may = |address: &SocketAddr| may_call(address.ip(), &self.allow);
        let mut reason = "the host leads to an address that is not public, and the setting \
             webhooks.allow does not allow it"
            .to_owned();
        for address in addresses.into_iter().filter(may) {
            match timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => reason = format!("no connection: {error}"),
                Err(_) => reason = format!("no connection within {} s", CONNECT.as_secs()),
            }
        }
        Err(reason)
    }
}

/// Where the host leads.
pub(super) async fn resolve(url: &Url) -> io::Result<Vec<SocketAddr>> {
    let port = url.port_or_known_default().unwrap_or(443);
    Ok(match url.host() {
        Some(Host::Ipv4(address)) => vec![(IpAddr::V4(address), port).into()],
        Some(Host::Ipv6(address)) => vec![(IpAddr::V6(address), port).into()],
        Some(Host::Domain(name)) => tokio::net::lookup_host((name, port)).await?.collect(),
        None => Vec::new(),
    })
}

fn request(url: &Url, call: Call<'_>) -> Result<Request<Full<Bytes>>, String> {
    let path = url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(HOST, authority(url))
        .header(USER_AGENT, concat!("Doorkey/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", call.id)
        .header("webhook-timestamp", call.timestamp)
        .header("webhook-signature", call.signature)
        .body(Full::from(call.body))
        .map_err(|error| format!("the request cannot be made: {error}"))
}

/// The status of the answer. Its body is not read: it would be somebody else's words.
async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<u16, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| format!("no HTTP: {error}"))?;
    let driver = tokio::spawn(connection);
    let answer = sender.send_request(request).await;
    driver.abort();
    answer.map(|answer| answer.status().as_u16()).map_err(|error| format!("no answer: {error}"))
}
