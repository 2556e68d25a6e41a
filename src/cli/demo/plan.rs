//! The demo's year: which script happens to whom and when. Pure: the same `now`, the same year.

use crate::cli::variety::Variety;
use crate::clock::Millis;
use crate::domain::tickets::Priority;

use super::calendar::{self, DAY};
use super::story::{Client, Company, Script, choose};
use super::turns;

/// How many tickets there are.
pub const TICKETS: usize = 300;
/// How many of the newest are not finished, of each [`UNFINISHED_OF`].
const UNFINISHED: usize = 3;
const UNFINISHED_OF: usize = 4;
/// Among how many of the newest.
const NEWEST: usize = 26;

/// A ticket and everything that happens to it.
#[derive(Debug, PartialEq, Eq)]
pub struct Planned {
    /// Whose it is: an index into the company's customers.
    pub customer: usize,
    /// What it is about.
    pub subject: String,
    /// What the customer said at first.
    pub description: String,
    /// How much it matters.
    pub priority: Priority,
    /// One of the default categories.
    pub category: String,
    /// When it was created.
    pub created: Millis,
    /// What happened then, in order.
    pub acts: Vec<(Millis, Act)>,
}

/// Something that happens to a ticket. Staff are indices into the company's staff.
#[derive(Debug, PartialEq, Eq)]
pub enum Act {
    /// It is given to a technician.
    Assign(usize),
    /// Work begins.
    Start(usize),
    /// Staff write to the customer.
    Public(usize, String),
    /// Staff write to each other.
    Internal(usize, String),
    /// The customer writes.
    Reply(String),
    /// It is resolved.
    Resolve(usize, String),
    /// It is closed, by staff or by itself.
    Close(Option<usize>),
}

/// A script, one of its variants, and to whom and when it happens.
pub struct Case<'a> {
    /// The script.
    pub script: &'a Script,
    /// Which of its subjects and choices.
    pub variant: usize,
    /// Whose ticket it is.
    pub customer: usize,
    /// How many tickets that customer had before.
    pub earlier: usize,
    /// When it begins.
    pub at: Millis,
    /// After how many turns it stops, unfinished.
    pub stop: Option<usize>,
}

/// The whole year up to `now`, oldest ticket first.
pub fn year(company: &Company, scripts: &[Script], now: Millis) -> Vec<Planned> {
    let mut variety = Variety::new(0x000D_00E4);
    let mut cases = cast(company, scripts);
    set_dates(&mut cases, now, &mut variety);
    cases.sort_by_key(|case| case.at.0);
    leave_newest_unfinished(&mut cases);
    cases.iter().map(|case| write(company, case, now, &mut variety)).collect()
}

fn write(company: &Company, case: &Case<'_>, now: Millis, variety: &mut Variety) -> Planned {
    let client = &company.customers[case.customer];
    let script = case.script;
    let text = choose(&script.description, case.variant);
    let as_is = script.as_is || script.customer.is_some();
    Planned {
        customer: case.customer,
        subject: subject(client, case),
        description: if as_is { text } else { client.writes(&text) },
        priority: Priority::parse(&script.priority).unwrap_or_default(),
        category: script.category.clone(),
        created: case.at,
        acts: turns::play(company, case, now, variety),
    }
}

/// Someone with several buildings names the building first.
fn subject(client: &Client, case: &Case<'_>) -> String {
    let subject = &case.script.subjects[case.variant];
    match client.sites.get(case.earlier * 4 % client.sites.len().max(1)) {
        Some(site) if case.script.customer.is_none() => format!("{site}: {subject}"),
        _ => subject.clone(),
    }
}

/// Gives each script's variants to customers whom they suit, as often as their weights say.
fn cast<'a>(company: &Company, scripts: &'a [Script]) -> Vec<Case<'a>> {
    let mut given: Vec<Vec<&str>> = vec![Vec::new(); company.customers.len()];
    let mut cases = Vec::with_capacity(TICKETS);
    let most_variants = scripts.iter().map(|script| script.subjects.len()).max().unwrap_or(0);
    for variant in 0..most_variants {
        for script in scripts.iter().filter(|script| script.subjects.len() > variant) {
            let Some(customer) = next_customer(company, script, &given) else { continue };
            let earlier = given[customer].len();
            given[customer].push(&script.subjects[0]);
            cases.push(Case { script, variant, customer, earlier, at: Millis(0), stop: None });
        }
    }
    cases.truncate(TICKETS);
    cases
}

/// Whom a script hits next: first who must have a certain number, then who has least for their
/// weight (d'Hondt), and among those rather somebody to whom it has not happened yet.
fn next_customer(company: &Company, script: &Script, given: &[Vec<&str>]) -> Option<usize> {
    let customers = company.customers.iter().enumerate();
    if let Some(email) = &script.customer {
        return customers.into_iter().find(|(_, it)| it.email == *email).map(|(index, _)| index);
    }
    let suits = |client: &Client| client.tags.iter().any(|tag| script.at.contains(tag));
    let rank = |index: usize, client: &Client| {
        let had = given[index].len();
        let again = given[index].iter().filter(|it| **it == script.subjects[0]).count();
        match client.tickets {
            Some(wanted) => (0, usize::from(had >= wanted) * usize::MAX),
            None => (again + 1, (had + 1) * 1_000 / client.weight.max(1)),
        }
    };
    customers
        .filter(|(_, client)| suits(client))
        .filter(|(index, client)| client.tickets.is_none_or(|wanted| given[*index].len() < wanted))
        .min_by_key(|(index, client)| rank(*index, client))
        .map(|(index, _)| index)
}

/// Seasons have their months; the rest is spread over the year, a little denser towards now.
fn set_dates(cases: &mut [Case<'_>], now: Millis, variety: &mut Variety) {
    for case in cases {
        let script = case.script;
        let at = match (script.ago, script.months.as_slice()) {
            (Some(days), _) => Millis(now.0 - days * DAY),
            (None, []) => Millis(now.0 - some_days(variety)),
            (None, months) => {
                calendar::last(months[case.variant % months.len()], script.days, now, variety)
            }
        };
        case.at = opening_time(at, &script.priority, now, variety);
    }
}

/// Between two hours and a year, in milliseconds: half of them within the last 128 days.
fn some_days(variety: &mut Variety) -> i64 {
    let part = variety.below(10_000);
    let denser_now = (part * 3 + part * part * 7 / 10_000) / 10;
    DAY / 12 + denser_now * (363 * DAY / 10_000)
}

/// What is urgent is taken at any hour; the rest when somebody is at the desk.
fn opening_time(at: Millis, priority: &str, now: Millis, variety: &mut Variety) -> Millis {
    let opens = if priority == "urgent" {
        calendar::waking_time(at, variety)
    } else {
        calendar::some_working_time(at, variety)
    };
    // An hour that has not come yet is one of the day before.
    if opens.0 < now.0 { opens } else { opening_time(Millis(at.0 - DAY), priority, now, variety) }
}

/// The newest tickets are what the company works on; some of them nobody has begun.
fn leave_newest_unfinished(cases: &mut [Case<'_>]) {
    let newest = cases.iter_mut().rev().filter(|case| case.script.ago.is_none()).take(NEWEST);
    for (index, case) in newest.enumerate() {
        if index % UNFINISHED_OF < UNFINISHED {
            case.stop =
                Some(if index % 3 == 0 { 0 } else { index % (case.script.turns.len() + 1) });
        }
    }
}
