//! Every page in every state, with the texts that break pages: rendered, checked for what the
//! content policy forbids, and written below `target/pages` to be looked at.

use std::path::Path;

use askama::Template;

use super::list::List;
use super::ticket::Ticket;
use super::{Missing, Reader, Refused, Shell};
use crate::clock::Millis;
use crate::config::{Brand, Card, Config};
use crate::domain::entries::{By, Entry, Kind, Visibility};
use crate::domain::tickets::{Counts, Detail, Priority, Status, Summary};
use crate::ids::Reference;
use crate::web::dev::{Mail, MailPage, Mailbox};
use crate::web::hub::{ErrorPage, Hub};
use crate::web::site::Site;

const NOW: i64 = 1_795_392_000_000;
const HOUR: i64 = 3_600_000;
const PUBLIC_URL: &str = "http://localhost:8080";
const HOSTILE: &str =
    "<script>alert(1)</script><img src=x onerror=alert(1)> \" ' & \u{202e}gnp.exe";

fn site() -> Site {
    let card =
        Card { title: "Service calls".into(), text: "Book a visit.".into(), url: "/visits".into() };
    Site::new(Brand {
        phone: Some("613 555 0142".into()),
        hours: Some("weekdays 8 to 18".into()),
        cards: vec![card],
        ..Config::default().brand
    })
}

fn reader() -> Reader {
    Reader {
        email: "ana@cafe-lumen.example".into(),
        name: "Ana Costa".into(),
        expires_at: Millis(NOW + 96 * HOUR),
    }
}

fn summary(
    reference: &str,
    subject: &str,
    status: Status,
    hours_ago: i64,
    unread: bool,
) -> Summary {
    Summary {
        reference: Reference::parse(reference).expect("a reference"),
        subject: subject.into(),
        status,
        assigned_to: (status != Status::Open).then(|| "Dana Reyes".into()),
        created_at: Millis(NOW - (hours_ago + 200) * HOUR),
        updated_at: Millis(NOW - hours_ago * HOUR),
        note_count: i64::from(unread) * 3 + 1,
        unread,
    }
}

fn tickets() -> Vec<Summary> {
    vec![
        summary(
            "TKT-7K3M9Q",
            "Alarm keeps beeping after the battery was changed",
            Status::InProgress,
            2,
            true,
        ),
        summary("TKT-D81XWA", "Camera 3 shows a black picture at night", Status::Open, 27, false),
        summary("TKT-0V2HPC", "New key fob for the back office", Status::Resolved, 410, false),
        summary(
            "TKT-Q4Z6RN",
            "Déclenchement intempestif du détecteur de mouvement, côté cour, depuis l’orage de samedi",
            Status::Closed,
            900,
            false,
        ),
        summary("TKT-AR4B1C", "الكاميرا عند الباب الخلفي لا تعمل", Status::Resolved, 1400, false),
        summary("TKT-X55XSS", HOSTILE, Status::Closed, 9000, false),
    ]
}

fn entry(
    id: i64,
    kind: Kind,
    by: By,
    author: Option<&str>,
    body: Option<&str>,
    to: Option<Status>,
) -> Entry {
    Entry {
        id,
        kind,
        at: Millis(NOW - (60 - id) * HOUR),
        by,
        author: author.map(String::from),
        body: body.map(String::from),
        from: to.map(|_| Status::Open),
        to,
        visibility: Visibility::Public,
    }
}

fn timeline() -> Vec<Entry> {
    let dana = Some("Dana Reyes");
    vec![
        entry(1, Kind::Created, By::Customer, Some("Ana Costa"), None, None),
        entry(2, Kind::StatusChanged, By::Staff, dana, None, Some(Status::InProgress)),
        entry(
            3,
            Kind::Note,
            By::Staff,
            dana,
            Some(
                "Good morning Ana, zone 4 is the sensor at the back door. Could you check that its cover is fully closed? The beep stops a minute later if that was it.\n\nThis page shows how: https://example.com/zone?x=1&y=2.",
            ),
            None,
        ),
        entry(
            4,
            Kind::Reply,
            By::Customer,
            Some("Ana Costa"),
            Some(
                "Thanks for the update. The alarm is still beeping intermittently. Can someone come by this week? 🙏",
            ),
            None,
        ),
        entry(
            5,
            Kind::Note,
            By::Program,
            None,
            Some("A visit was booked for Thursday, 9:00 to 11:00."),
            None,
        ),
        entry(
            6,
            Kind::Note,
            By::Staff,
            Some("محمد الأمين"),
            Some("مرحبا، سأحضر معي حساسا جديدا."),
            None,
        ),
        entry(7, Kind::Note, By::Staff, Some(HOSTILE), Some(HOSTILE), None),
    ]
}

fn detail(status: Status) -> Detail {
    let done = matches!(status, Status::Resolved | Status::Closed);
    let text = "The contact of the back door was worn. I replaced the sensor and tested all zones: no more beeping.";
    let mut timeline = timeline();
    if done {
        timeline.push(entry(8, Kind::Resolution, By::Staff, Some("Dana Reyes"), Some(text), None));
        timeline.push(entry(
            9,
            Kind::StatusChanged,
            By::Staff,
            Some("Dana Reyes"),
            None,
            Some(Status::Resolved),
        ));
    }
    if status == Status::Closed {
        timeline.push(entry(10, Kind::StatusChanged, By::System, None, None, Some(status)));
    }
    Detail {
        ticket_id: 1,
        version: 1,
        summary: Summary { status, ..tickets()[0].clone() },
        description: "Since Luc changed the battery on Monday the keypad in the kitchen beeps once a minute. The display says “CHECK ZONE 4”. We switched it off and on again, no change.".into(),
        priority: Priority::High,
        category: Some("Alarm".into()),
        resolution: done.then(|| text.into()),
        timeline,
        earlier: (status == Status::InProgress).then(|| "e1".into()),
    }
}

fn list(
    site: &Site,
    counts: Counts,
    status: Option<Status>,
    query: &str,
    tickets: &[Summary],
    next: Option<&str>,
) -> String {
    List { site, reader: &reader(), counts, status, query, tickets, next, is_first: true }
        .render()
        .expect("a list")
}

fn ticket(site: &Site, status: Status) -> String {
    Ticket { site, reader: &reader(), ticket: &detail(status), reopens: true }
        .render()
        .expect("a ticket")
}

fn mail() -> Mail {
    Mail {
        id: "1".into(),
        from: "RFS Support <support@localhost>".into(),
        to: "ana@cafe-lumen.example".into(),
        subject: "Your link to RFS Support".into(),
        at: Millis(NOW),
        text: "Hello Ana,\n\nhere is your link:\nhttp://localhost:8080/portal#token=AAAA\n\nCode: 123456".into(),
        html: "<p>Hello</p>".into(),
    }
}

fn pages() -> Vec<(&'static str, String)> {
    let site = site();
    let counts = Counts { open: 1, in_progress: 1, resolved: 2, closed: 2 };
    let mails = [mail()];
    let page = |template: &dyn askama::DynTemplate| template.dyn_render().expect("a page");
    vec![
        ("shell", page(&Shell { site: &site })),
        ("list", list(&site, counts, None, "", &tickets(), Some("20_x"))),
        ("list-search", list(&site, counts, None, "camera", &tickets()[1..2], None)),
        ("list-empty", list(&site, Counts::default(), None, "", &[], None)),
        ("list-no-result", list(&site, counts, None, HOSTILE, &[], None)),
        ("list-no-open", list(&site, counts, Some(Status::Open), "", &[], None)),
        ("ticket-open", ticket(&site, Status::Open)),
        ("ticket-in-progress", ticket(&site, Status::InProgress)),
        ("ticket-resolved", ticket(&site, Status::Resolved)),
        ("ticket-closed", ticket(&site, Status::Closed)),
        ("expired", page(&Refused { site: &site, expired: true })),
        ("invalid", page(&Refused { site: &site, expired: false })),
        ("missing", page(&Missing)),
        ("hub", page(&Hub { site: &site })),
        ("error-404", page(&ErrorPage::new(&site, 404, None))),
        ("error-500", page(&ErrorPage::new(&site, 500, Some("q3J9x")))),
        ("error-503", page(&ErrorPage::new(&site, 503, None))),
        ("mailbox", page(&Mailbox { site: &site, mails: &mails })),
        ("mailbox-empty", page(&Mailbox { site: &site, mails: &[] })),
        ("mail", page(&MailPage { site: &site, mail: &mails[0], public_url: PUBLIC_URL })),
    ]
}

#[test]
fn no_page_needs_what_the_content_policy_forbids() {
    for (name, html) in pages() {
        // Quotes inside texts are escaped, so a quote after `=` stands in our own markup.
        for forbidden in
            [" style=\"", " onclick=\"", " onerror=\"", "<style", "javascript:", "<script>", "<img"]
        {
            assert!(!html.contains(forbidden), "{name}: {forbidden}");
        }
    }
}

#[test]
fn every_page_has_one_heading_and_no_id_twice() {
    for (name, html) in pages() {
        let html = if name == "shell" {
            html.split("<template").next().expect("a part").to_owned()
        } else {
            html
        };
        assert_eq!(html.matches("<h1").count(), 1, "{name}");
        let mut ids: Vec<&str> =
            html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        ids.sort_unstable();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all, "{name}");
    }
}

#[test]
fn a_customer_reads_you_and_programs_speak_for_the_company() {
    let html = ticket(&site(), Status::Closed);
    assert!(html.contains("You opened this ticket"));
    assert!(html.contains("<bdi>You</bdi>") && !html.contains("<b><bdi>Ana Costa</bdi>"));
    assert!(html.contains("<b><bdi>RFS</bdi></b>"));
    assert!(html.contains("This ticket is closed") && !html.contains("Send Reply"));
}

#[test]
fn the_mailbox_offers_the_link_of_the_mail_not_one_that_somebody_wrote() {
    let text = format!("Dana wrote: see https://example.com/zone\n{PUBLIC_URL}/portal#token=AAAA");
    let mail = Mail { text, ..mail() };
    let html = MailPage { site: &site(), mail: &mail, public_url: PUBLIC_URL }.render();
    let html = html.expect("a page");
    assert!(!html.contains("href=\"https://example.com"), "{html}");
    assert!(html.contains("portal#token=AAAA\">Open the Link in This Mail"), "{html}");
}

#[test]
fn the_shell_is_the_same_for_everybody() {
    assert_eq!(Shell { site: &site() }.render().ok(), Shell { site: &site() }.render().ok());
}

#[test]
fn pages_can_be_looked_at() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pages");
    std::fs::create_dir_all(&folder).expect("a folder");
    let site = site();
    for (name, html) in pages() {
        std::fs::write(folder.join(format!("{name}.html")), html).expect("a file");
    }
    for name in ["portal.css", "portal.js"] {
        let text = site.assets.plain(name);
        std::fs::write(folder.join(site.assets.url(name).trim_start_matches("/assets/")), text)
            .expect("a file");
    }
}
