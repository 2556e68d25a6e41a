//! A slow statement is told with its place and its plan, and without a word of what it was about.

use std::fmt::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use doorkey::db::log_slow;
use doorkey::error::Error;
use doorkey::params;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::TestApp;

/// What was told of slow statements, a line each.
static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Ears;

impl Subscriber for Ears {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "doorkey::db::slow"
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        TOLD.lock().unwrap_or_else(PoisonError::into_inner).push(line.0);
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
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

/// What was told of this file since the last time it was asked for.
fn told() -> Vec<String> {
    let lines = std::mem::take(&mut *TOLD.lock().unwrap_or_else(PoisonError::into_inner));
    lines.into_iter().filter(|line| line.contains("slow.rs")).collect()
}

#[tokio::test]
async fn a_slow_statement_is_told_with_its_place_and_its_plan() {
    let _ = tracing::subscriber::set_global_default(Ears);
    let app = TestApp::start().await;
    app.customer("ana@cafe-lumen.example").await;
    log_slow(Some(Duration::ZERO));

    let look = || {
        app.db.read(|tx| {
            let sql = "SELECT id FROM customers WHERE email_key = $1 AND name <> $2";
            let line = line!() + 1;
            let id: Option<i64> = tx.row(sql, params!["ana@cafe-lumen.example", "Nobody"])?;
            Ok::<_, Error>((id.is_some(), line))
        })
    };
    let (found, line) = look().await.unwrap();
    assert!(found);
    let lines = told();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for part in [format!("line={line} "), "duration_ms=".to_owned(), "customers".to_owned()] {
        assert!(lines[0].contains(&part), "{part:?} is not in {}", lines[0]);
    }
    assert!(lines[0].to_lowercase().contains("index"), "by its index: {}", lines[0]);
    for secret in ["cafe-lumen", "Nobody"] {
        assert!(!lines[0].contains(secret), "{}", lines[0]);
    }
    // Once is enough for a while.
    look().await.unwrap();
    assert_eq!(told(), [""; 0]);

    // A write is told as well, and does what it does.
    let change = |name: &'static str| {
        app.db.write(move |tx| {
            let sql = "UPDATE customers SET name = $2 WHERE email_key = $1";
            let changed = tx.run(sql, params!["ana@cafe-lumen.example", name])?;
            Ok::<_, Error>(changed)
        })
    };
    assert_eq!(change("Ana Costa").await.unwrap(), 1);
    let lines = told();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("customers") && !lines[0].contains("Costa"), "{}", lines[0]);

    // A statement that fails leaves the next transaction as it should be.
    let broken = app.db.write(|tx| {
        let rows: Vec<i64> =
            tx.rows("SELECT id FROM customers WHERE email_key = $1", params!["x"])?;
        tx.run("INSERT INTO customers (id) VALUES ($1)", params![1_i64])?;
        Ok::<_, Error>(rows)
    });
    broken.await.expect_err("columns are missing");
    assert_eq!(change("Ana").await.unwrap(), 1);

    log_slow(None);
    told();
    assert_eq!(change("Ana Costa").await.unwrap(), 1);
    assert_eq!(told(), [""; 0]);
}
