//! The demo's year: what is promised of it, for several days on which somebody may start it.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::calendar::{DAY, is_working_time};
use super::fill::fill;
use super::plan::{Act, Planned, TICKETS, year};
use super::story::{Company, load};
use super::{CliError, DESK, Links, TRY, as_json, public_url, ready_link, settings, welcome};
use crate::app::App;
use crate::clock::{Clock, Millis};
use crate::config::{Config, Secret};
use crate::db::Tx;
use crate::domain::Rules;
use crate::domain::access;
use crate::domain::email::Email;
use crate::domain::tickets::{self, DeskQuery, ListFilter, Status, Ticket};
use crate::domain::transfer::{self, Assembler};
use crate::error::Error;
use crate::ids::Token;

/// A Thursday morning, a Sunday night, New Year, a leap day, midsummer.
const DAYS: [i64; 5] =
    [1_794_474_840_000, 1_794_712_000_000, 1_798_761_600_000, 1_835_395_200_000, 1_782_000_000_000];

fn years() -> Vec<(Millis, Company, Vec<Planned>)> {
    let each = DAYS.map(|now| {
        let (company, scripts) = load().expect("well-formed files");
        let tickets = year(&company, &scripts, Millis(now));
        (Millis(now), company, tickets)
    });
    each.into()
}

fn status(ticket: &Planned) -> Status {
    ticket.acts.iter().fold(Status::Open, |status, (_, act)| match act {
        Act::Start(_) => Status::InProgress,
        Act::Resolve(..) => Status::Resolved,
        Act::Close(_) => Status::Closed,
        Act::Reply(_) if status == Status::Resolved => Status::Open,
        _ => status,
    })
}

fn count(tickets: &[Planned], wanted: Status) -> usize {
    tickets.iter().filter(|ticket| status(ticket) == wanted).count()
}

/// Entries the customer sees, the first one included.
fn visible(ticket: &Planned) -> usize {
    let hidden = |act: &Act| matches!(act, Act::Assign(_) | Act::Internal(..));
    1 + ticket.acts.iter().filter(|(_, act)| !hidden(act)).count()
}

#[test]
fn a_year_has_its_customers_and_tickets() {
    for (_, company, tickets) in years() {
        assert_eq!(company.staff.len(), 5);
        assert_eq!(company.staff.iter().filter(|it| it.admin).count(), 1);
        assert_eq!(company.customers.len(), 40);
        assert_eq!(tickets.len(), TICKETS);
        let mut each: HashMap<usize, usize> = HashMap::new();
        for ticket in &tickets {
            *each.entry(ticket.customer).or_default() += 1;
        }
        assert_eq!(each.len(), 40, "everybody has one");
        let mut counts: Vec<usize> = each.into_values().collect();
        counts.sort_unstable();
        assert_eq!(counts[39], 60);
        assert!(counts[38] <= 16, "{counts:?}");
    }
}

#[test]
fn most_is_done_and_some_is_not() {
    for (now, _, tickets) in years() {
        let open = count(&tickets, Status::Open);
        let in_progress = count(&tickets, Status::InProgress);
        let resolved = count(&tickets, Status::Resolved);
        let told = format!("{}: {open} {in_progress} {resolved}", now.rfc3339());
        assert!((6..=20).contains(&open), "{told}");
        assert!((8..=24).contains(&in_progress), "{told}");
        assert!((20..=36).contains(&(open + in_progress)), "{told}");
        assert!((5..=40).contains(&resolved), "{told}");
        let nobody = tickets.iter().filter(|it| it.acts.is_empty()).count();
        assert!((2..=14).contains(&nobody), "{nobody} without a technician");
    }
}

#[test]
fn nothing_is_out_of_order_or_still_to_come() {
    for (now, _, tickets) in years() {
        for ticket in &tickets {
            let mut before = ticket.created;
            assert!(now.0 - before.0 <= 370 * DAY, "{}", ticket.subject);
            for (at, act) in &ticket.acts {
                assert!(before < *at && *at < now, "{} {act:?}", ticket.subject);
                before = *at;
            }
        }
    }
}

#[test]
fn staff_work_by_day_and_customers_have_the_last_word_before_a_visit() {
    let (_, _, tickets) = years().remove(0);
    let by_staff: Vec<Millis> = tickets
        .iter()
        .flat_map(|ticket| &ticket.acts)
        .filter(|(_, act)| matches!(act, Act::Public(..) | Act::Resolve(..)))
        .map(|(at, _)| *at)
        .collect();
    let working = by_staff.iter().filter(|at| is_working_time(**at)).count();
    assert!(working * 100 >= by_staff.len() * 95, "{working} of {}", by_staff.len());
}

#[test]
fn changes_are_ones_that_may_be_made() {
    for (_, _, tickets) in years() {
        for ticket in &tickets {
            let mut status = Status::Open;
            for (_, act) in &ticket.acts {
                let to = match act {
                    Act::Start(_) => Status::InProgress,
                    Act::Resolve(..) => Status::Resolved,
                    Act::Close(_) => Status::Closed,
                    Act::Reply(_) => {
                        assert_ne!(status, Status::Closed, "{}", ticket.subject);
                        if status == Status::Resolved {
                            status = Status::Open;
                        }
                        continue;
                    }
                    _ => continue,
                };
                assert!(status.may_become(to), "{}: {status:?} {to:?}", ticket.subject);
                status = to;
            }
        }
    }
}

#[test]
fn texts_keep_the_limits_and_no_slot_is_left() {
    let within = |text: &str, limit: usize| {
        let length = text.chars().count();
        assert!((1..=limit).contains(&length), "{length}: {text}");
        assert!(!text.contains(['{', '}', '|']) && text.trim() == text, "{text}");
    };
    let categories = Rules::default().categories;
    for (_, company, tickets) in years() {
        for client in &company.customers {
            assert!(
                Email::parse("email", &client.email).is_ok() && client.email.ends_with(".example")
            );
        }
        for ticket in &tickets {
            within(&ticket.subject, 200);
            within(&ticket.description, 20_000);
            assert!(categories.contains(&ticket.category), "{}", ticket.category);
            for (_, act) in &ticket.acts {
                match act {
                    Act::Public(_, text) | Act::Internal(_, text) => within(text, 5_000),
                    Act::Reply(text) => within(text, 2_000),
                    Act::Resolve(_, text) => within(text, 5_000),
                    Act::Assign(_) | Act::Start(_) | Act::Close(_) => {}
                }
            }
        }
    }
}

#[test]
fn no_ticket_is_there_twice() {
    for (_, _, tickets) in years() {
        let mut seen = HashSet::new();
        for ticket in &tickets {
            assert!(seen.insert((ticket.customer, &ticket.subject)), "{}", ticket.subject);
        }
        let bodies: HashSet<&str> = tickets.iter().map(|it| it.description.as_str()).collect();
        assert!(bodies.len() * 100 >= tickets.len() * 97, "{} descriptions", bodies.len());
    }
}

#[test]
fn the_special_cases_are_there() {
    for (now, company, tickets) in years() {
        let texts: String = tickets.iter().map(|it| it.subject.clone() + &it.description).collect();
        assert!(tickets.iter().any(|it| it.subject.chars().count() == 200));
        assert!(texts.contains('é') && texts.contains('ا') && texts.contains('🐝'));
        assert!(tickets.iter().any(|it| visible(it) > 110), "a very long timeline");
        assert!(tickets.iter().filter(|it| visible(it) > 15).count() >= 3, "long timelines");
        assert!(tickets.iter().any(|it| it.description.split("\n\n").count() >= 5));
        let acts = || tickets.iter().flat_map(|it| &it.acts);
        let noted = |text: &str| {
            acts().any(|(_, act)| matches!(act, Act::Public(_, said) if said.contains(text)))
        };
        assert!(noted("https://help.rfs.example/"));
        let two_days_ago = |at: Millis| (now.0 - at.0 - 2 * DAY).abs() < DAY / 24;
        assert!(acts().any(|(at, act)| matches!(act, Act::Resolve(..)) && two_days_ago(*at)));
        let reopened =
            tickets.iter().find(|it| it.subject.starts_with("Delivery bell")).expect("it");
        let resolved = reopened.acts.iter().position(|(_, act)| matches!(act, Act::Resolve(..)));
        let replied = reopened.acts.iter().rposition(|(_, act)| matches!(act, Act::Reply(_)));
        assert!(resolved < replied && resolved.is_some());
        assert!(tickets.iter().any(|it| company.customers[it.customer].email.starts_with("ana@")));
    }
}

#[test]
fn the_same_day_gives_the_same_year() {
    let first: Vec<Vec<Planned>> = years().into_iter().map(|(_, _, tickets)| tickets).collect();
    let again: Vec<Vec<Planned>> = years().into_iter().map(|(_, _, tickets)| tickets).collect();
    assert!(first == again);
}

/// The demo's application in a folder of its own, filled.
async fn filled(folder: &Path) -> Arc<App> {
    let config = settings(Config::default(), "127.0.0.1:8080".parse().expect("it"), folder);
    let app = App::start(config.expect("settings"), Clock::fixed(Millis(DAYS[0]))).await;
    let app = app.expect("an application");
    let (company, scripts) = load().expect("well-formed files");
    fill(&app, company, &scripts).await.expect("filled");
    app
}

async fn list(app: &App, status: Option<Status>) -> Vec<Ticket> {
    let mut query = DeskQuery { status, limit: 100, ..DeskQuery::default() };
    let mut found = Vec::new();
    loop {
        let asked = query.clone();
        let page = app.db.read(move |tx| tickets::list(tx, &asked)).await.expect("a page");
        found.extend(page.items);
        query.cursor = page.next;
        if query.cursor.is_none() {
            return found;
        }
    }
}

#[tokio::test]
async fn the_database_holds_the_year() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = filled(folder.path()).await;
    let all = list(&app, None).await;
    assert_eq!(all.len(), TICKETS);
    let (_, _, planned) = years().remove(0);
    for wanted in Status::ALL {
        assert_eq!(list(&app, Some(wanted)).await.len(), count(&planned, wanted), "{wanted:?}");
    }
    let long = all.iter().max_by_key(|ticket| ticket.note_count).expect("tickets");
    assert!(long.subject.starts_with("West wing") && long.note_count > 105, "{long:?}");
    assert!(all.iter().all(|it| it.updated_at < Millis(DAYS[0]) && it.version > 0));
    app.db.clone().close().await;
}

#[tokio::test]
async fn a_customer_opens_the_printed_link_and_finds_news_and_tickets() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = filled(folder.path()).await;
    let link = ready_link(&app).await.expect("a link");
    let token = link.strip_prefix("http://127.0.0.1:8080/portal#token=").expect("the address");
    let token = Token::parse(token).expect("a token");
    let now = app.clock.now();
    let mine = app.db.read(move |tx| {
        let viewer = access::viewer(tx, &token, now)?;
        let filter = ListFilter { status: None, query: None, cursor: None, limit: 100 };
        tickets::list_for_customer(tx, &viewer, &filter)
    });
    let mine = mine.await.expect("a list").items;
    for wanted in Status::ALL {
        assert!(mine.iter().any(|it| it.status == wanted), "nothing is {wanted:?}");
    }
    let unread = mine.iter().filter(|ticket| ticket.unread).count();
    assert!((1..=4).contains(&unread), "{unread} of {} are new", mine.len());
    app.db.clone().close().await;
}

/// Every line of an export.
async fn lines(app: &App) -> Vec<String> {
    let written = app.db.survey(|tx| {
        let mut lines = Vec::new();
        transfer::export::<Error>(tx, &mut |line| {
            lines.push(serde_json::to_string(line).expect("JSON"));
            Ok(())
        })?;
        Ok::<_, Error>(lines)
    });
    written.await.expect("lines")
}

#[tokio::test]
async fn the_year_moves_into_an_empty_database_and_is_the_same_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = filled(folder.path()).await;
    let written = lines(&app).await;
    let mut config = app.config.clone();
    config.database.url = Secret::new(format!("sqlite:{}", folder.path().join("b.db").display()));
    let copy = App::start(config, app.clock.clone()).await.expect("an application");
    let mut assembler = Assembler::new(1, &written[0], None).expect("a header");
    for (number, line) in written.iter().enumerate().skip(1) {
        assembler.read(number as u64 + 1, line);
    }
    assembler.finish();
    let (pieces, now) = (assembler.take_ready(), app.clock.now());
    let import = move |tx: &mut Tx<'_>| transfer::import(tx, transfer::SOURCE, &pieces, now);
    let outcome = copy.db.write(import).await.expect("imported");
    assert_eq!((outcome.tally.tickets, outcome.bad), (TICKETS as u64, vec![]));
    let (there, here) = (lines(&copy).await, lines(&app).await);
    assert!(there == here && here == written);
    assert_eq!(list(&copy, None).await.len(), TICKETS);
    for app in [app, copy] {
        app.db.clone().close().await;
    }
}

#[tokio::test]
async fn nobody_is_mailed_about_the_past() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = filled(folder.path()).await;
    let waiting = app.db.read(|tx| tx.one::<i64>("SELECT count(*) FROM outbox", &[])).await;
    assert_eq!(waiting.expect("a number"), 0);
    app.db.clone().close().await;
}

#[test]
fn the_demo_keeps_to_itself() {
    let url = |text: &str| public_url(text.parse().expect("an address"));
    assert_eq!(url("127.0.0.1:8080").expect("own").as_str(), "http://127.0.0.1:8080");
    assert_eq!(url("[::1]:81").expect("own").as_str(), "http://[::1]:81");
    assert_eq!(url("0.0.0.0:8080").expect("a container's").as_str(), "http://127.0.0.1:8080");
    assert!(matches!(url("192.0.2.7:8080"), Err(CliError::Usage(_))));
}

#[test]
fn what_is_printed_names_every_address() {
    let (company, _) = load().expect("well-formed files");
    let base = "http://127.0.0.1:8080";
    let links = Links {
        portal: format!("{base}/portal#token=x"),
        desk: format!("{base}/admin/sign-in/link/y"),
    };
    let text = welcome(base, &links);
    for address in [
        "8080/\n",
        "8080/portal\n",
        "8080/admin\n",
        "8080/dev/mailbox\n",
        "/portal#token=x\n",
        "/admin/sign-in/link/y\n",
    ] {
        assert!(text.contains(address), "{address}: {text}");
    }
    for (email, _) in TRY {
        assert!(text.contains(email) && company.customers.iter().any(|it| it.email == email));
    }
    let admin = company.staff.iter().find(|colleague| colleague.admin).expect("an admin");
    assert_eq!(admin.email, DESK);
    assert!(as_json("u", &links).starts_with('{'));
}
