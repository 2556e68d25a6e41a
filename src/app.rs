//! The application: what every request, job and command works with.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::db::{DatabaseSettings, Db, DbError};
use crate::domain::Rules;

/// Built once, by `main` and by every test; shared by every request, job and command.
#[derive(Debug)]
pub struct App {
    /// Where everything is kept.
    pub db: Db,
    /// Every setting.
    pub config: Config,
    /// Where `now` comes from.
    pub clock: Clock,
    /// The settings that rules depend on.
    pub rules: Rules,
}

/// Why Doorkey cannot start. Each says what to look at.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be opened or brought up to date.
    #[error("{0}; look at the setting database.url (DOORKEY_DATABASE_URL)")]
    Database(#[from] DbError),
}

impl App {
    /// Opens the database, brings it up to date and makes the application ready for work.
    ///
    /// # Errors
    /// [`StartError`], if the settings are well-formed but do not work.
    pub async fn start(config: Config, clock: Clock) -> Result<Arc<Self>, StartError> {
        let db = Db::open(&DatabaseSettings::new(config.database.url.reveal())).await?;
        db.migrate(clock.now()).await?;
        let rules = config.rules();
        Ok(Arc::new(Self { db, config, clock, rules }))
    }
}
