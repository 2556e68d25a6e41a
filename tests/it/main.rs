//! One binary of integration tests, so that they compile and link once.
//!
//! `arch` reads the source; `real` starts real processes (a mail server, PostgreSQL, the release
//! binary, a browser); `browser` tells the portal's stories with them; `cli` runs
//! the commands; `openapi` holds the API against its description. The others ask the application
//! itself, through its doors and its rules, with what `support` gives them; `story` and `schema`
//! hold the store together on both engines.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on says so by panicking, and reads the environment it runs in"
)]

mod arch;
mod audit;
mod audit_told;
mod backups;
mod bad_input;
mod browser;
mod canary;
mod cli;
mod cli_database;
mod company_api;
mod copy;
mod cost;
mod customer_import;
mod dashboard;
mod desk_answers;
mod desk_audit;
mod desk_customer_import;
mod desk_customers;
mod desk_keys;
mod desk_lists;
mod desk_new_ticket;
mod desk_oidc;
mod desk_outbox;
mod desk_person;
mod desk_search;
mod desk_settings;
mod desk_several;
mod desk_sign_in;
mod desk_staff;
mod desk_tables;
mod desk_ticket;
mod desk_ticket_customer;
mod desk_tickets;
mod desk_webhooks;
mod edge;
mod events;
mod generate;
mod https;
mod kept_pages;
mod limits;
mod links;
mod live;
mod mails;
mod matrix;
mod migrating;
mod moving;
mod openapi;
mod outbox;
mod passkeys;
mod portal_api;
mod real;
mod schema;
mod security_txt;
mod settings;
mod slow;
mod smuggling;
mod story;
mod support;
mod tickets;
mod timing;
mod transfer;
mod webhooks;
