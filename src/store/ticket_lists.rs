//! Lists of customers' own tickets: each page reads one index range, by key and never by offset.

use crate::clock::Millis;
use crate::db::{DbError, FromRow, Row, Tx, Value};
use crate::domain::tickets::{Status, Summary};
use crate::ids::Reference;

impl FromRow for Listed {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let summary = Summary {
            reference: row.word(1, super::tickets::reference)?,
            subject: row.get(2)?,
            status: row.word(3, super::tickets::status)?,
            assigned_to: row.get(4)?,
            created_at: row.get(5)?,
            updated_at: row.get(6)?,
            note_count: row.get(7)?,
            unread: row.get(8)?,
        };
        Ok(Self { id: row.get(0)?, summary })
    }
}

/// A row of a customer's list, with its id for the cursor.
pub struct Listed {
    /// The ticket's id.
    pub id: i64,
    /// What the customer sees of it.
    pub summary: Summary,
}

/// What of a customer's own tickets is listed.
pub struct OwnFilter<'a> {
    /// Whose.
    pub customer_id: i64,
    /// Only of this status.
    pub status: Option<Status>,
    /// Only those that hold each of these folded words.
    pub words: &'a [String],
    /// Or that are this one, when what was typed reads as a reference.
    pub reference: Option<&'a Reference>,
    /// Only what comes after this update and id in the list.
    pub after: Option<(Millis, i64)>,
    /// At most so many.
    pub limit: i64,
}

/// A customer's own tickets, the newest update first.
pub fn of_customer(tx: &mut Tx<'_>, filter: &OwnFilter<'_>) -> Result<Vec<Listed>, DbError> {
    let patterns: Vec<String> = filter.words.iter().map(|word| super::containing(word)).collect();
    let mut sql = String::from(
        "SELECT t.id, t.reference, t.subject, t.status, s.name, t.created_at, t.updated_at, \
           t.note_count, t.staff_at > COALESCE(r.read_at, 0) \
         FROM tickets t LEFT JOIN staff s ON s.id = t.assignee_id \
         LEFT JOIN ticket_reads r ON r.customer_id = t.customer_id AND r.ticket_id = t.id \
         WHERE t.customer_id = $1",
    );
    let mut values: Vec<Value<'_>> = vec![filter.customer_id.into(), filter.limit.into()];
    if let Some(status) = filter.status {
        values.push(status.as_str().into());
        sql.push_str(&format!(" AND t.status = ${}", values.len()));
    }
    if let Some((updated_at, id)) = filter.after {
        values.push(updated_at.into());
        values.push(id.into());
        let last = values.len();
        sql.push_str(&format!(" AND (t.updated_at, t.id) < (${}, ${last})", last - 1));
    }
    let reference = filter.reference.map_or("", Reference::as_str);
    push_words(&mut sql, &mut values, reference, &patterns, own_text_like);
    sql.push_str(" ORDER BY t.updated_at DESC, t.id DESC LIMIT $2");
    tx.rows(&sql, &values)
}

/// Adds the condition that a ticket is `reference` or holds every one of `patterns`.
fn push_words<'a>(
    sql: &mut String,
    values: &mut Vec<Value<'a>>,
    reference: &'a str,
    patterns: &'a [String],
    condition: fn(usize) -> String,
) {
    if patterns.is_empty() {
        return;
    }
    values.push(reference.into());
    sql.push_str(&format!(" AND (t.reference = ${} OR (", values.len()));
    for (index, pattern) in patterns.iter().enumerate() {
        values.push(pattern.into());
        sql.push_str(if index == 0 { "" } else { " AND " });
        sql.push_str(&condition(values.len()));
    }
    sql.push_str("))");
}

/// Reads only the customer's own rows, and of those only what the customer may see. Whose they are is
/// said by `$1`: told that by the ticket, PostgreSQL may read everybody's once and remember them.
fn own_text_like(parameter: usize) -> String {
    format!(
        "EXISTS (SELECT 1 FROM search_texts x WHERE x.customer_id = $1 \
         AND x.ticket_id = t.id AND x.is_public AND x.text LIKE ${parameter} ESCAPE '\\')"
    )
}
