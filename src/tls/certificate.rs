//! A certificate with its key: read from PEM, and checked before anybody sees it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use x509_cert::der::Decode as _;

use crate::clock::Millis;

/// A certificate that can be shown.
pub struct Certificate {
    /// The chain and its key.
    pub key: Arc<CertifiedKey>,
    /// From when it counts.
    pub begins_at: Millis,
    /// When it ends.
    pub expires_at: Millis,
}

/// Why a certificate cannot be used. Each names the file and says what is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{}: {error}", .file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A file holds something else.
    #[error("{}: {what}", .file.display())]
    Malformed {
        /// Which.
        file: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The key is another certificate's.
    #[error("{} is not the key of the certificate in {}", .key.display(), .certificate.display())]
    KeyMismatch {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
    },
    /// Its time is over.
    #[error("{}: the certificate expired on {}", .file.display(), .at.rfc3339())]
    Expired {
        /// Which.
        file: PathBuf,
        /// When.
        at: Millis,
    },
    /// TLS itself cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// The texts of a certificate and its key, and where they come from.
pub(super) struct Pem<'a> {
    pub(super) certificate: (&'a Path, &'a [u8]),
    pub(super) key: (&'a Path, &'a [u8]),
}

impl Certificate {
    /// Reads a certificate chain, its own certificate first, and the key of that.
    ///
    /// # Errors
    /// [`CertificateError`] if they cannot be read, do not fit, or are over.
    pub(super) fn read(pem: &Pem<'_>, now: Millis) -> Result<Self, CertificateError> {
        let (file, text) = pem.certificate;
        let chain = chain(file, text)?;
        let (begins_at, expires_at) = times(file, &chain)?;
        if expires_at <= now {
            return Err(CertificateError::Expired { file: file.to_owned(), at: expires_at });
        }
        let key = Arc::new(fit(pem, chain)?);
        Ok(Self { key, begins_at, expires_at })
    }

    /// Whether it is for `host`, a name or an address.
    pub(super) fn covers(&self, host: &str) -> bool {
        let name = ServerName::try_from(host);
        let certificate = self.key.end_entity_cert().and_then(ParsedCertificate::try_from);
        match (name, certificate) {
            (Ok(name), Ok(certificate)) => verify_server_name(&certificate, &name).is_ok(),
            _ => false,
        }
    }

    /// How long it is valid altogether.
    pub fn lifetime(&self) -> Duration {
        self.expires_at.since(self.begins_at)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("expires_at", &self.expires_at.rfc3339())
            .finish_non_exhaustive()
    }
}

fn malformed(file: &Path, what: impl Into<String>) -> CertificateError {
    CertificateError::Malformed { file: file.to_owned(), what: what.into() }
}

fn chain(file: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(malformed(
            file,
            "there is no readable certificate in it; it must hold the chain in PEM, \
             from -----BEGIN CERTIFICATE-----",
        )),
    }
}

/// From when to when the first certificate of `chain` counts.
fn times(file: &Path, chain: &[CertificateDer<'_>]) -> Result<(Millis, Millis), CertificateError> {
    let own = chain.first().map(CertificateDer::as_ref).unwrap_or_default();
    let certificate = x509_cert::Certificate::from_der(own)
        .map_err(|error| malformed(file, format!("the certificate cannot be read: {error}")))?;
    let validity = certificate.tbs_certificate.validity;
    let at = |time: x509_cert::time::Time| Millis(0).plus(time.to_unix_duration());
    Ok((at(validity.not_before), at(validity.not_after)))
}

fn fit(
    pem: &Pem<'_>,
    chain: Vec<CertificateDer<'static>>,
) -> Result<CertifiedKey, CertificateError> {
    let (file, text) = pem.key;
    let key = PrivateKeyDer::from_pem_slice(text).map_err(|_| {
        malformed(
            file,
            "there is no readable key in it; it must hold an unencrypted private key in PEM, \
             from -----BEGIN PRIVATE KEY-----",
        )
    })?;
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => CertificateError::KeyMismatch {
            certificate: pem.certificate.0.to_owned(),
            key: file.to_owned(),
        },
        error => malformed(file, format!("the key cannot be used: {error}")),
    })
}
