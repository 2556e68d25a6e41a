//! HTTPS of our own, over real sockets: both protocols within it, clients that are slow, silent or
//! greedy in the ways that TLS and HTTP/2 add, and the same limits and answers as everywhere.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use doorkey::clock::Clock;
use doorkey::config::{Config, Flags};
use doorkey::tls::Tls;
use doorkey::web::server::{Edge, Limits};
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::edge::{SHORT, SLACK, Server, assert_dressed, assert_problem, limits, status};
use crate::support::authority::Authority;

const URL: &str = "https://localhost:8443";
const FAR: i32 = 2090;

/// A server with a certificate for `localhost`.
async fn start(limits: Limits, authority: &Authority) -> Server {
    authority.put(&authority.issue("localhost", FAR));
    let tls = Tls::open(&config(authority), Clock::System).unwrap();
    Server::start_with(limits, URL, |edge: &mut Edge| edge.tls = tls).await
}

fn config(authority: &Authority) -> Config {
    let (certificate, key) = authority.files();
    let flags: Flags = vec![
        ("public_url", URL.to_owned()),
        ("tls.certificate", certificate.display().to_string()),
        ("tls.key", key.display().to_string()),
    ];
    Config::load(flags, []).unwrap()
}

/// A client of HTTP/2, and what drives it; that ends when the server closes the connection.
async fn http2(
    server: &Server,
    authority: &Authority,
) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let stream = authority.connect(server.address.port(), &["h2"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    (client, tokio::spawn(connection))
}

fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(format!("https://localhost{path}"))
}

/// Status, headers and body of an answer to a request with `body`.
async fn ask(
    client: &SendRequest<Bytes>,
    request: http::request::Builder,
    body: &[u8],
) -> (u16, HeaderMap, String) {
    let mut client = client.clone().ready().await.unwrap();
    let request = request.body(()).unwrap();
    let (answer, mut sending) = client.send_request(request, body.is_empty()).unwrap();
    if !body.is_empty() {
        sending.send_data(Bytes::copy_from_slice(body), true).unwrap();
    }
    let answer = timeout(SLACK * 3, answer).await.unwrap().unwrap();
    let (parts, mut body) = answer.into_parts();
    let mut text = Vec::new();
    while let Some(bytes) = body.data().await {
        let bytes = bytes.unwrap();
        body.flow_control().release_capacity(bytes.len()).unwrap();
        text.extend_from_slice(&bytes);
    }
    (parts.status.as_u16(), parts.headers, String::from_utf8(text).unwrap())
}

/// Sends a request of HTTP/1.1 and reads until the server closes.
async fn http1(server: &Server, authority: &Authority, path: &str) -> String {
    let mut stream = authority.connect(server.address.port(), &["http/1.1"]).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is as good as an end.
    let _ = timeout(SLACK, stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn both_protocols_give_the_same_answers() {
    let authority = Authority::new();
    let server = start(limits(), &authority).await;
    let plain = http1(&server, &authority, "/healthz").await;
    assert_eq!(status(&plain), 200);
    assert_dressed(&plain);
    assert!(plain.contains("strict-transport-security: max-age=31536000"), "{plain}");

    let (client, _driver) = http2(&server, &authority).await;
    for (path, expected) in [("/healthz", 200), ("/api/nothing", 404), ("/api/number/x", 400)] {
        let (status, headers, body) = ask(&client, request("GET", path), b"").await;
        assert_eq!(status, expected, "{path}: {body}");
        for name in ["content-security-policy", "strict-transport-security", "x-request-id"] {
            assert!(headers.contains_key(name), "{name} is missing at {path}");
        }
        for name in ["connection", "server"] {
            assert!(!headers.contains_key(name), "{name} is there at {path}");
        }
    }
    let json = request("POST", "/api/echo").header("content-type", "application/json");
    let (status, _, body) = ask(&client, json, br#"{"body":"four"}"#).await;
    assert_eq!((status, body.as_str()), (200, "4"));
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken() {
    let authority = Authority::new();
    let server = start(limits(), &authority).await;
    for (version, number) in [
        (&rustls::version::TLS12, rustls::ProtocolVersion::TLSv1_2),
        (&rustls::version::TLS13, rustls::ProtocolVersion::TLSv1_3),
    ] {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = authority.connector(&[], &[version]).connect(name, stream).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(number));
        assert_eq!(stream.get_ref().1.alpn_protocol(), None, "nothing offered, nothing agreed");
    }
}

#[tokio::test]
async fn a_handshake_does_not_take_for_ever() {
    let authority = Authority::new();
    let server = start(limits(), &authority).await;
    // Silence, half a record, and bytes that are no TLS.
    for start in [&b""[..], b"\x16\x03\x01\x02\x00\x01\x00", b"\x80\x00\x00\x00\x00\x00\x00"] {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(start).await.unwrap();
        let mut answer = Vec::new();
        let _ = timeout(SHORT + SLACK, stream.read_to_end(&mut answer)).await.expect("an end");
        assert!(begun.elapsed() < SHORT + SLACK, "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn whoever_speaks_plain_http_is_told_so() {
    let authority = Authority::new();
    let server = start(limits(), &authority).await;
    let answer = server.get("/portal").await;
    assert_problem(&answer, 400, "https_only");
}

#[tokio::test]
async fn over_the_cap_clients_are_told_within_tls() {
    let authority = Authority::new();
    let limits = Limits { connections: 1, head: Duration::from_secs(20), ..limits() };
    let server = start(limits, &authority).await;
    let (_client, _driver) = http2(&server, &authority).await;
    let mut stream = authority.connect(server.address.port(), &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let mut answer = String::new();
    let _ = timeout(SLACK, stream.read_to_string(&mut answer)).await.unwrap();
    assert_problem(&answer, 503, "unavailable");
}

#[tokio::test]
async fn an_http2_connection_without_requests_is_let_go() {
    let authority = Authority::new();
    let limits = Limits { idle: SHORT, ..limits() };
    let server = start(limits, &authority).await;
    let begun = Instant::now();
    let (client, driver) = http2(&server, &authority).await;
    timeout(SHORT + SLACK, driver).await.expect("an end without a request").unwrap().unwrap();
    assert!(begun.elapsed() >= SHORT / 2);
    drop(client);

    // One that says nothing after the handshake, not even what HTTP/2 begins with.
    let mut silent = authority.connect(server.address.port(), &["h2"]).await.unwrap();
    let _ = timeout(SHORT + SLACK, silent.read_to_end(&mut Vec::new())).await.expect("an end");

    // Requests keep it, and so does one that takes its time.
    let (client, driver) = http2(&server, &authority).await;
    let begun = Instant::now();
    for _ in 0..2 {
        assert_eq!(ask(&client, request("GET", "/api/nap"), b"").await.0, 200);
        assert_eq!(ask(&client, request("GET", "/healthz"), b"").await.0, 200);
    }
    assert!(begun.elapsed() >= 2 * SHORT);
    timeout(3 * SHORT + SLACK, driver).await.expect("an end after requests").unwrap().unwrap();
}

/// A client that takes nothing of any answer until it says so, from a network that is counted.
async fn taking_nothing(
    server: &Server,
    authority: &Authority,
) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let stream = authority.connect(server.address.port(), &["h2"]).await.unwrap();
    let built = h2::client::Builder::new().initial_window_size(0).handshake(stream).await.unwrap();
    (built.0, tokio::spawn(built.1))
}

#[tokio::test]
async fn answers_that_nobody_takes_are_few_and_their_connection_is_let_go() {
    const ASKED: usize = 20;
    let authority = Authority::new();
    authority.put(&authority.issue("localhost", FAR));
    let tls = Tls::open(&config(&authority), Clock::System).unwrap();
    let server = Server::start_with(Limits { idle: 2 * SHORT, ..limits() }, URL, |edge| {
        edge.tls = tls;
        edge.uncounted = [].into();
    });
    let server = server.await;
    let (client, driver) = taking_nothing(&server, &authority).await;
    let mut answers = Vec::new();
    for _ in 0..ASKED {
        let mut client = client.clone().ready().await.unwrap();
        let asked = request("GET", "/api/docs").body(()).unwrap();
        answers.push(tokio::spawn(client.send_request(asked, true).unwrap().0));
    }
    timeout(3 * SHORT + SLACK, driver).await.expect("an end").unwrap().ok();
    let mut begun = 0;
    for answer in answers {
        begun += usize::from(answer.await.unwrap().is_ok());
    }
    assert_eq!(begun, 8, "answers that were made");
}

#[tokio::test]
async fn bodies_and_headers_have_their_limits_over_http2() {
    let authority = Authority::new();
    let server = start(limits(), &authority).await;
    let (client, _driver) = http2(&server, &authority).await;
    let json = || request("POST", "/api/echo").header("content-type", "application/json");
    // More than the window of one request: it is read on as it is read.
    let large = format!("{{\"body\":\"{}\"}}", "x".repeat(33 * 1024));
    let (status, _, body) = ask(&client, json(), large.as_bytes()).await;
    assert_eq!(status, 413, "{body}");
    assert!(body.contains("too_large"), "{body}");

    // A body that does not come.
    let mut ready = client.clone().ready().await.unwrap();
    let (answer, _sending) = ready.send_request(json().body(()).unwrap(), false).unwrap();
    let answer = timeout(SHORT + SLACK, answer).await.unwrap().unwrap();
    assert_eq!(answer.status(), 408);

    let mut many = request("GET", "/api/list");
    for number in 0..101 {
        many = many.header(format!("x-{number}"), "y");
    }
    let (status, _, body) = ask(&client, many, b"").await;
    assert_eq!(status, 431, "{body}");
    assert!(body.contains("too_many_headers"), "{body}");
    for long in [
        request("GET", "/api/list").header("x", "y".repeat(40 * 1024)),
        request("GET", &format!("/api/list?q={}", "y".repeat(33 * 1024))),
    ] {
        let (status, headers, body) = ask(&client, long, b"").await;
        assert_eq!(
            (status, headers["content-type"].as_bytes()),
            (431, &b"application/problem+json"[..])
        );
        assert!(body.contains("too_many_headers"), "{body}");
    }
    let fits = request("GET", "/healthz").header("x", "y".repeat(31 * 1024));
    assert_eq!(ask(&client, fits, b"").await.0, 200);
    let huge = request("GET", "/api/list").header("x", "y".repeat(80 * 1024));
    assert_eq!(ask(&client, huge, b"").await.0, 431, "hyper's own answer, without words");
    assert_eq!(ask(&client, request("GET", "/healthz"), b"").await.0, 200, "it goes on");
}

#[tokio::test]
async fn one_connection_has_so_many_requests_and_no_more() {
    let authority = Authority::new();
    let server = start(limits(), &authority).await;
    let stream = authority.connect(server.address.port(), &["h2"]).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let driver = tokio::spawn(async move {
        let mut connection = connection;
        // The server's settings come with its first frame.
        let _ = timeout(SHORT / 2, &mut connection).await;
        let most = connection.max_concurrent_send_streams();
        let _ = connection.await;
        most
    });
    assert_eq!(ask(&client, request("GET", "/healthz"), b"").await.0, 200);
    drop(client);
    assert_eq!(timeout(SLACK, driver).await.unwrap().unwrap(), 128);
}

#[tokio::test]
async fn requests_taken_back_again_and_again_end_the_connection() {
    let authority = Authority::new();
    let server = start(limits(), &authority).await;
    let (client, driver) = http2(&server, &authority).await;
    let mut taken_back = 0;
    while taken_back < 5_000 && !driver.is_finished() {
        let Ok(mut ready) = client.clone().ready().await else { break };
        let request = request("GET", "/api/nap").body(()).unwrap();
        let Ok((answer, mut sending)) = ready.send_request(request, true) else { break };
        sending.send_reset(h2::Reason::CANCEL);
        drop(answer);
        taken_back += 1;
        if taken_back % 100 == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    }
    drop(client);
    assert!(taken_back < 5_000, "the server ends it");
    // How it ends depends on what was on its way.
    let _ = timeout(SLACK, driver).await.unwrap().unwrap();
    assert_eq!(status(&http1(&server, &authority, "/healthz").await), 200, "others are served");
}

#[tokio::test]
async fn the_end_waits_for_requests_over_http2() {
    let authority = Authority::new();
    let limits = Limits { drain: Duration::from_secs(15), ..limits() };
    let mut server = start(limits, &authority).await;
    let (client, driver) = http2(&server, &authority).await;
    let (_idle, idle_driver) = http2(&server, &authority).await;
    let napping = ask(&client, request("GET", "/api/nap"), b"");
    let stopping = async {
        sleep(SHORT / 2).await;
        server.stop();
    };
    let ((status, _, body), ()) = tokio::join!(napping, stopping);
    assert_eq!((status, body.as_str()), (200, "rested"));
    for driver in [driver, idle_driver] {
        timeout(SLACK, driver).await.expect("it is told to go").unwrap().unwrap();
    }
    timeout(SLACK, &mut server.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stream_of_events_lives_over_http2_and_ends_with_the_server() {
    let authority = Authority::new();
    let limits = Limits { idle: SHORT, connections: 1, ..limits() };
    let mut server = start(limits, &authority).await;
    let (client, driver) = http2(&server, &authority).await;
    let mut ready = client.clone().ready().await.unwrap();
    let asked = request("GET", "/api/stream").body(()).unwrap();
    let (answer, _) = ready.send_request(asked, true).unwrap();
    let mut body = timeout(SLACK, answer).await.unwrap().unwrap().into_body();
    let first = timeout(SLACK, body.data()).await.unwrap().unwrap().unwrap();
    assert_eq!(first, "retry: 2000\n\n");
    let silent = timeout(6 * SHORT, body.data()).await;
    assert!(silent.is_err(), "it ended: {silent:?}");
    // The connection takes nobody's place meanwhile, and is good for more.
    assert_eq!(status(&http1(&server, &authority, "/healthz").await), 200);
    assert_eq!(ask(&client, request("GET", "/healthz"), b"").await.0, 200);
    server.stop();
    while let Some(part) = timeout(SLACK, body.data()).await.unwrap() {
        assert_eq!(part.expect("an end and not a break"), "", "nothing more is told");
    }
    timeout(SLACK, driver).await.expect("it is told to go").unwrap().unwrap();
    timeout(SLACK, &mut server.ended).await.unwrap().unwrap();
}
