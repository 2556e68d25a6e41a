//! `doorkey backup`: everything in one file, while `serve` goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use super::progress::{Progress, milliseconds, thousands, while_waiting};
use super::target::Target;
use super::{CliError, copy, database, output};
use crate::clock::{Clock, Millis};
use crate::config::Config;
use crate::db::backup::{self, BackupError};
use crate::db::copy::Copied;
use crate::db::{Db, DbError, Tx};
use crate::domain::backups;
use crate::error::Error;

/// How often it is tried to note a backup in a database that others write to; each waits five seconds.
const NOTES: u32 = 6;
/// How often the growing file is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Write everything into one file, while serve goes on
///
/// The file is a SQLite database of one moment, whichever engine runs. It appears under its name
/// when it is complete, checked and on disk, readable for you alone. Keep it as safe as the database:
/// it holds customers' words and what signs webhooks, though no link, code or API key that opens
/// anything. doorkey restore reads it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey backup /var/backups/doorkey-$(date +%F).db\n\n\
    What is not in the database is not in it: doorkey.toml, and mail captured for tests.")]
pub struct Args {
    /// The file to write
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace a file of this name
    #[arg(long)]
    replace: bool,
    /// Print one JSON object: {"file", "bytes", "at", "milliseconds", "tables", "rows"}
    #[arg(long)]
    json: bool,
}

/// Backs up, and says what.
pub async fn run(args: Args, config: Config) -> Result<(), CliError> {
    if args.file == Path::new("-") {
        let text = "FILE: a backup is checked and synced before it counts, and a pipe can be neither; \
            name a file, and send that";
        return Err(CliError::Usage(text.to_owned()));
    }
    let started = Clock::System.now();
    let file = Target::new(args.file, args.replace, config.database.url.reveal())?;
    let db = database::open_existing(config.database.url.reveal()).await?;
    let result = make(&db, &file, started).await;
    db.close().await;
    let (tables, bytes) = result?;
    let took = Clock::System.now().since(started);
    let mut object = copy::object(&tables);
    object["file"] = json!(file.path.display().to_string());
    object["bytes"] = json!(bytes);
    object["at"] = json!(started.rfc3339());
    object["milliseconds"] = json!(milliseconds(took));
    let words = format!(
        "{}\n\n{}: {} bytes, checked, in {:.1} s.",
        copy::table(&tables),
        file.path.display(),
        thousands(bytes),
        took.as_secs_f64()
    );
    output::answer(args.json, &object, &words)
}

/// Writes the backup beside its place, sees that it is good, and gives it its name.
async fn make(db: &Db, target: &Target, now: Millis) -> Result<(Vec<Copied>, u64), CliError> {
    // A folder of its own, so that whatever SQLite puts beside the file goes with it.
    let folder = tempfile::Builder::new().prefix(".doorkey-backup-").tempdir_in(&target.folder);
    let folder = folder.map_err(|error| target.explain(&error))?;
    let unfinished = folder.path().join("backup.db");
    let own_name = |error: BackupError| {
        let (made, asked) = (unfinished.display().to_string(), target.path.display().to_string());
        CliError::Failed(error.to_string().replace(&made, &asked))
    };
    write(db, &unfinished, now).await.map_err(own_name)?;
    let tables = while_waiting("checking the backup", backup::verify_made(&unfinished)).await;
    let tables = tables.map_err(|error| {
        CliError::Failed(format!("the backup that was written is not good, and is gone: {error}"))
    })?;
    let bytes = target.finish(&unfinished).map_err(|error| target.explain(&error))?;
    note(db, target, now).await;
    Ok((tables, bytes))
}

/// Has the database take note of a good backup. One that cannot, because others write without a pause or
/// its disk is full, makes the backup no worse.
async fn note(db: &Db, target: &Target, now: Millis) {
    for attempt in 1..=NOTES {
        let noted = db.write(move |tx: &mut Tx<'_>| backups::note(tx, now)).await;
        match noted {
            Err(Error::Db(DbError::Busy)) if attempt < NOTES => {}
            Ok(()) => return,
            Err(error) => {
                let file = target.path.display();
                tracing::warn!(%file, %error, "the backup is good, but the database took no note of it");
                return;
            }
        }
    }
}

async fn write(db: &Db, file: &Path, now: Millis) -> Result<(), BackupError> {
    // Two tell how far it is: whoever copies rows, or the size of the file.
    let line = Arc::new(Mutex::new(Progress::on_terminal()));
    let copying = Arc::clone(&line);
    let tell = move |at: crate::db::copy::Progress<'_>| {
        let (done, all) = (thousands(at.done), thousands(at.all));
        say(&copying, || format!("backing up {}: {done} of {all} rows", at.table));
    };
    let writing = db.back_up(file, now, tell);
    tokio::pin!(writing);
    loop {
        tokio::select! {
            result = &mut writing => return result,
            () = tokio::time::sleep(LOOK) => {
                let bytes = fs::metadata(file).map_or(0, |found| found.len());
                say(&line, || format!("backing up: {} bytes", thousands(bytes)));
            }
        }
    }
}

fn say(line: &Mutex<Progress>, words: impl FnOnce() -> String) {
    line.lock().unwrap_or_else(PoisonError::into_inner).tell(words);
}
