//! Tables of customers that were uploaded at the desk.
//!
//! What can be taken of one waits in the database, in parts, until somebody confirms it, and is then
//! taken part by part, each in a transaction of its own that counts it and removes it. So any process
//! shows it and goes on with it, and one that is killed leaves nothing half done
//! (docs/decisions/0024-uploads-wait-in-the-database.md).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::db::{DbError, Tx};
use crate::domain::Actor;
use crate::domain::customer_import::{self, BATCH, BadLine, Checked};
use crate::domain::customers::NewCustomer;
use crate::domain::email::Email;
use crate::error::{Error, FieldError};
use crate::{ids, store};

/// The largest file, in bytes: some 60,000 customers.
pub const LARGEST: usize = 5 * 1024 * 1024;
/// How long one that nobody confirms is kept.
const UNCONFIRMED_KEPT: Duration = Duration::from_secs(86_400);
/// How long what came of one is remembered.
const RESULT_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// Mistakes that are told of one table. Beyond, mending them by hand is not the way.
pub const TOLD: usize = 200;
/// Tables that are looked through for a person who is to be forgotten. There are never more in 30 days.
const MOST_KEPT: i64 = 1_000;

/// How far a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was looked through and waits for somebody to confirm it.
    Seen,
    /// It is being taken.
    Confirmed,
    /// Everything is taken.
    Done,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Seen, Self::Confirmed, Self::Done];

    /// The word for it in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Confirmed => "confirmed",
            Self::Done => "done",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Its number, counted from 1.
    pub line: u64,
    /// The column; empty where the whole line is meant.
    pub column: String,
    /// Why it cannot be taken.
    pub why: String,
    /// The beginning of what stands there; empty if nothing does, or somebody was erased since.
    pub found: String,
}

/// A table that was uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The row.
    pub id: i64,
    /// Who confirmed it, or else who uploaded it.
    pub staff_id: i64,
    /// What the file was called.
    pub file_name: String,
    /// How far it is.
    pub state: State,
    /// Customers that can be taken.
    pub good: i64,
    /// How many of them were nobody's when it was looked through.
    pub fresh: i64,
    /// Lines that cannot be taken.
    pub bad_lines: i64,
    /// What is wrong with the first of them.
    pub bad: Vec<Told>,
    /// Customers added so far.
    pub added: i64,
    /// Addresses so far that were customers already.
    pub existing: i64,
    /// When it was uploaded.
    pub created_at: Millis,
    /// When it is forgotten, unless it is being taken.
    pub expires_at: Millis,
    /// When the last of it was taken.
    pub ended_at: Option<Millis>,
}

impl Upload {
    /// Customers taken so far.
    pub fn taken(&self) -> i64 {
        self.added + self.existing
    }
}

/// A customer as a part keeps them: address, name, telephone number, company, notes.
type Kept = [String; 5];

fn keep(new: &NewCustomer) -> Kept {
    let NewCustomer { email, name, phone, company, notes } = new.clone();
    [email.to_string(), name, phone, company, notes]
}

fn read(text: &str) -> Result<Vec<NewCustomer>, Error> {
    let kept: Vec<Kept> = serde_json::from_str(text).map_err(|error| damaged(&error))?;
    let customer = |[email, name, phone, company, notes]: Kept| NewCustomer {
        email: Email::from_store(email),
        name,
        phone,
        company,
        notes,
    };
    Ok(kept.into_iter().map(customer).collect())
}

fn write(customers: &[NewCustomer]) -> Result<String, Error> {
    let kept: Vec<Kept> = customers.iter().map(keep).collect();
    Ok(serde_json::to_string(&kept).map_err(|error| damaged(&error))?)
}

fn damaged(error: &serde_json::Error) -> DbError {
    DbError::Bug(format!("a part of an upload: {error}"))
}

/// Keeps what was found in a file, to be confirmed. `fresh` is how many of its good customers nobody
/// is yet. Returns its row.
pub fn add(
    tx: &mut Tx<'_>,
    staff_id: i64,
    file_name: &str,
    (checked, fresh): (&Checked, u64),
    now: Millis,
) -> Result<i64, Error> {
    let mut lines: Vec<u64> = checked.bad.iter().map(|it| it.bad.line).collect();
    lines.dedup();
    let bad: Vec<Told> = checked.bad.iter().take(TOLD).map(told).collect();
    let upload = Upload {
        id: ids::new_id(now),
        staff_id,
        file_name: file_name.chars().take(200).collect(),
        state: State::Seen,
        good: number(checked.good.len()),
        fresh: i64::try_from(fresh).unwrap_or(i64::MAX),
        bad_lines: number(lines.len()),
        bad: Vec::new(),
        added: 0,
        existing: 0,
        created_at: now,
        expires_at: now.plus(UNCONFIRMED_KEPT),
        ended_at: None,
    };
    store::customer_uploads::insert(tx, &upload, &in_json(&bad)?)?;
    for (place, batch) in (1..).zip(checked.good.chunks(BATCH)) {
        store::customer_uploads::put_part(tx, upload.id, place, &write(batch)?)?;
    }
    Ok(upload.id)
}

fn told(BadLine { bad, found }: &BadLine) -> Told {
    let FieldError { field, message, .. } = &bad.error;
    Told { line: bad.line, column: field.clone(), why: message.clone(), found: found.clone() }
}

fn in_json(bad: &[Told]) -> Result<String, Error> {
    Ok(serde_json::to_string(bad).map_err(|error| damaged(&error))?)
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// One by its row.
///
/// # Errors
/// [`Error::NotFound`], also when it is forgotten but not swept away yet.
pub fn find(tx: &mut Tx<'_>, id: i64, now: Millis) -> Result<Upload, Error> {
    let found = store::customer_uploads::find(tx, id)?;
    found.filter(|upload| !is_over(upload, now)).ok_or(Error::NotFound)
}

fn is_over(upload: &Upload, now: Millis) -> bool {
    upload.state != State::Confirmed && upload.expires_at <= now
}

/// Has what waits taken, part by part, by [`work`]; `staff_id` is the row of who confirms it. Confirmed
/// again it changes nothing.
///
/// # Errors
/// [`Error::NotFound`].
pub fn confirm(
    tx: &mut Tx<'_>,
    actor: &Actor,
    staff_id: i64,
    id: i64,
    now: Millis,
) -> Result<(), Error> {
    let found = store::customer_uploads::take(tx, id)?;
    let upload = found.filter(|upload| !is_over(upload, now)).ok_or(Error::NotFound)?;
    if upload.state != State::Seen {
        return Ok(());
    }
    let good = usize::try_from(upload.good).unwrap_or(0);
    customer_import::write_down(tx, actor, (&upload.file_name, good), now)?;
    let confirmed = Upload { state: State::Confirmed, staff_id, ..upload };
    Ok(store::customer_uploads::update(tx, &confirmed)?)
}

/// Forgets one that was not confirmed.
///
/// # Errors
/// [`Error::NotFound`] if there is none, or it was confirmed.
pub fn discard(tx: &mut Tx<'_>, id: i64) -> Result<(), Error> {
    let found = store::customer_uploads::take(tx, id)?;
    let upload = found.filter(|it| it.state == State::Seen).ok_or(Error::NotFound)?;
    Ok(store::customer_uploads::remove(tx, upload.id)?)
}

/// Takes the next part of a table that was confirmed. Returns whether there may be more to do.
pub fn work(tx: &mut Tx<'_>, now: Millis) -> Result<bool, Error> {
    let Some(mut upload) = store::customer_uploads::take_confirmed(tx)? else { return Ok(false) };
    let Some((place, part)) = store::customer_uploads::next_part(tx, upload.id, 0)? else {
        let (ended_at, expires_at) = (Some(now), now.plus(RESULT_KEPT));
        let done = Upload { state: State::Done, ended_at, expires_at, ..upload };
        store::customer_uploads::update(tx, &done)?;
        return Ok(true);
    };
    let counts = customer_import::add(tx, &read(&part)?, now)?;
    upload.added += i64::try_from(counts.added).unwrap_or(0);
    upload.existing += i64::try_from(counts.existing).unwrap_or(0);
    store::customer_uploads::remove_part(tx, upload.id, place)?;
    store::customer_uploads::update(tx, &upload)?;
    Ok(true)
}

/// Takes a person out of every table: one who is forgotten does not come back by a file that was
/// uploaded before. What stood in bad lines goes from all of them, since nobody can say whose it was.
pub(in crate::domain) fn forget_person(tx: &mut Tx<'_>, email: &Email) -> Result<(), Error> {
    for id in store::customer_uploads::all(tx, MOST_KEPT)? {
        let Some(mut upload) = store::customer_uploads::take(tx, id)? else { continue };
        if upload.bad.iter().any(|it| !it.found.is_empty()) {
            upload.bad.iter_mut().for_each(|it| it.found.clear());
            store::customer_uploads::set_bad(tx, id, &in_json(&upload.bad)?)?;
        }
        let mut place = 0;
        while let Some((number, part)) = store::customer_uploads::next_part(tx, id, place)? {
            let mut customers = read(&part)?;
            let before = customers.len();
            customers.retain(|customer| customer.email.key() != email.key());
            if customers.len() < before {
                upload.good -= self::number(before - customers.len());
                store::customer_uploads::put_part(tx, id, number, &write(&customers)?)?;
                store::customer_uploads::update(tx, &upload)?;
            }
            place = number;
        }
    }
    Ok(())
}

/// Forgets some that nobody confirmed or asks for any more. Returns how many.
pub fn forget_old(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<u64, Error> {
    // Each has up to some hundred parts.
    let expired = store::customer_uploads::expired(tx, now, limit.min(10))?;
    for &id in &expired {
        store::customer_uploads::remove(tx, id)?;
    }
    Ok(expired.len() as u64)
}
