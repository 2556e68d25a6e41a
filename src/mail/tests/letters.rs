//! Composed mails and the captured mailbox.

use std::path::Path;

use crate::clock::Millis;
use crate::domain::email::Email;
use crate::mail::capture::Capture;
use crate::mail::compose::compose;
use crate::mail::{Letter, SendError, Transport};

use super::{letter, sender};

fn header(letter: &Letter, name: &str) -> Option<String> {
    let composed = compose(letter, &sender()).expect("a mail");
    let mut values =
        composed.headers().into_iter().filter(|(key, _)| key == name).map(|(_, value)| value);
    let value = values.next();
    assert!(values.next().is_none(), "{name} twice");
    value
}

#[test]
fn headers_are_those_of_an_automatic_mail_in_a_thread() {
    let letter = letter("Resolved: Alarm", "text");
    for (name, value) in [
        ("From", "\"RFS Support\" <support@rfs.example>"),
        ("To", "ana@cafe-lumen.example"),
        ("Subject", "Resolved: Alarm"),
        ("Message-ID", "<abc_DEF-123@rfs.example>"),
        ("Date", "Thu, 12 Nov 2026 09:14:00 +0000"),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
        ("References", "<TKT-7K3M9Q.thread@rfs.example>"),
        ("In-Reply-To", "<TKT-7K3M9Q.thread@rfs.example>"),
        ("MIME-Version", "1.0"),
    ] {
        assert_eq!(header(&letter, name).as_deref(), Some(value), "{name}");
    }
    let alone = Letter { thread: None, ..letter };
    assert_eq!(header(&alone, "References"), None);
    assert_eq!(header(&alone, "In-Reply-To"), None);
}

#[test]
fn a_domain_beyond_ascii_is_written_in_ascii() {
    for (stored, written) in [
        ("info@müller.example", "info@xn--mller-kva.example"),
        ("rené@exämple.de", "rené@exämple.de"),
        ("Ana.Costa+X@Cafe-Lumen.example", "Ana.Costa+X@Cafe-Lumen.example"),
    ] {
        let letter = Letter { to: Email::from_store(stored.into()), ..letter("x", "y") };
        assert_eq!(compose(&letter, &sender()).expect("a mail").to.to_string(), written);
    }
}

#[test]
fn no_word_becomes_a_header() {
    let names: Vec<String> = compose(&letter("x", "y"), &sender())
        .expect("a mail")
        .headers()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    for evil in [
        "a\r\nBcc: eve@evil.example",
        "a\nBcc: eve@evil.example",
        "a\rBcc: x",
        "a\0b",
        "\r\n\r\nbody",
        "é\r\nBcc: eve@evil.example",
        "=?utf-8?q?a=0D=0ABcc:_x?=",
        &"x".repeat(3000),
        &"é ".repeat(900),
        "a\r\n Bcc: folded",
        "\u{85}Bcc: x",
        "\u{2028}Bcc: x",
    ] {
        match compose(&letter(evil, "y"), &sender()) {
            Err(SendError::Refused { .. }) => {}
            Err(other) => panic!("{other}"),
            Ok(composed) => {
                let found: Vec<String> =
                    composed.headers().into_iter().map(|(name, _)| name).collect();
                assert_eq!(found, names, "{evil:?}");
            }
        }
    }
    for id in ["", "a", "a@b@c", "a>@b", "a\r\nBcc: x@b", "a b@c", "é@b"] {
        let bad = Letter { message_id: id.into(), ..letter("x", "y") };
        assert!(matches!(compose(&bad, &sender()), Err(SendError::Refused { .. })), "{id:?}");
        let bad = Letter { thread: Some(format!("{id}\n")), ..letter("x", "y") };
        assert!(matches!(compose(&bad, &sender()), Err(SendError::Refused { .. })), "{id:?}");
    }
    for to in [
        "ana@x.example\r\nRCPT TO:<eve@evil.example>",
        "a b@x.example",
        "ana",
        "ana@x.example,eve@evil.example",
        "",
    ] {
        let bad = Letter { to: Email::from_store(to.into()), ..letter("x", "y") };
        assert!(matches!(compose(&bad, &sender()), Err(SendError::Refused { .. })), "{to:?}");
    }
}

proptest::proptest! {
    #[test]
    fn whatever_is_written_is_safe_to_send(subject in proptest::prelude::any::<String>(), text in "(?s).{0,400}") {
        if let Ok(composed) = compose(&letter(&subject, &text), &sender()) {
            for line in composed.bytes.split(|byte| *byte == b'\n') {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                proptest::prop_assert!(line.len() <= 998);
                proptest::prop_assert!(line.iter().all(|byte| (0x20..0x7f).contains(byte) || *byte == b'\t'));
            }
        }
    }
}

#[tokio::test]
async fn captured_mails_are_kept_newest_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let capture = Capture::open(folder.path(), sender()).expect("a mailbox");
    let transport = Transport::Capture(capture.clone());
    for number in 0..505 {
        let letter = Letter {
            message_id: format!("id-{number}@rfs.example"),
            at: Millis(1_000_000 + number),
            ..letter(&format!("Mail {number}"), "text é")
        };
        transport.send(&letter).await.expect("kept");
    }
    let list = capture.list();
    assert_eq!(list.len(), 500);
    assert_eq!((list[0].subject.as_str(), list[499].subject.as_str()), ("Mail 504", "Mail 5"));
    assert_eq!(list[0].to, "ana@cafe-lumen.example");
    assert_eq!(list[0].text, "text é");
    assert!(list[0].headers.iter().any(|(name, _)| name == "Auto-Submitted"));
    assert!(capture.find(&list[0].id).is_some_and(|found| found == list[0]));
}

#[test]
fn an_id_finds_only_a_mail() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("secret.json"), "{}").expect("a file");
    let capture = Capture::open(folder.path(), sender()).expect("a mailbox");
    for bad in [
        "",
        ".",
        "..",
        "../secret",
        "..%2fsecret",
        "/etc/passwd",
        "a\0b",
        "a/b",
        "a.json",
        "é",
        &"a".repeat(101),
    ] {
        assert!(capture.find(bad).is_none(), "{bad:?}");
    }
    let odd = Letter { message_id: "../../x=y.z@rfs.example".into(), ..letter("x", "y") };
    assert!(capture.keep(&odd).is_err());
    assert_eq!(std::fs::read_dir(Path::new(folder.path())).expect("a folder").count(), 2);
}

#[test]
fn another_attempt_takes_the_place_of_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let capture = Capture::open(folder.path(), sender()).expect("a mailbox");
    capture.keep(&letter("first", "x")).expect("kept");
    capture.keep(&letter("second", "x")).expect("kept");
    assert_eq!(capture.list().len(), 1);
}
