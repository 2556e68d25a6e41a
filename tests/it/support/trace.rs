//! Which statements ran, where in the source they are written, and how much SQLite did for each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Every statement run by this process since [`record`] or [`take`].
static RAN: Mutex<Vec<Run>> = Mutex::new(Vec::new());

/// Whether nothing is noted for now.
static RESTS: AtomicBool = AtomicBool::new(false);

/// One run of a statement.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Where it is written: `src/store/links.rs`.
    pub file: String,
    pub line: u64,
    /// Its words, with `$1` for what was given.
    pub sql: String,
    pub effort: Effort,
}

/// What SQLite counted while it ran; PostgreSQL counts nothing of the kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Rows stepped to where a table is walked through whole.
    pub scanned: i64,
    pub sorts: i64,
    /// Rows put into an index that was made for this run alone.
    pub indexed: i64,
    /// Steps of SQLite's machine.
    pub steps: i64,
}

impl fmt::Display for Run {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sql: String = self.sql.chars().take(300).collect();
        write!(out, "{}:{} {sql}", self.file, self.line)
    }
}

/// What may be walked through whole, by words of the statement, and why.
const WALKED: [(&str, &str); 2] = [
    ("FROM desk_counts GROUP BY", "a few rows for each status and technician"),
    ("FROM staff ORDER BY id", "the colleagues"),
];

/// What may be sorted, and why.
const SORTED: [(&str, &str); 2] = [
    ("ORDER BY name_key, id LIMIT $3) AS named", "a few customers of one name"),
    ("FROM presences p JOIN staff", "who has one ticket open"),
];

/// What a statement does that takes the longer the more rows there are: a line each.
pub fn offences(run: &Run) -> Vec<String> {
    let Effort { scanned, sorts, indexed, .. } = run.effort;
    let is_one_of = |list: &[(&str, &str)]| list.iter().any(|(words, _)| run.sql.contains(words));
    // What is merged of several ranges is a page of each at most; a single one is in its order.
    let merged = run.sql.matches("AS arm").count() as i64;
    let mut found = Vec::new();
    if scanned > 0 && !is_one_of(&WALKED) {
        found.push(format!("steps over {scanned} rows from a table's beginning: {run}"));
    }
    if sorts > merged && !is_one_of(&SORTED) {
        found.push(format!("sorts {sorts} times: {run}"));
    }
    if indexed > 0 {
        found.push(format!("makes an index of {indexed} rows for itself: {run}"));
    }
    found
}

/// Notes every statement from now on.
pub fn record() {
    let _ = tracing::subscriber::set_global_default(Statements);
}

/// The statements that ran so far, in their order. They are forgotten.
pub fn take() -> Vec<Run> {
    std::mem::take(&mut *RAN.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Notes nothing for as long as `rests` is true: noting allocates.
pub fn rest(rests: bool) {
    RESTS.store(rests, Ordering::Relaxed);
}

/// Where the statements that ran so far are written: `("src/store/links.rs", 97)`.
pub fn ran() -> BTreeSet<(String, u64)> {
    counted().into_keys().collect()
}

/// The same, and how often each ran.
pub fn counted() -> BTreeMap<(String, u64), u64> {
    let mut counts = BTreeMap::new();
    for run in &*RAN.lock().unwrap_or_else(PoisonError::into_inner) {
        *counts.entry((run.file.clone(), run.line)).or_default() += 1;
    }
    counts
}

/// The words of the statements that ran so far, with the file they are written in.
pub fn said() -> BTreeSet<(String, String)> {
    let ran = RAN.lock().unwrap_or_else(PoisonError::into_inner);
    ran.iter().map(|run| (run.file.clone(), run.sql.clone())).collect()
}

struct Statements;

impl Subscriber for Statements {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("doorkey::db") && *metadata.level() == Level::TRACE
    }

    /// A statement is told before it runs, and its effort afterwards.
    fn event(&self, event: &Event<'_>) {
        if RESTS.load(Ordering::Relaxed) {
            return;
        }
        let mut told = Run::default();
        event.record(&mut told);
        let mut ran = RAN.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.file.is_empty() {
            ran.push(told);
        } else if let Some(last) = ran.last_mut() {
            last.effort = told.effort;
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Visit for Run {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "file" {
            self.file = value.to_owned();
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "line" {
            self.line = value;
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        match field.name() {
            "scanned" => self.effort.scanned = value,
            "sorts" => self.effort.sorts = value,
            "indexed" => self.effort.indexed = value,
            "steps" => self.effort.steps = value,
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.sql = format!("{value:?}");
        }
    }
}
