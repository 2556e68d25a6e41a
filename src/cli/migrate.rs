//! `doorkey migrate`: brings the database up to date.

use serde_json::json;

use super::CliError;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::{DatabaseSettings, Db};

/// Bring the database up to date
///
/// serve does so at its start, and so do most commands; this one does nothing else, for those who
/// want to see it happen before the new version serves.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey migrate --database-url sqlite:data/doorkey.db")]
pub struct Args {
    /// Print one JSON object: {"applied": […]}
    #[arg(long)]
    json: bool,
}

/// Applies what is missing and says what that was.
pub async fn run(args: Args, config: Config) -> Result<(), CliError> {
    let db = Db::open(&DatabaseSettings::new(config.database.url.reveal())).await?;
    let applied = db.migrate(Clock::System.now()).await?;
    db.close().await;
    if args.json {
        println!("{}", json!({ "applied": applied }));
    } else if applied.is_empty() {
        println!("The database is up to date.");
    } else {
        println!("Applied: {}.", applied.join(", "));
    }
    Ok(())
}
