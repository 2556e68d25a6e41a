//! Whether mail leaves, and in a form that arrives.

use super::Finding;
use super::plain::{self, Cause};
use std::time::Duration;

use crate::clock::Millis;
use crate::config::Config;
use crate::domain::email::Email;
use crate::ids;
use crate::mail::compose::Sender;
use crate::mail::smtp::{Smtp, Timeouts};
use crate::mail::{Letter, Rendered, SendError};

const SMTP: &str = "mail server";
/// Somebody waits for the verdict: less patience than a mail has.
const PATIENCE: Timeouts = Timeouts {
    connect: Duration::from_secs(10),
    command: Duration::from_secs(10),
    content: Duration::from_secs(30),
};

pub(super) async fn look(config: &Config, to: Option<Email>, now: Millis) -> Vec<Finding> {
    let sender: Sender = match config.mail.from.parse() {
        Ok(sender) => sender,
        Err(error) => {
            let found = format!("{:?} is no sender: {error}", config.mail.from);
            return vec![Finding::fault("sender", found, "mend mail.from (DOORKEY_MAIL_FROM)")];
        }
    };
    let Some(url) = config.mail.smtp_url.clone() else {
        return vec![Finding::warning(
            SMTP,
            "none is set: mails are captured and nobody gets them",
            "set mail.smtp_url and mail.from (DOORKEY_SMTP_URL, DOORKEY_MAIL_FROM)",
        )];
    };
    let mut findings = vec![domain(config, &sender).await];
    let smtp = match Smtp::new(url, sender.clone(), PATIENCE) {
        Ok(smtp) => smtp,
        Err(reason) => {
            findings.push(Finding::fault(SMTP, reason, "mend mail.smtp_url (DOORKEY_SMTP_URL)"));
            return findings;
        }
    };
    findings.push(match to {
        Some(to) => {
            let address = to.to_string();
            verdict(smtp.send(&letter(&sender, to, now)).await, || {
                format!(
                    "it took a test mail for {address}; look whether it arrives, and not as spam"
                )
            })
        }
        None => {
            let own = Email::from_store(sender.address().to_owned());
            verdict(smtp.check(&letter(&sender, own, now)).await, || {
                "it takes our login and our sender; --to sends a test mail".to_owned()
            })
        }
    });
    findings
}

fn verdict(outcome: Result<(), SendError>, found: impl FnOnce() -> String) -> Finding {
    match outcome {
        Ok(()) => Finding::ok(SMTP, found()),
        Err(
            SendError::Later { reason }
            | SendError::Refused { reason }
            | SendError::Paused { reason },
        ) => {
            let (found, mend) = diagnose(&reason);
            Finding::fault(SMTP, plain::with(&found, &reason), mend)
        }
    }
}

/// What `reason`, which begins with the step that failed, means in plain words, and how to mend it.
fn diagnose(reason: &str) -> (String, &'static str) {
    let has = |word: &str| reason.contains(word);
    let own = |plain: &str, mend| (plain.to_owned(), mend);
    if has("logging in") {
        return own("the mail server does not take our login", LOGIN);
    }
    if has("naming the sender") {
        return own("the mail server does not let us send as mail.from", SENDER);
    }
    if has("naming the recipient") || has("handing over") {
        return own("the mail server does not take this mail", RECIPIENT);
    }
    if has("STARTTLS is not supported") {
        return own("the mail server offers no encryption (STARTTLS) at this port", PORTS);
    }
    let cause = Cause::of(reason);
    match cause {
        Some(Cause::Silent) if has("greeting") => {
            own("the mail server takes the connection and then says nothing", PORTS)
        }
        _ if has("greeting") => own("what answers there is no mail server", PORTS),
        Some(cause) => (cause.words("the mail server"), mend(cause)),
        None if has("encrypting") => own("the connection cannot be encrypted", PORTS),
        None => own("the mail server is not reached", CONNECTION),
    }
}

const LOGIN: &str = "mend user and password in mail.smtp_url, special characters in percent encoding; \
     some providers want a password made for programs";
const SENDER: &str = "the login may not send as mail.from, or must log in first: use an address that \
     belongs to it, or add user and password to mail.smtp_url";
const RECIPIENT: &str = "its own words, in brackets, say why; try another address with --to";
const PORTS: &str =
    "mend host and port in mail.smtp_url: smtp:// goes with port 587, smtps:// with 465";
const CONNECTION: &str = "mend host and port in mail.smtp_url, or open the firewall; many networks block \
     port 25, so use 587";

fn mend(cause: Cause) -> &'static str {
    match cause {
        Cause::UnknownHost => "mend the host in mail.smtp_url, or the DNS of this machine",
        Cause::UnknownAuthority => {
            "if the authority is your own, name its certificate with ?ca=FILE in mail.smtp_url; else the \
             server must send its whole chain, and this machine needs the package ca-certificates"
        }
        Cause::Expired | Cause::NotYet => {
            "have the mail server's certificate renewed, and look at this machine's clock"
        }
        Cause::OtherName => "write the host in mail.smtp_url as the certificate names it",
        Cause::Certificate => "have the mail server's certificate mended",
        Cause::NoTls | Cause::HungUp => PORTS,
        Cause::Refused | Cause::Silent | Cause::Unreachable => CONNECTION,
    }
}

/// Replies and complaints go to the sender's domain, so it has to be there.
async fn domain(config: &Config, sender: &Sender) -> Finding {
    let domain = sender.domain().to_owned();
    let host = config.server.public_url.host().to_owned();
    if domain == "localhost" || tokio::net::lookup_host((domain.as_str(), 25)).await.is_err() {
        return Finding::warning(
            "sender",
            format!("{domain}, the domain of mail.from, is not found in the DNS"),
            "use an address of a domain that is yours, with SPF and DKIM set up for your mail server; see \
             \"Mail that arrives\" in docs/OPERATIONS.md",
        );
    }
    let related = host == domain || host.ends_with(&format!(".{domain}"));
    if !related && !config.server.public_url.is_loopback() {
        return Finding::warning(
            "sender",
            format!("mails come from {domain}, links in them lead to {host}"),
            "customers and spam filters trust links to the sender's own domain more",
        );
    }
    Finding::ok("sender", format!("{domain} is in the DNS"))
}

fn letter(sender: &Sender, to: Email, now: Millis) -> Letter {
    let text = "This is a test. If you read this, Doorkey's mails arrive.\n";
    Letter {
        message_id: format!("{}@{}", ids::word(), sender.domain()),
        kind: "test",
        to,
        at: now,
        thread: None,
        rendered: Rendered {
            subject: "A test mail from Doorkey".to_owned(),
            text: text.to_owned(),
            html: format!("<!doctype html><html lang=\"en\"><body><p>{text}</p></body></html>"),
        },
    }
}
