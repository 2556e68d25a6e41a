//! Eyes on every row: the whole database as text, on either engine.

use std::collections::BTreeMap;

use doorkey::db::Engine;

use super::TestApp;

/// Every row of every table, sorted; a row is `column=value` for each column.
pub type Dump = BTreeMap<String, Vec<String>>;

impl TestApp {
    /// All tables, but for the list of migrations.
    pub async fn tables(&self) -> Vec<String> {
        let sql = match self.db.engine() {
            Engine::Sqlite => {
                "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' \
                 AND name NOT LIKE 'sqlite_%'"
            }
            Engine::Postgres => {
                "SELECT CAST(table_name AS TEXT) FROM information_schema.tables \
                 WHERE table_schema = current_schema()"
            }
        };
        let mut tables: Vec<String> = self.column(sql).await;
        tables.retain(|table| table != "migrations");
        tables.sort();
        tables
    }

    /// The columns of a table in their order, and whether each holds bytes.
    pub async fn columns(&self, table: &str) -> Vec<(String, bool)> {
        let sql = match self.db.engine() {
            Engine::Sqlite => {
                format!("SELECT name, type = 'BLOB' FROM pragma_table_info('{table}') ORDER BY cid")
            }
            Engine::Postgres => format!(
                "SELECT CAST(column_name AS TEXT), data_type = 'bytea' \
                 FROM information_schema.columns WHERE table_schema = current_schema() \
                 AND table_name = '{table}' ORDER BY ordinal_position"
            ),
        };
        self.column(sql).await
    }

    /// The whole database.
    pub async fn dump(&self) -> Dump {
        let mut dump = Dump::new();
        for table in self.tables().await {
            dump.insert(table.clone(), self.dump_of(&table).await);
        }
        dump
    }

    /// One table.
    pub async fn dump_of(&self, table: &str) -> Vec<String> {
        let hex = match self.db.engine() {
            Engine::Sqlite => "hex(#)",
            Engine::Postgres => "upper(encode(#, 'hex'))",
        };
        let columns = self.columns(table).await;
        // Drawn by lot whenever a ticket of theirs is touched, and no part of what is known of them.
        let said =
            columns.iter().filter(|(name, _)| (table, name.as_str()) != ("customers", "stamp"));
        let parts: Vec<String> = said
            .map(|(name, bytes)| {
                let quoted = format!("\"{name}\"");
                let value = match (bytes, self.db.engine()) {
                    (true, _) => hex.replace('#', &quoted),
                    // So that both engines say booleans alike.
                    (false, Engine::Postgres) => {
                        format!("CASE CAST({quoted} AS TEXT) WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE CAST({quoted} AS TEXT) END")
                    }
                    (false, Engine::Sqlite) => format!("CAST({quoted} AS TEXT)"),
                };
                format!("'{name}=' || COALESCE({value}, 'NULL')")
            })
            .collect();
        let sql = format!("SELECT {} FROM {table}", parts.join(" || ' | ' || "));
        let mut rows: Vec<String> = self.column(sql).await;
        rows.sort();
        rows
    }
}

/// The tables that differ, for the message of a failed test.
pub fn difference(before: &Dump, after: &Dump) -> String {
    let mut found = String::new();
    for (table, rows) in after {
        let old = before.get(table).cloned().unwrap_or_default();
        for row in rows.iter().filter(|row| !old.contains(row)) {
            found.push_str(&format!("+ {table}: {row}\n"));
        }
        for row in old.iter().filter(|row| !rows.contains(row)) {
            found.push_str(&format!("- {table}: {row}\n"));
        }
    }
    found
}
