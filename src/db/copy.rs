//! Copies a whole database into an empty one, of either engine.
//!
//! The source is read in one transaction, so what arrives is one moment of it. The target is
//! written in one transaction, and counted and summed again before that is committed: whatever
//! breaks a copy off leaves the target as empty as it was. Rows travel in batches between two
//! threads, so neither side holds more than a few thousand in memory.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::clock::Millis;

use super::cell::{Cell, Cells, Sum};
use super::tables::{Table, tables};
use super::{Db, DbError, Tx, Value};

/// Rows in one batch.
const ROWS: i64 = 1_000;
/// Batches that wait between the two threads.
const WAITING: usize = 2;

/// Why a database was not copied. The target is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// The target is in use.
    #[error("the database to write to is not empty: its table {table} has rows")]
    NotEmpty {
        /// The first table that has rows.
        table: String,
    },
    /// The source lacks migrations.
    #[error(
        "the database to read from is older than this program; run doorkey migrate on it first"
    )]
    Behind,
    /// One of the two has migrations that this program does not know.
    #[error(
        "the database to {side} is newer than this program ({names}); use the version of Doorkey that made it"
    )]
    Ahead {
        /// `read from` or `write to`.
        side: &'static str,
        /// The migrations.
        names: String,
    },
    /// What was written is not what was read.
    #[error(
        "the table {table} is not the same after copying ({read} rows read, {written} written); nothing was kept"
    )]
    Differs {
        /// The table.
        table: String,
        /// Rows of the source.
        read: u64,
        /// Rows of the target.
        written: u64,
    },
    /// The other side ended, or its transaction had to begin anew.
    #[error(
        "the copy broke off, as one of the two databases did; nothing was kept, start it again"
    )]
    BrokeOff,
    /// A database said no.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// A table that was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Its name.
    pub table: String,
    /// Its rows.
    pub rows: u64,
}

/// How far a copy is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The table that is being copied.
    pub table: &'a str,
    /// Rows written so far, of all tables.
    pub done: u64,
    /// Rows of all tables.
    pub all: u64,
}

/// What goes from the reader to the writer, table by table in their order.
enum Piece {
    /// How many rows there are in all.
    Begin(u64),
    Rows(Vec<Cells>),
    /// The end of a table, and what was read of it.
    End(Sum),
    /// Everything was read.
    Done,
}

/// Copies `from` into `to`, which is migrated first and must be empty, and then runs `finish` in
/// the same transaction. Answers the tables with their rows, and what `finish` did.
///
/// Both should be opened with [`super::DatabaseSettings::patient`].
///
/// # Errors
/// [`CopyError`], or what `finish` answers; then the target is as it was.
pub async fn copy<T, E, P, F>(
    from: &Db,
    to: &Db,
    now: Millis,
    tell: P,
    mut finish: F,
) -> Result<(Vec<Copied>, T), E>
where
    T: Send + 'static,
    E: From<CopyError> + From<DbError> + Send + 'static,
    P: FnMut(Progress<'_>) + Send + 'static,
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
{
    check(from, "read from").await?;
    check(to, "write to").await?;
    if !from.pending_migrations().await?.is_empty() {
        return Err(CopyError::Behind.into());
    }
    to.migrate(now).await?;
    let tables = tables()?;
    let (sender, receiver) = sync_channel(WAITING);
    let (mut sender, mut writer) = (Some(sender), Some((receiver, tell)));
    let (read_tables, write_tables) = (tables.clone(), tables);
    let reading = from.scan(move |tx| {
        // A transaction that begins anew finds another moment: the copy has to, too.
        let sender = sender.take().ok_or(CopyError::BrokeOff)?;
        read(tx, &read_tables, &sender)
    });
    let writing = to.write(move |tx| {
        let (receiver, tell) = writer.take().ok_or(CopyError::BrokeOff)?;
        let copied = Writer { tx, tables: &write_tables, receiver, tell }.write()?;
        let finished = finish(tx)?;
        tx.take_stock()?;
        Ok::<_, E>((copied, finished))
    });
    let (read, written): (Result<(), CopyError>, _) = tokio::join!(reading, writing);
    match read {
        // Whoever is left alone breaks off; the reason is with the other.
        Ok(()) | Err(CopyError::BrokeOff) => written,
        Err(error) => Err(error.into()),
    }
}

/// Says early that a target is in use, before much work is put into what is to fill it. [`copy`]
/// looks again.
///
/// # Errors
/// [`CopyError::NotEmpty`], [`CopyError::Db`].
pub async fn check_empty(db: &Db) -> Result<(), CopyError> {
    if !db.pending_migrations().await?.is_empty() {
        return Ok(());
    }
    let tables = tables()?;
    db.scan(move |tx| see_empty(tx, &tables)).await
}

fn see_empty(tx: &mut Tx<'_>, tables: &[Table]) -> Result<(), CopyError> {
    for table in tables {
        // One more than there may be is enough to know.
        let most = table.own_rows.saturating_add(1);
        let count = format!("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT $1) t", table.name);
        if tx.one::<i64>(&count, &[most.into()])? > table.own_rows {
            return Err(CopyError::NotEmpty { table: table.name.clone() });
        }
    }
    Ok(())
}

/// Refuses a database that is newer than this program: it may have tables that would be left
/// behind.
async fn check(db: &Db, side: &'static str) -> Result<(), CopyError> {
    let unknown = db.unknown_migrations().await?;
    if unknown.is_empty() {
        return Ok(());
    }
    Err(CopyError::Ahead { side, names: unknown.join(", ") })
}

fn read(tx: &mut Tx<'_>, tables: &[Table], sender: &SyncSender<Piece>) -> Result<(), CopyError> {
    let send = |piece| sender.send(piece).map_err(|_| CopyError::BrokeOff);
    let mut all = 0;
    for table in tables {
        let count: i64 = tx.one(&format!("SELECT count(*) FROM {}", table.name), &[])?;
        all += count.unsigned_abs();
    }
    send(Piece::Begin(all))?;
    for table in tables {
        let mut sum = Sum::default();
        visit(tx, table, |rows| {
            rows.iter().for_each(|row| sum.add(row));
            send(Piece::Rows(rows))
        })?;
        send(Piece::End(sum))?;
    }
    send(Piece::Done)
}

/// Shows every row of a table to `see`, in the order of the primary key, some at a time.
fn visit<E: From<DbError>>(
    tx: &mut Tx<'_>,
    table: &Table,
    mut see: impl FnMut(Vec<Cells>) -> Result<(), E>,
) -> Result<(), E> {
    let (first, next) = (select(table, false), select(table, true));
    let mut last: Option<Vec<Cell>> = None;
    loop {
        let mut values: Vec<Value<'_>> = vec![ROWS.into()];
        values.extend(last.iter().flatten().map(Cell::value));
        let sql = if last.is_some() { &next } else { &first };
        let rows: Vec<Cells> = tx.rows(sql, &values)?;
        let Some(Cells(end)) = rows.last() else { return Ok(()) };
        last = Some(table.key.iter().map(|&place| end[place].clone()).collect());
        see(rows)?;
    }
}

/// `SELECT a, b FROM t WHERE (a) > ($2) ORDER BY a LIMIT $1`.
fn select(table: &Table, further: bool) -> String {
    let columns = table.columns.join(", ");
    let key: Vec<&str> = table.key.iter().map(|&place| table.columns[place].as_str()).collect();
    let key = key.join(", ");
    let places: Vec<String> = (2..2 + table.key.len()).map(|place| format!("${place}")).collect();
    let after = format!(" WHERE ({key}) > ({})", places.join(", "));
    let after = if further { after.as_str() } else { "" };
    format!("SELECT {columns} FROM {}{after} ORDER BY {key} LIMIT $1", table.name)
}

struct Writer<'a, 't, P> {
    tx: &'a mut Tx<'t>,
    tables: &'a [Table],
    receiver: Receiver<Piece>,
    tell: P,
}

impl<P: FnMut(Progress<'_>)> Writer<'_, '_, P> {
    fn write(mut self) -> Result<Vec<Copied>, CopyError> {
        self.make_room()?;
        let Piece::Begin(all) = self.next()? else { return Err(CopyError::BrokeOff) };
        let (mut copied, mut done) = (Vec::new(), 0);
        for table in self.tables {
            let sum = self.fill(table, &mut done, all)?;
            copied.push(Copied { table: table.name.clone(), rows: sum.rows });
        }
        match self.next()? {
            Piece::Done => Ok(copied),
            _ => Err(CopyError::BrokeOff),
        }
    }

    /// Sees that the target is empty, keeps others from filling it meanwhile, and removes what
    /// every database has from its start.
    fn make_room(&mut self) -> Result<(), CopyError> {
        let names: Vec<&str> = self.tables.iter().map(|table| table.name.as_str()).collect();
        self.tx.batch(&self.tx.dialect().lock_tables(&names))?;
        see_empty(self.tx, self.tables)?;
        for table in self.tables.iter().filter(|table| table.own_rows > 0) {
            self.tx.run(&format!("DELETE FROM {}", table.name), &[])?;
        }
        Ok(())
    }

    /// Fills one table, and sees that it holds what was read.
    fn fill(&mut self, table: &Table, done: &mut u64, all: u64) -> Result<Sum, CopyError> {
        let columns: Vec<&str> = table.columns.iter().map(String::as_str).collect();
        loop {
            match self.next()? {
                Piece::Rows(rows) => {
                    let values: Vec<Value<'_>> =
                        rows.iter().flat_map(|Cells(row)| row).map(|cell| cell.value()).collect();
                    self.tx.load(&table.name, &columns, &values)?;
                    *done += rows.len() as u64;
                    (self.tell)(Progress { table: &table.name, done: *done, all });
                }
                Piece::End(read) => return self.compare(table, read),
                Piece::Begin(_) | Piece::Done => return Err(CopyError::BrokeOff),
            }
        }
    }

    fn compare(&mut self, table: &Table, read: Sum) -> Result<Sum, CopyError> {
        let mut written = Sum::default();
        visit(self.tx, table, |rows| {
            rows.iter().for_each(|row| written.add(row));
            Ok::<_, CopyError>(())
        })?;
        if read == written {
            return Ok(written);
        }
        let (read, written) = (read.rows, written.rows);
        Err(CopyError::Differs { table: table.name.clone(), read, written })
    }

    fn next(&mut self) -> Result<Piece, CopyError> {
        self.receiver.recv().map_err(|_| CopyError::BrokeOff)
    }
}
