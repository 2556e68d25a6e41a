//! `doorkey outbox`: mails that wait, are held or failed.

use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::{Value, json};

use super::{CliError, arguments, output};
use crate::clock::Millis;
use crate::config::Config;
use crate::domain::Actor;
use crate::domain::outbox::{self, MailState, StoredMail};
use crate::domain::page::Page;
use crate::error::Error;

/// Look at mails that did not get out, try them again, or give them up
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Example:\n  doorkey outbox list --state failed"
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
    List(List),
    Retry(Retry),
    GiveUp(GiveUp),
}

/// List mails of one state, the newest first; their text is not shown
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey outbox list --state held --limit 20")]
struct List {
    /// queued: waits; held: waited in a restored backup; sent; failed: given up
    #[arg(long, value_parser = state(), default_value = "failed")]
    state: MailState,
    /// How many at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=1000))]
    limit: i64,
    /// Go on where the last list ended: what it gave as next_cursor
    #[arg(long)]
    cursor: Option<String>,
}

/// Send a mail again that is held, or failed at most 14 days ago
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey outbox retry 7340032000000000001")]
struct Retry {
    /// Its id, as doorkey outbox list shows it
    #[arg(value_parser = arguments::id)]
    id: i64,
}

/// Give up a mail that is held or queued; for 14 days it can still be tried again
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
#[command(after_help = "Example:\n  doorkey outbox give-up --all-held")]
struct GiveUp {
    /// Its id, as doorkey outbox list shows it
    #[arg(value_parser = arguments::id)]
    id: Option<i64>,
    /// All that are held
    #[arg(long)]
    all_held: bool,
}

/// Does what was asked.
pub async fn run(args: Args, config: Config) -> Result<(), CliError> {
    let json = args.json;
    match args.action {
        Action::List(asked) => list(asked, json, config).await,
        Action::Retry(Retry { id }) => retry(id, json, config).await,
        Action::GiveUp(GiveUp { id: Some(id), .. }) => give_up(id, json, config).await,
        Action::GiveUp(GiveUp { id: None, .. }) => give_up_held(json, config).await,
    }
}

async fn list(asked: List, json: bool, config: Config) -> Result<(), CliError> {
    let (state, limit) = (asked.state, asked.limit);
    let page: Page<StoredMail> =
        super::read(config, move |tx| Ok(outbox::list(tx, state, asked.cursor.as_deref(), limit)?))
            .await?;
    let items: Vec<Value> = page.items.iter().map(object).collect();
    let rows: Vec<[String; 6]> = page.items.iter().map(row).collect();
    let mut words = if rows.is_empty() {
        none(state).to_owned()
    } else {
        output::table(["ID", "MAIL", "TO", "TICKET", "CREATED", "REASON"], &rows)
    };
    if let Some(next) = &page.next {
        words.push_str(&format!("\n\nThere are more: add --cursor {next}"));
    }
    output::answer(json, &json!({ "items": items, "next_cursor": page.next }), &words)
}

fn none(state: MailState) -> &'static str {
    match state {
        MailState::Queued => "No mail waits.",
        MailState::Held => "No mail is held.",
        MailState::Sent => "No mail was sent yet.",
        MailState::Failed => "No mail was given up.",
    }
}

async fn retry(id: i64, json: bool, config: Config) -> Result<(), CliError> {
    let mail = super::write(config, move |tx, _, now| {
        outbox::retry(tx, &Actor::System, id, now).map_err(|error| explain(error, id))
    });
    let mail = mail.await?;
    let words = format!("The mail to {} waits to be sent.", mail.recipient);
    output::answer(json, &object(&mail), &words)
}

async fn give_up(id: i64, json: bool, config: Config) -> Result<(), CliError> {
    let mail = super::write(config, move |tx, _, now| {
        outbox::give_up(tx, &Actor::System, id, now).map_err(|error| explain(error, id))
    });
    let mail = mail.await?;
    output::answer(json, &object(&mail), &format!("The mail to {} is given up.", mail.recipient))
}

async fn give_up_held(json: bool, config: Config) -> Result<(), CliError> {
    let count =
        super::write(config, |tx, _, now| Ok(outbox::give_up_held(tx, &Actor::System, now)?))
            .await?;
    let words = match count {
        0 => "No mail is held.".to_owned(),
        1 => "The mail that was held is given up.".to_owned(),
        count => format!("All {count} mails that were held are given up."),
    };
    output::answer(json, &json!({ "given_up": count }), &words)
}

/// There is no flag to name, as the id stands alone.
fn explain(error: Error, id: i64) -> CliError {
    match error {
        Error::NotFound => {
            CliError::Failed(format!("ID: no mail has the id {id}; see doorkey outbox list"))
        }
        Error::Invalid(fields) => {
            let reasons: Vec<&str> = fields.iter().map(|field| field.message.as_str()).collect();
            CliError::Failed(format!("ID: {}", reasons.join(" ")))
        }
        other => other.into(),
    }
}

fn object(mail: &StoredMail) -> Value {
    json!({
        "id": mail.id.to_string(),
        "kind": mail.kind,
        "to": mail.recipient.as_str(),
        "ticket": mail.reference.as_ref().map(ToString::to_string),
        "state": mail.state.as_str(),
        "created_at": mail.created_at.rfc3339(),
        "due_at": (mail.state == MailState::Queued).then(|| mail.due_at.rfc3339()),
        "settled_at": mail.settled_at.map(Millis::rfc3339),
        "attempts": mail.attempts,
        "error": mail.error,
        "has_text": mail.has_text,
    })
}

fn row(mail: &StoredMail) -> [String; 6] {
    // Mail servers write on several lines, and a row has one.
    let reason = mail.error.as_deref().unwrap_or_default().replace(char::is_control, " ");
    [
        mail.id.to_string(),
        mail.kind.clone(),
        mail.recipient.to_string(),
        mail.reference.as_ref().map(ToString::to_string).unwrap_or_default(),
        mail.created_at.rfc3339(),
        reason,
    ]
}

fn state() -> impl TypedValueParser<Value = MailState> {
    PossibleValuesParser::new(MailState::ALL.map(MailState::as_str))
        .try_map(|word| MailState::parse(&word).ok_or("unknown"))
}
