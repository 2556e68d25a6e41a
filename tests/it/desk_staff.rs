//! Staff at the desk: letting somebody in, changing what they may do, and keeping them out.

use doorkey::domain::staff::{self, Role};
use doorkey::domain::tickets::NewTicket;
use doorkey::domain::{Actor, staff_sign_ins};

use crate::support::TestApp;
use crate::support::client::{Answer, Client};
use crate::support::desk::email;
use crate::support::mailbox::sign_in_link;
use crate::support::smtp::Smtp;

const STAFF: &str = "/admin/staff";
const BOSS: &str = "boss@rfs.example";
const KIM: &str = "kim@rfs.example";
const NEW: &[(&str, &str)] = &[("email", KIM), ("name", "Kim Park"), ("role", "technician")];

async fn desk() -> (TestApp, Client) {
    let app = TestApp::start().await;
    let boss = app.at_the_desk(BOSS, Role::Admin).await;
    (app, boss)
}

/// The path of the sign-in link that a page shows.
fn shown_link(page: &Answer) -> String {
    let text = page.text().replace('"', " ");
    let link = sign_in_link(&text);
    link[link.find("/admin").unwrap()..].to_owned()
}

fn location(answer: &Answer) -> &str {
    answer.header("location").unwrap()
}

#[tokio::test]
async fn without_mail_an_invited_colleague_gets_a_link_that_works_once_in_any_browser() {
    let (app, boss) = desk().await;
    let page = boss.form(STAFF, NEW).await.expect(200);
    let link = shown_link(&page);
    assert_eq!(app.mails().len(), 0);
    let kim = app.anon().browser();
    kim.form(&link, &[]).await.expect(303);
    let ways: Vec<String> = app.column("SELECT way FROM sessions ORDER BY id").await;
    assert_eq!(ways, ["operator", "invited"]);
    kim.get(STAFF).await.expect(403);
    app.anon().browser().form(&link, &[]).await.expect(410);
    let again = boss.form(STAFF, NEW).await.expect(422).text();
    assert!(again.contains("on the staff already") && again.contains("Kim Park"), "{again}");
    for (field, wrong) in [("email", "kim"), ("name", " "), ("role", "king")] {
        let mut form = vec![("email", "new@rfs.example"), ("name", "New"), ("role", "admin")];
        form.retain(|(name, _)| *name != field);
        form.push((field, wrong));
        boss.form(STAFF, &form).await.expect(422);
    }
    let list = boss.get(STAFF).await.expect(200).text();
    assert!(list.contains("1 session") && list.contains("no passkey"), "{list}");
    assert_eq!(app.number("SELECT count(*) FROM staff").await, 2);
}

#[tokio::test]
async fn with_mail_an_invited_colleague_is_mailed_and_nothing_is_shown() {
    let smtp = Smtp::start().await;
    let app = TestApp::with(|config| {
        config.mail.smtp_url = Some(smtp.url());
        config.mail.from = "RFS <support@rfs.example>".into();
    })
    .await;
    let boss = app.at_the_desk(BOSS, Role::Admin).await;
    let done = boss.form(STAFF, NEW).await.expect(303);
    let page = boss.get(location(&done)).await.expect(200).text();
    assert!(page.contains("is on its way") && !page.contains("/sign-in/link/"), "{page}");
    let rows: Vec<(String, String)> = app.column("SELECT kind, content FROM outbox").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].0, "staff_link");
    let kim = app.number("SELECT max(id) FROM staff").await;
    let sent = boss.form(&format!("{STAFF}/{kim}/link"), &[]).await.expect(303);
    assert!(location(&sent).ends_with("?said=sent"));
}

#[tokio::test]
async fn a_mailed_invitation_carries_no_code_and_opens_in_any_browser() {
    let (app, _) = desk().await;
    let kim = app.staff(KIM, "Kim Park", Role::Technician).await;
    let by = Actor::Staff { id: 1, name: "Dana Reyes".into(), role: Role::Admin };
    app.act(move |tx, _, now| staff_sign_ins::send_by_hand(tx, &by, &kim, now)).await.unwrap();
    app.deliver().await;
    let mail = app.mailbox(KIM);
    assert_eq!(mail.kinds(), ["staff_link"]);
    assert!(mail.last().text.contains("Dana Reyes sends you"), "{}", mail.last().text);
    assert_eq!(crate::support::mailbox::code(&mail.last().text), None);
    app.sleep(14 * 60);
    app.anon().browser().get(&mail.sign_in_path()).await.expect(200);
    app.sleep(60);
    app.anon().browser().form(&mail.sign_in_path(), &[]).await.expect(410);
}

#[tokio::test]
async fn an_invited_admin_who_needs_a_passkey_must_add_one_first() {
    let app = TestApp::with(|config| config.staff.require_passkey = true).await;
    let boss = app.at_the_desk(BOSS, Role::Admin).await;
    let form = [("email", KIM), ("name", "Kim Park"), ("role", "admin")];
    let link = shown_link(&boss.form(STAFF, &form).await.expect(200));
    let kim = app.anon().browser();
    kim.form(&link, &[]).await.expect(303);
    assert_eq!(location(&kim.get(STAFF).await.expect(303)), "/admin/passkeys");
}

#[tokio::test]
async fn name_and_role_change_at_once_and_the_last_admin_stays() {
    let (app, boss) = desk().await;
    let kim = app.staff(KIM, "Kim Park", Role::Technician).await;
    let browser = app.at_the_desk(KIM, Role::Technician).await;
    let at = format!("{STAFF}/{}", kim.id);
    let own = format!("{STAFF}/{}", app.number("SELECT min(id) FROM staff").await);
    let only = "This is the only active admin.";
    let lesser = [("name", "Boss"), ("role", "technician")];
    let page = boss.form(&own, &lesser).await.expect(422).text();
    assert!(page.contains(only), "{page}");
    let page = boss.form(&format!("{own}/active"), &[("active", "false")]).await.expect(422).text();
    assert!(page.contains(only), "{page}");
    browser.get(STAFF).await.expect(403);
    boss.form(&at, &[("name", "Kim Lee"), ("role", "admin")]).await.expect(303);
    browser.get(STAFF).await.expect(200);
    boss.form(&at, &[("name", ""), ("role", "admin")]).await.expect(422);
    let done = boss.form(&own, &lesser).await.expect(303);
    assert_eq!(location(&done), "/admin");
    boss.get(STAFF).await.expect(403);
    let rows: Vec<(String, String)> = app.column("SELECT name, role FROM staff ORDER BY id").await;
    let row = |name: &str, role: &str| (name.to_owned(), role.to_owned());
    assert_eq!(rows, [row("Boss", "technician"), row("Kim Lee", "admin")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_admins_who_disable_each_other_at_once_leave_one() {
    for _ in 0..5 {
        let app = TestApp::start().await;
        let ann = app.staff("ann@rfs.example", "Ann", Role::Admin).await;
        let bea = app.staff("bea@rfs.example", "Bea", Role::Admin).await;
        let disable = |by: &staff::Staff, whom: &staff::Staff| {
            let actor = Actor::Staff { id: by.id, name: by.name.clone(), role: Role::Admin };
            let (app, whom) = (app.clone(), whom.email.clone());
            tokio::spawn(async move {
                app.act(move |tx, _, now| staff::set_active(tx, &actor, &whom, false, now)).await
            })
        };
        let (one, other) = (disable(&ann, &bea), disable(&bea, &ann));
        let done = [one.await.unwrap().is_ok(), other.await.unwrap().is_ok()];
        assert_eq!(done.iter().filter(|done| **done).count(), 1);
        assert_eq!(app.number("SELECT count(*) FROM staff WHERE active").await, 1);
    }
}

#[tokio::test]
async fn an_operator_may_disable_the_last_admin() {
    let (app, boss) = desk().await;
    app.act(|tx, _, now| staff::set_active(tx, &Actor::System, &email(BOSS), false, now))
        .await
        .unwrap();
    boss.get(STAFF).await.expect(303);
}

#[tokio::test]
async fn who_is_disabled_is_out_at_once_and_may_come_back() {
    let (app, boss) = desk().await;
    let kim = app.at_the_desk(KIM, Role::Technician).await;
    let at = format!("{STAFF}/{}", app.number("SELECT max(id) FROM staff").await);
    kim.get("/admin").await.expect(200);
    boss.form(&format!("{at}/active"), &[("active", "false")]).await.expect(303);
    kim.get("/admin").await.expect(303);
    let page = boss.form(&format!("{at}/link"), &[]).await.expect(422).text();
    assert!(page.contains("disabled and gets no link"), "{page}");
    boss.form(&format!("{at}/active"), &[("active", "true")]).await.expect(303);
    kim.get("/admin").await.expect(303);
    let link = shown_link(&boss.form(&format!("{at}/link"), &[]).await.expect(200));
    kim.form(&link, &[]).await.expect(303);
    kim.get("/admin").await.expect(200);
    boss.form(&format!("{at}/active"), &[]).await.expect(422);
}

#[tokio::test]
async fn sessions_end_and_passkeys_go_when_a_device_is_lost() {
    let (app, boss) = desk().await;
    let kim = app.at_the_desk(KIM, Role::Technician).await;
    let at = format!("{STAFF}/{}", app.number("SELECT max(id) FROM staff").await);
    boss.form(&format!("{at}/sessions/end-all"), &[]).await.expect(303);
    kim.get("/admin").await.expect(303);
    let kim = app.at_the_desk(KIM, Role::Technician).await;
    let device = crate::passkeys::add(&kim, "Telephone").await;
    let page = boss.get(&at).await.expect(200).text();
    assert!(page.contains("Telephone") && page.contains("Firefox on Linux"), "{page}");
    boss.form(&format!("{at}/passkeys/remove-all"), &[]).await.expect(303);
    kim.get("/admin").await.expect(303);
    crate::passkeys::show(&app.anon().browser(), &device).await.expect(422);
    let page = boss.get(&at).await.expect(200).text();
    assert!(!page.contains("Telephone"), "{page}");
}

#[tokio::test]
async fn the_tickets_of_who_has_left_are_found_and_handed_over() {
    let (app, boss) = desk().await;
    let kim = app.staff(KIM, "Kim Park", Role::Technician).await;
    for subject in ["A camera", "A gate", "A lamp"] {
        let assignee = Some(email(KIM));
        app.create(NewTicket { assignee, ..app.new_ticket("ana@example.com", subject) })
            .await
            .unwrap();
    }
    let theirs = "/admin/tickets?status=unfinished&#38;assignee=kim@rfs.example";
    let at = format!("{STAFF}/{}", kim.id);
    let page = boss.get(&at).await.expect(200).text();
    let link = format!("href=\"{theirs}\">Their Unfinished Tickets (3)</a>");
    assert!(page.contains(&link) && !page.contains("still assigned to them."), "{page}");
    let done = boss.form(&format!("{at}/active"), &[("active", "false")]).await.expect(303);
    let page = boss.get(location(&done)).await.expect(200).text();
    let told = format!("<a href=\"{theirs}\">3 unfinished tickets are still assigned to them.</a>");
    assert!(page.contains(&told), "{page}");
    let list = boss.get("/admin/tickets").await.expect(200).text();
    let last = format!("<option value=\"{KIM}\">Kim Park (inactive)</option></select>");
    assert!(list.contains(&last), "who has left stands last: {list}");
    let list = boss.get(&theirs.replace("&#38;", "&")).await.expect(200).text();
    let mut form: Vec<(&str, &str)> = list
        .split("name=\"ticket\" value=\"")
        .skip(1)
        .map(|it| ("ticket", it.split('"').next().unwrap()))
        .collect();
    assert_eq!(form.len(), 3, "{list}");
    form.push(("assignee", BOSS));
    boss.form("/admin/tickets/several", &form).await.expect(200);
    let page = boss.get(location(&done)).await.expect(200).text();
    assert!(page.contains("Their Unfinished Tickets (0)"), "{page}");
    assert!(!page.contains("still assigned to them."), "{page}");
}
