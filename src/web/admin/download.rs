//! A file of any length that is made while it is read, and never whole in memory.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse as _;
use hyper::body::Frame;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::db::DbError;
use crate::error::Error;
use crate::web::problem::Problem;
use crate::web::reply::Reply;

/// Parts that wait for their reader.
const AHEAD: usize = 4;
/// How long a part waits: whoever takes none for so long is gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// Both ends of a file: where its parts go in, and what answers with them.
pub(super) fn pipe() -> (Sender, Parts) {
    let (sender, parts) = mpsc::channel(AHEAD);
    (Sender { parts: sender, runtime: Handle::current() }, Parts(parts))
}

/// Where the parts of a file go in.
#[derive(Clone)]
pub(super) struct Sender {
    parts: mpsc::Sender<Result<Bytes, CutOff>>,
    runtime: Handle,
}

impl Sender {
    /// Sends a part, as soon as its reader has room. For threads that may wait.
    ///
    /// # Errors
    /// [`Stop::Gone`] if nobody takes it.
    pub(super) fn send(&self, part: Vec<u8>) -> Result<(), Stop> {
        let sent = timeout(PATIENCE, self.parts.send(Ok(Bytes::from(part))));
        if matches!(self.runtime.block_on(sent), Ok(Ok(()))) { Ok(()) } else { Err(Stop::Gone) }
    }

    /// Ends the file: well, or so that its reader does not take what they have for all of it.
    pub(super) fn end<T>(&self, made: Result<T, Stop>, what: &str) {
        let cause = match made {
            Ok(_) => return,
            Err(Stop::Gone) => "its reader went".to_owned(),
            Err(Stop::Failed(error)) => Problem::from(error).chain(),
        };
        tracing::warn!(what, cause, "a file was cut off");
        let _ = self.parts.try_send(Err(CutOff));
    }
}

/// Answers with a file called `name`.
pub(super) fn answer(parts: Parts, name: &str, kind: &'static str) -> Reply {
    let name = format!("attachment; filename=\"{name}\"");
    let name = HeaderValue::from_str(&name).map_err(|error| Problem::internal().because(error))?;
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(kind)), (CONTENT_DISPOSITION, name)];
    Ok((headers, Body::new(parts)).into_response())
}

/// Why a file ends before its end.
pub(super) enum Stop {
    /// Nobody takes it any more.
    Gone,
    /// It cannot be made.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<DbError> for Stop {
    fn from(error: DbError) -> Self {
        Self::Failed(error.into())
    }
}

/// The file ended before its end.
#[derive(Debug, thiserror::Error)]
#[error("the file was cut off")]
pub(super) struct CutOff;

/// The parts as they come.
pub(super) struct Parts(mpsc::Receiver<Result<Bytes, CutOff>>);

impl hyper::body::Body for Parts {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        let part = self.get_mut().0.poll_recv(context);
        part.map(|part| part.map(|part| part.map(Frame::data)))
    }
}
