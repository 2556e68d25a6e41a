//! The command line: one file a command.
//!
//! A command module has `Args` and `run(args, config)`. Settings come as flags here and go
//! through [`Config`] like those of the environment. Exit code 0 is done, 1 is failed, 2 is a
//! command or setting that cannot be used.

pub mod api_key;
pub mod arguments;
pub mod backup;
pub mod completions;
pub mod config;
pub mod copy;
pub mod customer;
pub mod customer_import;
mod database;
pub mod demo;
pub mod doctor;
pub mod export;
pub mod generate;
pub mod health;
pub mod import;
pub mod import_lines;
pub mod logs;
pub mod migrate;
pub mod outbox;
pub mod output;
pub mod progress;
pub mod restore;
pub mod serve;
pub mod staff;
mod target;
pub mod ticket;
mod variety;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rustix::fs::Mode;

use crate::app::StartError;
use crate::cause;
use crate::config::{Config, ConfigError, Flags};
use crate::db::DbError;
use crate::error::{Error, FieldCode, FieldError};
use database::{read, write, write_first};

/// Where the Debian package keeps the settings: whoever runs a command there means that house, in
/// whichever folder they are.
const SYSTEM_SETTINGS: &str = "/etc/doorkey/doorkey.toml";

/// The customer support portal.
#[derive(Debug, Parser)]
#[command(name = "doorkey", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Example:\n  doorkey serve --listen 127.0.0.1:8080\n\n\
    Settings come from flags, then DOORKEY_… variables, then doorkey.toml in this folder, or else \
    /etc/doorkey/doorkey.toml.")]
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
    /// The settings file [default: doorkey.toml, or else /etc/doorkey/doorkey.toml, if it is there]
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
    Demo(demo::Args),
    Serve(serve::Args),
    Migrate(migrate::Args),
    Staff(staff::Args),
    Customer(customer::Args),
    Ticket(ticket::Args),
    ApiKey(api_key::Args),
    Doctor(doctor::Args),
    Health(health::Args),
    Config(config::Args),
    Completions(completions::Args),
    Man(completions::ManArgs),
    Export(export::Args),
    Import(import::Args),
    Outbox(outbox::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    Copy(copy::Args),
    Generate(generate::Args),
}

impl Command {
    /// Settings that only this command takes.
    fn flags(&self) -> Flags {
        match self {
            Self::Demo(args) => args.flags(),
            Self::Serve(args) => args.flags(),
            _ => Flags::new(),
        }
    }

    /// What is told when the settings cannot be used: by those who look at the settings, in the form
    /// that was asked for.
    fn report_settings(&self, wrong: ConfigError) -> CliError {
        let told = match self {
            Self::Doctor(args) => doctor::report_settings(args, &wrong),
            Self::Config(args) => config::report_settings(args, &wrong),
            _ => Ok(()),
        };
        told.err().unwrap_or_else(|| wrong.into())
    }

    async fn run(self, config: Config) -> Result<(), CliError> {
        match self {
            Self::Demo(args) => demo::run(args, config).await,
            Self::Serve(args) => serve::run(args, config).await,
            Self::Migrate(args) => migrate::run(args, config).await,
            Self::Staff(args) => staff::run(args, config).await,
            Self::Customer(args) => customer::run(args, config).await,
            Self::Ticket(args) => ticket::run(args, config).await,
            Self::ApiKey(args) => api_key::run(args, config).await,
            Self::Doctor(args) => doctor::run(args, config).await,
            Self::Health(args) => health::run(args, config).await,
            Self::Config(args) => config::run(&args, config).await,
            Self::Completions(args) => completions::run(&args),
            Self::Man(args) => completions::man(&args),
            Self::Export(args) => export::run(args, config).await,
            Self::Import(args) => import::run(args, config).await,
            Self::Outbox(args) => outbox::run(args, config).await,
            Self::Backup(args) => backup::run(args, config).await,
            Self::Restore(args) => restore::run(args, config).await,
            Self::Copy(args) => copy::run(args, config).await,
            Self::Generate(args) => generate::run(args, config).await,
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
        match error {
            DbError::Unavailable(_) => {
                Self::Failed(format!("{error}; look at the setting database.url"))
            }
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(fields) => {
                let lines: Vec<String> = fields.iter().map(name_flag).collect();
                let text = lines.join("\n");
                if fields.iter().any(depends_on_data) {
                    Self::Failed(text)
                } else {
                    Self::Usage(text)
                }
            }
            error => Self::Failed(error.to_string()),
        }
    }
}

/// A field's error under the name that it has on the command line.
fn name_flag(error: &FieldError) -> String {
    // A customer is named by their address.
    let flag = if error.field == "customer" { "email" } else { &error.field };
    format!("--{flag}: {}", error.message)
}

/// Whether the same command could have worked on other data.
fn depends_on_data(error: &FieldError) -> bool {
    matches!(error.code, FieldCode::Taken | FieldCode::UnknownValue)
}

/// Says what was not found, and where to look.
fn instead_of_not_found(error: Error, words: impl FnOnce() -> String) -> CliError {
    match error {
        Error::NotFound => CliError::Failed(words()),
        other => other.into(),
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
            for line in error.to_string().lines() {
                eprintln!("doorkey: {line}");
            }
            ExitCode::from(if matches!(error, CliError::Usage(_)) { 2 } else { 1 })
        }
    }
}

fn start(cli: Cli) -> Result<(), CliError> {
    // These are asked for while the program is installed, before there are settings.
    match &cli.command {
        Command::Completions(args) => return completions::run(args),
        Command::Man(args) => return completions::man(args),
        // Whoever looks for the right name of a setting has a wrong one.
        Command::Config(args) if args.markdown => return config::reference(),
        _ => {}
    }
    let settings = cli.settings.flags();
    if let (Command::Demo(_), Some((name, _))) = (&cli.command, settings.first()) {
        let flag = name.replace(['.', '_'], "-");
        return Err(CliError::Usage(format!(
            "demo runs on data and settings of its own that vanish with it; leave --{flag} out, \
             or run doorkey serve"
        )));
    }
    let mut flags = cli.command.flags();
    flags.extend(settings);
    if !matches!(cli.command, Command::Demo(_)) {
        flags.push(("config.fallback", SYSTEM_SETTINGS.to_owned()));
    }
    let config = match Config::of_process(flags) {
        Ok(config) => config,
        Err(wrong) => return Err(cli.command.report_settings(wrong)),
    };
    // What Doorkey writes is for its own eyes: tickets, notes, addresses.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    logs::begin(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let serves = matches!(cli.command, Command::Serve(_) | Command::Demo(_));
    let work = cli.command.run(config);
    let result =
        runtime.block_on(async { if serves { work.await } else { cause::typed(work).await } });
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
        check_help("doorkey", &Cli::command());
    }

    fn check_help(name: &str, command: &clap::Command) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.contains(&format!("Example:\n  {name} ")), "{name} shows no example: {help}");
        // What is broken into lines cannot be copied.
        let long = help.lines().find(|line| line.starts_with("  ") && line.chars().count() > 100);
        assert_eq!(long, None, "{name}");
        let purpose = command.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(!purpose.is_empty() && !purpose.contains('\n'), "{name}: {purpose:?}");
        for below in command.get_subcommands() {
            check_help(&format!("{name} {}", below.get_name()), below);
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
