//! HTTPS: which certificate is shown, where it comes from, and how it is kept fresh.
//!
//! [`certificate`] reads and checks, [`files`] looks whether the files have changed, [`expiry`]
//! says in good time when nobody changed them.

pub mod certificate;
mod expiry;
pub mod files;

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
use files::Files;

/// The names of the protocols within TLS, RFC 7301 and RFC 9113.
const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// What HTTPS takes. Made once, at start.
pub struct Tls {
    shown: Arc<Shown>,
    files: Files,
    clock: Clock,
    usual: TlsAcceptor,
    /// Offers no HTTP/2, so that a refusal is a few bytes of HTTP/1.1.
    plain: TlsAcceptor,
}

/// What was agreed on in a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, or whatever an old client speaks without saying so.
    Http1,
    /// HTTP/2.
    Http2,
}

impl Tls {
    /// Reads the certificate of the settings; none if they name none.
    ///
    /// # Errors
    /// [`CertificateError`], if it cannot be used: it names the file.
    pub fn open(config: &Config, clock: Clock) -> Result<Option<Arc<Self>>, CertificateError> {
        let Some((certificate, key)) = config.tls.files() else { return Ok(None) };
        let mut files = Files::new(certificate, key, config.server.public_url.host());
        let first = files.load(clock.now())?;
        let shown = Arc::new(Shown(RwLock::new(Some(Arc::new(first)))));
        let usual = acceptor(&shown, &[HTTP2, HTTP1])?;
        let plain = acceptor(&shown, &[HTTP1])?;
        Ok(Some(Arc::new(Self { shown, files, clock, usual, plain })))
    }

    /// The handshake with a new client.
    ///
    /// # Errors
    /// Why there is none; the client's affair.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<(TlsStream<TcpStream>, Protocol)> {
        let stream = self.usual.accept(stream).await?;
        let protocol = match stream.get_ref().1.alpn_protocol() {
            Some(HTTP2) => Protocol::Http2,
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

    /// Keeps the certificate fresh, for ever.
    pub async fn keep(&self) {
        files::keep(self.files.clone(), &self.shown, &self.clock).await;
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
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
struct Shown(RwLock<Option<Arc<Certificate>>>);

impl Shown {
    fn get(&self) -> Option<Arc<Certificate>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, certificate: Certificate) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(certificate));
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.get().map(|certificate| Arc::clone(&certificate.key))
    }
}
