//! The command line: one file a command.
//!
//! A command module has `Args` and `run(args, config)`. Settings come as flags here and go
//! through [`Config`] like those of the environment. Exit code 0 is done, 1 is failed, 2 is a
//! command or setting that cannot be used.

pub mod demo;
pub mod logs;
pub mod migrate;
pub mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::app::StartError;
use crate::config::{Config, ConfigError, Flags};
use crate::db::DbError;
use crate::error::Error;

/// The customer support portal.
#[derive(Debug, Parser)]
#[command(name = "doorkey", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Example:\n  doorkey serve --listen 127.0.0.1:8080\n\n\
    Settings come from flags, then DOORKEY_… variables, then doorkey.toml.")]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

/// Settings that every command takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Settings")]
struct Settings {
    /// The settings file [default: doorkey.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<String>,
    /// The database: sqlite:path or postgres://…
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// The address people open, such as https://support.example.com
    #[arg(long, global = true, value_name = "URL")]
    public_url: Option<String>,
    /// The folder for data
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Migrate(migrate::Args),
}

impl Command {
    /// Settings that only this command takes.
    fn flags(&self) -> Flags {
        match self {
            Self::Serve(args) => args.flags(),
            Self::Migrate(_) => Flags::new(),
        }
    }

    async fn run(self, config: Config) -> Result<(), CliError> {
        match self {
            Self::Serve(args) => serve::run(args, config).await,
            Self::Migrate(args) => migrate::run(args, config).await,
        }
    }
}

/// Why a command did not do what it was asked to. Says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// It cannot be asked like that. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// It failed. Exit code 1.
    #[error("{0}")]
    Failed(String),
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<StartError> for CliError {
    fn from(error: StartError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<DbError> for CliError {
    fn from(error: DbError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(_) => Self::Usage(error.to_string()),
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Runs the command of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match start(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("doorkey: {error}");
            ExitCode::from(if matches!(error, CliError::Usage(_)) { 2 } else { 1 })
        }
    }
}

fn start(cli: Cli) -> Result<(), CliError> {
    let mut flags = cli.command.flags();
    flags.extend(cli.settings.flags());
    let config = Config::of_process(flags)?;
    logs::begin(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(cli.command.run(config));
    // A read that hangs must not hold the end up.
    runtime.shutdown_background();
    result
}

impl Settings {
    fn flags(self) -> Flags {
        let all = [
            ("config", self.config),
            ("database.url", self.database_url),
            ("public_url", self.public_url),
            ("data_dir", self.data_dir),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound_and_every_command_shows_an_example() {
        Cli::command().debug_assert();
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("doorkey "), "{} shows no example", command.get_name());
            assert!(command.get_about().is_some(), "{} says no purpose", command.get_name());
        }
    }

    #[test]
    fn flags_carry_the_names_of_settings() {
        let cli =
            Cli::parse_from(["doorkey", "serve", "--listen", "127.0.0.1:0", "--data-dir", "x"]);
        assert_eq!(cli.command.flags(), [("listen", "127.0.0.1:0".to_owned())]);
        assert_eq!(cli.settings.flags(), [("data_dir", "x".to_owned())]);
    }
}
