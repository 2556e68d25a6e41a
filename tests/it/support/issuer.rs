//! An OpenID Connect provider in this process that says what a test wants: other tokens, other keys, or
//! nothing at all. What a real one says is in `real::oidc`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use doorkey::config::{Oidc, Secret};
use doorkey::domain::webauthn::text;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How it knows Doorkey.
pub const CLIENT_ID: &str = "doorkey";

/// A key that signs tokens, ES256.
#[derive(Clone)]
pub struct Signer {
    key: Arc<EcdsaKeyPair>,
    name: &'static str,
}

impl Signer {
    pub fn new(name: &'static str) -> Self {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        Self { key: Arc::new(key), name }
    }

    /// What the provider publishes of it.
    pub fn public(&self) -> Value {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (text(x), text(y));
        json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": self.name, "x": x, "y": y })
    }

    /// The bytes of the public key.
    pub fn public_bytes(&self) -> &[u8] {
        self.key.public_key().as_ref()
    }

    /// A token that it signed.
    pub fn sign(&self, claims: &Value) -> String {
        let message = unsigned(&json!({ "alg": "ES256", "kid": self.name }), claims);
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", text(signature.as_ref()))
    }
}

/// What of a token is signed.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", text(header.to_string().as_bytes()), text(claims.to_string().as_bytes()))
}

/// One request that it got.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub authorization: Option<String>,
    pub body: String,
}

/// What it answers at one path instead of the usual.
#[derive(Clone)]
pub enum Instead {
    /// This status and body.
    Says(u16, String),
    /// A way to somewhere else.
    LeadsTo(String),
    /// Nothing, for so long.
    Waits(Duration),
}

struct Inner {
    url: String,
    metadata: Value,
    keys: Vec<Value>,
    token: String,
    instead: BTreeMap<String, Instead>,
    asked: Vec<Asked>,
}

/// The provider. It ends with its value.
pub struct Issuer {
    inner: Arc<Mutex<Inner>>,
    pub signer: Signer,
    running: JoinHandle<()>,
}

impl Issuer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let signer = Signer::new("one");
        let inner = Inner::new(listener.local_addr().unwrap(), &signer);
        let inner = Arc::new(Mutex::new(inner));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        let running = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { inner, signer, running }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub fn url(&self) -> String {
        self.inner().url.clone()
    }

    /// The settings with which Doorkey knows it.
    pub fn settings(&self) -> Oidc {
        settings(&self.url(), "hunter2")
    }

    /// What a good token says.
    pub fn claims(&self, nonce: &str, email: &str, now: i64) -> Value {
        json!({
            "iss": self.url(), "sub": "248289", "aud": CLIENT_ID, "nonce": nonce,
            "iat": now / 1000, "exp": now / 1000 + 300, "email": email, "email_verified": true,
        })
    }

    /// The ID token for the next code.
    pub fn give(&self, token: impl Into<String>) {
        self.inner().token = token.into();
    }

    /// Publishes these keys and no others.
    pub fn publish(&self, keys: &[&Signer]) {
        self.inner().keys = keys.iter().map(|key| key.public()).collect();
    }

    /// Says something else of itself.
    pub fn claim(&self, name: &str, value: Value) {
        self.inner().metadata[name] = value;
    }

    /// Answers otherwise at a path.
    pub fn answer_instead(&self, path: &str, instead: Instead) {
        self.inner().instead.insert(path.to_owned(), instead);
    }

    /// Answers as usual again.
    pub fn recover(&self) {
        self.inner().instead.clear();
    }

    /// What was asked at a path.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        self.inner().asked.iter().filter(|asked| asked.path == path).cloned().collect()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// Settings for a provider.
pub fn settings(issuer: &str, secret: &str) -> Oidc {
    Oidc {
        issuer: issuer.to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: Secret::new(secret),
        name: "Example Login".to_owned(),
    }
}

impl Inner {
    fn new(address: SocketAddr, signer: &Signer) -> Self {
        let url = format!("http://{address}");
        let metadata = json!({
            "issuer": url,
            "authorization_endpoint": format!("{url}/auth?tenant=rfs"),
            "token_endpoint": format!("{url}/token"),
            "jwks_uri": format!("{url}/keys"),
            "userinfo_endpoint": format!("{url}/userinfo"),
            "id_token_signing_alg_values_supported": ["ES256"],
        });
        let keys = vec![signer.public()];
        let (instead, asked) = (BTreeMap::new(), Vec::new());
        Self { url, metadata, keys, token: String::new(), instead, asked }
    }

    fn usual(&self, path: &str) -> Response {
        let json = |value: Value| {
            ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
        };
        match path {
            "/.well-known/openid-configuration" => json(self.metadata.clone()),
            "/keys" => json(json!({ "keys": self.keys })),
            "/token" => json(json!({
                "id_token": self.token, "access_token": "at", "token_type": "Bearer"
            })),
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    }
}

async fn answer(
    State(inner): State<Arc<Mutex<Inner>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().to_owned();
    let authorization = headers.get(header::AUTHORIZATION);
    let authorization = authorization.map(|it| it.to_str().unwrap().to_owned());
    let body = String::from_utf8(body.to_vec()).unwrap();
    let instead = {
        let mut inner = inner.lock().unwrap();
        inner.asked.push(Asked { path: path.clone(), authorization, body });
        inner.instead.get(&path).cloned()
    };
    match instead {
        None => inner.lock().unwrap().usual(&path),
        Some(Instead::Says(status, body)) => {
            (StatusCode::from_u16(status).unwrap(), body).into_response()
        }
        Some(Instead::LeadsTo(url)) => {
            (StatusCode::FOUND, [(header::LOCATION, url)]).into_response()
        }
        Some(Instead::Waits(time)) => {
            tokio::time::sleep(time).await;
            inner.lock().unwrap().usual(&path)
        }
    }
}
