//! The seam from outside, on SQLite and, where a server is at hand, on PostgreSQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::migrate::{Migration, Text};
use super::*;
use crate::clock::Millis;
use crate::params;

const THINGS: &[Migration] = &[Migration {
    name: "0001_things",
    text: Text::Once(
        "CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE, flag BOOLEAN,
           hash BYTEA);
         -- clustered
         CREATE TABLE pairs (a BIGINT NOT NULL, b TEXT NOT NULL, n BIGINT NOT NULL,
           PRIMARY KEY (a, b));",
    ),
}];

const NOW: Millis = Millis(1_700_000_000_000);

/// A fresh database; its folder or schema goes with it.
struct Fresh {
    db: Db,
    settings: DatabaseSettings,
    _folder: tempfile::TempDir,
}

async fn sqlite() -> Fresh {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data/doorkey.db");
    let mut settings = DatabaseSettings::new(format!("sqlite:{}", path.display()));
    settings.wait = Duration::from_millis(500);
    settings.read_time = Duration::from_millis(300);
    fresh(settings, folder).await
}

async fn fresh(settings: DatabaseSettings, folder: tempfile::TempDir) -> Fresh {
    let db = Db::open(&settings).await.expect("a database");
    db.apply(THINGS, NOW).await.expect("migrated");
    Fresh { db, settings, _folder: folder }
}

#[expect(clippy::disallowed_methods, reason = "where the tests' server is, is no setting")]
fn server() -> Option<String> {
    std::env::var("DOORKEY_TEST_DATABASE_URL").ok()
}

/// A schema of its own on the server named by the environment; `None` without one.
async fn postgres() -> Option<Fresh> {
    let url = server()?;
    let schema = format!("db_{}", crate::ids::new_id(crate::clock::Clock::System.now()));
    let made = Db::open(&DatabaseSettings::new(&url)).await.expect("a server");
    let create = format!("CREATE SCHEMA {schema}");
    made.write(move |tx| tx.batch(&create)).await.expect("a schema");
    let mark = if url.contains('?') { '&' } else { '?' };
    let mut settings =
        DatabaseSettings::new(format!("{url}{mark}options=-csearch_path%3D{schema}"));
    settings.wait = Duration::from_millis(500);
    settings.read_time = Duration::from_millis(300);
    Some(fresh(settings, tempfile::tempdir().expect("a folder")).await)
}

/// Every engine there is to test on.
async fn engines() -> Vec<Fresh> {
    let mut engines = vec![sqlite().await];
    engines.extend(postgres().await);
    engines
}

fn add(tx: &mut Tx<'_>, id: i64, name: &str) -> Result<(), DbError> {
    tx.run("INSERT INTO things (id, name) VALUES ($1, $2)", params![id, name]).map(drop)
}

async fn names(db: &Db) -> Vec<String> {
    db.read(|tx| tx.rows("SELECT name FROM things ORDER BY name", &[])).await.expect("names")
}

#[tokio::test(flavor = "multi_thread")]
async fn values_come_back_as_they_went_in() {
    for Fresh { db, .. } in engines().await {
        let hash = [7_u8; 32];
        db.write(move |tx| -> Result<(), DbError> {
            let sql = "INSERT INTO things (id, name, flag, hash) VALUES ($1, $2, $3, $4)";
            tx.run(sql, params![1, "ä'$1", true, &hash])?;
            tx.run(sql, params![2, "", None::<bool>, None::<&[u8]>]).map(drop)
        })
        .await
        .expect("written");
        type Thing = (i64, String, Option<bool>, Option<[u8; 32]>);
        let found: Vec<Thing> = db
            .read(|tx| tx.rows("SELECT id, name, flag, hash FROM things ORDER BY id", &[]))
            .await
            .map_err(|error: DbError| error)
            .expect("read");
        let wanted =
            [(1, "ä'$1".to_owned(), Some(true), Some(hash)), (2, String::new(), None, None)];
        assert_eq!(found, wanted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_bound_by_number_and_not_by_appearance() {
    for Fresh { db, .. } in engines().await {
        let found: (String, String, String) = db
            .read(|tx| {
                let sql = "SELECT CAST($2 AS TEXT), CAST($1 AS TEXT), '$1' -- $9\n WHERE $2 <> $1";
                tx.one(sql, params!["one", "two"])
            })
            .await
            .map_err(|error: DbError| error)
            .expect("read");
        assert_eq!(found, ("two".to_owned(), "one".to_owned(), "$1".to_owned()));
        let missing: Result<Vec<i64>, DbError> =
            db.read(|tx| tx.rows("SELECT id FROM things WHERE id = $2", params![1])).await;
        assert!(matches!(missing, Err(DbError::Bug(_))), "{missing:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_undoes_its_own_work_only() {
    for Fresh { db, .. } in engines().await {
        let (good, bad) = tokio::join!(
            db.write(|tx| add(tx, 1, "good")),
            db.write(|tx| -> Result<(), DbError> {
                add(tx, 2, "bad")?;
                Err(DbError::Bug("no".to_owned()))
            }),
        );
        assert_eq!(good, Ok(()));
        assert_eq!(bad, Err(DbError::Bug("no".to_owned())));
        assert_eq!(names(&db).await, ["good"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_undoes_its_own_work_and_the_next_write_goes_on() {
    for Fresh { db, .. } in engines().await {
        let panicked = db
            .write(|tx| -> Result<(), DbError> {
                add(tx, 1, "half")?;
                panic!("as planned")
            })
            .await;
        assert!(matches!(panicked, Err(DbError::Bug(_))), "{panicked:?}");
        assert_eq!(db.write(|tx| add(tx, 2, "whole")).await, Ok(()));
        assert_eq!(names(&db).await, ["whole"]);
        let read: Result<(), DbError> = db.read(|_| panic!("as planned")).await;
        assert!(matches!(read, Err(DbError::Bug(_))));
        assert_eq!(db.ping().await, Ok(()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_statement_ends_the_transaction_even_if_it_is_ignored() {
    for Fresh { db, .. } in engines().await {
        db.write(|tx| add(tx, 1, "a")).await.expect("written");
        let ignored = db
            .write(|tx| -> Result<(), DbError> {
                add(tx, 2, "b")?;
                let _ = add(tx, 3, "a");
                let after = add(tx, 4, "c");
                assert!(matches!(after, Err(DbError::Bug(_))));
                Ok(())
            })
            .await;
        assert!(ignored.is_err_and(|error| error.is_unique("things.name")));
        assert_eq!(names(&db).await, ["a"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clashes_name_their_columns_the_same_on_both_engines() {
    for Fresh { db, .. } in engines().await {
        let pair = |tx: &mut Tx<'_>| {
            tx.run("INSERT INTO pairs (a, b, n) VALUES ($1, $2, 0)", params![1, "x"])
        };
        db.write(pair).await.expect("written");
        let clash = db.write(pair).await.expect_err("a clash");
        assert!(clash.is_unique("pairs.a,b"), "{clash:?}");
        assert!(!clash.is_unique("pairs.a"));
        db.write(|tx| add(tx, 1, "a")).await.expect("written");
        let clash = db.write(|tx| add(tx, 2, "a")).await.expect_err("a clash");
        assert!(clash.is_unique("things.name"), "{clash:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_id_is_drawn_again_three_times_at_most() {
    for Fresh { db, .. } in engines().await {
        db.write(|tx| add(tx, 1, "first")).await.expect("written");
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        let write = db.write(move |tx| {
            let run = counted.fetch_add(1, Ordering::SeqCst) + 1;
            add(tx, i64::from(run), "second")
        });
        assert_eq!(write.await, Ok(()));
        assert_eq!(runs.load(Ordering::SeqCst), 2);
        assert_eq!(names(&db).await, ["first", "second"]);

        let counted = Arc::clone(&runs);
        let write = db.write(move |tx| {
            counted.fetch_add(1, Ordering::SeqCst);
            add(tx, 1, "third")
        });
        assert!(write.await.is_err_and(|error| error.is_unique("things.id")));
        assert_eq!(runs.load(Ordering::SeqCst), 2 + 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_cannot_write() {
    for Fresh { db, .. } in engines().await {
        let written = db.read(|tx| add(tx, 1, "a")).await;
        assert!(matches!(written, Err(DbError::Bug(_))), "{written:?}");
        let written = db.scan(|tx| add(tx, 1, "a")).await;
        assert!(matches!(written, Err(DbError::Bug(_))), "{written:?}");
        assert!(names(&db).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_sees_one_moment() {
    for Fresh { db, .. } in engines().await {
        let count = "SELECT count(*) FROM things";
        let (begun, wait_begun) = std::sync::mpsc::channel();
        let (written, wait_written) = std::sync::mpsc::channel();
        let reader = db.clone();
        let read = tokio::spawn(async move {
            let look = move |tx: &mut Tx<'_>| -> Result<(i64, i64), DbError> {
                let before = tx.one(count, &[])?;
                begun.send(()).expect("a listener");
                wait_written.recv().expect("a word");
                Ok((before, tx.one(count, &[])?))
            };
            reader.scan(look).await
        });
        tokio::task::spawn_blocking(move || wait_begun.recv()).await.expect("run").expect("begun");
        db.write(|tx| add(tx, 1, "a")).await.expect("written");
        written.send(()).expect("a listener");
        assert_eq!(read.await.expect("run"), Ok((0, 0)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_survey_sees_one_moment_for_as_long_as_it_takes() {
    for Fresh { db, settings, .. } in engines().await {
        db.write(|tx| add(tx, 1, "a")).await.expect("written");
        let (begun, wait_begun) = std::sync::mpsc::channel();
        let (written, wait_written) = std::sync::mpsc::channel();
        let (reader, longer) = (db.clone(), settings.read_time * 2);
        let read = tokio::spawn(async move {
            let look = move |tx: &mut Tx<'_>| -> Result<Vec<String>, DbError> {
                begun.send(tx.one("SELECT count(*) FROM things", &[])).expect("a listener");
                wait_written.recv().expect("a word");
                std::thread::sleep(longer);
                // Much work for SQLite's machine, which looks at the clock while it works.
                let _: i64 = tx.one(
                    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
                     SELECT count(*) FROM n",
                    &[],
                )?;
                tx.rows("SELECT name FROM things ORDER BY name", &[])
            };
            reader.survey(look).await
        });
        let before = tokio::task::spawn_blocking(move || wait_begun.recv()).await.expect("run");
        assert_eq!(before.expect("begun"), Ok(1_i64));
        db.write(|tx| add(tx, 2, "b")).await.expect("written meanwhile");
        written.send(()).expect("a listener");
        assert_eq!(read.await.expect("run"), Ok(vec!["a".to_owned()]));
        let written = db.survey(|tx| add(tx, 3, "c")).await;
        assert!(matches!(written, Err(DbError::Bug(_))), "{written:?}");
        let short: Result<i64, DbError> = db
            .read(|tx| {
                tx.one(
                    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
                               SELECT count(*) FROM n",
                    &[],
                )
            })
            .await;
        assert_eq!(short, Err(DbError::Busy), "the next read has its deadline again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_takes_too_long_is_ended() {
    for Fresh { db, .. } in engines().await {
        let endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
                       SELECT count(*) FROM n";
        let read: Result<i64, DbError> = db.read(|tx| tx.one(endless, &[])).await;
        assert_eq!(read, Err(DbError::Busy));
        assert_eq!(db.ping().await, Ok(()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_begun_write_is_finished_when_nobody_waits() {
    for Fresh { db, .. } in engines().await {
        let (begun, wait_begun) = tokio::sync::oneshot::channel();
        let mut begun = Some(begun);
        let writer = db.clone();
        let write = tokio::spawn(async move {
            let work = move |tx: &mut Tx<'_>| {
                if let Some(begun) = begun.take() {
                    let _ = begun.send(());
                }
                std::thread::sleep(Duration::from_millis(50));
                add(tx, 1, "a")
            };
            writer.write(work).await
        });
        wait_begun.await.expect("begun");
        write.abort();
        assert!(write.await.expect_err("aborted").is_cancelled());
        while names(&db).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_after_closing_are_refused_and_those_before_are_kept() {
    for Fresh { db, settings, .. } in engines().await {
        let other = db.clone();
        let writes: Vec<_> = (0..50)
            .map(|id| {
                let db = db.clone();
                tokio::spawn(async move { db.write(move |tx| add(tx, id, &id.to_string())).await })
            })
            .collect();
        db.close().await;
        let mut kept = 0;
        for write in writes {
            kept += usize::from(write.await.expect("run").is_ok());
        }
        let refused = other.write(|tx| add(tx, 99, "late")).await;
        assert!(matches!(refused, Err(DbError::Unavailable(_))), "{refused:?}");
        let again = Db::open(&settings).await.expect("opened again");
        assert_eq!(names(&again).await.len(), kept);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_are_applied_once_and_newer_ones_are_accepted() {
    for Fresh { db, settings, .. } in engines().await {
        assert_eq!(db.apply(THINGS, NOW).await, Ok(Vec::new()));
        assert_eq!(db.apply(&[], NOW).await, Ok(Vec::new()), "an older program runs on");
        let newer: &[Migration] = &[
            THINGS[0],
            Migration {
                name: "0002_pair",
                text: Text::Twice {
                    sqlite: "CREATE TABLE s (x INTEGER) STRICT",
                    postgres: "CREATE TABLE s (x BIGINT)",
                },
            },
        ];
        let newer: &'static [Migration] = newer.to_vec().leak();
        let other = Db::open(&settings).await.expect("a second process");
        let (one, two) = tokio::join!(db.apply(newer, NOW), other.apply(newer, NOW));
        let mut applied = one.expect("migrated");
        applied.extend(two.expect("migrated"));
        assert_eq!(applied, ["0002_pair"], "by one of the two");
        let times: Vec<Millis> = db
            .read(|tx| tx.rows("SELECT applied_at FROM migrations", &[]))
            .await
            .map_err(|error: DbError| error)
            .expect("times");
        assert_eq!(times, [NOW, NOW]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_migrations_apply_and_a_broken_one_leaves_nothing() {
    const BROKEN: &[Migration] = &[Migration {
        name: "0009_broken",
        text: Text::Once("CREATE TABLE half (x BIGINT); CREATE TABLE things (x BIGINT);"),
    }];
    for Fresh { db, .. } in engines().await {
        let all: Vec<String> =
            migrate::ALL.iter().map(|migration| migration.name.to_owned()).collect();
        assert_eq!(db.pending_migrations().await, Ok(all.clone()));
        assert_eq!(db.migrate(NOW).await, Ok(all));
        assert_eq!(db.pending_migrations().await, Ok(Vec::new()));
        let broken = db.apply(BROKEN, NOW).await.expect_err("broken");
        assert!(broken.to_string().contains("0009_broken"), "{broken}");
        let half: Result<Vec<i64>, DbError> =
            db.read(|tx| tx.rows("SELECT x FROM half", &[])).await;
        assert!(half.is_err());
    }
}

#[tokio::test]
async fn an_address_of_no_engine_is_refused_without_its_password() {
    let error =
        Db::open(&DatabaseSettings::new("mysql://u:hunter2@h/d")).await.expect_err("refused");
    assert!(matches!(&error, DbError::Bug(text) if !text.contains("hunter2")), "{error}");
}

mod on_sqlite {
    use super::*;
    use crate::db::sqlite::pragma;

    /// Holds the write lock as another process would, for as long as it lives.
    fn lock(settings: &DatabaseSettings) -> rusqlite::Connection {
        let path = settings.url.strip_prefix("sqlite:").expect("a path");
        let other = rusqlite::Connection::open(path).expect("opened");
        other.execute_batch("BEGIN IMMEDIATE").expect("locked");
        other
    }

    type Answer = tokio::task::JoinHandle<Result<(), DbError>>;

    /// Holds the writer up until `works` all wait behind it, so that they form one group.
    async fn in_one_group<F>(db: &Db, works: Vec<F>) -> Vec<Result<(), DbError>>
    where
        F: FnMut(&mut Tx<'_>) -> Result<(), DbError> + Send + 'static,
    {
        let (begun, wait_begun) = tokio::sync::oneshot::channel();
        let (go, wait_go) = std::sync::mpsc::channel();
        let mut begun = Some(begun);
        let holding = db.clone();
        let hold = move |_: &mut Tx<'_>| -> Result<(), DbError> {
            let _ = begun.take().map(|begun| begun.send(()));
            let _ = wait_go.recv();
            Ok(())
        };
        let holder = tokio::spawn(async move { holding.write(hold).await });
        wait_begun.await.expect("begun");
        let waiting = db.clone();
        let mut answers = Vec::<Answer>::new();
        for (place, work) in works.into_iter().enumerate() {
            let db = db.clone();
            answers.push(tokio::spawn(async move { db.write(work).await }));
            // One after the other, so that they are in this order.
            while waiting.stats().waiting <= place {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        go.send(()).expect("the writer waits");
        assert_eq!(holder.await.expect("run"), Ok(()));
        let mut results = Vec::new();
        for answer in answers {
            results.push(answer.await.expect("run"));
        }
        results
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn writes_that_wait_share_a_commit_and_fail_alone() {
        let Fresh { db, _folder, .. } = sqlite().await;
        let before = db.stats();
        let works = (1..=40)
            .map(|id: i64| {
                move |tx: &mut Tx<'_>| -> Result<(), DbError> {
                    add(tx, id, &id.to_string())?;
                    match id {
                        7 => Err(DbError::Bug("no".to_owned())),
                        8 => panic!("as planned"),
                        9 => add(tx, 900, "1"),
                        _ => Ok(()),
                    }
                }
            })
            .collect();
        let answers = in_one_group(&db, works).await;
        let failed: Vec<usize> = (1..=40).filter(|place| answers[place - 1].is_err()).collect();
        assert_eq!(failed, [7, 8, 9]);
        assert!(answers[8].as_ref().is_err_and(|error| error.is_unique("things.name")));
        let after = db.stats();
        assert_eq!(after.writes - before.writes, 41);
        assert_eq!(after.commits - before.commits, 2);
        assert_eq!(names(&db).await.len(), 37);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_group_was_told_is_what_is_stored_when_the_disk_fills() {
        let Fresh { db, _folder, .. } = sqlite().await;
        let full = |tx: &mut Tx<'_>| tx.rows::<i64>("PRAGMA max_page_count = 60", &[]);
        db.write(full).await.expect("limited");
        let works = (1..=20)
            .map(|id: i64| {
                move |tx: &mut Tx<'_>| add(tx, id, &format!("{id} {}", "x".repeat(30_000)))
            })
            .collect();
        let answers = in_one_group(&db, works).await;
        let told = answers.iter().filter(|answer| answer.is_ok()).count();
        assert!(told < 20, "the disk was not full");
        for answer in answers {
            let honest = matches!(answer, Ok(()) | Err(DbError::Unavailable(_)));
            assert!(honest, "{answer:?}");
        }
        assert_eq!(names(&db).await.len(), told);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn another_process_that_writes_for_long_makes_it_busy_and_no_more() {
        let Fresh { db, settings, _folder } = sqlite().await;
        let other = lock(&settings);
        assert_eq!(db.write(|tx| add(tx, 1, "a")).await, Err(DbError::Busy));
        assert_eq!(db.ping().await, Ok(()), "readers are not held up");
        drop(other);
        assert_eq!(db.write(|tx| add(tx, 1, "a")).await, Ok(()));
    }

    /// A database whose writes wait a second, and somebody who holds its lock.
    async fn locked() -> (Fresh, rusqlite::Connection) {
        let mut fresh = sqlite().await;
        fresh.settings.wait = Duration::from_secs(1);
        fresh.db = Db::open(&fresh.settings).await.expect("opened");
        let other = lock(&fresh.settings);
        (fresh, other)
    }

    /// Begins to add a thing, and answers with how it went and how long it took.
    fn adding(db: &Db, id: i64) -> tokio::task::JoinHandle<(Result<(), DbError>, Duration)> {
        let db = db.clone();
        tokio::spawn(async move {
            let begun = Instant::now();
            let added = db.write(move |tx| add(tx, id, &id.to_string())).await;
            (added, begun.elapsed())
        })
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn waits_for_another_process_do_not_add_up() {
        let (Fresh { db, _folder, .. }, other) = locked().await;
        let first = adding(&db, 1);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let behind = [adding(&db, 2), adding(&db, 3)];
        assert_eq!(first.await.expect("run").0, Err(DbError::Busy));
        for write in behind {
            let (answer, took) = write.await.expect("run");
            assert_eq!(answer, Err(DbError::Busy));
            assert!(took >= Duration::from_millis(990), "it has its whole time: {took:?}");
            assert!(took < Duration::from_millis(1600), "it waited for others, too: {took:?}");
        }
        drop(other);
        assert_eq!(adding(&db, 4).await.expect("run").0, Ok(()));
        assert_eq!(names(&db).await, ["4"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_came_later_is_not_refused_with_the_first_of_a_group() {
        let (Fresh { db, _folder, .. }, other) = locked().await;
        let alone = adding(&db, 1);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let early = adding(&db, 2);
        tokio::time::sleep(Duration::from_millis(800)).await;
        // It finds itself in one group with the one before, whose time is over first.
        let late = adding(&db, 3);
        assert_eq!(alone.await.expect("run").0, Err(DbError::Busy));
        assert_eq!(early.await.expect("run").0, Err(DbError::Busy));
        drop(other);
        assert_eq!(late.await.expect("run").0, Ok(()));
        assert_eq!(names(&db).await, ["3"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_write_whose_time_is_over_is_done_if_nobody_holds_the_lock() {
        let Fresh { db, settings, _folder } = sqlite().await;
        let long = settings.wait + Duration::from_millis(200);
        let holding = db.clone();
        let holder = tokio::spawn(async move {
            let hold = move |tx: &mut Tx<'_>| {
                std::thread::sleep(long);
                add(tx, 1, "1")
            };
            holding.write(hold).await
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(adding(&db, 2).await.expect("run").0, Ok(()));
        assert_eq!(holder.await.expect("run"), Ok(()));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_full_disk_is_told_and_outlived() {
        let Fresh { db, _folder, .. } = sqlite().await;
        let limit = |pages: i64| {
            move |tx: &mut Tx<'_>| tx.rows::<i64>(&format!("PRAGMA max_page_count = {pages}"), &[])
        };
        db.write(limit(1)).await.expect("set to what it has");
        let full = db.write(|tx| add(tx, 1, &"x".repeat(1_000_000))).await;
        assert!(matches!(full, Err(DbError::Unavailable(_))), "{full:?}");
        db.write(limit(1_000_000)).await.expect("room again");
        assert_eq!(db.write(|tx| add(tx, 1, "small")).await, Ok(()));
        assert_eq!(names(&db).await, ["small"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_connections_are_as_safe_as_they_say() {
        let Fresh { db, _folder, .. } = sqlite().await;
        let look = |tx: &mut Tx<'_>| -> Result<(i64, i64, i64, String), DbError> {
            Ok((
                tx.one("PRAGMA synchronous", &[])?,
                tx.one("PRAGMA foreign_keys", &[])?,
                tx.one("PRAGMA trusted_schema", &[])?,
                tx.one("PRAGMA journal_mode", &[])?,
            ))
        };
        let wanted = (2, 1, 0, "wal".to_owned());
        assert_eq!(db.read(look).await, Ok(wanted.clone()));
        assert_eq!(db.write(look).await, Ok(wanted));
        let query_only = db.read(|tx| tx.one::<i64>("PRAGMA query_only", &[])).await;
        assert_eq!(query_only, Ok(1));
    }

    #[test]
    fn a_weaker_pragma_is_refused() {
        let connection = rusqlite::Connection::open_in_memory().expect("opened");
        assert!(crate::db::sqlite::set(&connection, "no_such_pragma", 1).is_err());
        assert_eq!(crate::db::sqlite::set(&connection, "synchronous", 2), Ok(()));
        assert_eq!(pragma(&connection, "synchronous"), Ok(2));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn tables_are_strict_and_clustered_as_marked() {
        let Fresh { db, _folder, .. } = sqlite().await;
        let wrong = db
            .write(|tx| tx.run("INSERT INTO things (id, name) VALUES ($1, $2)", params!["x", "y"]))
            .await;
        assert!(matches!(wrong, Err(DbError::Bug(_))), "{wrong:?}");
        let tables: Vec<(String, i64, i64)> = db
            .read(|tx| {
                tx.rows(
                    "SELECT name, wr, strict FROM pragma_table_list
                     WHERE schema = 'main' AND type = 'table' AND name <> 'sqlite_schema'
                     ORDER BY name",
                    &[],
                )
            })
            .await
            .map_err(|error: DbError| error)
            .expect("tables");
        let wanted = [("migrations", 0, 1), ("pairs", 1, 1), ("things", 0, 1)];
        assert_eq!(tables, wanted.map(|(name, wr, strict)| (name.to_owned(), wr, strict)));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn the_folder_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let fresh = sqlite().await;
        let path = Path::new(fresh.settings.url.strip_prefix("sqlite:").expect("a path"));
        let folder = path.parent().expect("a folder").metadata().expect("there");
        assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    }
}

mod on_postgres {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_lost_connection_is_replaced() {
        let Some(Fresh { db, .. }) = postgres().await else { return };
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        let write = db.write(move |tx| {
            if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                tx.one::<bool>("SELECT pg_terminate_backend(pg_backend_pid())", &[])?;
            }
            add(tx, 1, "a")
        });
        assert_eq!(write.await, Ok(()));
        assert_eq!(runs.load(Ordering::SeqCst), 2);
        let always = db
            .write(|tx| tx.one::<bool>("SELECT pg_terminate_backend(pg_backend_pid())", &[]))
            .await;
        assert!(matches!(always, Err(DbError::Unavailable(_))), "{always:?}");
        assert_eq!(names(&db).await, ["a"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn two_that_wait_for_each_other_both_get_through() {
        let Some(Fresh { db, .. }) = postgres().await else { return };
        db.write(|tx| add(tx, 1, "a").and_then(|()| add(tx, 2, "b"))).await.expect("written");
        let both = Arc::new(std::sync::Barrier::new(2));
        let runs = Arc::new(AtomicU32::new(0));
        let lock = |first: i64, second: i64| {
            let (db, both, runs) = (db.clone(), Arc::clone(&both), Arc::clone(&runs));
            let mut met = false;
            tokio::spawn(async move {
                let work = move |tx: &mut Tx<'_>| -> Result<(), DbError> {
                    runs.fetch_add(1, Ordering::SeqCst);
                    let sql = "UPDATE things SET flag = true WHERE id = $1";
                    // The server looks for a deadlock only after a second.
                    tx.batch("SET LOCAL lock_timeout = 0")?;
                    tx.run(sql, params![first])?;
                    if !std::mem::replace(&mut met, true) {
                        both.wait();
                    }
                    tx.run(sql, params![second]).map(drop)
                };
                db.write(work).await
            })
        };
        let (one, two) = tokio::join!(lock(1, 2), lock(2, 1));
        assert_eq!((one.expect("run"), two.expect("run")), (Ok(()), Ok(())));
        // The one that ran again may begin before the other commits, and then runs once more.
        assert!(runs.load(Ordering::SeqCst) >= 3, "one of the two ran again");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_row_locked_for_long_makes_it_busy() {
        let Some(Fresh { db, .. }) = postgres().await else { return };
        db.write(|tx| add(tx, 1, "a")).await.expect("written");
        let (locked, wait_locked) = std::sync::mpsc::channel();
        let (done, wait_done) = std::sync::mpsc::channel::<()>();
        let holder = db.clone();
        let holder = tokio::spawn(async move {
            let work = move |tx: &mut Tx<'_>| -> Result<(), DbError> {
                let sql = format!("SELECT id FROM things{}", tx.dialect().for_update());
                tx.rows::<i64>(&sql, &[])?;
                locked.send(()).expect("a listener");
                let _ = wait_done.recv();
                Ok(())
            };
            holder.write(work).await
        });
        tokio::task::spawn_blocking(move || wait_locked.recv())
            .await
            .expect("run")
            .expect("locked");
        let late = db.write(|tx| tx.run("UPDATE things SET flag = true", &[])).await;
        assert_eq!(late, Err(DbError::Busy));
        let sql = "SELECT id FROM things FOR UPDATE SKIP LOCKED";
        assert_eq!(db.write(|tx| tx.rows::<i64>(sql, &[])).await, Ok(Vec::new()));
        done.send(()).expect("the holder waits");
        assert_eq!(holder.await.expect("run"), Ok(()));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_statement_survives_a_changed_schema() {
        let Some(Fresh { db, .. }) = postgres().await else { return };
        db.write(|tx| add(tx, 1, "a")).await.expect("written");
        let look = |tx: &mut Tx<'_>| tx.rows::<i64>("SELECT * FROM things", &[]);
        assert_eq!(db.read(look).await, Ok(vec![1]));
        db.write(|tx| tx.batch("ALTER TABLE things ADD COLUMN more TEXT")).await.expect("changed");
        assert_eq!(db.read(look).await, Ok(vec![1]));
    }

    /// The address with further options of the server.
    fn with(settings: &DatabaseSettings, options: &str) -> DatabaseSettings {
        DatabaseSettings::new(format!("{}{options}", settings.url))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_that_does_not_let_it_write_is_unavailable_and_no_mistake() {
        let Some(Fresh { settings, .. }) = postgres().await else { return };
        // As a standby refuses `READ WRITE`, and as other servers may.
        for code in ["0A000", "25006"] {
            let url = settings.url.clone();
            let refused = tokio::task::spawn_blocking(move || {
                let (config, tls) = tls::read_url(&url).expect("an address");
                let mut session = session::Session::connect(&config, tls).expect("a session");
                let begin = format!(
                    "BEGIN; DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$"
                );
                let attempt = session.transact(&begin, &mut |tx: &mut Tx<'_>| add(tx, 1, "a"));
                (attempt.result, attempt.again, session.is_usable())
            });
            let (result, again, usable) = refused.await.expect("run");
            assert!(matches!(result, Err(DbError::Unavailable(_))), "{result:?}");
            assert_eq!((again, usable), (Some(error::Again::Reconnect), false));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_standby_answers_and_is_not_ready() {
        let Some(Fresh { db, settings, .. }) = postgres().await else { return };
        assert_eq!(db.check_writable().await, Ok(()));
        let standby =
            "CREATE FUNCTION pg_is_in_recovery () RETURNS boolean LANGUAGE sql RETURN true";
        db.write(|tx| tx.batch(standby)).await.expect("said to be one");
        let db = Db::open(&with(&settings, "%2Cpg_catalog")).await.expect("opened");
        assert_eq!(db.ping().await, Ok(()));
        let refused = db.check_writable().await;
        assert!(matches!(refused, Err(DbError::Unavailable(_))), "{refused:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn commits_are_on_disk_even_if_the_server_would_not_wait_for_that() {
        let Some(Fresh { settings, .. }) = postgres().await else { return };
        for (set, found) in [("off", "on"), ("remote_write", "remote_write"), ("on", "on")] {
            let options = format!("%20-csynchronous_commit%3D{set}");
            let db = Db::open(&with(&settings, &options)).await.expect("opened");
            let sql = "SELECT current_setting('synchronous_commit')";
            assert_eq!(db.write(|tx| tx.one::<String>(sql, &[])).await.as_deref(), Ok(found));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_that_is_not_there_is_unavailable() {
        let nowhere = DatabaseSettings::new("postgres://doorkey:hunter2@127.0.0.1:1/doorkey");
        let error = Db::open(&nowhere).await.expect_err("nobody there");
        assert!(
            matches!(&error, DbError::Unavailable(text) if !text.contains("hunter2")),
            "{error}"
        );
    }
}
