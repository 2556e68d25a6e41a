//! The staff's desk: plain pages and forms, better with JavaScript and whole without.
//!
//! What every address below `/admin` can rely on stands in [`guard`]: an unsafe request came from
//! our own pages, and whoever asks is signed in, but for [`sign_in`]. A handler takes a
//! [`desk::Desk`] (or [`desk::AdminDesk`]) and, if something was typed, a [`form::Form`]; calls one
//! function of the domain; and answers with a page or [`desk::go`].

mod answers;
mod api_keys;
mod audit;
mod audit_query;
mod colleague;
mod csv;
mod customer;
mod customer_forms;
mod customer_import;
mod customer_links;
mod customer_person;
mod customers;
pub mod dashboard;
pub mod desk;
mod download;
pub mod form;
pub mod frame;
pub mod guard;
mod help;
mod live;
pub mod new_ticket;
mod oidc;
mod outbox;
pub mod passkeys;
pub mod sessions;
mod settings;
mod several;
pub mod sign_in;
mod staff;
pub mod then;
mod ticket;
mod ticket_customer;
mod ticket_forms;
mod ticket_links;
mod ticket_query;
pub mod tickets;
mod tickets_csv;
mod upload;
mod views;
mod visitor;
mod webhook;
pub mod webhooks;

#[cfg(test)]
mod tests;

use axum::Router;
use axum::routing::any;

use crate::web::ctx::Shared;
use crate::web::problem::Problem;

/// Every URL of the desk.
pub fn routes() -> Router<Shared> {
    Router::new()
        .merge(sign_in::routes())
        .merge(dashboard::routes())
        .merge(sessions::routes())
        .merge(ticket::routes())
        .merge(passkeys::routes())
        .merge(oidc::routes())
        .merge(tickets::routes())
        .merge(tickets_csv::routes())
        .merge(several::routes())
        .merge(views::routes())
        .merge(new_ticket::routes())
        .merge(answers::routes())
        .merge(help::routes())
        .merge(ticket_customer::routes())
        .merge(customers::routes())
        .merge(customer::routes())
        .merge(live::routes())
        .merge(settings::routes())
        .merge(customer_import::routes())
        .merge(customer_person::routes())
        .merge(staff::routes())
        .merge(api_keys::routes())
        .merge(webhooks::routes())
        .merge(outbox::routes())
        .merge(audit::routes())
        // Mails and bookmarks may name what is not there: say so in the desk's frame.
        .route("/admin/{*rest}", any(|| async { Problem::not_found() }))
}
