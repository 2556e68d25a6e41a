//! Somebody at the door: a browser or a program that speaks HTTP.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::{HeaderMap, Method, Request};
use axum::response::Response;
use http_body_util::BodyExt as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tower::ServiceExt as _;

use doorkey::web::ctx::Peer;

use super::{TestApp, contract};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// Who asks, from where, with what in hand.
#[derive(Clone)]
pub struct Client {
    app: TestApp,
    bearer: Option<String>,
    peer: SocketAddr,
    headers: Vec<(String, String)>,
    cookies: Option<Jar>,
}

/// The cookies of one browser, by name.
type Jar = Arc<Mutex<BTreeMap<String, String>>>;

impl Client {
    pub(super) fn new(app: TestApp) -> Self {
        let peer = "192.0.2.1:4711".parse().unwrap();
        Self { app, bearer: None, peer, headers: Vec::new(), cookies: None }
    }

    /// Another browser: it keeps its own cookies, and sends forms as from our own pages.
    pub fn browser(&self) -> Self {
        let cookies = Some(Jar::default());
        Self { cookies, ..self.clone() }.header("User-Agent", FIREFOX)
    }

    /// The value of one of the browser's cookies.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.as_ref().expect("a browser").lock().unwrap().get(name).cloned()
    }

    /// Puts a cookie into the browser by hand.
    pub fn set_cookie(&self, name: &str, value: &str) {
        let jar = self.cookies.as_ref().expect("a browser");
        jar.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }

    /// Sends a form of one of our own pages.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let text = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs = fields.iter().map(|(name, value)| format!("{}={}", text(name), text(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let ours = self.header("Sec-Fetch-Site", "same-origin");
        ours.send("POST", path, body, Some("application/x-www-form-urlencoded")).await
    }

    fn keep_cookies(&self, headers: &HeaderMap) {
        let Some(jar) = &self.cookies else { return };
        for value in headers.get_all("set-cookie") {
            let (pair, rest) = value.to_str().unwrap().split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if rest.contains("Max-Age=0;") {
                jar.lock().unwrap().remove(name);
            } else {
                jar.lock().unwrap().insert(name.to_owned(), value.to_owned());
            }
        }
    }

    fn sent_cookies(&self) -> Option<String> {
        let jar = self.cookies.as_ref()?.lock().unwrap();
        let pairs: Vec<String> = jar.iter().map(|(name, it)| format!("{name}={it}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// The same person with the token of this link.
    pub fn open(&self, link: &str) -> Self {
        let (_, token) = link.split_once("#token=").expect("a link with a token");
        self.bearer(token)
    }

    /// The same person with this token or key.
    pub fn bearer(&self, secret: &str) -> Self {
        Self { bearer: Some(secret.to_owned()), ..self.clone() }
    }

    /// The token or key in hand.
    pub fn secret(&self) -> &str {
        self.bearer.as_deref().expect("a token or a key")
    }

    /// The same person from another address.
    pub fn from(&self, address: &str) -> Self {
        Self { peer: SocketAddr::new(address.parse().unwrap(), 4711), ..self.clone() }
    }

    /// The same person with one more header on every request.
    pub fn header(&self, name: &str, value: &str) -> Self {
        let mut other = self.clone();
        other.headers.push((name.to_owned(), value.to_owned()));
        other
    }

    /// The same person with an `Idempotency-Key`.
    pub fn key(&self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, Bytes::new(), None).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, Bytes::new(), None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.json("POST", path, body).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.json("PATCH", path, body).await
    }

    pub async fn json(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(method, path, body.to_string(), Some("application/json")).await
    }

    /// Any bytes, of any kind.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        body: impl Into<Bytes>,
        kind: Option<&str>,
    ) -> Answer {
        let body = body.into();
        let response = self.ask(method, path, body, kind).await;
        let answer = Answer::of(format!("{method} {path}"), response).await;
        contract::check(method, path, answer.status, &answer.headers, &answer.body);
        let may_be_kept =
            ["/portal", "/api/v1/portal/tickets"].iter().any(|it| path.starts_with(it));
        if method == "GET" && self.bearer.is_some() && may_be_kept {
            self.is_true(path, &answer).await;
        }
        answer
    }

    /// Whether a page that may have been kept says what it would say if it were made now. Where every
    /// statement is counted nothing more is asked.
    async fn is_true(&self, path: &str, answer: &Answer) {
        if tracing::dispatcher::has_been_set() {
            return;
        }
        let request = self.request("GET", path, Bytes::new(), None);
        let anew = self.app.anew().oneshot(request).await.unwrap();
        let anew = Answer::of(format!("GET {path}, made anew"), anew).await;
        assert_eq!(
            (answer.status, answer.header("etag")),
            (anew.status, anew.header("etag")),
            "{path}"
        );
        if answer.status == 200 {
            assert_eq!(answer.text(), anew.text(), "{path}");
        }
    }

    /// Opens a stream of events.
    pub async fn listen(&self, path: &str) -> Listening {
        let response = self.ask("GET", path, Bytes::new(), None).await;
        let (parts, body) = response.into_parts();
        assert_eq!(parts.status, 200, "GET {path}");
        Listening { headers: parts.headers, body, ended: false }
    }

    async fn ask(&self, method: &str, path: &str, body: Bytes, kind: Option<&str>) -> Response {
        let request = self.request(method, path, body, kind);
        let response = self.app.router().oneshot(request).await.unwrap();
        self.keep_cookies(response.headers());
        response
    }

    /// What is sent, before it is.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        body: impl Into<Body>,
        kind: Option<&str>,
    ) -> Request<Body> {
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(path)
            .extension(Peer::Address(self.peer.ip()));
        if let Some(secret) = &self.bearer {
            request = request.header("Authorization", format!("Bearer {secret}"));
        }
        if let Some(kind) = kind {
            request = request.header("Content-Type", kind);
        }
        if let Some(cookies) = self.sent_cookies() {
            request = request.header("Cookie", cookies);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(body.into()).unwrap()
    }
}

/// A stream of events that is open.
pub struct Listening {
    pub headers: HeaderMap,
    body: Body,
    ended: bool,
}

impl Listening {
    /// Every byte that came since the last time, as text.
    pub fn heard(&mut self) -> String {
        let mut text = String::new();
        let mut context = Context::from_waker(Waker::noop());
        while !self.ended {
            match Pin::new(&mut self.body).poll_frame(&mut context) {
                Poll::Ready(Some(frame)) => {
                    let bytes = frame.unwrap().into_data().unwrap();
                    text.push_str(std::str::from_utf8(&bytes).unwrap());
                }
                Poll::Ready(None) => self.ended = true,
                Poll::Pending => break,
            }
        }
        text
    }

    /// Whether the server ended it, once everything was heard.
    pub fn is_over(&mut self) -> bool {
        self.heard();
        self.ended
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    asked: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    async fn of(asked: String, response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self { asked, status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Demands this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.text());
        self
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{}: {error}: {}", self.asked, self.text()))
    }

    /// The `code` of a problem, with its status: `401 link_expired`.
    pub fn problem(&self) -> String {
        let problem = self.json();
        let kind = self.header("content-type").unwrap_or_default();
        assert_eq!(kind, "application/problem+json", "{}: {}", self.asked, self.text());
        assert_eq!(problem["status"], self.status, "{problem}");
        format!("{} {}", self.status, problem["code"].as_str().unwrap())
    }

    /// What is wrong with which field: `body too_long`, sorted.
    #[track_caller]
    pub fn fields(&self) -> Vec<String> {
        assert_eq!(self.problem(), "422 invalid", "{}", self.asked);
        let problem = self.json();
        let mut fields: Vec<String> = problem["errors"]
            .as_array()
            .unwrap_or_else(|| panic!("{}: no errors in {problem}", self.asked))
            .iter()
            .map(|error| {
                assert!(!error["message"].as_str().unwrap().is_empty(), "{error}");
                format!("{} {}", error["field"].as_str().unwrap(), error["code"].as_str().unwrap())
            })
            .collect();
        fields.sort();
        fields
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Status, headers and body with everything that names this one request taken out: two
    /// answers that must not be told apart are equal in it.
    pub fn without_request_id(&self) -> String {
        let id = self.header("x-request-id").unwrap_or("none").to_owned();
        let mut headers: Vec<String> =
            self.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        headers.sort();
        format!("{}\n{}\n{}", self.status, headers.join("\n"), self.text()).replace(&id, "…")
    }
}
