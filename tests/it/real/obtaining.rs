//! Certificates that the binary obtains by itself, from a real authority.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::doorkey::{Doorkey, free_port};
use super::pebble::{Pebble, connect};
use super::{PATIENCE, wait_within};

const HOST: &str = "support.doorkey.test";
const LONG: u64 = 90 * 86_400;

/// A server for `HOST` that asks `pebble` for its certificate; nothing runs.
fn prepare(pebble: &Pebble, port: u16) -> Doorkey {
    let mut doorkey = Doorkey::prepare(&[]);
    doorkey.set("DOORKEY_LISTEN", &format!("127.0.0.1:{port}"));
    doorkey.set("DOORKEY_PUBLIC_URL", &format!("https://{HOST}"));
    doorkey.set("DOORKEY_ACME", "on");
    doorkey.set("DOORKEY_ACME_CONTACT", "ops@doorkey.test");
    doorkey.set("DOORKEY_ACME_DIRECTORY", &pebble.directory());
    doorkey.set("DOORKEY_ACME_CA", &after_another(&doorkey, &pebble.ca()));
    doorkey
}

/// A file in which the authority of `ca` stands behind another one.
fn after_another(doorkey: &Doorkey, ca: &str) -> String {
    let other = rcgen::generate_simple_self_signed(["other.doorkey.test".to_owned()]).unwrap();
    let both = format!("{}\n{}", other.cert.pem(), std::fs::read_to_string(ca).unwrap());
    let file = doorkey.data_dir().with_extension("authorities.pem");
    std::fs::write(&file, both).unwrap();
    file.to_str().unwrap().to_owned()
}

/// The serial of the certificate that is shown, once a request over it was answered.
async fn shown(port: u16, root: &CertificateDer<'static>) -> Option<Vec<u8>> {
    let mut stream = connect(HOST, port, root).await.ok()?;
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.ok()?;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
    let chain = stream.get_ref().1.peer_certificates()?.first()?.clone();
    Some(chain.as_ref().to_vec())
}

async fn wait_until_shown(doorkey: &Doorkey, port: u16, root: &CertificateDer<'static>) -> Vec<u8> {
    let shown = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(certificate) = shown(port, root).await {
                return certificate;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    shown.await.unwrap_or_else(|_| panic!("no certificate\n{}", doorkey.last_words()))
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_obtained_over_plain_http_and_kept() {
    let (port, plain) = (free_port(), free_port());
    let Some(mut pebble) = Pebble::start(plain, free_port(), LONG).await else { return };
    let mut doorkey = prepare(&pebble, port);
    doorkey.set("DOORKEY_TLS_REDIRECT_LISTEN", &format!("127.0.0.1:{plain}"));
    doorkey.run_without_waiting();
    let root = pebble.root().await;
    let first = wait_until_shown(&doorkey, port, &root).await;
    let folder = doorkey.data_dir().join("acme");
    assert_eq!(mode(&folder), 0o700);
    for file in ["account.json", "support.doorkey.test.pem"] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
    assert!(!doorkey.log().contains("PRIVATE KEY"), "no key is logged");

    // The next start has it, whether the authority is there or not.
    assert!(doorkey.terminate().success());
    pebble.stop();
    doorkey.run_without_waiting();
    assert_eq!(wait_until_shown(&doorkey, port, &root).await, first);
    assert!(!doorkey.log().contains("no certificate was obtained"), "{}", doorkey.last_words());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_obtained_over_tls_alone_and_renewed_in_time() {
    let port = free_port();
    // Seconds: a third of its life before its end it is renewed.
    let Some(pebble) = Pebble::start(free_port(), port, 15).await else { return };
    let mut doorkey = prepare(&pebble, port);
    doorkey.run_without_waiting();
    let root = pebble.root().await;
    let first = wait_until_shown(&doorkey, port, &root).await;
    let begun = std::time::Instant::now();
    loop {
        let now = wait_until_shown(&doorkey, port, &root).await;
        if now != first {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(15), "not renewed\n{}", doorkey.last_words());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(begun.elapsed() > Duration::from_secs(5), "and not at once either");
    let accounts = doorkey.data_dir().join("acme/account.json");
    assert!(accounts.exists());
    assert!(doorkey.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_authority_says_is_told_and_the_server_goes_on() {
    let (port, plain) = (free_port(), free_port());
    // It looks where nobody answers.
    let Some(pebble) = Pebble::start(free_port(), free_port(), LONG).await else { return };
    let mut doorkey = prepare(&pebble, port);
    doorkey.set("DOORKEY_TLS_REDIRECT_LISTEN", &format!("127.0.0.1:{plain}"));
    doorkey.run_without_waiting();
    // An authority is asked at intervals that double.
    let line = wait_within(3 * PATIENCE, "word of the failure", || {
        let log = doorkey.log();
        log.lines().find(|line| line.contains("no certificate was obtained")).map(str::to_owned)
    });
    for part in
        [HOST, "Port 80 of the host must lead to tls.redirect_listen", "tried again in 1 min"]
    {
        assert!(line.contains(part), "{part:?} is not in {line}");
    }
    assert!(line.contains("refused") || line.contains("Fetching"), "the reason: {line}");
    let root = pebble.root().await;
    assert!(connect(HOST, port, &root).await.is_err(), "there is nothing to show");
    assert!(doorkey.terminate().success(), "and nothing to wait for");

    // An authority that is not there at all.
    drop(pebble);
    doorkey.run_without_waiting();
    wait_within(3 * PATIENCE, "word of the missing authority", || {
        let log = doorkey.log();
        let failures = log.lines().filter(|line| line.contains("no certificate was obtained"));
        (failures.count() == 2).then_some(())
    });
}

#[test]
fn settings_that_cannot_work_are_told() {
    let mut doorkey = Doorkey::prepare(&[]);
    doorkey.set("DOORKEY_ACME", "on");
    doorkey.set("DOORKEY_ACME_DIRECTORY", "http://ca.example/dir");
    doorkey.set("DOORKEY_TLS_CERTIFICATE", "c.pem");
    doorkey.set("DOORKEY_TLS_KEY", "k.pem");
    let output = doorkey.command().arg("serve").output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{words}");
    for part in ["two ways to a certificate", "leads here from the outside", "ACME directory"] {
        assert!(words.contains(part), "{part:?} is not in {words}");
    }
}
