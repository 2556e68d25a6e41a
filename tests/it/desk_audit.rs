//! The audit log at the desk: read, narrowed down, taken away.

use doorkey::domain::audit::{self, Action, Details, Subject};
use doorkey::domain::staff::Role;
use doorkey::error::Error;

use crate::support::TestApp;
use crate::support::client::Client;
use crate::support::desk::somebody;

const AUDIT: &str = "/admin/audit";
const KIM: &str = "kim@rfs.example";

async fn desk() -> (TestApp, Client) {
    let app = TestApp::start().await;
    let boss = app.at_the_desk("boss@rfs.example", Role::Admin).await;
    (app, boss)
}

async fn record(app: &TestApp, action: Action, words: &str, details: Details) {
    let subject = Subject::new("staff", 7, words);
    app.act(move |tx, _, now| {
        audit::record(tx, &somebody(), action, &subject, details.clone(), now)
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn lines_read_as_sentences_and_are_narrowed_down() {
    let (app, boss) = desk().await;
    let details = Details::none().changed("name", "<b>Kim</b>", "Kim Park");
    record(&app, Action::StaffEdited, KIM, details).await;
    let page = boss.get(AUDIT).await.expect(200).text();
    assert!(page.contains("<b><bdi>Dana Reyes</bdi></b> edited"), "{page}");
    assert!(page.contains("name: “&#60;b&#62;Kim&#60;/b&#62;” became “Kim Park”"), "{page}");
    assert!(page.contains("signed in as") && page.contains("from 192.0.2.x"), "{page}");
    for (query, told) in [
        ("about=KIM@rfs.example", true),
        ("about=kim", false),
        ("what=staff.edited&who=staff:1", true),
        ("what=staff.added", false),
        ("who=program", false),
        ("from=2026-11-12&until=2026-11-12", true),
        ("until=2026-11-11", false),
        ("from=2026-11-13", false),
    ] {
        let page = boss.get(&format!("{AUDIT}?{query}")).await.expect(200).text();
        assert_eq!(page.contains("Kim Park"), told, "{query}");
    }
    for bad in
        ["from=x", "who=ghost", "what=painted", "cursor=x", "from=2026-11-13&until=2026-11-12"]
    {
        let page = boss.get(&format!("{AUDIT}?{bad}")).await.expect(422).text();
        assert!(page.contains("Some filters need another look"), "{bad}: {page}");
        assert!(!page.contains("Kim Park"), "{bad}");
        let status = if bad.starts_with("cursor") { 200 } else { 422 };
        boss.get(&format!("{AUDIT}.csv?{bad}")).await.expect(status);
    }
}

#[tokio::test]
async fn the_log_is_paged() {
    let (app, boss) = desk().await;
    for number in 0..60 {
        record(&app, Action::StaffAdded, &format!("c{number}@rfs.example"), Details::none()).await;
    }
    let first = boss.get(&format!("{AUDIT}?what=staff.added&who=staff:1")).await.expect(200).text();
    assert_eq!(first.matches(" to the staff</p>").count(), 50);
    let (_, after) = first.split_once("rel=\"next\" href=\"").unwrap();
    let next = after.split('"').next().unwrap().replace("&#38;", "&");
    let second = boss.get(&next).await.expect(200).text();
    assert_eq!(second.matches(" to the staff</p>").count(), 11, "and the boss");
    assert!(second.contains("c0@rfs.example") && !second.contains("c10@rfs.example"), "{second}");
}

#[tokio::test]
async fn the_log_is_taken_away_as_a_table_without_formulas_or_json() {
    let (app, boss) = desk().await;
    for number in 0..450 {
        record(&app, Action::StaffAdded, &format!("c{number}@rfs.example"), Details::none()).await;
    }
    let details = Details::none().changed("name", "", "=1+1").with("role", "admin");
    record(&app, Action::StaffEdited, "=HYPERLINK(\"x\")", details).await;
    let answer = boss.get(&format!("{AUDIT}.csv")).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let file = answer.header("content-disposition").unwrap();
    assert_eq!(file, "attachment; filename=\"audit-2026-11-12.csv\"");
    let mut reader = csv::Reader::from_reader(answer.body.as_ref());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len() as i64, app.number("SELECT count(*) FROM audit").await);
    assert_eq!((&rows[0][3], &rows[0][4]), ("Dana Reyes", "data.audit_exported"));
    assert_eq!(&rows[0][7], "filters: none");
    let row = &rows[1];
    assert_eq!((&row[1], &row[3], &row[4]), ("staff", "Dana Reyes", "staff.edited"));
    assert_eq!(&row[6], "'=HYPERLINK(\"x\")");
    assert_eq!(&row[7], "name: nothing became “=1+1”; role: admin");
    let only = boss.get(&format!("{AUDIT}.csv?what=staff.edited&cursor=")).await.expect(200);
    assert_eq!(only.text().lines().count(), 2);
}

#[tokio::test]
async fn an_export_is_told_with_what_was_taken() {
    let (app, boss) = desk().await;
    app.ticket("ana@example.com", "A camera").await;
    for (path, told) in [
        ("/admin/tickets.csv", "filters: none"),
        ("/admin/tickets.csv?sort=created&cursor=x", "filters: none"),
        (
            "/admin/tickets.csv?q=flat+battery&customer=ana%40example.com&status=unfinished",
            "status: unfinished; q: flat battery; customer: ana@example.com",
        ),
        ("/admin/audit.csv?cursor=", "filters: none"),
        (
            "/admin/audit.csv?about=ana@example.com&what=link.made",
            "what: link.made; about: ana@example.com",
        ),
    ] {
        boss.get(path).await.expect(200);
        let query = audit::Query { limit: 1, ..audit::Query::default() };
        let page: Result<_, Error> = app.db.read(move |tx| audit::list(tx, &query)).await;
        let line = page.unwrap().items.remove(0);
        assert!(line.action.ends_with("_exported"), "{line:?}");
        assert_eq!(line.details.in_words().join("; "), told, "{path}");
    }
    // What is refused is not taken.
    let before = app.number("SELECT count(*) FROM audit").await;
    boss.get("/admin/tickets.csv?customer=nobody@example.com").await.expect(422);
    assert_eq!(app.number("SELECT count(*) FROM audit").await, before);
}
