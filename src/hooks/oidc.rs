//! The provider at which staff may sign in, asked: for its metadata and its keys (OpenID Connect Discovery
//! 1.0), and what became of a sign-in (OpenID Connect Core 1.0 §3.1, the authorization code flow).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::fetch::{Ask, Document, Fetcher};
use crate::clock::Millis;
use crate::config::Oidc;
use crate::domain::email::Email;
use crate::domain::id_token::{self, Address, Expected, KeySet, Person, Refusal};
use crate::domain::oidc::Attempt;

/// Where the provider sends browsers back to, behind the public URL; it is registered there.
pub const REDIRECT_PATH: &str = "/admin/sign-in/oidc/callback";
/// How long metadata and keys are kept.
const KEPT: Duration = Duration::from_secs(3600);
/// Keys that are older than this are fetched again for a token with an unknown key: a provider may
/// change its keys at any time, and nobody can make us ask it more often.
const KEYS_KEPT_AT_LEAST: Duration = Duration::from_secs(60);
/// A provider that could not be asked is left alone for so long.
const REST: Duration = Duration::from_secs(10);
/// What is asked of the provider: who it is, and their address.
const SCOPE: &str = "openid email";

/// Why a sign-in came to nothing. For the log: people are told less.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The provider cannot be asked, or does not answer as it should.
    #[error("{0}")]
    Provider(String),
    /// What the browser brought is not the provider's word.
    #[error("{0}")]
    Answer(String),
    /// The provider's word is not for us, or not good.
    #[error(transparent)]
    Token(#[from] Refusal),
    /// The provider does not vouch for an address of theirs.
    #[error("the provider says no e-mail address that is verified")]
    Unverified,
}

/// What the provider says of itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    id_token_signing_alg_values_supported: Vec<String>,
    /// Its answers name it (RFC 9207).
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// Whether it signs in a way that we check.
    pub fn signs_as_we_check(&self) -> bool {
        self.id_token_signing_alg_values_supported.iter().any(|it| id_token::is_known_algorithm(it))
    }

    /// What is wrong with it as the word of `issuer`.
    fn check(self, issuer: &str) -> Result<Self, String> {
        if self.issuer != issuer {
            let named: String =
                self.issuer.chars().filter(|it| !it.is_control()).take(200).collect();
            return Err(format!("its metadata names the issuer {named}"));
        }
        let plain = issuer.starts_with("http:");
        let is_safe =
            |url: &String| Url::parse(url).is_ok_and(|url| url.scheme() == "https" || plain);
        let endpoints = [&self.authorization_endpoint, &self.token_endpoint, &self.jwks_uri];
        if !endpoints.into_iter().chain(&self.userinfo_endpoint).all(is_safe) {
            return Err("its metadata names an address that is not https".to_owned());
        }
        Ok(self)
    }
}

/// Something of the provider's that is kept for a while, and how the last try to get it failed.
struct Cached<T> {
    held: Option<(Arc<T>, Millis)>,
    failed: Option<(String, Millis)>,
}

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self { held: None, failed: None }
    }
}

impl<T> Cached<T> {
    /// What is held, if it is younger than `oldest`; else what `fetch` gets. Callers wait for each other,
    /// so the provider is asked once for all.
    async fn get(
        &mut self,
        oldest: Duration,
        now: Millis,
        fetch: impl Future<Output = Result<T, String>>,
    ) -> Result<Arc<T>, String> {
        if let Some((held, at)) = &self.held
            && now.since(*at) < oldest
        {
            return Ok(Arc::clone(held));
        }
        if let Some((reason, at)) = &self.failed
            && now.since(*at) < REST
        {
            return Err(reason.clone());
        }
        match fetch.await {
            Ok(fresh) => {
                let fresh = Arc::new(fresh);
                *self = Self { held: Some((Arc::clone(&fresh), now)), failed: None };
                Ok(fresh)
            }
            Err(reason) => {
                self.failed = Some((reason.clone(), now));
                Err(reason)
            }
        }
    }
}

/// The provider.
pub struct Provider {
    settings: Oidc,
    fetcher: Fetcher,
    metadata: Mutex<Cached<Metadata>>,
    keys: Mutex<Cached<KeySet>>,
}

/// What a browser brings back from the provider.
#[derive(Debug)]
pub struct Answer<'a> {
    /// What is exchanged for the provider's word.
    pub code: &'a str,
    /// Whose answer it says it is (RFC 9207).
    pub issuer: Option<&'a str>,
}

/// What the token endpoint answers.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

impl Provider {
    /// The provider of these settings; nothing is asked yet.
    pub fn new(settings: Oidc) -> Self {
        let (metadata, keys) = (Mutex::default(), Mutex::default());
        Self { settings, fetcher: Fetcher::default(), metadata, keys }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// What it says of itself, an hour old at most.
    ///
    /// # Errors
    /// Why it is not known.
    pub async fn metadata(&self, now: Millis) -> Result<Arc<Metadata>, String> {
        let issuer = self.settings.issuer.as_str();
        let fetch = async {
            // A slash at the end is not doubled (Discovery §4).
            let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
            let metadata: Metadata = self.document(&url).await?;
            metadata.check(issuer)
        };
        self.metadata.lock().await.get(KEPT, now, fetch).await
    }

    /// Its keys, younger than `oldest`.
    ///
    /// # Errors
    /// Why they are not known.
    async fn keys(
        &self,
        metadata: &Metadata,
        oldest: Duration,
        now: Millis,
    ) -> Result<Arc<KeySet>, String> {
        let fetch = self.document(&metadata.jwks_uri);
        self.keys.lock().await.get(oldest, now, fetch).await
    }

    /// Looks whether it can be asked for everything that a sign-in takes.
    ///
    /// # Errors
    /// What it cannot be asked for, and why.
    pub async fn look(&self, now: Millis) -> Result<Arc<Metadata>, String> {
        let metadata = self.metadata(now).await?;
        self.keys(&metadata, KEPT, now).await.map_err(|reason| format!("its keys: {reason}"))?;
        Ok(metadata)
    }

    async fn document<T: DeserializeOwned>(&self, url: &str) -> Result<T, String> {
        let ask = Ask { url, authorization: None, form: None };
        read(&self.fetcher.fetch(ask).await?)
    }

    /// Where to send a browser for this attempt.
    ///
    /// # Errors
    /// [`Trouble::Provider`].
    pub async fn begin(
        &self,
        attempt: &Attempt,
        redirect_uri: &str,
        now: Millis,
    ) -> Result<String, Trouble> {
        let metadata = self.metadata(now).await.map_err(Trouble::Provider)?;
        let url = Url::parse(&metadata.authorization_endpoint);
        let mut url = url.map_err(|error| Trouble::Provider(error.to_string()))?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", SCOPE)
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge", &attempt.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok(url.into())
    }

    /// The address of who came back with this answer.
    ///
    /// # Errors
    /// [`Trouble`] of every kind: nobody is to be let in.
    pub async fn finish(
        &self,
        answer: &Answer<'_>,
        attempt: &Attempt,
        redirect_uri: &str,
        now: Millis,
    ) -> Result<Email, Trouble> {
        let metadata = self.metadata(now).await.map_err(Trouble::Provider)?;
        let named = answer.issuer;
        let silent = named.is_none() && metadata.authorization_response_iss_parameter_supported;
        if silent || named.is_some_and(|named| named != self.settings.issuer) {
            return Err(Trouble::Answer("the answer names another issuer, or none".to_owned()));
        }
        let tokens = self.exchange(&metadata, answer.code, attempt, redirect_uri).await?;
        let person = self.person(&metadata, &tokens.id_token, &attempt.nonce, now).await?;
        let address = match person.address.is_there() {
            true => person.address,
            false => self.userinfo(&metadata, &tokens, &person.subject).await?,
        };
        address.verified().ok_or(Trouble::Unverified)
    }

    /// Uses the code (RFC 6749 §4.1.3).
    async fn exchange(
        &self,
        metadata: &Metadata,
        code: &str,
        attempt: &Attempt,
        redirect_uri: &str,
    ) -> Result<Tokens, Trouble> {
        let mut pairs = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", &attempt.verifier),
        ];
        let (id, secret) = (&*self.settings.client_id, self.settings.client_secret.reveal());
        let in_form = wants_secret_in_form(metadata);
        if in_form {
            pairs.extend([("client_id", id), ("client_secret", secret)]);
        }
        let form = Some(Serializer::new(String::new()).extend_pairs(pairs).finish());
        let authorization = (!in_form).then(|| basic(id, secret));
        let ask = Ask { url: &metadata.token_endpoint, authorization, form };
        let document = self.fetcher.fetch(ask).await.map_err(Trouble::Provider)?;
        if document.status == 400 && error_of(&document) == "invalid_grant" {
            return Err(Trouble::Answer("the provider does not take the code".to_owned()));
        }
        read(&document).map_err(|reason| Trouble::Provider(format!("its tokens: {reason}")))
    }

    /// Whom the ID token is about. A key that is not known may be new.
    async fn person(
        &self,
        metadata: &Metadata,
        id_token: &str,
        nonce: &str,
        now: Millis,
    ) -> Result<Person, Trouble> {
        let Oidc { issuer, client_id, .. } = &self.settings;
        let expected = Expected { issuer, client_id, nonce, now };
        let keys = self.keys(metadata, KEPT, now).await.map_err(Trouble::Provider)?;
        let checked = id_token::check(id_token, &keys, &expected);
        if checked != Err(Refusal::UnknownKey) {
            return Ok(checked?);
        }
        let keys = self.keys(metadata, KEYS_KEPT_AT_LEAST, now).await.map_err(Trouble::Provider)?;
        Ok(id_token::check(id_token, &keys, &expected)?)
    }

    /// Some providers keep the ID token short, and tell the address only when they are asked (§5.4).
    async fn userinfo(
        &self,
        metadata: &Metadata,
        tokens: &Tokens,
        subject: &str,
    ) -> Result<Address, Trouble> {
        let (Some(url), Some(token)) = (&metadata.userinfo_endpoint, &tokens.access_token) else {
            return Ok(Address::default());
        };
        let ask = Ask { url, authorization: Some(format!("Bearer {token}")), form: None };
        let document = self.fetcher.fetch(ask).await.map_err(Trouble::Provider)?;
        if document.status != 200 {
            return Err(Trouble::Provider(format!("its userinfo: {}", refused(&document))));
        }
        Ok(id_token::check_userinfo(&document.body, subject)?)
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.settings.issuer).finish_non_exhaustive()
    }
}

/// Whether the secret goes into the form: only where the provider takes it no other way, since without a
/// word it takes `client_secret_basic` (Discovery §3).
fn wants_secret_in_form(metadata: &Metadata) -> bool {
    let Some(known) = &metadata.token_endpoint_auth_methods_supported else { return false };
    let takes = |way: &str| known.iter().any(|known| known == way);
    !takes("client_secret_basic") && takes("client_secret_post")
}

/// `Authorization: Basic`, as OAuth 2.0 writes it (RFC 6749 §2.3.1).
fn basic(id: &str, secret: &str) -> String {
    let coded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", coded(id), coded(secret))))
}

/// The document as JSON, if it is one.
fn read<T: DeserializeOwned>(document: &Document) -> Result<T, String> {
    if document.status != 200 {
        return Err(refused(document));
    }
    serde_json::from_slice(&document.body).map_err(|error| match error.to_string() {
        missing if missing.starts_with("missing field") => format!("the answer has a {missing}"),
        // Anything else might repeat what stands there, such as a token.
        _ => "the answer is not JSON as it should be".to_owned(),
    })
}

fn refused(document: &Document) -> String {
    format!("it answers {} {}", document.status, error_of(document)).trim_end().to_owned()
}

/// The word for what went wrong (RFC 6749 §5.2): never more than a word of theirs.
fn error_of(document: &Document) -> String {
    #[derive(Deserialize)]
    struct Wrong {
        error: String,
    }
    let wrong: Option<Wrong> = serde_json::from_slice(&document.body).ok();
    let word = wrong.map(|wrong| wrong.error).unwrap_or_default();
    word.chars().filter(|letter| letter.is_ascii_lowercase() || *letter == '_').take(60).collect()
}
