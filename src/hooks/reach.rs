//! Asks an address of the operator's own settings for something, to see whether it is there.

use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{DATE, HOST, HeaderMap, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use super::post;
use crate::clock::Millis;

/// From the first packet to the last byte.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How much of an answer is read.
const BODY_MAX: usize = 4096;

/// What answered.
#[derive(Clone, Debug)]
pub struct Reached {
    /// The HTTP status.
    pub status: u16,
    /// The beginning of the body, as text.
    pub body: String,
    /// Whether it carries the header that every answer of Doorkey has.
    pub is_ours: bool,
    /// What its clock says.
    pub date: Option<Millis>,
}

/// Asks `url` for what is there. No redirect is followed.
///
/// # Errors
/// Why there was no answer: `no address`, `no connection`, `TLS failed`, `no answer`, and details.
pub async fn reach(url: &str) -> Result<Reached, String> {
    let url = Url::parse(url).map_err(|error| error.to_string())?;
    timeout(PATIENCE, ask(&url))
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
}

async fn ask(url: &Url) -> Result<Reached, String> {
    let addresses = post::resolve(url).await.map_err(|error| format!("no address: {error}"))?;
    let stream = TcpStream::connect(&addresses[..]).await;
    let stream = stream.map_err(|error| format!("no connection: {error}"))?;
    if url.scheme() != "https" {
        return exchange(url, stream).await;
    }
    let connector = post::connector()?;
    let secure = connector.connect(post::server_name(url)?, stream).await;
    exchange(url, secure.map_err(|error| format!("TLS failed: {error}"))?).await
}

pub(super) async fn exchange<S>(url: &Url, stream: S) -> Result<Reached, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let silent = |error: hyper::Error| format!("no answer: {error}");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(silent)?;
    let driver = tokio::spawn(connection);
    let request = Request::builder()
        .uri(url.path())
        .header(HOST, post::authority(url))
        .header(USER_AGENT, concat!("Doorkey/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await.map_err(silent)?;
    let reached = read(answer).await;
    driver.abort();
    Ok(reached)
}

async fn read(answer: Response<hyper::body::Incoming>) -> Reached {
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, BODY_MAX).collect().await;
    let bytes = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    Reached {
        status: head.status.as_u16(),
        body: String::from_utf8_lossy(&bytes).into_owned(),
        is_ours: head.headers.contains_key("x-request-id"),
        date: date(&head.headers),
    }
}

/// The header `Date`, RFC 9110 §5.6.7.
fn date(headers: &HeaderMap) -> Option<Millis> {
    let text = headers.get(DATE)?.to_str().ok()?;
    Millis::from_http_date(text)
}
