//! What an OpenID Connect provider says of somebody, checked: the ID token (OpenID Connect Core 1.0
//! §3.1.3.7), a JSON Web Token (RFC 7519) in its compact form, signed with a key that the provider
//! publishes (RFC 7515, RFC 7517).
//!
//! Nothing here knows a database or a request. Why this is not a library stands in
//! docs/decisions/0028.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use subtle::ConstantTimeEq as _;

use crate::clock::Millis;
use crate::domain::email::Email;

/// How far the provider's clock may be from ours.
const SKEW: Duration = Duration::from_secs(60);
/// A token comes straight from the provider, so it was made of late.
const FRESH: Duration = Duration::from_secs(10 * 60);
/// Keys that are looked at; providers publish a handful.
const KEYS_MAX: usize = 100;

/// Why an ID token was not taken. For the log: people are told only that it was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no signed token, or says what cannot be read.
    #[error("the ID token cannot be read")]
    Malformed,
    /// It is not signed, or in a way that is not taken.
    #[error("the ID token is signed with none of RS256, ES256 and EdDSA")]
    Algorithm,
    /// It is signed with a key that the provider does not publish.
    #[error("the ID token is signed with a key that the provider does not publish")]
    UnknownKey,
    /// The signature is not the key's.
    #[error("the signature of the ID token is wrong")]
    Signature,
    /// Somebody else made it.
    #[error("the ID token is from another issuer")]
    Issuer,
    /// It is for another program.
    #[error("the ID token is for another client")]
    Audience,
    /// Its time is over, or has not begun.
    #[error("the ID token is not of this time; look at the clocks")]
    Time,
    /// It answers another sign-in.
    #[error("the ID token answers another sign-in")]
    Nonce,
    /// What the provider says beside it is of somebody else.
    #[error("the provider's userinfo is of somebody else than the ID token")]
    Subject,
}

/// How a token is signed: RFC 7518 §3.1, RFC 8037, RFC 9864.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Es256,
    Ed25519,
}

impl Algorithm {
    /// Every other word is refused: `none` is no signature, and with `HS256` anybody who knows the
    /// public key could sign.
    fn parse(word: &str) -> Option<Self> {
        match word {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" | "Ed25519" => Some(Self::Ed25519),
            _ => None,
        }
    }
}

/// Whether a provider that signs like this can be understood.
pub fn is_known_algorithm(word: &str) -> bool {
    Algorithm::parse(word).is_some()
}

/// The keys that a provider publishes.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct KeySet {
    keys: Vec<Value>,
}

/// One of them, as far as it is needed (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2).
#[derive(Debug, Deserialize)]
struct Key {
    kty: String,
    #[serde(rename = "use")]
    used_for: Option<String>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// The keys that may have signed this token. One of a kind that is not known here is no mistake: it
    /// is for others.
    fn candidates(&self, header: &Header, algorithm: Algorithm) -> Vec<Key> {
        let keys = self.keys.iter().take(KEYS_MAX);
        let keys = keys.filter_map(|key| Key::deserialize(key).ok());
        keys.filter(|key| key.is_for(header, algorithm)).collect()
    }
}

impl Key {
    fn is_for(&self, header: &Header, algorithm: Algorithm) -> bool {
        let named = header.kid.is_none() || header.kid == self.kid;
        let signs = self.used_for.as_deref().is_none_or(|used_for| used_for == "sig");
        let agrees = self.alg.as_deref().is_none_or(|alg| Algorithm::parse(alg) == Some(algorithm));
        let (kind, curve) = (self.kty.as_str(), self.crv.as_deref());
        let fits = match algorithm {
            Algorithm::Rs256 => kind == "RSA",
            Algorithm::Es256 => kind == "EC" && curve == Some("P-256"),
            Algorithm::Ed25519 => kind == "OKP" && curve == Some("Ed25519"),
        };
        named && signs && agrees && fits
    }

    /// Whether it signed this.
    fn signed(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Option<bool> {
        let part = |part: &Option<String>| bytes(part.as_deref()?);
        let verified = match algorithm {
            Algorithm::Rs256 => {
                let (n, e) = (part(&self.n)?, part(&self.e)?);
                let key = RsaPublicKeyComponents { n: &n, e: &e };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            Algorithm::Es256 => {
                // An uncompressed point, SEC 1 §2.3.3.
                let point = [&[4][..], &part(&self.x)?, &part(&self.y)?].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Algorithm::Ed25519 => {
                UnparsedPublicKey::new(&ED25519, part(&self.x)?).verify(message, signature)
            }
        };
        Some(verified.is_ok())
    }
}

/// What a token says of itself.
#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// What must be understood and is not (RFC 7515 §4.1.11).
    crit: Option<Value>,
}

/// One name or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// What a token says of somebody.
#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    #[serde(flatten)]
    address: Address,
}

/// An e-mail address, and whether it is theirs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Address {
    email: Option<String>,
    email_verified: Option<Value>,
    /// Entra ID has no `email_verified`, but says whether the organisation has the address's domain.
    xms_edov: Option<Value>,
}

impl Address {
    /// Whether there is one at all.
    pub fn is_there(&self) -> bool {
        self.email.is_some()
    }

    /// The address, if it is one and the provider vouches for it: `email_verified` is true, or the text
    /// `true`, which some send. Where that is not there at all, `xms_edov` counts.
    pub fn verified(&self) -> Option<Email> {
        let vouched = match (&self.email_verified, &self.xms_edov) {
            (Some(said), _) => is_true(said),
            (None, Some(said)) => is_true(said) || *said == 1 || *said == "1",
            (None, None) => false,
        };
        let email = self.email.as_deref().filter(|_| vouched)?;
        Email::parse("email", email).ok()
    }
}

fn is_true(said: &Value) -> bool {
    *said == Value::Bool(true) || *said == "true"
}

/// What a token must say.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Who made it.
    pub issuer: &'a str,
    /// For whom: us.
    pub client_id: &'a str,
    /// Which sign-in it answers.
    pub nonce: &'a str,
    /// When.
    pub now: Millis,
}

/// Somebody whom the provider knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// What the provider calls them.
    pub subject: String,
    /// Their address.
    pub address: Address,
}

/// Checks an ID token.
///
/// # Errors
/// What is wrong with it. After [`Refusal::UnknownKey`] it is worth to fetch the keys again.
pub fn check(token: &str, keys: &KeySet, expected: &Expected<'_>) -> Result<Person, Refusal> {
    let claims: Claims = open(token, keys)?;
    if claims.iss != expected.issuer {
        return Err(Refusal::Issuer);
    }
    if !is_for(&claims, expected.client_id) {
        return Err(Refusal::Audience);
    }
    if is_of(&claims, expected.now) != Some(true) {
        return Err(Refusal::Time);
    }
    let nonce = claims.nonce.unwrap_or_default();
    if !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err(Refusal::Nonce);
    }
    if claims.sub.is_empty() {
        return Err(Refusal::Malformed);
    }
    Ok(Person { subject: claims.sub, address: claims.address })
}

/// What the provider says at its userinfo endpoint (§5.3.2): it counts only for the same person.
///
/// # Errors
/// [`Refusal::Malformed`], [`Refusal::Subject`].
pub fn check_userinfo(answer: &[u8], subject: &str) -> Result<Address, Refusal> {
    #[derive(Deserialize)]
    struct Answer {
        sub: String,
        #[serde(flatten)]
        address: Address,
    }
    let answer: Answer = serde_json::from_slice(answer).map_err(|_| Refusal::Malformed)?;
    if answer.sub != subject {
        return Err(Refusal::Subject);
    }
    Ok(answer.address)
}

/// The content of a token that one of `keys` signed.
fn open<T: DeserializeOwned>(token: &str, keys: &KeySet) -> Result<T, Refusal> {
    let (message, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
    let parts = message.split_once('.').filter(|(_, body)| !body.contains('.'));
    let (head, body) = parts.ok_or(Refusal::Malformed)?;
    let header: Header = json(head)?;
    let algorithm = Algorithm::parse(&header.alg).ok_or(Refusal::Algorithm)?;
    if header.crit.is_some() {
        return Err(Refusal::Malformed);
    }
    let signature = bytes(signature).ok_or(Refusal::Malformed)?;
    let candidates = keys.candidates(&header, algorithm);
    if candidates.is_empty() {
        return Err(Refusal::UnknownKey);
    }
    let signed = |key: &Key| key.signed(algorithm, message.as_bytes(), &signature) == Some(true);
    if !candidates.iter().any(signed) {
        return Err(Refusal::Signature);
    }
    json(body)
}

/// Whether it is for `client_id`. With several audiences, or where it is there at all, `azp` says to whom
/// it was given.
fn is_for(claims: &Claims, client_id: &str) -> bool {
    let (named, several) = match &claims.aud {
        Audience::One(one) => (one == client_id, false),
        Audience::Several(all) => (all.iter().any(|one| one == client_id), all.len() > 1),
    };
    let given = match claims.azp.as_deref() {
        Some(azp) => azp == client_id,
        None => !several,
    };
    named && given
}

/// Whether it was made of late and its time is not over.
fn is_of(claims: &Claims, now: Millis) -> Option<bool> {
    let (issued, expires) = (moment(claims.iat)?, moment(claims.exp)?);
    let begins = claims.nbf.map_or(Some(issued), moment)?;
    let made = issued <= now.plus(SKEW) && now.minus(FRESH + SKEW) <= issued;
    Some(made && begins <= now.plus(SKEW) && now < expires.plus(SKEW))
}

/// A NumericDate: seconds, which may have a fraction (RFC 7519 §2).
fn moment(date: f64) -> Option<Millis> {
    (0.0..=1e11).contains(&date).then_some(Millis((date * 1000.0) as i64))
}

fn json<T: DeserializeOwned>(part: &str) -> Result<T, Refusal> {
    let bytes = bytes(part).ok_or(Refusal::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| Refusal::Malformed)
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests;
