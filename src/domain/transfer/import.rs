//! Pieces become rows: staff and customers who are not known yet, tickets that are new or have
//! grown. What was imported before is recognised and left alone.

use std::collections::HashMap;

use super::What;
use super::assemble::{Item, Piece, Whole};
use super::parse::{CustomerItem, StaffItem};
use super::setting::SettingItem;
use super::tickets::{self, Verdict};
use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::Actor;
use crate::domain::audit::{self, Action, Details, Subject};
use crate::domain::customers::{self, Customer};
use crate::domain::settings;
use crate::domain::staff::Staff;
use crate::error::{Error, FieldCode, FieldError, LineError};
use crate::ids::{self, Reference};
use crate::store;
use crate::store::imports::Imported;

/// How much of what was imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Settings that nobody had made here.
    pub settings: u64,
    /// Settings that were made here, and stay as they are.
    pub known_settings: u64,
    /// Staff who are new.
    pub staff: u64,
    /// Staff who were here.
    pub known_staff: u64,
    /// Customers who are new.
    pub customers: u64,
    /// Customers who were here.
    pub known_customers: u64,
    /// Tickets that are new.
    pub tickets: u64,
    /// Tickets imported before of which there is more.
    pub grown_tickets: u64,
    /// Tickets imported before of which there is nothing new.
    pub known_tickets: u64,
    /// Tickets imported before that were worked on here since, and left as they are.
    pub kept_tickets: u64,
    /// Entries that are new.
    pub entries: u64,
}

/// Tells the audit log what an import added; one that added nothing changed nothing.
pub fn write_down(tx: &mut Tx<'_>, source: &str, tally: &Tally, now: Millis) -> Result<(), Error> {
    let new = [
        ("staff", tally.staff),
        ("customers", tally.customers),
        ("tickets", tally.tickets),
        ("entries", tally.entries),
    ];
    if new.iter().all(|(_, count)| *count == 0) {
        return Ok(());
    }
    let mut details = Details::none().with("from", source);
    for (what, count) in new {
        details = details.with(what, count);
    }
    audit::record(tx, &Actor::System, Action::DataImported, &Subject::doorkey(), details, now)
}

impl Tally {
    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.settings += other.settings;
        self.known_settings += other.known_settings;
        self.staff += other.staff;
        self.known_staff += other.known_staff;
        self.customers += other.customers;
        self.known_customers += other.known_customers;
        self.tickets += other.tickets;
        self.grown_tickets += other.grown_tickets;
        self.known_tickets += other.known_tickets;
        self.kept_tickets += other.kept_tickets;
        self.entries += other.entries;
    }
}

/// Something that whoever imports wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// A ticket has another reference here than in the source.
    Reference {
        /// What the ticket is called in the source.
        ticket: String,
        /// What it is called here; not known before it is imported.
        reference: Option<Reference>,
    },
    /// A ticket has changed in the source and here, and was left as it is here.
    Kept {
        /// What the ticket is called in the source.
        ticket: String,
        /// What it is called here.
        reference: Reference,
    },
}

/// What came of some pieces.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How many.
    pub tally: Tally,
    /// What could not be imported, and why. The rest was.
    pub bad: Vec<LineError>,
    /// What else there is to know.
    pub remarks: Vec<Remark>,
}

/// A transaction with what it remembers of one source.
pub(super) struct Importing<'a, 'b> {
    pub(super) tx: &'a mut Tx<'b>,
    pub(super) source: &'a str,
    pub(super) now: Millis,
    pub(super) outcome: Outcome,
    staff: HashMap<String, Option<Staff>>,
}

/// Adds what is new of `pieces`. Each is imported whole or, with the reason in the outcome, not at
/// all.
///
/// # Errors
/// Only the database's: then nothing was imported.
pub fn import(
    tx: &mut Tx<'_>,
    source: &str,
    pieces: &[Piece],
    now: Millis,
) -> Result<Outcome, Error> {
    let mut importing = Importing::new(tx, source, now);
    for piece in pieces {
        match &piece.item {
            Item::Setting(setting) => importing.setting(setting, false)?,
            Item::Staff(staff) => importing.add_staff(staff)?,
            Item::Customer(customer) => importing.add_customer(customer)?,
            Item::Ticket(whole) => importing.ticket(piece.line, whole, false)?,
        }
    }
    Ok(importing.outcome)
}

/// What [`import`] would do, without doing it.
///
/// # Errors
/// The database's.
pub fn foresee(tx: &mut Tx<'_>, source: &str, pieces: &[Piece]) -> Result<Outcome, Error> {
    let mut importing = Importing::new(tx, source, Millis(0));
    for piece in pieces {
        match &piece.item {
            Item::Setting(setting) => importing.setting(setting, true)?,
            Item::Staff(staff) => importing.foresee_staff(staff)?,
            Item::Customer(customer) => importing.foresee_customer(customer)?,
            Item::Ticket(whole) => importing.ticket(piece.line, whole, true)?,
        }
    }
    Ok(importing.outcome)
}

impl<'a, 'b> Importing<'a, 'b> {
    fn new(tx: &'a mut Tx<'b>, source: &'a str, now: Millis) -> Self {
        Self { tx, source, now, outcome: Outcome::default(), staff: HashMap::new() }
    }

    /// The row that `id` of the source became.
    fn row_id(&mut self, what: What, id: &str) -> Result<Option<i64>, Error> {
        let found = store::imports::find(self.tx, self.source, what, id)?;
        Ok(found.map(|imported| imported.row_id))
    }

    fn remember(&mut self, what: What, id: &str, row_id: i64) -> Result<(), Error> {
        let imported = Imported { row_id, ticket: None };
        Ok(store::imports::put(self.tx, self.source, what, id, &imported)?)
    }

    /// The customer that `id` of the source became, if they are still there.
    pub(super) fn customer(&mut self, id: &str) -> Result<Option<Customer>, Error> {
        match self.row_id(What::Customer, id)? {
            Some(row) => Ok(store::customers::find(self.tx, row)?),
            None => Ok(None),
        }
    }

    /// The same of staff; remembered, since few people sign many entries.
    pub(super) fn staff(&mut self, id: &str) -> Result<Option<Staff>, Error> {
        if let Some(known) = self.staff.get(id) {
            return Ok(known.clone());
        }
        let found = match self.row_id(What::Staff, id)? {
            Some(row) => store::staff::find(self.tx, row)?,
            None => None,
        };
        self.staff.insert(id.to_owned(), found.clone());
        Ok(found)
    }

    /// What an admin made here stays as it is.
    fn setting(&mut self, item: &SettingItem, only_foreseen: bool) -> Result<(), Error> {
        let is_new = match only_foreseen {
            true => !settings::is_stored(self.tx, &item.name)?,
            false => {
                settings::import(self.tx, &item.name, &item.value, item.logo.as_ref(), self.now)?
            }
        };
        self.outcome.tally.settings += u64::from(is_new);
        self.outcome.tally.known_settings += u64::from(!is_new);
        Ok(())
    }

    fn known_staff(&mut self, item: &StaffItem) -> Result<Option<Staff>, Error> {
        match self.staff(&item.id)? {
            Some(known) => Ok(Some(known)),
            None => Ok(store::staff::find_by_email(self.tx, &item.staff.email)?),
        }
    }

    fn foresee_staff(&mut self, item: &StaffItem) -> Result<(), Error> {
        let is_known = self.known_staff(item)?.is_some();
        self.outcome.tally.staff += u64::from(!is_known);
        self.outcome.tally.known_staff += u64::from(is_known);
        Ok(())
    }

    /// Somebody of the staff already, by this address, stays as they are.
    fn add_staff(&mut self, item: &StaffItem) -> Result<(), Error> {
        let staff = match self.known_staff(item)? {
            Some(known) => {
                self.outcome.tally.known_staff += 1;
                known
            }
            None => {
                let staff = row_of_staff(item, self.now);
                store::staff::insert(self.tx, &staff)?;
                self.outcome.tally.staff += 1;
                staff
            }
        };
        self.remember(What::Staff, &item.id, staff.id)?;
        self.staff.insert(item.id.clone(), Some(staff));
        Ok(())
    }

    fn known_customer(&mut self, item: &CustomerItem) -> Result<Option<Customer>, Error> {
        match self.customer(&item.id)? {
            Some(known) => Ok(Some(known)),
            None => Ok(store::customers::find_by_email(self.tx, &item.customer.email)?),
        }
    }

    fn foresee_customer(&mut self, item: &CustomerItem) -> Result<(), Error> {
        let is_known = self.known_customer(item)?.is_some();
        self.outcome.tally.customers += u64::from(!is_known);
        self.outcome.tally.known_customers += u64::from(is_known);
        Ok(())
    }

    /// A customer already, by this address, stays as they are.
    fn add_customer(&mut self, item: &CustomerItem) -> Result<(), Error> {
        if let Some(known) = self.known_customer(item)? {
            self.outcome.tally.known_customers += 1;
            return self.remember(What::Customer, &item.id, known.id);
        }
        let customer = Customer {
            active: item.active,
            created_at: item.created_at.unwrap_or(self.now),
            ..customers::row(&item.customer, self.now)
        };
        if !store::customers::insert(self.tx, &customer)? {
            // Another process added them between the two statements.
            let known = customers::find_by_email(self.tx, &customer.email)?;
            self.outcome.tally.known_customers += 1;
            return self.remember(What::Customer, &item.id, known.id);
        }
        self.outcome.tally.customers += 1;
        self.remember(What::Customer, &item.id, customer.id)
    }

    fn ticket(&mut self, line: u64, whole: &Whole, only_foreseen: bool) -> Result<(), Error> {
        let strangers = self.strangers(line, whole, only_foreseen)?;
        if !strangers.is_empty() {
            self.outcome.bad.extend(strangers);
            return Ok(());
        }
        match tickets::judge(self, line, whole)? {
            Verdict::Refused(error) => self.outcome.bad.push(error),
            Verdict::Known => self.outcome.tally.known_tickets += 1,
            Verdict::Kept(reference) => {
                self.outcome.tally.kept_tickets += 1;
                let ticket = whole.ticket.id.clone();
                self.outcome.remarks.push(Remark::Kept { ticket, reference });
            }
            Verdict::New { is_free } => {
                self.outcome.tally.tickets += 1;
                self.outcome.tally.entries += whole.entries.len() as u64;
                let reference = if only_foreseen { None } else { Some(tickets::add(self, whole)?) };
                let is_wanted = whole.ticket.reference.is_some();
                if (is_wanted && !is_free) || (!is_wanted && !only_foreseen) {
                    let ticket = whole.ticket.id.clone();
                    self.outcome.remarks.push(Remark::Reference { ticket, reference });
                }
            }
            Verdict::Grown { ticket, from } => {
                self.outcome.tally.grown_tickets += 1;
                self.outcome.tally.entries += (whole.entries.len() - from) as u64;
                if !only_foreseen {
                    tickets::grow(self, &ticket, whole, from)?;
                }
            }
        }
        Ok(())
    }

    /// Whom the ticket names that nobody knows. What stood on a good line before it is there once
    /// that line was imported, and in a dry run it is going to be.
    fn strangers(
        &mut self,
        line: u64,
        whole: &Whole,
        only_foreseen: bool,
    ) -> Result<Vec<LineError>, Error> {
        let mut unknown = Vec::new();
        let named = whole.elsewhere.iter();
        for (field, at, what, id) in named {
            let is_known = match what {
                What::Staff => self.staff(id)?.is_some(),
                _ => self.customer(id)?.is_some(),
            };
            if !is_known {
                unknown.push(stranger(field, *at, *what));
            }
        }
        if !only_foreseen && self.customer(&whole.ticket.customer)?.is_none() && unknown.is_empty()
        {
            // Their row is gone again.
            unknown.push(stranger("customer", line, What::Customer));
        }
        Ok(unknown)
    }
}

fn stranger(field: &str, line: u64, what: What) -> LineError {
    let what = if what == What::Staff { "Nobody of the staff" } else { "No customer" };
    let message =
        format!("{what} of this id stands on a good line before, or was imported before.");
    LineError { line, error: FieldError::new(field, FieldCode::UnknownValue, message) }
}

fn row_of_staff(item: &StaffItem, now: Millis) -> Staff {
    Staff {
        id: ids::new_id(now),
        email: item.staff.email.clone(),
        name: item.staff.name.clone(),
        role: item.staff.role,
        active: item.active,
        created_at: item.created_at.unwrap_or(now),
    }
}
