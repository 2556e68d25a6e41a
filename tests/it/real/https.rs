//! The binary with a certificate of its own: what stops its start, what a renewed file does, and
//! where plain HTTP leads.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::doorkey::{Doorkey, free_port};
use super::{PATIENCE, wait_for};
use crate::support::authority::{Authority, Issued};

const FAR: i32 = 2090;

/// A server with the files of `authority` in its settings; nothing runs.
fn prepare(authority: &Authority) -> Doorkey {
    let mut doorkey = Doorkey::prepare(&[]);
    let (certificate, key) = authority.files();
    let url = format!("https://localhost:{}", doorkey.port());
    doorkey.set("DOORKEY_PUBLIC_URL", &url);
    doorkey.set("DOORKEY_TLS_CERTIFICATE", certificate.to_str().unwrap());
    doorkey.set("DOORKEY_TLS_KEY", key.to_str().unwrap());
    doorkey
}

/// What `serve` says when it does not start.
fn refusal(doorkey: &Doorkey) -> String {
    let output = doorkey.command().arg("serve").output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{words}");
    words
}

#[test]
fn a_certificate_that_cannot_be_used_stops_the_start() {
    let authority = Authority::new();
    let doorkey = prepare(&authority);
    let (certificate, key) = authority.files();
    let words = refusal(&doorkey);
    assert!(words.contains("cert.pem: No such file"), "{words}");
    assert!(words.contains("DOORKEY_TLS_CERTIFICATE"), "{words}");

    let (good, other) = (authority.issue("localhost", FAR), authority.issue("localhost", FAR));
    authority.put(&Issued { certificate: good.certificate.clone(), key: other.key.clone() });
    let words = refusal(&doorkey);
    let expected =
        format!("{} is not the key of the certificate in {}", key.display(), certificate.display());
    assert!(words.contains(&expected), "{words}");

    authority.put(&Issued { certificate: "nonsense".to_owned(), key: good.key.clone() });
    assert!(refusal(&doorkey).contains("cert.pem: there is no readable certificate"));
    authority.put(&Issued { certificate: good.certificate.clone(), key: good.certificate });
    let words = refusal(&doorkey);
    assert!(words.contains("key.pem: there is no readable key"), "{words}");

    authority.put(&authority.issue("localhost", 2021));
    let words = refusal(&doorkey);
    assert!(words.contains("cert.pem: the certificate expired on 2021-01-01"), "{words}");
    assert!(!words.contains("PRIVATE KEY-----\n"), "no key is shown: {words}");
}

#[test]
fn settings_that_do_not_fit_are_told() {
    let mut doorkey = Doorkey::prepare(&[]);
    doorkey.set("DOORKEY_TLS_CERTIFICATE", "cert.pem");
    let output = doorkey.command().arg("serve").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("go together"));
    doorkey.set("DOORKEY_TLS_KEY", "key.pem");
    doorkey.set("DOORKEY_TLS_REDIRECT_LISTEN", "127.0.0.1:80");
    let output = doorkey.command().arg("serve").output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert_eq!(words.matches("https://").count(), 2, "both are told at once: {words}");
}

/// The status of `/healthz`, over a new connection that trusts `authority`.
async fn health(authority: &Authority, port: u16) -> Option<u16> {
    let mut stream = authority.connect(port, &["http/1.1"]).await.ok()?;
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.ok()?;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).ok()?.split(' ').nth(1)?.parse().ok()
}

/// Asks until there is an answer.
async fn wait_for_health(doorkey: &Doorkey, authority: &Authority) {
    let answered = tokio::time::timeout(PATIENCE, async {
        while health(authority, doorkey.port()).await != Some(200) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(answered.await.is_ok(), "no answer\n{}", doorkey.last_words());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_shown_without_a_restart() {
    let (old, new) = (Authority::new(), Authority::new());
    old.put(&old.issue("localhost", FAR));
    let mut doorkey = prepare(&old);
    doorkey.run_without_waiting();
    wait_for_health(&doorkey, &old).await;
    assert!(!doorkey.log().contains("not for the host"), "{}", doorkey.last_words());

    // A broken file changes nothing, and is told.
    let (certificate, _) = old.files();
    let good = std::fs::read_to_string(&certificate).unwrap();
    std::fs::write(&certificate, "half a file").unwrap();
    wait_for("word of the broken file", || {
        let log = doorkey.log();
        let told = log.contains("the new certificate cannot be used; the old one stays");
        (told && log.contains("cert.pem: there is no readable certificate")).then_some(())
    });
    wait_for_health(&doorkey, &old).await;
    std::fs::write(&certificate, good).unwrap();

    let mut running = old.connect(doorkey.port(), &["http/1.1"]).await.unwrap();
    old.put(&new.issue("localhost", FAR));
    wait_for("word of the new certificate", || {
        doorkey.log().contains("a new certificate is in use").then_some(())
    });
    wait_for_health(&doorkey, &new).await;
    assert_eq!(health(&old, doorkey.port()).await, None, "the old authority is no longer asked");
    // Who was connected notices nothing.
    running.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    running.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    assert!(doorkey.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_hosts_certificate_is_served_with_a_warning() {
    let authority = Authority::new();
    authority.put(&authority.issue("elsewhere.example", FAR));
    let mut doorkey = prepare(&authority);
    doorkey.run_without_waiting();
    wait_for("the warning", || doorkey.log().contains("not for the host").then_some(()));
    assert_eq!(health(&authority, doorkey.port()).await, None, "clients refuse it");
}

/// One request over plain HTTP, and the head of its answer.
fn plain(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_leads_to_the_public_url_and_nowhere_else() {
    let authority = Authority::new();
    authority.put(&authority.issue("localhost", FAR));
    let mut doorkey = prepare(&authority);
    let port = free_port();
    doorkey.set("DOORKEY_TLS_REDIRECT_LISTEN", &format!("127.0.0.1:{port}"));
    doorkey.set("DOORKEY_PUBLIC_URL", "https://support.example.com");
    doorkey.run_without_waiting();
    wait_for("the redirect", || TcpStream::connect(("127.0.0.1", port)).ok());
    let get = |target: &str| {
        plain(
            port,
            &format!("GET {target} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"),
        )
    };
    for (target, place) in [
        ("/", "/"),
        ("/portal/tickets/TKT-7K3M9Q?a=b", "/portal/tickets/TKT-7K3M9Q?a=b"),
        ("//evil.example/x", "//evil.example/x"),
        ("http://evil.example/x?y", "/x?y"),
    ] {
        let answer = get(target);
        assert!(answer.starts_with("HTTP/1.1 308 "), "{target}: {answer}");
        let location = format!("location: https://support.example.com{place}\r\n");
        assert!(answer.contains(&location), "{target}: {answer}");
        assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
    }
    let post = plain(
        port,
        "POST /api/v1/portal/links HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Content-Length: 2\r\n\r\n{}",
    );
    // A program must not follow, and go on sending its key in the clear.
    for answer in [post, get("/api/v1/tickets"), get("/api")] {
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
        assert!(answer.contains("\"code\":\"https_only\""), "{answer}");
        assert!(!answer.contains("location: "), "{answer}");
    }
    for for_people in ["/apis", "/api/docs"] {
        assert!(get(for_people).starts_with("HTTP/1.1 308 "), "{for_people}");
    }
    assert!(get("/.well-known/acme-challenge/nothing").starts_with("HTTP/1.1 308 "));
    assert!(doorkey.terminate().success());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "it ends with the rest");
}

#[test]
fn a_unix_socket_stays_plain_beside_a_certificate() {
    let authority = Authority::new();
    authority.put(&authority.issue("localhost", FAR));
    let mut doorkey = prepare(&authority);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.sock");
    doorkey.set("DOORKEY_LISTEN", &format!("unix:{}", path.display()));
    doorkey.run_without_waiting();
    let answer = wait_for("an answer", || {
        let mut stream = std::os::unix::net::UnixStream::connect(&path).ok()?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    });
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
