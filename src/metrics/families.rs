//! Every family of metrics: its name, what it says, its labels.

use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

use super::process;

/// Bounds of requests, in seconds: pages take milliseconds, a search perhaps seconds.
const REQUEST_TIMES: [f64; 11] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];
/// Bounds of transactions, in seconds: a read takes some 30 µs, a commit waits for the disk.
const DB_TIMES: [f64; 10] = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0];

/// Every family that is counted as it happens; the others are looked up when they are asked for.
pub(super) struct Families {
    pub(super) registry: Registry,
    pub(super) requests: IntCounterVec,
    pub(super) request_times: HistogramVec,
    pub(super) in_flight: IntGauge,
    pub(super) connections_open: IntGauge,
    pub(super) connections_refused: IntCounterVec,
    pub(super) streams: IntGaugeVec,
    pub(super) streams_refused: IntCounterVec,
    pub(super) reads: Histogram,
    pub(super) scans: Histogram,
    pub(super) writes: Histogram,
    pub(super) deliveries: IntCounterVec,
    pub(super) deliveries_in_flight: IntGaugeVec,
    pub(super) webhook_calls: IntCounterVec,
    pub(super) link_requests: IntCounterVec,
    pub(super) job_successes: GaugeVec,
    pub(super) job_failures: IntCounterVec,
    pub(super) slow_statements: IntCounter,
    pub(super) moment: Moment,
}

/// What is set anew for each answer.
pub(super) struct Moment {
    pub(super) build: IntGaugeVec,
    pub(super) db_commits: IntCounter,
    pub(super) db_writes: IntCounter,
    pub(super) db_waiting: IntGauge,
    pub(super) db_log: Gauge,
    pub(super) outbox_mails: IntGaugeVec,
    pub(super) outbox_age: GaugeVec,
    pub(super) outbox_stuck: IntGaugeVec,
    pub(super) mail_paused: IntGauge,
    pub(super) certificate_end: Gauge,
    pub(super) disk_free: Gauge,
    pub(super) disk_total: Gauge,
    pub(super) process: process::Families,
}

impl Families {
    pub(super) fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let times = vec_of_histograms(
            &registry,
            "doorkey_db_transaction_duration_seconds",
            "Transactions from asking for them to their answer, by kind: read, scan, write",
            &["kind"],
            &DB_TIMES,
        )?;
        let families = Self {
            requests: counters(
                &registry,
                "doorkey_http_requests_total",
                "Answers, by route, method and class of status",
                &["route", "method", "status"],
            )?,
            request_times: vec_of_histograms(
                &registry,
                "doorkey_http_request_duration_seconds",
                "From a request's head to its answer's head, by route and method",
                &["route", "method"],
                &REQUEST_TIMES,
            )?,
            in_flight: gauge(
                &registry,
                "doorkey_http_requests_in_flight",
                "Requests that are being answered",
            )?,
            connections_open: gauge(&registry, "doorkey_connections_open", "Open connections")?,
            connections_refused: counters(
                &registry,
                "doorkey_connections_refused_total",
                "Connections for which there was no room, by what was full: all, network",
                &["full"],
            )?,
            streams: int_gauges(
                &registry,
                "doorkey_streams_open",
                "Open streams of events, one for each page in sight, by kind: desk, portal",
                &["kind"],
            )?,
            streams_refused: counters(
                &registry,
                "doorkey_streams_refused_total",
                "Streams for which there was no room, by what was full: all, person",
                &["full"],
            )?,
            reads: times.with_label_values(&["read"]),
            scans: times.with_label_values(&["scan"]),
            writes: times.with_label_values(&["write"]),
            deliveries: counters(
                &registry,
                "doorkey_mail_deliveries_total",
                "Attempts to hand a mail over, by outcome: sent, deferred, refused, paused",
                &["outcome"],
            )?,
            deliveries_in_flight: int_gauges(
                &registry,
                "doorkey_mail_deliveries_in_flight",
                "Mails that this process is handing over, by lane (sign_in, notices)",
                &["lane"],
            )?,
            webhook_calls: counters(
                &registry,
                "doorkey_webhook_calls_total",
                "Calls of webhooks, by outcome: taken, failed",
                &["outcome"],
            )?,
            link_requests: counters(
                &registry,
                "doorkey_link_requests_total",
                "Requests for a link at the portal's door, by result: accepted, limited",
                &["result"],
            )?,
            job_successes: gauges(
                &registry,
                "doorkey_job_last_success_timestamp_seconds",
                "When a job last came to its end",
                &["job"],
            )?,
            job_failures: counters(
                &registry,
                "doorkey_job_failures_total",
                "Turns of a job that failed",
                &["job"],
            )?,
            slow_statements: counter(
                &registry,
                "doorkey_db_slow_statements_total",
                "Statements that took longer than the setting log_slow",
            )?,
            moment: Moment::new(&registry)?,
            registry,
        };
        families.begin_at_zero();
        Ok(families)
    }

    /// What has not happened yet is told as 0: a rate that begins with its first event misses it.
    fn begin_at_zero(&self) {
        for outcome in ["sent", "deferred", "refused", "paused"] {
            self.deliveries.with_label_values(&[outcome]);
        }
        for lane in super::LANES {
            self.deliveries_in_flight.with_label_values(&[lane]);
        }
        for outcome in ["taken", "failed"] {
            self.webhook_calls.with_label_values(&[outcome]);
        }
        for result in ["accepted", "limited"] {
            self.link_requests.with_label_values(&[result]);
        }
        for kind in ["desk", "portal"] {
            self.streams.with_label_values(&[kind]);
        }
        for full in ["all", "person"] {
            self.streams_refused.with_label_values(&[full]);
        }
        for full in ["all", "network"] {
            self.connections_refused.with_label_values(&[full]);
        }
    }
}

impl Moment {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let plain = |name: &str, help: &str| add(registry, Gauge::new(name, help));
        Ok(Self {
            build: int_gauges(
                registry,
                "doorkey_build_info",
                "Which version runs, on which database engine",
                &["version", "engine"],
            )?,
            db_commits: counter(
                registry,
                "doorkey_db_commits_total",
                "Commits; on SQLite one may hold many writes",
            )?,
            db_writes: counter(
                registry,
                "doorkey_db_writes_total",
                "Write transactions that ran to an answer",
            )?,
            db_waiting: gauge(
                registry,
                "doorkey_db_writes_waiting",
                "Writes in the queue to SQLite's writer, which takes 1024",
            )?,
            db_log: plain("doorkey_db_log_bytes", "Size of SQLite's log (-wal)")?,
            outbox_mails: int_gauges(
                registry,
                "doorkey_outbox_mails",
                "Mails to be handed over, counted up to 10000, by lane (sign_in, notices) and \
                 state: due, later (with those that are being handed over)",
                &["lane", "state"],
            )?,
            outbox_age: gauges(
                registry,
                "doorkey_outbox_oldest_due_seconds",
                "For how long the mail that waits longest has been due",
                &["lane"],
            )?,
            outbox_stuck: int_gauges(
                registry,
                "doorkey_outbox_stuck_mails",
                "Mails that wait for a person, counted up to 10000, by state: held, failed",
                &["state"],
            )?,
            mail_paused: gauge(
                registry,
                "doorkey_mail_paused",
                "1 while the mail server does not let us in at all",
            )?,
            certificate_end: plain(
                "doorkey_tls_certificate_expiry_timestamp_seconds",
                "When the certificate of HTTPS ends; 0 without one",
            )?,
            disk_free: plain("doorkey_disk_free_bytes", "Room on the disk with data_dir")?,
            disk_total: plain("doorkey_disk_size_bytes", "Size of the disk with data_dir")?,
            process: process::Families::new(registry)?,
        })
    }
}

/// Registers a family.
pub(super) fn add<C: Collector + Clone + 'static>(
    registry: &Registry,
    family: prometheus::Result<C>,
) -> prometheus::Result<C> {
    let family = family?;
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

fn counter(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntCounter> {
    add(registry, IntCounter::new(name, help))
}

fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntCounterVec> {
    add(registry, IntCounterVec::new(Opts::new(name, help), labels))
}

fn gauge(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntGauge> {
    add(registry, IntGauge::new(name, help))
}

fn gauges(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<GaugeVec> {
    add(registry, GaugeVec::new(Opts::new(name, help), labels))
}

fn int_gauges(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntGaugeVec> {
    add(registry, IntGaugeVec::new(Opts::new(name, help), labels))
}

fn vec_of_histograms(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
    bounds: &[f64],
) -> prometheus::Result<HistogramVec> {
    let options = HistogramOpts::new(name, help).buckets(bounds.to_vec());
    add(registry, HistogramVec::new(options, labels))
}
