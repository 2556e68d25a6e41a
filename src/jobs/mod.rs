//! Work that goes on beside requests: one task for each line of [`schedule`].
//!
//! Every job can be killed at any moment and run by several processes at once: what it has not
//! committed is done again, by itself or by another.

pub mod customer_uploads;
pub mod deliver;
pub mod erasures;
pub mod events;
pub mod live;
pub mod log_size;
pub mod requests;
pub mod schedule;
pub mod search;
pub mod tidy;
pub mod uses;
pub mod webhooks;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::App;
use crate::error::Error;
use crate::metrics;

/// The running jobs.
pub struct Jobs {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Jobs {
    /// Starts every job.
    pub fn start(app: &Arc<App>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        schedule::spawn_all(app, &stopped, &mut tasks);
        Self { stop, tasks }
    }

    /// Lets every job finish what it is doing, for `patience` at most; what is not finished then is
    /// done again by the next process.
    pub async fn finish(mut self, patience: Duration) {
        let _ = self.stop.send(true);
        let finished = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, finished).await.is_err() {
            tracing::warn!("a job was still busy and is left to the next start");
        }
    }
}

/// Runs `work` again and again: at once while it says that there is more, else after `pause`.
async fn repeat<F, W>(
    name: &'static str,
    app: Arc<App>,
    pause: Duration,
    mut stopped: watch::Receiver<bool>,
    work: F,
) where
    F: Fn(Arc<App>) -> W + Send,
    W: Future<Output = Result<bool, Error>> + Send + 'static,
{
    while !*stopped.borrow() {
        // A task of its own: a panic ends this turn and not the job.
        let more = match tokio::spawn(work(Arc::clone(&app))).await {
            Ok(Ok(more)) => {
                metrics::job(name, Some(app.clock.now().0 as f64 / 1000.0));
                more
            }
            Ok(Err(error)) => {
                metrics::job(name, None);
                tracing::warn!(job = name, %error, "a job failed and is tried again");
                false
            }
            Err(panic) => {
                metrics::job(name, None);
                tracing::error!(job = name, %panic, "a job broke off and is tried again");
                false
            }
        };
        if !more {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stopped.changed() => {}
            }
        }
    }
}
