//! The doors: who may connect, how long each may take, and how it all ends.
//!
//! Not `axum::serve`: that sets no timer, so half-sent headers and silent sockets stay open for
//! ever, and one of them holds a shutdown up.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderName, HeaderValue};
use ipnet::IpNet;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::connection::{Connection, refuse, refuse_over_tls};
use super::ctx::Peer;
use super::listener::{Accepted, Doors, Listener};
use super::places::{Place, Places};
use super::problem::{Problem, ROOM_RETRY};
use super::wire;
use crate::live::Live;
use crate::metrics::{self, OpenConnection};
use crate::tls::Tls;

/// How much of the server one client, or all of them, may hold, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For a request's head to arrive whole, and for a kept-alive connection to stay idle.
    pub head: Duration,
    /// For an HTTP/2 connection to stay open on which nothing is asked, worked on or taken; kept-alive
    /// HTTP/1.1 has `head`.
    pub idle: Duration,
    /// For its body to arrive whole.
    pub body: Duration,
    /// For a client to take something of what is being sent to it over HTTP/1.1; over HTTP/2 it has `idle`.
    pub unread: Duration,
    /// For its answer.
    pub answer: Duration,
    /// For what runs to finish after the word to stop.
    pub drain: Duration,
    /// Connections at a time; more are told to come again. One that carries a stream of events is
    /// not counted: those have [`crate::live::Caps`].
    pub connections: usize,
    /// Connections at a time from one IPv4 address or IPv6 /64, unless it is one of
    /// [`Edge::uncounted`].
    pub network_connections: usize,
    /// Requests being answered at a time; more are told to come again.
    pub requests: usize,
    /// Bytes of a body.
    pub body_bytes: usize,
    /// Bytes of a body that programs of the company send about tickets: 20,000 characters, each
    /// escaped as JSON allows, take 240,000.
    pub ticket_body_bytes: usize,
    /// Headers of a request.
    pub headers: usize,
    /// Bytes of customers' pages that are kept to be shown again.
    pub pages: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A little less than 10 s, so that it is over within 10 s as seen from outside.
            head: Duration::from_millis(9_500),
            idle: Duration::from_secs(60),
            body: Duration::from_millis(29_500),
            unread: Duration::from_secs(30),
            answer: Duration::from_secs(30),
            drain: Duration::from_millis(7_500),
            connections: 10_000,
            network_connections: 256,
            requests: 512,
            body_bytes: 32 * 1024,
            ticket_body_bytes: 256 * 1024,
            headers: 100,
            pages: 24 * 1024 * 1024,
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
    /// Whose connections are not counted by network.
    pub uncounted: Arc<[IpNet]>,
    /// How connections to addresses are encrypted, if they are. Those over Unix sockets never
    /// are: they come from a proxy on this machine.
    pub tls: Option<Arc<Tls>>,
    /// Whose streams of events end with the word to stop, if there are any.
    pub live: Option<Arc<Live>>,
}

/// How long a refused client may take to read why, and how many may be told at a time.
const REFUSAL_TIME: Duration = Duration::from_secs(1);
const REFUSALS: usize = 1_000;

/// Serves until `stop`, then lets running requests finish, for [`Limits::drain`] at most.
pub async fn serve(listeners: Vec<Listener>, edge: Edge, stop: impl Future<Output = ()>) {
    let mut hall = Hall::new(edge);
    let mut doors = Doors::new(listeners);
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(_) = hall.open.join_next() => {}
            Some(_) = hall.refused.join_next() => {}
            accepted = doors.accept() => match accepted {
                Ok(accepted) => hall.let_in(accepted),
                Err(error) => pause(&error).await,
            },
        }
    }
    drop(doors);
    hall.close().await;
}

/// A client that gave up costs nothing; a process out of file descriptors waits for some.
async fn pause(error: &io::Error) {
    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        tracing::warn!(%error, "cannot take a connection");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Everybody who is connected.
struct Hall {
    edge: Edge,
    places: Places,
    open: JoinSet<()>,
    refused: JoinSet<()>,
    closing: watch::Sender<bool>,
}

impl Hall {
    fn new(edge: Edge) -> Self {
        let places = Places::new(edge.limits.network_connections, Arc::clone(&edge.uncounted));
        let (open, refused) = (JoinSet::new(), JoinSet::new());
        Self { edge, places, open, refused, closing: watch::Sender::new(false) }
    }

    /// Serves a connection, or says that there is no room; beyond what can be said, hangs up.
    fn let_in(&mut self, accepted: Accepted) {
        let peer = accepted.peer();
        let counted = self.open.len().saturating_sub(self.places.lent());
        let room = counted < self.edge.limits.connections;
        let place = room.then(|| self.places.take(peer)).flatten();
        if place.is_none() {
            metrics::connection_refused(room);
        }
        if let Some(place) = place {
            let connection = self.connection(peer, place);
            match (accepted, self.edge.tls.clone()) {
                (Accepted::Tcp(stream, _), Some(tls)) => {
                    self.open.spawn(connection.serve_tls(stream, tls))
                }
                (Accepted::Tcp(stream, _), None) => self.open.spawn(connection.serve(stream)),
                (Accepted::Unix(stream), _) => self.open.spawn(connection.serve(stream)),
            };
        } else if self.refused.len() < REFUSALS {
            let (refusal, tls) = (full(&self.edge), self.edge.tls.clone());
            self.refused.spawn(async move {
                let told = async {
                    match (accepted, tls) {
                        (Accepted::Tcp(stream, _), Some(tls)) => {
                            refuse_over_tls(stream, &tls, refusal).await
                        }
                        (Accepted::Tcp(stream, _), None) => refuse(stream, refusal).await,
                        (Accepted::Unix(stream), _) => refuse(stream, refusal).await,
                    }
                };
                // Whether it was read is the client's affair.
                let _ = timeout(REFUSAL_TIME, told).await;
            });
        }
    }

    fn connection(&self, peer: Peer, place: Place) -> Connection {
        let closed = self.closing.subscribe();
        Connection {
            peer,
            edge: self.edge.clone(),
            closed,
            place: Arc::new(place),
            _counted: OpenConnection::begin(),
        }
    }

    /// Lets running requests finish.
    async fn close(mut self) {
        if let Some(live) = &self.edge.live {
            live.close();
        }
        // No receiver is left when there is no connection.
        let _ = self.closing.send(true);
        let finished = async { while self.open.join_next().await.is_some() {} };
        if timeout(self.edge.limits.drain, finished).await.is_err() {
            tracing::warn!("requests were still running at the end of the time to stop");
        }
    }
}

/// What a client for whom there is no room is told.
fn full(edge: &Edge) -> Bytes {
    wire::answer(&Problem::unavailable(ROOM_RETRY), &edge.headers)
}
