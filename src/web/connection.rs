//! One connection, from its first byte to its last: how requests on it reach the router, and when
//! it ends.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use http_body_util::BodyExt as _;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::timeout;
use tower::ServiceExt as _;

use super::ctx::Peer;
use super::places::Place;
use super::server::Edge;
use super::wire::Wire;

/// hyper refuses more headers than this by itself; [`super::wire`] finds the words.
const HEADERS_EVER: usize = 250;
/// Bytes of a request's head.
const HEAD_BYTES: usize = 32 * 1024;
/// How long a connection without a running request lives after the word to stop.
const GRACE: Duration = Duration::from_millis(300);

/// What bytes come and go over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// What a connection needs beside its bytes.
pub(super) struct Connection {
    pub(super) peer: Peer,
    pub(super) edge: Edge,
    /// Turns true at the word to stop.
    pub(super) closed: watch::Receiver<bool>,
    /// Kept until the end.
    pub(super) _place: Place,
}

impl Connection {
    /// Answers requests until the client, a timer or the word to stop ends it.
    pub(super) async fn serve(self, stream: impl Stream) {
        let wire = Wire::new(stream, Arc::clone(&self.edge.headers));
        let running = Arc::new(AtomicUsize::new(0));
        let service =
            service_fn(|request| answer(self.edge.router.clone(), request, self.peer, &running));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.edge.limits.head)
            .max_headers(HEADERS_EVER)
            .max_buf_size(HEAD_BYTES);
        let connection = http.serve_connection(TokioIo::new(wire), service);
        drive(connection, &running, self.closed).await;
    }
}

/// Lets a connection live until it ends or the word to stop comes, and then as long as a request
/// runs on it.
async fn drive(
    connection: impl GracefulConnection,
    running: &AtomicUsize,
    mut closed: watch::Receiver<bool>,
) {
    let mut connection = pin!(connection);
    // A connection that breaks is the client's affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = closed.wait_for(|closed| *closed) => {}
    }
    connection.as_mut().graceful_shutdown();
    while timeout(GRACE, connection.as_mut()).await.is_err() {
        if running.load(Ordering::Relaxed) == 0 {
            return;
        }
    }
}

/// Says that there is no room. What the client sent is read, because closing a socket with
/// unread bytes takes the answer back.
pub(super) async fn refuse(mut stream: impl Stream, refusal: Bytes) -> io::Result<()> {
    stream.write_all(&refusal).await?;
    stream.shutdown().await?;
    let mut unread = [0; 4096];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}

/// Counts a request from its head to the last byte of its answer's body.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn answer(
    router: Router,
    request: Request<Incoming>,
    peer: Peer,
    count: &Arc<AtomicUsize>,
) -> impl Future<Output = Result<Response, Infallible>> + use<> {
    let running = Running::new(count);
    async move {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        let response = router.oneshot(request).await?;
        Ok(response.map(|body| {
            // Of all adaptors this one keeps the size, and so Content-Length.
            Body::new(body.map_err(move |error| {
                let _held_until_sent = &running;
                error
            }))
        }))
    }
}
