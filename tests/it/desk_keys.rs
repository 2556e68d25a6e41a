//! API keys at the desk: shown once, made once, revoked for good.

use doorkey::domain::staff::Role;

use crate::support::TestApp;
use crate::support::client::Client;

const KEYS: &str = "/admin/api-keys";

async fn desk() -> (TestApp, Client) {
    let app = TestApp::start().await;
    let boss = app.at_the_desk("boss@rfs.example", Role::Admin).await;
    (app, boss)
}

/// What stands in a hidden field of a page.
pub fn hidden(page: &str, name: &str) -> String {
    let (_, after) = page.split_once(&format!("name=\"{name}\" value=\"")).expect("the field");
    after.split('"').next().unwrap().to_owned()
}

/// The one word of a page that begins so.
pub fn secret(page: &str, begin: &str) -> String {
    let words = page.split(['"', '<', '>']);
    words.filter(|word| word.starts_with(begin)).map(str::to_owned).next().expect("a secret")
}

#[tokio::test]
async fn a_key_is_shown_once_and_loading_the_page_again_makes_no_other() {
    let (app, boss) = desk().await;
    let id = hidden(&boss.get(KEYS).await.expect(200).text(), "id");
    let form = [("id", id.as_str()), ("name", "Web shop"), ("role", "technician")];
    let answer = boss.form(KEYS, &form).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let page = answer.text();
    let key = secret(&page, "dk_");
    let program = app.anon().bearer(&key);
    program.get("/api/v1/tickets").await.expect(200);
    program.get("/api/v1/webhooks").await.expect(403);
    assert_ne!(hidden(&page, "id"), id, "the form on the page makes another key");
    let again = boss.form(KEYS, &form).await.expect(303);
    assert_eq!(again.header("location"), Some(KEYS));
    assert_eq!(app.number("SELECT count(*) FROM api_keys").await, 1);
    let list = boss.get(KEYS).await.expect(200).text();
    assert!(list.contains("Web shop") && !list.contains(&key), "{list}");
    assert!(list.contains("never used"), "{list}");
    app.write_uses().await;
    assert!(boss.get(KEYS).await.expect(200).text().contains("last used"));
}

#[tokio::test]
async fn what_cannot_be_a_key_is_named() {
    let (app, boss) = desk().await;
    let id = hidden(&boss.get(KEYS).await.expect(200).text(), "id");
    let make = async |id: &str, name: &str, role: &str| {
        boss.form(KEYS, &[("id", id), ("name", name), ("role", role)]).await
    };
    make(&id, "Shop", "admin").await.expect(200);
    let other = hidden(&boss.get(KEYS).await.expect(200).text(), "id");
    for (id, name, role, words) in [
        (other.as_str(), "SHOP", "admin", "has this name already"),
        (&other, "123", "admin", "Add a word"),
        (&other, "", "admin", "required"),
        (&other, "x", "king", "must be one of"),
        ("x", "x", "admin", "Load the page again"),
        ("-1", "x", "admin", "Load the page again"),
    ] {
        let page = make(id, name, role).await.expect(422).text();
        assert!(page.contains(words), "{name}: {page}");
    }
    assert_eq!(app.number("SELECT count(*) FROM api_keys").await, 1);
}

#[tokio::test]
async fn a_revoked_key_opens_nothing() {
    let (app, boss) = desk().await;
    let program = app.technician().await;
    let id = app.number("SELECT id FROM api_keys").await;
    boss.form(&format!("{KEYS}/{id}/revoke"), &[]).await.expect(303);
    program.get("/api/v1/tickets").await.expect(401);
    boss.form(&format!("{KEYS}/{id}/revoke"), &[]).await.expect(404);
    let page = boss.get(KEYS).await.expect(200).text();
    assert!(page.contains("Revoked keys") && page.contains("the shop"), "{page}");
}

#[tokio::test]
async fn a_busy_program_is_noted_about_once_a_minute() {
    let app = TestApp::start().await;
    let program = app.technician().await;
    let noted = async || {
        app.write_uses().await;
        app.number("SELECT last_used_at FROM api_keys").await - app.now().0
    };
    program.get("/api/v1/tickets").await.expect(200);
    assert_eq!(noted().await, 0);
    app.sleep(59);
    program.get("/api/v1/tickets").await.expect(200);
    assert_eq!(noted().await, -59_000);
    app.sleep(1);
    program.get("/api/v1/tickets").await.expect(200);
    assert_eq!(noted().await, 0);
}
