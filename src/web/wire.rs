//! A connection as hyper writes to it, with the few answers that are hyper's own put into ours.
//!
//! A request whose head cannot be read never reaches the router: hyper answers it with a bare
//! status and closes. Those answers have no headers of ours, so they are told by that, and replaced.

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::problem::Problem;
use crate::ids;

/// hyper's bare answers are shorter than this.
const BARE_MAX: usize = 256;

/// A whole answer to what never became a request.
pub fn answer(problem: &Problem, headers: &[(HeaderName, HeaderValue)]) -> Bytes {
    let id = ids::word();
    let body = problem.document(&id);
    let reason = problem.status.canonical_reason().unwrap_or("Error");
    let mut text = format!(
        "HTTP/1.1 {} {reason}\r\nconnection: close\r\ncontent-type: application/problem+json\r\n\
         content-length: {}\r\nx-request-id: {id}\r\n",
        problem.status.as_u16(),
        body.len(),
    );
    if let Some(wait) = problem.retry_after {
        text.push_str(&format!("retry-after: {}\r\n", wait.as_secs().max(1)));
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap_or_default()));
    }
    (text + "\r\n" + &body).into()
}

/// The problem in hyper's own words for a head that cannot be read, if `written` is such an answer.
fn bare(written: &[u8]) -> Option<Problem> {
    if written.len() > BARE_MAX || !written.ends_with(b"\r\n\r\n") {
        return None;
    }
    let text = std::str::from_utf8(written).ok()?.to_ascii_lowercase();
    let code = text.strip_prefix("http/1.1 4")?.get(..2)?;
    // Every answer of the router carries a request id.
    if text.contains("\r\nx-request-id:") || !text.contains("\r\ncontent-length: 0\r\n") {
        return None;
    }
    let status = StatusCode::from_bytes(format!("4{code}").as_bytes()).ok()?;
    Some(match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Problem::too_many_headers(),
        status => Problem::of_status(status),
    })
}

/// A stream on which hyper's own answers become ours, and that ends when nobody reads what is sent.
#[derive(Debug)]
pub struct Wire<S> {
    stream: S,
    headers: std::sync::Arc<[(HeaderName, HeaderValue)]>,
    /// What is being written in place of hyper's answer, and how long that one was.
    instead: Option<(Bytes, usize)>,
    /// How long something that is being sent may wait, and until when it does.
    patience: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Wire<S> {
    /// A wire that dresses hyper's answers with `headers` and waits for a reader for `patience`.
    pub fn new(
        stream: S,
        headers: std::sync::Arc<[(HeaderName, HeaderValue)]>,
        patience: Duration,
    ) -> Self {
        Self { stream, headers, instead: None, patience, waiting: None }
    }

    /// What came of sending; an error once nothing could be sent for too long.
    fn in_time<T>(
        &mut self,
        sent: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if sent.is_ready() {
            self.waiting = None;
            return sent;
        }
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(patience)));
        waiting.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    /// Writes what stands in for hyper's answer to its end, then says that hyper's was written.
    fn write_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        while let Some((rest, stands_for)) = &mut self.instead {
            if rest.is_empty() {
                let stands_for = *stands_for;
                self.instead = None;
                return Poll::Ready(Ok(stands_for));
            }
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let _ = rest.split_to(written);
        }
        Poll::Ready(Ok(0))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.instead.is_none() {
            match bare(bytes) {
                None => {
                    let sent = Pin::new(&mut self.stream).poll_write(context, bytes);
                    return self.in_time(sent, context);
                }
                Some(problem) => {
                    self.instead = Some((answer(&problem, &self.headers), bytes.len()));
                }
            }
        }
        let sent = self.write_instead(context);
        self.in_time(sent, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match slices {
            [one] => self.poll_write(context, one),
            several => {
                let sent = Pin::new(&mut self.stream).poll_write_vectored(context, several);
                self.in_time(sent, context)
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = Pin::new(&mut self.stream).poll_flush(context);
        self.in_time(sent, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.stream).poll_shutdown(context);
        self.in_time(ended, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_without_a_request_id_are_hypers_own() {
        let head = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n";
        let status = |text: String| bare(text.as_bytes()).map(|problem| problem.status.as_u16());
        assert_eq!(status(format!("{head}date: today\r\n\r\n")), Some(400));
        assert_eq!(status(format!("{head}x-request-id: abc\r\n\r\n")), None);
        assert_eq!(status(format!("{head}\r\nbody")), None);
        assert_eq!(status("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()), None);
        assert_eq!(status(format!("{head}{}\r\n\r\n", "x".repeat(300))), None);
        assert_eq!(status(String::new()), None);
    }
}
