//! What people wrote, in a mail: nothing of it is markup, a header or a link, and every mail can be sent.
//! The first line says which mail, the next two are a name and a subject, the rest is a text.
#![no_main]

use doorkey::clock::Millis;
use doorkey::domain::Rules;
use doorkey::domain::email::Email;
use doorkey::mail::compose::{Sender, compose};
use doorkey::mail::{Brand, Letter, Mail, Minted, Rendered, render};
use libfuzzer_sys::fuzz_target;
use unicode_normalization::char::is_combining_mark;

const HEADERS: [&str; 11] = [
    "From",
    "To",
    "Subject",
    "Message-ID",
    "Date",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
];

fuzz_target!(|input: &str| {
    let mut parts = input.splitn(4, '\n');
    let mut next = || parts.next().unwrap_or_default();
    let (which, name, subject, text) = (next(), next(), next(), next());
    let mail = mail(which, name, subject, text);
    let rendered = words(&mail);
    assert!(!rendered.subject.contains(char::is_control), "{:?}", rendered.subject);
    let mut own = rendered.text.lines().filter(|line| !line.starts_with('>'));
    assert!(!own.any(|line| line.contains("://") || line.to_lowercase().contains("www.")));
    // With other letters in place of those that mark, there is as much markup.
    let tame = |text: &str| text.replace(['<', '>', '&', '"', '\''], "{");
    let tame = words(&self::mail(which, &tame(name), &tame(subject), &tame(text)));
    for mark in ['<', '>', '"'] {
        assert_eq!(rendered.html.matches(mark).count(), tame.html.matches(mark).count(), "{mark}");
    }
    if text.is_empty() {
        assert_eq!(host(&rendered.html), None, "becomes a link");
    }
    sent(&mail, rendered);
});

fn mail(which: &str, name: &str, subject: &str, text: &str) -> Mail {
    let (reference, customer_name) = ("TKT-7K3M9Q".to_owned(), name.to_owned());
    let (subject, text, from) = (subject.to_owned(), text.to_owned(), "Open".to_owned());
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    match which {
        "note" => {
            Mail::NoteAdded { customer_name, reference, subject, author: some(name), note: text }
        }
        "status" => {
            Mail::StatusChanged { customer_name, reference, subject, from, to: name.to_owned() }
        }
        "resolved" => {
            let (resolution, note) = (text.clone(), some(&text));
            Mail::TicketResolved { customer_name, reference, subject, resolution, note }
        }
        "reply" => {
            let customer_email = "ana@example".to_owned();
            Mail::CustomerReplied { reference, subject, customer_name, customer_email, reply: text }
        }
        "assigned" => {
            let (technician_name, assigned_by) = (name.to_owned(), some(name));
            Mail::TicketAssigned { reference, subject, technician_name, assigned_by }
        }
        "staff" => Mail::StaffLink { name: name.to_owned(), sent_by: some(&subject) },
        _ => Mail::TicketCreated { customer_name, reference, subject },
    }
}

fn words(mail: &Mail) -> Rendered {
    let brand = Brand {
        name: "RFS".to_owned(),
        colour: "#3355a8".to_owned(),
        support_phone: None,
        support_hours: None,
    };
    render(mail, &brand, &Rules::default(), &Minted::default()).expect("a mail")
}

/// A dot between letters, which webmail takes for a host. An accent is a part of its letter.
fn host(html: &str) -> Option<String> {
    let (_, body) = html.split_once("</style>").expect("a mail");
    let mut is_tag = false;
    let mut shown = String::new();
    for letter in body.chars() {
        is_tag = (is_tag || letter == '<') && letter != '>';
        if !is_tag && !is_combining_mark(letter) {
            shown.push(letter);
        }
    }
    let letters: Vec<char> = shown.chars().collect();
    let around = |it: &&[char]| it[1] == '.' && it[0].is_alphabetic() && it[2].is_alphabetic();
    letters.windows(3).find(around).map(|it| it.iter().collect())
}

fn sent(mail: &Mail, rendered: Rendered) {
    let sender: Sender = "Support <support@example.com>".parse().expect("a sender");
    let letter = Letter {
        message_id: "word@example.com".to_owned(),
        kind: mail.kind(),
        to: Email::parse("to", "ana@example.com").expect("an address"),
        at: Millis(1_794_474_840_000),
        thread: mail.thread().map(str::to_owned),
        rendered,
    };
    let Ok(composed) = compose(&letter, &sender) else { panic!("it cannot be sent") };
    assert!(composed.bytes.is_ascii());
    for (name, _) in composed.headers() {
        assert!(HEADERS.iter().any(|it| it.eq_ignore_ascii_case(&name)), "{name}");
    }
}
