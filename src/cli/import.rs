//! `doorkey import`: what another Doorkey exported, or what a query made of another program's
//! database, in batches.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use super::import_lines::{Lines, last_line};
use super::progress::{Progress, count, count_that, thousands};
use super::{CliError, database, output};
use crate::app::App;
use crate::config::Config;
use crate::domain::Tx;
use crate::domain::transfer::{self, Assembler, Outcome, Piece, Remark, Tally, Totals};
use crate::error::{Error, FieldCode, LineError};

/// Rows in one transaction, about: others write in between.
const BATCH: usize = 1_000;
/// Bytes of text in one transaction, about.
const BATCH_SIZE: usize = 4 * 1024 * 1024;

/// Read staff, customers, tickets and their timelines from JSON Lines
///
/// docs/EXPORT.md describes the lines, docs/MIGRATING.md how to get them from osTicket, Zammad and
/// FreeScout. What was imported before is recognised: a file that has grown adds what is new,
/// and an import that was interrupted goes on when it is run again. Nobody is mailed, and no event
/// tells of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey import company.jsonl --dry-run\n\n\
    Bad lines are named on standard output, the rest is imported, and the exit code is 1.")]
pub struct Args {
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only say what would happen, and name every bad line
    #[arg(long)]
    dry_run: bool,
    /// The name of the system it comes from [default: what the first line says, or doorkey]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Print a JSON object for each bad line and each new reference, and one at the end
    #[arg(long)]
    json: bool,
}

/// Reads the file and imports it.
pub async fn run(args: Args, config: Config) -> Result<(), CliError> {
    let source = Source::open(&args.file)?;
    let app = match args.dry_run {
        true => database::existing(config).await?,
        false => database::existing_or_new(config, args.json).await?,
    };
    let done = Import::new(&app, args).read(source).await;
    app.db.clone().close().await;
    done
}

/// Where the lines come from.
struct Source<R> {
    lines: Lines<R>,
    /// Whether the last line was looked at and does not say that it is the last. A pipe cannot be
    /// looked at before it is read.
    is_cut: bool,
}

impl Source<Box<dyn BufRead + Send>> {
    fn open(path: &Path) -> Result<Self, CliError> {
        if path == Path::new("-") {
            return Ok(Self {
                lines: Lines::new(Box::new(BufReader::new(io::stdin()))),
                is_cut: false,
            });
        }
        let failed = |error| CliError::Failed(format!("{}: {error}", path.display()));
        let mut file = File::open(path).map_err(failed)?;
        let found = file.metadata().map_err(failed)?;
        if found.is_dir() {
            let text = format!("FILE: {} is a folder; name the file in it", path.display());
            return Err(CliError::Usage(text));
        }
        let is_file = found.is_file();
        let is_cut = is_file && !transfer::is_end(&last_line(&mut file).map_err(failed)?);
        Ok(Self { lines: Lines::new(Box::new(BufReader::new(file))), is_cut })
    }
}

/// An import under way.
struct Import<'a> {
    app: &'a App,
    args: Args,
    pieces: Vec<Piece>,
    /// Rows and bytes of these.
    rows: usize,
    size: usize,
    tally: Tally,
    bad: u64,
    progress: Progress,
}

/// The last line of the answer to a program.
#[derive(Serialize)]
struct Done<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    dry_run: bool,
    source: &'a str,
    #[serde(flatten)]
    tally: Tally,
    bad: u64,
    unknown_categories: Vec<&'a str>,
}

impl<'a> Import<'a> {
    fn new(app: &'a App, args: Args) -> Self {
        let progress = Progress::on_terminal();
        let tally = Tally::default();
        Self { app, args, pieces: Vec::new(), rows: 0, size: 0, tally, bad: 0, progress }
    }

    async fn read(mut self, source: Source<impl BufRead>) -> Result<(), CliError> {
        let mut lines = source.lines;
        let mut assembler = self.begin(&mut lines)?;
        if source.is_cut {
            return Err(self.cut_off());
        }
        while let Some((number, line)) = lines.next_line()? {
            match line {
                Ok(text) => assembler.read(number, text),
                Err(error) => assembler.refuse(error),
            }
            self.take(&mut assembler).await?;
        }
        if !assembler.is_whole() {
            return Err(self.cut_off());
        }
        assembler.finish();
        self.take(&mut assembler).await?;
        self.import(&assembler).await?;
        // It may have brought categories.
        self.app.settings_changed();
        self.app.shown().await;
        self.write_down(&assembler).await?;
        self.end(&assembler)
    }

    /// Reads the header.
    fn begin(&mut self, lines: &mut Lines<impl BufRead>) -> Result<Assembler, CliError> {
        let nothing = LineError::new(1, FieldCode::Required, "There is nothing in it.");
        let (number, text) = lines.next_line()?.unwrap_or((1, Err(nothing)));
        let source = self.args.source.clone();
        let begun = text.and_then(|text| Assembler::new(number, text, source.as_deref()));
        begun.map_err(|error| CliError::Failed(format!("{error} Nothing was imported.")))
    }

    async fn take(&mut self, assembler: &mut Assembler) -> Result<(), CliError> {
        for bad in assembler.take_bad() {
            self.tell_bad(&bad)?;
        }
        for piece in assembler.take_ready() {
            self.rows += piece.weight();
            self.size += piece.size();
            self.pieces.push(piece);
        }
        if self.rows >= BATCH || self.size >= BATCH_SIZE {
            self.import(assembler).await?;
        }
        let Totals { tickets, .. } = assembler.totals();
        self.progress.tell(|| {
            let lines = thousands(assembler.totals().all());
            format!("{lines} lines, {}", count(tickets, "ticket"))
        });
        Ok(())
    }

    /// Imports what is ready, in one transaction.
    async fn import(&mut self, assembler: &Assembler) -> Result<(), CliError> {
        if self.pieces.is_empty() {
            return Ok(());
        }
        let pieces = Arc::new(std::mem::take(&mut self.pieces));
        (self.rows, self.size) = (0, 0);
        let (source, now) = (assembler.source().to_owned(), self.app.clock.now());
        let done: Result<Outcome, Error> = if self.args.dry_run {
            self.app.db.scan(move |tx| transfer::foresee(tx, &source, &pieces)).await
        } else {
            self.app.db.write(move |tx| transfer::import(tx, &source, &pieces, now)).await
        };
        let outcome = done.map_err(|error| self.interrupted(&error))?;
        self.tally.add(&outcome.tally);
        for bad in &outcome.bad {
            self.tell_bad(bad)?;
        }
        outcome.remarks.iter().try_for_each(|remark| self.tell(remark))
    }

    /// Tells the audit log what was imported, and the database that there is more of it now.
    async fn write_down(&self, assembler: &Assembler) -> Result<(), CliError> {
        if self.args.dry_run {
            return Ok(());
        }
        let (tally, now) = (self.tally, self.app.clock.now());
        let source = assembler.source().to_owned();
        let work = move |tx: &mut Tx<'_>| {
            transfer::write_down(tx, &source, &tally, now)?;
            Ok::<_, Error>(tx.take_stock()?)
        };
        Ok(self.app.db.write(work).await?)
    }

    fn interrupted(&self, error: &Error) -> CliError {
        let tickets = count(self.tally.tickets, "ticket");
        CliError::Failed(format!(
            "{error}; {tickets} had been imported before. Run it again to go on from there"
        ))
    }

    /// What follows the last line may be missing, and of the ticket it is about as well.
    fn cut_off(&mut self) -> CliError {
        self.progress.clear();
        let (customers, tickets) = (self.tally.customers, self.tally.tickets);
        let done = match customers + tickets + self.tally.staff {
            _ if self.args.dry_run => "Nothing was changed".to_owned(),
            0 => "Nothing was imported".to_owned(),
            _ => format!(
                "What came long before its end was imported ({}, {}); the whole file goes on from there",
                count(customers, "customer"),
                count(tickets, "ticket")
            ),
        };
        let name = match self.args.file.as_path() {
            path if path == Path::new("-") => "standard input".into(),
            path => path.to_string_lossy(),
        };
        CliError::Failed(format!(
            "{name} seems to be cut off: its last line is not one of the type end. {done}. Write it \
             anew; if it is whole and its writer ends without such a line, add \
             {{\"type\":\"end\"}}"
        ))
    }

    fn tell_bad(&mut self, bad: &LineError) -> Result<(), CliError> {
        #[derive(Serialize)]
        struct Bad<'a> {
            #[serde(rename = "type")]
            kind: &'a str,
            #[serde(flatten)]
            bad: &'a LineError,
        }
        self.bad += 1;
        self.print(&Bad { kind: "bad", bad }, &bad.to_string())
    }

    fn tell(&mut self, remark: &Remark) -> Result<(), CliError> {
        let (object, words) = match remark {
            Remark::Reference { ticket, reference: Some(reference) } => (
                json!({ "type": "reference", "ticket": ticket, "reference": reference.as_str() }),
                format!("ticket {ticket} is {reference} here"),
            ),
            Remark::Reference { ticket, reference: None } => (
                json!({ "type": "reference", "ticket": ticket, "reference": null }),
                format!("ticket {ticket} would get another reference: its own is taken"),
            ),
            Remark::Kept { ticket, reference } => (
                json!({ "type": "kept", "ticket": ticket, "reference": reference.as_str() }),
                format!("ticket {ticket} stays as it is: {reference} was worked on here since"),
            ),
        };
        self.print(&object, &words)
    }

    fn print(&mut self, object: &impl Serialize, words: &str) -> Result<(), CliError> {
        self.progress.clear();
        let mut out = io::stdout().lock();
        if self.args.json {
            serde_json::to_writer(&mut out, object).map_err(io::Error::from)?;
            writeln!(out)?;
        } else {
            writeln!(out, "{words}")?;
        }
        Ok(())
    }

    fn end(&mut self, assembler: &Assembler) -> Result<(), CliError> {
        self.progress.clear();
        let settings = self.app.last_shown();
        let known = &settings.rules.categories;
        let unknown = assembler.categories().iter().filter(|category| !known.contains(category));
        let unknown: Vec<&str> = unknown.map(String::as_str).collect();
        let done = Done {
            kind: "done",
            dry_run: self.args.dry_run,
            source: assembler.source(),
            tally: self.tally,
            bad: self.bad,
            unknown_categories: unknown,
        };
        output::answer(self.args.json, &done, &self.words())?;
        if !done.unknown_categories.is_empty() {
            let names = done.unknown_categories.join(", ");
            output::remark(
                self.args.json,
                &format!("These categories are not in the setting tickets.categories: {names}."),
            );
        }
        if self.bad == 0 { Ok(()) } else { Err(CliError::Failed(self.failure())) }
    }

    fn words(&self) -> String {
        let Tally { staff, customers, tickets, grown_tickets, entries, .. } = self.tally;
        let told = if self.args.dry_run { "To be imported" } else { "Imported" };
        let (customers, tickets) = (count(customers, "customer"), count(tickets, "ticket"));
        let (staff, entries) = (count(staff, "member"), count(entries, "entry"));
        let kept = match self.tally.kept_tickets {
            0 => String::new(),
            kept => format!("; unchanged, as worked on here since: {}", thousands(kept)),
        };
        let settings = match self.tally.settings {
            0 => String::new(),
            some => format!(", {}", count(some, "setting")),
        };
        format!(
            "{told}: {staff} of staff, {customers}, {tickets}, {entries}{settings}. Tickets that grow: \
             {}; here before: {}{kept}.",
            thousands(grown_tickets),
            thousands(self.tally.known_tickets),
        )
    }

    fn failure(&self) -> String {
        let they = if self.bad == 1 { "it" } else { "them" };
        let mistakes = count_that(self.bad, "mistake", ["was", "were"]);
        let done = if self.args.dry_run {
            "nothing was changed"
        } else {
            "what they are about was left out, the rest was imported"
        };
        format!("{mistakes} found; {done}. Mend {they} and run it again")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::Secret;
    use crate::domain::transfer::MOST_TEXT;

    async fn app(folder: &Path) -> Arc<App> {
        let mut config = Config { data_dir: folder.to_owned(), ..Config::default() };
        let file = folder.join("doorkey.db");
        config.database.url = Secret::new(format!("sqlite:{}", file.display()));
        App::start(config, Clock::System).await.expect("an application")
    }

    async fn import(app: &App, text: &str, dry_run: bool) -> Result<(), CliError> {
        let args = Args { file: "-".into(), dry_run, source: None, json: false };
        let text = format!("{text}{{\"type\":\"end\"}}\n");
        let source = Source { lines: Lines::new(text.as_bytes()), is_cut: false };
        Import::new(app, args).read(source).await
    }

    fn many(customers: usize) -> String {
        let mut text = "{\"type\":\"doorkey\",\"version\":1}\n".to_owned();
        for id in 0..customers {
            text += &format!(
                "{{\"type\":\"customer\",\"id\":\"{id}\",\"email\":\"c{id}@b.example\"}}\n"
            );
        }
        text
    }

    fn ticket(entries: usize, body: &str) -> String {
        let mut text = "{\"type\":\"ticket\",\"id\":\"1\",\"customer\":\"0\",\"subject\":\"S\",\
            \"description\":\"D\",\"status\":\"open\",\"created_at\":\"2020-01-01T00:00:00Z\"}\n"
            .to_owned();
        for id in 0..entries {
            text += &format!(
                "{{\"type\":\"entry\",\"ticket\":\"1\",\"id\":\"{id}\",\"kind\":\"note\",\
                 \"visibility\":\"internal\",\"at\":\"2020-01-01T00:00:00Z\",\"by\":\"system\",\
                 \"body\":\"{body}\"}}\n"
            );
        }
        text
    }

    /// Others write between the batches: each is a write of its own.
    #[tokio::test]
    async fn much_is_imported_in_batches_and_foreseen_without_a_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let app = app(folder.path()).await;
        let before = app.db.stats().writes;
        let text = many(2 * BATCH + 1);
        import(&app, &text, true).await.expect("foreseen");
        assert_eq!(app.db.stats().writes, before);
        import(&app, &text, false).await.expect("imported");
        // The last one is the line of the audit log.
        assert_eq!(app.db.stats().writes, before + 4);
    }

    #[tokio::test]
    async fn a_ticket_is_one_transaction_and_what_is_larger_than_one_may_be_is_left_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let app = app(folder.path()).await;
        let before = app.db.stats().writes;
        import(&app, &(many(1) + &ticket(BATCH + 500, "x")), false).await.expect("imported");
        assert_eq!(app.db.stats().writes, before + 2);
        let body = "😀".repeat(20_000);
        let large = ticket(MOST_TEXT / body.len() + 1, &body).replace("\"1\"", "\"2\"");
        let refused = import(&app, &(many(1) + &large), false).await.expect_err("too large");
        assert!(refused.to_string().starts_with("1 mistake was found"), "{refused}");
        let tickets = app.db.read(|tx| tx.one::<i64>("SELECT count(*) FROM tickets", &[])).await;
        assert_eq!(tickets.expect("a number"), 1);
    }
}
