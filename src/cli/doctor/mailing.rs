//! Whether mail leaves, and in a form that arrives.

use super::Finding;
use crate::clock::Millis;
use crate::config::Config;
use crate::domain::email::Email;
use crate::ids;
use crate::mail::compose::Sender;
use crate::mail::smtp::{Smtp, Timeouts};
use crate::mail::{Letter, Rendered, SendError};

const SMTP: &str = "mail server";

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
    let smtp = match Smtp::new(url, sender.clone(), Timeouts::default()) {
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
            let mend = mend(&reason);
            Finding::fault(SMTP, reason, mend)
        }
    }
}

fn mend(reason: &str) -> &'static str {
    let has = |word: &str| reason.contains(word);
    if has("logging in") {
        "the user or password in mail.smtp_url is wrong, or the server wants another kind of login"
    } else if has("encrypting") {
        "the server's certificate is not valid for the host in mail.smtp_url, or it offers no STARTTLS \
         there: try port 587 with smtp://, 465 with smtps://, or ?ca=FILE for an authority of your own"
    } else if has("connecting") || has("greeting") {
        "mend host and port in mail.smtp_url, or open the firewall; many networks block port 25, so use 587"
    } else if has("sender") {
        "the server does not let this login send as mail.from; use an address that belongs to it"
    } else {
        "the server does not take mail for this recipient; its words say why"
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
