//! Which statements ran, and where in the source they are written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// File and line of every statement run by this process since [`record`], and how often.
static RAN: Mutex<BTreeMap<(String, u64), u64>> = Mutex::new(BTreeMap::new());

/// File and words of the same.
static SAID: Mutex<BTreeSet<(String, String)>> = Mutex::new(BTreeSet::new());

/// Notes every statement from now on.
pub fn record() {
    let _ = tracing::subscriber::set_global_default(Statements);
}

/// Where the statements that ran so far are written: `("src/store/links.rs", 97)`.
pub fn ran() -> BTreeSet<(String, u64)> {
    counted().into_keys().collect()
}

/// The same, and how often each ran.
pub fn counted() -> BTreeMap<(String, u64), u64> {
    RAN.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The words of the statements that ran so far, with the file they are written in.
pub fn said() -> BTreeSet<(String, String)> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

struct Statements;

impl Subscriber for Statements {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("doorkey::db") && *metadata.level() == Level::TRACE
    }

    fn event(&self, event: &Event<'_>) {
        let mut place = Place::default();
        event.record(&mut place);
        let Place { file, line, sql } = place;
        SAID.lock().unwrap_or_else(PoisonError::into_inner).insert((file.clone(), sql));
        *RAN.lock().unwrap_or_else(PoisonError::into_inner).entry((file, line)).or_default() += 1;
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Place {
    file: String,
    line: u64,
    sql: String,
}

impl Visit for Place {
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

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.sql = format!("{value:?}");
        }
    }
}
