//! One connection, from its first byte to its last: how requests on it reach the router, and when
//! it ends.

use std::convert::Infallible;
use std::future::{Future, pending};
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
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::server::TlsStream;
use tower::ServiceExt as _;

use super::ctx::Peer;
use super::places::{Lent, Place};
use super::problem::Problem;
use super::server::Edge;
use super::streams::Streaming;
use super::wire::{self, Wire};
use crate::metrics::OpenConnection;
use crate::tls::{Protocol, Tls};

/// hyper refuses more headers than this by itself; [`super::wire`] finds the words.
const HEADERS_EVER: usize = 250;
/// Bytes of a request's head.
pub(super) const HEAD_BYTES: usize = 32 * 1024;
/// Requests at a time on one HTTP/2 connection.
const STREAMS: u32 = 128;
/// Streams that may be reset at a time before we have looked at them.
const RESETS: usize = 32;
/// Requests that may be taken back unanswered: each costs a client a few bytes and us a handler
/// (CVE-2023-44487). Beyond, and if they are most of its requests, the connection is cut.
const ABANDONED: usize = 200;
/// Bytes of bodies that may be on their way to us before we read them: for one request, and for
/// all of a connection.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bytes of an answer that wait for a slow client.
const SEND_BYTES: usize = 256 * 1024;
/// How often a silent HTTP/2 client is asked whether it is there, and how long it may take.
const PING: Duration = Duration::from_secs(20);
const PONG: Duration = Duration::from_secs(10);
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
    /// Kept until the end, but for what is lent.
    pub(super) place: Arc<Place>,
    /// Kept until the end.
    pub(super) _counted: OpenConnection,
}

impl Connection {
    /// Answers requests until the client, a timer or the word to stop ends it.
    pub(super) async fn serve(self, stream: impl Stream) {
        let wire = Wire::new(stream, Arc::clone(&self.edge.headers));
        let activity = Arc::new(Activity::default());
        let (router, peer, place) = (self.edge.router, self.peer, &self.place);
        let service = service_fn(|request| answer(router.clone(), request, peer, &activity, place));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.edge.limits.head)
            .max_headers(HEADERS_EVER)
            .max_buf_size(HEAD_BYTES);
        let connection = http.serve_connection(TokioIo::new(wire), service);
        // hyper's timer sees to idle connections.
        drive(connection, &activity, pending(), self.closed).await;
    }

    /// The same, encrypted.
    pub(super) async fn serve_tls(mut self, stream: TcpStream, tls: Arc<Tls>) {
        let handshake = timeout(self.edge.limits.head, encrypt(stream, &tls, &self.edge));
        let agreed = tokio::select! {
            agreed = handshake => agreed,
            _ = self.closed.wait_for(|closed| *closed) => return,
        };
        match agreed {
            Ok(Ok((stream, Protocol::Http2))) => self.serve_http2(stream).await,
            Ok(Ok((stream, Protocol::Http1))) => self.serve(stream).await,
            // A client that does not come through is its own affair.
            Ok(Ok((_, Protocol::Challenge)) | Err(_)) | Err(_) => {}
        }
    }

    async fn serve_http2(self, stream: impl Stream) {
        let activity = Arc::new(Activity::default());
        let (router, peer, place) = (self.edge.router, self.peer, &self.place);
        let service = service_fn(|request| answer(router.clone(), request, peer, &activity, place));
        let mut http = http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            // hyper answers what is larger than this with a bare 431; what is larger than a head may
            // be gets our words from [`super::layers`].
            .max_header_list_size(2 * HEAD_BYTES as u32)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(RESETS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BYTES)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PONG);
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let idle = activity.idle(self.edge.limits.head, self.edge.limits.idle);
        drive(connection, &activity, idle, self.closed).await;
    }
}

/// The handshake. Whoever speaks plain HTTP to us is told so: the first byte of TLS is never a
/// letter.
async fn encrypt(
    stream: TcpStream,
    tls: &Tls,
    edge: &Edge,
) -> io::Result<(TlsStream<TcpStream>, Protocol)> {
    let mut first = [0];
    stream.peek(&mut first).await?;
    if !first[0].is_ascii_alphabetic() {
        return tls.accept(stream).await;
    }
    refuse(stream, wire::answer(&Problem::https_only(), &edge.headers)).await?;
    Err(io::ErrorKind::InvalidData.into())
}

/// Lets a connection live until it ends, is idle or the word to stop comes, and then as long as a
/// request runs on it.
async fn drive(
    connection: impl GracefulConnection,
    activity: &Activity,
    idle: impl Future<Output = ()>,
    mut closed: watch::Receiver<bool>,
) {
    let mut connection = pin!(connection);
    // A connection that breaks is the client's affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = activity.misused.notified() => return,
        _ = closed.wait_for(|closed| *closed) => {}
        () = idle => {}
    }
    connection.as_mut().graceful_shutdown();
    while timeout(GRACE, connection.as_mut()).await.is_err() {
        if activity.running.load(Ordering::Relaxed) == 0 {
            return;
        }
    }
}

/// What goes on on a connection.
#[derive(Debug, Default)]
struct Activity {
    running: AtomicUsize,
    begun: AtomicUsize,
    /// Requests that the client took back before there was an answer.
    abandoned: AtomicUsize,
    /// Told when that were too many.
    misused: Notify,
}

impl Activity {
    /// Resolves when no request has begun within `head`, or none ran for `idle` after one had.
    async fn idle(&self, head: Duration, idle: Duration) {
        sleep(head).await;
        let mut begun = 0;
        loop {
            let now = self.begun.load(Ordering::Relaxed);
            if now == begun && self.running.load(Ordering::Relaxed) == 0 {
                return;
            }
            begun = now;
            sleep(idle).await;
        }
    }

    fn abandon(&self) {
        let abandoned = self.abandoned.fetch_add(1, Ordering::Relaxed) + 1;
        if abandoned > ABANDONED && abandoned > self.begun.load(Ordering::Relaxed) / 2 {
            self.misused.notify_one();
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

/// The same over TLS, in HTTP/1.1.
pub(super) async fn refuse_over_tls(
    stream: TcpStream,
    tls: &Tls,
    refusal: Bytes,
) -> io::Result<()> {
    refuse(tls.accept_plainly(stream).await?, refusal).await
}

/// Counts a request from its head to the last byte of its answer's body.
struct Running {
    activity: Arc<Activity>,
    answered: bool,
}

impl Running {
    fn new(activity: &Arc<Activity>) -> Self {
        activity.begun.fetch_add(1, Ordering::Relaxed);
        activity.running.fetch_add(1, Ordering::Relaxed);
        Self { activity: Arc::clone(activity), answered: false }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.activity.running.fetch_sub(1, Ordering::Relaxed);
        if !self.answered {
            self.activity.abandon();
        }
    }
}

fn answer(
    router: Router,
    request: Request<Incoming>,
    peer: Peer,
    activity: &Arc<Activity>,
    place: &Arc<Place>,
) -> impl Future<Output = Result<Response, Infallible>> + use<> {
    let mut running = Running::new(activity);
    let place = Arc::clone(place);
    async move {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        let response = router.oneshot(request).await?;
        running.answered = true;
        let lent: Option<Lent> = response.extensions().get::<Streaming>().map(|_| place.lend());
        Ok(response.map(|body| {
            // Of all adaptors this one keeps the size, and so Content-Length.
            Body::new(body.map_err(move |error| {
                let _held_until_sent = (&running, &lent);
                error
            }))
        }))
    }
}
