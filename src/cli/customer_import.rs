//! `doorkey customer import`: customers from a table, all good ones or none.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::progress::{Progress, thousands};
use super::{CliError, database, output};
use crate::app::App;
use crate::config::Config;
use crate::domain::customer_import::{self, BATCH, BadLine, Checked, Counts, check};
use crate::domain::customers::NewCustomer;
use crate::domain::{Actor, Tx};
use crate::error::{Error, LineError};

/// The largest file, in bytes: it is read whole.
const LARGEST: u64 = 256 * 1024 * 1024;

/// Add the customers of a CSV file
///
/// Its first line names the columns, in any order: email, name, phone, company, notes. Only email
/// must be there. Cells are separated by commas or semicolons, the text is UTF-8. An address that
/// is a customer already is left as it is. If a line is bad, nothing is changed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey customer import customers.csv --dry-run\n\n\
    Bad lines are named on standard output and the exit code is 1.\n\n\
    From another program, over standard input:\n  \
    export-customers | doorkey customer import - --skip-bad")]
pub struct Args {
    /// The CSV file; - is standard input
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// Only say what would happen, and name every bad line
    #[arg(long)]
    dry_run: bool,
    /// Import the good lines though others are bad
    #[arg(long)]
    skip_bad: bool,
}

impl Args {
    fn is_piped(&self) -> bool {
        self.file == Path::new("-")
    }

    /// What the file is called, wherever it is.
    fn name(&self) -> String {
        let name = self.file.file_name().filter(|_| !self.is_piped());
        name.map_or("standard input".into(), OsStr::to_string_lossy).into_owned()
    }
}

/// What was found and done.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// Whether nothing was to be changed.
    dry_run: bool,
    /// Customers added, or in a dry run: to be added.
    added: u64,
    /// Addresses that are customers already.
    existing: u64,
    /// Every mistake.
    bad: Vec<BadLine>,
}

/// Reads the file, and imports it if that was asked for.
pub async fn run(args: &Args, json: bool, config: Config) -> Result<(), CliError> {
    let bytes = read(args)?;
    let Checked { good, bad } = match check(&bytes) {
        Ok(checked) => checked,
        Err(bad) => return unreadable(bad, json, args.dry_run),
    };
    drop(bytes);
    let usable = bad.is_empty() || args.skip_bad;
    let mut report = Report { dry_run: args.dry_run, bad, ..Report::default() };
    if usable || args.dry_run {
        let app = match args.dry_run {
            true => database::existing(config).await?,
            false => database::existing_or_new(config, json).await?,
        };
        let counts = work_in(&app, good, &args.name(), args.dry_run).await;
        app.db.clone().close().await;
        let counts = counts?;
        (report.added, report.existing) = (counts.added, counts.existing);
    }
    output::answer(json, &report, &report.words(usable))?;
    if usable { Ok(()) } else { Err(CliError::Failed(report.failure())) }
}

/// Without its encoding and a good header no line of a file means anything.
fn unreadable(bad: Vec<LineError>, json: bool, dry_run: bool) -> Result<(), CliError> {
    let bad = bad.into_iter().map(BadLine::from).collect();
    let report = Report { dry_run, bad, ..Report::default() };
    output::answer(json, &report, &report.lines().join("\n"))?;
    Err(CliError::Failed("the file cannot be read as customers; nothing was changed".to_owned()))
}

fn read(args: &Args) -> Result<Vec<u8>, CliError> {
    let piped = args.is_piped();
    let name = if piped { "standard input".into() } else { args.file.to_string_lossy() };
    let failed = |error: io::Error| CliError::Failed(format!("{name}: {error}"));
    let file: Box<dyn Read> = match piped {
        true => Box::new(io::stdin()),
        false => Box::new(File::open(&args.file).map_err(failed)?),
    };
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        let most = LARGEST / 1024 / 1024;
        return Err(CliError::Failed(format!("{name} has more than {most} MiB; split it")));
    }
    Ok(bytes)
}

/// Batch by batch, each in a transaction of its own.
async fn work_in(
    app: &App,
    customers: Vec<NewCustomer>,
    file: &str,
    dry_run: bool,
) -> Result<Counts, CliError> {
    let mut progress = Progress::on_terminal();
    let (mut counts, total) = (Counts::default(), customers.len() as u64);
    if !dry_run && !customers.is_empty() {
        write_down(app, file, customers.len()).await.map_err(|it| stopped(&it, dry_run, counts))?;
    }
    let customers: Arc<[NewCustomer]> = customers.into();
    for start in (0..customers.len()).step_by(BATCH) {
        let range = start..customers.len().min(start + BATCH);
        let (all, now) = (Arc::clone(&customers), app.clock.now());
        let done: Result<Counts, Error> = if dry_run {
            app.db.scan(move |tx| customer_import::foresee(tx, &all[range.clone()])).await
        } else {
            app.db.write(move |tx| customer_import::add(tx, &all[range.clone()], now)).await
        };
        counts.add(done.map_err(|error| stopped(&error, dry_run, counts))?);
        let so_far = counts.added + counts.existing;
        progress.tell(|| format!("{} of {} customers", thousands(so_far), thousands(total)));
    }
    Ok(counts)
}

/// Tells the audit log, before anything is changed.
async fn write_down(app: &App, file: &str, customers: usize) -> Result<(), Error> {
    let (file, now) = (file.to_owned(), app.clock.now());
    let told = move |tx: &mut Tx<'_>| {
        customer_import::write_down(tx, &Actor::System, (&file, customers), now)
    };
    app.db.write(told).await
}

fn stopped(error: &Error, dry_run: bool, counts: Counts) -> CliError {
    if dry_run {
        return CliError::Failed(error.to_string());
    }
    let added = thousands(counts.added);
    CliError::Failed(format!(
        "{error}; {added} customers had been added and stay. Run it again: who is there already is \
         left alone"
    ))
}

impl Report {
    fn lines(&self) -> Vec<String> {
        self.bad.iter().map(ToString::to_string).collect()
    }

    fn words(&self, usable: bool) -> String {
        let mut lines = self.lines();
        let (added, existing) = (thousands(self.added), thousands(self.existing));
        if self.dry_run {
            lines.push(format!(
                "{added} would be added; {existing} are customers already and would stay as they are."
            ));
        } else if usable {
            lines.push(format!(
                "{added} added; {existing} were customers already and stay as they are."
            ));
        }
        lines.join("\n")
    }

    fn failure(&self) -> String {
        let mut lines: Vec<u64> = self.bad.iter().map(|it| it.bad.line).collect();
        lines.dedup();
        let count = lines.len() as u64;
        let (lines, are) = if count == 1 { ("line", "is") } else { ("lines", "are") };
        let done = if self.dry_run { "" } else { "; nothing was changed" };
        format!(
            "{} {lines} {are} bad{done}. Mend the file, or import the rest with --skip-bad",
            thousands(count)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::Secret;

    /// Others write between the batches: each is a write of its own.
    #[tokio::test]
    async fn many_customers_are_added_in_batches_and_foreseen_without_a_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        let file = folder.path().join("doorkey.db");
        config.database.url = Secret::new(format!("sqlite:{}", file.display()));
        let app = App::start(config, Clock::System).await.expect("an application");
        let lines: Vec<String> = (0..2 * BATCH + 1).map(|n| format!("c{n}@b.example\n")).collect();
        let customers =
            || check(format!("email\n{}", lines.concat()).as_bytes()).expect("good").good;
        let all = lines.len() as u64;
        let before = app.db.stats().writes;
        let foreseen = work_in(&app, customers(), "a.csv", true).await.expect("foreseen");
        assert_eq!((foreseen, app.db.stats().writes), (Counts { added: all, existing: 0 }, before));
        let first = work_in(&app, customers(), "a.csv", false).await.expect("imported");
        assert_eq!((first, app.db.stats().writes), (foreseen, before + 4));
        let log = app.db.read(|tx| tx.rows::<(String,)>("SELECT details FROM audit", &[])).await;
        let told = format!(r#"{{"file":"a.csv","good lines":{all}}}"#);
        assert_eq!(log, Ok(vec![(told,)]), "once, however many batches");
        let told = app.db.read(|tx| tx.one::<i64>("SELECT count(*) FROM event_inbox", &[])).await;
        assert_eq!(told, Ok(i64::try_from(all).expect("a number")), "programs are told of each");
        let again = work_in(&app, customers(), "a.csv", false).await.expect("imported again");
        assert_eq!(again, Counts { added: 0, existing: all });
    }
}
