//! What an authority asks to see before it believes that the public URL's host is ours: a text over
//! plain HTTP (http-01, RFC 8555 §8.3) or a certificate of its own kind (tls-alpn-01, RFC 8737).

use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;

/// The protocol that an authority speaks to see the certificate.
pub(super) const PROTOCOL: &[u8] = b"acme-tls/1";

/// Why a certificate could not be made.
pub(super) type Unmade = dyn std::error::Error + Send + Sync;

/// Answers that are ready while an authority may ask.
#[derive(Default)]
pub(super) struct Challenges(Mutex<Ready>);

#[derive(Default)]
struct Ready {
    /// The token that is asked for, and what to answer.
    text: Option<(String, String)>,
    certificate: Option<Arc<CertifiedKey>>,
}

impl Challenges {
    /// Makes the answer to `token` ready.
    pub(super) fn set_text(&self, token: &str, answer: &str) {
        self.with(|ready| ready.text = Some((token.to_owned(), answer.to_owned())));
    }

    /// Makes the certificate for `host` that carries `digest` ready.
    ///
    /// # Errors
    /// Why there is none for such a host.
    pub(super) fn set_certificate(&self, host: &str, digest: &[u8]) -> Result<(), Box<Unmade>> {
        let certificate = Arc::new(certificate(host, digest)?);
        self.with(|ready| ready.certificate = Some(certificate));
        Ok(())
    }

    /// Forgets every answer.
    pub(super) fn clear(&self) {
        self.with(|ready| *ready = Ready::default());
    }

    /// The answer to `token`, while it is asked for.
    pub(super) fn text(&self, token: &str) -> Option<String> {
        self.with(|ready| {
            let (of, answer) = ready.text.as_ref()?;
            (of == token).then(|| answer.clone())
        })
    }

    /// The certificate, while it is asked for.
    pub(super) fn certificate(&self) -> Option<Arc<CertifiedKey>> {
        self.with(|ready| ready.certificate.clone())
    }

    fn with<T>(&self, work: impl FnOnce(&mut Ready) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A certificate signed by itself, with the digest in an extension (RFC 8737 §3). That extension is
/// critical and known to authorities only, so rustls is not asked to read it.
fn certificate(host: &str, digest: &[u8]) -> Result<CertifiedKey, Box<Unmade>> {
    let mut params = CertificateParams::new([host.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let pair = KeyPair::generate()?;
    let certificate = params.self_signed(&pair)?;
    let key = PrivateKeyDer::Pkcs8(pair.serialize_der().into());
    let key = rustls::crypto::ring::default_provider().key_provider.load_private_key(key)?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}

impl std::fmt::Debug for Challenges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Challenges(…)")
    }
}
