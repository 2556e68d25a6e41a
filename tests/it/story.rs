//! One long story that runs every statement of the store. A statement nobody runs here is named,
//! so that none is without a test on either engine.

use std::collections::BTreeSet;
use std::path::Path;

use doorkey::domain::audit::{self, Action, ByKind, Details, Subject};
use doorkey::domain::customer_desk::{self, CustomerQuery, Places};
use doorkey::domain::customers::{Customer, CustomerChange};
use doorkey::domain::entries::Visibility;
use doorkey::domain::histories::{self, Apart, History, Moment, Told};
use doorkey::domain::idempotency::Key;
use doorkey::domain::links::{self, Reason};
use doorkey::domain::outbox::{self as mails_at_hand, MailState};
use doorkey::domain::replies::{self, NewReply};
use doorkey::domain::staff::{self, Role};
use doorkey::domain::tickets::{self, Change, DeskQuery, ListFilter, NewTicket, Sort, Status};
use doorkey::domain::transfer::{self, Assembler};
use doorkey::domain::webhooks::{self, NewWebhook, WebhookChange};
use doorkey::domain::{
    Actor, answers, api_keys, backups, codes, customer_import, customer_uploads, customers,
    dashboard, erasures, events, health, mails, passkeys, person, saved_views, staff_sign_ins,
};
use doorkey::error::Error;
use doorkey::ids::{self, Reference, Token};
use doorkey::jobs;
use doorkey::mail::outbox;

use crate::support::desk::{email, somebody, to};
use crate::support::{TestApp, trace};

const ALICE: &str = "alice@example.com";

#[tokio::test]
async fn one_story_runs_every_statement_of_the_store() {
    trace::record();
    let app = TestApp::start().await;
    people_arrive(&app).await;
    the_log_is_read(&app).await;
    a_customer_comes_in(&app).await;
    staff_come_in(&app).await;
    admins_look_after_staff(&app).await;
    a_ticket_lives(&app).await;
    everybody_looks(&app).await;
    everything_moves(&app).await;
    mail_goes_wrong(&app).await;
    a_ticket_moves(&app).await;
    a_table_is_uploaded(&app).await;
    somebody_is_forgotten(&app).await;
    links_end(&app).await;
    events_are_told(&app).await;
    the_company_changes(&app).await;
    pages_stand_open(&app).await;
    rows_are_made_up(&app).await;
    a_backup_is_restored(&app).await;
    jobs::tidy::close(&app).await.unwrap();
    app.sleep_days(200);
    jobs::tidy::end(&app).await.unwrap();
    jobs::tidy::forget(&app).await.unwrap();
    let written = statements();
    assert!(written.len() > 60, "only {} statements found in src/store", written.len());
    let ran: BTreeSet<(String, u64)> = trace::ran();
    let missed: Vec<_> = written.iter().filter(|place| !ran.contains(place)).collect();
    // A row lock is a statement of PostgreSQL alone: SQLite has one writer at a time anyway.
    let missed: Vec<_> =
        missed.into_iter().filter(|place| app.is_postgres() || !is_lock(place)).collect();
    assert!(missed.is_empty(), "nothing runs the statements at {missed:#?}");
}

/// Where `src/store` hands a statement to the database: file and line of each call.
fn statements() -> BTreeSet<(String, u64)> {
    let mut found = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = format!("src/store/{}", path.file_name().unwrap().to_string_lossy());
        let text = std::fs::read_to_string(&path).unwrap();
        for (index, line) in text.lines().enumerate() {
            let calls = ["tx.rows(", "tx.row(", "tx.one(", "tx.run(", "tx.load("];
            if calls.iter().any(|call| line.contains(call)) {
                found.insert((name.clone(), index as u64 + 1));
            }
        }
    }
    found
}

fn is_lock((file, line): &(String, u64)) -> bool {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let from = usize::try_from(*line).unwrap().saturating_sub(12);
    lines[from..usize::try_from(*line).unwrap()].iter().any(|line| line.contains("pub fn lock("))
}

async fn people_arrive(app: &TestApp) {
    let dana = app.staff("dana@rfs.example", "Dana", Role::Technician).await;
    let gone = app.staff("gone@rfs.example", "Gone", Role::Admin).await;
    let address = gone.email.clone();
    app.act(move |tx, _, now| staff::set_active(tx, &Actor::System, &address, false, now))
        .await
        .unwrap();
    let all = app.db.read(staff::list).await.unwrap();
    assert_eq!([&all[0], &all[1]].map(|it| it.active), [true, false]);
    assert_eq!(all[0], dana);
    let made = app
        .act(|tx, _, now| api_keys::create(tx, &somebody(), "shop", Role::Admin, now))
        .await
        .unwrap();
    let twice =
        app.act(|tx, _, now| api_keys::create(tx, &somebody(), "SHOP", Role::Admin, now)).await;
    assert!(matches!(twice, Err(doorkey::error::Error::Invalid(_))), "{twice:?}");
    let hash = ids::api_key_hash(&made.1).unwrap();
    assert!(app.db.read(move |tx| api_keys::open(tx, hash)).await.is_ok());
    app.act(move |tx, _, now| api_keys::revoke(tx, &somebody(), made.0.id, now)).await.unwrap();
    assert!(app.db.read(move |tx| api_keys::open(tx, hash)).await.is_err());
    assert_eq!(app.db.read(api_keys::list).await.unwrap().len(), 1);
    let alice = app.customer_row(ALICE).await;
    app.set_active(alice.id, false).await;
    app.set_active(alice.id, true).await;
    let known = app.db.read(|tx| customers::find_by_email(tx, &email("ALICE@example.com"))).await;
    assert_eq!(known.unwrap(), alice);
    let listed = app.db.read(|tx| customers::list(tx, "ALICE exam", None, 10)).await.unwrap();
    assert_eq!(listed.items, [alice]);
}

async fn the_log_is_read(app: &TestApp) {
    let subject = Subject::new("mail", 7, ALICE);
    app.act(move |tx, _, now| {
        audit::record(tx, &somebody(), Action::MailRetried, &subject, Details::none(), now)
    })
    .await
    .unwrap();
    let all = audit::Query { limit: 10, ..audit::Query::default() };
    for query in [
        audit::Query { by: Some((ByKind::Staff, Some(1))), ..all.clone() },
        audit::Query { action: Some(Action::MailRetried), ..all.clone() },
        audit::Query { about: Some(ALICE.into()), ..all.clone() },
        all,
    ] {
        let found = app.db.read(move |tx| audit::list(tx, &query)).await.unwrap();
        assert_eq!(found.items[0].subject.words, ALICE);
    }
    app.act(|tx, _, _| audit::forget(tx, "staff", 1, ALICE)).await.unwrap();
}

async fn the_company_changes(app: &TestApp) {
    use doorkey::domain::logos::Logo;
    use doorkey::domain::settings::{self, Change, Section, Seen};
    let drawing = br#"<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h8"/></svg>"#;
    let logo = Logo::read("logo", drawing).unwrap();
    let seen = Seen::of(Section::Logo, &*app.shown().await);
    let (keeper, hash) = (app.shared().settings.clone(), logo.hash.clone());
    app.act(move |tx, _, now| {
        let change = Change { name: "brand.logo", value: logo.hash.clone() };
        let what = (Section::Logo, &seen);
        settings::save(tx, &keeper, &somebody(), what, (&[change], Some(&logo)), now)
    })
    .await
    .unwrap();
    app.anon().get(&format!("/logo/{hash}")).await.expect(200);
}

async fn a_customer_comes_in(app: &TestApp) {
    let key = app.key;
    let ask = |app: &TestApp| {
        let app = app.clone();
        async move {
            app.act(move |tx, rules, now| {
                links::request(tx, rules, &key, &email(ALICE), None, b"\xC0\0\x02\x01", now)
            })
            .await
        }
    };
    let request_id = ask(app).await.unwrap();
    app.deliver().await;
    let code = app.mailbox(ALICE).code();
    let opened = app
        .act(move |tx, rules, now| {
            codes::redeem(tx, rules, &key, (&request_id, &code), b"\xC0\0\x02\x01", now)
        })
        .await
        .unwrap();
    assert!(matches!(opened, codes::Outcome::Opened(..)), "{opened:?}");
    let alice = app.anon().open(&app.mailbox(ALICE).link());
    let viewer = app.viewer(&alice).await;
    app.uses.portal_opened(&viewer, app.now());
    app.write_uses().await;
}

async fn staff_come_in(app: &TestApp) {
    let desk = app.at_the_desk("dana@rfs.example", Role::Technician).await;
    app.sleep(120);
    desk.get("/admin/sessions").await.expect(200);
    app.write_uses().await;
    let asking = app.anon().browser();
    asking.form("/admin/sign-in", &[("email", "dana@rfs.example")]).await.expect(303);
    app.deliver().await;
    let mail = app.mailbox("dana@rfs.example");
    asking.get(&mail.sign_in_path()).await.expect(200);
    asking.form("/admin/sign-in/code", &[("code", &mail.code())]).await.expect(303);
    // Signing in once more ends the session that this browser had.
    app.sleep(120);
    asking.form("/admin/sign-in", &[("email", "dana@rfs.example")]).await.expect(303);
    app.deliver().await;
    let link = app.mailbox("dana@rfs.example").sign_in_path();
    asking.form(&link, &[]).await.expect(303);
    crate::passkeys::one_story(&asking).await;
    crate::desk_oidc::one_story(app).await;
    desk.form("/admin/sign-out", &[]).await.expect(303);
    asking.form("/admin/sessions/end-all", &[]).await.expect(303);
}

async fn admins_look_after_staff(app: &TestApp) {
    let pat = app.staff("pat@rfs.example", "Pat", Role::Admin).await;
    app.act(move |tx, _, now| {
        staff::edit(tx, &somebody(), pat.id, ("Patricia", Role::Admin), now)?;
        passkeys::remove_all(tx, &somebody(), &pat, now)?;
        staff_sign_ins::send_by_hand(tx, &somebody(), &pat, now)?;
        staff::set_active(tx, &Actor::System, &pat.email, false, now)?;
        let key = api_keys::list(tx)?.remove(0);
        let again = ("other", Role::Admin);
        assert_eq!(api_keys::create_once(tx, &somebody(), key.id, again, now)?, None);
        assert!(staff::colleagues(tx, now)?.iter().any(|one| one.staff.name == "Patricia"));
        Ok(())
    })
    .await
    .unwrap();
    app.admin().await.get("/api/v1/staff").await.expect(200);
    app.write_uses().await;
}

async fn a_ticket_lives(app: &TestApp) {
    let alice = app.customer(ALICE).await;
    let new = NewTicket {
        assignee: Some(email("dana@rfs.example")),
        ..app.new_ticket(ALICE, "A broken camera")
    };
    let actor = Actor::Program { id: 7, name: "shop".into(), role: Role::Technician };
    let key = Key::new(&actor, "once".into(), &[b"create"]);
    let (create, again) = (new.clone(), key.clone());
    let who = actor.clone();
    let ticket = app
        .act(move |tx, rules, now| tickets::create(tx, rules, &actor, &create, Some(&key), now))
        .await
        .unwrap();
    let same = app
        .act(move |tx, rules, now| tickets::create(tx, rules, &who, &new, Some(&again), now))
        .await
        .unwrap();
    assert_eq!(same.id, ticket.id);
    app.note(&ticket.reference, "We come on Monday.", Visibility::Public).await.unwrap();
    let viewer = app.viewer(&alice).await;
    let key = Key::new(&viewer.actor(), "reply".into(), &[b"reply"]);
    for _ in 0..2 {
        let (viewer, reference, key) = (viewer.clone(), ticket.reference.clone(), key.clone());
        let reply = NewReply { body: "Good.".into(), notify: true };
        app.act(move |tx, rules, now| {
            replies::add(tx, rules, &viewer, &reference, &reply, Some(&key), now)
        })
        .await
        .unwrap();
    }
    let subject = Change { subject: Some("A broken lens".into()), ..Change::default() };
    app.change(&ticket.reference, subject).await.unwrap();
    app.change(&ticket.reference, to(Status::InProgress)).await.unwrap();
    app.resolve(&ticket.reference, "Changed it.").await.unwrap();
    assert_eq!(app.see(&ticket.reference).await.note_count, 2);
    app.uses.ticket_seen(&viewer, ticket.id, app.now());
    app.write_uses().await;
    app.sleep_days(14);
    jobs::tidy::close(app).await.unwrap();
    assert_eq!(app.see(&ticket.reference).await.status, Status::Closed);
}

async fn everybody_looks(app: &TestApp) {
    let alice = app.customer(ALICE).await;
    let viewer = app.viewer(&alice).await;
    let filter = ListFilter {
        status: Some(Status::Closed),
        query: Some("lens".into()),
        cursor: None,
        limit: 20,
    };
    let now = app.now();
    let seen: Result<_, Error> = app.db.read(move |tx| dashboard::look(tx, 1, now)).await;
    assert_eq!(seen.unwrap().unfinished, 0);
    let looked = viewer.clone();
    let page = app.db.read(move |tx| tickets::list_for_customer(tx, &looked, &filter)).await;
    let page = page.map_err(|error: Error| error).unwrap();
    assert_eq!(page.items.len(), 1);
    let (looked, reference) = (viewer.clone(), page.items[0].reference.clone());
    let counts = app.db.read(move |tx| tickets::counts(tx, &looked)).await.unwrap();
    assert_eq!((counts.all(), counts.closed), (1, 1));
    app.detail(&alice, &reference).await.unwrap();
    let version = reference.clone();
    app.db.read(move |tx| tickets::version(tx, &viewer, &version)).await.unwrap();
    assert_eq!(app.timeline(&reference).await.len(), 7);
    let worked = reference.clone();
    let work = app.db.read(move |tx| tickets::work(tx, &somebody(), &worked, None)).await.unwrap();
    assert_eq!((work.timeline.len(), work.ticket.reference), (7, reference.clone()));
    for sort in [Sort::Updated, Sort::Created, Sort::Priority] {
        let query = DeskQuery {
            sort,
            assignee: Some(email("dana@rfs.example")),
            customer: Some(email(ALICE)),
            query: Some("lens alice".into()),
            limit: 1,
            ..DeskQuery::default()
        };
        let page = app.db.scan(move |tx| tickets::list(tx, &query)).await.unwrap();
        assert_eq!(page.items.len(), 1, "{sort:?}");
    }
    let closed = DeskQuery { status: Some(Status::Closed), limit: 1, ..DeskQuery::default() };
    let page: Result<_, Error> = app.db.scan(move |tx| tickets::list(tx, &closed)).await;
    assert_eq!(page.unwrap().items.len(), 1);
    searches_and_names(app).await;
    let reference = reference.clone();
    let found: Result<_, Error> =
        app.db.read(move |tx| tickets::find(tx, &somebody(), &reference)).await;
    found.unwrap();
}

async fn searches_and_names(app: &TestApp) {
    let query = DeskQuery { query: Some("lens monday".into()), limit: 5, ..DeskQuery::default() };
    let page = app.db.scan(move |tx| tickets::list(tx, &query)).await;
    let ticket = page.map_err(|error: Error| error).unwrap().items.remove(0);
    let shown = app.db.read(move |tx| tickets::show(tx, &ticket, "monday")).await;
    assert!(shown.map_err(|error: Error| error).unwrap().snippet.is_some());
    let nowhere = DeskQuery { query: Some("nowhere".into()), limit: 5, ..DeskQuery::default() };
    let page = app.db.scan(move |tx| tickets::list(tx, &nowhere)).await;
    assert!(page.map_err(|error: Error| error).unwrap().items.is_empty());
    let alice = app.customer_row(ALICE).await.id;
    for name in ["Alicia", "alice"] {
        let change = CustomerChange { name: Some(name.into()), ..CustomerChange::default() };
        app.act(move |tx, _, now| customers::change(tx, &somebody(), alice, change.clone(), now))
            .await
            .unwrap();
        while jobs::search::follow_names(app).await.unwrap() {}
    }
    let staff = app.number("SELECT min(id) FROM staff").await;
    app.act(move |tx, _, now| {
        let (dana, body) = (somebody(), "Hello {customer}");
        let answer = answers::add(tx, &dana, ("Power cut", body), now)?.id;
        answers::change(tx, &dana, answer, ("After a power cut", body), now)?;
        assert_eq!(answers::list(tx)?.len(), 1);
        answers::remove(tx, &dana, answer, now)?;
        saved_views::keep(tx, staff, "Mine", "assignee=me", now)?;
        assert_eq!(saved_views::list(tx, staff)?.len(), 1);
        saved_views::remove(tx, staff, "MINE")
    })
    .await
    .unwrap();
}

async fn everything_moves(app: &TestApp) {
    let mut own = Vec::new();
    let totals = app.db.survey(move |tx| {
        let totals = transfer::export::<Error>(tx, &mut |line| {
            own.push(line.clone());
            Ok(())
        });
        totals.map(|totals| (own, totals))
    });
    let (lines, totals) = totals.await.unwrap();
    assert_eq!((lines.len() as u64, totals.tickets), (totals.all() + 2, 1));
    let mut assembler =
        Assembler::new(1, r#"{"type":"doorkey","version":1,"source":"old"}"#, None).unwrap();
    for line in [
        r#"{"type":"staff","id":"1","email":"eve@rfs.example","name":"Eve","role":"admin"}"#,
        r#"{"type":"customer","id":"1","email":"bob@example.com"}"#,
        r#"{"type":"ticket","id":"1","customer":"1","assignee":"1","subject":"Old",
            "description":"Old","status":"open","created_at":"2020-01-01T00:00:00Z"}"#,
    ] {
        assembler.read(2, line);
    }
    assembler.finish();
    let pieces = assembler.take_ready();
    let done = app.act(move |tx, _, now| transfer::import(tx, "old", &pieces, now)).await.unwrap();
    assert_eq!((done.tally.tickets, done.tally.staff, done.bad), (1, 1, vec![]));
}

async fn mail_goes_wrong(app: &TestApp) {
    app.deliver().await;
    let mut ticket = app.new_ticket(ALICE, "Another camera");
    ticket.assignee = None;
    app.create(ticket).await.unwrap();
    app.break_mail(true);
    app.deliver().await;
    app.break_mail(false);
    app.sleep(5);
    let key = app.key;
    let taken = app
        .act(move |tx, rules, now| mails::hand_over(tx, rules, &key, 1, now))
        .await
        .unwrap()
        .expect("a mail that was put off");
    let claimed = taken.claimed;
    assert_eq!(claimed.attempt, 2);
    let renewed = claimed.clone();
    assert!(app.act(move |tx, _, now| Ok(outbox::renew(tx, &renewed, now)?)).await.unwrap());
    let [_, notices] = app.act(|tx, _, now| mails::backlog(tx, now)).await.unwrap();
    assert!(notices.later >= 1, "the claimed mail is being handed over: {notices:?}");
    let refused = app.act(move |tx, _, now| Ok(outbox::give_up(tx, &claimed, "no", now)?)).await;
    assert!(refused.unwrap());
    let failed = app.db.read(|tx| mails_at_hand::list(tx, MailState::Failed, None, 10)).await;
    let id = failed.map_err(|error: Error| error).unwrap().items[0].id;
    app.act(move |tx, _, now| mails_at_hand::retry(tx, &somebody(), id, now)).await.unwrap();
    app.act(move |tx, _, now| mails_at_hand::give_up(tx, &somebody(), id, now)).await.unwrap();
    app.act(|tx, _, now| mails_at_hand::retry_failed(tx, &somebody(), now)).await.unwrap();
    app.act(|tx, _, now| mails_at_hand::give_up_held(tx, &somebody(), now)).await.unwrap();
}

async fn a_backup_is_restored(app: &TestApp) {
    app.act(|tx, _, now| backups::note(tx, now)).await.unwrap();
    let last: Result<_, Error> = app.db.read(backups::last).await;
    assert_eq!(last.unwrap(), Some(app.now()));
    app.act(|tx, _, now| backups::make_safe(tx, now)).await.unwrap();
}

async fn rows_are_made_up(app: &TestApp) {
    let (now, known) = (app.now(), app.customer_row(ALICE).await);
    let before: Result<u64, Error> = app.db.scan(customers::count).await;
    let moment = Moment { at: now, noise: 1 << 20 };
    let erin = Customer { id: moment.id(), email: email("erin@example.com"), ..known };
    let add = erin.clone();
    app.act(move |tx, _, _| customers::add_many(tx, std::slice::from_ref(&add))).await.unwrap();
    let after: Result<u64, Error> = app.db.scan(customers::count).await;
    assert_eq!(after.unwrap(), before.unwrap() + 1);
    let reference = Reference::of_number(12_345);
    let new = app.new_ticket("erin@example.com", "Made up");
    let mut history = History::begin(&new, reference.clone(), &erin, None, &somebody(), moment);
    history.note(&somebody(), "A note.".into(), Visibility::Public, moment);
    history.read();
    let (mut told, mut apart) = ([Told::from(history)], Apart::default());
    apart.take(&mut told);
    let apart = apart.sorted();
    let add = move |tx: &mut doorkey::db::Tx<'_>| {
        histories::add(tx, &told)?;
        apart.add(tx)
    };
    app.act(move |tx, _, _| add(tx)).await.unwrap();
    assert_eq!(app.see(&reference).await.note_count, 1);
    let taken: Result<Vec<u32>, Error> = app.db.scan(histories::taken_references).await;
    assert!(taken.unwrap().contains(&12_345));
}

async fn a_ticket_moves(app: &TestApp) {
    let ticket = app.create(app.new_ticket("carol@example.com", "A wrong name")).await.unwrap();
    let (reference, seen) = (ticket.reference.clone(), tickets::Seen::of(&ticket));
    app.act(move |tx, _, now| {
        let to = email(ALICE);
        tickets::give(tx, &somebody(), &reference, (&to, true), seen, now)
    })
    .await
    .unwrap();
    assert_eq!(app.see(&ticket.reference).await.customer.email, email(ALICE));
}

async fn a_table_is_uploaded(app: &TestApp) {
    let staff = app.number("SELECT min(id) FROM staff").await;
    let add = move |tx: &mut doorkey::db::Tx<'_>, now| {
        let table = b"email\nerased@example.com\nfrank@example.com\nnobody\n";
        let checked = customer_import::check(table).expect("a table");
        let fresh = customer_import::foresee(tx, &checked.good)?.added;
        customer_uploads::add(tx, staff, "people.csv", (&checked, fresh), now)
    };
    let uploads =
        app.act(move |tx, _, now| Ok([add(tx, now)?, add(tx, now)?, add(tx, now)?])).await;
    let [taken, thrown, _waits] = uploads.unwrap();
    app.act(move |tx, _, _| customer_uploads::discard(tx, thrown)).await.unwrap();
    app.act(move |tx, _, now| customer_uploads::confirm(tx, &somebody(), staff, taken, now))
        .await
        .unwrap();
    while jobs::customer_uploads::work(app).await.unwrap() {}
    let now = app.now();
    let done: Result<_, Error> =
        app.db.read(move |tx| customer_uploads::find(tx, taken, now)).await;
    assert_eq!(done.unwrap().taken(), 2);
}

async fn somebody_is_forgotten(app: &TestApp) {
    let address = "erased@example.com";
    let client = app.customer(address).await;
    let ticket = app.create(app.new_ticket(address, "Mine")).await.unwrap();
    app.reply(&client, &ticket.reference, "Hello.").await.unwrap();
    let seen = tickets::Seen::of(&app.see(&ticket.reference).await);
    let reference = ticket.reference.clone();
    app.act(move |tx, _, now| {
        tickets::give(tx, &somebody(), &reference, (&email(ALICE), true), seen, now)
    })
    .await
    .unwrap();
    app.create(app.new_ticket(address, "Mine as well")).await.unwrap();
    let id = app.customer_row(address).await.id;
    let now = app.now();
    let told = app.act(move |tx, _, now| person::ask(tx, &somebody(), id, now)).await.unwrap();
    assert_eq!(told.id, id);
    for internal in [false, true] {
        let copied: Result<(), Error> =
            app.db.survey(move |tx| person::export(tx, id, internal, now, &mut |_| Ok(()))).await;
        copied.unwrap();
    }
    app.act(move |tx, _, now| {
        let details = Details::none().with("customer", address);
        let action = Action::TicketsExported;
        audit::record(tx, &somebody(), action, &Subject::doorkey(), details, now)?;
        erasures::begin(tx, &somebody(), id, &email(address), now)
    })
    .await
    .unwrap();
    while jobs::erasures::work(app).await.unwrap() {}
    let done: Result<_, Error> = app.db.read(move |tx| erasures::find(tx, id)).await;
    assert!(done.unwrap().unwrap().ended_at.is_some());
}

async fn links_end(app: &TestApp) {
    let alice = app.customer_row(ALICE).await;
    let wanted = CustomerQuery { query: "alice".into(), limit: 5, ..CustomerQuery::default() };
    let found = app.db.scan(move |tx| customer_desk::list(tx, &wanted)).await;
    assert_eq!(found.map_err(|error: Error| error).unwrap().items, std::slice::from_ref(&alice));
    let places = Places::default();
    let seen = app.db.read(move |tx| customer_desk::look(tx, alice.id, &places)).await;
    assert!(!seen.map_err(|error: Error| error).unwrap().mails.items.is_empty());
    let alice = app.customer_row(ALICE).await;
    let (link, token) = app.link_for(alice.id).await;
    let listed = app.db.read(move |tx| links::list(tx, alice.id, None, 10)).await.unwrap();
    assert_eq!(listed.items[0], link);
    assert_eq!(link.reason, Reason::Api);
    app.act(move |tx, _, now| links::revoke(tx, &somebody(), alice.id, link.id, now))
        .await
        .unwrap();
    app.act(move |tx, _, now| links::revoke_all(tx, &somebody(), alice.id, now)).await.unwrap();
    let client = app.anon().bearer(&token.reveal());
    assert!(Token::parse(client.secret()).is_some());
}

async fn pages_stand_open(app: &TestApp) {
    let desk = app.at_the_desk("dana@rfs.example", Role::Technician).await;
    let ticket = app.ticket(ALICE, "Open on a page").await;
    let path = format!("/admin/live?after=0&ticket={}", ticket.reference);
    let listening = desk.listen(&path).await;
    while jobs::events::number(app).await.unwrap() {}
    jobs::live::tell(app).await.unwrap();
    jobs::live::tend(app).await.unwrap();
    desk.get(&format!("/admin/tickets/{}", ticket.reference)).await.expect(200);
    drop(listening);
    jobs::live::tend(app).await.unwrap();
    app.sleep(5);
    jobs::live::tend(app).await.unwrap();
}

async fn events_are_told(app: &TestApp) {
    let new = NewWebhook { url: "https://127.0.0.1:1/".into(), about: "x".into(), kinds: vec![] };
    let made =
        app.act(move |tx, _, now| webhooks::create(tx, &somebody(), &new, now)).await.unwrap().0;
    let id = made.id;
    app.act(move |tx, _, now| webhooks::rotate(tx, &somebody(), id, now)).await.unwrap();
    app.act(move |tx, _, now| webhooks::change(tx, &somebody(), id, WebhookChange::default(), now))
        .await
        .unwrap();
    let shared = app.shared();
    while jobs::events::number(app).await.unwrap() {}
    let now = app.now();
    let health = app.db.read(move |tx| health::look(tx, now)).await.unwrap();
    assert!(health.newest.is_some() && health.failed > 0);
    let feed = app.db.read(|tx| events::list(tx, None, 100)).await.unwrap();
    assert!(feed.items.len() > 10, "{}", feed.items.len());
    while jobs::webhooks::next(&shared).await.unwrap() {}
    let list = app.db.read(move |tx| webhooks::deliveries(tx, id, None, 1)).await.unwrap();
    let delivery = list.items[0].id;
    app.act(move |tx, _, now| webhooks::retry(tx, &somebody(), (id, delivery), now)).await.unwrap();
    app.act(move |tx, _, now| webhooks::test(tx, &somebody(), id, now)).await.unwrap();
    assert_eq!(app.db.read(webhooks::list).await.unwrap().len(), 1);
    app.act(move |tx, _, now| webhooks::delete(tx, &somebody(), id, now)).await.unwrap();
}
