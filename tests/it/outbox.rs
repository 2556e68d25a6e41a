//! The outbox: what happens to a mail between being written and being taken.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::time::Duration;

use doorkey::clock::Millis;
use doorkey::db::Tx;
use doorkey::domain::entries::Visibility;
use doorkey::domain::mails::{self, HandOver};
use doorkey::domain::outbox::{self as outbox_desk, MailState, StoredMail};
use doorkey::domain::staff::{self, Role};
use doorkey::error::Error;
use doorkey::jobs;
use doorkey::mail::outbox;
use doorkey::store;
use serde_json::json;

use crate::support::desk::somebody;
use crate::support::smtp::{Smtp, Taken};
use crate::support::{START, TestApp, mailbox};

const ALICE: &str = "alice@example.com";
const NOTICES: i64 = 1;

/// Every mail as `state attempt seconds-until-due`, oldest first.
async fn rows(app: &TestApp) -> Vec<String> {
    let rows: Vec<(String, i64, i64)> =
        app.column("SELECT state, attempt, due_at FROM outbox ORDER BY id").await;
    rows.into_iter()
        .map(|(state, attempt, due)| format!("{state} {attempt} {}", (due - app.now().0) / 1000))
        .collect()
}

async fn with_smtp(smtp: &Smtp) -> TestApp {
    TestApp::with(|config| {
        config.mail.smtp_url = Some(smtp.url());
        config.mail.from = "RFS <support@rfs.example>".into();
    })
    .await
}

async fn claim(app: &TestApp) -> Option<HandOver> {
    let key = app.key;
    app.act(move |tx, rules, now| mails::hand_over(tx, rules, &key, NOTICES, now)).await.unwrap()
}

async fn a_notice(app: &TestApp) {
    app.create(app.new_ticket(ALICE, "A broken camera")).await.unwrap();
}

async fn ask(app: &TestApp) {
    let body = json!({ "email": ALICE });
    app.anon().post("/api/v1/portal/links", &body).await.expect(202);
    while jobs::requests::work(app).await.unwrap() {}
}

#[tokio::test]
async fn a_mail_that_is_not_taken_is_tried_on_the_schedule() {
    let app = TestApp::start().await;
    a_notice(&app).await;
    app.break_mail(true);
    let mut elapsed = 0;
    for (attempt, wait) in [5, 30, 120, 600, 3600, 3600, 3600].into_iter().enumerate() {
        app.deliver().await;
        assert_eq!(rows(&app).await, [format!("queued {} {wait}", attempt + 1)]);
        app.sleep(wait - 1);
        app.deliver().await;
        assert_eq!(rows(&app).await, [format!("queued {} 1", attempt + 1)], "not before its time");
        app.sleep(1);
        elapsed += wait;
    }
    app.break_mail(false);
    app.deliver().await;
    let sent = app.mailbox(ALICE);
    assert_eq!(sent.len(), 1, "after {elapsed} s");
    assert_eq!(sent.last().at, START.0, "its date stays that of its cause");
    assert_eq!(app.column::<String>("SELECT state FROM outbox").await, ["sent"]);
}

#[tokio::test]
async fn a_notice_is_given_up_after_two_days_and_a_sign_in_mail_after_an_hour() {
    for (sign_in, time) in [(false, 2 * 86_400), (true, 3_600)] {
        let app = TestApp::start().await;
        app.customer_row(ALICE).await;
        if sign_in {
            ask(&app).await;
        } else {
            a_notice(&app).await;
        }
        app.break_mail(true);
        let mut last_try = 0;
        loop {
            let attempts = app.number("SELECT attempt FROM outbox").await;
            app.deliver().await;
            if app.number("SELECT attempt FROM outbox").await > attempts {
                last_try = (app.now().0 - START.0) / 1000;
            }
            if app.column::<String>("SELECT state FROM outbox").await == ["failed"] {
                break;
            }
            app.set_clock(Millis(app.number("SELECT due_at FROM outbox").await));
        }
        let row: Vec<(String, Option<String>, Option<String>)> =
            app.column("SELECT state, content, error FROM outbox").await;
        let (state, content, error) = row[0].clone();
        assert_eq!((state.as_str(), content.is_some()), ("failed", true), "sign-in: {sign_in}");
        assert!(!error.unwrap().is_empty(), "staff see why");
        assert!(
            last_try < time && last_try + 3_600 >= time,
            "sign-in: {sign_in}, last at {last_try}"
        );
        app.break_mail(false);
        app.sleep_days(3);
        app.deliver().await;
        assert!(app.mails().is_empty(), "given up is given up");
    }
}

#[tokio::test]
async fn a_refused_recipient_is_given_up_at_once_and_others_are_not() {
    let smtp = Smtp::start().await;
    let app = with_smtp(&smtp).await;
    smtp.answer_recipients(&["550 5.1.1 no such user"]);
    a_notice(&app).await;
    app.deliver().await;
    let row: Vec<(String, String)> = app.column("SELECT state, error FROM outbox").await;
    assert_eq!(row[0].0, "failed");
    assert!(row[0].1.contains("550"), "{}", row[0].1);
    app.create(app.new_ticket("bob@example.com", "A lock")).await.unwrap();
    app.deliver().await;
    assert_eq!(smtp.mails().len(), 1);
}

#[tokio::test]
async fn a_mail_keeps_its_message_id_over_attempts_and_each_attempt_has_its_own_link() {
    let smtp = Smtp::start().await;
    let app = with_smtp(&smtp).await;
    // Taken twice, but the first two times the answer says otherwise.
    smtp.answer_contents(&["451 4.3.0 later", "421 4.3.0 later"]);
    a_notice(&app).await;
    for wait in [0, 5, 30] {
        app.sleep(wait);
        app.deliver().await;
    }
    let taken = smtp.mails();
    assert_eq!(taken.len(), 3);
    let ids: BTreeSet<&str> = taken.iter().map(Taken::message_id).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert!(taken.iter().all(|mail| mail.to == ALICE));
    let links: BTreeSet<String> = taken.iter().map(|mail| link_of(&mail.content)).collect();
    assert_eq!(links.len(), 3);
    for link in &links {
        let session = app.anon().open(link).get("/api/v1/portal/session").await;
        session.expect(200);
    }
    assert_eq!(
        app.number("SELECT COUNT(*) FROM outbox WHERE state = 'sent' AND attempt = 3").await,
        1
    );
}

/// The link in a mail as it went over the wire: quoted-printable, with `=3D` and soft breaks.
fn link_of(content: &str) -> String {
    mailbox::link(&content.replace("=\n", "").replace("=3D", "="))
}

#[tokio::test]
async fn mails_to_one_person_keep_their_order() {
    let app = TestApp::start().await;
    let ticket = app.ticket(ALICE, "A broken camera").await;
    for text in ["one", "two", "three"] {
        app.note(&ticket.reference, text, Visibility::Public).await.unwrap();
        app.sleep(1);
    }
    app.create(app.new_ticket("bob@example.com", "A lock")).await.unwrap();
    app.break_mail(true);
    assert!(jobs::deliver::next(&app).await.unwrap());
    app.break_mail(false);
    app.deliver().await;
    assert!(app.mailbox(ALICE).0.is_empty(), "the first was put off, so the others wait");
    assert_eq!(app.mailbox("bob@example.com").len(), 1, "for others nothing waits");
    app.sleep(5);
    app.deliver().await;
    let mails = app.mailbox(ALICE);
    let order: Vec<bool> = mails
        .0
        .iter()
        .zip(["one", "two", "three"])
        .map(|(mail, text)| mail.text.contains(text))
        .collect();
    assert_eq!(order, [true; 3]);
    let settled: Vec<i64> = app
        .column(format!(
            "SELECT id FROM outbox WHERE recipient = '{ALICE}' ORDER BY settled_at, id"
        ))
        .await;
    assert!(settled.is_sorted());
}

#[tokio::test]
async fn nobody_waits_behind_another_persons_trouble() {
    let app = TestApp::start().await;
    let ticket = app.ticket(ALICE, "A broken camera").await;
    for number in 0..120 {
        let text = format!("note {number}");
        app.note(&ticket.reference, &text, Visibility::Public).await.unwrap();
    }
    app.break_mail(true);
    assert!(jobs::deliver::next(&app).await.unwrap());
    app.break_mail(false);
    app.create(app.new_ticket("bob@example.com", "A lock")).await.unwrap();
    // What waits steps aside by 50, so no claim walks past more.
    for aside in [50, 100] {
        assert!(claim(&app).await.is_none());
        let due = format!("SELECT COUNT(*) FROM outbox WHERE due_at > {}", app.now().0);
        assert_eq!(app.number(due).await, aside + 1);
    }
    app.deliver().await;
    assert_eq!(app.mailbox("bob@example.com").len(), 1);
    assert!(app.mailbox(ALICE).0.is_empty());
    app.sleep(5);
    app.deliver().await;
    assert_eq!(app.mailbox(ALICE).len(), 120);
    // A link is minted at each hand-over, so their ids tell the order.
    let sent = format!("SELECT id FROM outbox WHERE recipient = '{ALICE}' ORDER BY link_id");
    assert!(app.column::<i64>(sent).await.is_sorted());
}

#[tokio::test]
async fn a_technician_who_left_gets_no_mail() {
    let app = TestApp::start().await;
    let dana = app.staff("dana@rfs.example", "Dana", Role::Technician).await;
    let mut new = app.new_ticket(ALICE, "A broken camera");
    new.assignee = Some(dana.email.clone());
    app.create(new).await.unwrap();
    app.act(move |tx, _, now| staff::set_active(tx, &somebody(), &dana.email, false, now))
        .await
        .unwrap();
    app.deliver().await;
    assert!(app.mailbox("dana@rfs.example").0.is_empty());
    let row = "SELECT error FROM outbox WHERE recipient = 'dana@rfs.example' AND state = 'failed'";
    assert_eq!(app.column::<String>(row).await, ["the technician is inactive"]);
    assert_eq!(app.mailbox(ALICE).len(), 1);
}

#[tokio::test]
async fn a_large_backlog_is_given_up_in_steps() {
    let app = TestApp::start().await;
    let customer = app.customer_row(ALICE).await;
    for number in 0..60 {
        app.create(app.new_ticket(ALICE, &format!("Ticket {number}"))).await.unwrap();
    }
    app.set_active(customer.id, false).await;
    let queued = "SELECT COUNT(*) FROM outbox WHERE state = 'queued'";
    for left in [10, 0] {
        assert!(claim(&app).await.is_none());
        assert_eq!(app.number(queued).await, left);
    }
    assert!(app.mails().is_empty());
}

#[tokio::test]
async fn who_waits_at_the_door_goes_first() {
    let app = TestApp::start().await;
    for _ in 0..5 {
        a_notice(&app).await;
    }
    app.sleep(1);
    ask(&app).await;
    assert!(jobs::deliver::next(&app).await.unwrap());
    assert_eq!(app.mailbox(ALICE).kinds(), ["portal_link"]);
    assert!(!jobs::deliver::next_sign_in(&app).await.unwrap(), "there was one");
    app.deliver().await;
    assert_eq!(app.mailbox(ALICE).len(), 6);
    // A notice that cannot be delivered does not hold a sign-in mail to the same person up.
    a_notice(&app).await;
    app.break_mail(true);
    assert!(jobs::deliver::next(&app).await.unwrap());
    app.break_mail(false);
    app.sleep(60);
    ask(&app).await;
    assert!(jobs::deliver::next_sign_in(&app).await.unwrap());
}

#[tokio::test]
async fn only_who_holds_the_lease_settles() {
    let app = TestApp::start().await;
    a_notice(&app).await;
    let first = claim(&app).await.unwrap().claimed;
    assert!(claim(&app).await.is_none(), "it is being sent");
    app.sleep(59);
    assert!(claim(&app).await.is_none());
    app.sleep(1);
    let second = claim(&app).await.unwrap().claimed;
    assert_eq!((first.attempt, second.attempt), (1, 2));
    assert_eq!(first.message_id, second.message_id);
    let before = app.dump_of("outbox").await;
    for work in 0..5 {
        let stale = first.clone();
        let own = app
            .act(move |tx, _, now| {
                Ok(match work {
                    0 => outbox::settle(tx, &stale, now),
                    1 => outbox::defer(tx, &stale, "late", now),
                    2 => outbox::give_up(tx, &stale, "late", now),
                    3 => outbox::renew(tx, &stale, now),
                    _ => outbox::hold(tx, &stale, now),
                }?)
            })
            .await
            .unwrap();
        assert!(!own, "{work}");
    }
    assert_eq!(app.dump_of("outbox").await, before, "the old lease changes nothing");
    app.sleep(50);
    let renewing = second.clone();
    assert!(app.act(move |tx, _, now| Ok(outbox::renew(tx, &renewing, now)?)).await.unwrap());
    app.sleep(59);
    assert!(claim(&app).await.is_none(), "renewed");
    let settling = second.clone();
    assert!(app.act(move |tx, _, now| Ok(outbox::settle(tx, &settling, now)?)).await.unwrap());
    assert!(!app.act(move |tx, _, now| Ok(outbox::settle(tx, &second, now)?)).await.unwrap());
    assert_eq!(rows(&app).await[0].split(' ').next(), Some("sent"));
}

/// Two transactions of two processes at once: the first has done its part and is not committed
/// while the second does its own, or waits for the first.
async fn overlapping(
    app: &TestApp,
    mut first: impl FnMut(&mut Tx<'_>) -> Result<(), Error> + Send + 'static,
    second: impl FnMut(&mut Tx<'_>) -> Result<(), Error> + Send + 'static,
) {
    let other = app.beside().await;
    let (begun, has_begun) = mpsc::channel();
    let (done, is_done) = mpsc::channel();
    let ahead = app.db.write(move |tx| {
        first(tx)?;
        begun.send(()).unwrap();
        // Whoever waits for this one is not done before it.
        let _ = is_done.recv_timeout(Duration::from_millis(300));
        Ok::<_, Error>(())
    });
    let behind = async {
        tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
        let written = other.db.write(second).await;
        let _ = done.send(());
        written
    };
    let (ahead, behind) = tokio::join!(ahead, behind);
    ahead.unwrap();
    behind.unwrap();
}

#[tokio::test]
async fn a_mail_that_steps_aside_while_the_one_before_it_is_settled_is_brought_back() {
    for settles_first in [true, false] {
        let app = TestApp::start().await;
        let ticket = app.ticket(ALICE, "A broken camera").await;
        app.note(&ticket.reference, "one", Visibility::Public).await.unwrap();
        app.note(&ticket.reference, "two", Visibility::Public).await.unwrap();
        let (under_way, now) = (claim(&app).await.unwrap().claimed, app.now());
        let settle = move |tx: &mut Tx<'_>| {
            assert!(outbox::settle(tx, &under_way, now)?);
            Ok(())
        };
        let step_aside = move |tx: &mut Tx<'_>| {
            store::outbox::step_aside(tx, NOTICES, now)?;
            Ok(())
        };
        if settles_first {
            overlapping(&app, settle, step_aside).await;
        } else {
            overlapping(&app, step_aside, settle).await;
        }
        assert!(
            claim(&app).await.is_some(),
            "settles first: {settles_first}, {:?}",
            rows(&app).await
        );
    }
}

#[tokio::test]
async fn two_processes_never_send_the_same_mail() {
    let app = TestApp::start().await;
    for number in 0..20 {
        let address = format!("customer{number}@example.com");
        app.create(app.new_ticket(&address, "A broken camera")).await.unwrap();
    }
    let other = app.beside().await;
    let ours = async { while jobs::deliver::next(&app).await.unwrap() {} };
    let theirs = async { while jobs::deliver::next(&other).await.unwrap() {} };
    tokio::join!(ours, theirs);
    assert_eq!(app.mails().len(), 20);
    let attempts: Vec<(String, i64)> = app.column("SELECT state, attempt FROM outbox").await;
    assert!(attempts.iter().all(|row| *row == ("sent".to_owned(), 1)), "{attempts:?}");
}

#[tokio::test]
async fn what_is_settled_keeps_its_envelope_and_loses_its_text() {
    let app = TestApp::start().await;
    let ticket = app.ticket(ALICE, "A broken camera").await;
    app.note(&ticket.reference, "The alarm code is secretword.", Visibility::Public).await.unwrap();
    let in_outbox = async || app.dump_of("outbox").await.join("\n");
    assert!(in_outbox().await.contains("secretword"));
    app.deliver().await;
    let row = in_outbox().await;
    assert!(!row.contains("secretword") && row.contains("content=NULL"), "{row}");
    assert!(
        row.contains(ALICE) && row.contains("note_added") && row.contains("state=sent"),
        "{row}"
    );
    let opened: Vec<(i64, String)> = app
        .column("SELECT o.ticket_id, l.reason FROM outbox o JOIN links l ON l.id = o.link_id")
        .await;
    assert_eq!(opened, [(ticket.id, "ticket_mail".to_owned())]);
}

#[tokio::test]
async fn when_the_server_will_not_have_us_the_queue_pauses_and_says_so() {
    let smtp = Smtp::start().await;
    let app = with_smtp(&smtp).await;
    smtp.answer_senders(Some("530 5.7.0 authentication required"));
    a_notice(&app).await;
    app.create(app.new_ticket("bob@example.com", "A lock")).await.unwrap();
    app.deliver().await;
    let rows: Vec<(String, i64)> =
        app.column("SELECT state, attempt FROM outbox ORDER BY attempt").await;
    let waiting = |attempt| ("queued".to_owned(), attempt);
    assert_eq!(rows, [waiting(0), waiting(1)], "one try, then nobody is asked");
    let ready = app.anon().get("/readyz").await.json();
    assert_eq!((&ready["mail"], &ready["ready"]), (&json!("paused"), &json!(true)), "{ready}");
    app.clock.advance(Duration::from_millis(59_999));
    app.deliver().await;
    assert_eq!(app.number("SELECT MAX(attempt) FROM outbox").await, 1);
    smtp.answer_senders(None);
    app.clock.advance(Duration::from_millis(1));
    app.deliver().await;
    assert_eq!(smtp.mails().len(), 2);
    assert_eq!(app.anon().get("/readyz").await.json()["mail"], "ok");
}

#[tokio::test]
async fn a_pause_gives_no_mail_up() {
    let smtp = Smtp::start().await;
    let app = with_smtp(&smtp).await;
    smtp.answer_senders(Some("535 5.7.8 no"));
    a_notice(&app).await;
    for _ in 0..120 {
        app.deliver().await;
        app.sleep(60);
    }
    smtp.answer_senders(None);
    app.deliver().await;
    assert_eq!(smtp.mails().len(), 1, "every minute it is tried, after two hours as well");
}

fn retry(app: &TestApp, id: i64) -> impl Future<Output = Result<StoredMail, Error>> + use<> {
    let app = app.clone();
    async move { app.act(move |tx, _, now| outbox_desk::retry(tx, &somebody(), id, now)).await }
}

async fn in_state(app: &TestApp, state: MailState) -> Vec<StoredMail> {
    let page = app.db.read(move |tx| outbox_desk::list(tx, state, None, 100)).await;
    page.map_err(|error: Error| error).unwrap().items
}

fn reason(result: Result<StoredMail, Error>) -> String {
    match result {
        Err(Error::Invalid(fields)) => fields[0].message.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_failed_mail_can_be_sent_again_until_its_text_is_forgotten() {
    let smtp = Smtp::start().await;
    let app = with_smtp(&smtp).await;
    smtp.answer_recipients(&["550 5.1.1 no such user", "550 5.1.1 no such user"]);
    a_notice(&app).await;
    app.deliver().await;
    let failed = in_state(&app, MailState::Failed).await;
    let [mail] = &failed[..] else { panic!("{failed:?}") };
    assert!(mail.error.as_ref().unwrap().contains("550") && mail.has_text, "{mail:?}");
    assert_eq!(retry(&app, mail.id).await.unwrap().state, MailState::Queued);
    assert!(reason(retry(&app, mail.id).await).contains("waits already"));
    app.deliver().await;
    assert_eq!(in_state(&app, MailState::Failed).await.len(), 1, "refused once more");
    retry(&app, mail.id).await.unwrap();
    app.deliver().await;
    assert_eq!(smtp.mails().len(), 1);
    assert!(reason(retry(&app, mail.id).await).contains("was sent"));
    // Another, which nobody looks at for two weeks.
    smtp.answer_recipients(&["550 5.1.1 no such user"]);
    app.create(app.new_ticket("bob@example.com", "A lock")).await.unwrap();
    app.deliver().await;
    let id = in_state(&app, MailState::Failed).await[0].id;
    app.sleep_days(14);
    jobs::tidy::forget(&app).await.unwrap();
    assert!(in_state(&app, MailState::Failed).await[0].has_text, "14 days are not over");
    app.sleep(1);
    jobs::tidy::forget(&app).await.unwrap();
    assert!(!in_state(&app, MailState::Failed).await[0].has_text);
    assert!(reason(retry(&app, id).await).contains("forgotten"));
}

#[tokio::test]
async fn a_mail_that_is_given_up_by_hand_lets_the_next_go() {
    let app = TestApp::start().await;
    a_notice(&app).await;
    app.create(app.new_ticket(ALICE, "Another camera")).await.unwrap();
    app.break_mail(true);
    app.deliver().await;
    app.break_mail(false);
    app.deliver().await;
    assert!(app.mailbox(ALICE).kinds().is_empty(), "the second waits for the first");
    let first = in_state(&app, MailState::Queued).await.pop().unwrap();
    let given_up = app
        .act(move |tx, _, now| outbox_desk::give_up(tx, &somebody(), first.id, now))
        .await
        .unwrap();
    assert_eq!(given_up.state, MailState::Failed);
    app.deliver().await;
    assert_eq!(app.mailbox(ALICE).len(), 1);
    let again =
        app.act(move |tx, _, now| outbox_desk::give_up(tx, &somebody(), first.id, now)).await;
    assert!(reason(again).contains("before"));
    let nobody = app.act(move |tx, _, now| outbox_desk::give_up(tx, &somebody(), 1, now)).await;
    assert!(matches!(nobody, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_sign_in_mail_is_not_sent_late() {
    let app = TestApp::start().await;
    app.customer_row(ALICE).await;
    ask(&app).await;
    let id = in_state(&app, MailState::Queued).await[0].id;
    app.act(move |tx, _, now| outbox_desk::give_up(tx, &somebody(), id, now)).await.unwrap();
    assert!(reason(retry(&app, id).await).contains("asks for a new one"));
    app.deliver().await;
    assert!(app.mails().is_empty());
}

#[tokio::test]
async fn mails_are_listed_by_state_page_by_page() {
    let app = TestApp::start().await;
    for number in 0..5 {
        app.create(app.new_ticket(ALICE, &format!("Camera {number}"))).await.unwrap();
    }
    let (mut cursor, mut ids) = (None, Vec::new());
    loop {
        let from: Option<String> = cursor.take();
        let page = app
            .db
            .read(move |tx| outbox_desk::list(tx, MailState::Queued, from.as_deref(), 2))
            .await;
        let page = page.map_err(|error: Error| error).unwrap();
        ids.extend(page.items.iter().map(|mail| mail.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(ids.len(), 5);
    assert!(ids.is_sorted_by(|a, b| a > b), "the newest first: {ids:?}");
    assert!(in_state(&app, MailState::Held).await.is_empty());
}
