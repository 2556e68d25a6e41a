//! What a page is measured against, in the same run on the same machine: a server that does nothing
//! but answer, the statements of a page in a bare loop, a commit for each write, and the disk alone.
//!
//! Each prints one JSON object, or runs until it is killed.

use std::error::Error;
use std::fs::OpenOptions;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::serve::ListenerExt as _;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use serde_json::{Value, json};
use tokio::net::TcpListener;

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

const USAGE: &str = "floors hello ADDRESS BYTES | reads DATABASE PLAN SECONDS THREADS | \
    commits DATABASE SECONDS | fsync FILE SECONDS";

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["hello", address, bytes] => hello(address, bytes.parse()?),
        ["reads", database, plan, seconds, threads] => {
            reads(Path::new(database), Path::new(plan), time(seconds)?, threads.parse()?)
        }
        ["commits", database, seconds] => commits(Path::new(database), time(seconds)?),
        ["fsync", file, seconds] => fsync(Path::new(file), time(seconds)?),
        _ => Err(USAGE.into()),
    }
}

fn time(seconds: &str) -> Result<Duration, Box<dyn Error + Send + Sync>> {
    Ok(Duration::from_secs_f64(seconds.parse()?))
}

/// A server on `address` that answers every request with the same `bytes` bytes.
fn hello(address: &str, bytes: usize) -> Outcome {
    let body = Bytes::from(vec![b'x'; bytes]);
    let answer = move || async move { ([(CONTENT_TYPE, "text/html; charset=utf-8")], body) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?.tap_io(|stream| {
            // As every server does that answers at once; without it some answers wait 40 ms.
            let _ = stream.set_nodelay(true);
        });
        Ok(axum::serve(listener, Router::new().fallback(answer)).await?)
    })
}

/// A statement with what is bound to `$1`, `$2`, …
struct Statement {
    sql: String,
    values: Vec<(usize, Sql)>,
}

/// The statements of one page.
type Page = Vec<Statement>;

/// Reads pages in a loop on each of `threads` threads, each page in a transaction of its own.
fn reads(database: &Path, plan: &Path, time: Duration, threads: usize) -> Outcome {
    let plan: Value = serde_json::from_slice(&std::fs::read(plan)?)?;
    let pages: Arc<Vec<Page>> = Arc::new(list(&plan)?.iter().map(page).collect::<Result<_, _>>()?);
    let (done, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let begun = Instant::now();
    let workers: Vec<_> = (0..threads)
        .map(|worker| {
            let (pages, done, over) = (Arc::clone(&pages), Arc::clone(&done), Arc::clone(&over));
            let connection = open(database)?;
            Ok(thread::spawn(move || {
                // Apart from each other, so that no two ask for the same.
                let from = worker * pages.len() / threads;
                for page in pages.iter().cycle().skip(from) {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    read(&connection, page)?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, rusqlite::Error>(())
            }))
        })
        .collect::<Result<_, rusqlite::Error>>()?;
    thread::sleep(time);
    over.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.join().map_err(|_| "a reader panicked")??;
    }
    let rate = done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64();
    println!("{}", json!({ "per_second": rate }));
    Ok(())
}

fn list(value: &Value) -> Result<&Vec<Value>, Box<dyn Error + Send + Sync>> {
    value.as_array().ok_or_else(|| "the plan is a list of pages, each a list of statements".into())
}

fn page(value: &Value) -> Result<Page, Box<dyn Error + Send + Sync>> {
    list(value)?.iter().map(statement).collect()
}

/// Reads `["SELECT …", [1, "text", {"hex": "00ff"}]]`.
fn statement(value: &Value) -> Result<Statement, Box<dyn Error + Send + Sync>> {
    let sql = value[0].as_str().ok_or("a statement is a text")?.to_owned();
    let values = list(&value[1])?.iter().map(bound).collect::<Result<Vec<_>, _>>()?;
    Ok(Statement { sql, values: values.into_iter().enumerate().collect() })
}

fn bound(value: &Value) -> Result<Sql, Box<dyn Error + Send + Sync>> {
    Ok(match value {
        Value::Null => Sql::Null,
        Value::Number(number) => Sql::Integer(number.as_i64().ok_or("a whole number")?),
        Value::String(text) => Sql::Text(text.clone()),
        _ => Sql::Blob(bytes(value["hex"].as_str().ok_or("a value")?)?),
    })
}

fn bytes(hex: &str) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    (0..hex.len()).step_by(2).map(|at| Ok(u8::from_str_radix(&hex[at..at + 2], 16)?)).collect()
}

/// A connection as the program's readers have it.
fn open(database: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    connection.execute_batch(
        "PRAGMA synchronous = 2; PRAGMA foreign_keys = 1; PRAGMA trusted_schema = 0; \
         PRAGMA temp_store = 2; PRAGMA cache_size = -16384; PRAGMA mmap_size = 0",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Runs a page's statements and looks at every value of every row.
fn read(connection: &Connection, page: &Page) -> rusqlite::Result<()> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    for Statement { sql, values } in page {
        let mut statement = connection.prepare_cached(sql)?;
        for (index, value) in values {
            // SQLite numbers `$2` by where it first stands, so it is bound by its name.
            let name = format!("${}", index + 1);
            if let Some(slot) = statement.parameter_index(&name)? {
                statement.raw_bind_parameter(slot, value)?;
            }
        }
        let columns = statement.column_count();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                std::hint::black_box(row.get_ref(column)?);
            }
        }
    }
    connection.prepare_cached("ROLLBACK")?.execute([])?;
    Ok(())
}

/// Adds rows as large as a reply to a table of its own, one commit each.
fn commits(database: &Path, time: Duration) -> Outcome {
    let connection = Connection::open(database)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = 2; \
         CREATE TABLE IF NOT EXISTS replies (id INTEGER PRIMARY KEY, at INTEGER, body TEXT) STRICT",
    )?;
    let body = "It still beeps every hour, and the lamp is red now. ".repeat(4);
    let took = measure(time, |_| {
        let sql = "INSERT INTO replies (at, body) VALUES (?1, ?2)";
        let values = [Sql::Integer(1), Sql::Text(body.clone())];
        connection.prepare_cached(sql)?.execute(params_from_iter(values))?;
        Ok(())
    })?;
    print(took);
    Ok(())
}

/// Writes a page and has it put on disk, again and again.
fn fsync(file: &Path, time: Duration) -> Outcome {
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(file)?;
    let page = [7; 4_096];
    let took = measure(time, |round| {
        // The log of a database grows, and begins again from time to time.
        file.seek(SeekFrom::Start((round % 1_000) * page.len() as u64))?;
        file.write_all(&page)?;
        Ok(file.sync_data()?)
    })?;
    print(took);
    Ok(())
}

fn measure(
    time: Duration,
    mut step: impl FnMut(u64) -> Outcome,
) -> Result<Vec<Duration>, Box<dyn Error + Send + Sync>> {
    let begun = Instant::now();
    let mut took = Vec::new();
    while begun.elapsed() < time {
        let one = Instant::now();
        step(took.len() as u64)?;
        took.push(one.elapsed());
    }
    Ok(took)
}

fn print(mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let total: Duration = took.iter().sum();
    println!(
        "{}",
        json!({
            "per_second": took.len() as f64 / total.as_secs_f64(),
            "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0),
        })
    );
}
