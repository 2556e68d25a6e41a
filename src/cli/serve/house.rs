//! Everything `serve` listens on, opened before anything else so that what cannot be had is told
//! at once, and closed together.

use std::future::Future;
use std::io;
use std::sync::Arc;

use tokio::sync::watch;

use crate::app::App;
use crate::cli::CliError;
use crate::clock::Clock;
use crate::config::systemd::Door;
use crate::config::{Config, Listen};
use crate::tls::Tls;
use crate::web;
use crate::web::listener::Listener;
use crate::web::server::{Edge, Limits, serve};

/// The doors and how they are locked.
pub struct House {
    doors: Vec<Listener>,
    tls: Option<Arc<Tls>>,
    redirect: Vec<Listener>,
    metrics: Vec<Listener>,
}

impl House {
    /// Reads the certificate and opens every listener of the settings.
    pub(super) async fn open(config: &Config) -> Result<Self, CliError> {
        let tls = Tls::open(config, Clock::System).map_err(|error| {
            CliError::Failed(format!(
                "{error}; look at the settings tls.certificate and tls.key \
                 (DOORKEY_TLS_CERTIFICATE, DOORKEY_TLS_KEY)"
            ))
        })?;
        let (main, plain) = (&config.server.listen, config.tls.redirect_listen.as_ref());
        let numbers = config.server.metrics_listen.as_ref();
        let setting = "tls.redirect_listen or DOORKEY_TLS_REDIRECT_LISTEN";
        let redirect = listeners(config, Door::Redirect, plain, setting).await?;
        let setting = "metrics_listen or DOORKEY_METRICS_LISTEN";
        let metrics = listeners(config, Door::Metrics, numbers, setting).await?;
        let setting = "--listen or DOORKEY_LISTEN";
        let doors = listeners(config, Door::Main, Some(main), setting).await?;
        Ok(Self { doors, tls, redirect, metrics })
    }

    /// One door without a lock.
    pub fn of(door: Listener) -> Self {
        Self { doors: vec![door], tls: None, redirect: Vec::new(), metrics: Vec::new() }
    }

    /// Where it listens, for the log.
    pub(super) fn address(&self) -> String {
        self.doors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    /// Answers at every door until `stop`, then lets running requests finish.
    pub(super) async fn serve(self, app: &Arc<App>, stop: impl Future<Output = ()>) {
        let stopping = watch::Sender::new(false);
        let stopped = || {
            let mut stopping = stopping.subscribe();
            async move {
                // The sender lives as long as this function.
                let _ = stopping.wait_for(|stop| *stop).await;
            }
        };
        let limits = Limits::default();
        let edge = Edge { tls: self.tls.clone(), ..web::edge(Arc::clone(app), limits) };
        let redirect = async {
            if !self.redirect.is_empty() {
                let edge = web::redirect::edge(&app.config, self.tls.clone(), limits);
                serve(self.redirect, edge, stopped()).await;
            }
        };
        let metrics = async {
            if !self.metrics.is_empty() {
                let edge = web::metrics::edge(Arc::clone(app), self.tls.clone(), limits);
                serve(self.metrics, edge, stopped()).await;
            }
        };
        let keep = async {
            if let Some(tls) = &self.tls {
                tokio::select! {
                    () = tls.keep() => {}
                    () = stopped() => {}
                }
            }
        };
        let stop = async {
            stop.await;
            stopping.send_replace(true);
        };
        tokio::join!(serve(self.doors, edge, stopped()), redirect, metrics, keep, stop);
    }
}

/// The sockets that systemd opened for a door, or else the place that the settings name, if they do.
async fn listeners(
    config: &Config,
    door: Door,
    place: Option<&Listen>,
    setting: &str,
) -> Result<Vec<Listener>, CliError> {
    let inherited: Result<Vec<_>, _> =
        config.server.inherited_for(door).map(Listener::inherit).collect();
    let inherited = inherited.map_err(|error| {
        CliError::Failed(format!("cannot listen on systemd's sockets: {error}"))
    })?;
    match place {
        Some(place) if inherited.is_empty() => Ok(vec![bind(place, setting).await?]),
        _ => Ok(inherited),
    }
}

async fn bind(place: &Listen, setting: &str) -> Result<Listener, CliError> {
    Listener::bind(place).await.map_err(|error| cannot_listen(place, setting, &error))
}

/// Says what to do about a place that cannot be listened on.
pub fn cannot_listen(place: &Listen, setting: &str, error: &io::Error) -> CliError {
    let advice = match (place, error.kind()) {
        (Listen::Address(_), io::ErrorKind::PermissionDenied) => {
            "ports below 1024 need CAP_NET_BIND_SERVICE, or a socket that systemd opens"
        }
        (Listen::Address(_), io::ErrorKind::AddrNotAvailable) => {
            "name an address that this machine has"
        }
        (Listen::Address(_), _) => "stop what listens there",
        (Listen::Unix(_), _) => "its folder must be there and be ours to write in",
    };
    CliError::Failed(format!(
        "cannot listen on {place}: {error}; {advice}, or choose another place with {setting}"
    ))
}
