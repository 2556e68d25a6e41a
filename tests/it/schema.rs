//! Both engines keep the same things in the same way: tables, columns, types, what may be
//! missing, keys and indexes, told by each engine about itself.

use std::collections::{BTreeMap, BTreeSet};

use doorkey::clock::{Clock, Millis};
use doorkey::db::{DatabaseSettings, Db, DbError, Engine};
use doorkey::domain::entries::Visibility;
use doorkey::domain::staff::Role;
use doorkey::error::Error;

use crate::real::postgres::Postgres;
use crate::support::TestApp;

/// By table: its columns (`name type null?`) and its indexes (`unique? (columns) where?`).
pub type Schema = BTreeMap<String, (Vec<String>, BTreeSet<String>)>;

#[tokio::test]
async fn both_engines_have_the_same_schema() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = schema(&format!("sqlite:{}", folder.path().join("doorkey.db").display())).await;
    assert!(sqlite.len() >= 15, "{:?}", sqlite.keys());
    assert!(sqlite["tickets"].0.contains(&"subject TEXT NOT NULL".to_owned()), "{sqlite:#?}");
    let Some(postgres) = Postgres::create() else { return };
    let postgres = schema(&postgres.url()).await;
    assert_eq!(sqlite.keys().collect::<Vec<_>>(), postgres.keys().collect::<Vec<_>>());
    for (table, said) in &sqlite {
        assert_eq!(said.0, postgres[table].0, "columns of {table}");
        assert_eq!(said.1, postgres[table].1, "indexes of {table}");
    }
}

/// The texts with a longest length, as the migrations have them: table, column, and how many characters.
fn bounded_texts() -> Vec<(String, String, usize)> {
    let migrations = include_str!("../../migrations/0001_init.sql");
    let mut found = Vec::new();
    for table in migrations.split("CREATE TABLE ").skip(1) {
        let name = table.split_whitespace().next().unwrap();
        for line in table.lines().take_while(|line| !line.starts_with(");")) {
            let Some((_, check)) = line.split_once("CHECK (length(") else { continue };
            let (column, bound) = check.split_once(')').unwrap();
            let bound = bound.split(')').next().unwrap();
            let most = bound.rsplit_once(' ').unwrap().1.parse().unwrap();
            if !bound.contains(" = ") {
                found.push((name.to_owned(), column.to_owned(), most));
            }
        }
    }
    found
}

#[tokio::test]
async fn a_text_that_is_too_long_is_refused_by_the_database_itself() {
    let app = TestApp::start().await;
    live_a_little(&app).await;
    let mut tried = Vec::new();
    for (table, column, most) in bounded_texts() {
        // Lines of the audit log are changed by nobody, whatever their length.
        if table == "audit" || app.number(format!("SELECT count(*) FROM {table}")).await == 0 {
            continue;
        }
        for (length, fits) in [(most, true), (most + 1, false)] {
            let (table, column) = (table.clone(), column.clone());
            let done: Result<u64, Error> = app
                .db
                .write(move |tx| {
                    let text = "é".repeat(length);
                    let sql = format!("UPDATE {table} SET {column} = '{text}'");
                    Ok(tx.run(&sql, &[])?)
                })
                .await;
            assert_eq!(done.is_ok(), fits, "{length} characters: {done:?}");
        }
        tried.push(format!("{table}.{column}"));
    }
    for people_write in [
        "customers.email",
        "customers.name",
        "customers.phone",
        "customers.company",
        "customers.notes",
        "staff.name",
        "api_keys.name",
        "tickets.subject",
        "tickets.description",
        "tickets.resolution",
        "entries.body",
        "saved_views.name",
        "answers.name",
        "answers.body",
        "webhooks.url",
        "webhooks.about",
    ] {
        assert!(tried.iter().any(|it| it == people_write), "{people_write} is not in {tried:?}");
    }
}

/// One row of each kind that holds what people write.
async fn live_a_little(app: &TestApp) {
    let dana = app.at_the_desk("dana@rfs.example", Role::Admin).await;
    let program = app.admin().await;
    let ticket = app.ticket("alice@example.com", "A camera").await.reference;
    app.note(&ticket, "We come.", Visibility::Public).await.unwrap();
    app.sql("UPDATE entries SET body = 'x'").await;
    let target = serde_json::json!({ "url": "https://example.com/", "description": "x" });
    program.post("/api/v1/webhooks", &target).await.expect(201);
    dana.form("/admin/answers", &[("name", "x"), ("body", "y")]).await.expect(303);
    let view = [("name", "x"), ("query", "assignee=me")];
    dana.form("/admin/tickets/views", &view).await.expect(303);
}

/// What a database says of itself.
pub async fn schema(url: &str) -> Schema {
    let db = Db::open(&DatabaseSettings::new(url)).await.unwrap();
    db.migrate(Clock::fixed(Millis(0)).now()).await.unwrap();
    let mut schema = Schema::new();
    for table in tables(&db).await {
        let columns = columns(&db, &table).await;
        let indexes = indexes(&db, &table).await;
        schema.insert(table, (columns, indexes));
    }
    schema
}

async fn rows<T: doorkey::db::FromRow + Send + 'static>(db: &Db, sql: String) -> Vec<T> {
    let found: Result<Vec<T>, DbError> = db.read(move |tx| tx.rows(&sql, &[])).await;
    found.unwrap()
}

async fn tables(db: &Db) -> Vec<String> {
    let sql = match db.engine() {
        Engine::Sqlite => {
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' \
             AND name <> 'sqlite_schema'"
        }
        Engine::Postgres => {
            "SELECT CAST(table_name AS TEXT) FROM information_schema.tables \
             WHERE table_schema = current_schema()"
        }
    };
    rows(db, sql.to_owned()).await
}

async fn columns(db: &Db, table: &str) -> Vec<String> {
    let sql = match db.engine() {
        // A boolean is a number that may be 0 or 1 only: its check tells it apart.
        Engine::Sqlite => format!(
            "SELECT c.name, CASE \
               WHEN m.sql LIKE '%CHECK (' || c.name || ' IN (0, 1))%' THEN 'BOOLEAN' \
               WHEN c.type = 'INTEGER' THEN 'BIGINT' WHEN c.type = 'BLOB' THEN 'BYTEA' \
               ELSE c.type END, \
               c.\"notnull\" = 1 OR c.pk > 0 \
             FROM pragma_table_info('{table}') c JOIN sqlite_master m ON m.name = '{table}' \
             ORDER BY c.cid"
        ),
        Engine::Postgres => format!(
            "SELECT CAST(column_name AS TEXT), upper(CAST(data_type AS TEXT)), is_nullable = 'NO' \
             FROM information_schema.columns WHERE table_schema = current_schema() \
             AND table_name = '{table}' ORDER BY ordinal_position"
        ),
    };
    let columns: Vec<(String, String, bool)> = rows(db, sql).await;
    columns
        .into_iter()
        .map(|(name, kind, required)| {
            format!("{name} {kind}{}", if required { " NOT NULL" } else { "" })
        })
        .collect()
}

/// The indexes of a table without their names: what makes rows unique, what orders them.
async fn indexes(db: &Db, table: &str) -> BTreeSet<String> {
    match db.engine() {
        Engine::Sqlite => sqlite_indexes(db, table).await,
        Engine::Postgres => {
            let sql = format!(
                "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() \
                 AND tablename = '{table}' AND indexdef LIKE '%USING btree%'"
            );
            rows::<String>(db, sql).await.iter().map(|text| of_postgres(text)).collect()
        }
    }
}

async fn sqlite_indexes(db: &Db, table: &str) -> BTreeSet<String> {
    let list = format!(
        "SELECT l.name, l.\"unique\" = 1, COALESCE(m.sql, '') FROM pragma_index_list('{table}') l \
         LEFT JOIN sqlite_master m ON m.name = l.name"
    );
    let mut found = BTreeSet::new();
    for (name, unique, sql) in rows::<(String, bool, String)>(db, list).await {
        let columns = format!(
            "SELECT name || CASE \"desc\" WHEN 1 THEN ' DESC' ELSE '' END \
             FROM pragma_index_xinfo('{name}') WHERE key = 1 ORDER BY seqno"
        );
        let columns: Vec<String> = rows(db, columns).await;
        found.insert(describe(unique, &columns.join(", "), sql.split_once(" WHERE ")));
    }
    // `id INTEGER PRIMARY KEY` is the table's own order and needs no index of its own.
    let own = format!("SELECT name FROM pragma_table_info('{table}') WHERE pk > 0 ORDER BY pk");
    let own: Vec<String> = rows(db, own).await;
    found.insert(describe(true, &own.join(", "), None));
    found
}

/// `CREATE UNIQUE INDEX x ON public.t USING btree (a, b DESC) WHERE (…)`.
fn of_postgres(definition: &str) -> String {
    let (_, rest) = definition.split_once("USING btree (").unwrap();
    let (columns, condition) = rest.split_once(')').unwrap();
    let unique = definition.starts_with("CREATE UNIQUE");
    describe(unique, columns, condition.split_once("WHERE "))
}

/// PostgreSQL adds brackets and types to a condition; letters are what counts.
fn describe(unique: bool, columns: &str, condition: Option<(&str, &str)>) -> String {
    let condition = condition.map_or_else(String::new, |(_, condition)| {
        let bare = condition.replace("::text", "").replace(['(', ')'], "");
        format!(" WHERE {}", bare.trim())
    });
    format!("{}({columns}){condition}", if unique { "UNIQUE " } else { "" })
}
