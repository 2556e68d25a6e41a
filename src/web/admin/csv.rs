//! Tables to take away, of any length and never whole in memory: written as fast as they are read.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::desk::Desk;
use super::download::{self, Sender, Stop};
use crate::domain::Tx;
use crate::domain::audit::{self, Action, Details, Subject};
use crate::web::problem::{Problem, ROOM_RETRY};
use crate::web::reply::Reply;

/// Tables of one kind that are made at once: each holds a moment of the database for as long as it takes.
const AT_ONCE: usize = 4;

/// How many tables of one kind are made at once.
#[derive(Clone)]
pub struct Room(Arc<Semaphore>);

impl Room {
    /// Room for as many as may be.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// Answers with what `write` hands over, as a file called by `name` and the day. What it asks for was looked at
/// before: once the first line is sent nothing can be refused any more. The audit log tells of it as `action`,
/// with the filters in `asked`.
pub async fn stream<W>(
    desk: &Desk,
    room: &Room,
    (name, action, asked): (&str, Action, &[(&str, &str)]),
    write: W,
) -> Reply
where
    W: FnOnce(&mut Tx<'_>, &Sender) -> Result<u64, Stop> + Send + 'static,
{
    let place = Arc::clone(&room.0).try_acquire_owned();
    let place = place.map_err(|_| Problem::unavailable(ROOM_RETRY))?;
    let (actor, now, details) = (desk.actor(), desk.now, taken(asked));
    let told = move |tx: &mut Tx<'_>| {
        audit::record(tx, &actor, action, &Subject::doorkey(), details.clone(), now)
    };
    desk.app.db.write(told).await?;
    let (sender, parts) = download::pipe();
    let app = Arc::clone(&desk.app);
    tokio::spawn(async move {
        let to = sender.clone();
        let made = app.db.survey(move |tx| write(tx, &to)).await;
        sender.end(made, "a table");
        drop(place);
    });
    let name = format!("{name}-{}.csv", &desk.now.rfc3339()[..10]);
    download::answer(parts, &name, "text/csv; charset=utf-8; header=present")
}

/// What a table holds, for the audit log: each filter as it stands in the address, or that there is none.
fn taken(asked: &[(&str, &str)]) -> Details {
    if asked.is_empty() {
        return Details::none().with("filters", "none");
    }
    asked.iter().fold(Details::none(), |details, (name, value)| details.with(name, *value))
}
