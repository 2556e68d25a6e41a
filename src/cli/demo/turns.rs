//! One ticket of the demo from its first answer to its end: who says what, and when.

use crate::cli::variety::Variety;
use crate::clock::Millis;

use super::calendar::{self, DAY};
use super::plan::{Act, Case};
use super::story::{Company, Turn, choose};

const MINUTE: i64 = 60_000;
/// Days without a word after which a resolved ticket closes by itself, the default setting.
const AUTO_CLOSE_DAYS: i64 = 14;
/// Every how many tickets staff close a resolved one themselves.
const CLOSED_BY_HAND: i64 = 6;

/// What happens after the ticket was created, up to `now`.
pub fn play(
    company: &Company,
    case: &Case<'_>,
    now: Millis,
    variety: &mut Variety,
) -> Vec<(Millis, Act)> {
    let mut scene = Scene::new(company, case, now, variety);
    let turns = &case.script.turns;
    let heard = case.stop.unwrap_or(turns.len()).min(turns.len());
    for (index, turn) in turns[..heard].iter().enumerate() {
        scene.pace = case.script.pace.map(|days| {
            let share = i64::try_from(index + 1).unwrap_or(1) * days * DAY;
            Millis(case.at.0 + share / i64::try_from(turns.len() + 1).unwrap_or(1))
        });
        scene.take(turn);
    }
    scene.end(heard < turns.len() || case.stop.is_some());
    scene.acts.retain(|(at, _)| *at < now);
    scene.acts
}

/// The state of a ticket while its script is played.
struct Scene<'a> {
    case: &'a Case<'a>,
    called: &'a str,
    french: bool,
    tech: usize,
    now: Millis,
    variety: &'a mut Variety,
    at: Millis,
    pace: Option<Millis>,
    visit: Option<Millis>,
    assigned: bool,
    working: bool,
    resolved: bool,
    acts: Vec<(Millis, Act)>,
}

impl<'a> Scene<'a> {
    fn new(
        company: &'a Company,
        case: &'a Case<'a>,
        now: Millis,
        variety: &'a mut Variety,
    ) -> Self {
        let client = &company.customers[case.customer];
        Self {
            case,
            called: client.called(),
            french: case.script.at.iter().any(|tag| tag == "fr"),
            tech: technician(company, case.script.tech.as_deref(), variety),
            now,
            variety,
            at: case.at,
            pace: None,
            visit: None,
            assigned: false,
            working: false,
            resolved: false,
            acts: Vec::new(),
        }
    }

    fn take(&mut self, turn: &Turn) {
        match turn {
            Turn::Tech(text) => {
                self.begin_work();
                let text = self.speak(text);
                self.add(Act::Public(self.tech, text));
            }
            Turn::Internal(text) => {
                self.begin_work();
                let text = self.speak(text);
                self.add(Act::Internal(self.tech, text));
            }
            Turn::Resolved(text) => {
                let text = self.speak(text);
                self.resolve(text);
            }
            Turn::Customer(text) => {
                self.wait_for_customer();
                let text = self.speak(text);
                self.add(Act::Reply(text));
                // The reply reopened it, so work has to begin again.
                self.working &= !self.resolved;
                self.resolved = false;
            }
        }
    }

    /// Staff come when they are at work, after the visit they booked, and take the ticket on.
    fn begin_work(&mut self) {
        self.wait_for_staff();
        if !self.assigned {
            self.add(Act::Assign(self.tech));
            self.assigned = true;
        }
        if !self.working {
            self.add(Act::Start(self.tech));
            self.working = true;
        }
    }

    fn wait_for_staff(&mut self) {
        let gap = if self.case.script.priority == "urgent" {
            self.variety.between(3, 40)
        } else {
            self.variety.between(15, 300)
        };
        let soonest = Millis(self.at.0 + gap * MINUTE);
        let wanted = soonest.max(self.visit.take().unwrap_or(soonest));
        self.at = match self.pace {
            Some(paced) => calendar::working_time(paced.max(soonest), self.variety),
            None if self.acts.is_empty() && self.case.script.priority == "urgent" => wanted,
            None => calendar::working_time(wanted, self.variety),
        };
    }

    fn wait_for_customer(&mut self) {
        let gap = self.variety.between(20, 900);
        let soonest = Millis(self.at.0 + gap * MINUTE);
        let paced = self.pace.unwrap_or(soonest);
        // On a paced ticket people answer each other within the hour where they can.
        let wanted =
            if self.pace.is_some() { paced.max(Millis(self.at.0 + 9 * MINUTE)) } else { soonest };
        // A customer does not answer after the technician has been there already.
        let wanted = self.visit.map_or(wanted, |visit| wanted.min(Millis(visit.0 - 30 * MINUTE)));
        self.at = calendar::waking_time(wanted.max(Millis(self.at.0 + MINUTE)), self.variety);
    }

    /// The text of this variant, with the customer's name and, where one is offered, the day of
    /// the visit, which is then booked.
    fn speak(&mut self, text: &str) -> String {
        let text = choose(text, self.case.variant).replace("{first}", self.called);
        let slot = if self.french { "{jour}" } else { "{day}" };
        if !text.contains(slot) {
            return text;
        }
        let visit = calendar::visit_after(self.at, self.variety);
        self.visit = Some(visit);
        text.replace(slot, calendar::weekday_name(visit, self.french))
    }

    fn add(&mut self, act: Act) {
        self.acts.push((self.at, act));
        // The next thing is later, be it by seconds: a timeline is in order of time.
        self.at.0 += self.variety.between(4_000, 40_000);
    }

    fn resolve(&mut self, text: String) {
        self.begin_work();
        self.add(Act::Resolve(self.tech, text));
        self.resolved = true;
    }

    fn end(&mut self, unfinished: bool) {
        self.pace = None;
        let resolution = self.case.script.resolution.as_deref().filter(|_| !unfinished);
        match resolution {
            Some(text) => self.finish(text),
            None if self.acts.is_empty() && !self.case.script.unassigned => self.perhaps_assign(),
            None => {}
        }
    }

    fn finish(&mut self, text: &str) {
        let text = self.speak(text);
        if let Some(days) = self.case.script.done {
            self.visit = Some(Millis(self.now.0 - days * DAY).max(Millis(self.at.0 + MINUTE)));
            self.at = self.visit.take().unwrap_or(self.at);
            self.add(Act::Resolve(self.tech, text));
        } else {
            self.resolve(text);
        }
        self.close();
    }

    fn close(&mut self) {
        if self.case.script.ago.is_none() && self.variety.below(CLOSED_BY_HAND) == 0 {
            let days = self.variety.between(1, 9);
            self.at = calendar::working_time(Millis(self.at.0 + days * DAY), self.variety);
            return self.add(Act::Close(Some(self.tech)));
        }
        self.at.0 += AUTO_CLOSE_DAYS * DAY;
        self.add(Act::Close(None));
    }

    /// Of the tickets nobody has begun, half have been given to somebody.
    fn perhaps_assign(&mut self) {
        if self.variety.below(2) == 0 {
            self.wait_for_staff();
            self.add(Act::Assign(self.tech));
        }
    }
}

/// Who works on it: the admin has tickets, too, so that whoever looks around finds some of their own.
fn technician(company: &Company, key: Option<&str>, variety: &mut Variety) -> usize {
    let named = key.and_then(|key| company.staff.iter().position(|it| it.key == key));
    let count = i64::try_from(company.staff.len()).unwrap_or(1);
    let any = usize::try_from(variety.below(count)).unwrap_or(0);
    named.unwrap_or(any)
}
