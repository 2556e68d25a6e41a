//! What the desk takes away, and what it keeps for its people: tables of tickets, saved views.

use doorkey::domain::saved_views;
use doorkey::domain::staff::Role;
use doorkey::domain::tickets::{self, DeskQuery, NewTicket};
use doorkey::error::Error;

use crate::support::TestApp;
use crate::support::desk::email;

#[tokio::test]
async fn a_list_is_taken_away_as_a_table() {
    let app = TestApp::start().await;
    app.staff("dana@rfs.example", "Dana", Role::Technician).await;
    let new = NewTicket {
        assignee: Some(email("dana@rfs.example")),
        ..app.new_ticket("alice@example.com", "=HYPERLINK(\"http://x\"), \"quoted\"")
    };
    let odd = app.create(new).await.unwrap();
    for number in 0..230 {
        app.ticket("bob@example.com", &format!("Number {number}")).await;
    }
    let export = async |query: DeskQuery| {
        let mut parts: Vec<Vec<u8>> = Vec::new();
        let done: Result<_, Error> = app
            .db
            .survey(move |tx| {
                let written = tickets::export::<Error>(tx, &query, |part| {
                    parts.push(part);
                    Ok(())
                })?;
                Ok((written, parts))
            })
            .await;
        done.unwrap()
    };
    let (written, parts) = export(DeskQuery { limit: 1, ..DeskQuery::default() }).await;
    assert_eq!((written, parts.len()), (231, 4), "a head and three pages");
    let text = String::from_utf8(parts.concat()).unwrap();
    assert_eq!(text.lines().count(), 232);
    assert!(
        text.starts_with("reference,subject,status,priority,category,customer_email,"),
        "{text}"
    );
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let row = rows.iter().find(|row| row[0] == *odd.reference.as_str()).unwrap();
    assert_eq!(&row[1], "'=HYPERLINK(\"http://x\"), \"quoted\"");
    assert_eq!((&row[5], &row[7], &row[9]), ("alice@example.com", "dana@rfs.example", "customer"));
    assert_eq!(&row[11], "2026-11-12T09:14:00.000Z");
    let only = DeskQuery { customer: Some(email("alice@example.com")), ..DeskQuery::default() };
    assert_eq!(export(only).await.0, 1);
    let found = DeskQuery { query: Some("number".into()), ..DeskQuery::default() };
    assert_eq!(export(found).await.0, 230);
    let nobody = DeskQuery { customer: Some(email("no@example.com")), ..DeskQuery::default() };
    let refused: Result<u64, Error> =
        app.db.survey(move |tx| tickets::export(tx, &nobody, |_| Ok::<_, Error>(()))).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
}

#[tokio::test]
async fn a_view_is_kept_replaced_and_removed_by_who_it_belongs_to() {
    let app = TestApp::start().await;
    let dana = app.staff("dana@rfs.example", "Dana", Role::Technician).await.id;
    let eli = app.staff("eli@rfs.example", "Eli", Role::Technician).await.id;
    let keep = async |staff: i64, name: &str, query: String| {
        let name = name.to_owned();
        app.act(move |tx, _, now| saved_views::keep(tx, staff, &name, &query, now)).await
    };
    let list = async |staff: i64| {
        let views: Result<_, Error> = app.db.read(move |tx| saved_views::list(tx, staff)).await;
        views.unwrap().into_iter().map(|view| (view.name, view.query)).collect::<Vec<_>>()
    };
    keep(dana, "Straße", "status=open".into()).await.unwrap();
    keep(dana, "Mine", "assignee=me".into()).await.unwrap();
    keep(dana, "STRASSE", "status=closed".into()).await.unwrap();
    let wanted = [("Mine", "assignee=me"), ("STRASSE", "status=closed")];
    assert_eq!(list(dana).await, wanted.map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert_eq!(list(eli).await, []);
    let remove =
        async |staff: i64| app.act(move |tx, _, _| saved_views::remove(tx, staff, "mine")).await;
    assert!(matches!(remove(eli).await, Err(Error::NotFound)), "it is not theirs");
    remove(dana).await.unwrap();
    assert_eq!(list(dana).await.len(), 1);

    assert!(keep(dana, "Long", "ü".repeat(2_000)).await.is_ok());
    for number in 2..saved_views::MOST {
        keep(dana, &format!("View {number}"), String::new()).await.unwrap();
    }
    for refused in
        [keep(dana, "Long", "ü".repeat(2_001)).await, keep(dana, "More", String::new()).await]
    {
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }
    keep(dana, "long", "again".into()).await.unwrap();
    assert_eq!(list(dana).await.len(), saved_views::MOST);
}
