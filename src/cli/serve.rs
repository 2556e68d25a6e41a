//! `doorkey serve`: answers until it is told to stop.

mod house;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

pub(super) use house::cannot_listen;

use super::CliError;
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, Flags, systemd};
use crate::db::Db;
use crate::jobs::{self, Jobs};
pub(super) use house::House;

/// How long jobs may go on after the last request: less than the ten seconds a stop may take.
const JOBS_PATIENCE: Duration = Duration::from_secs(2);

/// Serve the portal until SIGTERM or Ctrl-C
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey serve --listen 127.0.0.1:8080 \
    --public-url https://support.example.com")]
pub struct Args {
    /// Where to listen: an address and port, or unix: and a path [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

impl Args {
    /// The settings among the arguments.
    pub fn flags(&self) -> Flags {
        self.listen.iter().map(|listen| ("listen", listen.clone())).collect()
    }
}

/// Serves. The database is brought up to date first.
pub async fn run(_args: Args, config: Config) -> Result<(), CliError> {
    let house = House::open(&config).await?;
    let stop = stop_signal()?;
    let app = App::start(config, Clock::System).await?;
    warn_of_settings(&app.db).await;
    answer(app, house, stop).await
}

/// Names settings of the database server by which what was acknowledged can be lost.
async fn warn_of_settings(db: &Db) {
    let facts = match db.inspect().await {
        Ok(facts) => facts,
        Err(error) => return tracing::warn!(%error, "cannot look at the database's settings"),
    };
    for fact in facts {
        if let Some(mend) = fact.mend {
            tracing::warn!(mend, "the database is not safe: {}", fact.found);
        }
    }
}

/// Answers in `house`, with the jobs beside it, until `stop`; then finishes what was begun.
pub(super) async fn answer(
    app: Arc<App>,
    house: House,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), CliError> {
    raise_file_limit();
    tracing::info!(address = house.address(), public_url = %app.config.server.public_url, "serving");
    let jobs = Jobs::start(&app);
    systemd::ready();
    house.serve(&app, stop).await;
    jobs.finish(JOBS_PATIENCE).await;
    jobs::uses::write(&app).await.ok();
    app.db.clone().close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Resolves at SIGTERM or SIGINT. They are caught from the call on, not from the first wait.
pub(super) fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("told to stop");
        systemd::stopping();
    })
}

/// Every connection is a file to the system, and the usual soft limit of 1,024 is far below what
/// the hard one allows.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}
