//! What pages cost, by counts that are the same on every machine and under any load: statements,
//! rows and sorts behind them, bytes, allocations. `cost/pages.rs` has the pages and their figures.

mod pages;
mod world;

use std::alloc::System;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use serde_json::Value;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tower::ServiceExt as _;

use crate::support::{plans, trace};
use pages::{Ask, Figures, GROWING, PAGES, Page, Who};
use world::World;

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Times a page is asked for, the first to be warm. PostgreSQL decides after five whether it plans a
/// statement for any values.
const TIMES: [usize; 2] = [4, 8];

/// What one page cost.
#[derive(Debug, Default)]
struct Cost {
    ran: Vec<trace::Run>,
    bytes: usize,
    allocations: usize,
    /// Of all times it was asked for.
    plans: Vec<Value>,
}

impl Cost {
    fn steps(&self) -> i64 {
        self.ran.iter().map(|run| run.effort.steps).sum()
    }
}

/// Asks for a page several times; answers what the cheapest cost.
async fn cost_of(world: &World, page: &Page) -> Cost {
    let mut least = Cost { allocations: usize::MAX, ..Cost::default() };
    let mut plans = Vec::new();
    for time in 0..TIMES[usize::from(world.app.is_postgres())] {
        // Half of them are noted, half of them counted: noting allocates.
        let is_noted = time % 2 == 1;
        let request = request(world, page.1, &page.2).await;
        let is_kept = matches!(page.2, Ask::Kept(_));
        let router = if is_kept { world.app.router() } else { world.app.anew() };
        let (bytes, allocations) = ask(world, router, request, is_noted).await;
        let mut ran = trace::take();
        // A row lock is a statement of PostgreSQL alone: SQLite has one writer at a time anyway.
        ran.retain(|run| !run.sql.ends_with("FOR UPDATE"));
        plans.extend(plans::take());
        if !is_noted {
            least.allocations = least.allocations.min(allocations);
        } else if least.ran.is_empty() || ran.len() < least.ran.len() {
            (least.ran, least.bytes) = (ran, bytes);
        }
    }
    Cost { plans, ..least }
}

/// Sends a request; answers how many bytes came back, and how often memory was asked for.
async fn ask(
    world: &World,
    router: Router,
    request: Request<Body>,
    is_noted: bool,
) -> (usize, usize) {
    let name = request.uri().to_string();
    // What the company is called was seen just now, and nothing is asked for it.
    world.app.settings_changed();
    world.app.shown().await;
    drop((trace::take(), plans::take()));
    trace::rest(!is_noted);
    let memory = Region::new(COUNTING);
    let answer = router.oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let asked = memory.change();
    trace::rest(false);
    assert!(status < 400, "{name}: {status} {}", String::from_utf8_lossy(&body));
    (body.len(), asked.allocations + asked.reallocations)
}

async fn request(world: &World, who: Who, mut what: &Ask) -> Request<Body> {
    if let Ask::Kept(kept) = what {
        what = kept;
    }
    let client = match who {
        Who::Anybody => &world.app.anon(),
        Who::Ana => &world.ana,
        Who::Dana => &world.dana,
        Who::Program => &world.program,
    };
    match what {
        Ask::Get(path) => client.request("GET", &world.named(path), Body::empty(), None),
        Ask::Again(path) => {
            let path = world.named(path);
            let held = client.get(&path).await.expect(200);
            let held = client.header("If-None-Match", held.header("etag").unwrap());
            held.request("GET", &path, Body::empty(), None)
        }
        Ask::Post(path, body) => {
            let kind = Some("application/json");
            client.request("POST", &world.named(path), Body::from(*body), kind)
        }
        Ask::Kept(_) => unreachable!("kept is what is asked for, not that it is kept"),
    }
}

#[tokio::test]
async fn pages_cost_what_their_lines_say_however_many_tickets_there_are() {
    trace::record();
    let world = World::new().await;
    let complaints =
        if world.app.is_postgres() { on_postgres(&world).await } else { on_sqlite(&world).await };
    assert!(
        complaints.is_empty(),
        "{} of what pages may cost does not hold (docs/ARCHITECTURE.md, \"What pages cost\"):\n{}",
        complaints.len(),
        complaints.join("\n")
    );
    planted_are_seen(&world).await;
}

/// Every figure; nothing walked through whole, nothing sorted; the same steps in a database that is
/// several times as large.
async fn on_sqlite(world: &World) -> Vec<String> {
    let mut before = Vec::new();
    for page in PAGES {
        before.push(cost_of(world, page).await);
    }
    world.grow().await;
    let mut complaints = Vec::new();
    for (page, before) in PAGES.iter().zip(before) {
        let cost = cost_of(world, page).await;
        complaints.extend(judge(page, &cost, cost.allocations));
        let scans = cost.ran.iter().flat_map(trace::offences);
        complaints.extend(scans.map(|offence| format!("{}: {offence}", page.0)));
        complaints.extend(growth(page, &before, &cost));
    }
    complaints
}

/// What does not depend on the engine, and the plans of every run.
async fn on_postgres(world: &World) -> Vec<String> {
    let large = plans::large_tables(&world.app).await;
    assert!(large.len() > 10, "only {large:?} are large");
    let (mut complaints, mut judged) = (Vec::new(), 0);
    for page in PAGES {
        let cost = cost_of(world, page).await;
        complaints.extend(judge(page, &cost, 0));
        judged += cost.plans.len();
        if is_growing(page.0) {
            continue;
        }
        // Once each, though it ran several times.
        let found = cost.plans.iter().flat_map(|plan| plans::offences(plan, &large));
        let found: BTreeSet<String> = found.collect();
        complaints.extend(found.into_iter().map(|offence| format!("{}: {offence}", page.0)));
    }
    assert!(judged > PAGES.len() * TIMES[1], "only {judged} plans were told");
    complaints
}

/// What of a page's figures does not hold.
fn judge((name, _, _, may): &Page, cost: &Cost, allocations: usize) -> Option<String> {
    let does = Figures { statements: cost.ran.len(), bytes: cost.bytes, allocations };
    let holds = does.statements == may.statements
        && does.bytes <= may.bytes
        && does.allocations <= may.allocations;
    if holds {
        return None;
    }
    // Some room, so that a word more on every page is nobody's concern.
    let (bytes, allocations) = (does.bytes * 21 / 20, does.allocations * 11 / 10);
    let (bytes, allocations) = (bytes.next_multiple_of(500), allocations.next_multiple_of(20));
    let line = format!("costs({}, {bytes}, {allocations})", does.statements);
    let mut told = format!("{name}: {does:?}; {may:?} are allowed. As it is now: {line}");
    if does.statements != may.statements {
        for same in cost.ran.chunk_by(|one, other| one.sql == other.sql) {
            write!(told, "\n    {} times {}", same.len(), same[0]).unwrap();
        }
    }
    Some(told)
}

/// The statements that take more steps in the larger database; all of them, if they are not the same.
fn growth((name, ..): &Page, before: &Cost, after: &Cost) -> Option<String> {
    let (few, many) = (before.steps(), after.steps());
    if is_growing(name) {
        return (few * 3 / 2 > many)
            .then(|| format!("{name}: does not grow; it need not be listed"));
    }
    let pairs = || before.ran.iter().zip(&after.ran);
    let is_same = before.ran.len() == after.ran.len() && pairs().all(|(a, b)| a.sql == b.sql);
    // A merge of ranges takes a little less where one of them ends early.
    let grows = |few: i64, many: i64| many > few * 3 / 2 + 100;
    let mut told = String::new();
    for (before, after) in pairs().filter(|_| is_same) {
        let (few, many) = (before.effort.steps, after.effort.steps);
        if grows(few, many) {
            write!(told, "\n    {few} have become {many}: {after}").unwrap();
        }
    }
    let is_flat = told.is_empty() && (is_same || !grows(few, many));
    (!is_flat).then(|| format!("{name}: {few} steps of SQLite have become {many}{told}"))
}

fn is_growing(name: &str) -> bool {
    GROWING.iter().any(|(growing, _)| *growing == name)
}

/// Statements that no page may run, and what SQLite is seen to do for them.
const PLANTED: [(&str, &str); 3] = [
    ("SELECT id FROM tickets WHERE subject = 'No such subject'", "from a table's beginning"),
    ("SELECT id FROM tickets WHERE id > 0 ORDER BY subject LIMIT 5", "sorts"),
    ("SELECT a.id FROM outbox o JOIN audit a ON a.subject = o.error", "makes an index"),
];

/// This test can fail: what it is for is seen, on both engines.
async fn planted_are_seen(world: &World) {
    let large = if world.app.is_postgres() {
        plans::large_tables(&world.app).await
    } else {
        BTreeSet::new()
    };
    for (sql, does) in PLANTED {
        drop((trace::take(), plans::take()));
        world.app.column::<i64>(sql).await;
        let ran: Vec<String> = trace::take().iter().flat_map(trace::offences).collect();
        let planned = plans::take();
        let planned = planned.iter().any(|plan| !plans::offences(plan, &large).is_empty());
        let is_seen = ran.iter().any(|it| it.contains(does)) || planned;
        assert!(is_seen, "{sql}: {ran:?}");
    }
}

#[test]
fn a_statement_that_grows_is_named() {
    let cost = |steps: [i64; 2]| {
        let run = |steps| trace::Run {
            sql: format!("SELECT {steps}").chars().take(7).collect(),
            effort: trace::Effort { steps, ..trace::Effort::default() },
            ..trace::Run::default()
        };
        Cost { ran: steps.map(run).to_vec(), ..Cost::default() }
    };
    let (few, page) = (cost([9_000, 10]), &PAGES[0]);
    assert_eq!(growth(page, &few, &cost([9_500, 90])), None);
    let told = growth(page, &few, &cost([9_000, 400])).unwrap();
    assert!(told.contains("\n    10 have become 400: ") && !told.contains("9000 have"), "{told}");
    let mut other = cost([20_000, 10]);
    other.ran.pop();
    assert!(growth(page, &few, &other).is_some(), "another list of statements, and more steps");
}
