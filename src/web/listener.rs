//! Where connections come from: addresses and Unix sockets, opened by us or by systemd.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::task::{Context, Poll, ready};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::ctx::Peer;
use crate::config::Listen;
use crate::config::systemd::Socket;

/// Owner and group may connect: the proxy's user is put into the group.
const SOCKET_MODE: u32 = 0o660;

/// One place to listen on.
#[derive(Debug)]
pub enum Listener {
    /// An address.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix(UnixSocket),
}

/// A Unix socket, and its file if that is ours to remove.
#[derive(Debug)]
pub struct UnixSocket {
    listener: UnixListener,
    /// Removed when this is dropped.
    _file: Option<SocketFile>,
}

/// A connection that was just made.
pub(super) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Accepted {
    /// Who it is with.
    pub(super) fn peer(&self) -> Peer {
        match self {
            Self::Tcp(_, address) => Peer::Address(address.ip()),
            Self::Unix(_) => Peer::Unix,
        }
    }
}

impl Listener {
    /// Listens. The file of a Unix socket that nobody listens on any more is replaced; ours gets
    /// mode 0660, and is removed when the listener is dropped.
    ///
    /// # Errors
    /// Why it cannot, without the address or path.
    pub async fn bind(listen: &Listen) -> io::Result<Self> {
        match listen {
            Listen::Address(address) => TcpListener::bind(address).await.map(Self::Tcp),
            Listen::Unix(path) => {
                remove_stale(path).await?;
                let listener = UnixListener::bind(path)?;
                let file = SocketFile::of(path)?;
                Ok(Self::Unix(UnixSocket { listener, _file: Some(file) }))
            }
        }
    }

    /// Listens on what systemd opened; its file is systemd's.
    ///
    /// # Errors
    /// Those of the system.
    pub fn inherit(inherited: &Socket) -> io::Result<Self> {
        match inherited {
            Socket::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                TcpListener::from_std(listener.try_clone()?).map(Self::Tcp)
            }
            Socket::Unix(listener) => {
                listener.set_nonblocking(true)?;
                let listener = UnixListener::from_std(listener.try_clone()?)?;
                Ok(Self::Unix(UnixSocket { listener, _file: None }))
            }
        }
    }

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = ready!(listener.poll_accept(context))?;
                // Without it small answers wait for the client's delayed acknowledgement.
                let _ = stream.set_nodelay(true);
                Poll::Ready(Ok(Accepted::Tcp(stream, peer)))
            }
            Self::Unix(socket) => {
                let (stream, _) = ready!(socket.listener.poll_accept(context))?;
                Poll::Ready(Ok(Accepted::Unix(stream)))
            }
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) => address.fmt(f),
                Err(error) => error.fmt(f),
            },
            Self::Unix(socket) => match socket.listener.local_addr() {
                Ok(address) => {
                    write!(f, "unix:{}", address.as_pathname().unwrap_or(Path::new("")).display())
                }
                Err(error) => error.fmt(f),
            },
        }
    }
}

/// Several listeners, asked in turn so that none starves the others.
pub(super) struct Doors {
    listeners: Vec<Listener>,
    next: usize,
}

impl Doors {
    pub(super) fn new(listeners: Vec<Listener>) -> Self {
        Self { listeners, next: 0 }
    }

    /// The next connection of any. Dropping the future loses none.
    pub(super) async fn accept(&mut self) -> io::Result<Accepted> {
        let count = self.listeners.len();
        poll_fn(|context| {
            for step in 0..count {
                let at = (self.next + step) % count;
                if let Poll::Ready(accepted) = self.listeners[at].poll_accept(context) {
                    self.next = at + 1;
                    return Poll::Ready(accepted);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Removes a socket that a killed process left. One that is listened on is somebody else's, and a
/// file that is no socket is not ours to remove.
async fn remove_stale(path: &Path) -> io::Result<()> {
    let kind = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !kind.is_socket() {
        let text = "there is a file that is no socket";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there")),
    }
}

/// The file of a socket that we made.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    /// Device and inode: the path may be another process's by the time we end.
    identity: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(SOCKET_MODE))?;
        Ok(Self { path: path.to_owned(), identity: identity(path)? })
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            // Whoever starts next finds it stale and removes it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_is_replaced_when_stale_and_removed_at_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("d.sock");
        let listen = Listen::Unix(path.clone());
        // A process that was killed leaves its file.
        drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
        let first = Listener::bind(&listen).await.expect("a stale socket is replaced");
        assert_eq!(first.to_string(), listen.to_string());
        let mode = std::fs::metadata(&path).expect("the socket").permissions().mode();
        assert_eq!(mode & 0o777, SOCKET_MODE);
        let taken = Listener::bind(&listen).await.expect_err("one that is listened on is kept");
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_is_not_ours_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("d.sock");
        std::fs::write(&path, "precious").expect("a file");
        let refused = Listener::bind(&Listen::Unix(path.clone())).await.expect_err("a file");
        assert!(refused.to_string().contains("no socket"), "{refused}");
        std::fs::remove_file(&path).expect("the file");
        let ours = Listener::bind(&Listen::Unix(path.clone())).await.expect("a socket");
        std::fs::remove_file(&path).expect("the socket");
        std::fs::write(&path, "of the next one").expect("a file");
        drop(ours);
        assert!(path.exists(), "by now it is another's");
    }
}
