//! Every change that no timeline tells leaves one line in the audit log, by whichever door it comes.

use doorkey::domain::audit::Line;
use doorkey::domain::staff::{self, Role};
use doorkey::domain::{
    Actor, backups, customer_import, customers, outbox, staff_sign_ins, transfer,
};
use doorkey::error::Error;
use serde_json::json;

use crate::audit::lines;
use crate::support::TestApp;
use crate::support::client::Client;
use crate::support::desk::{email, somebody};

const DANA: &str = "dana@rfs.example";
const ANA: &str = "ana@example.com";

/// The log as it was when somebody last looked.
struct Watch<'a> {
    app: &'a TestApp,
    seen: usize,
}

impl<'a> Watch<'a> {
    async fn begin(app: &'a TestApp) -> Self {
        Self { app, seen: lines(app).await.len() }
    }

    /// Demands that since then exactly this was written: who (their kind), what, and to whom.
    async fn tells(&mut self, by: &str, action: &str, subject: &str) -> Line {
        let mut all = lines(self.app).await;
        let new = all.len() - self.seen;
        all.truncate(new);
        let told: Vec<_> = all
            .iter()
            .map(|line| (line.by.kind.as_str(), line.action.as_str(), line.subject.words.as_str()))
            .collect();
        assert_eq!(told, [(by, action, subject)]);
        self.seen += new;
        all.remove(0)
    }

    async fn tells_nothing(&mut self) {
        assert_eq!(lines(self.app).await.len(), self.seen);
    }
}

fn detail(line: &Line, what: &str) -> String {
    line.details.0[what].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn what_staff_do_at_the_door_is_told() {
    let app = TestApp::start().await;
    let dana = app.at_the_desk(DANA, Role::Technician).await;
    let line = lines(&app).await.remove(0);
    assert_eq!((line.action.as_str(), line.subject.words.as_str()), ("session.begun", DANA));
    assert_eq!(detail(&line, "with"), "a link from the command line");
    assert_eq!(detail(&line, "browser"), "Firefox on Linux");
    assert_eq!((line.by.name.as_str(), line.network.as_str()), ("Dana Reyes", "192.0.2.x"));
    assert!(line.cause.is_some_and(|id| id.len() == 22));
    let other = app.at_the_desk(DANA, Role::Technician).await;
    let mut watch = Watch::begin(&app).await;
    let ours = app.number("SELECT min(id) FROM sessions").await;
    other.form(&format!("/admin/sessions/{ours}/end"), &[]).await.expect(303);
    watch.tells("staff", "session.revoked", DANA).await;
    dana.get("/admin").await.expect(303);
    watch.tells_nothing().await;
    other.form("/admin/sign-out", &[]).await.expect(303);
    watch.tells("staff", "session.ended", DANA).await;
    let third = app.at_the_desk(DANA, Role::Technician).await;
    let mut watch = Watch::begin(&app).await;
    third.form("/admin/sessions/end-all", &[]).await.expect(303);
    watch.tells("staff", "session.revoked_all", DANA).await;
}

#[tokio::test]
async fn passkeys_that_come_and_go_are_told_once() {
    let app = TestApp::start().await;
    let dana = app.at_the_desk(DANA, Role::Technician).await;
    let seen = lines(&app).await.len();
    crate::passkeys::one_story(&dana).await;
    let told: Vec<Line> = lines(&app).await.drain(..).rev().skip(seen).collect();
    let words: Vec<&str> = told.iter().map(|line| line.action.as_str()).collect();
    assert_eq!(words, ["passkey.added", "session.begun", "passkey.removed"]);
    assert_eq!([&told[0], &told[2]].map(|line| detail(line, "passkey")), ["Key", "Key"]);
    assert_eq!(detail(&told[1], "with"), "a passkey");
}

#[tokio::test]
async fn what_programs_change_about_customers_is_told() {
    let app = TestApp::start().await;
    let program = app.admin().await;
    let mut watch = Watch::begin(&app).await;
    let made = program.post("/api/v1/customers", &json!({ "email": ANA })).await.expect(201).json();
    let at = format!("/api/v1/customers/{}", made["id"].as_str().unwrap());
    let line = watch.tells("program", "customer.added", ANA).await;
    assert_eq!((line.by.name.as_str(), line.network.as_str()), ("the shop", "192.0.2.x"));
    program.patch(&at, &json!({ "name": "Ana" })).await.expect(200);
    let line = watch.tells("program", "customer.edited", ANA).await;
    assert_eq!(line.details.0["name"], json!({ "from": "", "to": "Ana" }));
    program.patch(&at, &json!({ "name": "Ana" })).await.expect(200);
    watch.tells_nothing().await;
    let link = program.post(&format!("{at}/links"), &json!({})).await.expect(201).json();
    watch.tells("program", "link.made", ANA).await;
    let (links, link) = (format!("{at}/links"), link["id"].as_str().unwrap().to_owned());
    program.delete(&format!("{links}/{link}")).await.expect(204);
    watch.tells("program", "link.revoked", ANA).await;
    program.delete(&links).await.expect(204);
    watch.tells("program", "link.revoked_all", ANA).await;
    program.patch(&at, &json!({ "active": false })).await.expect(200);
    watch.tells("program", "customer.disabled", ANA).await;
    program.patch(&at, &json!({ "active": true })).await.expect(200);
    watch.tells("program", "customer.enabled", ANA).await;
}

#[tokio::test]
async fn a_customer_who_comes_with_a_ticket_is_told_and_the_ticket_is_not() {
    let app = TestApp::start().await;
    let program = app.admin().await;
    let boss = app.at_the_desk("boss@rfs.example", Role::Admin).await;
    let mut watch = Watch::begin(&app).await;
    let new = json!({ "customer": { "email": ANA }, "subject": "S", "description": "D" });
    let ticket = program.post("/api/v1/tickets", &new).await.expect(201).json();
    let line = watch.tells("program", "customer.added", ANA).await;
    assert_eq!(ticket["reference"], detail(&line, "ticket"));
    assert_eq!((line.by.name.as_str(), line.network.as_str()), ("the shop", "192.0.2.x"));
    // What a timeline tells is not told twice.
    program.post("/api/v1/tickets", &new).await.expect(201);
    watch.tells_nothing().await;
    let ben = app.create(app.new_ticket("ben@example.com", "By hand")).await.unwrap();
    let line = watch.tells("staff", "customer.added", "ben@example.com").await;
    assert_eq!(detail(&line, "ticket"), ben.reference.as_str());
    let page = boss.get("/admin/audit?about=BEN@example.com").await.expect(200).text();
    assert!(page.contains("added the customer"), "{page}");
    assert!(page.contains(&format!("ticket: {}", ben.reference)), "{page}");
}

#[tokio::test]
async fn a_customer_who_ends_all_access_is_told_and_one_who_leaves_is_not() {
    let app = TestApp::start().await;
    let (ana, again) = (app.customer(ANA).await, app.customer(ANA).await);
    let mut watch = Watch::begin(&app).await;
    ana.delete("/api/v1/portal/session").await.expect(204);
    watch.tells_nothing().await;
    again.delete("/api/v1/portal/session?all=true").await.expect(204);
    let line = watch.tells("customer", "link.revoked_all", ANA).await;
    assert_eq!(line.by.name, "ana");
}

#[tokio::test]
async fn what_programs_change_about_webhooks_is_told() {
    let app = TestApp::start().await;
    let program = app.admin().await;
    let mut watch = Watch::begin(&app).await;
    let hooks = "/api/v1/webhooks";
    let target = "https://hooks.example/in";
    let new = json!({ "url": format!("{target}?key=s3cret"), "description": "Shop" });
    let made = program.post(hooks, &new).await.expect(201).json();
    let at = format!("{hooks}/{}", made["id"].as_str().unwrap());
    watch.tells("program", "webhook.added", target).await;
    program.patch(&at, &json!({ "description": "The shop", "active": true })).await.expect(200);
    let line = watch.tells("program", "webhook.edited", target).await;
    let expected = json!({ "about": { "from": "Shop", "to": "The shop" } });
    assert_eq!(json!(line.details.0), expected);
    let url = format!("{target}?key=0ther");
    program.patch(&at, &json!({ "url": url })).await.expect(200);
    let line = watch.tells("program", "webhook.edited", target).await;
    assert_eq!(json!(line.details.0), json!({ "query of the URL": "changed" }));
    program.patch(&at, &json!({})).await.expect(200);
    watch.tells_nothing().await;
    program.post(&format!("{at}/secret"), &json!({})).await.expect(201);
    watch.tells("program", "webhook.secret_rotated", target).await;
    let call = program.post(&format!("{at}/test"), &json!({})).await.expect(202).json();
    watch.tells("program", "webhook.tested", target).await;
    let call = call["id"].as_str().unwrap();
    program.post(&format!("{at}/deliveries/{call}/retry"), &json!({})).await.expect(202);
    watch.tells("program", "webhook.redelivered", target).await;
    program.delete(&at).await.expect(204);
    watch.tells("program", "webhook.removed", target).await;
    no_secret(&app, &["s3cret", "0ther"]).await;
}

#[tokio::test]
async fn staff_keys_mails_backups_and_imports_are_told() {
    let app = TestApp::start().await;
    let mut watch = Watch::begin(&app).await;
    let dana = app.staff(DANA, "Dana Reyes", Role::Technician).await;
    let line = watch.tells("staff", "staff.added", DANA).await;
    assert_eq!(
        (detail(&line, "name"), detail(&line, "role")),
        ("Dana Reyes".into(), "technician".into())
    );
    let row = dana.clone();
    app.act(move |tx, _, now| staff_sign_ins::issue_by_hand(tx, &somebody(), &row, now))
        .await
        .unwrap();
    watch.tells("staff", "staff.link_made", DANA).await;
    for (active, action) in [(false, "staff.disabled"), (true, "staff.enabled")] {
        for _ in 0..2 {
            let act = app.act(move |tx, _, now| {
                staff::set_active(tx, &somebody(), &email(DANA), active, now)
            });
            act.await.unwrap();
        }
        watch.tells("staff", action, DANA).await;
    }
    let _ = app.program(Role::Technician).await;
    watch.tells("staff", "api_key.made", "the shop").await;
    let key = app.number("SELECT id FROM api_keys").await;
    let revoke =
        || app.act(move |tx, _, now| doorkey::domain::api_keys::revoke(tx, &somebody(), key, now));
    revoke().await.unwrap();
    watch.tells("staff", "api_key.revoked", "the shop").await;
    assert!(matches!(revoke().await, Err(Error::NotFound)));
    watch.tells_nothing().await;
    mails(&app, &mut watch).await;
    app.act(|tx, _, now| backups::note(tx, now)).await.unwrap();
    watch.tells("system", "data.backed_up", "Doorkey").await;
    app.act(|tx, _, now| backups::make_safe(tx, now)).await.unwrap();
    watch.tells("system", "data.restored", "Doorkey").await;
    imports(&app, &mut watch).await;
}

async fn mails(app: &TestApp, watch: &mut Watch<'_>) {
    let new = app.new_ticket(ANA, "A camera");
    let ticket = app.create(new).await.unwrap();
    watch.tells("staff", "customer.added", ANA).await;
    let id = app.number("SELECT id FROM outbox").await;
    app.act(move |tx, _, now| outbox::give_up(tx, &somebody(), id, now)).await.unwrap();
    let line = watch.tells("staff", "mail.given_up", ANA).await;
    assert_eq!(detail(&line, "ticket"), ticket.reference.as_str());
    app.act(move |tx, _, now| outbox::retry(tx, &somebody(), id, now)).await.unwrap();
    watch.tells("staff", "mail.retried", ANA).await;
    app.sql("UPDATE outbox SET state = 'held'").await;
    app.act(|tx, _, now| outbox::give_up_held(tx, &somebody(), now)).await.unwrap();
    let line = watch.tells("staff", "mail.given_up_all", "Doorkey").await;
    assert_eq!(line.details.0["mails"], 1);
    app.act(|tx, _, now| outbox::give_up_held(tx, &somebody(), now)).await.unwrap();
    watch.tells_nothing().await;
}

async fn imports(app: &TestApp, watch: &mut Watch<'_>) {
    let batch = [customers::NewCustomer::with_email(email("im@example.com"))];
    app.act(move |tx, _, now| {
        customer_import::write_down(tx, &somebody(), ("people.csv", 1), now)?;
        customer_import::add(tx, &batch, now)
    })
    .await
    .unwrap();
    let line = watch.tells("staff", "customer.imported", "Doorkey").await;
    assert_eq!(
        (detail(&line, "file"), &line.details.0["good lines"]),
        ("people.csv".into(), &json!(1))
    );
    let tally = transfer::Tally { tickets: 3, ..transfer::Tally::default() };
    for tally in [tally, transfer::Tally::default()] {
        app.act(move |tx, _, now| transfer::write_down(tx, "old", &tally, now)).await.unwrap();
    }
    let line = watch.tells("system", "data.imported", "Doorkey").await;
    assert_eq!((detail(&line, "from"), &line.details.0["tickets"]), ("old".into(), &json!(3)));
}

#[tokio::test]
async fn a_portal_link_that_staff_make_or_mail_is_told() {
    let app = TestApp::start().await;
    let ticket = app.ticket(ANA, "A camera").await;
    let dana: Client = app.at_the_desk(DANA, Role::Technician).await;
    let mut watch = Watch::begin(&app).await;
    let links = format!("/admin/tickets/{}/links", ticket.reference);
    dana.form(&links, &[("do", "send")]).await.expect(303);
    let line = watch.tells("staff", "link.sent", ANA).await;
    assert_eq!(detail(&line, "ticket"), ticket.reference.as_str());
    dana.form(&links, &[("do", "copy")]).await.expect(200);
    let line = watch.tells("staff", "link.made", ANA).await;
    assert_eq!(detail(&line, "ticket"), ticket.reference.as_str());
    // From their own page, where no ticket is meant.
    let links = format!("/admin/customers/{}/links", ticket.customer.id);
    dana.form(&links, &[("do", "send")]).await.expect(303);
    watch.tells("staff", "link.sent", ANA).await;
    dana.form(&links, &[("do", "copy")]).await.expect(200);
    watch.tells("staff", "link.made", ANA).await;
    no_secret(&app, &["#token", "portal/"]).await;
}

/// Nothing in the log holds any of these.
async fn no_secret(app: &TestApp, secrets: &[&str]) {
    let rows: Vec<(String, String)> = app.column("SELECT subject, details FROM audit").await;
    for (subject, details) in rows {
        for secret in secrets {
            assert!(!subject.contains(secret) && !details.contains(secret), "{subject} {details}");
        }
    }
}

#[tokio::test]
async fn doorkey_by_itself_has_no_name() {
    let app = TestApp::start().await;
    let mut watch = Watch::begin(&app).await;
    app.act(|tx, _, now| {
        let new = customers::NewCustomer::with_email(email(ANA));
        customers::add(tx, &Actor::System, &new, now)
    })
    .await
    .unwrap();
    assert_eq!(watch.tells("system", "customer.added", ANA).await.by.name, "");
}
