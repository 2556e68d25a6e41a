//! The pieces that a portal's page is made of, each alone: who asks, the rows, the page.

use askama::Template as _;
use divan::{Bencher, black_box};
use doorkey::clock::Millis;
use doorkey::config::Config;
use doorkey::db::{DatabaseSettings, Db, DbError};
use doorkey::domain::tickets::{Counts, Status, Summary};
use doorkey::ids::{Reference, Token};
use doorkey::web::api::json;
use doorkey::web::portal::Reader;
use doorkey::web::portal::list::List;
use doorkey::web::site::Site;
use tokio::runtime::Runtime;

const NOW: Millis = Millis(1_795_000_000_000);

fn main() {
    divan::main();
}

fn tickets() -> Vec<Summary> {
    let one = |number: u32| Summary {
        reference: Reference::of_number(number * 7_919),
        subject: format!("The siren at door {number} does not stop after an alarm"),
        status: Status::ALL[number as usize % 4],
        assigned_to: (!number.is_multiple_of(3)).then(|| "Helen Brandt".to_owned()),
        created_at: Millis(NOW.0 - i64::from(number) * 86_400_000),
        updated_at: Millis(NOW.0 - i64::from(number) * 3_600_000),
        note_count: i64::from(number % 5),
        unread: number.is_multiple_of(4),
    };
    (1..=20).map(one).collect()
}

#[divan::bench]
fn token_to_hash(bencher: Bencher<'_, '_>) {
    let typed = Token::random().reveal();
    bencher.bench(|| Token::parse(black_box(&typed)).map(|token| token.hash()));
}

#[divan::bench]
fn reference_as_it_is_kept() -> Option<Reference> {
    Reference::parse(black_box("TKT-7K3M9Q"))
}

#[divan::bench]
fn time_for_programs() -> String {
    black_box(NOW).rfc3339()
}

#[divan::bench]
fn list_of_20_as_html(bencher: Bencher<'_, '_>) {
    let (site, tickets) = (Site::new(Config::default().brand), tickets());
    let reader = Reader {
        email: "ana@cafe-lumen.example".into(),
        name: "Ana Costa".into(),
        expires_at: NOW,
    };
    let list = List {
        site: &site,
        reader: &reader,
        counts: Counts { open: 3, in_progress: 2, resolved: 4, closed: 40 },
        status: None,
        query: "",
        tickets: &tickets,
        next: Some("AAABmUyQnAAAAAAAAAAAAA"),
        is_first: true,
    };
    bencher.bench(|| list.render());
}

#[divan::bench]
fn list_of_20_as_json(bencher: Bencher<'_, '_>) {
    bencher
        .with_inputs(|| tickets().into_iter().map(json::Summary::from).collect::<Vec<_>>())
        .bench_refs(|tickets| serde_json::to_vec(tickets));
}

/// A transaction, a statement, and twenty rows of eight columns that are made where they stand.
#[divan::bench]
fn rows_20_through_the_seam(bencher: Bencher<'_, '_>) {
    let (runtime, folder) =
        (Runtime::new().expect("a runtime"), tempfile::tempdir().expect("a folder"));
    let url = format!("sqlite:{}/micro.db", folder.path().display());
    let db = runtime.block_on(Db::open(&DatabaseSettings::new(url))).expect("a database");
    let values: Vec<String> = (0..20)
        .map(|at| {
            format!("({at}, 'TKT-7K3M9Q', 'The siren does not stop', 'open', NULL, {at}, 5, 1)")
        })
        .collect();
    let sql = format!("VALUES {}", values.join(", "));
    type Row = (i64, String, String, String, Option<String>, i64, i64, bool);
    bencher.bench(|| {
        let sql = sql.clone();
        let read = db.read(move |tx| tx.rows::<Row>(&sql, &[]));
        runtime.block_on(async { Ok::<_, DbError>(read.await?.len()) })
    });
}
