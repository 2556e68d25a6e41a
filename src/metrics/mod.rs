//! What Prometheus is told. Like the log, it is one per process and everybody may write to it; a
//! record is an addition or two and allocates nothing.
//!
//! Labels hold words of our own only: routes, methods, kinds. Never an address, a reference, a
//! token or anything else that a person sent, so their number is bounded as well.

mod families;
mod process;

use std::sync::LazyLock;
use std::time::Duration;

use prometheus::{Encoder as _, TextEncoder};

use families::{Families, Moment};

/// None if one of the names below were malformed: then nothing is told, and a test says so.
static FAMILIES: LazyLock<Option<Families>> = LazyLock::new(|| match Families::new() {
    Ok(families) => Some(families),
    Err(error) => {
        tracing::error!(%error, "metrics cannot be kept");
        None
    }
});

fn count(record: impl FnOnce(&Families)) {
    if let Some(families) = FAMILIES.as_ref() {
        record(families);
    }
}

/// What is said at one moment: everything that is not counted as it happens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Snapshot {
    /// `sqlite` or `postgres`.
    pub engine: &'static str,
    /// Commits since the start.
    pub commits: u64,
    /// Write transactions since the start.
    pub writes: u64,
    /// Writes that wait.
    pub waiting: usize,
    /// The size of SQLite's log.
    pub log_bytes: u64,
    /// By lane: mails that are due, those that are later, for how long the first has been due.
    /// None if the database does not say.
    pub outbox: Option<[(i64, i64, Duration); 2]>,
    /// Mails that a person has to look after, by state. None if the database does not say.
    pub stuck: Option<[(&'static str, i64); 2]>,
    /// Whether sending mail is paused.
    pub mail_paused: bool,
    /// When the certificate ends, in seconds since 1970.
    pub certificate_end: Option<f64>,
    /// Bytes that are free, and all, on the disk with the data.
    pub disk: Option<(u64, u64)>,
}

/// The names of the lanes of mail, in their order.
const LANES: [&str; 2] = ["sign_in", "notices"];

/// Everything in Prometheus's text format, version 0.0.4.
///
/// # Errors
/// If a family cannot be written down, which is a bug.
pub fn text(now: &Snapshot) -> Result<String, prometheus::Error> {
    let missing = || prometheus::Error::Msg("there are no families".to_owned());
    let families = FAMILIES.as_ref().ok_or_else(missing)?;
    families.moment.set(now);
    let mut text = Vec::new();
    TextEncoder::new().encode(&families.registry.gather(), &mut text)?;
    String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
}

impl Moment {
    fn set(&self, now: &Snapshot) {
        self.build.with_label_values(&[env!("CARGO_PKG_VERSION"), now.engine]).set(1);
        // Two who ask at once may both add the same step; the next answer is right again.
        self.db_commits.inc_by(now.commits.saturating_sub(self.db_commits.get()));
        self.db_writes.inc_by(now.writes.saturating_sub(self.db_writes.get()));
        self.db_waiting.set(i64::try_from(now.waiting).unwrap_or(i64::MAX));
        self.db_log.set(now.log_bytes as f64);
        for (lane, (due, later, age)) in LANES.iter().zip(now.outbox.iter().flatten()) {
            self.outbox_mails.with_label_values(&[lane, "due"]).set(*due);
            self.outbox_mails.with_label_values(&[lane, "later"]).set(*later);
            self.outbox_age.with_label_values(&[lane]).set(age.as_secs_f64());
        }
        for (state, mails) in now.stuck.into_iter().flatten() {
            self.outbox_stuck.with_label_values(&[state]).set(mails);
        }
        self.mail_paused.set(i64::from(now.mail_paused));
        self.certificate_end.set(now.certificate_end.unwrap_or_default());
        if let Some((free, all)) = now.disk {
            self.disk_free.set(free as f64);
            self.disk_total.set(all as f64);
        }
        self.process.set();
    }
}

/// A request that is being answered, until it is dropped.
#[derive(Debug)]
pub struct InFlight(());

impl InFlight {
    /// Counts one more.
    pub fn begin() -> Self {
        count(|families| families.in_flight.inc());
        Self(())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        count(|families| families.in_flight.dec());
    }
}

/// Counts an answer. `route` is the pattern, `-` for none; a method that nobody speaks is `other`.
pub fn request(route: &str, method: &str, status: u16, took: Duration) {
    const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    const CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];
    let method = METHODS.into_iter().find(|known| *known == method).unwrap_or("other");
    let class = CLASSES.get(usize::from(status / 100)).unwrap_or(&CLASSES[0]);
    count(|families| {
        families.requests.with_label_values(&[route, method, class]).inc();
        families.request_times.with_label_values(&[route, method]).observe(took.as_secs_f64());
    });
}

/// An open connection, until it is dropped.
#[derive(Debug)]
pub struct OpenConnection(());

impl OpenConnection {
    /// Counts one more.
    pub fn begin() -> Self {
        count(|families| families.connections_open.inc());
        Self(())
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        count(|families| families.connections_open.dec());
    }
}

/// Whose pages a stream of events belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// The staff's.
    Desk,
    /// A customer's.
    Portal,
}

impl StreamKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Desk => "desk",
            Self::Portal => "portal",
        }
    }
}

/// An open stream of events, until it is dropped.
#[derive(Debug)]
pub struct OpenStream(StreamKind);

impl OpenStream {
    /// Counts one more.
    pub fn begin(kind: StreamKind) -> Self {
        count(|families| families.streams.with_label_values(&[kind.as_str()]).inc());
        Self(kind)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        count(|families| families.streams.with_label_values(&[self.0.as_str()]).dec());
    }
}

/// Counts a stream for which there was no room: not for its `person`, or for nobody.
pub fn stream_refused(person: bool) {
    let full = if person { "person" } else { "all" };
    count(|families| families.streams_refused.with_label_values(&[full]).inc());
}

/// Counts a connection for which there was no room: not for its `network`, or for nobody.
pub fn connection_refused(network: bool) {
    let full = if network { "network" } else { "all" };
    count(|families| families.connections_refused.with_label_values(&[full]).inc());
}

/// Kinds of transactions.
#[derive(Clone, Copy, Debug)]
pub enum Transaction {
    /// A read of few rows.
    Read,
    /// A read of many.
    Scan,
    /// A write.
    Write,
}

/// Counts a transaction, with the wait for its turn.
pub fn transaction(kind: Transaction, took: Duration) {
    let took = took.as_secs_f64();
    count(|families| match kind {
        Transaction::Read => families.reads.observe(took),
        Transaction::Scan => families.scans.observe(took),
        Transaction::Write => families.writes.observe(took),
    });
}

/// Counts a statement that took too long.
pub fn slow_statement() {
    count(|families| families.slow_statements.inc());
}

/// Counts an attempt to hand a mail over: `sent`, `deferred`, `refused` or `paused`.
pub fn delivery(outcome: &'static str) {
    count(|families| families.deliveries.with_label_values(&[outcome]).inc());
}

/// A mail that is being handed over, until it is dropped.
#[derive(Debug)]
pub struct Delivering(&'static str);

impl Delivering {
    /// Counts one more of this lane, 0 for sign-in mails and 1 for notices.
    pub fn begin(lane: i64) -> Self {
        let lane = LANES[usize::from(lane != 0)];
        count(|families| families.deliveries_in_flight.with_label_values(&[lane]).inc());
        Self(lane)
    }
}

impl Drop for Delivering {
    fn drop(&mut self) {
        count(|families| families.deliveries_in_flight.with_label_values(&[self.0]).dec());
    }
}

/// Counts a call of a webhook.
pub fn webhook_call(taken: bool) {
    let outcome = if taken { "taken" } else { "failed" };
    count(|families| families.webhook_calls.with_label_values(&[outcome]).inc());
}

/// Counts a request for a link.
pub fn link_request(limited: bool) {
    let result = if limited { "limited" } else { "accepted" };
    count(|families| families.link_requests.with_label_values(&[result]).inc());
}

/// Notes that a turn of a job came to its end at `at`, in seconds since 1970, or failed.
pub fn job(name: &'static str, at: Option<f64>) {
    count(|families| {
        let failures = families.job_failures.with_label_values(&[name]);
        match at {
            Some(at) => families.job_successes.with_label_values(&[name]).set(at),
            None => failures.inc(),
        }
    });
}
