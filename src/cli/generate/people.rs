//! Who the generated tickets belong to, and who works them. Each is a function of the seed and
//! their number alone, so nobody needs to be kept.

use std::time::Duration;

use crate::cli::variety::Variety;
use crate::clock::Millis;
use crate::domain::customers::Customer;
use crate::domain::email::Email;
use crate::domain::histories::Moment;
use crate::domain::staff::{Role, Staff};

use super::words::{FIRST, LAST, PLACE, TRADE};

/// How many work the tickets.
pub const STAFF: u64 = 12;
/// Of these, how many are admins.
const ADMINS: u64 = 2;
/// How long before the first ticket the customers begin to arrive.
const BEFORE: Duration = Duration::from_secs(30 * 86_400);
/// How much the tickets of the busiest customers are evened out: the customer on place `n` has a
/// share in proportion to 1 / (`n` + this).
const EVENNESS: u64 = 5;

/// The customers of one run.
#[derive(Clone, Debug)]
pub struct People {
    seed: u64,
    /// How many customers there were before.
    before: u64,
    begin: Millis,
    /// By place, the busiest first: the sum of all shares up to it.
    shares: Vec<u64>,
}

impl People {
    /// `count` customers, who arrive before `begin`. There must be one.
    pub fn new(seed: u64, before: u64, count: u64, begin: Millis) -> Self {
        let mut sum = 0;
        let shares = (0..count).map(|place| {
            // In whole numbers, which every machine rounds alike.
            sum += 1_000_000_000 / (place + EVENNESS);
            sum
        });
        let shares = shares.collect();
        Self { seed, before, begin, shares }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.shares.len() as u64
    }

    /// Somebody with a ticket: few have very many, most have few.
    pub fn somebody(&self, variety: &mut Variety) -> u64 {
        let all = self.shares.last().copied().unwrap_or(1);
        let drawn = variety.far_below(i64::try_from(all).unwrap_or(i64::MAX));
        let place = self.shares.partition_point(|&sum| sum <= drawn.unsigned_abs());
        // The busiest are not those who came first.
        (place as u64 * self.stride() + self.seed % self.count()) % self.count()
    }

    /// A step that visits every customer once.
    fn stride(&self) -> u64 {
        let count = self.count();
        let wanted = count / 2 + count / 9 + 1;
        (wanted..wanted + count).find(|&step| common_divisor(step, count) == 1).unwrap_or(1)
    }

    /// The customer with this number, from 0.
    pub fn customer(&self, index: u64) -> Customer {
        let mut variety = Variety::of(self.seed ^ 0xC057, index);
        let (first, last) = (variety.choose(&FIRST), variety.choose(&LAST));
        let (place, trade) = (variety.choose(&PLACE), variety.choose(&TRADE));
        let number = self.before + index;
        let address = format!("{first}.{last}.{number}@{place}-{trade}.example").to_lowercase();
        let step = i64::try_from(BEFORE.as_millis()).unwrap_or(0) / i64_of(self.count());
        let at = Millis(self.begin.minus(BEFORE).0 + step * i64_of(index));
        let noise = u32::try_from(variety.below(1 << 31)).unwrap_or(0) << 1;
        Customer {
            id: Moment { at, noise }.id(),
            email: Email::from_store(address),
            name: format!("{first} {last}"),
            phone: format!("555 01{:02} {:03}", variety.below(100), variety.below(1000)),
            company: if variety.percent(70) { format!("{place} {trade}") } else { String::new() },
            notes: String::new(),
            active: !variety.percent(2),
            created_at: at,
            erased_at: None,
        }
    }
}

/// Those who work the tickets.
pub fn staff(seed: u64, begin: Millis) -> Vec<Staff> {
    let at = begin.minus(BEFORE);
    let person = |number: u64| {
        let mut variety = Variety::of(seed ^ 0x57AF, number);
        let (first, last) = (variety.choose(&FIRST), variety.choose(&LAST));
        let noise = u32::try_from(number).unwrap_or(0) << 11;
        Staff {
            id: Moment { at, noise }.id(),
            email: Email::from_store(format!("staff.{number}@load.example")),
            name: format!("{first} {last}"),
            role: if number < ADMINS { Role::Admin } else { Role::Technician },
            active: true,
            created_at: at,
        }
    };
    (0..STAFF).map(person).collect()
}

fn i64_of(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX).max(0)
}

fn common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use super::*;

    const BEGIN: Millis = Millis(1_794_474_840_000);

    #[test]
    fn everybody_has_an_address_of_their_own_that_the_product_takes() {
        let people = People::new(7, 30, 5_000, BEGIN);
        let all: Vec<Customer> = (0..5_000).map(|index| people.customer(index)).collect();
        let addresses: HashSet<String> = all.iter().map(|it| it.email.key()).collect();
        let ids: HashSet<i64> = all.iter().map(|it| it.id).collect();
        assert_eq!((addresses.len(), ids.len()), (5_000, 5_000));
        assert!(all.iter().all(|it| Email::parse("email", it.email.as_str()).is_ok()));
        let later = People::new(7, 5_030, 10, BEGIN).customer(0);
        assert!(!addresses.contains(&later.email.key()));
    }

    #[test]
    fn few_have_many_tickets_and_everybody_can_have_one() {
        for count in [1, 2, 9, 1000] {
            let people = People::new(3, 0, count, BEGIN);
            let mut variety = Variety::new(1);
            let mut tickets: BTreeMap<u64, u64> = BTreeMap::new();
            for _ in 0..100_000 {
                *tickets.entry(people.somebody(&mut variety)).or_default() += 1;
            }
            assert_eq!(tickets.len() as u64, count);
            let mut sorted: Vec<u64> = tickets.into_values().collect();
            sorted.sort_unstable();
            if count == 1000 {
                let (most, middle) = (sorted[999], sorted[500]);
                assert!(most > 2_000 && middle < 60, "{most} {middle}");
            }
        }
    }
}
