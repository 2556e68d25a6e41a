//! SQL: one function a statement, no rules.
//!
//! Every statement is written once for both engines, with `$1, $2`; what differs comes from
//! [`crate::db::Dialect`]. What a customer may see is decided here, in the query: an internal
//! entry is never fetched for a customer.

pub mod answers;
pub mod api_keys;
pub mod audit;
pub mod bulk;
pub mod customer_uploads;
pub mod customers;
pub mod deliveries;
pub mod desk_counts;
pub mod desk_lists;
pub mod entries;
pub mod erasures;
pub mod events;
pub mod idempotency;
pub mod imports;
pub mod limits;
pub mod link_requests;
pub mod links;
pub mod logos;
pub mod marks;
pub mod oidc;
pub mod outbox;
pub mod outbox_desk;
pub mod passkeys;
pub mod presences;
pub mod reads;
pub mod saved_views;
pub mod search;
pub mod secrets;
pub mod sessions;
pub mod settings;
pub mod staff;
pub mod staff_sign_ins;
pub mod ticket_lists;
pub mod ticket_moves;
pub mod ticket_words;
pub mod tickets;
pub mod webhooks;

use crate::db::{DbError, Value};

/// A stored word that no type of this program knows is a bug or a newer version's row.
fn unknown(column: &str, word: &str) -> DbError {
    DbError::Bug(format!("{column} holds the unknown word {word:?}"))
}

/// Places for `ids` in `IN (…)`, and their values. Filled up to some lengths, so that there are few
/// statements to prepare: 0 is nobody's id.
fn places(ids: &[i64]) -> (String, Vec<Value<'static>>) {
    let length = ids.len().max(1).next_multiple_of(50);
    let filled = ids.iter().copied().chain(std::iter::repeat(0)).take(length);
    let places: Vec<String> = (1..=length).map(|place| format!("${place}")).collect();
    (places.join(", "), filled.map(Value::from).collect())
}

/// `term` as a pattern that finds it anywhere, for `LIKE … ESCAPE '\'`.
fn containing(term: &str) -> String {
    let mut pattern = String::with_capacity(term.len() + 2);
    pattern.push('%');
    for letter in term.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    #[test]
    fn wildcards_in_a_search_are_letters() {
        assert_eq!(super::containing("50%_\\"), "%50\\%\\_\\\\%");
    }
}
