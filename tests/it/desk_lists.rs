//! The desk's lists: every combination of filters gives what a plain look at all tickets gives,
//! page by page, and reads ranges of indexes.

use std::collections::BTreeSet;

use doorkey::clock::Millis;
use doorkey::db::Engine;
use doorkey::domain::dashboard;
use doorkey::domain::entries::Visibility;
use doorkey::domain::staff::Role;
use doorkey::domain::tickets::{
    self, Change, DeskQuery, NewTicket, Priority, Sort, Status, Ticket,
};
use doorkey::error::Error;

use crate::support::desk::{email, to};
use crate::support::{TestApp, trace};

/// Sixty tickets of every kind.
async fn tickets(app: &TestApp) -> Vec<Ticket> {
    for name in ["dana", "eli"] {
        app.staff(&format!("{name}@rfs.example"), name, Role::Technician).await;
    }
    let mut made = Vec::new();
    for number in 0..60_usize {
        app.sleep(60);
        let new = NewTicket {
            priority: Priority::ALL[number % 4],
            category: [None, Some("CCTV"), Some("Alarm")][number % 3].map(str::to_owned),
            assignee: [None, Some("dana@rfs.example"), Some("eli@rfs.example")][number / 4 % 3]
                .map(email),
            notify: false,
            ..app.new_ticket(&format!("c{}@example.com", number % 5), "A camera")
        };
        let ticket = app.create(new).await.unwrap().reference;
        if number % 7 == 0 {
            app.note(&ticket, "We come.", Visibility::Public).await.unwrap();
        }
        match number % 5 {
            1 => drop(app.change(&ticket, to(Status::InProgress)).await.unwrap()),
            2 => drop(app.resolve(&ticket, "Done.").await.unwrap()),
            3 => drop(app.change(&ticket, to(Status::Closed)).await.unwrap()),
            _ => {}
        }
        made.push(ticket);
    }
    let mut all = Vec::new();
    for reference in made {
        all.push(app.see(&reference).await);
    }
    all
}

/// Every combination of filters.
fn queries(middle: Millis) -> Vec<DeskQuery> {
    let mut queries = vec![DeskQuery::default()];
    let mut with = |change: &dyn Fn(&DeskQuery) -> Vec<DeskQuery>| {
        let more: Vec<DeskQuery> = queries.iter().flat_map(change).collect();
        queries.extend(more);
    };
    with(&|it| Status::ALL.map(|status| DeskQuery { status: Some(status), ..it.clone() }).to_vec());
    with(&|it| vec![DeskQuery { unfinished: true, ..it.clone() }]);
    with(&|it| vec![DeskQuery { priority: Some(Priority::High), ..it.clone() }]);
    with(&|it| vec![DeskQuery { category: Some("CCTV".into()), ..it.clone() }]);
    with(&|it| {
        let dana = DeskQuery { assignee: Some(email("dana@rfs.example")), ..it.clone() };
        vec![dana, DeskQuery { unassigned: true, ..it.clone() }]
    });
    with(&|it| vec![DeskQuery { customer: Some(email("c2@example.com")), ..it.clone() }]);
    with(&|it| vec![DeskQuery { customer_last: true, ..it.clone() }]);
    with(&|it| vec![DeskQuery { resolved_since: Some(middle), ..it.clone() }]);
    with(&|it| {
        let other = [Sort::Created, Sort::Priority];
        other.map(|sort| DeskQuery { sort, ..it.clone() }).to_vec()
    });
    queries
}

fn admits(query: &DeskQuery, it: &Ticket) -> bool {
    let unfinished = matches!(it.status, Status::Open | Status::InProgress);
    query.status.is_none_or(|status| it.status == status)
        && (!query.unfinished || unfinished)
        && query.priority.is_none_or(|priority| it.priority == priority)
        && (query.category.is_none() || it.category == query.category)
        && query
            .assignee
            .as_ref()
            .is_none_or(|wanted| it.assignee.as_ref().is_some_and(|person| person.email == *wanted))
        && (!query.unassigned || it.assignee.is_none())
        && query.customer.as_ref().is_none_or(|wanted| it.customer.email == *wanted)
        && (!query.customer_last || it.customer_last)
        && query.resolved_since.is_none_or(|since| it.resolved_at.is_some_and(|at| at >= since))
}

fn place(query: &DeskQuery, it: &Ticket) -> (i64, Millis, i64) {
    match query.sort {
        Sort::Updated => (0, it.updated_at, it.id),
        Sort::Created => (0, it.created_at, it.id),
        Sort::Priority => (it.priority.rank(), it.updated_at, it.id),
    }
}

#[tokio::test]
async fn every_combination_lists_what_it_asks_for_page_by_page() {
    let app = TestApp::start().await;
    let all = tickets(&app).await;
    let queries = queries(all[30].created_at);
    assert!(queries.len() > 1_000, "{}", queries.len());
    let mut longest = 0;
    for query in queries {
        let mut wanted: Vec<&Ticket> = all.iter().filter(|it| admits(&query, it)).collect();
        wanted.sort_by_key(|it| std::cmp::Reverse(place(&query, it)));
        let asked = DeskQuery { limit: 7, ..query.clone() };
        let found: Result<Vec<Ticket>, Error> = app
            .db
            .read(move |tx| {
                let (mut found, mut asked) = (Vec::new(), asked.clone());
                loop {
                    let page = tickets::list(tx, &asked)?;
                    assert!(page.items.len() <= 7);
                    found.extend(page.items);
                    asked.cursor = page.next;
                    match &asked.cursor {
                        Some(cursor) => assert!(tickets::is_desk_cursor(&asked, cursor)),
                        None => return Ok(found),
                    }
                }
            })
            .await;
        let found = found.unwrap();
        let names = |all: &[&Ticket]| all.iter().map(|it| it.reference.clone()).collect::<Vec<_>>();
        let found: Vec<&Ticket> = found.iter().collect();
        assert_eq!(names(&found), names(&wanted), "{query:?}");
        assert_eq!(found, wanted, "whole tickets");
        longest = longest.max(found.len());
    }
    assert_eq!(longest, 60);
}

#[tokio::test]
async fn the_tabs_say_how_many_there_are() {
    let app = TestApp::start().await;
    let all = tickets(&app).await;
    let (mut kept, mut unknown) = (0, 0);
    for query in queries(all[30].created_at) {
        let asked = query.clone();
        let counts: Result<_, Error> =
            app.db.read(move |tx| tickets::desk_counts(tx, &asked)).await;
        let Some(counts) = counts.unwrap() else {
            unknown += 1;
            continue;
        };
        kept += 1;
        let whole = DeskQuery { status: None, unfinished: false, ..query.clone() };
        for status in Status::ALL {
            let wanted = all.iter().filter(|it| it.status == status && admits(&whole, it)).count();
            assert_eq!(counts.of(status), wanted as i64, "{status:?} of {query:?}");
        }
    }
    assert!(kept > 50 && unknown > 50, "{kept} and {unknown}");
}

#[tokio::test]
async fn no_list_reads_a_whole_table_and_none_is_sorted() {
    trace::record();
    let app = TestApp::start().await;
    if app.db.engine() != Engine::Sqlite {
        // It counts nothing of the kind; cost.rs looks at its plans, with many rows.
        return;
    }
    let all = tickets(&app).await;
    trace::take();
    let now = app.now();
    let looked: Result<_, Error> = app.db.read(move |tx| dashboard::look(tx, 1, now)).await;
    looked.unwrap();
    for mut query in queries(all[30].created_at) {
        query.limit = 1;
        let found: Result<(), Error> = app
            .db
            .read(move |tx| {
                let mut query = query.clone();
                query.cursor = tickets::list(tx, &query)?.next;
                tickets::list(tx, &query)?;
                let typed = ["camera", "zebra", "c2@example.com"];
                for typed in typed.map(|typed| Some(typed.to_owned())) {
                    tickets::list(tx, &DeskQuery { query: typed, cursor: None, ..query.clone() })?;
                }
                Ok(())
            })
            .await;
        found.unwrap();
    }
    let ran = trace::take();
    let offences: BTreeSet<String> = ran.iter().flat_map(trace::offences).collect();
    assert!(offences.is_empty(), "{offences:#?}");
    let said: BTreeSet<&str> = ran.iter().map(|run| run.sql.as_str()).collect();
    assert!(said.len() > 60, "only {} statements", said.len());
}

#[tokio::test]
async fn what_is_rare_among_many_is_found_page_by_page_in_bounded_steps() {
    let app = TestApp::start().await;
    let first = app.ticket("c@example.com", "The one").await;
    app.change(
        &first.reference,
        Change { category: Some(Some("CCTV".into())), ..Change::default() },
    )
    .await
    .unwrap();
    // 5,600 others, all updated later.
    app.sleep(60);
    let other = app.ticket("c@example.com", "Others").await;
    for step in 0..7 {
        insert_copies(&app, other.id, step).await;
    }
    let query = DeskQuery {
        priority: Some(Priority::Medium),
        category: Some("CCTV".into()),
        sort: Sort::Created,
        limit: 20,
        ..DeskQuery::default()
    };
    let (mut pages, mut found, mut asked) = (0, Vec::new(), query);
    loop {
        let now = asked.clone();
        let page: Result<_, Error> = app.db.read(move |tx| tickets::list(tx, &now)).await;
        let page = page.unwrap();
        pages += 1;
        found.extend(page.items);
        asked.cursor = page.next;
        if asked.cursor.is_none() {
            break;
        }
    }
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].reference, first.reference);
    assert_eq!(pages, 2, "the first stopped after some rows");
}

/// 800 tickets like one that is there.
async fn insert_copies(app: &TestApp, id: i64, step: i64) {
    let numbers = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 800)";
    let sql = format!(
        "INSERT INTO tickets (id, reference, customer_id, subject, description, priority, category, \
           status, note_count, created_at, updated_at, staff_at, customer_last, last_entry, version) \
         {numbers} SELECT id + n.n + {step} * 800, 'TKT-' || CAST(100000 + n.n + {step} * 800 AS TEXT), \
           customer_id, subject, description, priority, 'Alarm', status, 0, created_at, updated_at, \
           staff_at, customer_last, last_entry, version FROM tickets, n WHERE id = {id}"
    );
    app.sql(sql).await;
}
