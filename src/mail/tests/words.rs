//! Every mail as it reads, and what hostile words become.

use crate::domain::Rules;
use crate::mail::{Brand, Mail, Minted, render};

use super::{TOKEN, brand, minted, say};

const SUBJECT: &str = "Alarm keeps beeping after the battery was changed";

fn samples() -> Vec<Mail> {
    let reference = "TKT-7K3M9Q".to_owned();
    let subject = SUBJECT.to_owned();
    let customer_name = "Ana Costa".to_owned();
    let note = "Good morning Ana,\n\nzone 4 is the sensor at the back door. Could you check that its cover is fully closed? The beep stops a minute later if that was it.\n\nDana";
    vec![
        Mail::PortalLink { customer_name: customer_name.clone(), ticket: None },
        Mail::PortalLink { customer_name: String::new(), ticket: Some(reference.clone()) },
        Mail::TicketCreated {
            customer_name: customer_name.clone(),
            reference: reference.clone(),
            subject: subject.clone(),
        },
        Mail::NoteAdded {
            customer_name: customer_name.clone(),
            reference: reference.clone(),
            subject: subject.clone(),
            author: Some("Dana Reyes".into()),
            note: note.into(),
        },
        Mail::StatusChanged {
            customer_name: customer_name.clone(),
            reference: reference.clone(),
            subject: subject.clone(),
            from: "Open".into(),
            to: "In Progress".into(),
        },
        Mail::TicketResolved {
            customer_name: customer_name.clone(),
            reference: reference.clone(),
            subject: subject.clone(),
            resolution: "The cover of the sensor in zone 4 was loose. We closed it and tested the alarm twice.".into(),
            note: Some("Thank you for your patience, Ana. Have a quiet evening!".into()),
        },
        Mail::CustomerReplied {
            reference: reference.clone(),
            subject: subject.clone(),
            customer_name,
            customer_email: "ana@cafe-lumen.example".into(),
            reply: "Thanks for the update. The alarm is still beeping intermittently. 😕\nCan someone come by this week?\n\nشكرا جزيلا".into(),
        },
        Mail::TicketAssigned {
            reference,
            subject,
            technician_name: "Dana Reyes".into(),
            assigned_by: Some("Luc Weber".into()),
        },
        Mail::StaffSignIn { name: "Dana Reyes".into() },
        Mail::StaffLink { name: "Kim Park".into(), sent_by: Some("Dana Reyes".into()) },
    ]
}

#[test]
fn every_mail_reads_as_it_should() {
    for mail in samples() {
        let words = say(&mail);
        let suffix = if matches!(&mail, Mail::PortalLink { ticket: Some(_), .. }) {
            "_to_ticket"
        } else {
            ""
        };
        let name = format!("{}{suffix}", mail.kind());
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, filters => vec![(TOKEN, "[token]")] }, {
            insta::assert_snapshot!(format!("{name}.txt"), format!("Subject: {}\n\n{}", words.subject, words.text));
            insta::assert_snapshot!(format!("{name}.html"), words.html);
        });
    }
}

#[test]
fn both_forms_carry_the_link_and_nothing_remote() {
    for mail in samples() {
        let words = say(&mail);
        let link = words.text.lines().find(|line| line.starts_with("https://")).expect("a link");
        let escaped = link.replace('=', "&#61;");
        assert!(words.html.contains(link) || words.html.contains(&escaped), "{}", mail.kind());
        for remote in ["<img", "src=", "url(", "<link", "@import", "<script"] {
            assert!(!words.html.contains(remote), "{}: {remote}", mail.kind());
        }
        assert_eq!(words.html.matches("href=").count(), 1, "{}: one link, the button", mail.kind());
        assert!(words.html.len() < 100_000, "Gmail cuts mails at 102 KB");
    }
}

#[test]
fn what_is_stored_says_its_kind_and_comes_back() {
    for mail in samples() {
        let stored = serde_json::to_string(&mail).expect("JSON");
        assert!(stored.contains(&format!("\"kind\":\"{}\"", mail.kind())));
        assert_eq!(serde_json::from_str::<Mail>(&stored).expect("a mail"), mail);
    }
    let lanes: Vec<i64> = samples().iter().map(Mail::lane).collect();
    assert_eq!(lanes, [0, 0, 1, 1, 1, 1, 1, 1, 0, 0]);
}

#[test]
fn hostile_words_stay_words() {
    let evil = "Win <b>https://evil.example/x</b>\r\nBcc: eve@evil.example\u{202e}";
    let mail = Mail::NoteAdded {
        customer_name: evil.into(),
        reference: "TKT-7K3M9Q".into(),
        subject: evil.into(),
        author: Some(evil.into()),
        note: "<script>alert(1)</script>\n.\nOpen your ticket: nowhere".into(),
    };
    let words = say(&mail);
    assert!(!words.subject.contains(['\r', '\n', '\u{202e}']));
    assert!(words.subject.contains("Win <b>https://evil.example/x</b> Bcc: eve@evil.example"));
    assert!(words.text.starts_with("Hello,\n"));
    let own = |text: &str| text.replace("https://support.rfs.example", "");
    assert!(!own(&words.text).contains("://") && !own(&words.html).contains("://"));
    assert!(!words.html.contains("evil.example"));
    assert!(!words.html.contains("<script") && !words.html.contains("<b>https"));
    assert!(words.text.contains("> .\n> Open your ticket: nowhere\n"));
}

#[test]
fn a_subject_reads_as_it_was_typed() {
    let mail = Mail::TicketCreated {
        customer_name: "Dr.Müller".into(),
        reference: "TKT-7K3M9Q".into(),
        subject: "Node.js app at info@firma.de".into(),
    };
    let words = say(&mail);
    assert!(words.subject.ends_with(": Node.js app at info@firma.de"), "{}", words.subject);
    assert!(words.text.contains("\nNode.js app at info@firma.de\n"), "{}", words.text);
    let read = |text: &str| text.replace('\u{2060}', "");
    assert!(read(&words.html).contains("Node.js app at info@firma.de"));
    assert!(!words.html.contains("Node.js") && !words.html.contains("firma.de"), "no link");
    assert!(read(&words.text).starts_with("Hello Dr.Müller,"));
}

#[test]
fn a_resolved_ticket_s_mail_promises_to_reopen_only_if_it_will() {
    let mail = samples().into_iter().find(|mail| mail.kind() == "ticket_resolved").expect("one");
    for reopen_on_reply in [true, false] {
        let rules = Rules { reopen_on_reply, ..Rules::default() };
        let words = render(&mail, &brand(), &rules, &minted("/x")).expect("words");
        for part in [&words.text, &words.html] {
            assert_eq!(part.contains("it opens again"), reopen_on_reply, "{part}");
            assert!(part.contains("Not solved yet? Open the ticket"), "{part}");
        }
    }
}

#[test]
fn nothing_is_promised_that_is_not_there() {
    let bare = Brand { support_phone: None, support_hours: None, colour: "red".into(), ..brand() };
    let nothing = Minted { link: None, code: None, valid_for: "7 days".into() };
    for mail in samples() {
        let words = render(&mail, &bare, &Rules::default(), &nothing).expect("words");
        assert!(
            !words.html.contains("href") && !words.html.contains("Rather talk"),
            "{}",
            mail.kind()
        );
        assert!(
            !words.text.contains("this code") && !words.text.contains("Phone:"),
            "{}",
            mail.kind()
        );
        assert!(!words.text.contains("The link works"), "{}", mail.kind());
        assert!(!words.html.contains("The link works"), "{}", mail.kind());
        assert!(!words.text.contains("\n\n\n"));
    }
}

#[test]
fn quoted_empty_lines_are_kept() {
    let mail = Mail::CustomerReplied {
        reference: "TKT-7K3M9Q".into(),
        subject: "x".into(),
        customer_name: String::new(),
        customer_email: "ana@cafe-lumen.example".into(),
        reply: "a\n\n\n\nb".into(),
    };
    let words = render(&mail, &brand(), &Rules::default(), &minted("/x")).expect("words");
    assert!(words.text.contains("> a\n>\n>\n>\n> b\n"), "{}", words.text);
    assert!(words.subject.starts_with("[TKT-7K3M9Q] The customer replied"));
}
