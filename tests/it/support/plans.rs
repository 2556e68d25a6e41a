//! How PostgreSQL went about each statement, told by itself: its `auto_explain` sends the plan of
//! every run to the client, with the rows that each step really gave.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use log::{LevelFilter, Log, Metadata, Record};
use serde_json::Value;

use super::TestApp;

/// Plans told since [`take`].
static TOLD: Mutex<Vec<Value>> = Mutex::new(Vec::new());

/// What a session is asked to tell, at the end of a database's URL. Only a superuser may ask.
const OPTIONS: [&str; 6] = [
    "session_preload_libraries=auto_explain",
    "auto_explain.log_min_duration=0",
    "auto_explain.log_level=notice",
    "auto_explain.log_format=json",
    "auto_explain.log_analyze=on",
    "auto_explain.log_timing=off",
];

/// Hears plans from now on, of sessions opened by the URL that it answers.
pub fn listen(url: &str) -> String {
    // Another test of this process may listen already.
    let _ = log::set_logger(&Ears);
    log::set_max_level(LevelFilter::Info);
    let options = OPTIONS.map(|option| format!("-c%20{}", option.replace('=', "%3D")));
    format!("{url}?options={}", options.join("%20"))
}

/// The plans told so far. They are forgotten.
pub fn take() -> Vec<Value> {
    std::mem::take(&mut *TOLD.lock().unwrap_or_else(PoisonError::into_inner))
}

struct Ears;

impl Log for Ears {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "postgres::config"
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let notice = record.args().to_string();
        if let Some((_, plan)) = notice.split_once("plan:\n") {
            let plan = serde_json::from_str(plan).unwrap();
            TOLD.lock().unwrap_or_else(PoisonError::into_inner).push(plan);
        }
    }

    fn flush(&self) {}
}

/// Rows that a page may take up, sort or pass over in one step of a plan: a search looks at 2,000 tickets
/// one by one, and an index still holds what they were before they were changed.
const MOST: f64 = 3_000.0;

/// Tables that have more rows than a page may take up, as the last `ANALYZE` saw them.
pub async fn large_tables(app: &TestApp) -> BTreeSet<String> {
    let sql = format!(
        "SELECT CAST(relname AS TEXT) FROM pg_class WHERE relkind = 'r' AND reltuples > {MOST} \
         AND relnamespace = CAST('public' AS regnamespace)"
    );
    app.column(sql).await.into_iter().collect()
}

/// What a plan does that takes the longer the more rows there are in the `large` tables: a line each.
pub fn offences(told: &Value, large: &BTreeSet<String>) -> Vec<String> {
    let sql = told["Query Text"].as_str().unwrap();
    let mut found = Vec::new();
    judge(&told["Plan"], large, &mut found);
    found.into_iter().map(|offence| format!("{offence}: {sql}")).collect()
}

fn judge(step: &Value, large: &BTreeSet<String>, found: &mut Vec<String>) {
    let kind = step["Node Type"].as_str().unwrap();
    let table = step["Relation Name"].as_str().unwrap_or_default();
    let name = step["Index Name"].as_str().unwrap_or(table);
    let rows = taken_up(step);
    if kind == "Seq Scan" && large.contains(table) {
        found.push(format!("reads {table} from its beginning"));
    } else if kind.contains("Scan") && rows > MOST {
        found.push(format!("takes up {rows} rows of {name}"));
    } else if kind.contains("Sort") && rows > MOST {
        found.push(format!("sorts {rows} rows"));
    }
    for part in step["Plans"].as_array().into_iter().flatten() {
        judge(part, large, found);
    }
}

/// The rows that a step gave or passed over, in all its runs.
fn taken_up(step: &Value) -> f64 {
    let number = |name: &str| step[name].as_f64().unwrap_or_default();
    let passed = ["Rows Removed by Filter", "Rows Removed by Index Recheck"].map(number);
    (number("Actual Rows") + passed.iter().sum::<f64>()) * number("Actual Loops")
}
