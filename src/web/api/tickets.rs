//! Tickets, for programs of the company.

use super::json::{DeskTicket, List};
use super::openapi::TransitionRefused;
use super::openapi::bodies::{ResolutionRequest, TicketChange, TicketRequest};
use super::openapi::params::{Once, PageQuery, TicketPath, TicketsQuery};
use super::{email_field, program, reference};
use crate::domain::customers::NewCustomer;
use crate::domain::idempotency::Key;
use crate::domain::staff::Role;
use crate::domain::text;
use crate::domain::tickets::{self, Change, DeskQuery, NewTicket, Priority, Sort, Status};
use crate::error::Error;
use crate::web::ctx::Ctx;
use crate::web::input::{Body, Fields, Query, Segments};
use crate::web::reply::{self, Reply};

/// Lists tickets.
#[utoipa::path(
    get, path = "/api/v1/tickets", tag = "Tickets", operation_id = "listTickets",
    params(TicketsQuery, PageQuery),
    responses((status = 200, description = "A page of the list.", body = List<DeskTicket>)),
    security(("api_key" = ["technician"])),
)]
pub async fn list(ctx: Ctx, Query(mut fields): Query) -> Reply {
    program(&ctx, Role::Technician).await?;
    let query = DeskQuery {
        status: fields.optional_word("status", &Status::ALL, Status::as_str),
        priority: fields.optional_word("priority", &Priority::ALL, Priority::as_str),
        category: fields.optional_line("category", text::REQUIRED_NAME),
        assignee: fields.optional("assignee", email_field),
        customer: fields.optional("customer", email_field),
        query: fields.optional_line("q", text::QUERY),
        sort: fields.optional_word("sort", &Sort::ALL, Sort::as_str).unwrap_or_default(),
        cursor: fields.optional_string("cursor"),
        limit: fields.limit(),
        ..DeskQuery::default()
    };
    fields.finish()?;
    let page = ctx.app.db.scan(move |tx| tickets::list(tx, &query)).await?;
    reply::ok(&List::of(page, DeskTicket::from))
}

/// Creates a ticket, and its customer if nobody has the address.
#[utoipa::path(
    post, path = "/api/v1/tickets", tag = "Tickets", operation_id = "createTicket",
    params(Once),
    request_body = TicketRequest,
    responses((
        status = 201, description = "The ticket.", body = DeskTicket,
        headers(("Location" = String, description = "The path of the ticket.")),
    )),
    security(("api_key" = ["technician"])),
)]
pub async fn create(ctx: Ctx, body: Body) -> Reply {
    let actor = program(&ctx, Role::Technician).await?;
    let key = ctx.idempotency_key()?;
    let new = new_ticket(body.json()?)?;
    let key = key.map(|key| Key::new(&actor, key, &[b"ticket", body.bytes()]));
    let now = ctx.now;
    let ticket = ctx
        .app
        .decide(move |tx, rules| tickets::create(tx, rules, &actor, &new, key.as_ref(), now))
        .await?;
    let location = format!("/api/v1/tickets/{}", ticket.reference);
    reply::created(&location, &DeskTicket::from(ticket))
}

fn new_ticket(mut fields: Fields) -> Result<NewTicket, Error> {
    let customer = fields.object("customer", |customer| {
        let email = customer.required("email", email_field);
        let name = customer.optional_line("name", text::NAME).unwrap_or_default();
        let phone = customer.optional_line("phone", text::PHONE).unwrap_or_default();
        let company = customer.optional_line("company", text::NAME).unwrap_or_default();
        email.map(|email| NewCustomer { email, name, phone, company, notes: String::new() })
    });
    let subject = fields.line("subject", text::SUBJECT);
    let description = fields.text("description", text::DESCRIPTION);
    let priority =
        fields.optional_word("priority", &Priority::ALL, Priority::as_str).unwrap_or_default();
    let category = fields.optional_line("category", text::REQUIRED_NAME);
    let assignee = fields.optional("assignee", email_field);
    let notify = fields.boolean("notify", true);
    fields.finish_with(|| {
        let customer = customer?;
        Some(NewTicket { customer, subject, description, priority, category, assignee, notify })
    })
}

/// Shows a ticket.
#[utoipa::path(
    get, path = "/api/v1/tickets/{reference}", tag = "Tickets", operation_id = "showTicket",
    params(TicketPath),
    responses((status = 200, description = "The ticket.", body = DeskTicket)),
    security(("api_key" = ["technician"])),
)]
pub async fn show(ctx: Ctx, Segments(segment): Segments<String>, Query(fields): Query) -> Reply {
    let actor = program(&ctx, Role::Technician).await?;
    let reference = reference(&segment)?;
    fields.finish()?;
    let ticket = ctx.app.db.read(move |tx| tickets::find(tx, &actor, &reference)).await?;
    reply::ok(&DeskTicket::from(ticket))
}

/// Changes a ticket. What is so already is no change.
#[utoipa::path(
    patch, path = "/api/v1/tickets/{reference}", tag = "Tickets", operation_id = "changeTicket",
    params(TicketPath),
    request_body = TicketChange,
    responses(
        (status = 200, description = "The ticket as it is now.", body = DeskTicket),
        TransitionRefused,
    ),
    security(("api_key" = ["technician"])),
)]
pub async fn change(ctx: Ctx, Segments(segment): Segments<String>, body: Body) -> Reply {
    let actor = program(&ctx, Role::Technician).await?;
    let reference = reference(&segment)?;
    let mut fields = body.json()?;
    fields.refuse_null(&["status", "priority", "subject", "notify"]);
    let change = Change {
        status: fields.optional_word("status", &Status::ALL, Status::as_str),
        priority: fields.optional_word("priority", &Priority::ALL, Priority::as_str),
        category: fields
            .nullable("category", |name, typed| text::parse_line(name, typed, text::REQUIRED_NAME)),
        assignee: fields.nullable("assignee", email_field),
        subject: fields.optional_line("subject", text::SUBJECT),
        notify: fields.boolean("notify", true),
    };
    fields.finish()?;
    let now = ctx.now;
    let ticket = ctx
        .app
        .decide(move |tx, rules| tickets::change(tx, rules, &actor, &reference, &change, now))
        .await?;
    reply::ok(&DeskTicket::from(ticket))
}

/// Resolves a ticket.
#[utoipa::path(
    post, path = "/api/v1/tickets/{reference}/resolution", tag = "Tickets", operation_id = "resolveTicket",
    params(TicketPath),
    request_body = ResolutionRequest,
    responses(
        (status = 200, description = "The ticket as it is now.", body = DeskTicket),
        TransitionRefused,
    ),
    security(("api_key" = ["technician"])),
)]
pub async fn resolve(ctx: Ctx, Segments(segment): Segments<String>, body: Body) -> Reply {
    let actor = program(&ctx, Role::Technician).await?;
    let reference = reference(&segment)?;
    let mut fields = body.json()?;
    let text = fields.text("text", text::RESOLUTION);
    let notify = fields.boolean("notify", true);
    fields.finish()?;
    let now = ctx.now;
    let ticket = ctx
        .app
        .decide(move |tx, rules| {
            tickets::resolve(tx, rules, &actor, &reference, &text, notify, now)
        })
        .await?;
    reply::ok(&DeskTicket::from(ticket))
}
