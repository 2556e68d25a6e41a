//! `doorkey config`: the settings that hold, and where each was said.

use std::sync::Arc;

use serde_json::json;

use super::{CliError, output};
use crate::config::settings::Effective;
use crate::config::{AT_THE_DESK, Config, ConfigError, settings};
use crate::db::{self, DatabaseSettings, Db, DbError};
use crate::domain::settings::{InForce, Keeper, Stored};

/// Show the settings that hold and where each was said, secrets masked
///
/// What admins set at the desk is read from the database, which is neither made nor changed by it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey config --json")]
pub struct Args {
    /// Print one JSON object: {"settings": [{"name", "variable", "value", "from"}]}, or if they
    /// cannot be used {"errors": […]}
    #[arg(long)]
    json: bool,
    /// Print the reference of all settings, in Markdown
    #[arg(long, conflicts_with = "json")]
    pub(super) markdown: bool,
}

/// Shows what settings there are, whatever they are set to.
///
/// # Errors
/// If it cannot be written.
pub fn reference() -> Result<(), CliError> {
    output::answer(false, &(), settings::markdown().trim_end())
}

/// Shows them.
pub async fn run(args: &Args, config: Config) -> Result<(), CliError> {
    if args.markdown {
        return output::answer(false, &(), settings::markdown().trim_end());
    }
    let mut effective = config.effective.clone();
    match of_the_desk(&config).await {
        Ok(Some(holds)) => add(&mut effective, &holds),
        Ok(None) => {}
        Err(error) => output::remark(
            false,
            &format!(
                "What admins set at the desk is not shown: the database cannot be read: {error}"
            ),
        ),
    }
    let rows: Vec<[String; 3]> = effective
        .iter()
        .map(|it| [it.name.to_owned(), it.value.clone(), it.from.clone()])
        .collect();
    let words = output::table(["SETTING", "VALUE", "FROM"], &rows);
    output::answer(args.json, &json!({ "settings": effective }), &words)
}

/// What admins set; nothing if there is no database that could hold it yet.
async fn of_the_desk(config: &Config) -> Result<Option<Arc<InForce>>, DbError> {
    let url = config.database.url.reveal();
    // Opening it would make it.
    if db::sqlite_file(url).is_some_and(|file| !file.exists()) {
        return Ok(None);
    }
    let db = Db::open(&DatabaseSettings::new(url)).await?;
    let keeper = Keeper::new(config.clone());
    let found = match db.pending_migrations().await {
        Ok(pending) if pending.is_empty() => db.read(move |tx| keeper.in_force(tx)).await.map(Some),
        Ok(_) => Ok(None),
        Err(error) => Err(error),
    };
    db.close().await;
    found
}

fn add(effective: &mut Vec<Effective>, holds: &InForce) {
    for name in AT_THE_DESK {
        let Some(made) = holds.made(name) else { continue };
        let (value, from) = (in_words(name, &holds.config), from(made));
        match effective.iter_mut().find(|it| it.name == name) {
            Some(it) => (it.value, it.from) = (value, from),
            None => effective.push(Effective { name, variable: "", value, from }),
        }
    }
}

fn from(made: &Stored) -> String {
    let day = made.changed_at.timestamp().strftime("%Y-%m-%d");
    format!("the desk: {}, {day}", made.changed_by)
}

/// As the file's values are shown: lists with commas.
fn in_words(name: &str, config: &Config) -> String {
    match name {
        "tickets.categories" => config.tickets.categories.join(", "),
        "brand.cards" => {
            let cards = config.brand.cards.iter();
            let cards = cards.map(|card| format!("{} / {} / {}", card.title, card.text, card.url));
            cards.collect::<Vec<_>>().join(", ")
        }
        name => config.text_of(name),
    }
}

/// Tells a program what is wrong with settings that cannot be used. People read it as an error.
///
/// # Errors
/// If it cannot be written.
pub fn report_settings(args: &Args, wrong: &ConfigError) -> Result<(), CliError> {
    if !args.json {
        return Ok(());
    }
    output::answer(true, &json!({ "errors": wrong.0 }), "")
}
