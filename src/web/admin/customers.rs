//! `/admin/customers`: who the tickets belong to, searched by what one knows of them; and a new one.

use askama::Template;
use axum::Router;
use axum::routing::get;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::desk::{Desk, go};
use super::form::{Filled, Form};
use super::frame::Frame;
use super::ticket_query::address;
use crate::domain::Tx;
use crate::domain::customer_desk::{self, CustomerQuery};
use crate::domain::customers::{self, Customer, NewCustomer};
use crate::domain::email::Email;
use crate::domain::page::Page;
use crate::domain::text;
use crate::error::Error;
use crate::web::ctx::Shared;
use crate::web::input::{Fields, Query};
use crate::web::reply::{self, Reply};
use crate::web::site::{initials, time};

/// The list's address.
pub(super) const LIST: &str = "/admin/customers";
/// Customers on one page.
const SHOWN: i64 = 30;

/// Its addresses.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/admin/customers", get(list))
        .route("/admin/customers/new", get(new).post(add))
}

/// Whom a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tab {
    Active,
    Inactive,
}

impl Tab {
    const ALL: [Self; 2] = [Self::Active, Self::Inactive];

    fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }
}

async fn list(desk: Desk, Query(mut fields): Query) -> Reply {
    let asked = read(&mut fields);
    let problem = match fields.finish() {
        Ok(()) => None,
        Err(Error::Invalid(problems)) => problems.into_iter().next().map(|it| it.message),
        Err(error) => return Err(error.into()),
    };
    let wanted = asked.query.clone();
    let page = match &problem {
        Some(_) => Page::empty(),
        None => desk.app.db.scan(move |tx| customer_desk::list(tx, &wanted)).await?,
    };
    let problem = problem.as_deref();
    let view = Customers { frame: desk.frame(), asked: &asked, page: &page, problem };
    let mut response = reply::page(&view)?;
    if problem.is_some() {
        *response.status_mut() = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

/// What the address of the page asks for.
struct Asked {
    tab: Option<Tab>,
    query: CustomerQuery,
}

fn read(fields: &mut Fields) -> Asked {
    let tab = fields.optional_word("show", &Tab::ALL, Tab::as_str);
    // An address that somebody cut off shows the first page.
    let cursor = fields.optional_string("cursor").filter(|it| customer_desk::is_cursor(it));
    let query = fields.optional_line("q", text::QUERY).unwrap_or_default();
    let active = tab.map(|tab| tab == Tab::Active);
    Asked { tab, query: CustomerQuery { active, query, cursor, limit: SHOWN } }
}

/// The list.
#[derive(Template)]
#[template(path = "admin/customers.html")]
struct Customers<'a> {
    frame: Frame<'a>,
    asked: &'a Asked,
    page: &'a Page<Customer>,
    /// What is wrong with what was asked for.
    problem: Option<&'a str>,
}

impl Customers<'_> {
    fn typed(&self) -> &str {
        &self.asked.query.query
    }

    /// Each tab: what it is called, where it leads, and whether it is shown.
    fn tabs(&self) -> Vec<(&'static str, String, bool)> {
        let all = [(None, "All"), (Some(Tab::Active), "Active"), (Some(Tab::Inactive), "Inactive")];
        let way = |(tab, label)| (label, self.href(tab, None), self.asked.tab == tab);
        all.into_iter().map(way).collect()
    }

    fn href(&self, tab: Option<Tab>, cursor: Option<&str>) -> String {
        let tab = tab.map_or("", Tab::as_str);
        let pairs = [("show", tab), ("q", self.typed()), ("cursor", cursor.unwrap_or_default())];
        let said = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let said =
            said.map(|(name, it)| format!("{name}={}", utf8_percent_encode(it, NON_ALPHANUMERIC)));
        address(LIST, &said.collect::<Vec<_>>().join("&"))
    }

    fn next(&self) -> Option<String> {
        let cursor = self.page.next.as_deref()?;
        Some(self.href(self.asked.tab, Some(cursor)))
    }

    fn first(&self) -> Option<String> {
        self.asked.query.cursor.is_some().then(|| self.href(self.asked.tab, None))
    }
}

async fn new(desk: Desk, Query(mut fields): Query) -> Reply {
    let email = fields.optional_string("email").unwrap_or_default();
    let form = Filled::with([("email", email.as_str())]);
    form.answer(reply::page(&NewCustomerPage { frame: desk.frame(), form: &form, known: None })?)
}

async fn add(desk: Desk, form: Form) -> Reply {
    let new = match read_new(form.fields()) {
        Ok(new) => new,
        Err(error) => return again(&desk, &form.refused(error)?).await,
    };
    let (actor, now) = (desk.actor(), desk.now);
    match desk.app.db.write(move |tx| customers::add(tx, &actor, &new, now)).await {
        Ok(customer) => go(&format!("{LIST}/{}?said=added", customer.id)),
        Err(error) => again(&desk, &form.refused(error)?).await,
    }
}

fn read_new(mut fields: Fields) -> Result<NewCustomer, Error> {
    let email = fields.required("email", Email::parse);
    let name = fields.optional_line("name", text::NAME).unwrap_or_default();
    let phone = fields.optional_line("phone", text::PHONE).unwrap_or_default();
    let company = fields.optional_line("company", text::NAME).unwrap_or_default();
    let notes = fields.optional_text("notes", text::CUSTOMER_NOTES).unwrap_or_default();
    fields.finish_with(|| email.map(|email| NewCustomer { email, name, phone, company, notes }))
}

/// The page with the form as it was typed, and who has the address already.
async fn again(desk: &Desk, form: &Filled) -> Reply {
    let email = Email::parse("email", form.value("email")).ok();
    let work = move |tx: &mut Tx<'_>| match &email {
        Some(email) => match customers::find_by_email(tx, email) {
            Err(Error::NotFound) => Ok(None),
            known => known.map(Some),
        },
        None => Ok(None),
    };
    let known = desk.app.db.read(work).await?;
    let view = NewCustomerPage { frame: desk.frame(), form, known: known.as_ref() };
    form.answer(reply::page(&view)?)
}

/// A new customer.
#[derive(Template)]
#[template(path = "admin/new_customer.html")]
struct NewCustomerPage<'a> {
    frame: Frame<'a>,
    form: &'a Filled,
    /// Who has the address that was typed.
    known: Option<&'a Customer>,
}
