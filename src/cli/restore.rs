//! `doorkey restore`: a backup becomes the database.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::progress::{count_that, milliseconds, while_waiting};
use super::{CliError, copy, output};
use crate::clock::{Clock, Millis};
use crate::config::Config;
use crate::db::backup;
use crate::db::copy::Copied;
use crate::db::{self, DatabaseSettings, Db};
use crate::domain::backups::{self, Restored};

/// Put a backup into an empty database, and make it safe to serve
///
/// The database of the settings, SQLite or PostgreSQL, must be empty or not there yet. What was
/// revoked, used or sent since the backup is not known any more. So every link is revoked (customers
/// ask for a new one), codes are forgotten, and mails that waited are held until you decide.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey restore /var/backups/doorkey-2026-11-12.db\n\n\
    A restore that is broken off leaves an empty database: start it again.")]
pub struct Args {
    /// What doorkey backup wrote; it is not changed
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print one JSON object: {"links_revoked", "sessions_ended", "mails_held", "api_keys", "tables", …}
    #[arg(long)]
    json: bool,
}

/// Restores, and says what is left to do.
pub async fn run(args: Args, config: Config) -> Result<(), CliError> {
    let started = Clock::System.now();
    let file = args.file.as_path();
    if file == Path::new("-") {
        let text = "FILE: a backup is checked as a whole before it is restored, and a pipe cannot be; \
            write it into a file first";
        return Err(CliError::Usage(text.to_owned()));
    }
    let url = config.database.url.reveal();
    clear_place(url, args.json)?;
    check_empty(url).await?;
    while_waiting("checking the backup", backup::verify(file)).await.map_err(|error| {
        CliError::Failed(format!("{} cannot be restored: {error}", file.display()))
    })?;
    // A copy, so that a backup of an older version can be brought up to date.
    let folder = work_folder(url, &config.data_dir)?;
    let work = folder.path().join("backup.db");
    while_waiting("copying the backup", copy_file(file.to_owned(), work.clone())).await?;
    let (tables, restored) = fill(&work, url, started).await?;
    drop(folder);
    let took = Clock::System.now().since(started);
    let mut object = object(&tables, &restored);
    object["milliseconds"] = json!(milliseconds(took));
    output::answer(args.json, &object, &words(&tables, &restored, took))
}

/// Looks before the work begins, which takes long for a large backup.
async fn check_empty(url: &str) -> Result<(), CliError> {
    if db::sqlite_file(url).is_some_and(|file| !file.is_file()) {
        return Ok(());
    }
    let target = Db::open(&DatabaseSettings::patient(url)).await?;
    let empty = db::copy::check_empty(&target).await;
    target.close().await;
    Ok(empty?)
}

async fn copy_file(from: PathBuf, to: PathBuf) -> Result<(), CliError> {
    let names = format!("{} cannot be copied to {}", from.display(), to.display());
    let copied = tokio::task::spawn_blocking(move || std::fs::copy(from, to)).await;
    match copied.map_err(std::io::Error::from) {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) | Err(error) => Err(CliError::Failed(format!("{names}: {error}"))),
    }
}

/// What a lost SQLite database has left behind must not get into the restored one.
fn clear_place(url: &str, json: bool) -> Result<(), CliError> {
    let Some(file) = db::sqlite_file(url) else { return Ok(()) };
    let moved = backup::set_strays_aside(file)
        .map_err(|error| CliError::Failed(format!("{}: {error}", file.display())))?;
    if moved {
        let file = file.display();
        output::remark(
            json,
            &format!(
                "{file}-wal and -shm belonged to a file that is gone: they end in .stale now."
            ),
        );
    }
    Ok(())
}

/// A folder where there is room for as much as the database will need.
fn work_folder(url: &str, data_dir: &Path) -> Result<tempfile::TempDir, CliError> {
    let beside = db::sqlite_file(url).and_then(Path::parent);
    let folder = match beside {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => data_dir,
    };
    let made = std::fs::create_dir_all(folder)
        .and_then(|()| tempfile::Builder::new().prefix(".doorkey-restore-").tempdir_in(folder));
    made.map_err(|error| CliError::Failed(format!("{}: {error}", folder.display())))
}

async fn fill(work: &Path, url: &str, now: Millis) -> Result<(Vec<Copied>, Restored), CliError> {
    let source = Db::open(&DatabaseSettings::patient(format!("sqlite:{}", work.display()))).await?;
    source.migrate(now).await?;
    let target = Db::open(&DatabaseSettings::patient(url)).await?;
    let result = copy::copy(&source, &target, move |tx| Ok(backups::make_safe(tx, now)?)).await;
    source.close().await;
    target.close().await;
    result
}

fn object(tables: &[Copied], restored: &Restored) -> Value {
    let mut object = copy::object(tables);
    let keys: Vec<Value> = restored
        .api_keys
        .iter()
        .map(|key| json!({ "id": key.id.to_string(), "name": key.name }))
        .collect();
    object["links_revoked"] = json!(restored.links);
    object["sessions_ended"] = json!(restored.sessions);
    object["mails_held"] = json!(restored.mails);
    object["api_keys"] = json!(keys);
    object["webhooks"] = json!(restored.webhooks);
    object
}

fn words(tables: &[Copied], restored: &Restored, took: Duration) -> String {
    let (table, seconds) = (copy::table(tables), took.as_secs_f64());
    let mut text = format!("{table}\n\nRestored in {seconds:.1} s.\n\n");
    let mut tell = |line: String| {
        text.push_str("* ");
        text.push_str(&line);
        text.push('\n');
    };
    tell(format!(
        "{} revoked, and all codes forgotten: some may have been revoked since the backup. \
         Customers ask for a new link on the portal.",
        count_that(restored.links, "link", ["was", "were"])
    ));
    if restored.sessions > 0 {
        tell("Staff are signed out; they sign in again at /admin/sign-in.".to_owned());
    }
    if restored.mails > 0 {
        tell(format!(
            "{} held that waited and may have been sent since: doorkey outbox list --state held \
             shows what is held, then say doorkey outbox retry ID, or \
             doorkey outbox give-up --all-held.",
            count_that(restored.mails, "mail", ["is", "are"])
        ));
    }
    if !restored.api_keys.is_empty() {
        let names: Vec<String> =
            restored.api_keys.iter().map(|key| format!("{} ({})", key.name, key.id)).collect();
        tell(format!(
            "These API keys work; revoke those again that were revoked since, with \
             doorkey api-key revoke ID: {}.",
            names.join(", ")
        ));
    }
    if restored.webhooks > 0 {
        tell(
            "Webhooks are called again for events that waited, with the same webhook-id. Programs \
             that read the feed of events must begin anew: its numbers start from the backup's."
                .to_owned(),
        );
    }
    tell(
        "Customers, staff and their passkeys are as they were: disable those again who were disabled \
         since, and let staff remove passkeys again that they lost."
            .into(),
    );
    text.push_str("\nStart doorkey serve, or start it again if it runs.");
    text
}
