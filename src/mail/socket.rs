//! The streams under an SMTP conversation.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// How much is looked at for the end of a line.
const AHEAD: usize = 1024;

/// A plain connection that gives at most one line at a time.
///
/// The reader above keeps what it got when TLS begins. Were that more than the line which says
/// "go ahead", somebody on the way could slip answers in before TLS that count as said within
/// it (the STARTTLS injection, CVE-2011-0411). This way they reach the handshake, which fails.
#[derive(Debug)]
pub(super) struct Lines(pub(super) TcpStream);

impl AsyncRead for Lines {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; AHEAD];
        let room = AHEAD.min(buf.remaining());
        let seen = ready!(self.0.poll_peek(cx, &mut ReadBuf::new(&mut bytes[..room])))?;
        let newline = bytes[..seen].iter().position(|byte| *byte == b'\n');
        let line = newline.map_or(seen, |at| at + 1);
        let mut taken = ReadBuf::new(&mut bytes[..line]);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut taken))?;
        buf.put_slice(taken.filled());
        Poll::Ready(Ok(()))
    }
}

/// A connection that was encrypted from its first byte.
#[derive(Debug)]
pub(super) struct Encrypted(pub(super) TlsStream<TcpStream>);

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

/// Writing needs no care of its own.
macro_rules! write_through {
    ($stream:ty) => {
        impl AsyncWrite for $stream {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.0).poll_write(cx, bytes)
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.0).poll_flush(cx)
            }

            fn poll_shutdown(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut self.0).poll_shutdown(cx)
            }
        }
    };
}

write_through!(Lines);
write_through!(Encrypted);

impl AsyncTokioStream for Lines {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }
}

impl AsyncTokioStream for Encrypted {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}
