//! Settings of certificates that Doorkey obtains by itself.

use std::path::PathBuf;

use url::Url;

use super::sources::Sources;
use super::{PublicUrl, Tls, values};
use crate::domain::email::Email;

/// Let's Encrypt's production service.
const DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// How certificates are obtained (ACME, RFC 8555).
#[derive(Clone, Debug)]
pub struct Acme {
    /// Whether they are. Setting `acme.enabled`.
    pub enabled: bool,
    /// Whom the authority may write to. Setting `acme.contact`.
    pub contact: Option<Email>,
    /// The authority's directory, `https`. Setting `acme.directory`.
    pub directory: String,
    /// A file with the certificates of the authorities that may have signed the directory's own, in
    /// place of the system's. Setting `acme.ca`.
    pub ca: Option<PathBuf>,
}

impl Default for Acme {
    fn default() -> Self {
        Self { enabled: false, contact: None, directory: DIRECTORY.to_owned(), ca: None }
    }
}

impl Acme {
    pub(super) fn take(sources: &mut Sources) -> Self {
        let default = Self::default();
        Self {
            enabled: sources.parsed("acme.enabled", values::switch).unwrap_or(default.enabled),
            contact: sources.parsed("acme.contact", values::email),
            directory: sources.parsed("acme.directory", directory).unwrap_or(default.directory),
            ca: sources.text("acme.ca").map(PathBuf::from),
        }
    }

    pub(super) fn check(&self, tls: &Tls, public_url: &PublicUrl, sources: &mut Sources) {
        if !self.enabled {
            return;
        }
        if tls.certificate.is_some() || tls.key.is_some() {
            sources.complain(
                "acme.enabled (DOORKEY_ACME) and tls.certificate (DOORKEY_TLS_CERTIFICATE) are two \
                 ways to a certificate; keep one",
            );
        }
        if !public_url.is_https() || public_url.is_loopback() {
            sources.complain(
                "acme.enabled (DOORKEY_ACME) needs a public_url (DOORKEY_PUBLIC_URL) that begins \
                 with https:// and leads here from the outside",
            );
        }
    }
}

fn directory(text: &str) -> Result<String, String> {
    match Url::parse(text) {
        Ok(url) if url.scheme() == "https" => Ok(text.to_owned()),
        _ => Err(format!("write the https address of an ACME directory, such as {DIRECTORY}")),
    }
}
