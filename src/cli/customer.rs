//! `doorkey customer`: who the tickets belong to, and the links that let them in.

use clap::Subcommand;

use super::arguments::{self, Checks};
use super::{CliError, customer_import, output};
use crate::config::Config;
use crate::domain::customers::{self, Customer, CustomerChange, NewCustomer};
use crate::domain::email::Email;
use crate::domain::links::{self, Reason};
use crate::domain::text;
use crate::domain::{Actor, Tx};
use crate::error::Error;
use crate::web::api::json::{CustomerJson, IssuedLink};

/// Add, import, disable and enable customers, and make links for them
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Example:\n  doorkey customer link --email ana@example.com"
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
    Import(customer_import::Args),
    Link(Link),
    Disable(Disable),
    Enable(Enable),
}

/// Add a customer
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey customer add --email ana@example.com \
    --name 'Ana Costa' --company 'Café Lumen'")]
struct Add {
    /// Their e-mail address; it cannot be changed later
    #[arg(long)]
    email: String,
    /// What they are called
    #[arg(long)]
    name: Option<String>,
    /// Where they can be called
    #[arg(long)]
    phone: Option<String>,
    /// Whom they work for
    #[arg(long)]
    company: Option<String>,
}

/// Make a link that opens a customer's portal, and print its address
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey customer link --email ana@example.com \
    --ticket TKT-7K3M9Q\n\nWhoever has the address gets in until it expires: give it only to the \
    customer.")]
struct Link {
    /// Whose portal
    #[arg(long)]
    email: String,
    /// The ticket to open there, by its reference
    #[arg(long, value_name = "REF")]
    ticket: Option<String>,
}

/// Keep a customer out: their links stop working at once, and they get no new ones
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey customer disable --email ana@example.com")]
struct Disable {
    /// Whom
    #[arg(long)]
    email: String,
}

/// Let a customer in again who was disabled
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey customer enable --email ana@example.com")]
struct Enable {
    /// Whom
    #[arg(long)]
    email: String,
}

/// Does what was asked.
pub async fn run(args: Args, config: Config) -> Result<(), CliError> {
    let json = args.json;
    match args.action {
        Action::Add(args) => add(&args, json, config).await,
        Action::Import(args) => customer_import::run(&args, json, config).await,
        Action::Link(args) => link(&args, json, config).await,
        Action::Disable(args) => set_active(&args.email, false, json, config).await,
        Action::Enable(args) => set_active(&args.email, true, json, config).await,
    }
}

async fn add(args: &Add, json: bool, config: Config) -> Result<(), CliError> {
    let new = args.read()?;
    let added = super::write_first(config, json, move |tx, _, now| {
        Ok(customers::add(tx, &Actor::System, &new, now)?)
    });
    let customer = added.await?;
    let words = format!("{} is a customer.", customer.email);
    output::answer(json, &CustomerJson::from(customer), &words)
}

impl Add {
    fn read(&self) -> Result<NewCustomer, CliError> {
        let mut checks = Checks::default();
        let email = checks.take(Email::parse("email", &self.email));
        let name = checks.line("name", self.name.as_deref(), text::NAME);
        let phone = checks.line("phone", self.phone.as_deref(), text::PHONE);
        let company = checks.line("company", self.company.as_deref(), text::NAME);
        let (((email, name), phone), company) =
            checks.finish(email.zip(name).zip(phone).zip(company))?;
        Ok(NewCustomer { email, name, phone, company, notes: String::new() })
    }
}

async fn link(args: &Link, json: bool, config: Config) -> Result<(), CliError> {
    let mut checks = Checks::default();
    let email = checks.take(Email::parse("email", &args.email));
    let ticket = args.ticket.as_deref().map(|typed| arguments::reference("ticket", typed));
    let ticket = checks.take(ticket.transpose());
    let (email, ticket) = checks.finish(email.zip(ticket))?;
    let public_url = config.server.public_url.as_str().to_owned();
    let made = super::write(config, move |tx, rules, now| {
        let id = find(tx, &email)?.id;
        let (link, token) = links::issue_by_hand(
            tx,
            rules,
            &Actor::System,
            (id, ticket.as_ref()),
            Reason::Staff,
            now,
        )?;
        let url = links::url(&public_url, ticket.as_ref(), &token);
        Ok(IssuedLink { id: link.id.to_string(), url, expires_at: link.expires_at.rfc3339() })
    });
    let link = made.await?;
    output::answer(json, &link, &link.url)?;
    output::remark(json, &format!("It works until {}.", link.expires_at));
    Ok(())
}

async fn set_active(email: &str, active: bool, json: bool, config: Config) -> Result<(), CliError> {
    let email = Email::parse("email", email).map_err(Error::from)?;
    let changed = super::write(config, move |tx, _, now| {
        let id = find(tx, &email)?.id;
        let change = CustomerChange { active: Some(active), ..CustomerChange::default() };
        Ok(customers::change(tx, &Actor::System, id, change, now)?)
    });
    let customer = changed.await?;
    let state = if active { "active" } else { "disabled; none of their links works" };
    let words = format!("{} is {state}.", customer.email);
    output::answer(json, &CustomerJson::from(customer), &words)
}

fn find(tx: &mut Tx<'_>, email: &Email) -> Result<Customer, CliError> {
    customers::find_by_email(tx, email).map_err(|error| {
        super::instead_of_not_found(error, || {
            format!("--email: no customer has the address {email}; doorkey customer add adds one")
        })
    })
}
