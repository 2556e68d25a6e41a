//! One connection, from its first byte to its last: how requests on it reach the router, and when
//! it ends.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use hyper::Request;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
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
/// Answers of one HTTP/2 connection that are made before those before them were taken. Whoever reads none
/// of them makes us hold no more; a proxy of ours, which asks for many people, is not bound by it.
const UNTAKEN: usize = 8;
/// Bytes of an answer that are handed on at a time over HTTP/2, which takes a piece whole as soon as the
/// client takes a byte of it.
const PIECE: usize = 16 * 1024;
/// Looks at an HTTP/2 connection, evenly over the time that it may be idle; the last of them ends it.
const LOOKS: u32 = 12;
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
        let wire = Wire::new(stream, Arc::clone(&self.edge.headers), self.edge.limits.unread);
        let activity = Arc::new(Activity::default());
        let way = Way { router: self.edge.router, peer: self.peer, place: self.place, room: None };
        let service = service_fn(|request| way.answer(request, &activity));
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
        let room = self.place.is_counted().then(|| Arc::new(Semaphore::new(UNTAKEN)));
        let way = Way { router: self.edge.router, peer: self.peer, place: self.place, room };
        let service = service_fn(|request| way.answer(request, &activity));
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
        let idle = activity.idle(&way.place, self.edge.limits.head, self.edge.limits.idle);
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

/// Lets a connection live until it ends, is idle or the word to stop comes, and after that as long as a
/// request runs on it.
async fn drive(
    connection: impl GracefulConnection,
    activity: &Activity,
    idle: impl Future<Output = ()>,
    mut closed: watch::Receiver<bool>,
) {
    let mut connection = pin!(connection);
    // A connection that breaks is the client's affair.
    let is_over = tokio::select! {
        _ = connection.as_mut() => return,
        () = activity.misused.notified() => return,
        _ = closed.wait_for(|closed| *closed) => false,
        () = idle => true,
    };
    connection.as_mut().graceful_shutdown();
    while timeout(GRACE, connection.as_mut()).await.is_err() {
        if is_over || activity.running.load(Ordering::Relaxed) == 0 {
            return;
        }
    }
}

/// What goes on on a connection.
#[derive(Debug, Default)]
struct Activity {
    /// Requests whose answer was not taken whole.
    running: AtomicUsize,
    /// Requests that an answer is being made for.
    worked: AtomicUsize,
    begun: AtomicUsize,
    /// Pieces of answers that were taken.
    taken: AtomicUsize,
    /// Requests that the client took back before there was an answer.
    abandoned: AtomicUsize,
    /// Told when that were too many.
    misused: Notify,
}

impl Activity {
    /// Resolves when no request has begun within `head`, or nothing was asked, worked on or taken for
    /// `idle`. A stream of events says something rarely, and ends by itself.
    async fn idle(&self, place: &Place, head: Duration, idle: Duration) {
        sleep(head).await;
        if self.moved() == (0, 0) {
            return;
        }
        let (mut seen, mut quiet) = ((0, 0), 0);
        while quiet < LOOKS - 1 {
            sleep(idle / LOOKS).await;
            let moved = self.moved();
            let works = self.worked.load(Ordering::Relaxed) > 0 || place.has_streams();
            quiet = if moved == seen && !works { quiet + 1 } else { 0 };
            seen = moved;
        }
    }

    fn moved(&self) -> (usize, usize) {
        (self.begun.load(Ordering::Relaxed), self.taken.load(Ordering::Relaxed))
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
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Worked,
    Answered,
}

impl Running {
    fn new(activity: &Arc<Activity>) -> Self {
        activity.begun.fetch_add(1, Ordering::Relaxed);
        activity.running.fetch_add(1, Ordering::Relaxed);
        Self { activity: Arc::clone(activity), stage: Stage::Waiting }
    }

    fn work(&mut self) {
        self.activity.worked.fetch_add(1, Ordering::Relaxed);
        self.stage = Stage::Worked;
    }

    fn answered(&mut self) {
        self.activity.worked.fetch_sub(1, Ordering::Relaxed);
        self.stage = Stage::Answered;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.activity.running.fetch_sub(1, Ordering::Relaxed);
        if self.stage == Stage::Worked {
            self.activity.worked.fetch_sub(1, Ordering::Relaxed);
        }
        if self.stage != Stage::Answered {
            self.activity.abandon();
        }
    }
}

/// The way of requests to their answers.
struct Way {
    router: Router,
    peer: Peer,
    place: Arc<Place>,
    /// For answers that were not taken yet, if they are counted: over HTTP/1.1 there is one at a time.
    room: Option<Arc<Semaphore>>,
}

impl Way {
    fn answer(
        &self,
        request: Request<Incoming>,
        activity: &Arc<Activity>,
    ) -> impl Future<Output = Result<Response, Infallible>> + use<> {
        let mut running = Running::new(activity);
        let (router, peer, place) = (self.router.clone(), self.peer, Arc::clone(&self.place));
        let room = self.room.clone();
        async move {
            let piece = if room.is_some() { PIECE } else { usize::MAX };
            let mut room = match room {
                // It is never closed.
                Some(room) => room.acquire_owned().await.ok(),
                None => None,
            };
            running.work();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            let response = router.oneshot(request).await?;
            running.answered();
            let lent: Option<Lent> = response.extensions().get::<Streaming>().map(|_| place.lend());
            if lent.is_some() {
                // A stream of events is never taken whole, and hardly anything of it waits.
                room = None;
            }
            Ok(response.map(|body| {
                let rest = Bytes::new();
                Body::new(Outgoing { body, rest, piece, running, _lent: lent, _room: room })
            }))
        }
    }
}

/// An answer's body on its way to the client, with what is held until the last of it was taken.
struct Outgoing {
    body: Body,
    /// What the body gave and was not handed on yet.
    rest: Bytes,
    piece: usize,
    running: Running,
    _lent: Option<Lent>,
    _room: Option<OwnedSemaphorePermit>,
}

impl hyper::body::Body for Outgoing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => self.rest = bytes,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                ended => return Poll::Ready(ended),
            }
        }
        self.running.activity.taken.fetch_add(1, Ordering::Relaxed);
        let piece = self.rest.len().min(self.piece);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    /// As the body says, so that there is a Content-Length.
    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        if let Some(most) = hint.upper() {
            hint.set_upper(most + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}
