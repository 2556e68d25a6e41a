//! What lasts of ACME: the account and the certificate, a file each under `data_dir/acme`, for the
//! owner alone.

use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use instant_acme::AccountCredentials;
use serde::{Deserialize, Serialize};

use super::certificate::Pem;
use super::{Certificate, CertificateError, Millis};

/// Two files in a folder.
#[derive(Clone, Debug)]
pub(super) struct Store {
    folder: PathBuf,
    /// Key and chain in one file, so that they can never be of two minds.
    certificate: PathBuf,
}

/// An account, and where it is one.
#[derive(Serialize, Deserialize)]
pub(super) struct Credentials {
    pub(super) directory: String,
    pub(super) credentials: AccountCredentials,
}

impl Store {
    pub(super) fn new(data_dir: &Path, host: &str) -> Self {
        let folder = data_dir.join("acme");
        // An IPv6 address has colons, which some file systems refuse.
        let certificate = folder.join(format!("{}.pem", host.replace(':', "_")));
        Self { folder, certificate }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The account at `directory`, if there is one.
    pub(super) fn account(&self, directory: &str) -> Option<AccountCredentials> {
        let text = std::fs::read(self.account_file()).ok()?;
        let stored: Credentials = serde_json::from_slice(&text).ok()?;
        (stored.directory == directory).then_some(stored.credentials)
    }

    /// Keeps an account.
    ///
    /// # Errors
    /// Those of the disk.
    pub(super) fn put_account(&self, account: &Credentials) -> io::Result<()> {
        self.put(&self.account_file(), &serde_json::to_vec(account)?)
    }

    /// The certificate of last time.
    ///
    /// # Errors
    /// [`CertificateError`], if there is none that can be used.
    pub(super) fn certificate(&self, now: Millis) -> Result<Certificate, CertificateError> {
        let text = std::fs::read_to_string(&self.certificate).map_err(|error| {
            CertificateError::Unreadable { file: self.certificate.clone(), error }
        })?;
        self.check(&text, now)
    }

    /// Reads key and chain from one text.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub(super) fn check(&self, text: &str, now: Millis) -> Result<Certificate, CertificateError> {
        let file = (self.certificate.as_path(), text.as_bytes());
        Certificate::read(&Pem { certificate: file, key: file }, now)
    }

    /// Keeps a certificate.
    ///
    /// # Errors
    /// Those of the disk.
    pub(super) fn put_certificate(&self, text: &str) -> io::Result<()> {
        self.put(&self.certificate, text.as_bytes())
    }

    fn account_file(&self) -> PathBuf {
        self.folder.join("account.json")
    }

    /// Replaces a file in one step; it is never there in half.
    fn put(&self, file: &Path, content: &[u8]) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        // Made with mode 0600.
        let mut part = tempfile::NamedTempFile::new_in(&self.folder)?;
        part.write_all(content)?;
        part.as_file().sync_all()?;
        part.persist(file).map(drop).map_err(|error| error.error)
    }
}
