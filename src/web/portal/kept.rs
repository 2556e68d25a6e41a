//! Pages of customers that were made before, kept while they would say the same.
//!
//! A page is kept for the customer's stamp, which the database changes with everything that changes what
//! their pages say, whichever process writes it (`migrations/0004_stamps.*.sql`). The stamp is read in
//! the transaction that lets the customer in, so a page is shown as it was made only if making it again
//! would give the same. Pages are kept for one link each: they name its owner and its end.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, ETAG, VARY};
use axum::http::{HeaderValue, Response};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::{VARIES, holds, unchanged};
use crate::clock::Millis;
use crate::domain::access::Viewer;
use crate::domain::tickets::Status;
use crate::ids::Reference;
use crate::web::ctx::Ctx;
use crate::web::reply::Reply;

/// Bytes of a usual page.
const USUAL: u64 = 12 * 1024;
/// Bytes that a page takes beside its own.
const FRAME: u64 = 256;

/// The pages that are kept.
#[derive(Debug)]
pub struct Pages(Cache<Key, Arc<Kept>, Weight>);

/// What a page was made of: nothing else decides what it says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    link_id: i64,
    expires_at: Millis,
    stamp: i64,
    /// Brand, rules and templates: see [`crate::web::site::Site::edition`].
    edition: u64,
    view: View,
}

/// Which of a customer's pages it is. Searches and later parts are not kept: few ask for them twice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum View {
    /// The list, of one status or all.
    List(Option<Status>),
    /// So many tickets of one status or all, for programs.
    Rows(Option<Status>, i64),
    /// A ticket.
    Ticket(Reference),
}

/// A page as it is sent.
#[derive(Debug)]
pub struct Kept {
    /// Its kind.
    pub kind: &'static str,
    /// By what a browser asks whether it is still the same.
    pub tag: Option<HeaderValue>,
    /// Its contents.
    pub body: Bytes,
    /// The ticket that whoever opens it has seen, and up to when.
    pub seen: Option<(i64, Millis)>,
}

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<Key, Arc<Kept>> for Weight {
    fn weight(&self, _: &Key, kept: &Arc<Kept>) -> u64 {
        kept.body.len() as u64 + FRAME
    }
}

impl Pages {
    /// Keeps none yet, and never more than `room` bytes of them.
    pub fn new(room: u64) -> Self {
        let about = usize::try_from(room / USUAL).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(about, room, Weight))
    }

    /// The page that was made of this.
    pub fn find(&self, key: &Key) -> Option<Arc<Kept>> {
        self.0.get(key)
    }

    /// Keeps a page.
    pub fn keep(&self, key: Key, kept: &Arc<Kept>) {
        self.0.insert(key, Arc::clone(kept));
    }
}

impl Key {
    /// What `view` is made of for a customer who was let in just now.
    pub fn new(viewer: &Viewer, edition: u64, view: View) -> Self {
        let Viewer { link_id, expires_at, stamp, .. } = *viewer;
        Self { link_id, expires_at, stamp, edition, view }
    }
}

impl Kept {
    /// Whether the request holds it.
    pub fn is_held(&self, ctx: &Ctx) -> bool {
        self.tag.as_ref().is_some_and(|tag| holds(ctx, tag))
    }

    /// The answer: the page, or that it is still the one which the request names.
    pub fn answer(&self, ctx: &Ctx) -> Reply {
        if let Some(tag) = self.tag.as_ref().filter(|_| self.is_held(ctx)) {
            return Ok(unchanged(tag.clone()));
        }
        let mut response = Response::new(Body::from(self.body.clone()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
        if let Some(tag) = &self.tag {
            headers.insert(ETAG, tag.clone());
            headers.insert(VARY, VARIES);
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(link_id: i64) -> Key {
        let view = View::List(None);
        Key { link_id, expires_at: Millis(1), stamp: 7, edition: 0, view }
    }

    #[test]
    fn pages_take_no_more_room_than_they_may() {
        let pages = Pages::new(64 * 1024);
        let body = Bytes::from(vec![b'x'; 8 * 1024]);
        for link_id in 0..100 {
            let kept = Kept { kind: "text/html", tag: None, body: body.clone(), seen: None };
            pages.keep(key(link_id), &Arc::new(kept));
        }
        let there = (0..100).filter(|&link_id| pages.find(&key(link_id)).is_some()).count();
        assert!((1..=8).contains(&there), "{there}");
        assert!(pages.0.weight() <= 64 * 1024, "{}", pages.0.weight());
    }

    #[test]
    fn a_page_is_found_by_all_that_it_was_made_of() {
        let pages = Pages::new(64 * 1024);
        let kept = Kept { kind: "text/html", tag: None, body: Bytes::new(), seen: None };
        pages.keep(key(1), &Arc::new(kept));
        assert!(pages.find(&key(1)).is_some());
        for other in [
            key(2),
            Key { expires_at: Millis(2), ..key(1) },
            Key { stamp: 8, ..key(1) },
            Key { edition: 1, ..key(1) },
            Key { view: View::List(Some(Status::Open)), ..key(1) },
            Key { view: View::Rows(None, 20), ..key(1) },
        ] {
            assert!(pages.find(&other).is_none(), "{other:?}");
        }
    }
}
