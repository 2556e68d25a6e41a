//! A certificate in two files, as a certificate authority's tool leaves them and renews them.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;

use super::certificate::{Certificate, CertificateError, Pem};
use super::expiry::Expiry;
use super::{Clock, Millis, Shown};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Two files and what they were when they were last read.
#[derive(Clone, Debug)]
pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
    host: String,
    seen: Option<Seen>,
}

/// What tells a changed file: when, how large, which.
type Stamp = (i64, i64, u64, u64);

#[derive(Clone, PartialEq, Eq)]
struct Seen {
    stamps: [Stamp; 2],
    contents: [Vec<u8>; 2],
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seen").field("stamps", &self.stamps).finish_non_exhaustive()
    }
}

impl Files {
    /// The files with a certificate for `host` and its key. Nothing is read yet.
    pub(super) fn new(certificate: &Path, key: &Path, host: &str) -> Self {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        Self { certificate, key, host: host.to_owned(), seen: None }
    }

    /// Reads and checks both files.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub(super) fn load(&mut self, now: Millis) -> Result<Certificate, CertificateError> {
        self.seen = None;
        let seen = self.look()?;
        let certificate = self.read(&seen, now);
        self.seen = Some(seen);
        certificate
    }

    /// What is new in the files: nothing, a certificate, or why it cannot be used. The same news
    /// are told once.
    fn news(&mut self, now: Millis) -> Option<Result<Certificate, CertificateError>> {
        let last = self.seen.as_ref();
        // A file that is just being replaced is there again at the next look.
        let stamps = [stamp(&self.certificate).ok()?, stamp(&self.key).ok()?];
        if last.is_some_and(|last| last.stamps == stamps) {
            return None;
        }
        let seen = match self.look() {
            Ok(seen) => seen,
            Err(error) => {
                // Looked at again when it has changed again.
                let contents = self.seen.take().map(|last| last.contents).unwrap_or_default();
                self.seen = Some(Seen { stamps, contents });
                return Some(Err(error));
            }
        };
        let same = last.is_some_and(|last| last.contents == seen.contents);
        let result = (!same).then(|| self.read(&seen, now));
        self.seen = Some(seen);
        result
    }

    fn look(&self) -> Result<Seen, CertificateError> {
        let unreadable =
            |file: &Path, error| CertificateError::Unreadable { file: file.to_owned(), error };
        let look = |file: &Path| -> Result<(Stamp, Vec<u8>), CertificateError> {
            let stamp = stamp(file).map_err(|error| unreadable(file, error))?;
            let content = std::fs::read(file).map_err(|error| unreadable(file, error))?;
            Ok((stamp, content))
        };
        let (certificate, key) = (look(&self.certificate)?, look(&self.key)?);
        Ok(Seen { stamps: [certificate.0, key.0], contents: [certificate.1, key.1] })
    }

    fn read(&self, seen: &Seen, now: Millis) -> Result<Certificate, CertificateError> {
        let [certificate, key] = &seen.contents;
        let pem = Pem { certificate: (&self.certificate, certificate), key: (&self.key, key) };
        let certificate = Certificate::read(&pem, now)?;
        self.remark(&certificate, now);
        Ok(certificate)
    }

    /// What is odd about a certificate that can be used.
    fn remark(&self, certificate: &Certificate, now: Millis) {
        let file = self.certificate.display();
        if !certificate.covers(&self.host) {
            let host = &self.host;
            tracing::warn!(%file, host, "the certificate is not for the host of public_url: browsers will refuse it");
        }
        if certificate.begins_at > now {
            let from = certificate.begins_at.rfc3339();
            tracing::warn!(%file, from, "the certificate does not count yet");
        }
        let mode = std::fs::metadata(&self.key).map(|metadata| metadata.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o007 != 0) {
            let file = self.key.display();
            tracing::warn!(%file, "every user of this machine may read the certificate's key: chmod o= it");
        }
    }
}

fn stamp(file: &Path) -> std::io::Result<Stamp> {
    let metadata = std::fs::metadata(file)?;
    Ok((metadata.mtime(), metadata.mtime_nsec(), metadata.size(), metadata.ino()))
}

/// Looks at the files for ever. A new certificate is shown from the next connection on; a broken
/// one leaves the old in place.
pub(super) async fn keep(mut files: Files, shown: &Shown, clock: &Clock) {
    let mut expiry = Expiry::new(&[30, 7, 1]);
    loop {
        if let Some(certificate) = shown.get() {
            expiry.remark(&certificate, clock.now());
        }
        sleep(LOOK).await;
        let now = clock.now();
        // Files may be on a slow disk.
        let looked = tokio::task::spawn_blocking(move || {
            let news = files.news(now);
            (files, news)
        });
        let Ok((back, news)) = looked.await else { return };
        files = back;
        match news {
            None => {}
            Some(Ok(certificate)) => {
                let until = certificate.expires_at.rfc3339();
                tracing::info!(until, "a new certificate is in use");
                shown.set(certificate);
            }
            Some(Err(error)) => {
                tracing::error!(%error, "the new certificate cannot be used; the old one stays");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    const NOW: Millis = Millis(1_794_474_840_000);

    fn issue(year: i32) -> (String, String) {
        let mut params = CertificateParams::new(["a.example".to_owned()]).expect("a name");
        (params.not_before, params.not_after) =
            (date_time_ymd(2020, 1, 1), date_time_ymd(year, 1, 1));
        let key = KeyPair::generate().expect("a key");
        (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
    }

    /// Writes the pair with a time of its own: a test is quicker than a file system's clock.
    fn write(files: &Files, pair: &(String, String), second: u64) {
        for (path, text) in [(&files.certificate, &pair.0), (&files.key, &pair.1)] {
            std::fs::write(path, text).expect("a file");
            let file = std::fs::File::options().write(true).open(path).expect("the file");
            let at = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            file.set_modified(at).expect("a time");
        }
    }

    fn start() -> (tempfile::TempDir, Files) {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        (folder, Files::new(&certificate, &key, "a.example"))
    }

    #[test]
    fn news_are_told_once() {
        let (_folder, mut files) = start();
        assert!(matches!(files.load(NOW), Err(CertificateError::Unreadable { .. })));
        let pair = issue(2090);
        write(&files, &pair, 1);
        let first = files.load(NOW).expect("a certificate");
        assert_eq!(first.expires_at.rfc3339(), "2090-01-01T00:00:00.000Z");
        assert!(first.covers("a.example") && !first.covers("b.example") && !first.covers("?"));
        assert!(files.news(NOW).is_none());
        write(&files, &pair, 2);
        assert!(files.news(NOW).is_none(), "the same again is nothing new");
        write(&files, &issue(2091), 3);
        let second = files.news(NOW).expect("news").expect("a certificate");
        assert_eq!(second.expires_at.rfc3339(), "2091-01-01T00:00:00.000Z");
        write(&files, &("half".to_owned(), pair.1.clone()), 4);
        assert!(matches!(files.news(NOW), Some(Err(CertificateError::Malformed { .. }))));
        assert!(files.news(NOW).is_none(), "told once");
        write(&files, &pair, 5);
        assert!(matches!(files.news(NOW), Some(Ok(_))), "mended");
    }

    #[test]
    fn a_file_that_is_away_for_a_moment_is_no_news() {
        let (_folder, mut files) = start();
        write(&files, &issue(2090), 1);
        files.load(NOW).expect("a certificate");
        std::fs::remove_file(&files.key).expect("the key");
        assert!(files.news(NOW).is_none());
    }

    #[test]
    fn what_does_not_fit_or_is_over_is_refused() {
        let (_folder, mut files) = start();
        let (one, other) = (issue(2090), issue(2090));
        write(&files, &(one.0, other.1), 1);
        let error = files.load(NOW).expect_err("another's key");
        assert!(matches!(error, CertificateError::KeyMismatch { .. }), "{error}");
        write(&files, &issue(2025), 2);
        let error = files.news(NOW).expect("news").expect_err("it is over");
        assert!(error.to_string().contains("expired on 2025-01-01"), "{error}");
    }
}
