//! `doorkey doctor`: looks at everything that has to work together, and says how to mend what does
//! not.

mod database;
mod machine;
mod mailing;
mod plain;
mod provider;
mod reach;

use serde::Serialize;

use super::progress::while_waiting;
use super::{CliError, output};
use crate::clock::{Clock, Millis};
use crate::config::{Config, ConfigError};
use crate::domain::email::Email;
use crate::error::Error;

/// Look whether everything works together, and say how to mend what does not
///
/// Nothing is changed. Exit code 0: no fault; 1: at least one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey doctor --to you@example.com")]
pub struct Args {
    /// Send a test mail to this address
    #[arg(long, value_name = "EMAIL")]
    to: Option<String>,
    /// Print one JSON object: {"ok", "findings": [{"about", "level", "found", "mend"}]}
    #[arg(long)]
    json: bool,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    /// As it should be.
    Ok,
    /// It works, but look at it.
    Warning,
    /// It does not work.
    Fault,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    about: &'static str,
    level: Level,
    found: String,
    /// What to do; empty if there is nothing to do.
    mend: String,
}

impl Finding {
    fn ok(about: &'static str, found: impl Into<String>) -> Self {
        Self { about, level: Level::Ok, found: found.into(), mend: String::new() }
    }

    fn warning(about: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { about, level: Level::Warning, found: found.into(), mend: mend.into() }
    }

    fn fault(about: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { about, level: Level::Fault, found: found.into(), mend: mend.into() }
    }

    fn line(&self) -> String {
        let mark = match self.level {
            Level::Ok => "ok     ",
            Level::Warning => "look   ",
            Level::Fault => "FAULT  ",
        };
        let mend = if self.mend.is_empty() {
            String::new()
        } else {
            format!("\n       → {}", self.mend)
        };
        format!("{mark}{}: {}{mend}", self.about, self.found)
    }
}

/// Looks at everything and prints what was found.
pub async fn run(args: Args, config: Config) -> Result<(), CliError> {
    let to = args.to.as_deref().map(|typed| Email::parse("to", typed)).transpose();
    let to = to.map_err(Error::from)?;
    let now = Clock::System.now();
    let asking = format!("asking {}", config.server.public_url);
    let mut findings = while_waiting(&asking, reach::look(&config, now)).await;
    findings.extend(while_waiting("looking at the database", database::look(&config, now)).await);
    findings.extend(while_waiting("asking the mail server", mailing::look(&config, to, now)).await);
    findings.extend(while_waiting("asking the provider", provider::look(&config, now)).await);
    findings.extend(machine::look(&config, now));
    report(&findings, args.json)
}

/// Settings that cannot be used are what is wrong: nothing else can be looked at without them.
///
/// # Errors
/// [`CliError::Failed`], as there is a fault.
pub fn report_settings(args: &Args, wrong: &ConfigError) -> Result<(), CliError> {
    let mend = "mend it where it stands; doorkey config --markdown lists every setting";
    let findings: Vec<Finding> =
        wrong.0.iter().map(|found| Finding::fault("settings", found, mend)).collect();
    report(&findings, args.json)
}

fn report(findings: &[Finding], json: bool) -> Result<(), CliError> {
    let faults = findings.iter().filter(|it| it.level == Level::Fault).count();
    let words: Vec<String> = findings.iter().map(Finding::line).collect();
    let object = serde_json::json!({ "ok": faults == 0, "findings": findings });
    output::answer(json, &object, &words.join("\n"))?;
    match faults {
        0 => Ok(()),
        1 => Err(CliError::Failed("there is one fault; see above how to mend it".to_owned())),
        more => {
            Err(CliError::Failed(format!("there are {more} faults; see above how to mend them")))
        }
    }
}

/// How long ago, in words.
fn ago(then: Millis, now: Millis) -> String {
    let seconds = now.since(then).as_secs();
    match seconds {
        0..=119 => format!("{seconds} seconds ago"),
        120..=7_199 => format!("{} minutes ago", seconds / 60),
        7_200..=172_799 => format!("{} hours ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}
