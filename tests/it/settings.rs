//! Settings that admins make at the desk: where they count and where the operator's word does, who sees a
//! change and when, and that nobody decides by one that no longer holds.

use std::sync::Arc;
use std::time::Duration;

use doorkey::app::App;
use doorkey::config::Config;
use doorkey::domain::Actor;
use doorkey::domain::logos::Logo;
use doorkey::domain::settings::{self, Change, Outcome, Section, Seen};
use doorkey::domain::staff::Role;
use doorkey::domain::tickets::Status;
use doorkey::domain::transfer::{self, Assembler, Tally};
use doorkey::error::{Error, FieldCode};

use crate::real::doorkey::Doorkey;
use crate::support::desk::to;
use crate::support::{START, TestApp};

pub const ALICE: &str = "alice@example.com";

/// Somebody who may change settings.
pub fn helen() -> Actor {
    Actor::Staff { id: 1, name: "Helen Vos".into(), role: Role::Admin }
}

/// Changes settings as a page of the desk does that was opened just now.
pub async fn set(
    app: &App,
    section: Section,
    changes: &[(&'static str, &str)],
) -> Result<Outcome, Error> {
    let seen = Seen::of(section, &*app.shown().await);
    set_seen(app, section, &seen, changes).await
}

async fn set_seen(
    app: &App,
    section: Section,
    seen: &Seen,
    changes: &[(&'static str, &str)],
) -> Result<Outcome, Error> {
    let changes: Vec<Change> =
        changes.iter().map(|(name, value)| Change { name, value: (*value).to_owned() }).collect();
    let (keeper, now, seen) = (Arc::clone(&app.settings), app.clock.now(), seen.clone());
    let work = move |tx: &mut doorkey::domain::Tx<'_>| {
        settings::save(tx, &keeper, &helen(), (section, &seen), (&changes, None), now)
    };
    let outcome = app.db.write(work).await;
    app.settings_changed();
    outcome
}

/// Gives the company a logo; answers its hash.
pub async fn set_logo(app: &App) -> String {
    let drawing =
        br##"<svg xmlns="http://www.w3.org/2000/svg"><path fill="#a50" d="M0 0h8"/></svg>"##;
    let logo = Logo::read("logo", drawing).unwrap();
    let (hash, seen) = (logo.hash.clone(), Seen::of(Section::Logo, &*app.shown().await));
    let (keeper, now) = (Arc::clone(&app.settings), app.clock.now());
    let work = move |tx: &mut doorkey::domain::Tx<'_>| {
        let change = Change { name: "brand.logo", value: logo.hash.clone() };
        settings::save(tx, &keeper, &helen(), (Section::Logo, &seen), (&[change], Some(&logo)), now)
    };
    let outcome: Result<Outcome, Error> = app.db.write(work).await;
    assert_eq!(outcome.unwrap(), Outcome::Done);
    app.settings_changed();
    hash
}

/// Settings as if the operator had written this file.
pub fn operator_says(config: &mut Config, environment: &[(&str, &str)]) {
    let pairs = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let said = Config::load(Vec::new(), pairs).unwrap();
    let (url, data_dir) = (config.database.url.clone(), config.data_dir.clone());
    *config = said;
    config.database.url = url;
    config.data_dir = data_dir;
}

#[tokio::test]
async fn a_setting_holds_from_the_next_transaction_on_and_is_told_with_its_author() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    let ticket = app.ticket(ALICE, "My camera").await.reference;
    app.resolve(&ticket, "Plugged in.").await.unwrap();
    let off = [("tickets.reopen_on_reply", "false"), ("tickets.auto_close_days", "3")];
    assert_eq!(set(&app, Section::Tickets, &off).await.unwrap(), Outcome::Done);
    app.reply(&alice, &ticket, "Thank you.").await.unwrap();
    assert_eq!(app.see(&ticket).await.status, Status::Resolved);
    let made = app.shown().await.made("tickets.auto_close_days").cloned().unwrap();
    assert_eq!((made.value.as_str(), made.changed_by.as_str()), ("3", "Helen Vos"));
    assert_eq!(made.changed_at, START);
    app.sleep_days(4);
    while doorkey::jobs::tidy::close(&app).await.unwrap() {}
    assert_eq!(app.see(&ticket).await.status, Status::Closed);
}

#[tokio::test]
async fn what_the_operator_says_counts_before_the_desk_and_cannot_be_changed_there() {
    let app = TestApp::with(|config| {
        operator_says(config, &[("DOORKEY_BRAND_NAME", "Halden"), ("DOORKEY_BRAND_PHONE", " ")]);
    })
    .await;
    let error = set(&app, Section::Brand, &[("brand.name", "Other")]).await.unwrap_err();
    let Error::Invalid(fields) = error else { panic!("{error:?}") };
    assert_eq!((fields[0].field.as_str(), fields[0].code), ("name", FieldCode::Taken));
    assert!(fields[0].message.contains("DOORKEY_BRAND_NAME"), "{}", fields[0].message);
    // One that is wrong keeps all of them back.
    let both = [("brand.hours", "weekdays"), ("brand.name", "Other")];
    assert!(set(&app, Section::Brand, &both).await.is_err());
    assert_eq!(app.shown().await.config.brand.hours, None);
    // What is set to nothing is left to the desk.
    set(&app, Section::Brand, &[("brand.phone", "555 0142")]).await.unwrap();
    let shown = app.shown().await;
    assert_eq!(shown.config.brand.phone.as_deref(), Some("555 0142"));
    assert_eq!(shown.config.brand.name, "Halden");
    assert!(shown.made("brand.name").is_none() && shown.made("brand.phone").is_some());
}

#[tokio::test]
async fn what_the_operator_says_later_wins_over_what_is_stored_and_gives_it_back() {
    let app = TestApp::start().await;
    set(&app, Section::Brand, &[("brand.name", "Desk")]).await.unwrap();
    let mut config = app.config.clone();
    operator_says(&mut config, &[("DOORKEY_BRAND_NAME", "Operator")]);
    let clock = doorkey::clock::Clock::fixed(START);
    let stricter = App::start(config, clock.clone()).await.unwrap();
    assert_eq!(stricter.shown().await.config.brand.name, "Operator");
    assert!(stricter.shown().await.made("brand.name").is_none());
    let again = App::start(app.config.clone(), clock).await.unwrap();
    assert_eq!(again.shown().await.config.brand.name, "Desk");
}

#[tokio::test]
async fn another_process_decides_by_a_change_at_once_and_shows_it_within_a_second() {
    let app = TestApp::start().await;
    let other = app.beside().await;
    assert_eq!(other.shown().await.config.brand.name, "RFS");
    set(&app, Section::Brand, &[("brand.name", "Halden")]).await.unwrap();
    set(&app, Section::Tickets, &[("tickets.categories", r#"["Doors"]"#)]).await.unwrap();
    assert_eq!(app.shown().await.config.brand.name, "Halden", "its own process shows it at once");
    let categories: Result<Vec<String>, Error> =
        other.decide(|_, rules| Ok(rules.categories.clone())).await;
    assert_eq!(categories.unwrap(), ["Doors"], "no transaction decides by what held before");
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert_eq!(other.shown().await.config.brand.name, "Halden");
    assert_eq!(other.shown().await.rules.categories, ["Doors"]);
}

#[tokio::test]
async fn nobody_asks_for_settings_while_they_are_fresh_or_nobody_comes() {
    let app = TestApp::start().await;
    app.shown().await;
    crate::support::trace::record();
    let looks = || {
        let ran = crate::support::trace::counted();
        ran.into_iter()
            .filter(|((file, _), _)| file == "src/store/settings.rs")
            .map(|it| it.1)
            .sum()
    };
    let before: u64 = looks();
    for _ in 0..50 {
        app.anon().get("/portal").await.expect(200);
    }
    let after: u64 = looks();
    assert!(after - before <= 2, "{} looks for 50 pages", after - before);
}

#[tokio::test]
async fn a_change_that_is_undone_was_never_there() {
    let app = TestApp::start().await;
    let keeper = Arc::clone(&app.settings);
    let seen = Seen::of(Section::Brand, &*app.shown().await);
    let inside = Arc::clone(&app.settings);
    let undone: Result<(), Error> = app
        .db
        .write(move |tx| {
            let change = Change { name: "brand.name", value: "Undone".to_owned() };
            let what = (Section::Brand, &seen);
            settings::save(tx, &keeper, &helen(), what, (&[change], None), START)?;
            assert_eq!(inside.in_force(tx)?.config.brand.name, "Undone", "it holds inside");
            Err(Error::NotFound)
        })
        .await;
    assert!(undone.is_err());
    app.settings_changed();
    assert_eq!(app.shown().await.config.brand.name, "RFS");
    let name: Result<String, Error> = {
        let keeper = Arc::clone(&app.settings);
        app.db.write(move |tx| Ok(keeper.in_force(tx)?.config.brand.name.clone())).await
    };
    assert_eq!(name.unwrap(), "RFS");
}

#[tokio::test]
async fn two_who_save_the_same_page_do_not_undo_each_other() {
    let app = TestApp::start().await;
    let seen = Seen::of(Section::Brand, &*app.shown().await);
    let first = set_seen(&app, Section::Brand, &seen, &[("brand.name", "First")]).await;
    assert_eq!(first.unwrap(), Outcome::Done);
    let second = set_seen(&app, Section::Brand, &seen, &[("brand.name", "Second")]).await;
    assert_eq!(second.unwrap(), Outcome::ChangedMeanwhile);
    // The same again is done already; another page is nobody's business.
    let again = set_seen(&app, Section::Brand, &seen, &[("brand.name", "First")]).await;
    assert_eq!(again.unwrap(), Outcome::Done);
    assert_eq!(app.shown().await.config.brand.name, "First");
    assert_eq!(
        set(&app, Section::Mails, &[("mail.on_note_added", "false")]).await.unwrap(),
        Outcome::Done
    );
}

#[tokio::test]
async fn savers_at_the_same_time_take_turns() {
    let app = TestApp::start().await;
    let other = app.beside().await;
    let seen = Seen::of(Section::Brand, &*app.shown().await);
    let (one, two) = tokio::join!(
        set_seen(&app, Section::Brand, &seen, &[("brand.name", "One")]),
        set_seen(
            &other,
            Section::Brand,
            &seen,
            &[("brand.name", "Two"), ("brand.hours", "Always")]
        ),
    );
    let outcomes = [one.unwrap(), two.unwrap()];
    assert_eq!(outcomes.iter().filter(|it| **it == Outcome::Done).count(), 1, "{outcomes:?}");
    let brand = app.shown().await.config.brand.clone();
    assert_eq!(brand.name == "Two", brand.hours.is_some(), "all of one or all of the other");
}

#[tokio::test]
async fn a_setting_of_a_newer_version_is_left_out_and_the_rest_holds() {
    let app = TestApp::start().await;
    set(&app, Section::Brand, &[("brand.name", "Halden")]).await.unwrap();
    app.sql("UPDATE settings_stamp SET stamp = 'newer'").await;
    app.sql("INSERT INTO settings VALUES ('brand.sound', 'ding', 0, 'x'), ('portal.link_ttl', 'soon', 0, 'x')")
        .await;
    app.settings_changed();
    let shown = app.shown().await;
    assert_eq!(shown.config.brand.name, "Halden");
    assert_eq!(shown.rules.link_ttl, Duration::from_secs(7 * 86_400));
}

#[tokio::test]
async fn each_kind_of_mail_can_be_left_out_but_the_way_in() {
    let app = TestApp::with(|config| {
        config.mail.staff_inbox = Some(crate::support::desk::email("desk@rfs.example"));
    })
    .await;
    let names = Section::Mails.names().iter().filter(|name| name.starts_with("mail.on_"));
    let off: Vec<(&'static str, &str)> = names.map(|name| (*name, "false")).collect();
    assert_eq!(off.len(), 6);
    for on in [true, false] {
        let word = if on { "true" } else { "false" };
        let all: Vec<(&'static str, &str)> = off.iter().map(|(name, _)| (*name, word)).collect();
        set(&app, Section::Mails, &all).await.unwrap();
        let before = app.mails().len();
        let tech = app.staff(&format!("tech-{on}@rfs.example"), "Tess", Role::Technician).await;
        let address = format!("ann-{on}@example.com");
        let new = app.new_ticket(&address, "A door");
        let ticket = app.create(new).await.unwrap().reference;
        let ann = app.customer(&address).await;
        app.reply(&ann, &ticket, "Hello?").await.unwrap();
        let give = doorkey::domain::tickets::Change {
            assignee: Some(Some(tech.email)),
            ..to(Status::InProgress)
        };
        app.change(&ticket, give).await.unwrap();
        app.note(&ticket, "We come.", doorkey::domain::entries::Visibility::Public).await.unwrap();
        app.resolve(&ticket, "Done.").await.unwrap();
        app.deliver().await;
        let mut kinds: Vec<String> =
            app.mails()[before..].iter().map(|mail| mail.kind.to_string()).collect();
        kinds.sort();
        let all = [
            "customer_replied",
            "note_added",
            "status_changed",
            "ticket_assigned",
            "ticket_created",
            "ticket_resolved",
        ];
        if on { assert_eq!(kinds, all) } else { assert_eq!(kinds, Vec::<String>::new()) }
    }
    app.anon()
        .post("/api/v1/portal/links", &serde_json::json!({ "email": "ann-true@example.com" }))
        .await
        .expect(202);
    app.deliver().await;
    assert!(app.mails().iter().any(|mail| mail.kind == "portal_link"));
}

#[tokio::test]
async fn mails_carry_the_brand_and_the_rules_that_hold_when_they_are_handed_over() {
    let app = TestApp::start().await;
    app.create(app.new_ticket(ALICE, "My camera")).await.unwrap();
    let other = app.beside().await;
    let brand = [
        ("brand.name", "Halden Locks"),
        ("brand.colour", "#ffd400"),
        ("brand.phone", "555 0142"),
        ("brand.hours", "day and night"),
    ];
    set(&other, Section::Brand, &brand).await.unwrap();
    set(&other, Section::Tickets, &[("portal.link_ttl", "12h")]).await.unwrap();
    app.deliver().await;
    let mails = app.mails();
    let mail = mails.last().unwrap();
    for part in [&mail.text, &mail.html] {
        for word in ["Halden Locks", "555 0142", "day and night", "12 hours"] {
            assert!(part.contains(word), "{word}: {part}");
        }
    }
    assert!(mail.html.contains("background:#ffd400") && mail.html.contains("color:#16181d"));
    assert!(!mail.html.contains("<img") && !mail.html.contains("RFS"), "{}", mail.html);
}

async fn exported(app: &TestApp) -> Vec<String> {
    let lines: Result<Vec<String>, Error> = app
        .db
        .survey(|tx| {
            let mut lines = Vec::new();
            transfer::export::<Error>(tx, &mut |line| {
                lines.push(serde_json::to_string(line).unwrap());
                Ok(())
            })?;
            Ok(lines)
        })
        .await;
    lines.unwrap()
}

async fn imported(app: &TestApp, lines: &[String]) -> (Tally, Vec<String>) {
    let mut assembler = Assembler::new(1, &lines[0], None).unwrap();
    (2..).zip(&lines[1..]).for_each(|(number, line)| assembler.read(number, line));
    assembler.finish();
    let bad = assembler.take_bad().iter().map(ToString::to_string).collect();
    let pieces = assembler.take_ready();
    let done =
        app.act(move |tx, _, now| transfer::import(tx, "other", &pieces, now)).await.unwrap();
    app.settings_changed();
    (done.tally, bad)
}

#[tokio::test]
async fn settings_travel_in_an_export_and_stay_where_they_were_made() {
    let app = TestApp::start().await;
    let brand = [("brand.name", "Halden"), ("brand.colour", "#ffd400")];
    set(&app, Section::Brand, &brand).await.unwrap();
    let hash = set_logo(&app).await;
    let lines = exported(&app).await;
    let other = TestApp::start().await;
    set(&other, Section::Brand, &[("brand.name", "Already")]).await.unwrap();
    let (tally, bad) = imported(&other, &lines).await;
    assert_eq!((tally.settings, tally.known_settings, bad), (2, 1, vec![]));
    let shown = other.shown().await;
    assert_eq!(shown.config.brand.name, "Already");
    assert_eq!(shown.config.brand.colour.as_deref(), Some("#ffd400"));
    assert_eq!(shown.config.brand.logo.as_deref(), Some(&*hash));
    other.anon().get(&format!("/logo/{hash}")).await.expect(200);
    let (again, _) = imported(&other, &lines).await;
    assert_eq!((again.settings, again.known_settings), (0, 3));
    let same: Vec<String> = exported(&other).await;
    assert_eq!(lines.iter().filter(|it| it.contains("brand.logo")).count(), 1);
    assert!(same.iter().any(|line| lines.contains(line) && line.contains("brand.logo")));
}

#[tokio::test]
async fn settings_that_nobody_could_have_made_are_refused_with_their_line() {
    let app = TestApp::start().await;
    let before = app.shown().await.stamp.clone();
    let lines = [
        r#"{"type":"doorkey","version":1}"#,
        r#"{"type":"setting","name":"database.url","value":"sqlite:x"}"#,
        r#"{"type":"setting","name":"brand.colour","value":"red"}"#,
        r#"{"type":"setting","name":"brand.logo","value":"data:image/png;base64,AAAA"}"#,
        r#"{"type":"setting","name":"brand.logo","value":"https://evil.example/x.png"}"#,
    ];
    let (tally, bad) = imported(&app, &lines.map(str::to_owned)).await;
    assert_eq!((tally.settings, bad.len()), (0, 4), "{bad:?}");
    assert!(bad[0].contains("database.url") && bad[1].contains("brand.colour"), "{bad:?}");
    assert_eq!(app.shown().await.stamp, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_shows_what_was_set_at_the_desk_and_by_whom() {
    let doorkey = Doorkey::prepare(&[("DOORKEY_BRAND_HOURS", "by the operator")]);
    let find = |name: &str| {
        let shown = doorkey.cli(&["config"]);
        let all = shown["settings"].as_array().unwrap().clone();
        all.into_iter().find(|it| it["name"] == name)
    };
    assert_eq!(find("brand.name").unwrap()["from"], "default", "there is no database yet");
    assert!(!std::path::Path::new(doorkey.database_url().trim_start_matches("sqlite:")).exists());
    let app = TestApp::on(&doorkey.database_url()).await;
    let brand = [("brand.name", "Halden"), ("brand.hours", "at the desk")];
    set(&app, Section::Brand, &brand).await.unwrap();
    set(&app, Section::Tickets, &[("tickets.categories", r#"["Doors","Gates"]"#)]).await.unwrap();
    let name = find("brand.name").unwrap();
    assert_eq!(name["value"], "Halden");
    assert_eq!(name["from"], "the desk: Helen Vos, 2026-11-12");
    assert_eq!(find("tickets.categories").unwrap()["value"], "Doors, Gates");
    let hours = find("brand.hours").unwrap();
    assert_eq!(
        (&hours["value"], &hours["from"]),
        (&"by the operator".into(), &"DOORKEY_BRAND_HOURS".into())
    );
    assert!(find("brand.logo").is_none());
    set_logo(&app).await;
    assert_eq!(find("brand.logo").unwrap()["from"], "the desk: Helen Vos, 2026-11-12");
}
