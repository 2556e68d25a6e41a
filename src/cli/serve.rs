//! `doorkey serve`: answers until it is told to stop.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::CliError;
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, Flags, Listen, systemd};
use crate::jobs::{self, Jobs};
use crate::web;
use crate::web::listener::Listener;
use crate::web::server::Limits;

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
    let listeners = listeners(&config).await?;
    let stop = stop_signal()?;
    let app = App::start(config, Clock::System).await?;
    answer(app, listeners, stop).await
}

/// Answers on `listeners`, with the jobs beside it, until `stop`; then finishes what was begun.
pub(super) async fn answer(
    app: Arc<App>,
    listeners: Vec<Listener>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), CliError> {
    raise_file_limit();
    let address = listeners.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    tracing::info!(address, public_url = %app.config.server.public_url, "serving");
    let jobs = Jobs::start(&app);
    systemd::ready();
    web::server::serve(listeners, web::edge(Arc::clone(&app), Limits::default()), stop).await;
    jobs.finish(JOBS_PATIENCE).await;
    jobs::uses::write(&app).await.ok();
    app.db.clone().close().await;
    tracing::info!("stopped");
    Ok(())
}

/// The sockets that systemd opened, or else the place that the settings name.
async fn listeners(config: &Config) -> Result<Vec<Listener>, CliError> {
    match config.server.inherited.as_slice() {
        [] => {
            let place = &config.server.listen;
            let listener = Listener::bind(place).await;
            Ok(vec![listener.map_err(|error| cannot_listen(place, &error))?])
        }
        inherited => {
            let listeners: Result<Vec<_>, _> = inherited.iter().map(Listener::inherit).collect();
            listeners.map_err(|error| {
                CliError::Failed(format!("cannot listen on systemd's sockets: {error}"))
            })
        }
    }
}

/// Says what to do about a place that cannot be listened on.
pub(super) fn cannot_listen(place: &Listen, error: &io::Error) -> CliError {
    let advice = match place {
        Listen::Address(_) => "stop what listens there",
        Listen::Unix(_) => "its folder must be there and be ours to write in",
    };
    CliError::Failed(format!(
        "cannot listen on {place}: {error}; {advice}, \
         or choose another place with --listen or DOORKEY_LISTEN"
    ))
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
