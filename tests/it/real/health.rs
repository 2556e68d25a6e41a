//! `doorkey health`: what a container's engine asks.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::Value;

use super::doorkey::Doorkey;
use super::wait_for;
use crate::support::authority::Authority;

/// Exit code, the JSON object, what was said on standard error.
fn health(doorkey: &Doorkey, arguments: &[&str]) -> (i32, Value, String) {
    let output = doorkey.try_cli(&[&["health"], arguments].concat());
    let object = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), object, said)
}

#[test]
fn it_tells_a_server_that_answers_from_one_that_does_not() {
    let mut doorkey = Doorkey::start(&[]);
    let (code, object, _) = health(&doorkey, &[]);
    assert_eq!((code, &object["ok"], &object["status"]), (0, &true.into(), &200.into()));
    let (code, object, _) = health(&doorkey, &["--ready"]);
    assert_eq!((code, &object["ready"], &object["database"]), (0, &true.into(), &"ok".into()));
    let words = doorkey.command().arg("health").output().unwrap();
    assert_eq!(String::from_utf8(words.stdout).unwrap(), "ok\n");
    doorkey.kill();
    let (code, _, said) = health(&doorkey, &[]);
    assert_eq!(code, 1);
    assert!(said.contains("no connection") && said.contains("is doorkey serve running"), "{said}");
}

#[test]
fn it_asks_where_we_listen_whatever_the_certificate() {
    let authority = Authority::new();
    let (certificate, key) = authority.files();
    let mut doorkey = Doorkey::prepare(&[]);
    // Nobody here knows this authority, the name leads nowhere, and we listen on every address.
    authority.put(&authority.issue("support.rfs.invalid", 2090));
    doorkey.set("DOORKEY_LISTEN", &format!("0.0.0.0:{}", doorkey.port()));
    doorkey.set("DOORKEY_PUBLIC_URL", "https://support.rfs.invalid");
    doorkey.set("DOORKEY_TLS_CERTIFICATE", certificate.to_str().unwrap());
    doorkey.set("DOORKEY_TLS_KEY", key.to_str().unwrap());
    doorkey.run_without_waiting();
    wait_for("health over TLS", || (health(&doorkey, &[]).0 == 0).then_some(()));
}

#[test]
fn it_asks_over_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let mut doorkey = Doorkey::prepare(&[]);
    doorkey.set("DOORKEY_LISTEN", &format!("unix:{}/doorkey.sock", folder.path().display()));
    assert_eq!(health(&doorkey, &[]).0, 1);
    doorkey.run_without_waiting();
    wait_for("health over the socket", || (health(&doorkey, &["--ready"]).0 == 0).then_some(()));
}

#[test]
fn another_program_in_our_place_is_not_taken_for_us() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut doorkey = Doorkey::prepare(&[]);
    doorkey.set("DOORKEY_LISTEN", &listener.local_addr().unwrap().to_string());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        }
    });
    let (code, _, said) = health(&doorkey, &[]);
    assert_eq!(code, 1);
    assert!(said.contains("another program answers"), "{said}");
}

/// A file that is removed or replaced is written on by whoever has it open, and gone at the end.
#[test]
fn a_database_that_is_moved_away_under_the_server_makes_it_unready() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("doorkey.db");
    let url = format!("sqlite:{}", file.display());
    let doorkey = Doorkey::start(&[("DOORKEY_DATABASE_URL", &url)]);
    let state = || {
        let (code, object, _) = health(&doorkey, &["--ready"]);
        (code, object["database"].as_str().unwrap_or_default().to_owned(), object)
    };
    assert_eq!((state().0, state().1.as_str()), (0, "ok"));
    let aside = folder.path().join("aside.db");
    std::fs::rename(&file, &aside).unwrap();
    let told = wait_for("the loss to be noticed", || {
        let (code, database, object) = state();
        (code == 1 && database == "moved").then_some(object)
    });
    assert_eq!((&told["ready"], &told["status"]), (&false.into(), &503.into()));
    let detail = told["detail"].as_str().unwrap();
    assert!(
        detail.contains("removed or replaced") && detail.contains("start it again"),
        "{detail}"
    );
    assert!(
        doorkey.log().contains("removed or replaced while Doorkey runs"),
        "{}",
        doorkey.last_words()
    );
    std::fs::copy(&aside, &file).unwrap();
    assert_eq!(state().1, "moved", "a copy is another file");
    std::fs::rename(&aside, &file).unwrap();
    wait_for("the file to be found again", || (state().1 == "ok").then_some(()));
}
