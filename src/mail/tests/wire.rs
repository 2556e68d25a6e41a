//! The conversation with a mail server: what it hears, and what its answers mean.

use std::time::Duration;

use crate::config::smtp_url::SmtpUrl;
use crate::domain::email::Email;
use crate::mail::smtp::{Smtp, Timeouts};
use crate::mail::{Letter, SendError};

use super::sink::{Script, Sink};
use super::{letter, sender};

const CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/mail/testdata/ca.pem");

fn smtp(url: &str) -> Smtp {
    let timeouts = Timeouts {
        connect: Duration::from_secs(5),
        command: Duration::from_secs(2),
        content: Duration::from_millis(500),
    };
    Smtp::new(SmtpUrl::parse(url).expect("a URL"), sender(), timeouts).expect("a way")
}

fn plain(sink: &Sink) -> Smtp {
    smtp(&format!("smtp://127.0.0.1:{}?tls=none", sink.port))
}

fn encrypted(sink: &Sink) -> Smtp {
    smtp(&format!("smtp://me:s3cret@localhost:{}?ca={CA}", sink.port))
}

fn tls() -> Script {
    Script { starttls: true, offers: vec!["AUTH PLAIN LOGIN"], ..Script::default() }
}

async fn fails(script: Script) -> SendError {
    let sink = Sink::start(script).await;
    let error = plain(&sink).send(&letter("x", "y")).await.expect_err("a failure");
    assert!(!error.to_string().contains("s3cret"), "{error}");
    error
}

async fn fails_with_tls(script: Script) -> (SendError, Vec<String>) {
    let sink = Sink::start(script).await;
    let error = encrypted(&sink).send(&letter("x", "y")).await.expect_err("a failure");
    assert!(
        !error.to_string().contains("s3cret") && !error.to_string().contains("AG1lAHMzY3JldA"),
        "{error}"
    );
    (error, sink.heard().commands)
}

fn answers(verb: &'static str, answer: &'static str) -> Script {
    Script { answers: vec![(verb, answer)], ..Script::default() }
}

#[tokio::test]
async fn one_mail_goes_to_one_recipient_whatever_it_says() {
    for text in [
        "\n.\n",
        "\r.\r",
        "\r\n.\r\n",
        "a\r\n\r\n.",
        ".",
        "..",
        "\n.\nMAIL FROM:<eve@evil.example>\nRCPT TO:<eve@evil.example>\nDATA\n",
        "a\r\n.\r\nRCPT TO:<eve@evil.example>\r\n",
        "\n..\n",
        "é\n.\n",
        "a\0b\n.\n",
    ] {
        let sink = Sink::start(Script::default()).await;
        plain(&sink).send(&letter("x", text)).await.expect("taken");
        let heard = sink.heard();
        assert_eq!(heard.mails.len(), 1, "{text:?}");
        let recipients: Vec<&String> =
            heard.commands.iter().filter(|it| it.starts_with("RCPT")).collect();
        assert_eq!(recipients, ["RCPT TO:<ana@cafe-lumen.example>"], "{text:?}");
        let wanted = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
        assert!(decoded_text(&heard.mails[0]).starts_with(&wanted), "{text:?}");
    }
}

/// The first part of a mail, without quoted-printable.
fn decoded_text(mail: &[u8]) -> String {
    let mail = String::from_utf8(mail.to_vec()).expect("ASCII");
    let part =
        mail.split("Content-Transfer-Encoding: quoted-printable\r\n\r\n").nth(1).expect("a part");
    let body = part.split("\r\n--").next().unwrap_or_default().replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = body.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let hex = [rest.next().expect("hex"), rest.next().expect("hex")];
            bytes.push(
                u8::from_str_radix(std::str::from_utf8(&hex).expect("hex"), 16).expect("hex"),
            );
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

#[tokio::test]
async fn a_connection_is_used_again_and_replaced_when_it_died() {
    let sink = Sink::start(Script::default()).await;
    let way = plain(&sink);
    for _ in 0..3 {
        way.send(&letter("x", "y")).await.expect("taken");
    }
    assert_eq!((sink.heard().connections, sink.heard().mails.len()), (1, 3));

    let sink = Sink::start(Script { one_mail_only: true, ..Script::default() }).await;
    let way = plain(&sink);
    for _ in 0..3 {
        way.send(&letter("x", "y")).await.expect("taken");
    }
    assert_eq!((sink.heard().connections, sink.heard().mails.len()), (3, 3));
}

#[tokio::test]
async fn a_refused_recipient_does_not_cost_the_connection() {
    let sink = Sink::start(answers("RCPT", "550 5.1.1 no such user")).await;
    let way = plain(&sink);
    for _ in 0..2 {
        let error = way.send(&letter("x", "y")).await.expect_err("a failure");
        assert!(
            matches!(&error, SendError::Refused { reason } if reason.contains("550 5.1.1 no such user")),
            "{error}"
        );
    }
    assert_eq!(sink.heard().connections, 1);
    assert!(sink.heard().commands.contains(&"RSET".to_owned()));
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    for script in [
        answers("GREETING", "421 too busy"),
        answers("MAIL", "451 try later"),
        answers("RCPT", "450 greylisted"),
        answers("RCPT", "452 full"),
        answers("DATA", "421 closing"),
        answers("DOT", "451 later"),
        answers("DOT", ""),
        answers("GREETING", "hello?"),
        answers("RCPT", "what?"),
        Script { hang_up: 9, ..Script::default() },
    ] {
        let name = format!("{:?}", script.answers);
        assert!(matches!(fails(script).await, SendError::Later { .. }), "{name}");
    }
    let nobody = smtp("smtp://127.0.0.1:1?tls=none").send(&letter("x", "y")).await;
    assert!(matches!(nobody, Err(SendError::Later { .. })));
    let (error, _) =
        fails_with_tls(Script { answers: vec![("AUTH", "454 directory is down")], ..tls() }).await;
    assert!(matches!(error, SendError::Later { .. }), "{error}");
}

#[tokio::test]
async fn what_is_about_the_mail_is_final() {
    for script in [
        answers("RCPT", "550 no such user"),
        answers("RCPT", "553 bad address"),
        answers("DATA", "554 no"),
        answers("DOT", "552 too big"),
        answers("DOT", "550 5.7.1 spam"),
    ] {
        let name = format!("{:?}", script.answers);
        assert!(matches!(fails(script).await, SendError::Refused { .. }), "{name}");
    }
}

#[tokio::test]
async fn what_is_about_us_pauses_the_queue() {
    for script in [
        answers("GREETING", "554 go away"),
        answers("EHLO", "550 who are you"),
        answers("MAIL", "550 not your address"),
        answers("MAIL", "530 authenticate first"),
        answers("RCPT", "530 authenticate first"),
        answers("RCPT", "535 no"),
    ] {
        let name = format!("{:?}", script.answers);
        assert!(matches!(fails(script).await, SendError::Paused { .. }), "{name}");
    }
    let (error, _) =
        fails_with_tls(Script { answers: vec![("AUTH", "535 wrong: s3cret")], ..tls() }).await;
    assert!(matches!(&error, SendError::Paused { reason } if reason.contains("535")), "{error}");
    let (error, _) = fails_with_tls(Script { offers: vec!["AUTH CRAM-MD5"], ..tls() }).await;
    assert!(matches!(error, SendError::Paused { .. }), "{error}");
}

#[tokio::test]
async fn a_password_and_a_mail_go_only_through_tls() {
    let sink = Sink::start(tls()).await;
    encrypted(&sink).send(&letter("x", "y")).await.expect("taken");
    let commands = sink.heard().commands;
    let (clear, secret): (Vec<_>, Vec<_>) = commands.iter().partition(|it| !it.starts_with("TLS "));
    assert_eq!(clear, ["EHLO rfs.example", "STARTTLS"]);
    assert!(secret.iter().any(|it| it.starts_with("TLS AUTH PLAIN ")));
    assert_eq!(sink.heard().mails.len(), 1);
}

#[tokio::test]
async fn without_starttls_nothing_is_said() {
    for script in [
        Script { offers: vec!["AUTH PLAIN"], ..Script::default() },
        Script { answers: vec![("STARTTLS", "502 not implemented")], ..tls() },
    ] {
        let (error, commands) = fails_with_tls(script).await;
        assert!(matches!(error, SendError::Paused { .. }), "{error}");
        assert!(
            commands.iter().all(|it| it.starts_with("EHLO") || it == "STARTTLS" || it == "QUIT"),
            "{commands:?}"
        );
    }
    let (error, _) =
        fails_with_tls(Script { answers: vec![("STARTTLS", "454 not now")], ..tls() }).await;
    assert!(matches!(error, SendError::Later { .. }), "{error}");
}

#[tokio::test]
async fn a_certificate_that_does_not_fit_pauses_the_queue() {
    for (scheme, implicit) in [("smtp", false), ("smtps", true)] {
        let sink = Sink::start(Script { implicit, ..tls() }).await;
        // The system's authorities do not know this one; and the name must be the certificate's.
        for url in [
            format!("{scheme}://me:s3cret@localhost:{}", sink.port),
            format!("{scheme}://me:s3cret@127.0.0.2:{}?ca={CA}", sink.port),
        ] {
            let Ok(way) =
                Smtp::new(SmtpUrl::parse(&url).expect("a URL"), sender(), Timeouts::default())
            else {
                continue; // a machine without any authority at all
            };
            let error = way.send(&letter("x", "y")).await.expect_err("a failure");
            assert!(matches!(error, SendError::Paused { .. }), "{error}");
        }
        assert!(!sink.heard().commands.iter().any(|it| it.contains("AUTH")));
    }
}

#[tokio::test]
async fn answers_slipped_in_before_tls_do_not_count() {
    let (error, commands) =
        fails_with_tls(Script { injected: "250-evil.example\r\n250 AUTH PLAIN\r\n", ..tls() })
            .await;
    assert!(matches!(error, SendError::Paused { .. }), "{error}");
    assert!(!commands.iter().any(|it| it.contains("AUTH") || it.contains("MAIL")), "{commands:?}");
}

#[tokio::test]
async fn smtps_is_encrypted_from_the_first_byte() {
    let sink = Sink::start(Script { implicit: true, ..tls() }).await;
    let way = smtp(&format!("smtps://me:s3cret@localhost:{}?ca={CA}", sink.port));
    for _ in 0..2 {
        way.send(&letter("x", "y")).await.expect("taken");
    }
    assert!(sink.heard().commands.iter().all(|it| it.starts_with("TLS ")));
    assert_eq!((sink.heard().connections, sink.heard().mails.len()), (1, 2));

    let clear = Sink::start(tls()).await;
    let way = smtp(&format!("smtps://me:s3cret@localhost:{}?ca={CA}", clear.port));
    let error = way.send(&letter("x", "y")).await.expect_err("a failure");
    assert!(matches!(error, SendError::Paused { .. }), "{error}");
}

#[tokio::test]
async fn addresses_beyond_ascii_need_a_server_that_takes_them() {
    let rene = || Letter { to: Email::from_store("rené@exämple.de".into()), ..letter("x", "y") };
    let old = Sink::start(Script::default()).await;
    let error = plain(&old).send(&rene()).await.expect_err("a failure");
    assert!(matches!(error, SendError::Refused { .. }), "{error}");
    assert!(old.heard().mails.is_empty());

    let new =
        Sink::start(Script { offers: vec!["8BITMIME", "SMTPUTF8"], ..Script::default() }).await;
    plain(&new).send(&rene()).await.expect("taken");
    let commands = new.heard().commands;
    assert!(
        commands.iter().any(|it| it.starts_with("MAIL FROM") && it.contains("SMTPUTF8")),
        "{commands:?}"
    );
    assert!(commands.contains(&"RCPT TO:<rené@exämple.de>".to_owned()));
}
