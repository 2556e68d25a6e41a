//! No request hides in another: whatever a proxy before us takes for the end of one, we never answer twice.
//!
//! Each shape is one request whose end can be read in two ways, and behind the one a second request. RFC 9112
//! §6.3 and §11.2.

use crate::edge::{Server, status};

/// What would be answered, were it taken for a request.
const HIDDEN: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// A request with these lines after its first two, and `body` after its head.
fn shaped(lines: &str, body: &str) -> String {
    let head = "POST /api/echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    format!("{head}{lines}\r\n{body}")
}

/// Heads that say where their body ends in a way that somebody reads otherwise, each with a body.
fn shapes() -> Vec<String> {
    let chunked = format!("0\r\n\r\n{HIDDEN}");
    let length = chunked.len();
    let mut shapes = Vec::new();
    // Two ways of saying it.
    for lines in [
        format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"),
        format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n"),
        format!("content-length: {length}\r\ntransfer-encoding: Chunked\r\n"),
        "content-length: 0\r\ntransfer-encoding: chunked\r\n".to_owned(),
    ] {
        shapes.push(shaped(&lines, &chunked));
    }
    // One that only somebody forgiving understands.
    for line in [
        "transfer-encoding : chunked",
        " transfer-encoding: chunked",
        "x: y\r\n transfer-encoding: chunked",
        "transfer-encoding:\x0bchunked",
        "transfer-encoding: \"chunked\"",
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: identity, chunked, identity",
        "transfer-encoding: chunked;q=1",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer\x00-encoding: chunked",
        "transfer_encoding: chunked",
        "x: y\rtransfer-encoding: chunked",
        "x: y\ntransfer-encoding: chunked",
    ] {
        for with in [String::new(), format!("content-length: {length}\r\n")] {
            shapes.push(shaped(&format!("{with}{line}\r\n"), &chunked));
        }
    }
    // A length that is none.
    for line in [
        "content-length: 0\r\ncontent-length: 1",
        "content-length: 0, 1",
        "content-length: +0",
        "content-length: -1",
        "content-length: 0x0",
        "content-length: 0 0",
        "content-length: 0\x0b",
        "content-length : 0",
        "content-length: \"0\"",
        "content-length: 00000000000000000000000000000000000000000018446744073709551617",
        "content-length: 0.0",
        "content-length:\r\n 0",
    ] {
        shapes.push(shaped(&format!("{line}\r\n"), HIDDEN));
    }
    // Chunks whose size or end is none.
    for body in [
        format!("-1\r\n\r\n{HIDDEN}"),
        format!("+0\r\n\r\n{HIDDEN}"),
        format!("0x0\r\n\r\n{HIDDEN}"),
        format!("g\r\n\r\n{HIDDEN}"),
        format!("ffffffffffffffff0\r\n\r\n{HIDDEN}"),
        format!("1\r\n{{XX0\r\n\r\n{HIDDEN}"),
        format!("2;x=\"\r\n\"\r\n{{}}\n0\r\n\r\n{HIDDEN}"),
        format!("\r\n{HIDDEN}"),
    ] {
        shapes.push(shaped("transfer-encoding: chunked\r\n", &body));
    }
    shapes
}

/// The statuses of all answers that came.
fn answers(text: &str) -> Vec<u16> {
    text.match_indices("HTTP/1.1 ").map(|(at, _)| status(&text[at..])).collect()
}

#[tokio::test]
async fn no_request_hides_in_the_body_of_another() {
    let server = Server::usual().await;
    for shape in shapes() {
        let told = server.send(&shape).await;
        let answers = answers(&told);
        let refused = !answers.is_empty() && answers.iter().all(|status| *status >= 400);
        assert!(refused, "{shape:?} is answered {told:?}");
    }
}

#[tokio::test]
async fn a_connection_ends_with_a_request_in_chunks() {
    let server = Server::usual().await;
    let whole = shaped("transfer-encoding: chunked\r\n", "f\r\n{\"body\":\"four\"}\r\n0\r\n\r\n");
    let told = server.send(&format!("{whole}{HIDDEN}")).await;
    assert_eq!(answers(&told), [200], "{told:?}");
    assert!(told.contains("connection: close"), "{told}");
}

#[tokio::test]
async fn requests_that_follow_each_other_openly_are_answered_one_by_one() {
    let server = Server::usual().await;
    let first = shaped("content-length: 14\r\n", "{\"body\":\"four\"");
    let whole = shaped("content-length: 15\r\n", "{\"body\":\"four\"}");
    assert_eq!(answers(&server.send(&format!("{whole}{HIDDEN}")).await), [200, 200]);
    // One byte short: what is left over is no request.
    let told = server.send(&format!("{first}}}{HIDDEN}")).await;
    assert_eq!(answers(&told), [400, 400], "{told:?}");
}
