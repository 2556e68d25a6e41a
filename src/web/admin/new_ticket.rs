//! `/admin/tickets/new`: a ticket for a customer who called, wrote or stands at the counter.
//!
//! Whose it is, is typed as an address; whoever types a name or a telephone number instead is shown
//! the customers who have it, to choose one. An address that nobody has becomes a new customer.

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use serde::Serialize;

use super::desk::{Desk, go};
use super::form::{Filled, Form};
use super::frame::Frame;
use crate::domain::customers::{self, Customer, NewCustomer};
use crate::domain::email::Email;
use crate::domain::idempotency::Key;
use crate::domain::staff::{self, Staff};
use crate::domain::text;
use crate::domain::tickets::{self, NewTicket, Priority};
use crate::domain::{Rules, Tx};
use crate::error::{Error, FieldCode, FieldError};
use crate::ids;
use crate::web::ctx::Shared;
use crate::web::input::{Fields, Query};
use crate::web::problem::Problem;
use crate::web::reply::{self, Reply};

/// Customers that are offered at once.
const OFFERED: i64 = 8;
/// Longest key, in characters: ours have 22.
const KEY: std::ops::RangeInclusive<usize> = 1..=64;

/// What is known of a customer beside their address.
const TOLD: [&str; 3] = ["name", "phone", "company"];

/// Its addresses.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/admin/tickets/new", get(show).post(send))
        .route("/admin/tickets/new/customers", get(suggest))
}

async fn show(desk: Desk, Query(mut fields): Query) -> Reply {
    let customer = fields.optional_string("customer").unwrap_or_default();
    let form = Filled::with([
        ("customer", customer.as_str()),
        ("priority", Priority::default().as_str()),
        ("notify", "true"),
    ]);
    page(&desk, form, Offer::Nobody).await
}

/// Who of the customers may be meant.
enum Offer {
    /// Nobody was looked for.
    Nobody,
    /// Those who have all these words in their address, name, company or telephone number.
    Found(String),
}

async fn page(desk: &Desk, form: Filled, offer: Offer) -> Reply {
    let (typed, looks) = (form.value("customer").to_owned(), matches!(offer, Offer::Found(_)));
    let words = match offer {
        Offer::Found(words) => words,
        Offer::Nobody => String::new(),
    };
    let wanted = words.clone();
    let work = move |tx: &mut Tx<'_>| {
        let staff = staff::list(tx)?;
        let found = match looks && !words.trim().is_empty() {
            true => customers::list(tx, &words, None, OFFERED)?.items,
            false => Vec::new(),
        };
        let known = match Email::parse("customer", &typed) {
            Ok(email) => match customers::find_by_email(tx, &email) {
                Err(Error::NotFound) => None,
                known => Some(known?),
            },
            Err(_) => None,
        };
        Ok::<_, Error>((staff, found, known))
    };
    let (mut staff, found, known) = desk.app.db.scan(work).await?;
    staff.retain(|one| one.active);
    // What was sent under a key stays under it; a page begins with one of its own.
    let form = if form.value("key").is_empty() { form.and("key", &ids::word()) } else { form };
    let status = if form.is_refused() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let view = NewTicketPage {
        frame: desk.frame(),
        categories: &desk.rules().categories,
        form: &form,
        staff: &staff,
        found: &found,
        looked_for: looks.then_some(wanted.as_str()),
        known: known.as_ref(),
    };
    let mut response = reply::page(&view)?;
    *response.status_mut() = status;
    Ok(response)
}

async fn send(desk: Desk, form: Form) -> Reply {
    let mut fields = form.fields();
    let step = fields.optional_string("step").unwrap_or_default();
    let picked = fields.optional_string("pick");
    if let Some(email) = picked {
        return page(&desk, form.typed().and("customer", &email), Offer::Nobody).await;
    }
    let typed = form.typed();
    let customer = typed.value("customer").to_owned();
    if step == "find" {
        return page(&desk, typed, Offer::Found(customer)).await;
    }
    let is_name = !customer.trim().is_empty() && !customer.contains('@');
    let (new, key) = match read(fields) {
        Ok(read) => read,
        // A name and no address: perhaps one of these is meant.
        Err(error) => {
            let offer = if is_name { Offer::Found(customer) } else { Offer::Nobody };
            return page(&desk, form.refused(error)?, offer).await;
        }
    };
    let actor = desk.actor();
    let key = Key::new(&actor, key, &[b"desk ticket", form.as_bytes()]);
    let now = desk.now;
    let work = move |tx: &mut Tx<'_>, rules: &Rules| {
        let ticket = tickets::create(tx, rules, &actor, &new, Some(&key), now)?;
        let is_unheard = new.notify && !customers::find(tx, ticket.customer.id)?.active;
        Ok((ticket.reference, is_unheard))
    };
    match desk.app.decide(work).await {
        Ok((reference, false)) => go(&format!("/admin/tickets/{reference}")),
        Ok((reference, true)) => go(&format!("/admin/tickets/{reference}?said=no_mail")),
        Err(Error::IdempotencyMismatch) => page(&desk, sent_before(&form), Offer::Nobody).await,
        Err(error) => page(&desk, form.refused(error)?, Offer::Nobody).await,
    }
}

/// Somebody came back to a form that made a ticket already, and changed it.
fn sent_before(form: &Form) -> Filled {
    let message = "A ticket was created from this page already. If another one is to be created \
        with what stands here now, press Create Ticket again.";
    let problem = FieldError::new("key", FieldCode::Taken, message);
    form.typed().and("key", &ids::word()).but(vec![problem])
}

fn read(mut fields: Fields) -> Result<(NewTicket, String), Error> {
    let email = fields.required("customer", whose);
    let name = fields.optional_line("name", text::NAME).unwrap_or_default();
    let phone = fields.optional_line("phone", text::PHONE).unwrap_or_default();
    let company = fields.optional_line("company", text::NAME).unwrap_or_default();
    let subject = fields.line("subject", text::SUBJECT);
    let description = fields.text("description", text::DESCRIPTION);
    let priority =
        fields.optional_word("priority", &Priority::ALL, Priority::as_str).unwrap_or_default();
    let category = fields.optional_line("category", text::REQUIRED_NAME);
    let assignee = fields.optional("assignee", Email::parse);
    let notify = fields.boolean("notify", false);
    let key = fields.line("key", KEY);
    fields.finish_with(|| {
        let customer = NewCustomer { email: email?, name, phone, company, notes: String::new() };
        let new =
            NewTicket { customer, subject, description, priority, category, assignee, notify };
        Some((new, key))
    })
}

/// The customer's address, or what to do without one.
fn whose(field: &str, typed: &str) -> Result<Email, FieldError> {
    Email::parse(field, typed).map_err(|error| {
        if typed.contains('@') {
            return error;
        }
        let message =
            "Choose a customer by their e-mail address, or type the address of a new one.";
        FieldError::new(field, FieldCode::Malformed, message)
    })
}

/// A customer as the page's script offers them while somebody types.
#[derive(Serialize)]
struct Suggestion {
    email: String,
    name: String,
    company: String,
}

async fn suggest(desk: Desk, Query(mut fields): Query) -> Reply {
    let typed = fields.optional_line("q", text::QUERY).unwrap_or_default();
    fields.finish()?;
    let work = move |tx: &mut Tx<'_>| match typed.trim().is_empty() {
        true => Ok(Vec::new()),
        false => customers::list(tx, &typed, None, OFFERED).map(|page| page.items),
    };
    let found: Result<Vec<Customer>, Error> = desk.app.db.scan(work).await;
    let found = found.map_err(Problem::from)?.into_iter().filter(|one| one.active);
    let found = found.map(|Customer { email, name, company, .. }| Suggestion {
        email: email.to_string(),
        name,
        company,
    });
    reply::ok(&found.collect::<Vec<_>>())
}

/// The page.
#[derive(Template)]
#[template(path = "admin/new_ticket.html")]
struct NewTicketPage<'a> {
    frame: Frame<'a>,
    categories: &'a [String],
    form: &'a Filled,
    staff: &'a [Staff],
    /// Customers to choose from.
    found: &'a [Customer],
    /// By what they were looked for, if they were.
    looked_for: Option<&'a str>,
    /// The customer who has the address that was typed.
    known: Option<&'a Customer>,
}

impl NewTicketPage<'_> {
    /// Whether what is to be known of a new customer can be typed at all: not for one who is known,
    /// unless it was typed already and is wrong.
    fn asks_who(&self) -> bool {
        let is_wrong = TOLD.iter().any(|name| !self.form.problem(name).is_empty());
        self.known.is_none() || is_wrong
    }

    /// Whether it is asked for at once.
    fn is_new(&self) -> bool {
        let told = TOLD.iter().any(|name| !self.form.value(name).is_empty());
        let nobody = self.looked_for.is_some() && self.found.is_empty();
        told || nobody || self.form.value("customer").contains('@')
    }
}
