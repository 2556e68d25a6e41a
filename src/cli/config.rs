//! `doorkey config`: the settings that hold, and where each was said.

use serde_json::json;

use super::{CliError, output};
use crate::config::{Config, ConfigError, settings};

/// Show the settings that hold and where each was said, secrets masked
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
pub fn run(args: &Args, config: &Config) -> Result<(), CliError> {
    let rows: Vec<[String; 3]> = config
        .effective
        .iter()
        .map(|it| [it.name.to_owned(), it.value.clone(), it.from.clone()])
        .collect();
    let words = output::table(["SETTING", "VALUE", "FROM"], &rows);
    output::answer(args.json, &json!({ "settings": config.effective }), &words)
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
