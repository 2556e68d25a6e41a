//! Customers, for programs of the company.

use super::json::{CustomerJson, List};
use super::openapi::bodies::{CustomerChangeRequest, CustomerRequest};
use super::openapi::params::{CustomerPath, CustomersQuery, PageQuery};
use super::{email_field, id, program};
use crate::domain::customers::{self, CustomerChange, NewCustomer};
use crate::domain::staff::Role;
use crate::domain::{Tx, text};
use crate::web::ctx::Ctx;
use crate::web::input::{Body, Query, Segments};
use crate::web::reply::{self, Reply};

/// Lists customers, the newest first.
#[utoipa::path(
    get, path = "/api/v1/customers", tag = "Customers", operation_id = "listCustomers",
    params(CustomersQuery, PageQuery),
    responses((status = 200, description = "A page of the list.", body = List<CustomerJson>)),
    security(("api_key" = ["technician"])),
)]
pub async fn list(ctx: Ctx, Query(mut fields): Query) -> Reply {
    program(&ctx, Role::Technician).await?;
    let query = fields.optional_line("q", text::QUERY).unwrap_or_default();
    let cursor = fields.optional_string("cursor");
    let limit = fields.limit();
    fields.finish()?;
    let page =
        ctx.app.db.scan(move |tx| customers::list(tx, &query, cursor.as_deref(), limit)).await?;
    reply::ok(&List::of(page, CustomerJson::from))
}

/// Adds a customer.
#[utoipa::path(
    post, path = "/api/v1/customers", tag = "Customers", operation_id = "addCustomer",
    request_body = CustomerRequest,
    responses((
        status = 201, description = "The customer.", body = CustomerJson,
        headers(("Location" = String, description = "The path of the customer.")),
    )),
    security(("api_key" = ["admin"])),
)]
pub async fn add(ctx: Ctx, body: Body) -> Reply {
    let actor = program(&ctx, Role::Admin).await?;
    let mut fields = body.json()?;
    let email = fields.required("email", email_field);
    let name = fields.optional_line("name", text::NAME).unwrap_or_default();
    let phone = fields.optional_line("phone", text::PHONE).unwrap_or_default();
    let company = fields.optional_line("company", text::NAME).unwrap_or_default();
    let notes = fields.optional_text("notes", text::CUSTOMER_NOTES).unwrap_or_default();
    let new = fields
        .finish_with(|| email.map(|email| NewCustomer { email, name, phone, company, notes }))?;
    let now = ctx.now;
    let customer = ctx.app.db.write(move |tx| customers::add(tx, &actor, &new, now)).await?;
    reply::created(&format!("/api/v1/customers/{}", customer.id), &CustomerJson::from(customer))
}

/// Shows a customer.
#[utoipa::path(
    get, path = "/api/v1/customers/{id}", tag = "Customers", operation_id = "showCustomer",
    params(CustomerPath),
    responses((status = 200, description = "The customer.", body = CustomerJson)),
    security(("api_key" = ["technician"])),
)]
pub async fn show(ctx: Ctx, Segments(segment): Segments<String>, Query(fields): Query) -> Reply {
    program(&ctx, Role::Technician).await?;
    let id = id(&segment)?;
    fields.finish()?;
    let customer = ctx.app.db.read(move |tx| customers::find(tx, id)).await?;
    reply::ok(&CustomerJson::from(customer))
}

/// Changes a customer. Their address cannot be changed.
#[utoipa::path(
    patch, path = "/api/v1/customers/{id}", tag = "Customers", operation_id = "changeCustomer",
    params(CustomerPath),
    request_body = CustomerChangeRequest,
    responses((status = 200, description = "The customer as they are now.", body = CustomerJson)),
    security(("api_key" = ["admin"])),
)]
pub async fn change(ctx: Ctx, Segments(segment): Segments<String>, body: Body) -> Reply {
    let actor = program(&ctx, Role::Admin).await?;
    let id = id(&segment)?;
    let mut fields = body.json()?;
    fields.refuse_null(&["name", "phone", "company", "notes", "active"]);
    let change = CustomerChange {
        name: fields.optional_line("name", text::NAME),
        phone: fields.optional_line("phone", text::PHONE),
        company: fields.optional_line("company", text::NAME),
        notes: fields.optional_text("notes", text::CUSTOMER_NOTES),
        active: fields.optional_boolean("active"),
    };
    fields.finish()?;
    let now = ctx.now;
    let work = move |tx: &mut Tx<'_>| customers::change(tx, &actor, id, change.clone(), now);
    let customer = ctx.app.db.write(work).await?;
    reply::ok(&CustomerJson::from(customer))
}
