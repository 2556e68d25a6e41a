//! Streams of events as a browser reads them (HTML, "Server-sent events"): the answer that does not
//! end until its page is closed, and what each word looks like in it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use askama::Template;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use hyper::body::Frame;
use serde_json::json;

use super::problem::{Code, Problem};
use crate::domain::presence::Present;
use crate::live::{Full, Person, Stream, Word};
use crate::metrics;

/// A stream for which there is no room is tried again by its page after so long.
const FULL_RETRY: Duration = Duration::from_secs(60);

/// The first words. A stream that breaks is opened again after two seconds.
const OPENING: &str = "retry: 2000\n\n";

/// Marks an answer that is a stream: its connection is counted apart.
#[derive(Clone, Copy, Debug)]
pub struct Streaming;

/// The answer that tells `stream`.
pub fn answer(stream: Stream) -> Response {
    let mut response = Body::new(Events { stream, opened: false }).into_response();
    response.extensions_mut().insert(Streaming);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // nginx gathers an answer before it passes it on, unless it is told not to.
    let buffering = HeaderName::from_static("x-accel-buffering");
    headers.insert(buffering, HeaderValue::from_static("no"));
    response
}

/// What somebody is told for whom there is no stream.
pub fn refused(full: Full) -> Problem {
    metrics::stream_refused(full == Full::Person);
    match full {
        Full::All => Problem::unavailable(FULL_RETRY),
        Full::Person => {
            let words = "Too many of your pages are kept up to date at the same time.";
            let problem = Problem::new(Code::RateLimited, words);
            Problem { retry_after: Some(FULL_RETRY), ..problem }
        }
    }
}

/// The event up to which a page shows everything, as its browser says after a break or its address
/// before: the header of the specification counts first.
pub fn place(last_event_id: Option<&str>) -> Option<i64> {
    last_event_id?.parse().ok().filter(|place| *place >= 0)
}

/// A stream as the body of an answer.
struct Events {
    stream: Stream,
    opened: bool,
}

impl HttpBody for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !self.opened {
            self.opened = true;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(OPENING.as_bytes())))));
        }
        let word = ready!(self.stream.poll_next(context));
        let person = self.stream.listener().person;
        Poll::Ready(word.map(|word| Ok(Frame::data(text(&word, person).into()))))
    }
}

/// A word on the wire.
fn text(word: &Word, to: Person) -> String {
    match word {
        Word::Ticket(news) => {
            let reference = news.ticket.as_ref().map(|ticket| ticket.reference.as_str());
            let data = json!({ "ticket": reference, "kind": news.kind.as_str() });
            format!("id: {}\nevent: ticket\ndata: {data}\n\n", news.number)
        }
        Word::Version(version) => format!("id: {version}\ndata: changed\n\n"),
        Word::Present(here) => {
            // Nobody tells customers who is there.
            let Person::Staff(me) = to else { return String::new() };
            let html = others(here, me).unwrap_or_default();
            format!("event: present\ndata: {html}\n\n")
        }
        Word::Reload(number) => format!("id: {number}\nevent: reload\ndata: all\n\n"),
        Word::Beat => ":\n\n".to_owned(),
    }
}

/// Who else is there, as the ticket's page has it: HTML without a line break.
///
/// # Errors
/// If the template cannot be written, which is a bug.
pub fn others(here: &[Present], me: i64) -> Result<String, Problem> {
    let html = Others::new(here, me).render();
    let html = html.map_err(|error| Problem::internal().because(error))?;
    Ok(html.replace(['\n', '\r'], " "))
}

/// Who else is at a ticket.
#[derive(Debug, Template)]
#[template(path = "admin/parts/others.html")]
struct Others<'a> {
    writing: Vec<&'a str>,
    looking: Vec<&'a str>,
}

impl<'a> Others<'a> {
    /// Everybody but the reader, `me`.
    fn new(here: &'a [Present], me: i64) -> Self {
        let others = here.iter().filter(|one| one.staff_id != me);
        let (writing, looking): (Vec<&Present>, Vec<&Present>) =
            others.partition(|one| one.writing);
        let names = |people: Vec<&'a Present>| people.iter().map(|it| it.name.as_str()).collect();
        Self { writing: names(writing), looking: names(looking) }
    }

    /// Names, and whether they are writing.
    fn groups(&self) -> [(&[&'a str], bool); 2] {
        [(&self.writing, true), (&self.looking, false)]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::events::EventKind;
    use crate::domain::live::{News, Subject};
    use crate::ids::Reference;

    fn present(staff_id: i64, name: &str, writing: bool) -> Present {
        Present { ticket_id: 1, staff_id, name: name.to_owned(), writing }
    }

    #[test]
    fn a_word_is_one_event_and_ends_with_an_empty_line() {
        let reference = Reference::of_number(7);
        let news = News {
            number: 12,
            kind: EventKind::TicketReplied,
            ticket: Some(Subject { id: 1, reference, version: 3 }),
            customer_id: 5,
            for_customer: true,
            customer_active: true,
        };
        let here: Arc<[Present]> = [present(1, "Me", false), present(2, "An\nna", true)].into();
        for word in
            [Word::Ticket(news.into()), Word::Version(4), Word::Present(here), Word::Reload(9)]
        {
            let text = text(&word, Person::Staff(1));
            assert!(text.ends_with("\n\n"), "{text:?}");
            assert_eq!(text.matches("\n\n").count(), 1, "{text:?}");
            assert!(text.contains("data: "), "{text:?}");
        }
        assert_eq!(super::text(&Word::Beat, Person::Customer(1)), ":\n\n");
    }

    #[test]
    fn others_are_told_without_oneself_and_as_text() {
        let here = [present(1, "Me", true), present(2, "Anna <b>", true), present(3, "Ben", false)];
        let words = others(&here, 1).expect("words");
        assert!(words.contains("Anna &#60;b&#62;") && words.contains("Ben"), "{words}");
        assert!(!words.contains("Me"), "{words}");
        assert_eq!(others(&here[..1], 1).expect("words"), "");
        let here: Arc<[Present]> = here.into();
        assert_eq!(text(&Word::Present(here), Person::Customer(1)), "");
    }

    #[test]
    fn a_place_is_a_number_or_nothing() {
        assert_eq!(place(Some("12")), Some(12));
        for bad in [None, Some(""), Some("-1"), Some("1x"), Some("99999999999999999999")] {
            assert_eq!(place(bad), None, "{bad:?}");
        }
    }
}
