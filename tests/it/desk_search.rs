//! Searching at the desk: what is found, in which order, and that nothing anybody types is an
//! error; and that the words follow whatever happens.

use doorkey::db::Engine;
use doorkey::domain::customers::{self, CustomerChange};
use doorkey::domain::entries::Visibility;
use doorkey::domain::staff::Role;
use doorkey::domain::tickets::{self, Change, DeskQuery, Status, Ticket};
use doorkey::domain::words;
use doorkey::error::Error;
use doorkey::ids::Reference;
use doorkey::jobs;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::TestApp;
use crate::support::desk::{email, somebody, to};

const ALICE: &str = "alice@example.com";

/// All that a search finds, in pages of `limit`.
async fn search_by(app: &TestApp, limit: i64, query: DeskQuery) -> Vec<Ticket> {
    let found: Result<Vec<Ticket>, Error> = app
        .db
        .scan(move |tx| {
            let (mut found, mut asked) = (Vec::new(), DeskQuery { limit, ..query.clone() });
            loop {
                let page = tickets::list(tx, &asked)?;
                found.extend(page.items);
                asked.cursor = page.next;
                if asked.cursor.is_none() {
                    return Ok(found);
                }
            }
        })
        .await;
    found.unwrap()
}

fn asking(typed: &str) -> DeskQuery {
    DeskQuery { query: Some(typed.to_owned()), ..DeskQuery::default() }
}

pub async fn search(app: &TestApp, typed: &str) -> Vec<Reference> {
    search_by(app, 20, asking(typed)).await.into_iter().map(|it| it.reference).collect()
}

/// Every ticket's words, and what they are when they are made anew.
pub async fn words_agree(app: &TestApp) {
    let kept: Vec<(i64, String)> =
        app.column("SELECT ticket_id, words FROM ticket_words ORDER BY ticket_id").await;
    let sources = "SELECT t.id, c.search FROM tickets t JOIN customers c ON c.id = t.customer_id \
         UNION ALL SELECT t.id, t.reference FROM tickets t UNION ALL SELECT t.id, t.subject FROM tickets t \
         UNION ALL SELECT t.id, t.description FROM tickets t \
         UNION ALL SELECT e.ticket_id, e.body FROM entries e WHERE e.body IS NOT NULL";
    let mut made = std::collections::BTreeMap::<i64, std::collections::BTreeSet<String>>::new();
    for (id, text) in app.column::<(i64, String)>(sources).await {
        made.entry(id).or_default().extend(words::of(&text));
    }
    assert_eq!(kept.len(), made.len());
    for (id, words) in kept {
        let words: Vec<&str> = words.split_whitespace().collect();
        let wanted: Vec<&str> = made[&id].iter().map(String::as_str).collect();
        assert_eq!(words, wanted, "words of ticket {id}");
    }
    if app.db.engine() == Engine::Sqlite {
        // FTS5 compares its index with what it stands on, and fails if they differ.
        app.sql("INSERT INTO ticket_search (ticket_search, rank) VALUES ('integrity-check', 1)")
            .await;
    }
}

#[tokio::test]
async fn a_ticket_is_found_by_everything_that_is_known_of_it() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    let ticket = app.ticket(ALICE, "Kamera „Süd“ am Tor").await.reference;
    app.ticket("bob@example.com", "A lock").await;
    app.note(&ticket, "Among us: the lens of ACME-7000.", Visibility::Internal).await.unwrap();
    app.reply(&alice, &ticket, "監視カメラ ist STRASSENSEITIG 😀").await.unwrap();
    for typed in [
        "kamera",
        "KAMERA tor",
        "süd",
        "su\u{308}d",
        "said at length kamera",
        "acme 7000",
        "acme-7000",
        "lens kamera",
        "strassens",
        "straßenseitig",
        "監視",
        "カメラ",
        "視",
        "😀",
        "alice",
        "example kam",
        "alice@example.com",
        "alice@exam",
        ticket.as_str(),
        &ticket.as_str()[4..],
        "\"kamera\"",
        "kam*",
        "kamera AND tor",
    ] {
        if typed == "kamera AND tor" {
            assert_eq!(search(&app, typed).await, [], "AND is a word like any other");
            continue;
        }
        assert_eq!(search(&app, typed).await, std::slice::from_ref(&ticket), "{typed:?}");
    }
    for typed in ["amera", "lock kamera", "カ監", "zzz", "*", "\"", "NEAR(", "%", "_", "🚀"] {
        assert_eq!(search(&app, typed).await, [], "{typed:?}");
    }
    words_agree(&app).await;
}

#[tokio::test]
async fn what_is_exact_comes_first_and_then_the_newest() {
    let app = TestApp::start().await;
    let mut bobs = Vec::new();
    for number in 0..3 {
        bobs.push(app.ticket("bob@example.com", &format!("Number {number}")).await.reference);
        app.sleep(1);
    }
    let mut about = Vec::new();
    for _ in 0..5 {
        let ticket = app.ticket("carol@example.com", "About bob@example.com").await.reference;
        app.sleep(1);
        about.push(ticket);
    }
    bobs.reverse();
    about.reverse();
    let wanted: Vec<Reference> = bobs.iter().chain(&about).cloned().collect();
    for typed in ["bob@example.com", "BOB@example.com", " bob@example.com "] {
        for limit in [1, 2, 3, 20] {
            let found = search_by(&app, limit, asking(typed)).await;
            let found: Vec<Reference> = found.into_iter().map(|it| it.reference).collect();
            assert_eq!(found, wanted, "{typed:?} in pages of {limit}");
        }
    }
    // By name: the customers of `TestApp` are called by the left half of their address.
    app.customer_row("dora@example.com").await;
    let doras = app.ticket("dora@example.com", "Mine").await.reference;
    app.sleep(1);
    let mention = app.ticket("carol@example.com", "For Dora").await.reference;
    assert_eq!(search(&app, "DORA").await, [doras.clone(), mention.clone()]);
    // The reference is first, though others name it later.
    app.note(&mention, &format!("See {doras}."), Visibility::Internal).await.unwrap();
    assert_eq!(search(&app, doras.as_str()).await, [doras, mention]);
}

#[tokio::test]
async fn filters_hold_for_a_search_too() {
    let app = TestApp::start().await;
    app.staff("dana@rfs.example", "Dana", Role::Technician).await;
    let first = app.ticket(ALICE, "A camera").await.reference;
    app.sleep(1);
    let second = app.ticket("bob@example.com", "Another camera").await.reference;
    app.resolve(&first, "Done.").await.unwrap();
    let assign = Change { assignee: Some(Some(email("dana@rfs.example"))), ..Change::default() };
    app.change(&second, assign).await.unwrap();
    let query = asking("camera");
    for (query, wanted) in [
        (query.clone(), vec![&second, &first]),
        (DeskQuery { status: Some(Status::Resolved), ..query.clone() }, vec![&first]),
        (DeskQuery { unfinished: true, ..query.clone() }, vec![&second]),
        (DeskQuery { customer: Some(email(ALICE)), ..query.clone() }, vec![&first]),
        (DeskQuery { assignee: Some(email("dana@rfs.example")), ..query.clone() }, vec![&second]),
        (DeskQuery { unassigned: true, ..query.clone() }, vec![&first]),
        (DeskQuery { customer_last: true, ..query.clone() }, vec![&second]),
        (DeskQuery { category: Some("CCTV".into()), ..query }, vec![]),
    ] {
        let found = search_by(&app, 1, query.clone()).await;
        let found: Vec<&Reference> = found.iter().map(|it| &it.reference).collect();
        assert_eq!(found, wanted, "{query:?}");
    }
}

#[tokio::test]
async fn words_follow_what_changes() {
    let app = TestApp::start().await;
    let ticket = app.ticket(ALICE, "A broken camera").await.reference;
    let change = Change { subject: Some("A broken lens".into()), ..Change::default() };
    app.change(&ticket, change).await.unwrap();
    assert_eq!(search(&app, "broken lens").await, std::slice::from_ref(&ticket));
    assert_eq!(search(&app, "lens").await.len(), 1);
    // The description still says camera.
    assert_eq!(search(&app, "camera").await.len(), 1);
    let alice = app.customer_row(ALICE).await.id;
    for _ in 0..120 {
        app.ticket(ALICE, "Another").await;
    }
    for (name, other) in [("Zenobia", "Quentin"), ("Quentin", "Zenobia")] {
        let change = CustomerChange { name: Some(name.into()), ..CustomerChange::default() };
        app.act(move |tx, _, now| customers::change(tx, &somebody(), alice, change.clone(), now))
            .await
            .unwrap();
        while jobs::search::follow_names(&app).await.unwrap() {}
        assert_eq!(search(&app, &format!("{name} alice another")).await.len(), 120);
        assert_eq!(search(&app, &format!("{other} alice")).await.len(), 0);
        words_agree(&app).await;
    }
    assert_eq!(app.number("SELECT count(*) FROM renamed_customers").await, 0);
}

#[tokio::test]
async fn what_was_found_is_shown_with_its_marks() {
    let app = TestApp::start().await;
    let ticket = app.ticket(ALICE, "The Battery").await.reference;
    app.note(&ticket, "Nothing yet.", Visibility::Public).await.unwrap();
    app.note(&ticket, "A <b>battery</b> in the kitchen.", Visibility::Internal).await.unwrap();
    let ticket = app.see(&ticket).await;
    let shown: Result<_, Error> =
        app.db.read(move |tx| tickets::show(tx, &ticket, "kitchen battery")).await;
    let shown = shown.unwrap();
    let text = |pieces: &[doorkey::domain::highlight::Piece]| {
        let each = pieces
            .iter()
            .map(|it| if it.is_marked { format!("[{}]", it.text) } else { it.text.clone() });
        each.collect::<String>()
    };
    assert_eq!(text(&shown.subject), "The [Battery]");
    let snippet = shown.snippet.unwrap();
    assert_eq!(text(&snippet.pieces), "A <b>[battery]</b> in the [kitchen].");
    assert!(shown.is_internal);
}

#[test]
fn whatever_is_typed_is_answered() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = runtime.block_on(async {
        let app = TestApp::start().await;
        app.ticket(ALICE, "A \"quoted\" 監視 camera's * NEAR AND OR NOT - 50%").await;
        app
    });
    let mut runner = TestRunner::new(Config { cases: 200, ..Config::default() });
    let typed = prop_oneof![
        any::<String>(),
        "\\PC{0,500}",
        "[\"'*:()^{}+~|&!<>=%_\\\\ \\-a-cANDORT監視😀\0-\u{1f}]{0,40}",
    ];
    runner
        .run(&typed, |typed| {
            runtime.block_on(search(&app, &typed));
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn a_closed_ticket_of_long_ago_is_found_among_many_newer_ones() {
    let app = TestApp::start().await;
    let old = app.ticket(ALICE, "The zebra crossing").await.reference;
    app.change(&old, to(Status::Closed)).await.unwrap();
    app.sleep(60);
    let other = app.ticket("bob@example.com", "Another camera").await;
    let sql = format!(
        "INSERT INTO tickets (id, reference, customer_id, subject, description, priority, status, note_count, \
           created_at, updated_at, staff_at, customer_last, last_entry, version) \
         WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2500) \
         SELECT id + n.n, 'TKT-' || CAST(100000 + n.n AS TEXT), customer_id, subject, description, priority, \
           status, 0, created_at, updated_at, staff_at, customer_last, last_entry, version \
         FROM tickets, n WHERE id = {}",
        other.id
    );
    app.sql(sql).await;
    app.sql(
        "INSERT INTO ticket_words (ticket_id, words) SELECT id, ' another camera ' FROM tickets t \
         WHERE NOT EXISTS (SELECT 1 FROM ticket_words w WHERE w.ticket_id = t.id)",
    )
    .await;
    for typed in ["zebra", "zeb", "crossing alice", "the zebra"] {
        assert_eq!(search(&app, typed).await, std::slice::from_ref(&old), "{typed}");
    }
    let cameras = search_by(&app, 100, asking("came")).await;
    assert_eq!(cameras.len(), 2_501);
    assert!(cameras.windows(2).all(|pair| pair[0].id > pair[1].id), "the newest first");
}
