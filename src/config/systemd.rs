//! What systemd says in the environment: the sockets it opened for us, and where it wants to hear
//! how we are (sd_listen_fds(3), sd_notify(3)).

use std::fmt;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use listenfd::ListenFd;
use sd_notify::NotifyState;

use super::ConfigError;

/// A socket that was opened before we were started.
#[derive(Clone)]
pub enum Inherited {
    /// On an address.
    Tcp(Arc<TcpListener>),
    /// On a path.
    Unix(Arc<UnixListener>),
}

impl Inherited {
    /// Whether only this machine reaches it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(listener) => listener.local_addr().is_ok_and(|at| at.ip().is_loopback()),
            Self::Unix(_) => true,
        }
    }
}

impl fmt::Debug for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(listener) => listener.fmt(f),
            Self::Unix(listener) => listener.fmt(f),
        }
    }
}

/// Takes the sockets of `LISTEN_FDS`, if `LISTEN_PID` says that they are for this process. They
/// can be taken once; the variables are removed, so this must be called while the process has
/// one thread.
pub(super) fn sockets() -> Result<Vec<Inherited>, ConfigError> {
    let mut handed = ListenFd::from_env();
    let count = handed.len();
    (0..count).map(|index| socket(&mut handed, index)).collect()
}

fn socket(handed: &mut ListenFd, index: usize) -> Result<Inherited, ConfigError> {
    if let Ok(Some(listener)) = handed.take_tcp_listener(index) {
        return Ok(Inherited::Tcp(Arc::new(listener)));
    }
    match handed.take_unix_listener(index) {
        Ok(Some(listener)) => Ok(Inherited::Unix(Arc::new(listener))),
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
