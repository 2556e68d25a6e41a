//! The database that a command works on. One that only looks, or needs what is there, makes none:
//! an empty database in the wrong folder would answer that there is nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{CliError, output};
use crate::app::App;
use crate::clock::{Clock, Millis};
use crate::config::Config;
use crate::db::{self, DatabaseSettings, Db, Tx};
use crate::domain::Rules;

/// Runs `work` in a transaction on the database of the settings, which must be there and is brought
/// up to date first. `serve` may be running on it.
pub(super) async fn write<T, F>(config: Config, work: F) -> Result<T, CliError>
where
    T: Send + 'static,
    F: FnMut(&mut Tx<'_>, &Rules, Millis) -> Result<T, CliError> + Send + 'static,
{
    write_in(existing(config).await?, work).await
}

/// As [`write`], for what may be the first that is done on a new machine: a database that is missing
/// is made, and the person at the command line is told.
pub(super) async fn write_first<T, F>(config: Config, json: bool, work: F) -> Result<T, CliError>
where
    T: Send + 'static,
    F: FnMut(&mut Tx<'_>, &Rules, Millis) -> Result<T, CliError> + Send + 'static,
{
    write_in(existing_or_new(config, json).await?, work).await
}

async fn write_in<T, F>(app: Arc<App>, mut work: F) -> Result<T, CliError>
where
    T: Send + 'static,
    F: FnMut(&mut Tx<'_>, &Rules, Millis) -> Result<T, CliError> + Send + 'static,
{
    let now = app.clock.now();
    let result = app.decide(move |tx, rules| work(tx, rules, now)).await;
    app.db.clone().close().await;
    result
}

/// As [`write`], for `work` that changes nothing.
pub(super) async fn read<T, F>(config: Config, work: F) -> Result<T, CliError>
where
    T: Send + 'static,
    F: FnMut(&mut Tx<'_>) -> Result<T, CliError> + Send + 'static,
{
    let app = existing(config).await?;
    let result = app.db.read(work).await;
    app.db.clone().close().await;
    result
}

/// The application on a database that must be there.
pub(super) async fn existing(config: Config) -> Result<Arc<App>, CliError> {
    must_exist(config.database.url.reveal())?;
    Ok(App::start(config, Clock::System).await?)
}

/// The application, on a new database if there is none.
pub(super) async fn existing_or_new(config: Config, json: bool) -> Result<Arc<App>, CliError> {
    let missing = missing(config.database.url.reveal());
    let app = App::start(config, Clock::System).await?;
    if let Some(file) = missing {
        let file = file.display();
        output::remark(json, &format!("There was no database at {file}: a new one was made."));
    }
    Ok(app)
}

/// Opens a database that must be there, for one long job.
pub(super) async fn open_existing(url: &str) -> Result<Db, CliError> {
    must_exist(url)?;
    Ok(Db::open(&DatabaseSettings::patient(url)).await?)
}

/// Refuses a SQLite database that is not there.
pub(super) fn must_exist(url: &str) -> Result<(), CliError> {
    let Some(file) = missing(url) else { return Ok(()) };
    Err(CliError::Failed(format!(
        "there is no database at {}; name the right one with --database-url \
         (DOORKEY_DATABASE_URL), or make an empty one there with doorkey migrate",
        file.display()
    )))
}

/// The file of a SQLite database that is not there, by its whole path.
fn missing(url: &str) -> Option<PathBuf> {
    let file = db::sqlite_file(url).filter(|file| !file.is_file())?;
    Some(whole(file))
}

/// The path from the root: which folder this is matters when something is missing from it.
fn whole(file: &Path) -> PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned())
}
