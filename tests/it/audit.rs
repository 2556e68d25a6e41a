//! The audit log: what it keeps, how it is found, and that nobody changes it.

use std::time::Duration;

use doorkey::clock::Millis;
use doorkey::domain::Actor;
use doorkey::domain::audit::{self, Action, ByKind, Details, Line, Query, Subject};
use doorkey::domain::page::Page;
use doorkey::domain::staff::Role;
use doorkey::error::Error;

use crate::support::TestApp;
use crate::support::desk::somebody;

/// Every line there is, the newest first.
pub async fn lines(app: &TestApp) -> Vec<Line> {
    find(app, Query { limit: 1_000, ..Query::default() }).await.items
}

async fn find(app: &TestApp, query: Query) -> Page<Line> {
    let found: Result<_, Error> = app.db.read(move |tx| audit::list(tx, &query)).await;
    found.unwrap()
}

async fn record(app: &TestApp, actor: Actor, action: Action, words: &str) {
    let subject = Subject::new("customer", 5, words);
    let details = Details::none().changed("name", "A", "B").with("reason", "asked");
    app.act(move |tx, _, now| audit::record(tx, &actor, action, &subject, details.clone(), now))
        .await
        .unwrap();
}

fn program() -> Actor {
    Actor::Program { id: 9, name: "the shop".into(), role: Role::Admin }
}

#[tokio::test]
async fn a_line_says_who_did_what_to_whom_and_when() {
    let app = TestApp::start().await;
    record(&app, somebody(), Action::CustomerEdited, "Ana@Example.com").await;
    let line = lines(&app).await.remove(0);
    assert_eq!((line.by.kind, line.by.id, line.by.name.as_str()), (ByKind::Staff, 1, "Dana Reyes"));
    assert_eq!(line.action, "customer.edited");
    assert_eq!(line.subject, Subject::new("customer", 5, "Ana@Example.com"));
    assert_eq!(line.at, app.now());
    let details = serde_json::Value::from(line.details.0);
    let expected = serde_json::json!({ "name": { "from": "A", "to": "B" }, "reason": "asked" });
    assert_eq!(details, expected);
    assert_eq!((line.network.as_str(), line.cause), ("", None), "the test is no request");
}

#[tokio::test]
async fn what_nobody_asked_for_and_what_was_typed_are_told_apart() {
    let app = TestApp::start().await;
    record(&app, Actor::System, Action::BackupMade, "Doorkey").await;
    doorkey::cause::typed(record(&app, Actor::System, Action::BackupMade, "Doorkey")).await;
    let network = "192.0.2.x".into();
    doorkey::cause::caused_by("abc".into(), network, async {
        record(&app, program(), Action::CustomerAdded, "x").await;
    })
    .await;
    let [asked, typed, itself] = <[Line; 3]>::try_from(lines(&app).await).unwrap();
    assert_eq!(
        [asked.by.kind, typed.by.kind, itself.by.kind],
        [ByKind::Program, ByKind::Operator, ByKind::System]
    );
    assert_eq!((asked.network.as_str(), asked.cause.as_deref()), ("192.0.2.x", Some("abc")));
    assert_eq!((typed.network.as_str(), typed.cause), ("", None));
}

#[tokio::test]
async fn lines_of_a_transaction_that_was_undone_are_not_there() {
    let app = TestApp::start().await;
    let undone = app.act(|tx, _, now| {
        let subject = Subject::doorkey();
        audit::record(tx, &somebody(), Action::BackupMade, &subject, Details::none(), now)?;
        Err::<(), _>(Error::NotFound)
    });
    assert!(undone.await.is_err());
    assert_eq!(lines(&app).await, []);
}

#[tokio::test]
async fn lines_are_found_by_hand_action_thing_and_day() {
    let app = TestApp::start().await;
    record(&app, somebody(), Action::CustomerEdited, "ana@example.com").await;
    app.sleep_days(1);
    record(&app, program(), Action::CustomerEdited, "ana@example.com").await;
    record(&app, program(), Action::CustomerDisabled, "bo@example.com").await;
    let day = app.now();
    let all = Query { limit: 10, ..Query::default() };
    let by = |kind, id| Query { by: Some((kind, id)), ..all.clone() };
    let edited = Query { action: Some(Action::CustomerEdited), ..all.clone() };
    for (expected, query) in [
        (3, all.clone()),
        (1, by(ByKind::Staff, None)),
        (1, by(ByKind::Staff, Some(1))),
        (0, by(ByKind::Staff, Some(2))),
        (2, by(ByKind::Program, Some(9))),
        (2, edited.clone()),
        (1, Query { action: Some(Action::CustomerEdited), ..by(ByKind::Program, None) }),
        (2, Query { about: Some("ANA@example.com".into()), ..all.clone() }),
        (0, Query { about: Some("ana@example".into()), ..all.clone() }),
        (2, Query { from: Some(day), ..all.clone() }),
        (1, Query { until: Some(day), ..all.clone() }),
        (1, Query { from: Some(day), until: Some(Millis(day.0 + 1)), ..edited.clone() }),
        (0, Query { from: Some(Millis(day.0 + 1)), ..all.clone() }),
    ] {
        let found = find(&app, query.clone()).await;
        assert_eq!((found.items.len(), found.next), (expected, None), "{query:?}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap() {
    let app = TestApp::start().await;
    for number in 0..7 {
        record(&app, somebody(), Action::CustomerEdited, &format!("c{number}@example.com")).await;
        record(&app, program(), Action::CustomerAdded, "other@example.com").await;
        app.clock.advance(Duration::from_millis(number % 2));
    }
    for (filter, expected) in [(None, 14), (Some((ByKind::Staff, None)), 7)] {
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page = find(&app, Query { by: filter, cursor, limit: 3, ..Query::default() }).await;
            assert!(page.items.len() == 3 || page.next.is_none());
            seen.extend(page.items.into_iter().map(|line| line.id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), expected);
        assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "the newest first, each once");
    }
    let bad = Query { cursor: Some("x".into()), limit: 3, ..Query::default() };
    let refused: Result<Page<Line>, Error> = app.db.read(move |tx| audit::list(tx, &bad)).await;
    assert!(matches!(refused, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn a_search_for_what_is_rare_ends_and_goes_on() {
    let app = TestApp::start().await;
    record(&app, somebody(), Action::CustomerAdded, "the@one.example").await;
    app.act(|tx, _, now| {
        for _ in 0..5_200 {
            let subject = Subject::doorkey();
            audit::record(tx, &Actor::System, Action::BackupMade, &subject, Details::none(), now)?;
        }
        Ok(())
    })
    .await
    .unwrap();
    let rare = Query { by: Some((ByKind::Staff, None)), limit: 3, ..Query::default() };
    let first = find(&app, rare.clone()).await;
    assert_eq!((first.items.len(), first.next.is_some()), (0, true));
    let second = find(&app, Query { cursor: first.next, ..rare }).await;
    assert_eq!((second.items.len(), second.next), (1, None));
}

#[tokio::test]
async fn the_log_only_grows() {
    let app = TestApp::start().await;
    record(&app, somebody(), Action::CustomerEdited, "ana@example.com").await;
    let before = lines(&app).await;
    let mut tampering = vec!["DELETE FROM audit".to_owned()];
    for column in ["id", "at", "by_id", "subject_id"] {
        tampering.push(format!("UPDATE audit SET {column} = {column} + 1"));
    }
    for column in ["by_name", "subject", "subject_key", "details", "action", "by_kind", "network"] {
        tampering.push(format!("UPDATE audit SET {column} = 'staff'"));
    }
    tampering.push("UPDATE audit SET cause = 'x'".to_owned());
    if app.is_postgres() {
        tampering.push("TRUNCATE audit".to_owned());
    }
    for statement in tampering {
        let sql = statement.clone();
        let done: Result<u64, Error> = app.db.write(move |tx| Ok(tx.run(&sql, &[])?)).await;
        assert!(done.is_err(), "{statement}");
    }
    assert_eq!(lines(&app).await, before);
}

#[tokio::test]
async fn whoever_is_forgotten_leaves_no_name_and_the_rest_stays() {
    let app = TestApp::start().await;
    let ana = Actor::Customer { id: 5, name: "Ana".into() };
    record(&app, ana, Action::LinksRevoked, "ana@example.com").await;
    let mail = Subject::new("mail", 77, "ANA@example.com");
    app.act(move |tx, _, now| {
        audit::record(tx, &somebody(), Action::MailRetried, &mail, Details::none(), now)
    })
    .await
    .unwrap();
    let other = Subject::new("customer", 6, "bo@example.com");
    let kept = other.clone();
    app.act(move |tx, _, now| {
        audit::record(tx, &program(), Action::CustomerAdded, &other, Details::none(), now)
    })
    .await
    .unwrap();
    app.act(|tx, _, _| audit::forget(tx, "customer", 5, "ana@example.com")).await.unwrap();
    let [third, second, first] = <[Line; 3]>::try_from(lines(&app).await).unwrap();
    assert_eq!((third.subject, third.by.name.as_str()), (kept, "the shop"));
    assert_eq!((second.subject.words.as_str(), second.by.name.as_str()), ("", "Dana Reyes"));
    assert_eq!((first.subject.words.as_str(), first.by.name.as_str()), ("", ""));
    assert_eq!((first.by.id, first.subject.id, first.action.as_str()), (5, 5, "link.revoked_all"));
    assert!(first.details.is_empty());
}
