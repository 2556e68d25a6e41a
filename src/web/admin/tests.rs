//! Every page of the desk in every state, with texts that break pages: rendered, checked for what the
//! content policy forbids, and written below `target/pages` to be looked at.

use std::path::Path;

use askama::Template;

use super::dashboard::Dashboard;
use super::desk::DeskError;
use super::form::Filled;
use super::frame::{Frame, Told};
use super::oidc::{Go, Refused, Why};
use super::sessions::Sessions;
use super::sign_in::{Door, Link, Sent, SignedOut};
use crate::clock::Millis;
use crate::config::Config;
use crate::domain::dashboard::Dashboard as Figures;
use crate::domain::email::Email;
use crate::domain::sessions::{Session, SignedIn, Way};
use crate::domain::staff::{Role, Staff};
use crate::domain::staff_sign_ins::LinkLook;
use crate::domain::tickets::{Person, Priority, Status, Ticket};
use crate::ids::Reference;
use crate::web::problem::Problem;
use crate::web::site::Site;

const NOW: i64 = 1_795_392_000_000;
const HOSTILE: &str =
    "<script>alert(1)</script><img src=x onerror=alert(1)> \" ' & \u{202e}gnp.exe";

/// Holds one page against the policy, and keeps it to be looked at.
fn keep(name: &str, page: &impl Template) {
    let html = page.render().expect("a page");
    // Quotes inside texts are escaped, so a quote after `=` stands in our own markup.
    for forbidden in
        [" style=\"", " onclick=\"", " onerror=\"", "<style", "javascript:", "<script>", "<img"]
    {
        assert!(!html.contains(forbidden), "{name}: {forbidden}");
    }
    assert_eq!(html.matches("<h1").count(), 1, "{name}");
    let mut ids: Vec<&str> =
        html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    ids.sort_unstable();
    let all = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), all, "{name}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pages");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join(format!("{name}.html")), html).expect("a file");
}

fn session(id: i64, way: Way) -> Session {
    Session {
        id,
        staff_id: 1,
        way,
        browser: "Firefox on Linux".into(),
        network: "192.0.2.x".into(),
        created_at: Millis(NOW - 3_600_000),
        last_used_at: Millis(NOW),
        expires_at: Millis(NOW + 86_400_000),
    }
}

fn me(name: &str, role: Role) -> SignedIn {
    let email = Email::parse("email", "dana@rfs.example").expect("an address");
    let created_at = Millis(NOW);
    let staff = Staff { id: 1, email, name: name.into(), role, active: true, created_at };
    SignedIn { session: session(1, Way::Link), staff }
}

#[test]
fn pages_of_the_desk_keep_to_the_policy() {
    let site = Site::new(Config::default().brand);
    for (name, who) in [("dana", "Dana Reyes"), ("hostile", HOSTILE)] {
        let me = me(who, if name == "dana" { Role::Technician } else { Role::Admin });
        let frame = Frame { site: &site, me: &me, told: Told(0), path: "/admin/sessions" };
        keep(&format!("desk-dashboard-{name}"), &dashboard(frame, &[]));
        keep(&format!("desk-dashboard-full-{name}"), &dashboard(frame, &[ticket(who)]));
        let sessions = Way::ALL.iter().zip(1..).map(|(way, id)| session(id, *way));
        let sessions: Vec<Session> = sessions.collect();
        keep(&format!("desk-sessions-{name}"), &Sessions { frame, sessions: &sessions });
        let problem = Problem { detail: HOSTILE.into(), ..Problem::malformed_form() };
        keep(&format!("desk-error-{name}"), &DeskError::new(frame, &problem));
    }
    let form =
        Filled::with([("email", HOSTILE), ("then", "/admin/\"><script>"), ("code", HOSTILE)]);
    let provider = Some(HOSTILE);
    let door = Door { site: &site, form: &form, is_out: true, has_passkeys: true, provider };
    keep("desk-sign-in", &door);
    let url = "https://login.example/?a=b&c='%22;%20url=x";
    keep("desk-sign-in-oidc-go", &Go { site: &site, name: HOSTILE, url });
    for why in Why::ALL {
        let again = "/admin/sign-in?then=%2Fadmin";
        let page = Refused { site: &site, why, name: HOSTILE, again };
        keep(&format!("desk-sign-in-oidc-{why:?}"), &page);
    }
    keep("desk-sign-in-sent", &Sent { site: &site, form: &form });
    for (name, look) in [
        ("works", LinkLook::Works),
        ("other", LinkLook::OtherBrowser),
        ("expired", LinkLook::Expired),
        ("used", LinkLook::Used),
        ("unknown", LinkLook::Unknown),
    ] {
        let page = Link { site: &site, look, token: "\"><script>", asked: true };
        keep(&format!("desk-link-{name}"), &page);
    }
    let typed = [("a\"b".to_owned(), HOSTILE.to_owned())];
    keep("desk-signed-out", &SignedOut { site: &site, action: "/admin/x", typed: &typed });
}

fn dashboard<'a>(frame: Frame<'a>, waiting: &'a [Ticket]) -> Dashboard<'a> {
    let figures = Figures {
        waiting_for_me: 12,
        mine: 14,
        unassigned: 1,
        customer_last: 0,
        unfinished: 20_000,
        resolved_this_week: 3,
        week_began: Millis(NOW),
        failed_mails: 1_000,
    };
    Dashboard { frame, figures, waiting }
}

fn ticket(words: &str) -> Ticket {
    let person = Person {
        id: 2,
        email: Email::parse("email", "ana@example.com").expect("an address"),
        name: words.to_owned(),
    };
    Ticket {
        id: 1,
        reference: Reference::parse("TKT-7K3M9Q").expect("a reference"),
        subject: words.to_owned(),
        description: words.to_owned(),
        status: Status::InProgress,
        priority: Priority::Urgent,
        category: Some(words.to_owned()),
        customer: person.clone(),
        assignee: Some(person),
        resolution: None,
        resolved_at: None,
        note_count: 2,
        created_at: Millis(NOW),
        updated_at: Millis(NOW),
        staff_at: Millis(NOW),
        customer_last: true,
        last_entry: 3,
        version: 4,
    }
}

#[test]
fn only_admins_see_places_for_admins() {
    let site = Site::new(Config::default().brand);
    let count = |role| {
        let me = me("Dana Reyes", role);
        Frame { site: &site, me: &me, told: Told(0), path: "/admin" }.places().count()
    };
    let for_admins = super::frame::PLACES.iter().filter(|place| place.for_admins).count();
    assert_eq!(count(Role::Admin) - count(Role::Technician), for_admins);
    let me = me("D", Role::Admin);
    let page = dashboard(Frame { site: &site, me: &me, told: Told(0), path: "/admin" }, &[]);
    let html = page.render().expect("a page");
    assert_eq!(html.matches("aria-current=\"page\"").count(), 1, "{html}");
}
