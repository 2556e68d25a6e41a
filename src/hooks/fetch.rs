//! Asks an address that the operator named for a document, and reads it whole: up to a limit, in
//! time, and following no redirect.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::Url;

use super::post;

/// From the first packet to the last byte.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a document may be, in bytes.
const LONGEST: usize = 256 * 1024;

/// What is asked for.
#[derive(Debug)]
pub struct Ask<'a> {
    /// Where.
    pub url: &'a str,
    /// `Authorization`, if it takes one.
    pub authorization: Option<String>,
    /// A form to send; without one it is a GET.
    pub form: Option<String>,
}

/// What came.
#[derive(Debug)]
pub struct Document {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

/// Asks; it reads the system's certificate authorities at its first call over https.
#[derive(Clone, Default)]
pub struct Fetcher {
    tls: Arc<OnceLock<TlsConnector>>,
}

impl Fetcher {
    /// Asks once.
    ///
    /// # Errors
    /// Why there was no document: `no address`, `no connection`, `TLS failed`, `no answer`, and details.
    pub async fn fetch(&self, ask: Ask<'_>) -> Result<Document, String> {
        let url = Url::parse(ask.url).map_err(|error| error.to_string())?;
        let request = request(&url, ask)?;
        timeout(PATIENCE, self.send(&url, request))
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
    }

    async fn send(&self, url: &Url, request: Request<Full<Bytes>>) -> Result<Document, String> {
        let addresses = post::resolve(url).await.map_err(|error| format!("no address: {error}"))?;
        let stream = TcpStream::connect(&addresses[..]).await;
        let stream = stream.map_err(|error| format!("no connection: {error}"))?;
        if url.scheme() != "https" {
            return exchange(stream, request).await;
        }
        let secure = self.tls()?.connect(post::server_name(url)?, stream).await;
        exchange(secure.map_err(|error| format!("TLS failed: {error}"))?, request).await
    }

    fn tls(&self) -> Result<&TlsConnector, String> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls);
        }
        let fresh = post::connector()?;
        Ok(self.tls.get_or_init(|| fresh))
    }
}

fn request(url: &Url, ask: Ask<'_>) -> Result<Request<Full<Bytes>>, String> {
    let path = url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let mut request = Request::builder()
        .uri(path)
        .header(HOST, post::authority(url))
        .header(USER_AGENT, concat!("Doorkey/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "application/json");
    if let Some(authorization) = ask.authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    if ask.form.is_some() {
        let kind = "application/x-www-form-urlencoded";
        request = request.method(Method::POST).header(CONTENT_TYPE, kind);
    }
    let body = Full::from(ask.form.unwrap_or_default());
    request.body(body).map_err(|error| format!("the request cannot be made: {error}"))
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Document, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let silent = |error: hyper::Error| format!("no answer: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(silent)?;
    let driver = Driver(tokio::spawn(connection));
    let (head, body) = sender.send_request(request).await.map_err(silent)?.into_parts();
    let body = Limited::new(body, LONGEST).collect().await;
    let body = body.map_err(|error| format!("the answer cannot be read: {error}"))?.to_bytes();
    drop(driver);
    Ok(Document { status: head.status.as_u16(), body })
}

/// Ends the connection with whoever waits for it.
struct Driver(tokio::task::JoinHandle<Result<(), hyper::Error>>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}
