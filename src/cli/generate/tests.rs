//! What is promised of generated rows before any database sees them.

use std::collections::HashSet;

use super::*;
use crate::domain::tickets::{Status, Ticket};

const END: Millis = Millis(1_794_474_840_000);
const DAY: i64 = 86_400_000;

fn plan(seed: u64, customers: u64, tickets: u64) -> Plan {
    let begin = END.minus(SPAN);
    let setting = Setting { rules: Rules::default(), staff: people::staff(seed, begin), end: END };
    let people = People::new(seed, 0, customers, begin);
    Plan { seed, people, tickets, setting, begin, taken: Vec::new() }
}

fn histories(plan: &Plan) -> Vec<History> {
    let each = (0..plan.tickets).zip(plan.references());
    each.map(|(index, reference)| plan.ticket(index, reference).expect("a life")).collect()
}

#[test]
fn timelines_are_mostly_short_and_sometimes_very_long() {
    let histories = histories(&plan(1, 200, 20_000));
    let mut lengths: Vec<usize> = histories.iter().map(History::entries).collect();
    lengths.sort_unstable();
    assert_eq!(lengths[0], 1);
    assert!((3..=5).contains(&lengths[10_000]), "half have up to {}", lengths[10_000]);
    let longest = lengths[19_999];
    assert!((81..=302).contains(&longest), "the longest has {longest}");
    let mean = lengths.iter().sum::<usize>() / lengths.len();
    assert!((4..=7).contains(&mean), "{mean} on average");
}

#[test]
fn what_is_old_is_closed_and_nothing_lies_in_the_future() {
    let histories = histories(&plan(2, 200, 20_000));
    let tickets: Vec<&Ticket> = histories.iter().map(History::ticket).collect();
    let share = |status| tickets.iter().filter(|it| it.status == status).count() * 100 / 20_000;
    assert!((80..97).contains(&share(Status::Closed)), "{}", share(Status::Closed));
    for status in Status::ALL {
        assert!(tickets.iter().any(|it| it.status == status), "some are {status:?}");
    }
    for ticket in tickets {
        // A later entry is a millisecond later at least, so many at one moment run on a little.
        assert!(ticket.updated_at.0 <= END.0 + 400 && ticket.created_at <= ticket.updated_at);
        let overdue = ticket.resolved_at.is_some_and(|at| at.0 < END.0 - 14 * DAY);
        assert!(!overdue, "it would close at once: {ticket:?}");
    }
}

#[test]
fn tickets_come_in_order_and_mostly_by_day() {
    let plan = plan(3, 50, 10_000);
    let created: Vec<Millis> = histories(&plan).iter().map(|it| it.ticket().created_at).collect();
    assert!(created.is_sorted());
    let by_day = |at: &&Millis| (7..19).contains(&(at.0.rem_euclid(DAY) / 3_600_000));
    let share = created.iter().filter(by_day).count();
    assert!((7_800..8_600).contains(&share), "{share}");
    for hour in 0..24 {
        let (before, after) = (by_day_at(hour), by_day_at(hour + 1));
        assert!(before < after, "{before:?} {after:?}");
    }
}

fn by_day_at(hour: i64) -> Millis {
    super::by_day(Millis(20_000 * DAY + hour * 3_600_000))
}

#[test]
fn no_reference_comes_twice_or_is_one_that_is_taken() {
    let mut plan = plan(4, 1, 0);
    let first: Vec<Reference> = plan.references().take(50_000).collect();
    let different: HashSet<&Reference> = first.iter().collect();
    assert_eq!(different.len(), first.len());
    plan.taken = first.iter().map(Reference::number).collect();
    plan.taken.sort_unstable();
    assert!(plan.references().take(50_000).all(|reference| !different.contains(&reference)));
}

#[test]
fn a_moment_is_read_and_wrong_ones_are_explained() {
    assert_eq!(moment("2026-11-12T09:14:00Z"), Ok(END));
    assert!(moment("yesterday").expect_err("no time").contains("2026-11-12T09:00:00Z"));
    assert!(moment("2025-01-01T00:00:00Z").expect_err("too early").contains("2026-02-01"));
}

#[test]
fn the_rows_of_a_seed_stay_what_they_are() {
    let plan = plan(7, 10, 200);
    let mut all = String::new();
    for index in 0..10 {
        let it = plan.people.customer(index);
        all.push_str(&format!("{} {} {} {}\n", it.id, it.email, it.name, it.company));
    }
    for history in histories(&plan) {
        let Ticket { id, reference, subject, description, status, .. } = history.ticket();
        let Ticket { updated_at, last_entry, version, note_count, .. } = history.ticket();
        let whose = history.ticket().customer.id;
        all.push_str(&format!("{id} {reference} {whose} {subject} {description} {status:?} "));
        all.push_str(&format!("{} {last_entry} {version} {note_count}\n", updated_at.0));
    }
    let digest = crate::ids::sha256(all.as_bytes());
    let digest: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    // Another digest breaks comparisons between figures of two versions: say so in CHANGELOG.md.
    assert_eq!(digest, "93a7e9ff9a5d2f3e");
}
