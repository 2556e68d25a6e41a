//! `doorkey ticket`: what customers need.

use std::io;

use clap::Subcommand;
use serde_json::{Value, json};

use super::arguments::{self, Checks};
use super::{CliError, output};
use crate::config::Config;
use crate::domain::customers::NewCustomer;
use crate::domain::email::Email;
use crate::domain::tickets::{self, NewTicket, Priority, Ticket};
use crate::domain::{Actor, text};
use crate::error::{FieldCode, FieldError};

/// Add tickets
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Example:\n  doorkey ticket add --email ana@example.com \
    --subject 'Alarm beeps' --description 'Once a minute since Monday.'"
)]
pub struct Args {
    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Add(Add),
}

/// Add a ticket and print its reference; an unknown address becomes a customer
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey ticket add --email ana@example.com \
    --subject 'Alarm beeps' --description - --priority high < description.txt")]
struct Add {
    /// Whose ticket
    #[arg(long)]
    email: String,
    /// What it is about, on one line
    #[arg(long, allow_hyphen_values = true)]
    subject: String,
    /// What the customer said; - reads it from standard input
    #[arg(long, allow_hyphen_values = true)]
    description: String,
    /// How much it matters
    #[arg(long, default_value = "medium", value_parser = arguments::priority())]
    priority: Priority,
    /// One of the categories in the settings
    #[arg(long)]
    category: Option<String>,
    /// The e-mail address of who is to work on it
    #[arg(long, value_name = "EMAIL")]
    assignee: Option<String>,
    /// Mail nobody about it
    #[arg(long)]
    no_mail: bool,
}

/// Does what was asked.
pub async fn run(args: Args, config: Config) -> Result<(), CliError> {
    match args.action {
        Action::Add(add) => create(add, args.json, config).await,
    }
}

async fn create(args: Add, json: bool, config: Config) -> Result<(), CliError> {
    let new = args.read()?;
    let created = super::write(config, move |tx, rules, now| {
        Ok(tickets::create(tx, rules, &Actor::System, &new, None, now)?)
    });
    let ticket = created.await?;
    output::answer(json, &object(&ticket), ticket.reference.as_str())
}

impl Add {
    fn read(self) -> Result<NewTicket, CliError> {
        let mut checks = Checks::default();
        let email = checks.take(Email::parse("email", &self.email));
        let subject = checks.line("subject", Some(&self.subject), text::SUBJECT);
        let description = checks.take(description(self.description));
        let assignee = self.assignee.map(|typed| Email::parse("assignee", &typed));
        let assignee = checks.take(assignee.transpose());
        let (((email, subject), description), assignee) =
            checks.finish(email.zip(subject).zip(description).zip(assignee))?;
        Ok(NewTicket {
            customer: NewCustomer::with_email(email),
            subject,
            description,
            priority: self.priority,
            category: self.category,
            assignee,
            notify: !self.no_mail,
        })
    }
}

fn description(typed: String) -> Result<String, FieldError> {
    let wrong = |error: io::Error| {
        let message = format!("Standard input cannot be read: {error}.");
        FieldError::new("description", FieldCode::Malformed, message)
    };
    let typed = match typed.as_str() {
        "-" => io::read_to_string(io::stdin()).map_err(wrong)?,
        _ => typed,
    };
    text::parse("description", &typed, text::DESCRIPTION)
}

fn object(ticket: &Ticket) -> Value {
    let Ticket { customer, assignee, .. } = ticket;
    let assignee = assignee
        .as_ref()
        .map(|person| json!({ "email": person.email.as_str(), "name": person.name }));
    json!({
        "reference": ticket.reference.as_str(),
        "subject": ticket.subject,
        "description": ticket.description,
        "status": ticket.status.as_str(),
        "priority": ticket.priority.as_str(),
        "category": ticket.category,
        "customer": {
            "id": customer.id.to_string(),
            "email": customer.email.as_str(),
            "name": customer.name,
        },
        "assignee": assignee,
        "resolution": ticket.resolution,
        "created_at": ticket.created_at.rfc3339(),
        "updated_at": ticket.updated_at.rfc3339(),
        "note_count": ticket.note_count,
    })
}
