//! What a transaction is run for: the id of the request that led to it, which the log has as
//! `request_id`, and where that came from. It goes along silently from the edge to the database, so that no rule has to hand it on, and is kept with what is
//! done later: the mails that follow from the request, and the lines of the audit log.

use std::sync::Arc;

tokio::task_local! {
    static CAUSE: Cause;
}

/// What a transaction is run for. Nothing of it is known of what Doorkey does by itself.
#[derive(Clone, Debug, Default)]
pub struct Cause {
    /// The id of the request.
    pub request: Option<Arc<str>>,
    /// Where the request came from, roughly and in words: `192.0.2.x`.
    pub network: Option<Arc<str>>,
    /// Whether it is a command that somebody typed on the machine.
    pub is_typed: bool,
}

/// Runs `work`; every transaction that it begins is caused by the request `id` from `network`.
pub async fn caused_by<F: Future>(id: Arc<str>, network: Arc<str>, work: F) -> F::Output {
    let cause = Cause { request: Some(id), network: Some(network), is_typed: false };
    CAUSE.scope(cause, work).await
}

/// Runs `work`, a command that somebody typed on the machine.
pub async fn typed<F: Future>(work: F) -> F::Output {
    CAUSE.scope(Cause { is_typed: true, ..Cause::default() }, work).await
}

/// What is being done here.
pub fn current() -> Cause {
    CAUSE.try_with(Clone::clone).unwrap_or_default()
}
