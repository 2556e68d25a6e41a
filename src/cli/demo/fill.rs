//! Puts the demo's year into the database, through the domain's own functions. Nobody is mailed
//! about what is long past.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::access::Viewer;
use crate::domain::customers::{self, Customer, NewCustomer};
use crate::domain::email::Email;
use crate::domain::entries::Visibility;
use crate::domain::notes::{self, NewNote};
use crate::domain::replies::{self, NewReply};
use crate::domain::staff::{self, NewStaff, Role, Staff};
use crate::domain::tickets::{self, Change, NewTicket, Status, Ticket};
use crate::domain::uses::{self, Uses};
use crate::domain::{Actor, Rules};
use crate::error::Error;

use super::plan::{self, Act, Planned};
use super::story::{Company, Script};

/// How long before now the company and its customers were there.
const BEFORE: Duration = Duration::from_secs(400 * 86_400);
/// Tickets in one transaction: few commits, and no transaction that takes long.
const BATCH: usize = 60;
/// Customers have seen what is older; the newest answers of staff are news to them.
const NEWS: Duration = Duration::from_secs(3 * 86_400);

/// Everybody and every rule that a ticket's history needs.
struct Cast {
    rules: Rules,
    staff: Vec<Staff>,
    customers: Vec<Customer>,
    now: Millis,
}

/// Fills an empty database with the company's last year.
pub async fn fill(app: &App, company: Company, scripts: &[Script]) -> Result<(), Error> {
    let now = app.clock.now();
    let mut year = plan::year(&company, scripts, now);
    let add = move |tx: &mut Tx<'_>| add_people(tx, &company, now.minus(BEFORE));
    let (staff, customers) = app.db.write(add).await?;
    let cast = Arc::new(Cast { rules: app.shown().await.rules.clone(), staff, customers, now });
    while !year.is_empty() {
        let batch: Vec<Planned> = year.drain(..year.len().min(BATCH)).collect();
        let cast = Arc::clone(&cast);
        let work = move |tx: &mut Tx<'_>| {
            let seen = Uses::default();
            batch.iter().try_for_each(|planned| cast.play(tx, planned, &seen))?;
            seen.take().map_or(Ok(()), |batch| uses::write(tx, &batch))
        };
        app.db.write(work).await?;
    }
    Ok(())
}

fn add_people(
    tx: &mut Tx<'_>,
    company: &Company,
    now: Millis,
) -> Result<(Vec<Staff>, Vec<Customer>), Error> {
    let staff = company.staff.iter().map(|colleague| {
        let role = if colleague.admin { Role::Admin } else { Role::Technician };
        let email = Email::parse("email", &colleague.email)?;
        staff::add(tx, &Actor::System, &NewStaff { email, name: colleague.name.clone(), role }, now)
    });
    let staff = staff.collect::<Result<_, Error>>()?;
    let customers = company.customers.iter().map(|client| {
        let new = NewCustomer {
            email: Email::parse("email", &client.email)?,
            name: client.name.clone(),
            phone: client.phone.clone(),
            company: client.company.clone(),
            notes: client.notes.clone(),
        };
        customers::add(tx, &Actor::System, &new, now)
    });
    Ok((staff, customers.collect::<Result<_, Error>>()?))
}

impl Cast {
    fn play(&self, tx: &mut Tx<'_>, planned: &Planned, seen: &Uses) -> Result<(), Error> {
        let ticket = self.create(tx, planned)?;
        for (at, act) in &planned.acts {
            self.act(tx, planned, &ticket, act, *at)?;
        }
        let last = planned.acts.last().map_or(planned.created, |(at, _)| *at);
        if self.now.since(last) > NEWS {
            seen.ticket_seen(&self.viewer(planned.customer), ticket.id, last);
        }
        Ok(())
    }

    /// Somebody at the desk writes down what the customer said.
    fn create(&self, tx: &mut Tx<'_>, planned: &Planned) -> Result<Ticket, Error> {
        let email = self.customers[planned.customer].email.clone();
        let desk = self.staff.iter().position(|staff| staff.role == Role::Admin).unwrap_or(0);
        let new = NewTicket {
            customer: NewCustomer::with_email(email),
            subject: planned.subject.clone(),
            description: planned.description.clone(),
            priority: planned.priority,
            category: Some(planned.category.clone()),
            assignee: None,
            notify: false,
        };
        tickets::create(tx, &self.rules, &self.actor(desk), &new, None, planned.created)
    }

    fn act(
        &self,
        tx: &mut Tx<'_>,
        planned: &Planned,
        ticket: &Ticket,
        act: &Act,
        at: Millis,
    ) -> Result<(), Error> {
        let status = |to| Change { status: Some(to), ..Change::default() };
        match act {
            Act::Assign(tech) => {
                let email = self.staff[*tech].email.clone();
                let change = Change { assignee: Some(Some(email)), ..Change::default() };
                self.change(tx, ticket, &self.actor(0), &change, at)
            }
            Act::Start(tech) => {
                self.change(tx, ticket, &self.actor(*tech), &status(Status::InProgress), at)
            }
            Act::Close(by) => {
                let actor = by.map_or(Actor::System, |index| self.actor(index));
                self.change(tx, ticket, &actor, &status(Status::Closed), at)
            }
            Act::Public(by, text) => self.note(tx, ticket, *by, (text, Visibility::Public), at),
            Act::Internal(by, text) => self.note(tx, ticket, *by, (text, Visibility::Internal), at),
            Act::Reply(text) => {
                let viewer = self.viewer(planned.customer);
                let reply = NewReply { body: text.clone(), notify: false };
                replies::add(tx, &self.rules, &viewer, &ticket.reference, &reply, None, at)
                    .map(drop)
            }
            Act::Resolve(by, text) => tickets::resolve(
                tx,
                &self.rules,
                &self.actor(*by),
                &ticket.reference,
                text,
                false,
                at,
            )
            .map(drop),
        }
    }

    fn change(
        &self,
        tx: &mut Tx<'_>,
        ticket: &Ticket,
        actor: &Actor,
        change: &Change,
        at: Millis,
    ) -> Result<(), Error> {
        tickets::change(tx, &self.rules, actor, &ticket.reference, change, at).map(drop)
    }

    fn note(
        &self,
        tx: &mut Tx<'_>,
        ticket: &Ticket,
        by: usize,
        (text, visibility): (&str, Visibility),
        at: Millis,
    ) -> Result<(), Error> {
        let note = NewNote { body: text.to_owned(), visibility, notify: false };
        notes::add(tx, &self.rules, &self.actor(by), &ticket.reference, &note, None, at).map(drop)
    }

    fn actor(&self, index: usize) -> Actor {
        let Staff { id, name, role, .. } = &self.staff[index];
        Actor::Staff { id: *id, name: name.clone(), role: *role }
    }

    /// The customer as somebody who opened the portal, though with no link that is kept.
    fn viewer(&self, index: usize) -> Viewer {
        let Customer { id, email, name, .. } = &self.customers[index];
        Viewer {
            customer_id: *id,
            email: email.clone(),
            name: name.clone(),
            link_id: 0,
            expires_at: self.now,
            stamp: 0,
        }
    }
}
