//! Out of the database, line after line: settings, staff, customers, tickets each with its entries.
//!
//! Ids in the lines are what never changes: an address, a reference, an entry's number in its
//! timeline. So a copy of a database gives the same lines as the database itself.

use super::lines::{CustomerLine, EntryLine, HeaderLine, Line, StaffLine, TicketLine, Totals};
use super::{VERSION, setting};
use crate::db::Tx;
use crate::domain::customers::Customer;
use crate::domain::staff::Staff;
use crate::domain::tickets::{Status, Ticket};
use crate::error::Error;
use crate::store;
use crate::store::entries::Signed;

/// Customers read at once.
const CUSTOMERS: i64 = 500;
/// Tickets read at once: each may be 80 KB.
const TICKETS: i64 = 50;
/// Entries read at once: each may be 80 KB.
const ENTRIES: i64 = 50;

/// Hands every line to `write`, in the order in which they are imported. It holds a page of rows
/// at a time; to see one moment, `tx` is that of [`crate::db::Db::survey`].
///
/// # Errors
/// What `write` answers, or why the database cannot be read.
pub fn export<E: From<Error>>(
    tx: &mut Tx<'_>,
    write: &mut dyn FnMut(&Line) -> Result<(), E>,
) -> Result<Totals, E> {
    let mut lines = Lines { write, totals: Totals::default() };
    lines.put(&Line::Doorkey(HeaderLine { version: VERSION, source: None }))?;
    for line in setting::lines(tx).map_err(Error::from)? {
        lines.put(&Line::Setting(line))?;
    }
    for staff in store::staff::list(tx).map_err(Error::from)? {
        lines.put(&of_staff(staff))?;
    }
    lines.customers(tx)?;
    lines.tickets(tx)?;
    lines.put(&Line::End(lines.totals.into()))?;
    Ok(lines.totals)
}

/// Where the lines go, and how many there were.
struct Lines<'a, E> {
    write: &'a mut dyn FnMut(&Line) -> Result<(), E>,
    totals: Totals,
}

impl<E: From<Error>> Lines<'_, E> {
    fn put(&mut self, line: &Line) -> Result<(), E> {
        self.totals.count(line);
        (self.write)(line)
    }

    fn customers(&mut self, tx: &mut Tx<'_>) -> Result<(), E> {
        let mut last = i64::MIN;
        loop {
            let page = store::customers::after(tx, last, CUSTOMERS).map_err(Error::from)?;
            let Some(end) = page.last() else { return Ok(()) };
            last = end.id;
            page.into_iter().try_for_each(|customer| self.put(&of_customer(customer)))?;
        }
    }

    fn tickets(&mut self, tx: &mut Tx<'_>) -> Result<(), E> {
        let mut last = i64::MIN;
        loop {
            let page = store::tickets::after(tx, last, TICKETS).map_err(Error::from)?;
            let Some(end) = page.last() else { return Ok(()) };
            last = end.id;
            for ticket in page {
                let (id, reference) = (ticket.id, ticket.reference.to_string());
                self.put(&of_ticket(ticket))?;
                self.entries(tx, id, &reference)?;
            }
        }
    }

    fn entries(&mut self, tx: &mut Tx<'_>, ticket_id: i64, reference: &str) -> Result<(), E> {
        let (mut last, mut number) = (i64::MIN, 0_u64);
        loop {
            let page =
                store::entries::signed_after(tx, ticket_id, last, ENTRIES).map_err(Error::from)?;
            let Some(end) = page.last() else { return Ok(()) };
            last = end.entry.id;
            for signed in page {
                number += 1;
                self.put(&of_entry(signed, reference, number))?;
            }
        }
    }
}

fn of_staff(staff: Staff) -> Line {
    Line::Staff(StaffLine {
        id: staff.email.to_string(),
        email: staff.email.to_string(),
        name: staff.name,
        role: staff.role.as_str().to_owned(),
        active: staff.active,
        created_at: Some(staff.created_at.rfc3339()),
    })
}

fn of_customer(customer: Customer) -> Line {
    let some = |text: String| (!text.is_empty()).then_some(text);
    Line::Customer(CustomerLine {
        id: customer.email.to_string(),
        email: customer.email.to_string(),
        name: some(customer.name),
        phone: some(customer.phone),
        company: some(customer.company),
        notes: some(customer.notes),
        active: customer.active,
        created_at: Some(customer.created_at.rfc3339()),
    })
}

fn of_ticket(ticket: Ticket) -> Line {
    Line::Ticket(TicketLine {
        id: ticket.reference.to_string(),
        reference: Some(ticket.reference.to_string()),
        customer: ticket.customer.email.to_string(),
        assignee: ticket.assignee.map(|person| person.email.to_string()),
        subject: ticket.subject,
        description: ticket.description,
        priority: Some(ticket.priority.as_str().to_owned()),
        category: ticket.category,
        status: ticket.status.as_str().to_owned(),
        // The entries say these.
        resolution: None,
        status_at: None,
        created_at: ticket.created_at.rfc3339(),
    })
}

fn of_entry(signed: Signed, reference: &str, number: u64) -> Line {
    let Signed { entry, staff } = signed;
    let word = |status: Status| status.as_str().to_owned();
    Line::Entry(EntryLine {
        ticket: reference.to_owned(),
        id: number.to_string(),
        kind: entry.kind.as_str().to_owned(),
        visibility: Some(entry.visibility.as_str().to_owned()),
        at: entry.at.rfc3339(),
        by: entry.by.as_str().to_owned(),
        staff,
        author: entry.author,
        body: entry.body,
        from: entry.from.map(word),
        to: entry.to.map(word),
    })
}
