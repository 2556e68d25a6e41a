//! What mails say, and what goes over the wire.

mod letters;
mod sink;
mod wire;
mod words;

use crate::clock::Millis;
use crate::domain::Rules;
use crate::domain::email::Email;
use crate::mail::compose::Sender;
use crate::mail::{Brand, Letter, Mail, Minted, Rendered, render};

pub(super) const AT: Millis = Millis(1_794_474_840_000);
pub(super) const TOKEN: &str = "q83vq83vq83vq83vq83vq83vq83vq83vq83vq83vq80";

pub(super) fn brand() -> Brand {
    Brand {
        name: "RFS".into(),
        colour: "#2f56a3".into(),
        support_phone: Some("+352 27 00 11 22".into()),
        support_hours: Some("Monday to Friday, 8:00 to 18:00".into()),
    }
}

pub(super) fn minted(path: &str) -> Minted {
    Minted {
        link: Some(format!("https://support.rfs.example{path}#token={TOKEN}")),
        code: Some("482913".into()),
        valid_for: "7 days".into(),
    }
}

pub(super) fn sender() -> Sender {
    Sender::from(
        "RFS Support <support@rfs.example>".parse::<lettre::message::Mailbox>().expect("a sender"),
    )
}

/// A letter to Ana with these words.
pub(super) fn letter(subject: &str, text: &str) -> Letter {
    Letter {
        message_id: "abc_DEF-123@rfs.example".into(),
        kind: "note_added",
        to: Email::parse("to", "ana@cafe-lumen.example").expect("an address"),
        at: AT,
        thread: Some("TKT-7K3M9Q".into()),
        rendered: Rendered {
            subject: subject.into(),
            text: text.into(),
            html: format!("<p>{text}</p>"),
        },
    }
}

pub(super) fn say(mail: &Mail) -> Rendered {
    let (link, code) = match mail {
        Mail::PortalLink { ticket: None, .. } => (format!("/portal#token={TOKEN}"), true),
        Mail::StaffSignIn { .. } => (format!("/admin#token={TOKEN}"), true),
        Mail::StaffLink { .. } => (format!("/admin/sign-in/link/{TOKEN}"), false),
        Mail::CustomerReplied { reference, .. } | Mail::TicketAssigned { reference, .. } => {
            (format!("/admin/tickets/{reference}"), false)
        }
        _ => (
            format!("/portal/tickets/TKT-7K3M9Q#token={TOKEN}"),
            matches!(mail, Mail::PortalLink { .. }),
        ),
    };
    let minted = Minted {
        link: Some(format!("https://support.rfs.example{link}")),
        code: code.then(|| "482913".into()),
        valid_for: match mail {
            Mail::StaffSignIn { .. } | Mail::StaffLink { .. } => "15 minutes".into(),
            _ => "7 days".into(),
        },
    };
    render(mail, &brand(), &Rules::default(), &minted).expect("words")
}
