//! The listener and the layers, over real sockets: slow, silent, greedy and broken clients, and an
//! end that comes in time. The timers are the product's, only shorter.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::routing::{get, post};
use doorkey::app::App;
use doorkey::clock::Clock;
use doorkey::config::{Config, Flags};
use doorkey::live::{About, Listener, Pass, Person};
use doorkey::web::ctx::Ctx;
use doorkey::web::input::{Body, Query};
use doorkey::web::server::{Edge, Limits, serve};
use doorkey::web::{edge_with, problem::Problem, reply, routes, streams};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

pub const SHORT: Duration = Duration::from_millis(400);
/// What may pass beyond a timer on a busy machine.
pub const SLACK: Duration = Duration::from_secs(3);

pub fn limits() -> Limits {
    Limits { head: SHORT, body: SHORT, answer: 3 * SHORT, drain: 2 * SHORT, ..Limits::default() }
}

pub struct Server {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    pub ended: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Server {
    async fn start(limits: Limits, public_url: &str) -> Self {
        Self::start_with(limits, public_url, |_| {}).await
    }

    pub async fn start_with(
        limits: Limits,
        public_url: &str,
        change: impl FnOnce(&mut Edge),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("edge.db").display());
        let flags: Flags = vec![("database.url", url), ("public_url", public_url.to_owned())];
        let config = Config::load(flags, []).unwrap();
        let app = App::start(config, Clock::System).await.unwrap();
        let tried = routes()
            .route("/api/echo", post(echo))
            .route("/api/list", get(list))
            .route("/api/nap", get(nap))
            .route("/api/never", get(std::future::pending::<()>))
            .route("/api/stream", get(stream))
            .route("/api/panic", get(panics))
            .route("/page/panic", get(panics))
            .route("/api/number/{number}", get(number));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let mut edge = edge_with(tried, app, limits);
        change(&mut edge);
        let ended = tokio::spawn(serve(vec![listener.into()], edge, async {
            let _ = stopped.await;
        }));
        Self { address, stop: Some(stop), ended, _folder: folder }
    }

    pub async fn usual() -> Self {
        Self::start(limits(), "http://localhost:8080").await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `request`, closes nothing, and reads until the server does.
    pub async fn send(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        rest(&mut stream).await
    }

    pub async fn get(&self, path: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await
    }

    async fn post(&self, kind: &str, body: &str) -> String {
        self.send(&format!(
            "POST /api/echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await
    }

    pub fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }
}

async fn echo(body: Body) -> reply::Reply {
    let mut fields = body.json()?;
    let text = fields.text("body", 1..=40_000);
    fields.finish()?;
    reply::ok(&text.len())
}

async fn list(Query(mut query): Query) -> reply::Reply {
    let limit = query.limit();
    query.finish()?;
    reply::ok(&limit)
}

async fn nap() -> &'static str {
    sleep(SHORT).await;
    "rested"
}

/// Somebody who listens, whoever it is.
async fn stream(ctx: Ctx) -> reply::Reply {
    let listener = Listener {
        person: Person::Staff(1),
        pass: Pass::Session(1),
        about: About::Everything,
        until: ctx.now.plus(Duration::from_secs(60)),
    };
    let stream = ctx.app.live.open(listener, ctx.now).map_err(streams::refused)?;
    stream.is_at(0);
    Ok(streams::answer(stream))
}

async fn panics() -> &'static str {
    panic!("the secret word")
}

async fn number(axum::extract::Path(number): axum::extract::Path<u8>) -> Result<String, Problem> {
    Ok(number.to_string())
}

/// Everything until the server closes; at once or never, within the patience of a test.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset after the answer is as good as an end.
    let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

pub fn status(response: &str) -> u16 {
    response.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {response:?}")).parse().unwrap()
}

/// What every answer must carry, whatever it is about.
pub fn assert_dressed(response: &str) {
    let head = response.split("\r\n\r\n").next().unwrap().to_lowercase() + "\r\n";
    for header in [
        "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; \
         img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; \
         base-uri 'none'; require-trusted-types-for 'script'; trusted-types doorkey\r\n",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cross-origin-opener-policy: same-origin",
        "cross-origin-resource-policy: same-origin",
        "permissions-policy: accelerometer=()",
        "cache-control: no-store",
        "x-request-id: ",
    ] {
        assert!(head.contains(header), "{header} is missing in {head}");
    }
    for header in ["\r\nserver:", "access-control-"] {
        assert!(!head.contains(header), "{header} is in {head}");
    }
}

pub fn assert_problem(response: &str, expected: u16, code: &str) {
    assert_eq!(status(response), expected, "{response}");
    assert_dressed(response);
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-type: application/problem+json"), "{head}");
    let document: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(document["status"], expected);
    assert_eq!(document["code"], code);
    let id = document["request_id"].as_str().unwrap();
    assert!(head.contains(&format!("x-request-id: {id}")), "{head}");
}

fn assert_in_time(begun: Instant, timer: Duration) {
    let took = begun.elapsed();
    assert!(took >= timer / 2 && took < timer + SLACK, "{took:?} with a timer of {timer:?}");
}

#[tokio::test]
async fn half_sent_and_unsent_heads_are_cut_off() {
    let server = Server::usual().await;
    for start in ["", "GET / HTTP/1.1\r\nhost: x\r\n"] {
        let begun = Instant::now();
        let answer = server.send(start).await;
        assert!(!answer.contains(" 200 "), "{answer}");
        assert_in_time(begun, SHORT);
    }
    // A line now and then buys no time.
    let begun = Instant::now();
    let (mut reader, mut writer) = server.connect().await.into_split();
    let dripping = tokio::spawn(async move {
        writer.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        while writer.write_all(b"x: y\r\n").await.is_ok() {
            sleep(SHORT / 8).await;
        }
    });
    let _ = timeout(SLACK, reader.read_to_end(&mut Vec::new())).await.unwrap();
    assert_in_time(begun, SHORT);
    dripping.abort();
}

#[tokio::test]
async fn an_idle_connection_is_let_go() {
    let server = Server::usual().await;
    let begun = Instant::now();
    let answer = server.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(status(&answer), 200);
    assert!(answer.ends_with("ok"), "{answer}");
    assert_in_time(begun, SHORT);
}

#[tokio::test]
async fn a_slow_body_is_not_waited_for() {
    let server = Server::usual().await;
    let begun = Instant::now();
    let answer = server
        .send(
            "POST /api/echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             content-length: 100\r\n\r\n{",
        )
        .await;
    assert_problem(&answer, 408, "request_timeout");
    assert_in_time(begun, SHORT);
}

#[tokio::test]
async fn whoever_reads_nothing_of_the_answers_is_let_go() {
    const ASKED: usize = 100;
    let limits = Limits { unread: SHORT, ..limits() };
    let server = Server::start(limits, "http://localhost:8080").await;
    let one = server.get("/api/docs").await.len();
    let mut stream = server.connect().await;
    let ask = "GET /api/docs HTTP/1.1\r\nhost: x\r\n\r\n".repeat(ASKED);
    stream.write_all(ask.as_bytes()).await.unwrap();
    sleep(2 * SHORT).await;
    // More than what was on its way already is not sent to one who comes back too late.
    let (mut read, mut buffer) = (0, vec![0; 64 * 1024]);
    let rest = async {
        while let Ok(1..) = stream.read(&mut buffer).await.inspect(|bytes| read += bytes) {}
    };
    timeout(SLACK, rest).await.expect("an end");
    assert!(read < ASKED * one / 2, "{read} bytes of {ASKED} times {one}");
}

#[tokio::test]
async fn a_body_over_32_kib_is_refused_whole() {
    let server = Server::usual().await;
    let body = |size: usize| format!("{{\"body\":\"{}\"}}", "x".repeat(size - 11));
    assert_eq!(status(&server.post("application/json", &body(32 * 1024)).await), 200);
    for size in [32 * 1024 + 1, 33 * 1024, 900 * 1024] {
        assert_problem(&server.post("application/json", &body(size)).await, 413, "too_large");
    }
    let head = "POST /api/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n";
    assert_problem(&server.send(head).await, 413, "too_large");
    let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
    let chunked = "POST /api/echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\
         connection: close\r\n\r\n"
        .to_owned();
    assert_problem(
        &server.send(&format!("{chunked}{chunk}{chunk}0\r\n\r\n")).await,
        413,
        "too_large",
    );
}

#[tokio::test]
async fn too_many_headers_are_refused() {
    let server = Server::usual().await;
    let with = |count: usize| {
        let more: String = (2..count).map(|number| format!("x-{number}: y\r\n")).collect();
        format!("GET /api/list HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{more}\r\n")
    };
    assert_eq!(status(&server.send(&with(100)).await), 200);
    assert_problem(&server.send(&with(101)).await, 431, "too_many_headers");
    assert_problem(&server.send(&with(1_000)).await, 431, "too_many_headers");
    let long = "y".repeat(64 * 1024);
    let answer = server.send(&format!("GET / HTTP/1.1\r\nhost: x\r\nx: {long}\r\n\r\n")).await;
    assert_problem(&answer, 431, "too_many_headers");
}

#[tokio::test]
async fn a_head_that_cannot_be_read_is_answered_in_our_words() {
    let server = Server::usual().await;
    for head in [
        "GET\r\n\r\n",
        "G\0T / HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET / HTTP/9.9\r\nhost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nho st: x\r\n\r\n",
        "GET /a b HTTP/1.1\r\nhost: x\r\n\r\n",
        "POST /api/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "\x16\x03\x01\x02\0\r\n\r\n",
    ] {
        assert_problem(&server.send(head).await, 400, "malformed");
    }
    let path = "a".repeat(100_000);
    let long = server.send(&format!("GET /{path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
    assert!([414, 431].contains(&status(&long)), "{long}");
    assert_dressed(&long);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = server.send("GET\r\n\r\n").await;
        let id = answer.split("x-request-id: ").nth(1).unwrap().split("\r\n").next().unwrap();
        ids.push(id.to_owned());
    }
    assert_ne!(ids[0], ids[1], "each answer has its own id");
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_given_up() {
    let server = Server::usual().await;
    let answer = server.get("/api/never").await;
    assert_problem(&answer, 503, "unavailable");
    assert!(answer.contains("retry-after: 2"), "{answer}");
}

#[tokio::test]
async fn every_answer_is_dressed() {
    let server = Server::usual().await;
    for path in ["/", "/healthz", "/readyz", "/api/list"] {
        let answer = server.get(path).await;
        assert_eq!(status(&answer), 200, "{path}");
        assert_dressed(&answer);
        assert!(!answer.contains("strict-transport-security"), "http has no HSTS");
    }
    assert_problem(&server.get("/api/nothing").await, 404, "not_found");
    assert_problem(&server.get("/api/number/x").await, 400, "malformed");
    assert_problem(&server.post("text/plain", "{}").await, 415, "unsupported_media_type");
    assert_problem(&server.post("application/json", "{").await, 400, "malformed_json");
    assert_problem(&server.post("application/json", "{}").await, 422, "invalid");
    assert_problem(&server.get("/api/list?limit=0").await, 422, "invalid");
    assert_problem(&server.get("/api/list?token=x").await, 422, "invalid");
    let answer = server.get("/api/echo").await;
    assert_problem(&answer, 405, "method_not_allowed");
    assert!(answer.contains("allow: POST"), "{answer}");
    let desk = server.get("/admin/tickets/TKT-7K3M9Q").await;
    assert_eq!(status(&desk), 303, "mails to staff lead here");
    let door = "location: /admin/sign-in?then=%2Fadmin%2Ftickets%2FTKT%2D7K3M9Q\r\n";
    assert!(desk.contains(door), "{desk}");
    assert!(desk.contains("referrer-policy: same-origin\r\n"), "{desk}");
    for path in ["/nothing", "//api", "/portal/..;/admin", "/%ff"] {
        let page = server.get(path).await;
        assert_eq!(status(&page), 404, "{path}");
        assert_dressed(&page);
        assert!(page.contains("content-type: text/html") && page.contains("<h1>"), "{page}");
    }
}

#[tokio::test]
async fn https_is_told_to_stay() {
    let server = Server::start(limits(), "https://support.example.com").await;
    for path in ["/healthz", "/api/nothing"] {
        assert!(server.get(path).await.contains("strict-transport-security: max-age=31536000"));
    }
}

#[tokio::test]
async fn a_panic_is_one_requests_problem() {
    let server = Server::usual().await;
    let answer = server.get("/api/panic").await;
    assert_problem(&answer, 500, "internal");
    assert!(!answer.contains("secret word"), "{answer}");
    let page = server.get("/page/panic").await;
    assert_eq!(status(&page), 500);
    assert!(page.contains("text/html") && !page.contains("secret word"), "{page}");
    // The same connection goes on.
    let twice = "GET /api/panic HTTP/1.1\r\nhost: x\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\n\
         connection: close\r\n\r\n";
    assert!(server.send(twice).await.ends_with("ok"));
}

#[tokio::test]
async fn over_the_cap_clients_are_told_to_come_again() {
    let server = Server::start(
        Limits { connections: 2, head: Duration::from_secs(20), ..limits() },
        "http://localhost:8080",
    )
    .await;
    let first = server.connect().await;
    let _second = server.connect().await;
    sleep(SHORT / 4).await;
    let begun = Instant::now();
    let answer = server.get("/healthz").await;
    assert_problem(&answer, 503, "unavailable");
    assert!(answer.contains("retry-after: 2"), "{answer}");
    assert!(begun.elapsed() < SLACK);
    drop(first);
    sleep(SHORT / 4).await;
    assert_eq!(status(&server.get("/healthz").await), 200);
}

#[tokio::test]
async fn one_network_cannot_take_every_place() {
    let limits = Limits { network_connections: 2, head: Duration::from_secs(20), ..limits() };
    // Loopback is not counted, so that a load test and a proxy here have room…
    let server = Server::start(limits, "http://localhost:8080").await;
    let held = [server.connect().await, server.connect().await, server.connect().await];
    assert_eq!(status(&server.get("/healthz").await), 200);
    drop(held);
    // … unless it is told to be.
    let server = Server::start_with(limits, "http://localhost:8080", |edge| {
        edge.uncounted = [].into();
    })
    .await;
    let held = [server.connect().await, server.connect().await];
    sleep(SHORT / 4).await;
    let answer = server.get("/healthz").await;
    assert_problem(&answer, 503, "unavailable");
    assert!(answer.contains("retry-after: 2"), "{answer}");
    drop(held);
    sleep(SHORT / 4).await;
    assert_eq!(status(&server.get("/healthz").await), 200);
}

#[tokio::test]
async fn over_the_requests_limit_only_health_answers() {
    let server = Server::start(Limits { requests: 1, ..limits() }, "http://localhost:8080").await;
    let (nap, (refused, health)) = tokio::join!(server.get("/api/nap"), async {
        sleep(SHORT / 2).await;
        tokio::join!(server.get("/api/list"), server.get("/healthz"))
    });
    assert_problem(&refused, 503, "unavailable");
    assert_eq!((status(&nap), status(&health)), (200, 200));
}

#[tokio::test]
async fn the_end_waits_for_what_runs_and_for_nobody_else() {
    let mut server = Server::start(
        Limits { head: Duration::from_secs(20), drain: Duration::from_secs(15), ..limits() },
        "http://localhost:8080",
    )
    .await;
    let _silent = server.connect().await;
    let mut half = server.connect().await;
    half.write_all(b"GET / HTTP/1.1\r\nhost").await.unwrap();
    let mut napping = server.connect().await;
    napping.write_all(b"GET /api/nap HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    sleep(SHORT / 2).await;
    let begun = Instant::now();
    server.stop();
    assert!(rest(&mut napping).await.ends_with("rested"));
    timeout(SLACK, &mut server.ended).await.unwrap().unwrap();
    assert!(begun.elapsed() < SLACK, "{:?}", begun.elapsed());
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn the_end_comes_in_time_whatever_runs() {
    let long = Duration::from_secs(60);
    let mut server =
        Server::start(Limits { body: long, answer: long, ..limits() }, "http://localhost:8080")
            .await;
    let mut stuck = server.connect().await;
    stuck.write_all(b"GET /api/never HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut slow = server.connect().await;
    slow.write_all(b"POST /api/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{")
        .await
        .unwrap();
    sleep(SHORT / 2).await;
    let begun = Instant::now();
    server.stop();
    timeout(2 * SHORT + SLACK, &mut server.ended).await.unwrap().unwrap();
    assert_in_time(begun, 2 * SHORT);
}

/// Opens a stream and reads its first words.
async fn listen(server: &Server) -> TcpStream {
    let mut stream = server.connect().await;
    stream.write_all(b"GET /api/stream HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut text = String::new();
    let mut some = [0; 1024];
    while !text.contains("retry: 2000") {
        let read = timeout(SLACK, stream.read(&mut some)).await.expect("words").unwrap();
        assert!(read > 0, "{text}");
        text.push_str(std::str::from_utf8(&some[..read]).unwrap());
    }
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    stream
}

#[tokio::test]
async fn a_stream_outlives_every_timer_takes_no_place_and_ends_with_the_server() {
    let limits = Limits { connections: 2, network_connections: 2, requests: 1, ..limits() };
    let mut server = Server::start_with(limits, "http://localhost:8080", |edge| {
        // This machine is counted here as any other.
        edge.uncounted = [].into();
    })
    .await;
    let mut streams = Vec::new();
    for _ in 0..6 {
        streams.push(listen(&server).await);
    }
    sleep(5 * SHORT).await;
    let mut some = [0; 64];
    for stream in &mut streams {
        let silent = timeout(Duration::from_millis(1), stream.read(&mut some)).await;
        assert!(silent.is_err(), "it ended: {silent:?}");
    }
    // Two more who ask have their places, a third has none.
    let mut asking = Vec::new();
    for _ in 0..2 {
        asking.push(server.connect().await);
    }
    sleep(SHORT / 4).await;
    let refused = timeout(SLACK, rest(&mut server.connect().await)).await.unwrap();
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    drop(asking);
    let begun = Instant::now();
    server.stop();
    (&mut server.ended).await.unwrap();
    println!("stopped after {:?}", begun.elapsed());
    for stream in &mut streams {
        assert_eq!(rest(stream).await, "0\r\n\r\n", "its last chunk");
    }
}
