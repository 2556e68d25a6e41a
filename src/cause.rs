//! What a transaction is run for: the id of the request that led to it, which the log has as
//! `request_id`. It goes along silently from the edge to the database, so that no rule has to hand it on, and is kept with what is
//! done later: the mails that follow from the request.

use std::sync::Arc;

tokio::task_local! {
    static CAUSE: Arc<str>;
}

/// Runs `work`; every transaction that it begins is caused by the request `id`.
pub async fn caused_by<F: Future>(id: Arc<str>, work: F) -> F::Output {
    CAUSE.scope(id, work).await
}

/// The request that is being answered here, if one is.
pub fn current() -> Option<Arc<str>> {
    CAUSE.try_with(Arc::clone).ok()
}
