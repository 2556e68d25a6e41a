//! `doorkey staff`: who works the tickets.

use clap::Subcommand;
use serde_json::{Value, json};

use super::arguments::{self, Checks};
use super::{CliError, output};
use crate::clock::Millis;
use crate::config::Config;
use crate::domain::Actor;
use crate::domain::Tx;
use crate::domain::email::Email;
use crate::domain::staff::{self, NewStaff, Role, Staff};
use crate::domain::{staff_sign_ins, text};
use crate::error::Error;

/// Add, list, disable and enable staff, and make sign-in links
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, after_help = "Example:\n  doorkey staff list")]
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
    List(List),
    Link(Link),
    Disable(Disable),
    Enable(Enable),
}

/// Add somebody to the staff, and print a link with which they sign in for the first time
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey staff add --email kim@example.com --name 'Kim Park' \
    --role technician\n\nThe link works once, for 15 minutes, in any browser: give it only to them. \
    Later they ask for one at /admin/sign-in.")]
struct Add {
    /// Their e-mail address; customers never see it
    #[arg(long)]
    email: String,
    /// Their name, as customers read it
    #[arg(long)]
    name: String,
    /// What they may do
    #[arg(long, value_parser = arguments::role())]
    role: Role,
}

/// List everybody on the staff, in the order in which they were added
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey staff list --json")]
struct List {}

/// Print a link with which a member of staff signs in, without a mail
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  doorkey staff link --email kim@example.com\n\nIt works once, for \
    15 minutes, in any browser: give it only to them."
)]
struct Link {
    /// Whose
    #[arg(long)]
    email: String,
}

/// Keep somebody out at once: their sessions end; their tickets stay theirs
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey staff disable --email kim@example.com")]
struct Disable {
    /// Whom
    #[arg(long)]
    email: String,
}

/// Let somebody in again who was disabled
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey staff enable --email kim@example.com")]
struct Enable {
    /// Whom
    #[arg(long)]
    email: String,
}

/// Does what was asked.
pub async fn run(args: Args, config: Config) -> Result<(), CliError> {
    let json = args.json;
    match args.action {
        Action::Add(args) => add(args, json, config).await,
        Action::List(List {}) => list(json, config).await,
        Action::Link(args) => link(&args.email, json, config).await,
        Action::Disable(args) => set_active(&args.email, false, json, config).await,
        Action::Enable(args) => set_active(&args.email, true, json, config).await,
    }
}

async fn add(args: Add, json: bool, config: Config) -> Result<(), CliError> {
    let mut checks = Checks::default();
    let email = checks.take(Email::parse("email", &args.email));
    let name = checks.line("name", Some(&args.name), text::REQUIRED_NAME);
    let (email, name) = checks.finish(email.zip(name))?;
    let new = NewStaff { email, name, role: args.role };
    let public_url = config.server.public_url.as_str().to_owned();
    let added = super::write_first(config, json, move |tx, _, now| {
        let staff = staff::add(tx, &Actor::System, &new, now)?;
        let link = Issued::new(tx, &public_url, &staff, now)?;
        Ok((staff, link))
    });
    let (staff, link) = added.await?;
    let mut answer = object(&staff);
    answer["url"] = json!(link.url);
    answer["expires_at"] = json!(link.expires_at.rfc3339());
    let words = format!(
        "{} is on the staff as {}.\nSign in with:\n{}",
        staff.email,
        staff.role.as_str(),
        link.url
    );
    output::answer(json, &answer, &words)?;
    link.remark(json);
    Ok(())
}

/// A link that was made by hand.
struct Issued {
    url: String,
    expires_at: Millis,
}

impl Issued {
    fn new(tx: &mut Tx<'_>, public_url: &str, staff: &Staff, now: Millis) -> Result<Self, Error> {
        let (token, expires_at) = staff_sign_ins::issue_by_hand(tx, &Actor::System, staff, now)?;
        Ok(Self { url: staff_sign_ins::url(public_url, &token), expires_at })
    }

    fn remark(&self, json: bool) {
        let until = self.expires_at.rfc3339();
        output::remark(json, &format!("The link works once, until {until}."));
    }
}

async fn link(email: &str, json: bool, config: Config) -> Result<(), CliError> {
    let email = Email::parse("email", email).map_err(Error::from)?;
    let public_url = config.server.public_url.as_str().to_owned();
    let made = super::write(config, move |tx, _, now| {
        let staff = staff::find_by_email(tx, &email).map_err(|error| explain(error, &email))?;
        Ok(Issued::new(tx, &public_url, &staff, now)?)
    });
    let link = made.await?;
    let object = json!({ "url": link.url, "expires_at": link.expires_at.rfc3339() });
    output::answer(json, &object, &link.url)?;
    link.remark(json);
    Ok(())
}

async fn list(json: bool, config: Config) -> Result<(), CliError> {
    let everybody = super::read(config, |tx| Ok(staff::list(tx)?)).await?;
    let items: Vec<Value> = everybody.iter().map(object).collect();
    let rows: Vec<[String; 4]> = everybody.iter().map(row).collect();
    let words = match rows.is_empty() {
        true => "Nobody is on the staff yet; doorkey staff add adds the first.".to_owned(),
        false => output::table(["E-MAIL", "NAME", "ROLE", "ACTIVE"], &rows),
    };
    output::answer(json, &json!({ "items": items }), &words)
}

async fn set_active(email: &str, active: bool, json: bool, config: Config) -> Result<(), CliError> {
    let email = Email::parse("email", email).map_err(Error::from)?;
    let staff = super::write(config, move |tx, _, now| {
        staff::set_active(tx, &Actor::System, &email, active, now)
            .map_err(|error| explain(error, &email))
    });
    let staff = staff.await?;
    let state = if active { "active" } else { "disabled; their sessions are over" };
    output::answer(json, &object(&staff), &format!("{} is {state}.", staff.email))
}

fn explain(error: Error, email: &Email) -> CliError {
    super::instead_of_not_found(error, || {
        format!("--email: nobody on the staff has the address {email}; see doorkey staff list")
    })
}

fn object(staff: &Staff) -> Value {
    json!({
        "id": staff.id.to_string(),
        "email": staff.email.as_str(),
        "name": staff.name,
        "role": staff.role.as_str(),
        "active": staff.active,
        "created_at": staff.created_at.rfc3339(),
    })
}

fn row(staff: &Staff) -> [String; 4] {
    let active = if staff.active { "yes" } else { "no" };
    [staff.email.to_string(), staff.name.clone(), staff.role.as_str().into(), active.into()]
}
