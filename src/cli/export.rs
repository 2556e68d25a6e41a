//! `doorkey export`: everything that belongs to the company, as JSON Lines.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::progress::{Progress, thousands};
use super::{CliError, output};
use crate::app::App;
use crate::clock::Clock;
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
    /// The file to write, replaced once the export is whole; - is standard output
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
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
    let app = App::start(config, Clock::System).await?;
    let done = if to_stdout {
        write(&app, BufWriter::new(io::stdout())).await
    } else {
        write_file(&app, &args.file).await
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
    let Totals { staff, customers, tickets, entries } = *totals;
    let [staff, customers, tickets, entries] = [staff, customers, tickets, entries].map(thousands);
    format!(
        "Written: {staff} staff, {customers} customers, {tickets} tickets with {entries} entries."
    )
}

/// Beside its place first: a file of that name is whole or is what it was before.
async fn write_file(app: &App, file: &Path) -> Result<Totals, CliError> {
    let failed = |error: io::Error| CliError::Failed(format!("{}: {error}", file.display()));
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let begun = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let out: File = begun.reopen().map_err(failed)?;
    let totals = write(app, BufWriter::new(out)).await?;
    begun.as_file().sync_all().map_err(failed)?;
    begun.persist(file).map_err(|error| failed(error.error))?;
    Ok(totals)
}

async fn write(app: &App, mut out: impl Write + Send + 'static) -> Result<Totals, CliError> {
    let mut progress = Progress::on_terminal();
    app.db
        .survey(move |tx| {
            let mut count = 0_u64;
            let totals = transfer::export::<CliError>(tx, &mut |line: &Line| {
                serde_json::to_writer(&mut out, line).map_err(io::Error::from)?;
                out.write_all(b"\n")?;
                count += 1;
                progress.tell(|| format!("{} lines", thousands(count)));
                Ok(())
            })?;
            out.flush()?;
            Ok(totals)
        })
        .await
}
