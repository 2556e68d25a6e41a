//! Whom we trust when a mail server shows its certificate. There is no way to trust nobody.

use std::path::Path;
use std::sync::Arc;

use lettre::transport::smtp::client::{Certificate, CertificateStore, TlsParameters};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::config::smtp_url::{Security, SmtpUrl};

/// TLS as a connection to the server needs it.
pub(super) enum Tls {
    /// None, to a loopback address only.
    None,
    /// Begun with STARTTLS, by lettre.
    Upgrade(TlsParameters),
    /// From the first byte, by ourselves.
    Implicit(TlsConnector, ServerName<'static>),
}

impl Tls {
    /// Reads the certificate authorities that `url` asks for.
    pub(super) fn new(url: &SmtpUrl) -> Result<Self, String> {
        match url.security {
            Security::None => Ok(Self::None),
            Security::StartTls => start_tls(url).map(Self::Upgrade),
            Security::Implicit => {
                let name = ServerName::try_from(url.host.clone());
                let name = name.map_err(|_| "the SMTP URL's host is no name for a certificate")?;
                Ok(Self::Implicit(connector(url.ca.as_deref())?, name))
            }
        }
    }
}

fn start_tls(url: &SmtpUrl) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(url.host.clone());
    if let Some(path) = &url.ca {
        let certificate = Certificate::from_pem(&read(path)?);
        let certificate = certificate.map_err(|_| unusable(path))?;
        builder =
            builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    builder
        .build_rustls()
        .map_err(|error| format!("TLS to the mail server cannot be set up: {error}"))
}

fn connector(ca: Option<&Path>) -> Result<TlsConnector, String> {
    let certificates = match ca {
        Some(path) => CertificateDer::pem_slice_iter(&read(path)?)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| unusable(path))?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    if roots.add_parsable_certificates(certificates).0 == 0 {
        return Err("there is no certificate authority to check the mail server with".into());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS to the mail server cannot be set up: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}

fn unusable(path: &Path) -> String {
    format!("{} holds no usable PEM certificate", path.display())
}
