//! `doorkey api-key`: how programs of the company get in.

use clap::Subcommand;
use serde_json::{Value, json};

use super::arguments::{self, Checks};
use super::{CliError, output};
use crate::clock::Millis;
use crate::config::Config;
use crate::domain::Actor;
use crate::domain::api_keys::{self, ApiKey};
use crate::domain::staff::Role;

/// Create, list and revoke the API keys of programs
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, after_help = "Example:\n  doorkey api-key list")]
pub struct Args {
    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

/// Create a key and print it; it is shown only this once
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey api-key create --name 'Alarm receiver' \
    --role technician")]
struct Create {
    /// What it is for; no two keys in use have the same name
    #[arg(long)]
    name: String,
    /// What it may do
    #[arg(long, value_parser = arguments::role())]
    role: Role,
}

/// List all keys, revoked ones too, without the keys themselves
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey api-key list --json")]
struct List {}

/// Revoke a key: it stops working at once and for good
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey api-key revoke 'Alarm receiver'")]
struct Revoke {
    /// Its name or its id, as doorkey api-key list shows them
    key: String,
}

/// Does what was asked.
pub async fn run(args: Args, config: Config) -> Result<(), CliError> {
    match args.action {
        Action::Create(create) => self::create(create, args.json, config).await,
        Action::List(List {}) => list(args.json, config).await,
        Action::Revoke(Revoke { key }) => revoke(key, args.json, config).await,
    }
}

async fn create(args: Create, json: bool, config: Config) -> Result<(), CliError> {
    let mut checks = Checks::default();
    let name = checks.take(api_keys::parse_name("name", &args.name));
    let name = checks.finish(name)?;
    let made = super::write_first(config, json, move |tx, _, now| {
        Ok(api_keys::create(tx, &Actor::System, &name, args.role, now)?)
    });
    let (row, key) = made.await?;
    let mut object = object(&row);
    object["key"] = Value::from(key.as_str());
    output::answer(json, &object, &key)?;
    output::remark(json, "It is shown only this once: keep it where its program finds it.");
    Ok(())
}

async fn list(json: bool, config: Config) -> Result<(), CliError> {
    let keys = super::read(config, |tx| Ok(api_keys::list(tx)?)).await?;
    let items: Vec<Value> = keys.iter().map(object).collect();
    let rows: Vec<[String; 5]> = keys.iter().map(row).collect();
    let words = match rows.is_empty() {
        true => "There is no API key yet; doorkey api-key create makes one.".to_owned(),
        false => output::table(["ID", "NAME", "ROLE", "CREATED", "REVOKED"], &rows),
    };
    output::answer(json, &json!({ "items": items }), &words)
}

async fn revoke(word: String, json: bool, config: Config) -> Result<(), CliError> {
    let revoked = super::write(config, move |tx, _, now| {
        let key = api_keys::find_in_use(tx, &word).map_err(|error| {
            super::instead_of_not_found(error, || {
                format!("KEY: no key in use has the name or id {word}; see doorkey api-key list")
            })
        })?;
        api_keys::revoke(tx, &Actor::System, key.id, now)?;
        Ok(ApiKey { revoked_at: Some(now), ..key })
    });
    let key = revoked.await?;
    output::answer(json, &object(&key), &format!("The key {} is revoked.", key.name))
}

fn object(key: &ApiKey) -> Value {
    json!({
        "id": key.id.to_string(),
        "name": key.name,
        "role": key.role.as_str(),
        "created_at": key.created_at.rfc3339(),
        "revoked_at": key.revoked_at.map(Millis::rfc3339),
    })
}

fn row(key: &ApiKey) -> [String; 5] {
    let revoked = key.revoked_at.map(Millis::rfc3339).unwrap_or_default();
    let id = key.id.to_string();
    [id, key.name.clone(), key.role.as_str().into(), key.created_at.rfc3339(), revoked]
}
