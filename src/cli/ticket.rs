//! `doorkey ticket`: what customers need.

use std::io;

use clap::Subcommand;

use super::arguments::{self, Checks};
use super::{CliError, output};
use crate::config::Config;
use crate::domain::customers::NewCustomer;
use crate::domain::email::Email;
use crate::domain::tickets::{self, NewTicket, Priority};
use crate::domain::{Actor, text};
use crate::error::{FieldCode, FieldError};
use crate::web::api::json::DeskTicket;

/// Add tickets
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Example:\n  doorkey ticket add --email ana@example.com \
    --subject 'Alarm beeps' --description 'Since noon.'"
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
    --subject 'Alarm beeps' --description - < words.txt")]
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
    let created = super::write_first(config, json, move |tx, rules, now| {
        Ok(tickets::create(tx, rules, &Actor::System, &new, None, now)?)
    });
    let ticket = created.await?;
    let reference = ticket.reference.to_string();
    output::answer(json, &DeskTicket::from(ticket), &reference)
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
