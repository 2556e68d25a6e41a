//! `doorkey export`: everything that belongs to the company, as JSON Lines.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::progress::{Progress, count};
use super::target::Target;
use super::{CliError, database, output};
use crate::app::App;
use crate::config::Config;
use crate::domain::transfer::{self, Line, Totals};

/// Write staff, customers, tickets and their timelines as JSON Lines
///
/// What is written is one moment of the database, while others go on working. Links, API keys,
/// mails and settings are no part of it. docs/EXPORT.md describes the lines; doorkey import
/// reads them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey export company.jsonl")]
pub struct Args {
    /// The file to write, which appears once it is whole; - is standard output
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// Replace a file of this name
    #[arg(long)]
    replace: bool,
    /// Print one JSON object: how many lines of each kind were written
    #[arg(long)]
    json: bool,
}

/// Writes the lines.
pub async fn run(args: Args, config: Config) -> Result<(), CliError> {
    let to_stdout = args.file == Path::new("-");
    if to_stdout && args.json {
        let text = "--json answers on standard output, where the lines go: name a file for them";
        return Err(CliError::Usage(text.to_owned()));
    }
    let target = match to_stdout {
        true => None,
        false => Some(Target::new(args.file, args.replace, config.database.url.reveal())?),
    };
    let app = database::existing(config).await?;
    let done = match &target {
        None => write(&app, BufWriter::new(io::stdout())).await,
        Some(target) => write_file(&app, target).await,
    };
    app.db.clone().close().await;
    let totals = done?;
    if to_stdout {
        output::remark(false, &words(&totals));
        return Ok(());
    }
    output::answer(args.json, &totals, &words(&totals))
}

fn words(totals: &Totals) -> String {
    let Totals { settings, staff, customers, tickets, entries } = *totals;
    let (staff, customers) = (count(staff, "member"), count(customers, "customer"));
    let (tickets, entries) = (count(tickets, "ticket"), count(entries, "entry"));
    let settings = match settings {
        0 => String::new(),
        some => format!(", {} of the desk", count(some, "setting")),
    };
    format!("Written: {staff} of staff, {customers}, {tickets} with {entries}{settings}.")
}

/// Beside its place first: a file of that name is whole or is not there.
async fn write_file(app: &App, target: &Target) -> Result<Totals, CliError> {
    let begun = tempfile::NamedTempFile::new_in(&target.folder);
    let begun = begun.map_err(|error| target.explain(&error))?;
    let out: File = begun.reopen().map_err(|error| target.explain(&error))?;
    let totals = write(app, BufWriter::new(out)).await?;
    target.finish(begun.path()).map_err(|error| target.explain(&error))?;
    Ok(totals)
}

async fn write(app: &App, mut out: impl Write + Send + 'static) -> Result<Totals, CliError> {
    let mut progress = Progress::on_terminal();
    app.db
        .survey(move |tx| {
            let mut written = 0_u64;
            let totals = transfer::export::<CliError>(tx, &mut |line: &Line| {
                serde_json::to_writer(&mut out, line).map_err(io::Error::from)?;
                out.write_all(b"\n")?;
                written += 1;
                progress.tell(|| count(written, "line"));
                Ok(())
            })?;
            out.flush()?;
            Ok(totals)
        })
        .await
}
