//! The tables of the schema, in an order in which rows can be added: those that others refer to
//! come first. Read off an empty database in memory, so it cannot fall behind the migrations.

use rusqlite::Connection;

use super::DbError;
use super::migrate;
use super::sqlite::failure;

/// Tables that every installation fills by itself: they do not make a database one in use.
const OWN: [&str; 2] = ["secrets", "marks"];

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    /// All columns in their order.
    pub(super) columns: Vec<String>,
    /// The columns of the primary key, as places in `columns`.
    pub(super) key: Vec<usize>,
    /// How many rows there are in a database that nobody uses, at most.
    pub(super) own_rows: i64,
    references: Vec<String>,
}

/// Every table but the list of migrations.
pub(super) fn tables() -> Result<Vec<Table>, DbError> {
    let connection = Connection::open_in_memory().map_err(bug)?;
    for text in migrate::in_words_of_sqlite() {
        connection.execute_batch(&text).map_err(bug)?;
    }
    // Virtual tables and what is behind them follow from others, by triggers.
    let names = "SELECT s.name FROM sqlite_schema s JOIN pragma_table_list(s.name) l \
         WHERE s.type = 'table' AND l.schema = 'main' AND l.type = 'table' ORDER BY s.rowid";
    let names: Vec<String> = column(&connection, names, "")?;
    let tables: Result<Vec<Table>, DbError> =
        names.into_iter().map(|name| describe(&connection, name)).collect();
    in_order(tables?)
}

fn describe(connection: &Connection, name: String) -> Result<Table, DbError> {
    let columns = "SELECT name FROM pragma_table_info(?1) ORDER BY cid";
    let key = "SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk";
    let references = "SELECT DISTINCT \"table\" FROM pragma_foreign_key_list(?1)";
    let columns: Vec<String> = column(connection, columns, &name)?;
    let key: Vec<String> = column(connection, key, &name)?;
    let place = |key: &String| columns.iter().position(|column| column == key);
    let key: Option<Vec<usize>> = key.iter().map(place).collect();
    let Some(key) = key.filter(|key| !key.is_empty()) else {
        return Err(DbError::Bug(format!("the table {name} has no primary key")));
    };
    let brought: i64 = connection
        .query_row(&format!("SELECT count(*) FROM {name}"), [], |row| row.get(0))
        .map_err(bug)?;
    let own_rows = if OWN.contains(&name.as_str()) { i64::MAX } else { brought };
    Ok(Table { references: column(connection, references, &name)?, name, columns, key, own_rows })
}

fn column(connection: &Connection, sql: &str, parameter: &str) -> Result<Vec<String>, DbError> {
    let mut statement = connection.prepare(sql).map_err(bug)?;
    let parameters: &[&str] = if parameter.is_empty() { &[] } else { &[parameter] };
    let rows = statement
        .query_map(rusqlite::params_from_iter(parameters), |row| row.get(0))
        .map_err(bug)?;
    rows.collect::<Result<_, _>>().map_err(bug)
}

/// Each after all that it refers to.
fn in_order(mut waiting: Vec<Table>) -> Result<Vec<Table>, DbError> {
    let mut ordered: Vec<Table> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let ready = waiting.iter().position(|table| {
            let is_there = |name: &String| {
                *name == table.name || ordered.iter().any(|before| before.name == *name)
            };
            table.references.iter().all(is_there)
        });
        let Some(ready) = ready else {
            let names: Vec<&str> = waiting.iter().map(|table| table.name.as_str()).collect();
            return Err(DbError::Bug(format!("tables refer to each other: {}", names.join(", "))));
        };
        ordered.push(waiting.remove(ready));
    }
    Ok(ordered)
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn bug(error: rusqlite::Error) -> DbError {
    failure(&error).error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_comes_after_those_it_refers_to() {
        let tables = tables().expect("the schema");
        let place = |name: &str| tables.iter().position(|table| table.name == name);
        assert!(place("customers") < place("tickets") && place("tickets") < place("entries"));
        assert!(place("migrations").is_none());
        let entries = &tables[place("entries").expect("a table")];
        assert_eq!(entries.columns[..2], ["ticket_id", "id"]);
        assert_eq!(entries.key, [0, 1]);
        let numbers = &tables[place("event_numbers").expect("a table")];
        assert_eq!((numbers.own_rows, entries.own_rows), (1, 0));
        assert_eq!(OWN.map(|own| place(own).is_some()), [true, true]);
    }

    #[test]
    fn a_circle_is_named() {
        let table = |name: &str, to: &str| Table {
            name: name.to_owned(),
            columns: vec![],
            key: vec![],
            own_rows: 0,
            references: vec![to.to_owned()],
        };
        let error = in_order(vec![table("a", "b"), table("b", "a"), table("c", "c")]);
        let error = error.expect_err("no order").to_string();
        assert!(error.ends_with(": a, b"), "{error}");
    }
}
