//! Settings of HTTPS.

use std::path::{Path, PathBuf};

use super::sources::Sources;
use super::{Listen, PublicUrl};

/// HTTPS of our own, without a proxy in front.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// The file with the certificate chain, PEM. Setting `tls.certificate`.
    pub certificate: Option<PathBuf>,
    /// The file with its key, PEM. Setting `tls.key`.
    pub key: Option<PathBuf>,
    /// Where plain HTTP is answered with the way to HTTPS. Setting `tls.redirect_listen`.
    pub redirect_listen: Option<Listen>,
}

impl Tls {
    pub(super) fn take(sources: &mut Sources) -> Self {
        Self {
            certificate: sources.text("tls.certificate").map(PathBuf::from),
            key: sources.text("tls.key").map(PathBuf::from),
            redirect_listen: sources.parsed("tls.redirect_listen", Listen::parse),
        }
    }

    /// The files of the certificate and its key.
    pub fn files(&self) -> Option<(&Path, &Path)> {
        Some((self.certificate.as_deref()?, self.key.as_deref()?))
    }

    pub(super) fn check(&self, public_url: &PublicUrl, sources: &mut Sources) {
        if self.certificate.is_some() != self.key.is_some() {
            sources.complain(
                "tls.certificate (DOORKEY_TLS_CERTIFICATE) and tls.key (DOORKEY_TLS_KEY) go \
                 together; set both, or neither",
            );
        }
        if self.files().is_some() && !public_url.is_https() {
            sources.complain(
                "public_url (DOORKEY_PUBLIC_URL) must begin with https:// when tls.certificate is set",
            );
        }
        if self.redirect_listen.is_some() && !public_url.is_https() {
            sources.complain(
                "tls.redirect_listen (DOORKEY_TLS_REDIRECT_LISTEN) leads to public_url, which \
                 must begin with https:// then",
            );
        }
    }
}
