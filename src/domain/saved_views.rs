//! Lists of tickets that members of staff keep for themselves: a name, and what the list asks for.

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::text::fold;
use crate::error::{Error, FieldCode, FieldError};
use crate::store;

/// Views of one member of staff at most.
pub const MOST: usize = 50;
/// Characters of what a view asks for, at most.
pub const LONGEST_QUERY: usize = 2_000;

/// A list that somebody keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedView {
    /// What they call it; unique among theirs without regard to case.
    pub name: String,
    /// What it asks for, as the list's address has it: `status=open&assignee=me`.
    pub query: String,
    /// When it was first kept.
    pub created_at: Millis,
}

/// Those of one member of staff, by name.
pub fn list(tx: &mut Tx<'_>, staff_id: i64) -> Result<Vec<SavedView>, Error> {
    Ok(store::saved_views::list(tx, staff_id)?)
}

/// Keeps a view, whose name was read with [`crate::domain::text::parse_line`]. One of the same name
/// asks for this from now on.
///
/// # Errors
/// [`Error::Invalid`] naming `name` if there are 50 already, `query` if it is too long.
pub fn keep(
    tx: &mut Tx<'_>,
    staff_id: i64,
    name: &str,
    query: &str,
    now: Millis,
) -> Result<SavedView, Error> {
    let length = query.chars().count();
    if length > LONGEST_QUERY {
        let message = format!("At most {LONGEST_QUERY} characters fit here; these are {length}.");
        return Err(FieldError::new("query", FieldCode::TooLong, message).into());
    }
    let key = fold(name);
    if !store::saved_views::exists(tx, staff_id, &key)?
        && store::saved_views::list(tx, staff_id)?.len() >= MOST
    {
        let message = format!("You keep {MOST} lists already. Please remove one first.");
        return Err(FieldError::new("name", FieldCode::TooLong, message).into());
    }
    let view = SavedView { name: name.to_owned(), query: query.to_owned(), created_at: now };
    store::saved_views::put(tx, staff_id, &key, &view)?;
    Ok(view)
}

/// Removes a view.
///
/// # Errors
/// [`Error::NotFound`].
pub fn remove(tx: &mut Tx<'_>, staff_id: i64, name: &str) -> Result<(), Error> {
    if store::saved_views::remove(tx, staff_id, &fold(name))? {
        Ok(())
    } else {
        Err(Error::NotFound)
    }
}
