//! Certificates that Doorkey obtains and renews by itself (ACME, RFC 8555).
//!
//! One at a time: ask for an order, show what the authority wants to see, hand in a new key, take
//! the certificate. Everything that lasts is two files under `data_dir/acme`, for the owner alone.

use std::error::Error as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use instant_acme::{
    Account, AccountBuilder, AuthorizationStatus, BodyWrapper, ChallengeType, Identifier,
    NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::{sleep, timeout};

use super::challenges::{Challenges, Unmade};
use super::expiry::Expiry;
use super::store::{Credentials, Store};
use super::{Certificate, CertificateError, Clock, Millis, Shown};
use crate::config::Config;
use crate::ids;

/// How long before its end a certificate is renewed, unless its whole life is shorter than three
/// times that: then a third of it.
const RENEW: Duration = Duration::from_secs(30 * 86_400);
/// How much earlier chance may have it.
const EARLY: Duration = Duration::from_secs(86_400);
/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(300);
/// How long an authority may take to look, and to sign.
const POLLING: Duration = Duration::from_secs(90);
/// The longest sleep: the machine's clock may be moved.
const NAP: Duration = Duration::from_secs(3_600);
/// Minutes between failed attempts. Let's Encrypt counts five failures an hour for a host.
const PAUSES: [u64; 7] = [1, 5, 15, 30, 60, 180, 360];

type Client = legacy::Client<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>;

/// What is needed to obtain a certificate.
#[derive(Clone, Debug)]
pub struct Acme {
    host: String,
    contact: Option<String>,
    directory: String,
    ca: Option<PathBuf>,
    /// What the authority is shown: a text, where plain HTTP is answered, or else a certificate.
    kind: ChallengeType,
    store: Store,
}

/// Why there is no certificate. Each says who refused what.
#[derive(Debug, thiserror::Error)]
enum AcmeError {
    #[error("the folder {}: {error}", .folder.display())]
    Store { folder: PathBuf, error: std::io::Error },
    #[error("acme.ca, {}: {error}", .file.display())]
    Authorities { file: PathBuf, error: String },
    #[error("{}", chain(.0))]
    Protocol(#[from] instant_acme::Error),
    #[error("{0}")]
    Refused(String),
    #[error("the authority takes longer than five minutes")]
    TooSlow,
    #[error("what it sent cannot be used: {0}")]
    Unusable(#[from] CertificateError),
    #[error("no certificate can show that the host is ours: {0}")]
    Challenge(#[from] Box<Unmade>),
}

/// An error with everything behind it: the outermost alone says "client error".
fn chain(error: &instant_acme::Error) -> String {
    let mut words = vec![error.to_string()];
    let mut behind = error.source();
    while let Some(error) = behind {
        words.push(error.to_string());
        behind = error.source();
    }
    words.dedup();
    words.join(": ")
}

impl Acme {
    /// What the settings ask for; none if they do not.
    pub(super) fn new(config: &Config) -> Option<Self> {
        let acme = &config.acme;
        let host = config.server.public_url.host().to_owned();
        let plain = config.answers_plainly();
        acme.enabled.then(|| Self {
            contact: acme.contact.as_ref().map(|email| format!("mailto:{}", email.as_str())),
            directory: acme.directory.clone(),
            ca: acme.ca.clone(),
            kind: if plain { ChallengeType::Http01 } else { ChallengeType::TlsAlpn01 },
            store: Store::new(&config.data_dir, &host),
            host,
        })
    }

    /// The certificate of an earlier start, if it can still be used.
    pub(super) fn load(&self, now: Millis) -> Option<Certificate> {
        let certificate = self.store.certificate(now).ok()?;
        certificate.covers(&self.host).then_some(certificate)
    }

    /// Obtains and renews for ever; puts what it gets into `shown`.
    pub(super) async fn keep(&self, shown: &Shown, clock: &Clock) {
        let mut expiry = Expiry::new(&[7, 1]);
        let mut failures = 0;
        // So that not everybody who was installed at midnight renews at midnight.
        let early = ids::jitter(EARLY);
        loop {
            let now = clock.now();
            let current = shown.get();
            if let Some(certificate) = &current {
                expiry.remark(certificate, now);
            }
            let wait =
                current.map_or(Duration::ZERO, |current| renew_at(&current, early).since(now));
            if !wait.is_zero() {
                sleep(wait.min(NAP)).await;
                continue;
            }
            let attempt = timeout(ATTEMPT, self.obtain(&shown.challenges, now)).await;
            shown.challenges.clear();
            match attempt.unwrap_or(Err(AcmeError::TooSlow)) {
                Ok(certificate) => {
                    failures = 0;
                    let until = certificate.expires_at.rfc3339();
                    tracing::info!(host = self.host, until, "a certificate was obtained");
                    shown.set(certificate);
                }
                Err(error) => {
                    let pause = pause_after(failures);
                    failures += 1;
                    let minutes = pause.as_secs() / 60;
                    tracing::error!(
                        host = self.host,
                        authority = self.directory,
                        %error,
                        "no certificate was obtained; tried again in {minutes} min. {}",
                        self.advice()
                    );
                    sleep(pause).await;
                }
            }
        }
    }

    /// What the authority must be able to reach.
    fn advice(&self) -> &'static str {
        match self.kind {
            ChallengeType::Http01 => "Port 80 of the host must lead to tls.redirect_listen",
            _ => "Port 443 of the host must lead here, with no proxy that ends TLS",
        }
    }

    async fn obtain(&self, challenges: &Challenges, now: Millis) -> Result<Certificate, AcmeError> {
        let account = self.account().await?;
        let identifier = match self.host.parse::<IpAddr>() {
            Ok(address) => Identifier::Ip(address),
            Err(_) => Identifier::Dns(self.host.clone()),
        };
        let mut order = account.new_order(&NewOrder::new(&[identifier])).await?;
        self.show(&mut order, challenges).await?;
        let patience = RetryPolicy::new().timeout(POLLING);
        if order.poll_ready(&patience).await? != OrderStatus::Ready {
            return Err(AcmeError::Refused(why(&mut order).await));
        }
        let key = order.finalize().await?;
        let chain = order.poll_certificate(&patience).await?;
        let pem = format!("{key}\n{chain}");
        let certificate = self.store.check(&pem, now)?;
        self.store.put_certificate(&pem).map_err(|error| self.store_error(error))?;
        Ok(certificate)
    }

    /// Gets everything ready that the authority wants to see, and tells it to look.
    async fn show(&self, order: &mut Order, challenges: &Challenges) -> Result<(), AcmeError> {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let challenge = authorization.challenge(self.kind.clone());
            let mut challenge = challenge.ok_or_else(|| {
                AcmeError::Refused(format!("the authority does not offer {:?}", self.kind))
            })?;
            let answer = challenge.key_authorization();
            match self.kind {
                ChallengeType::Http01 => challenges.set_text(&challenge.token, answer.as_str()),
                _ => challenges.set_certificate(&self.host, answer.digest().as_ref())?,
            }
            challenge.set_ready().await?;
        }
        Ok(())
    }

    /// The account with the authority: the one of last time, or a new one.
    async fn account(&self) -> Result<Account, AcmeError> {
        if let Some(credentials) = self.store.account(&self.directory) {
            return Ok(self.builder()?.from_credentials(credentials).await?);
        }
        let contact: Vec<&str> = self.contact.iter().map(String::as_str).collect();
        let new = NewAccount {
            contact: &contact,
            // Setting acme.enabled is to agree; its documentation says so.
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let (account, credentials) =
            self.builder()?.create(&new, self.directory.clone(), None).await?;
        let credentials = Credentials { directory: self.directory.clone(), credentials };
        self.store.put_account(&credentials).map_err(|error| self.store_error(error))?;
        Ok(account)
    }

    fn builder(&self) -> Result<AccountBuilder, AcmeError> {
        Ok(match &self.ca {
            Some(file) => Account::builder_with_http(Box::new(client(roots(file)?)?)),
            None => Account::builder()?,
        })
    }

    fn store_error(&self, error: std::io::Error) -> AcmeError {
        AcmeError::Store { folder: self.store.folder().to_owned(), error }
    }
}

/// Every certificate in `file`: an authority that changes its own has two for a while.
fn roots(file: &Path) -> Result<RootCertStore, AcmeError> {
    let unusable = |error: String| AcmeError::Authorities { file: file.to_owned(), error };
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable("it holds no PEM certificate".to_owned()));
    }
    Ok(roots)
}

/// What [`Account`] makes its requests with: its own client takes one certificate only.
fn client(roots: RootCertStore) -> Result<Client, AcmeError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| AcmeError::Refused(format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls);
    let connector = connector.https_only().enable_http1().enable_http2().build();
    Ok(legacy::Client::builder(TokioExecutor::new()).build(connector))
}

/// What the authority found wrong.
async fn why(order: &mut Order) -> String {
    let mut reasons = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else { continue };
        let errors = state.challenges.iter().filter_map(|challenge| challenge.error.as_ref());
        reasons.extend(errors.map(ToString::to_string));
    }
    if reasons.is_empty() {
        "the authority refused the order".to_owned()
    } else {
        reasons.join("; ")
    }
}

/// When a certificate is renewed.
fn renew_at(certificate: &Certificate, early: Duration) -> Millis {
    let before = RENEW.min(certificate.lifetime() / 3);
    certificate.expires_at.minus(before + early.min(before / 10))
}

fn pause_after(failures: usize) -> Duration {
    let minutes = PAUSES.get(failures).or(PAUSES.last()).copied().unwrap_or_default();
    let pause = Duration::from_secs(60 * minutes);
    pause + ids::jitter(pause / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_certificate_of_the_file_is_an_authority() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ca.pem");
        let one = || rcgen::generate_simple_self_signed(["ca.example".to_owned()]).expect("one");
        let (old, new) = (one().cert.pem(), one().cert.pem());
        std::fs::write(&file, format!("the old one\n{old}\nthe new one\n{new}")).expect("a file");
        assert_eq!(roots(&file).expect("authorities").len(), 2);
        let broken = old.replace("MII", "%%%");
        for text in [String::new(), "no certificate".to_owned(), format!("{new}{broken}")] {
            std::fs::write(&file, &text).expect("a file");
            let said = roots(&file).expect_err("no authority").to_string();
            assert!(said.starts_with(&format!("acme.ca, {}: ", file.display())), "{said}");
        }
        assert!(roots(&folder.path().join("missing")).is_err());
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let mut last = Duration::ZERO;
        for failures in 0..20 {
            let pause = pause_after(failures);
            let least = Duration::from_secs(60 * PAUSES[failures.min(PAUSES.len() - 1)]);
            assert!(pause >= least && pause <= least * 5 / 4, "{failures}: {pause:?}");
            assert!(pause >= last * 4 / 5, "{failures}");
            last = pause;
        }
        let hour: u64 = PAUSES[..4].iter().sum();
        assert!(hour > 45, "no more than five attempts in the first hour");
    }
}
