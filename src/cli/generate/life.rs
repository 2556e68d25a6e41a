//! The life of a generated ticket: what happens, how often and when.
//!
//! Most tickets have a handful of entries, few have hundreds. What is old is closed, what is new is
//! in all states.

use crate::cli::variety::Variety;
use crate::clock::Millis;
use crate::domain::customers::{Customer, NewCustomer};
use crate::domain::entries::Visibility;
use crate::domain::histories::{History, Moment};
use crate::domain::staff::Staff;
use crate::domain::tickets::{NewTicket, Person, Priority, Status};
use crate::domain::{Actor, Rules};
use crate::error::Error;
use crate::ids::Reference;

use super::words::{ANSWERED, ASKED, RESOLVED, SPOT, TROUBLE};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// A resolved ticket closes by itself after 14 days, so none has been resolved for longer.
const RESOLVED_FOR: i64 = 13 * DAY;
/// Of 1,000 tickets, how many have so many entries: the share, the least and the most.
const LENGTHS: [(i64, i64, i64); 6] =
    [(220, 1, 2), (560, 2, 4), (168, 4, 7), (42, 8, 20), (9, 21, 80), (1, 81, 300)];
/// Of 100 tickets of at most so many days, how many are open, in progress and resolved; the others
/// are closed.
const STATES: [(i64, [i64; 3]); 4] =
    [(3, [45, 30, 15]), (14, [20, 30, 30]), (60, [6, 12, 10]), (i64::MAX, [2, 2, 0])];

/// What every life needs.
#[derive(Debug)]
pub struct Setting {
    /// The rules that replies follow.
    pub rules: Rules,
    /// Who works the tickets; there must be somebody.
    pub staff: Vec<Staff>,
    /// The moment after which nothing happens.
    pub end: Millis,
}

/// A ticket of `customer` that is created at `created`, and what becomes of it.
pub fn live(
    setting: &Setting,
    customer: &Customer,
    reference: Reference,
    created: Millis,
    variety: Variety,
) -> Result<History, Error> {
    let mut life = Life::begin(setting, customer, reference, created, variety);
    while life.history.entries() + life.reserve() < life.length {
        life.go_on()?;
    }
    life.finish()?;
    let age = setting.end.0 - created.0;
    if life.variety.percent(if age > 60 * DAY { 97 } else { 75 }) {
        life.history.read();
    }
    Ok(life.history)
}

struct Life<'a> {
    setting: &'a Setting,
    variety: Variety,
    history: History,
    technician: Actor,
    status: Status,
    length: usize,
    at: i64,
    last: i64,
}

impl<'a> Life<'a> {
    fn begin(
        setting: &'a Setting,
        customer: &Customer,
        reference: Reference,
        created: Millis,
        mut variety: Variety,
    ) -> Self {
        let technician = variety.choose(&setting.staff).clone();
        let assignee = variety.percent(75).then(|| Person {
            id: technician.id,
            email: technician.email.clone(),
            name: technician.name.clone(),
        });
        let length = length(&mut variety);
        let age = setting.end.0 - created.0;
        let status = status(age, &mut variety);
        let last = last(status, created.0, setting.end.0, length, &mut variety);
        let new = ticket(setting, customer, &mut variety);
        let moment = Moment { at: created, noise: noise(&mut variety) };
        let desk = actor(&setting.staff[0]);
        let history = History::begin(&new, reference, customer, assignee, &desk, moment);
        let technician = actor(&technician);
        Self { setting, variety, history, technician, status, length, at: created.0, last }
    }

    /// Entries that the end takes.
    fn reserve(&self) -> usize {
        match (self.status, self.history.ticket().status) {
            (Status::Open, _) | (Status::InProgress, Status::InProgress) => 0,
            (Status::InProgress | Status::Resolved, _) => 1,
            (Status::Closed, _) => 2,
        }
    }

    /// Something that leaves the ticket unresolved.
    fn go_on(&mut self) -> Result<(), Error> {
        let room = self.length - self.history.entries() - self.reserve();
        let begun = self.history.ticket().status == Status::InProgress;
        if !begun && self.status != Status::Open && self.variety.percent(50) {
            let moment = self.moment();
            return self.history.turn(&self.technician, Status::InProgress, moment);
        }
        if room >= 5 && self.variety.percent(4) {
            return self.come_back();
        }
        match self.variety.below(100) {
            0..40 => self.note(Visibility::Public),
            40..62 => self.note(Visibility::Internal),
            _ => return self.reply(),
        }
        Ok(())
    }

    /// It seems to be resolved, and the customer says that it is not.
    fn come_back(&mut self) -> Result<(), Error> {
        self.resolve()?;
        self.reply()?;
        if self.status == Status::Open {
            return Ok(());
        }
        let moment = self.moment();
        self.history.turn(&self.technician, Status::InProgress, moment)
    }

    fn finish(&mut self) -> Result<(), Error> {
        let now = self.history.ticket().status;
        match self.status {
            Status::InProgress if now != Status::InProgress => {
                let moment = self.moment();
                self.history.turn(&self.technician, Status::InProgress, moment)
            }
            Status::Open | Status::InProgress => Ok(()),
            Status::Resolved => self.resolve(),
            Status::Closed => {
                // Few are closed without a word about how.
                if !self.variety.percent(6) {
                    self.resolve()?;
                }
                let by =
                    if self.variety.percent(70) { Actor::System } else { self.technician.clone() };
                let moment = self.moment();
                self.history.turn(&by, Status::Closed, moment)
            }
        }
    }

    fn note(&mut self, visibility: Visibility) {
        let moment = self.moment();
        let body = sentences(&ANSWERED, 4, &mut self.variety);
        self.history.note(&self.technician, body, visibility, moment);
    }

    fn reply(&mut self) -> Result<(), Error> {
        let moment = self.moment();
        let body = sentences(&ASKED, 4, &mut self.variety);
        self.history.reply(&self.setting.rules, body, moment)
    }

    fn resolve(&mut self) -> Result<(), Error> {
        let moment = self.moment();
        let text = *self.variety.choose(&RESOLVED);
        self.history.resolve(&self.technician, text, moment)
    }

    /// When the next thing happens: so that what is left to come is spread up to the last.
    fn moment(&mut self) -> Moment {
        let left = self.length.saturating_sub(self.history.entries()).max(1);
        let rest = (self.last - self.at).max(0);
        self.at = if left == 1 {
            self.last.max(self.at)
        } else {
            let each = rest / i64::try_from(left).unwrap_or(1);
            (self.at + self.variety.far_below(2 * each + 1)).min(self.last)
        };
        Moment { at: Millis(self.at), noise: noise(&mut self.variety) }
    }
}

fn actor(staff: &Staff) -> Actor {
    Actor::Staff { id: staff.id, name: staff.name.clone(), role: staff.role }
}

fn noise(variety: &mut Variety) -> u32 {
    u32::try_from(variety.below(1 << 31)).unwrap_or(0) << 1
}

fn length(variety: &mut Variety) -> usize {
    let mut drawn = variety.below(1000);
    for (share, least, most) in LENGTHS {
        if drawn < share {
            return usize::try_from(variety.between(least, most + 1)).unwrap_or(1);
        }
        drawn -= share;
    }
    1
}

fn status(age: i64, variety: &mut Variety) -> Status {
    let days = age / DAY;
    let shares =
        STATES.iter().find(|(most, _)| days <= *most).map_or([0; 3], |(_, shares)| *shares);
    let mut drawn = variety.below(100);
    for (share, status) in shares.into_iter().zip(Status::ALL) {
        if drawn < share {
            return status;
        }
        drawn -= share;
    }
    Status::Closed
}

/// When the last thing happens.
fn last(status: Status, created: i64, end: i64, length: usize, variety: &mut Variety) -> i64 {
    let wanted = match status {
        Status::Closed => {
            let long = 1 + i64::try_from(length / 20).unwrap_or(0);
            let most = variety.far_below(21 * DAY);
            created + HOUR + variety.far_below(most + 1) * long
        }
        Status::Resolved => end - variety.far_below(RESOLVED_FOR),
        Status::Open | Status::InProgress => end - variety.far_below(30 * DAY),
    };
    wanted.clamp(created, end.max(created))
}

fn ticket(setting: &Setting, customer: &Customer, variety: &mut Variety) -> NewTicket {
    let trouble = variety.choose(&TROUBLE);
    let subject = if variety.percent(60) {
        format!("{trouble} {}", variety.choose(&SPOT))
    } else {
        (*trouble).to_owned()
    };
    let mut description = format!("{trouble}. {}", sentences(&ASKED, 6, variety));
    if variety.percent(30) {
        // Something to search for that is nearly nowhere else.
        description.push_str(&format!(" Serial number SN-{:06X}.", variety.below(1 << 24)));
    }
    let categories = &setting.rules.categories;
    let named = !categories.is_empty() && variety.percent(90);
    NewTicket {
        customer: NewCustomer::with_email(customer.email.clone()),
        subject,
        description,
        priority: match variety.below(100) {
            0..20 => Priority::Low,
            20..80 => Priority::Medium,
            80..95 => Priority::High,
            _ => Priority::Urgent,
        },
        category: named.then(|| variety.choose(categories).clone()),
        assignee: None,
        notify: false,
    }
}

/// From one sentence to `most`, fewer more often; one time in fifty a long story.
fn sentences(choices: &[&str], most: i64, variety: &mut Variety) -> String {
    let most = if variety.percent(2) { most * 3 } else { most };
    let most = variety.below(most);
    let count = 1 + variety.below(1 + most);
    let mut text = String::new();
    for index in 0..count {
        if index > 0 {
            text.push_str(if variety.percent(15) { "\n\n" } else { " " });
        }
        text.push_str(variety.choose::<&str>(choices));
    }
    text
}
