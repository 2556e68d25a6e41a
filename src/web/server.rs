//! The listener: who may connect, how long each may take, and how it all ends.
//!
//! Not `axum::serve`: that sets no timer, so half-sent headers and silent sockets stay open for
//! ever, and one of them holds a shutdown up.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use http_body_util::BodyExt as _;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;

use super::ctx::Peer;
use super::problem::{Problem, ROOM_RETRY};
use super::wire::{self, Wire};

/// How much of the server one client, or all of them, may hold, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For a request's head to arrive whole, and for a kept-alive connection to stay idle.
    pub head: Duration,
    /// For its body to arrive whole.
    pub body: Duration,
    /// For its answer.
    pub answer: Duration,
    /// For what runs to finish after the word to stop.
    pub drain: Duration,
    /// Connections at a time; more are told to come again.
    pub connections: usize,
    /// Requests being answered at a time; more are told to come again.
    pub requests: usize,
    /// Bytes of a body.
    pub body_bytes: usize,
    /// Bytes of a body that programs of the company send about tickets: 20,000 characters, each
    /// escaped as JSON allows, take 240,000.
    pub ticket_body_bytes: usize,
    /// Headers of a request.
    pub headers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A little less than 10 s, so that it is over within 10 s as seen from outside.
            head: Duration::from_millis(9_500),
            body: Duration::from_secs(30),
            answer: Duration::from_secs(30),
            drain: Duration::from_millis(7_500),
            connections: 10_000,
            requests: 512,
            body_bytes: 32 * 1024,
            ticket_body_bytes: 256 * 1024,
            headers: 100,
        }
    }
}

/// What is served, and within which limits.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Every URL.
    pub router: Router,
    /// What clients may take.
    pub limits: Limits,
    /// The headers of every answer, for those that the router does not make.
    pub headers: Arc<[(HeaderName, HeaderValue)]>,
}

/// hyper refuses more headers than this by itself; [`wire`] finds the words.
const HEADERS_EVER: usize = 250;
/// Bytes of a request's head.
const HEAD_BYTES: usize = 32 * 1024;
/// How long a connection without a running request lives after the word to stop.
const GRACE: Duration = Duration::from_millis(300);
/// How long a refused client may take to read why, and how many may be told at a time.
const REFUSAL_TIME: Duration = Duration::from_secs(1);
const REFUSALS: usize = 1_000;

/// Serves until `stop`, then lets running requests finish, for [`Limits::drain`] at most.
pub async fn serve(listener: TcpListener, edge: Edge, stop: impl Future<Output = ()>) {
    let (closing, closed) = watch::channel(false);
    let mut open = JoinSet::new();
    let mut refused = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(_) = open.join_next() => {}
            Some(_) = refused.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) if open.len() < edge.limits.connections => {
                    open.spawn(connection(stream, peer, edge.clone(), closed.clone()));
                }
                Ok((stream, _)) if refused.len() < REFUSALS => {
                    refused.spawn(timeout(REFUSAL_TIME, refuse(stream, full(&edge))));
                }
                Ok(_) => {}
                Err(error) => pause(&error).await,
            },
        }
    }
    drop(listener);
    // No receiver is left when there is no connection.
    let _ = closing.send(true);
    let finished = async { while open.join_next().await.is_some() {} };
    if timeout(edge.limits.drain, finished).await.is_err() {
        tracing::warn!("requests were still running at the end of the time to stop");
    }
}

/// A client that gave up costs nothing; a process out of file descriptors waits for some.
async fn pause(error: &io::Error) {
    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        tracing::warn!(%error, "cannot take a connection");
        sleep(Duration::from_millis(50)).await;
    }
}

/// What a client over [`Limits::connections`] is told.
fn full(edge: &Edge) -> Bytes {
    wire::answer(&Problem::unavailable(ROOM_RETRY), &edge.headers)
}

/// Says that there is no room. What the client sent is read, because closing a socket with
/// unread bytes takes the answer back.
async fn refuse(mut stream: TcpStream, refusal: Bytes) -> io::Result<()> {
    stream.write_all(&refusal).await?;
    stream.shutdown().await?;
    let mut unread = [0; 4096];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    edge: Edge,
    mut closed: watch::Receiver<bool>,
) {
    // Without it small answers wait for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let wire = Wire::new(stream, Arc::clone(&edge.headers));
    let running = Arc::new(AtomicUsize::new(0));
    let service = service_fn(|request| answer(edge.router.clone(), request, peer, &running));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(edge.limits.head)
        .max_headers(HEADERS_EVER)
        .max_buf_size(HEAD_BYTES);
    let mut connection = pin!(http.serve_connection(TokioIo::new(wire), service));
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
    peer: SocketAddr,
    count: &Arc<AtomicUsize>,
) -> impl Future<Output = Result<Response, Infallible>> + use<> {
    let running = Running::new(count);
    async move {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
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
