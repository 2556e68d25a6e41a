//! One session with PostgreSQL: prepared statements, and what its errors mean.

use std::collections::HashMap;
use std::error::Error as _;
use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use postgres::binary_copy::BinaryCopyInWriter;
use postgres::error::SqlState;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Config, SimpleQueryMessage, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{Again, Failure};
use super::slow::{self, Slow};
use super::tx::{Attempt, Link, attempt};
use super::value::{Row, Source};
use super::{DbError, FromRow, Tx, Value};

/// Prepared statements kept per session. The program has fewer; past it the cache starts anew.
const STATEMENTS: usize = 1024;

/// An acknowledged write is on disk, even where the server's settings leave that to chance. Other
/// values, which may wait for standbys, too, stay as they are.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false)
     WHERE current_setting('synchronous_commit') = 'off'";

/// Connecting takes milliseconds.
const LONG: Duration = Duration::from_secs(5);

/// A session and the statements it has prepared.
pub(super) struct Session {
    client: Client,
    /// By the parameters' types, as NULL leaves the type to the server.
    statements: HashMap<Vec<Type>, HashMap<String, Statement>>,
    broken: bool,
    /// Statements of this transaction that took too long.
    pub(super) slow: Vec<Slow>,
}

impl Session {
    pub(super) fn connect(config: &Config, tls: MakeRustlsConnect) -> Result<Self, DbError> {
        let connecting = || {
            let mut client = config.connect(tls)?;
            client.batch_execute(DURABLE)?;
            Ok(client)
        };
        let client = telling_if_long(LONG, warn_of_waiting, connecting)
            .map_err(|error: postgres::Error| DbError::Unavailable(describe(&error)))?;
        Ok(Self { client, statements: HashMap::new(), broken: false, slow: Vec::new() })
    }

    /// False if it must not be used again.
    pub(super) fn is_usable(&self) -> bool {
        !self.broken && !self.client.is_closed()
    }

    /// The server's process behind this session.
    pub(super) fn server_process(&mut self) -> Result<Option<String>, DbError> {
        // Nothing is prepared for it: what answers may be a pooler.
        let sql = "SELECT pg_backend_pid()";
        let messages = self.client.simple_query(sql);
        let messages = messages.map_err(|error| self.failure(&error, sql).error)?;
        Ok(messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    }

    /// Runs `work` once between `begin` and a commit, or a rollback if it fails.
    pub(super) fn transact<T, E: From<DbError>>(
        &mut self,
        begin: &str,
        work: &mut impl FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Attempt<T, E> {
        let attempt = self.transact_once(begin, work);
        for slow in std::mem::take(&mut self.slow) {
            slow.tell(&self.plan(&slow.sql));
        }
        attempt
    }

    fn transact_once<T, E: From<DbError>>(
        &mut self,
        begin: &str,
        work: &mut impl FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Attempt<T, E> {
        if let Err(failure) = self.begin(begin) {
            self.broken = true;
            return failed(failure);
        }
        let attempt = attempt(Link::Postgres(self), work);
        if attempt.result.is_err() {
            self.broken |= self.batch("ROLLBACK").is_err();
            return attempt;
        }
        match self.batch("COMMIT") {
            Ok(()) => attempt,
            Err(failure) => {
                self.broken = true;
                failed(in_commit(failure))
            }
        }
    }

    /// Begins a transaction. A server that does not let it write is a standby: as good as lost, until
    /// it is promoted or the address leads to another.
    fn begin(&mut self, sql: &str) -> Result<(), Failure> {
        let begun = self.client.batch_execute(sql);
        begun.map_err(|error| match error.code().map(SqlState::code) {
            Some("0A000" | "25006") => lost(&error),
            _ => self.failure(&error, sql),
        })
    }

    /// How PostgreSQL goes about a statement, whatever its parameters are.
    fn plan(&mut self, sql: &str) -> String {
        let unknown = "unknown".to_owned();
        if !self.is_usable() {
            return unknown;
        }
        let Ok(messages) = self.client.simple_query(&slow::script(sql)) else {
            // What it left behind is not worth finding out.
            self.broken = true;
            return unknown;
        };
        let steps: Vec<&str> = messages
            .iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            })
            .map(str::trim)
            .collect();
        steps.join("; ")
    }

    pub(super) fn rows<T: FromRow>(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
    ) -> Result<Vec<T>, Failure> {
        let statement = self.prepare(sql, params)?;
        let rows = self
            .client
            .query(&statement, &by_reference(params))
            .map_err(|error| self.failure(&error, sql))?;
        rows.iter()
            .map(|row| T::from_row(&Row(Source::Postgres(row))))
            .collect::<Result<_, _>>()
            .map_err(|error| match error {
                DbError::Bug(text) => Failure::bug(format!("{text}: {sql}")),
                other => other.into(),
            })
    }

    pub(super) fn run(&mut self, sql: &str, params: &[Value<'_>]) -> Result<u64, Failure> {
        let statement = self.prepare(sql, params)?;
        self.client
            .execute(&statement, &by_reference(params))
            .map_err(|error| self.failure(&error, sql))
    }

    pub(super) fn batch(&mut self, sql: &str) -> Result<(), Failure> {
        self.client.batch_execute(sql).map_err(|error| self.failure(&error, ""))
    }

    /// Adds rows by binary COPY. The table says of which types they are.
    pub(super) fn load(
        &mut self,
        table: &str,
        columns: &[&str],
        values: &[Value<'_>],
    ) -> Result<u64, Failure> {
        let names = columns.join(", ");
        let shape = self.prepare(&format!("SELECT {names} FROM {table}"), &[])?;
        let types: Vec<Type> =
            shape.columns().iter().map(|column| column.type_().clone()).collect();
        let sql = format!("COPY {table} ({names}) FROM STDIN BINARY");
        let added = copy_in(&mut self.client, &sql, &types, values);
        added.map_err(|error| self.failure(&error, &sql))
    }

    /// The statement, prepared now or before. The parameters' types are told to the server:
    /// left to guess, it takes `$1` in `$1 + 1` for a 32-bit number.
    fn prepare(&mut self, sql: &str, params: &[Value<'_>]) -> Result<Statement, Failure> {
        let types: Vec<Type> = params.iter().map(type_of).collect();
        let known = self.statements.get(&types).and_then(|statements| statements.get(sql));
        if let Some(statement) = known {
            return Ok(statement.clone());
        }
        let statement =
            self.client.prepare_typed(sql, &types).map_err(|error| self.failure(&error, sql))?;
        if self.statements.values().map(HashMap::len).sum::<usize>() >= STATEMENTS {
            self.statements.clear();
        }
        let statements = self.statements.entry(types).or_default();
        statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// What an error means to a caller, and whether this session survives it.
    fn failure(&mut self, error: &postgres::Error, sql: &str) -> Failure {
        let failure = if error.as_db_error().is_some() {
            told_by_server(error, sql)
        } else if self.client.is_closed() || is_disconnect(error) {
            lost(error)
        } else {
            Failure::bug(format!("{}: {sql}", describe(error)))
        };
        self.broken |= matches!(failure.again, Some(Again::Reconnect | Again::Reprepare));
        failure
    }
}

/// Does `work`, and calls `tell` if that takes longer than `time`.
fn telling_if_long<T>(
    time: Duration,
    tell: impl FnOnce() + Send + 'static,
    work: impl FnOnce() -> T,
) -> T {
    let (done, waiting) = mpsc::channel::<()>();
    let watch = move || {
        if waiting.recv_timeout(time) == Err(mpsc::RecvTimeoutError::Timeout) {
            tell();
        }
    };
    // Without a thread to spare nothing is told.
    let _ = thread::Builder::new().name("doorkey-connect".to_owned()).spawn(watch);
    let result = work();
    drop(done);
    result
}

fn warn_of_waiting() {
    tracing::warn!(
        "the database server has taken the connection and does not let us in; a pooler before it may \
         have no place free. Doorkey waits"
    );
}

fn copy_in(
    client: &mut Client,
    sql: &str,
    types: &[Type],
    values: &[Value<'_>],
) -> Result<u64, postgres::Error> {
    let mut writer = BinaryCopyInWriter::new(client.copy_in(sql)?, types);
    for row in values.chunks(types.len()) {
        writer.write(&by_reference(row))?;
    }
    writer.finish()
}

fn failed<T, E: From<DbError>>(failure: Failure) -> Attempt<T, E> {
    Attempt { result: Err(failure.error.into()), again: failure.again }
}

/// A connection lost now leaves open whether the server has committed, so it is not run again.
fn in_commit(failure: Failure) -> Failure {
    match failure.again {
        Some(Again::Reconnect) => {
            let text = "the connection was lost while committing; it may or may not be done";
            DbError::Unavailable(text.to_owned()).into()
        }
        _ => failure,
    }
}

fn told_by_server(error: &postgres::Error, sql: &str) -> Failure {
    let Some(told) = error.as_db_error() else { return lost(error) };
    let code = told.code();
    let again = |again| Failure { error: DbError::Busy, again: Some(again) };
    match code.code() {
        "23505" => unique(told),
        "40001" | "40P01" => again(Again::Conflict),
        // A prepared statement that another schema made useless, that a pooler lost, or whose name it
        // gave to another process.
        "26000" | "42P05" => again(Again::Reprepare),
        "0A000" if told.routine() == Some("RevalidateCachedQuery") => again(Again::Reprepare),
        // Cancelled by statement_timeout; lock_timeout.
        "57014" | "55P03" => DbError::Busy.into(),
        _ if *code == SqlState::READ_ONLY_SQL_TRANSACTION => {
            Failure::bug(format!("{}: {sql}", describe(error)))
        }
        // A server that shuts down, starts, or drops the connection.
        other if other.starts_with("57P") || other.starts_with("08") => lost(error),
        // Insufficient resources (disk full, memory, connections); a failing system.
        other if other.starts_with("53") || other.starts_with("58") => {
            DbError::Unavailable(describe(error)).into()
        }
        _ => Failure::bug(format!("{}: {sql}", describe(error))),
    }
}

fn lost(error: &postgres::Error) -> Failure {
    Failure { error: DbError::Unavailable(describe(error)), again: Some(Again::Reconnect) }
}

fn is_disconnect(error: &postgres::Error) -> bool {
    error.is_closed()
        || error.source().and_then(|source| source.downcast_ref::<io::Error>()).is_some()
}

/// Reads the columns from the detail, `Key (email_key)=(…) already exists.`, whose brackets
/// stand in every language of the server. The values in it go nowhere.
fn unique(told: &postgres::error::DbError) -> Failure {
    let detail = told.detail().unwrap_or_default();
    let columns = detail
        .split_once('(')
        .and_then(|(_, rest)| rest.split_once(")=("))
        .map_or(Vec::new(), |(columns, _)| columns.split(", ").collect());
    let primary_key = told.constraint().is_some_and(|name| name.ends_with("_pkey"));
    Failure::unique(told.table().unwrap_or_default(), &columns, primary_key)
}

/// The error in one line, without its detail, which may hold what people wrote.
fn describe(error: &postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(told), _) => format!("{} (SQLSTATE {})", told.message(), told.code().code()),
        (None, Some(source)) if !error.to_string().contains(&source.to_string()) => {
            format!("{error}: {source}")
        }
        (None, _) => error.to_string(),
    }
}

fn type_of(value: &Value<'_>) -> Type {
    match value {
        Value::Null => Type::UNKNOWN,
        Value::Int(_) => Type::INT8,
        Value::Bool(_) => Type::BOOL,
        Value::Text(_) => Type::TEXT,
        Value::Bytes(_) => Type::BYTEA,
    }
}

fn by_reference<'a>(params: &'a [Value<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    params.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        wanted: &Type,
        out: &mut postgres::types::private::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            // What SQLite gave as a number: see [`Value`].
            Self::Int(number) if *wanted == Type::BOOL => (*number != 0).to_sql(wanted, out),
            Self::Int(number) => number.to_sql(wanted, out),
            Self::Bool(truth) => truth.to_sql(wanted, out),
            Self::Text(text) => text.to_sql(wanted, out),
            Self::Bytes(bytes) => bytes.to_sql(wanted, out),
        }
    }

    /// The statement was prepared for the types of its values.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

pub(super) fn column(row: &postgres::Row, index: usize) -> Result<Value<'_>, DbError> {
    let column = row
        .columns()
        .get(index)
        .ok_or_else(|| DbError::Bug(format!("there is no column {index}")))?;
    let value = match *column.type_() {
        Type::INT8 => row.try_get::<_, Option<i64>>(index).map(Value::from),
        Type::INT4 => row.try_get::<_, Option<i32>>(index).map(|value| value.map(i64::from).into()),
        Type::BOOL => row.try_get::<_, Option<bool>>(index).map(Value::from),
        Type::BYTEA => row.try_get::<_, Option<&[u8]>>(index).map(Value::from),
        _ => row.try_get::<_, Option<&str>>(index).map(Value::from),
    };
    value.map_err(|error| DbError::Bug(format!("column {index}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_told_while_it_lasts_and_nothing_else() {
        let (told, hear) = mpsc::channel();
        let tell = move || told.send(()).expect("a listener");
        let time = Duration::from_millis(20);
        let heard = telling_if_long(time, tell, || hear.recv_timeout(Duration::from_secs(10)));
        assert_eq!(heard, Ok(()));
        let (told, hear) = mpsc::channel::<()>();
        let tell = move || told.send(()).expect("a listener");
        assert_eq!(telling_if_long(Duration::from_secs(10), tell, || 7), 7);
        let end = hear.recv_timeout(Duration::from_secs(5));
        assert_eq!(end, Err(mpsc::RecvTimeoutError::Disconnected), "it ended without a word");
    }
}
