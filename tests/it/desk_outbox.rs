//! Mails at the desk: why they did not get out, and trying them again.

use doorkey::domain::staff::Role;

use crate::support::TestApp;
use crate::support::client::Client;

const OUTBOX: &str = "/admin/outbox";
const ANA: &str = "ana@example.com";

async fn desk() -> (TestApp, Client) {
    let app = TestApp::start().await;
    let boss = app.at_the_desk("boss@rfs.example", Role::Admin).await;
    (app, boss)
}

/// A mail about a new ticket, in this state.
async fn mail(app: &TestApp, state: &str) -> i64 {
    app.create(app.new_ticket(ANA, "A camera")).await.unwrap();
    let id = app.number("SELECT max(id) FROM outbox").await;
    let settled = if state == "failed" { app.now().0.to_string() } else { "NULL".to_owned() };
    app.sql(format!(
        "UPDATE outbox SET state = '{state}', settled_at = {settled}, error = 'mailbox <full>' \
         WHERE id = {id}"
    ))
    .await;
    id
}

async fn state(app: &TestApp, id: i64) -> String {
    let states: Vec<String> = app.column(format!("SELECT state FROM outbox WHERE id = {id}")).await;
    states[0].clone()
}

#[tokio::test]
async fn a_mail_that_failed_is_shown_with_its_reason_and_tried_again() {
    let (app, boss) = desk().await;
    let id = mail(&app, "failed").await;
    let page = boss.get(OUTBOX).await.expect(200).text();
    assert!(page.contains("Ticket created") && page.contains(ANA), "{page}");
    assert!(page.contains("mailbox &#60;full&#62;"), "{page}");
    let retry = format!("{OUTBOX}/{id}/retry");
    let done = boss.form(&retry, &[("state", "failed")]).await.expect(303);
    let page = boss.get(done.header("location").unwrap()).await.expect(200).text();
    assert!(page.contains("One mail was changed.") && page.contains("No mail failed"), "{page}");
    assert_eq!(state(&app, id).await, "queued");
    let refused = boss.form(&retry, &[("state", "failed")]).await.expect(422).text();
    assert!(refused.contains("This mail waits already"), "{refused}");
    app.deliver().await;
    assert_eq!(app.mailbox(ANA).kinds(), ["ticket_created"]);
    assert!(boss.get("/admin/outbox?state=sent").await.expect(200).text().contains(ANA));
}

#[tokio::test]
async fn all_that_failed_are_tried_again_but_those_that_come_too_late() {
    let (app, boss) = desk().await;
    let (one, other) = (mail(&app, "failed").await, mail(&app, "failed").await);
    let forgotten = mail(&app, "failed").await;
    app.sql(format!("UPDATE outbox SET content = NULL WHERE id = {forgotten}")).await;
    let sign_in = mail(&app, "failed").await;
    app.sql(format!("UPDATE outbox SET lane = 0 WHERE id = {sign_in}")).await;
    let page = boss.get(OUTBOX).await.expect(200).text();
    assert!(page.contains("A sign-in mail is not sent late"), "{page}");
    assert_eq!(page.matches(">Try Again<").count(), 2);
    let done = boss.form("/admin/outbox/retry-failed", &[]).await.expect(303);
    assert_eq!(done.header("location"), Some("/admin/outbox?state=failed&said=2"));
    let mut states = Vec::new();
    for id in [one, other, forgotten, sign_in] {
        states.push(state(&app, id).await);
    }
    assert_eq!(states, ["queued", "queued", "failed", "failed"]);
}

#[tokio::test]
async fn what_waits_or_is_held_is_given_up() {
    let (app, boss) = desk().await;
    let waiting = mail(&app, "queued").await;
    let give_up = format!("{OUTBOX}/{waiting}/give-up");
    boss.form(&give_up, &[("state", "queued")]).await.expect(303);
    assert_eq!(state(&app, waiting).await, "failed");
    boss.form(&give_up, &[("state", "queued")]).await.expect(422);
    let held = mail(&app, "held").await;
    mail(&app, "held").await;
    let page = boss.get("/admin/outbox?state=held").await.expect(200).text();
    assert!(page.contains("Give All Up") && page.contains("Held<span>2</span>"), "{page}");
    let retry = format!("{OUTBOX}/{held}/retry");
    boss.form(&retry, &[("state", "held")]).await.expect(303);
    let done = boss.form("/admin/outbox/give-up-held", &[]).await.expect(303);
    assert_eq!(done.header("location"), Some("/admin/outbox?state=held&said=1"));
}

#[tokio::test]
async fn the_list_is_paged_and_takes_any_address() {
    let (app, boss) = desk().await;
    for _ in 0..30 {
        mail(&app, "failed").await;
    }
    let first = boss.get(OUTBOX).await.expect(200).text();
    assert_eq!(first.matches(">Try Again<").count(), 25);
    let (_, after) = first.split_once("rel=\"next\" href=\"").unwrap();
    let next = after.split('"').next().unwrap().replace("&#38;", "&");
    let second = boss.get(&next).await.expect(200).text();
    assert_eq!(second.matches(">Try Again<").count(), 5);
    for odd in ["?state=lost", "?cursor=x&state=sent", "?said=-1", "?said=x&state=queued"] {
        boss.get(&format!("{OUTBOX}{odd}")).await.expect(200);
    }
}

#[tokio::test]
async fn the_dashboard_leads_admins_here_and_technicians_not() {
    let (app, boss) = desk().await;
    mail(&app, "failed").await;
    let here = "/admin/outbox?state=failed";
    assert!(boss.get("/admin").await.expect(200).text().contains(here));
    let kim = app.at_the_desk("kim@rfs.example", Role::Technician).await;
    let page = kim.get("/admin").await.expect(200).text();
    assert!(!page.contains("/admin/outbox") && page.contains("an admin can look"), "{page}");
}

#[tokio::test]
async fn a_mail_server_that_takes_nothing_is_told() {
    let (app, boss) = desk().await;
    app.post.health.stop("535 wrong password", app.now());
    let page = boss.get(OUTBOX).await.expect(200).text();
    assert!(page.contains("No mail gets out") && page.contains("535 wrong password"), "{page}");
}
