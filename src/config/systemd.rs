//! What systemd says in the environment: the sockets it opened for us, and where it wants to hear
//! how we are (sd_listen_fds(3), sd_notify(3)).

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use listenfd::ListenFd;
use sd_notify::NotifyState;

use super::ConfigError;

/// A socket that was opened before we were started.
#[derive(Clone, Debug)]
pub struct Inherited {
    /// What it is for.
    pub door: Door,
    /// The socket itself.
    pub socket: Socket,
}

/// What a socket is for: the `FileDescriptorName=` of its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Everything: any other name, or none. In place of the setting `listen`.
    Main,
    /// The way to HTTPS: `redirect`. In place of `tls.redirect_listen`.
    Redirect,
    /// Prometheus: `metrics`. In place of `metrics_listen`.
    Metrics,
}

/// A listening socket.
#[derive(Clone, Debug)]
pub enum Socket {
    /// On an address.
    Tcp(Arc<TcpListener>),
    /// On a path.
    Unix(Arc<UnixListener>),
}

impl Socket {
    /// Whether only this machine reaches it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(listener) => listener.local_addr().is_ok_and(|at| at.ip().is_loopback()),
            Self::Unix(_) => true,
        }
    }
}

impl Door {
    fn named(name: &str) -> Self {
        match name {
            "redirect" => Self::Redirect,
            "metrics" => Self::Metrics,
            _ => Self::Main,
        }
    }
}

/// Takes the sockets of `LISTEN_FDS`, if `LISTEN_PID` says that they are for this process. They
/// can be taken once; the variables are removed, so this must be called while the process has
/// one thread.
#[expect(clippy::disallowed_methods, reason = "part of the one reader of the environment")]
pub(super) fn sockets() -> Result<Vec<Inherited>, ConfigError> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut handed = ListenFd::from_env();
    let count = handed.len();
    let take = |index| {
        let door = Door::named(names.next().unwrap_or_default());
        Ok(Inherited { door, socket: socket(&mut handed, index)? })
    };
    (0..count).map(take).collect()
}

fn socket(handed: &mut ListenFd, index: usize) -> Result<Socket, ConfigError> {
    if let Ok(Some(listener)) = handed.take_tcp_listener(index) {
        return Ok(Socket::Tcp(Arc::new(listener)));
    }
    match handed.take_unix_listener(index) {
        Ok(Some(listener)) => Ok(Socket::Unix(Arc::new(listener))),
        _ => Err(ConfigError(vec![format!(
            "LISTEN_FDS: file descriptor {} is no listening TCP or Unix stream socket; \
             give the .socket unit ListenStream= lines only",
            index + 3
        )])),
    }
}

/// Tells systemd that requests are answered from now on. Nothing, where it did not ask.
pub fn ready() {
    say(NotifyState::Ready);
}

/// Tells systemd that the end has begun.
pub fn stopping() {
    say(NotifyState::Stopping);
}

fn say(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd (NOTIFY_SOCKET) cannot be told how we are");
    }
}
