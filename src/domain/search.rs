//! What tickets are found by at the desk: each ticket's words, and how they follow what happens.
//!
//! A ticket's words are those of its reference, subject, description and every entry, internal
//! ones included, with its customer's address, name, company and telephone number; so they are for staff and programs alone.
//! Customers search their own `search_texts` (see [`crate::store::ticket_lists`]).

use std::collections::BTreeSet;

use crate::db::Tx;
use crate::domain::tickets::{Ticket, take};
use crate::domain::{Actor, words};
use crate::error::Error;
use crate::ids::Reference;
use crate::store;

/// Bytes of words that one ticket is found by at most: PostgreSQL takes a megabyte.
const MOST: usize = 400 * 1024;
/// Tickets of a renamed customer that one transaction looks at.
const AT_ONCE: i64 = 50;

/// Gives a ticket the words of all that is known of it.
pub(in crate::domain) fn rebuild(tx: &mut Tx<'_>, ticket: &Ticket) -> Result<(), Error> {
    let texts = store::ticket_words::texts(tx, ticket.customer.id, ticket.id)?;
    let customer = store::customers::find(tx, ticket.customer.id)?.ok_or(Error::NotFound)?;
    let customer = customer.search_text();
    let words = words_of(std::iter::once(&customer).chain(&texts).map(String::as_str));
    Ok(store::ticket_words::put(tx, ticket.id, &words)?)
}

/// Adds the words of `text`, which was written on the ticket.
pub(in crate::domain) fn append(tx: &mut Tx<'_>, ticket_id: i64, text: &str) -> Result<(), Error> {
    let old = store::ticket_words::find(tx, ticket_id)?.unwrap_or_default();
    let known: BTreeSet<&str> = old.split_whitespace().collect();
    let new = words::of(text);
    if new.iter().all(|word| known.contains(word.as_str())) {
        return Ok(());
    }
    let all: BTreeSet<&str> = known.into_iter().chain(new.iter().map(String::as_str)).collect();
    Ok(store::ticket_words::put(tx, ticket_id, &pack(all.into_iter()))?)
}

/// The words of these folded texts, as they are kept: what the customer is found by, and what
/// the ticket and its entries say.
pub(in crate::domain) fn words_of<'a>(folded: impl Iterator<Item = &'a str>) -> String {
    pack(words::of_folded(folded).iter().map(|word| &**word))
}

/// ` a b c `: so that a word is found as ` word `, and its beginning as ` wor`.
fn pack<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut packed = String::from(" ");
    for word in words {
        if packed.len() + word.len() < MOST {
            packed.push_str(word);
            packed.push(' ');
        }
    }
    packed
}

/// A customer is called otherwise: [`follow_names`] brings their tickets' words after.
pub(in crate::domain) fn rename(tx: &mut Tx<'_>, customer_id: i64) -> Result<(), Error> {
    Ok(store::ticket_words::rename(tx, customer_id)?)
}

/// Gives some tickets of a renamed customer their words anew. Returns whether there may be more.
pub fn follow_names(tx: &mut Tx<'_>) -> Result<bool, Error> {
    let Some((customer_id, after)) = store::ticket_words::take_renamed(tx)? else {
        return Ok(false);
    };
    let tickets = store::ticket_words::tickets_after(tx, customer_id, after, AT_ONCE)?;
    for (_, reference) in &tickets {
        if let Some(reference) = Reference::parse(reference) {
            // Whoever writes on the ticket meanwhile adds to its words.
            let ticket = take(tx, &Actor::System, &reference)?;
            rebuild(tx, &ticket)?;
        }
    }
    match tickets.last() {
        Some((last, _)) => store::ticket_words::set_done(tx, customer_id, *last)?,
        None => store::ticket_words::forget_renamed(tx, customer_id)?,
    }
    Ok(true)
}
