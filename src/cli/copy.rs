//! `doorkey copy`: moves a whole database from one engine to the other, or to another place.

use serde_json::{Value, json};

use super::progress::{Progress, milliseconds, thousands};
use super::{CliError, database, output};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::db::copy::{self, Copied, CopyError};
use crate::db::{DatabaseSettings, Db, Tx};

/// Copy a whole database into an empty one, between SQLite and PostgreSQL in either direction
///
/// What arrives is one moment of the source, which may be served meanwhile; but what is changed
/// after that moment stays behind, so stop serving it before you move. A copy that is broken off
/// leaves the target as empty as it was: start it again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey copy --from sqlite:data/doorkey.db \
    --to postgres://doorkey@db.example.com/doorkey\n\nOther users of this machine can see the \
    arguments of a command. Give an address that holds a password with \
    DOORKEY_DATABASE_URL_FILE and leave its flag out.")]
pub struct Args {
    /// The database to read; left out beside --to: that of the settings
    #[arg(long, value_name = "URL", value_parser = url)]
    from: Option<String>,
    /// The empty database to fill; left out beside --from: that of the settings
    #[arg(long, value_name = "URL", value_parser = url)]
    to: Option<String>,
    /// Print one JSON object: {"tables": [{"table", "rows"}], "rows", "milliseconds"}
    #[arg(long)]
    json: bool,
}

/// Copies, and says what.
pub async fn run(args: Args, config: Config) -> Result<(), CliError> {
    if args.from.is_none() && args.to.is_none() {
        let text = "name --from, --to or both; the one that is left out is the database of the \
            settings";
        return Err(CliError::Usage(text.to_owned()));
    }
    let settings = || config.database.url.reveal().to_owned();
    let from = args.from.unwrap_or_else(settings);
    let to = args.to.unwrap_or_else(settings);
    if from == to {
        let text = "--from and --to name the same database; --to must be an empty one";
        return Err(CliError::Usage(text.to_owned()));
    }
    let started = Clock::System.now();
    let source = database::open_existing(&from).await?;
    let target = Db::open(&DatabaseSettings::patient(&to)).await?;
    let result = copy(&source, &target, |_| Ok(())).await;
    source.close().await;
    target.close().await;
    let (tables, ()) = result?;
    let took = Clock::System.now().since(started);
    let words = format!(
        "{}\n\nEvery table was counted and summed again and is the same; {:.1} s.",
        table(&tables),
        took.as_secs_f64()
    );
    let mut object = object(&tables);
    object["milliseconds"] = json!(milliseconds(took));
    output::answer(args.json, &object, &words)
}

/// Copies with a line that says how far it is.
pub(super) async fn copy<T, F>(from: &Db, to: &Db, finish: F) -> Result<(Vec<Copied>, T), CliError>
where
    T: Send + 'static,
    F: FnMut(&mut Tx<'_>) -> Result<T, CliError> + Send + 'static,
{
    let mut line = Progress::on_terminal();
    let tell = move |at: copy::Progress<'_>| {
        line.tell(|| {
            let (done, all) = (thousands(at.done), thousands(at.all));
            format!("copying {}: {done} of {all} rows", at.table)
        });
    };
    copy::copy(from, to, Clock::System.now(), tell, finish).await
}

/// The tables with rows, and how many.
pub(super) fn object(tables: &[Copied]) -> Value {
    let rows: u64 = tables.iter().map(|table| table.rows).sum();
    let tables: Vec<Value> =
        tables.iter().map(|it| json!({ "table": it.table, "rows": it.rows })).collect();
    json!({ "tables": tables, "rows": rows })
}

/// The same for people, without empty tables.
pub(super) fn table(tables: &[Copied]) -> String {
    let rows: Vec<[String; 2]> = tables
        .iter()
        .filter(|table| table.rows > 0)
        .map(|table| [table.table.clone(), thousands(table.rows)])
        .collect();
    output::table(["TABLE", "ROWS"], &rows)
}

fn url(typed: &str) -> Result<String, String> {
    config::database_url(typed).map(|_| typed.to_owned())
}

impl From<CopyError> for CliError {
    fn from(error: CopyError) -> Self {
        let advice = match error {
            CopyError::NotEmpty { .. } => {
                "; choose a database that nobody has used, or remove this one first"
            }
            _ => "",
        };
        Self::Failed(format!("{error}{advice}"))
    }
}
