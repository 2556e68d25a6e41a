//! HTTPS: which certificate is shown, where it comes from, and how it is kept fresh.
//!
//! [`certificate`] reads and checks. A certificate comes from [`files`], which are looked at for
//! changes, or from an authority, which [`acme`] asks. [`expiry`] says in good time when it ends.

mod acme;
pub mod certificate;
mod challenges;
mod expiry;
mod files;
mod store;

use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub use certificate::{Certificate, CertificateError};

use crate::clock::{Clock, Millis};
use crate::config::Config;
use acme::Acme;
use challenges::Challenges;
use files::Files;

/// The names of the protocols within TLS, RFC 7301 and RFC 9113.
const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// What HTTPS takes. Made once, at start.
pub struct Tls {
    shown: Arc<Shown>,
    source: Source,
    clock: Clock,
    usual: TlsAcceptor,
    /// Offers no HTTP/2, so that a refusal is a few bytes of HTTP/1.1.
    plain: TlsAcceptor,
}

/// Where certificates come from.
#[derive(Debug)]
enum Source {
    Files(Files),
    Acme(Acme),
}

/// What was agreed on in a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, or whatever an old client speaks without saying so.
    Http1,
    /// HTTP/2.
    Http2,
    /// None: an authority has seen in the handshake what it wanted to see.
    Challenge,
}

impl Tls {
    /// Reads the certificate of the settings, or the one that was obtained last; none if HTTPS is
    /// not asked for. What is still to be obtained comes with [`Self::keep`].
    ///
    /// # Errors
    /// [`CertificateError`], if files cannot be used: it names the file.
    pub fn open(config: &Config, clock: Clock) -> Result<Option<Arc<Self>>, CertificateError> {
        let (source, first) = match (config.tls.files(), Acme::new(config)) {
            (Some((certificate, key)), _) => {
                let mut files = Files::new(certificate, key, config.server.public_url.host());
                let first = files.load(clock.now())?;
                (Source::Files(files), Some(first))
            }
            (None, Some(acme)) => {
                let last = acme.load(clock.now());
                (Source::Acme(acme), last)
            }
            (None, None) => return Ok(None),
        };
        let shown = Arc::new(Shown::new(first));
        let usual = acceptor(&shown, &[HTTP2, HTTP1, challenges::PROTOCOL])?;
        let plain = acceptor(&shown, &[HTTP1])?;
        Ok(Some(Arc::new(Self { shown, source, clock, usual, plain })))
    }

    /// The handshake with a new client.
    ///
    /// # Errors
    /// Why there is none; the client's affair.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<(TlsStream<TcpStream>, Protocol)> {
        let stream = self.usual.accept(stream).await?;
        let protocol = match stream.get_ref().1.alpn_protocol() {
            Some(HTTP2) => Protocol::Http2,
            Some(challenges::PROTOCOL) => Protocol::Challenge,
            _ => Protocol::Http1,
        };
        Ok((stream, protocol))
    }

    /// The handshake with a client that gets one answer of HTTP/1.1.
    ///
    /// # Errors
    /// As [`Self::accept`].
    pub async fn accept_plainly(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.plain.accept(stream).await
    }

    /// When the certificate in use ends; none while there is no certificate.
    pub fn expires_at(&self) -> Option<Millis> {
        self.shown.get().map(|certificate| certificate.expires_at)
    }

    /// What an authority that asks for `token` over plain HTTP is to be answered, if one may.
    pub fn challenge(&self, token: &str) -> Option<String> {
        self.shown.challenges.text(token)
    }

    /// Keeps the certificate fresh, for ever.
    pub async fn keep(&self) {
        match &self.source {
            Source::Files(files) => files::keep(files.clone(), &self.shown, &self.clock).await,
            Source::Acme(acme) => acme.keep(&self.shown, &self.clock).await,
        }
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("source", &self.source).finish_non_exhaustive()
    }
}

fn acceptor(shown: &Arc<Shown>, protocols: &[&[u8]]) -> Result<TlsAcceptor, CertificateError> {
    let provider = rustls::crypto::ring::default_provider();
    let tls = |error: rustls::Error| CertificateError::Tls(error.to_string());
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(tls)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(shown) as Arc<dyn ResolvesServerCert>);
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(tls)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The certificate that new connections are shown; those that run keep theirs.
#[derive(Debug)]
struct Shown {
    certificate: RwLock<Option<Arc<Certificate>>>,
    challenges: Challenges,
}

impl Shown {
    fn new(first: Option<Certificate>) -> Self {
        let certificate = RwLock::new(first.map(Arc::new));
        Self { certificate, challenges: Challenges::default() }
    }

    fn get(&self) -> Option<Arc<Certificate>> {
        self.certificate.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, certificate: Certificate) {
        let mut shown = self.certificate.write().unwrap_or_else(PoisonError::into_inner);
        *shown = Some(Arc::new(certificate));
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // RFC 8737 §3: an authority offers this protocol and no other.
        if hello.alpn().is_some_and(|mut names| names.any(|name| name == challenges::PROTOCOL)) {
            return self.challenges.certificate();
        }
        self.get().map(|certificate| Arc::clone(&certificate.key))
    }
}
