//! Webhooks at the desk: added, tried, changed, looked at, and removed.

use std::time::Duration;

use doorkey::domain::staff::Role;
use doorkey::jobs;

use crate::desk_keys::{hidden, secret};
use crate::support::TestApp;
use crate::support::client::Client;
use crate::support::hook::Hook;

const HOOKS: &str = "/admin/webhooks";

async fn desk() -> (TestApp, Client) {
    let app =
        TestApp::with(|config| config.webhooks.allow = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let boss = app.at_the_desk("boss@rfs.example", Role::Admin).await;
    (app, boss)
}

/// Adds a webhook: its path, and its secret.
async fn add(app: &TestApp, boss: &Client, url: &str, kinds: &[&str]) -> (String, String) {
    let id = hidden(&boss.get(HOOKS).await.expect(200).text(), "id");
    let mut form = vec![("id", id.as_str()), ("url", url), ("about", "Shop")];
    form.extend(kinds.iter().map(|kind| ("kind", *kind)));
    let page = boss.form(HOOKS, &form).await.expect(200).text();
    // The page was loaded again.
    let again = boss.form(HOOKS, &form).await.expect(303);
    assert_eq!(again.header("location"), Some(format!("{HOOKS}/{id}").as_str()));
    assert_eq!(app.number("SELECT count(*) FROM webhooks").await, 1);
    (format!("{HOOKS}/{id}"), secret(&page, "whsec_"))
}

/// Sends a test call while the worker works.
async fn test(app: &TestApp, boss: &Client, at: &str) -> String {
    let work = async {
        for _ in 0..30 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            while jobs::webhooks::next(&app.shared()).await.unwrap() {}
        }
    };
    let (path, none) = (format!("{at}/test"), []);
    let (answer, ()) = tokio::join!(boss.form(&path, &none), work);
    let answer = answer.expect(303);
    boss.get(answer.header("location").unwrap()).await.expect(200).text()
}

#[tokio::test]
async fn a_webhook_is_added_once_and_a_test_call_tells_its_result() {
    let (app, boss) = desk().await;
    let hook = Hook::start().await;
    hook.answer(&["204 No Content", "500 Oops"]);
    let (at, secret) = add(&app, &boss, &hook.url(), &["ticket.created"]).await;
    let page = test(&app, &boss, &at).await;
    assert!(page.contains("Test call: Delivered</b> (HTTP 204)"), "{page}");
    assert!(!page.contains(&secret), "a secret is shown once");
    let page = test(&app, &boss, &at).await;
    assert!(page.contains("Test call: Tried again later</b> (HTTP 500)"), "{page}");
    assert!(page.contains("the target answered 500"), "{page}");
    let list = boss.get(HOOKS).await.expect(200).text();
    assert!(list.contains("Failing") && list.contains("Ticket created"), "{list}");
    let call = app.number("SELECT max(id) FROM deliveries").await;
    boss.form(&format!("{at}/deliveries/{call}/retry"), &[]).await.expect(303);
    while jobs::webhooks::next(&app.shared()).await.unwrap() {}
    assert_eq!(hook.calls().len(), 3);
    let states: Vec<String> = app.column("SELECT state FROM deliveries").await;
    assert_eq!(states, ["delivered", "delivered"]);
}

#[tokio::test]
async fn targets_that_may_not_be_called_are_refused_and_what_was_typed_stays() {
    let app = TestApp::start().await;
    let boss = app.at_the_desk("boss@rfs.example", Role::Admin).await;
    let id = hidden(&boss.get(HOOKS).await.expect(200).text(), "id");
    for (url, words) in [
        ("https://127.0.0.1/", "not a public one"),
        ("https://10.1.2.3/in", "not a public one"),
        ("http://example.com/", "The URL must begin with https://"),
        ("example.com", "https://example.com/hooks/doorkey"),
        ("https://me:pw@example.com/", "Leave user name and password out"),
        ("", "required"),
    ] {
        let form = [("id", id.as_str()), ("url", url), ("kind", "ticket.replied"), ("about", "Me")];
        let page = boss.form(HOOKS, &form).await.expect(422).text();
        assert!(page.contains(words) && page.contains("value=\"Me\""), "{url}: {page}");
        assert!(page.contains("value=\"ticket.replied\" checked"), "{page}");
    }
    let form = [("id", id.as_str()), ("url", "https://example.com/"), ("kind", "ticket.painted")];
    boss.form(HOOKS, &form).await.expect(422);
    assert_eq!(app.number("SELECT count(*) FROM webhooks").await, 0);
}

#[tokio::test]
async fn a_webhook_is_edited_and_removed() {
    let (app, boss) = desk().await;
    let (at, _) = add(&app, &boss, "https://example.com/a", &[]).await;
    let form = [("url", "https://example.com/b"), ("about", ""), ("kind", "ticket.replied")];
    boss.form(&at, &form).await.expect(303);
    let page = boss.get(&at).await.expect(200).text();
    assert!(page.contains("https://example.com/b") && page.contains(">Off<"), "{page}");
    assert!(page.contains("value=\"ticket.replied\" checked"), "{page}");
    boss.form(&at, &[("url", "x"), ("active", "true")]).await.expect(422);
    let kept: Vec<(String, String, bool)> =
        app.column("SELECT url, kinds, active FROM webhooks").await;
    assert_eq!(kept, [("https://example.com/b".into(), "[\"ticket.replied\"]".into(), false)]);
    boss.form(&format!("{at}/remove"), &[]).await.expect(303);
    boss.get(&at).await.expect(404);
}

#[tokio::test]
async fn a_new_secret_is_shown_once_and_made_once() {
    let (app, boss) = desk().await;
    let (at, first) = add(&app, &boss, "https://example.com/a", &[]).await;
    let saw = hidden(&boss.get(&at).await.expect(200).text(), "old_until");
    let form = [("old_until", saw.as_str())];
    let page = boss.form(&format!("{at}/secret"), &form).await.expect(200).text();
    let second = secret(&page, "whsec_");
    assert_ne!(first, second);
    assert!(page.contains("The one before it signs as well until"), "{page}");
    // The page was loaded again.
    let again = boss.form(&format!("{at}/secret"), &form).await.expect(303);
    let page = boss.get(again.header("location").unwrap()).await.expect(200).text();
    assert!(page.contains("shown then") && !page.contains("whsec_"), "{page}");
    let rotated = "SELECT count(*) FROM audit WHERE action = 'webhook.secret_rotated'";
    assert_eq!(app.number(rotated).await, 1);
    boss.form(&format!("{at}/secret"), &[("old_until", "x")]).await.expect(422);
}

#[tokio::test]
async fn what_was_sent_is_paged() {
    let (app, boss) = desk().await;
    let (at, _) = add(&app, &boss, "https://example.com/a", &[]).await;
    let id: i64 = at.rsplit('/').next().unwrap().parse().unwrap();
    app.act(move |tx, _, now| {
        for _ in 0..30 {
            doorkey::domain::webhooks::test(tx, &crate::support::desk::somebody(), id, now)?;
        }
        Ok(())
    })
    .await
    .unwrap();
    let first = boss.get(&at).await.expect(200).text();
    assert_eq!(first.matches("Send Again").count(), 25);
    let (_, after) = first.split_once("rel=\"next\" href=\"").unwrap();
    let next = after.split('"').next().unwrap();
    let second = boss.get(next).await.expect(200).text();
    assert_eq!(second.matches("Send Again").count(), 5);
    boss.get(&format!("{at}?cursor=nonsense")).await.expect(200);
}
