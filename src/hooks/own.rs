//! Asks our own listener on this machine, whatever name and certificate it has for others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::Url;

use super::post;
use super::reach::{PATIENCE, Reached, exchange};
use crate::config::{Config, Listen};

/// Asks for `path` where the setting `listen` says.
///
/// # Errors
/// Why there was no answer: `no connection`, `TLS failed`, `no answer`, and details.
pub async fn reach(config: &Config, path: &str) -> Result<Reached, String> {
    let url = Url::parse(config.server.public_url.as_str()).and_then(|url| url.join(path));
    let url = url.map_err(|error| error.to_string())?;
    timeout(PATIENCE, ask(config, &url))
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
}

async fn ask(config: &Config, url: &Url) -> Result<Reached, String> {
    let refused = |error: std::io::Error| format!("no connection: {error}");
    let address = match &config.server.listen {
        Listen::Address(address) => here(*address),
        // Connections over a Unix socket stay plain.
        Listen::Unix(path) => {
            return exchange(url, UnixStream::connect(path).await.map_err(refused)?).await;
        }
    };
    let stream = TcpStream::connect(address).await.map_err(refused)?;
    if config.tls.files().is_none() && !config.acme.enabled {
        return exchange(url, stream).await;
    }
    let secure = connector()?.connect(post::server_name(url)?, stream).await;
    exchange(url, secure.map_err(|error| format!("TLS failed: {error}"))?).await
}

/// Where this machine reaches what listens on `address`.
fn here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn connector() -> Result<TlsConnector, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Takes every certificate. Nothing is told to the other side and nothing it says is used but that
/// it answers; an authority that this machine does not know must not look like a server that is down.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_everywhere_is_asked_here() {
        for (listens, asked) in [
            ("0.0.0.0:443", "127.0.0.1:443"),
            ("[::]:443", "[::1]:443"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            let address: SocketAddr = listens.parse().expect("an address");
            assert_eq!(here(address).to_string(), asked);
        }
    }
}
