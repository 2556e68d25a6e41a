//! The application: what every request, job and command works with.

mod shown;

use std::fmt;
use std::io;
use std::sync::Arc;

use shown::{Shown, holding};

use crate::clock::Clock;
use crate::config::Config;
use crate::db::{DatabaseSettings, Db, DbError};
use crate::domain::keys;
use crate::domain::settings::Keeper;
use crate::domain::uses::Uses;
use crate::error::Error;
use crate::hooks::oidc::Provider;
use crate::hooks::post::Caller;
use crate::ids::{self, HashKey};
use crate::live::{Caps, Live};
use crate::mail::Transport;
use crate::mail::capture::Capture;
use crate::mail::compose::Sender;
use crate::mail::health::Health;
use crate::mail::smtp::{Smtp, Timeouts};

/// Built once, by `main` and by every test; shared by every request, job and command.
pub struct App {
    /// Where everything is kept.
    pub db: Db,
    /// Every setting.
    pub config: Config,
    /// Where `now` comes from.
    pub clock: Clock,
    /// The settings that admins can make.
    pub settings: Arc<Keeper>,
    /// Those settings as pages show them.
    shown: Shown,
    /// The key under which addresses, networks and codes are hashed.
    pub key: HashKey,
    /// Openings that wait to be written.
    pub uses: Uses,
    /// Who listens at open pages.
    pub live: Arc<Live>,
    /// Mail on its way out.
    pub post: Post,
    /// Calls webhooks.
    pub hooks: Caller,
    /// The provider at which staff may sign in, if there is one.
    pub oidc: Option<Provider>,
}

/// What handing over a mail takes.
pub struct Post {
    /// Where mails go.
    pub transport: Transport,
    /// Whether they get there.
    pub health: Health,
    /// Who they are from.
    pub sender: Sender,
}

/// Why Doorkey cannot start. Each says what to look at.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be opened or brought up to date.
    #[error("{0}; look at the setting database.url (DOORKEY_DATABASE_URL)")]
    Database(#[from] DbError),
    /// The database does not give what is needed at start.
    #[error("{0}; look at the setting database.url (DOORKEY_DATABASE_URL)")]
    Rules(#[from] Error),
    /// The mail server cannot be used as it is set.
    #[error(
        "{0}; look at the settings mail.smtp_url and mail.from (DOORKEY_SMTP_URL, DOORKEY_MAIL_FROM)"
    )]
    Mail(String),
    /// The folder for captured mail cannot be made.
    #[error("the folder for captured mail: {0}; look at the setting data_dir (DOORKEY_DATA_DIR)")]
    Mailbox(io::Error),
}

impl App {
    /// Opens the database, brings it up to date and makes the application ready for work.
    ///
    /// # Errors
    /// [`StartError`], if the settings are well-formed but do not work.
    pub async fn start(config: Config, clock: Clock) -> Result<Arc<Self>, StartError> {
        let db = Db::open(&DatabaseSettings::new(config.database.url.reveal())).await?;
        db.migrate(clock.now()).await?;
        let key = db.write(keys::hash_key).await?;
        let settings = Arc::new(Keeper::new(config.clone()));
        let shown = Shown::new(db.read(holding(&settings)).await?);
        let post = Post::new(&config)?;
        let hooks = Caller::new(config.webhooks.allow.clone());
        let oidc = config.oidc.clone().map(Provider::new);
        let uses = Uses::default();
        let live = Live::new(ids::new_id(clock.now()), caps(&config));
        let app = Self { db, config, clock, settings, shown, key, uses, live, post, hooks, oidc };
        Ok(Arc::new(app))
    }
}

/// A load test has few people and many pages.
fn caps(config: &Config) -> Caps {
    let caps = Caps::default();
    if config.limits { caps } else { Caps { person: usize::MAX, ..caps } }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Post {
    fn new(config: &Config) -> Result<Self, StartError> {
        let sender: Sender = config.mail.from.parse().map_err(|error| {
            StartError::Mail(format!("mail.from {:?}: {error}", config.mail.from))
        })?;
        let transport = match config.mail.smtp_url.clone() {
            Some(url) => {
                let smtp = Smtp::new(url, sender.clone(), Timeouts::default());
                Transport::Smtp(Box::new(smtp.map_err(StartError::Mail)?))
            }
            None => {
                let capture = Capture::open(&config.data_dir, sender.clone());
                Transport::Capture(capture.map_err(StartError::Mailbox)?)
            }
        };
        Ok(Self { transport, health: Health::default(), sender })
    }
}
