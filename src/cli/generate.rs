//! `doorkey generate`: customers and tickets by the hundred thousand, to see how Doorkey does
//! under load.
//!
//! One thread makes the rows while the database takes those before. The same seed gives the same
//! rows, on every machine and both engines.

mod life;
mod people;
#[cfg(test)]
mod tests;
mod words;

use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::progress::{Progress, count, milliseconds, thousands, while_waiting};
use super::variety::{Variety, mix};
use super::{CliError, database, output};
use crate::app::App;
use crate::clock::Millis;
use crate::config::Config;
use crate::db::{DbError, Tx};
use crate::domain::histories::{self, Apart, History, Told};
use crate::domain::{Rules, customers, staff};
use crate::error::Error;
use crate::ids::Reference;
use life::Setting;
use people::People;

/// Tickets in one transaction: `serve` is not kept waiting for long.
const TICKETS_AT_ONCE: u64 = 500;
/// The same for customers.
const CUSTOMERS_AT_ONCE: u64 = 5_000;
/// Batches that wait to be written.
const BATCHES: usize = 2;
/// Bytes of text that are kept back to be sorted by customer, where all is one transaction. With
/// what holds them they take about twice as much memory.
const KEPT_BACK: usize = 64 << 20;
/// The tickets are of so many days.
const SPAN: Duration = Duration::from_secs(2 * 365 * 86_400);
/// Ids of rows count time from 2024 to 2093: all that happens must lie between.
const EARLIEST: Millis = Millis(1_769_904_000_000);
const LATEST: Millis = Millis(3_786_912_000_000);
const OUTSIDE: &str = "the made-up time must end between 2026-02-01 and 2090-01-01; it takes two \
     years, and rows are numbered from 2024 on";
/// There are 2^30 references, and those that nobody has are to be found quickly.
const MOST_TICKETS: u64 = 100_000_000;
const MOST_CUSTOMERS: u64 = 10_000_000;

/// Fill the database with made-up customers and tickets, for load tests
///
/// Nobody is mailed. Few customers have very many tickets, most have few; timelines have from 1 to
/// 300 entries. The same numbers, seed and end give the same rows. A database that has customers is
/// refused without --more.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey generate --customers 5000 --tickets 100000 --seed 1")]
pub struct Args {
    /// How many customers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_CUSTOMERS))]
    customers: u64,
    /// How many tickets
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u64).range(0..=MOST_TICKETS))]
    tickets: u64,
    /// What decides about everything that could be otherwise
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// The moment at which the made-up time ends, as 2026-11-12T09:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    end: Option<Millis>,
    /// Add to a database that has customers: others, with other addresses
    #[arg(long)]
    more: bool,
    /// Print one JSON object: {"customers", "tickets", "entries", "milliseconds", …}
    #[arg(long)]
    json: bool,
}

/// What is to be made.
#[derive(Debug)]
struct Plan {
    seed: u64,
    people: People,
    tickets: u64,
    setting: Setting,
    begin: Millis,
    taken: Vec<u32>,
}

/// Generates and says what that was.
pub async fn run(args: Args, config: Config) -> Result<(), CliError> {
    let (json, tickets, customers) = (args.json, args.tickets, args.customers);
    let app = database::existing_or_new(config, json).await?;
    let started = app.clock.now();
    let result = add(&app, args).await;
    app.db.clone().close().await;
    let entries = result?;
    let took = app.clock.now().since(started);
    let rate = tickets * 1_000 / milliseconds(took).max(1);
    let object = json!({
        "customers": customers, "tickets": tickets, "entries": entries,
        "milliseconds": milliseconds(took), "tickets_per_second": rate,
    });
    let words = format!(
        "{} and {} with {}, in {:.1} s: {} a second.",
        count(customers, "customer"),
        count(tickets, "ticket"),
        count(entries, "entry"),
        took.as_secs_f64(),
        count(rate, "ticket")
    );
    output::answer(json, &object, &words)
}

/// Adds everything; answers how many entries the tickets have.
async fn add(app: &Arc<App>, args: Args) -> Result<u64, CliError> {
    let (plan, empty) = plan(app, args).await?;
    let plan = Arc::new(plan);
    if empty {
        let plan = Arc::clone(&plan);
        if let Some(entries) = pour(app, plan).await? {
            return Ok(entries);
        }
    }
    plan.trickle(app).await
}

/// Adds everything in one go, if nobody else uses the database.
async fn pour(app: &App, plan: Arc<Plan>) -> Result<Option<u64>, CliError> {
    let (poured, rows_are_in) = oneshot::channel();
    let mut fill = pin!(app.db.fill(move |tx| {
        let entries = plan.pour(tx)?;
        // Whoever waited may have gone.
        let _ = poured.send(());
        Ok(entries)
    }));
    let filled = tokio::select! {
        filled = &mut fill => filled,
        _ = rows_are_in => while_waiting("all rows are in; making the indexes", fill).await,
    };
    filled.map_err(explain)
}

/// The plan, and whether the database has no customers yet.
async fn plan(app: &Arc<App>, args: Args) -> Result<(Plan, bool), CliError> {
    let before = app.db.scan(customers::count).await?;
    if before > 0 && !args.more {
        return Err(CliError::Failed(format!(
            "the database has {} already; --more adds others to them, --database-url names an \
             empty one",
            count(before, "customer")
        )));
    }
    let taken = app.db.scan(histories::taken_references).await?;
    let end = args.end.unwrap_or_else(|| app.clock.now());
    if !(EARLIEST..=LATEST).contains(&end) {
        return Err(CliError::Usage(format!("--end: {OUTSIDE}")));
    }
    let begin = end.minus(SPAN);
    let seed = mix(args.seed ^ mix(before));
    let wanted = people::staff(seed, begin);
    let add = move |tx: &mut Tx<'_>| {
        let each = wanted.iter().map(|colleague| staff::add_if_missing(tx, colleague));
        each.collect::<Result<Vec<_>, Error>>()
    };
    let staff = app.db.write(add).await.map_err(explain)?;
    // Rules that a setting could turn off would leave other rows.
    let rules = Rules { reopen_on_reply: true, ..app.shown().await.rules.clone() };
    let setting = Setting { rules, staff, end };
    let people = People::new(seed, before, args.customers, begin);
    let plan = Plan { seed, people, tickets: args.tickets, setting, begin, taken };
    Ok((plan, before == 0))
}

/// Rows that are written together.
enum Batch {
    Customers(Vec<customers::Customer>),
    Tickets(Vec<Told>, Option<Apart>),
}

impl Batch {
    fn write(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        match self {
            Self::Customers(some) => customers::add_many(tx, some),
            Self::Tickets(some, apart) => {
                histories::add(tx, some)?;
                apart.iter().try_for_each(|apart| apart.add(tx))
            }
        }
    }
}

/// How many rows there are so far, told to whoever waits.
struct Count<'a> {
    plan: &'a Plan,
    progress: Progress,
    customers: u64,
    tickets: u64,
    entries: u64,
}

impl Count<'_> {
    fn add(&mut self, batch: &Batch) {
        match batch {
            Batch::Customers(some) => self.customers += some.len() as u64,
            Batch::Tickets(some, _) => {
                self.tickets += some.len() as u64;
                self.entries += some.iter().map(|history| history.entries() as u64).sum::<u64>();
            }
        }
        self.progress.tell(|| {
            format!(
                "{} of {} customers, {} of {} tickets",
                thousands(self.customers),
                thousands(self.plan.people.count()),
                thousands(self.tickets),
                thousands(self.plan.tickets)
            )
        });
    }
}

impl Plan {
    /// Adds all rows in one transaction; answers how many entries there were.
    fn pour(&self, tx: &mut Tx<'_>) -> Result<u64, Error> {
        let mut count = self.count();
        thread::scope(|scope| {
            let (sender, mut made) = mpsc::channel(BATCHES);
            let (give_back, written) = channel();
            let maker = Maker { plan: self, made: sender, written, kept_back: KEPT_BACK };
            let making = scope.spawn(move || maker.make());
            while let Some(batch) = made.blocking_recv() {
                batch.write(tx)?;
                count.add(&batch);
                // Whoever has made everything waits for no more of it.
                let _ = give_back.send(batch);
            }
            making.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        Ok(count.entries)
    }

    /// Adds all rows some at a time, beside others who use the database.
    async fn trickle(self: &Arc<Self>, app: &App) -> Result<u64, CliError> {
        let mut count = self.count();
        let (sender, mut made) = mpsc::channel(BATCHES);
        let plan = Arc::clone(self);
        let making = tokio::task::spawn_blocking(move || {
            let (_, written) = channel();
            Maker { plan: &plan, made: sender, written, kept_back: 0 }.make()
        });
        while let Some(batch) = made.recv().await {
            count.add(&batch);
            app.db.write(move |tx| batch.write(tx)).await.map_err(explain)?;
        }
        making.await.map_err(|error| CliError::Failed(error.to_string()))??;
        app.db.write(|tx| Ok::<_, Error>(tx.take_stock()?)).await.map_err(explain)?;
        Ok(count.entries)
    }

    fn count(&self) -> Count<'_> {
        let progress = Progress::on_terminal();
        Count { plan: self, progress, customers: 0, tickets: 0, entries: 0 }
    }

    fn ticket(&self, index: u64, reference: Reference) -> Result<History, Error> {
        let mut variety = Variety::of(self.seed ^ 0x71C7, index);
        let customer = self.people.customer(self.people.somebody(&mut variety));
        let created = self.created(index, &mut variety);
        life::live(&self.setting, &customer, reference, created, variety)
    }

    /// When a ticket is created: later than those before it, and mostly by day.
    fn created(&self, index: u64, variety: &mut Variety) -> Millis {
        let (span, tickets) = (SPAN.as_millis(), u128::from(self.tickets.max(1)));
        let slot = i64::try_from(span / tickets).unwrap_or(1);
        let place = i64::try_from(span * u128::from(index) / tickets).unwrap_or(0);
        let even = self.begin.0 + place + variety.far_below(slot);
        by_day(Millis(even)).min(self.setting.end)
    }

    /// References in an order that tells nothing, without those that are taken.
    fn references(&self) -> impl Iterator<Item = Reference> + '_ {
        let drawn = (0..1 << REFERENCE_BITS).map(|number| scatter(self.seed, number));
        drawn.filter(|number| self.taken.binary_search(number).is_err()).map(Reference::of_number)
    }
}

/// Makes the rows of a plan beside the one who writes them.
struct Maker<'a> {
    plan: &'a Plan,
    made: mpsc::Sender<Batch>,
    /// What was written, to be dropped here: that takes a twentieth of a writer's time.
    written: Receiver<Batch>,
    /// Bytes of what tickets leave apart that are kept back before they are written.
    kept_back: usize,
}

impl Maker<'_> {
    /// Makes all rows in order, until nobody takes them any longer.
    fn make(&self) -> Result<(), Error> {
        let Plan { people, tickets, .. } = self.plan;
        for from in (0..people.count()).step_by(usize_of(CUSTOMERS_AT_ONCE)) {
            let to = (from + CUSTOMERS_AT_ONCE).min(people.count());
            let some = (from..to).map(|index| people.customer(index)).collect();
            if self.hand_over(Batch::Customers(some)).is_break() {
                return Ok(());
            }
        }
        let (mut references, mut apart) = (self.plan.references(), Apart::default());
        for from in (0..*tickets).step_by(usize_of(TICKETS_AT_ONCE)) {
            let to = (from + TICKETS_AT_ONCE).min(*tickets);
            let some =
                (from..to).zip(&mut references).map(|(index, it)| self.plan.ticket(index, it));
            let some: Result<Vec<Told>, Error> = some.map(|it| it.map(Told::from)).collect();
            let mut some = some?;
            apart.take(&mut some);
            let is_due = to == *tickets || apart.bytes() > self.kept_back;
            let due = is_due.then(|| std::mem::take(&mut apart).sorted());
            if self.hand_over(Batch::Tickets(some, due)).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn hand_over(&self, batch: Batch) -> ControlFlow<()> {
        self.written.try_iter().for_each(drop);
        match self.made.blocking_send(batch) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

const REFERENCE_BITS: u32 = 30;

/// Another number of 30 bits for each, by steps that can each be undone.
fn scatter(seed: u64, number: u32) -> u32 {
    const MASK: u32 = (1 << REFERENCE_BITS) - 1;
    let mut bits = number & MASK;
    for round in 0..4 {
        let key = u32::try_from(mix(seed ^ round) & u64::from(MASK)).unwrap_or(0);
        bits = bits.wrapping_mul(0x2C1B_3C6D).wrapping_add(key) & MASK;
        bits ^= bits >> (REFERENCE_BITS / 2);
    }
    bits
}

/// Moves a moment within its day: three quarters come between 7 and 19 o'clock. Order is kept.
fn by_day(even: Millis) -> Millis {
    const DAY: i64 = 86_400_000;
    /// Of 1,000 moments, how many have passed by which hour.
    const PASSED: [(i64, i64); 4] = [(0, 0), (60, 7), (880, 19), (1000, 24)];
    let (day, time) = (even.0.div_euclid(DAY), even.0.rem_euclid(DAY));
    for pair in PASSED.windows(2) {
        let ((from, since), (to, until)) = (pair[0], pair[1]);
        if time * 1000 < to * DAY {
            let hours = until - since;
            let part = (time * 1000 - from * DAY) / 1000 * hours * 1000 / (24 * (to - from));
            return Millis(day * DAY + since * (DAY / 24) + part);
        }
    }
    even
}

/// A clash is the one failure that another seed mends.
fn explain(error: Error) -> CliError {
    match error {
        Error::Db(DbError::Unique { constraint }) => CliError::Failed(format!(
            "a row has the same {constraint} already; try again with another --seed"
        )),
        other => other.into(),
    }
}

/// Reads a moment as RFC 3339 has it.
fn moment(typed: &str) -> Result<Millis, String> {
    let at: jiff::Timestamp =
        typed.parse().map_err(|_| "write it as 2026-11-12T09:00:00Z".to_owned())?;
    let at = Millis(at.as_millisecond());
    if (EARLIEST..=LATEST).contains(&at) { Ok(at) } else { Err(OUTSIDE.to_owned()) }
}

fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
