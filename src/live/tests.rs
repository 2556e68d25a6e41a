use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::*;
use crate::domain::events::EventKind;
use crate::domain::live::Subject;
use crate::ids::Reference;

const NOW: Millis = Millis(1_794_474_840_000);
const CAPS: Caps = Caps { all: 4, person: 2, waiting: 3 };

fn live() -> Arc<Live> {
    Live::new(1, CAPS)
}

fn later(seconds: u64) -> Millis {
    NOW.plus(Duration::from_secs(seconds))
}

fn staff(id: i64, about: About) -> Listener {
    Listener { person: Person::Staff(id), pass: Pass::Session(id), about, until: later(86_400) }
}

fn customer(id: i64, ticket: i64) -> Listener {
    let about = About::Ticket(ticket);
    Listener { person: Person::Customer(id), pass: Pass::Link(id), about, until: later(86_400) }
}

/// Something happened to `ticket` of customer 5, which left it at `version`.
fn news(number: i64, ticket: i64, version: i64) -> News {
    News {
        number,
        kind: EventKind::TicketReplied,
        ticket: Some(Subject { id: ticket, reference: Reference::of_number(7), version }),
        customer_id: 5,
        for_customer: true,
        customer_active: true,
    }
}

fn internal(number: i64, ticket: i64, version: i64) -> News {
    let kind = EventKind::TicketNoteAdded;
    News { kind, for_customer: false, ..news(number, ticket, version) }
}

fn poll(stream: &Stream) -> Poll<Option<Word>> {
    stream.poll_next(&mut Context::from_waker(Waker::noop()))
}

/// Every word that waits.
fn words(stream: &Stream) -> Vec<Word> {
    std::iter::from_fn(|| match poll(stream) {
        Poll::Ready(word) => word,
        Poll::Pending => None,
    })
    .collect()
}

/// The numbers of the events among them.
fn numbers(stream: &Stream) -> Vec<i64> {
    let number = |word: Word| match word {
        Word::Ticket(news) => news.number,
        Word::Reload(number) => -number,
        other => panic!("{other:?}"),
    };
    words(stream).into_iter().map(number).collect()
}

fn open(live: &Arc<Live>, listener: Listener, at: i64) -> Stream {
    let stream = live.open(listener, NOW).expect("a place");
    live.begin_at(at);
    stream.is_at(at);
    stream
}

#[test]
fn each_is_told_of_what_they_listen_to_in_order_and_once() {
    let live = live();
    let all = open(&live, staff(1, About::Everything), 10);
    let one = open(&live, staff(2, About::Ticket(7)), 10);
    live.tell(vec![news(11, 7, 2), news(12, 8, 2), internal(13, 7, 2)]);
    live.tell(vec![internal(13, 7, 2), news(14, 7, 3)]);
    assert_eq!(numbers(&all), [-14], "four are too much for a reader who takes none");
    assert_eq!(numbers(&one), [11, 13, 14]);
    assert_eq!(live.head(), Some(14));
}

#[test]
fn what_happens_between_opening_and_looking_is_neither_lost_nor_told_twice() {
    let live = live();
    let _first = open(&live, staff(1, About::Everything), 10);
    let stream = live.open(staff(2, About::Everything), NOW).unwrap();
    live.tell(vec![news(11, 7, 2), news(12, 7, 3)]);
    // The page showed 9, and the look finds what was committed by then.
    let missed = [10, 11].map(|number| Word::Ticket(news(number, 7, 2).into()));
    stream.catch_up(missed.into(), 11);
    assert_eq!(numbers(&stream), [10, 11, 12]);
    live.tell(vec![news(13, 7, 4)]);
    assert_eq!(numbers(&stream), [13]);
}

#[test]
fn a_page_that_is_ahead_of_the_reader_is_told_of_what_is_new_to_it() {
    let live = live();
    let _first = open(&live, staff(1, About::Everything), 10);
    let stream = open(&live, staff(2, About::Everything), 12);
    assert_eq!(live.head(), Some(10), "others are told from where they were");
    live.tell(vec![news(11, 7, 2), news(12, 7, 3), news(13, 7, 4)]);
    assert_eq!(numbers(&stream), [13]);
}

#[test]
fn a_slow_reader_is_told_to_load_the_page_again() {
    let live = live();
    let stream = open(&live, staff(1, About::Everything), 0);
    live.tell((1..=9).map(|number| news(number, 7, number)).collect());
    let told = words(&stream);
    assert!(matches!(told[0], Word::Reload(number) if number >= 4), "{told:?}");
    assert!(told.len() <= CAPS.waiting, "{told:?}");
    live.tell(vec![news(10, 7, 10)]);
    assert_eq!(numbers(&stream), [10]);
}

#[test]
fn a_customer_is_told_of_each_version_they_may_see_and_of_nothing_else() {
    let live = live();
    let ana = open(&live, customer(5, 7), 1);
    let ben = open(&live, customer(6, 7), 1);
    live.tell(vec![internal(11, 7, 1), news(12, 8, 9)]);
    assert_eq!(poll(&ana), Poll::Pending, "nobody tells of an internal note");
    live.tell(vec![news(13, 7, 2), news(14, 7, 3), internal(15, 7, 3), news(16, 7, 3)]);
    assert_eq!(words(&ana), [Word::Version(3)]);
    assert_eq!(words(&ben), [], "it is not their ticket");
    live.tell_present(&[]);
    assert_eq!(words(&ana), [], "who works on it is nobody's business");
}

#[test]
fn a_reader_is_woken_by_a_word_and_by_the_end() {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let live = live();
    let stream = open(&live, customer(5, 7), 1);
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&count));
    let mut context = Context::from_waker(&waker);
    assert_eq!(stream.poll_next(&mut context), Poll::Pending);
    live.tell(vec![internal(2, 7, 1)]);
    assert_eq!(count.0.load(Ordering::SeqCst), 0);
    live.tell(vec![news(3, 7, 2)]);
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert_eq!(stream.poll_next(&mut context), Poll::Ready(Some(Word::Version(2))));
    assert_eq!(stream.poll_next(&mut context), Poll::Pending);
    live.close();
    assert_eq!(count.0.load(Ordering::SeqCst), 2);
    assert_eq!(stream.poll_next(&mut context), Poll::Ready(None));
}

#[test]
fn there_are_so_many_places_for_one_and_for_all_and_they_come_back() {
    let live = live();
    let mine = [open(&live, customer(5, 7), 1), open(&live, customer(5, 8), 1)];
    let full = live.open(customer(5, 9), NOW).err();
    assert_eq!(full, Some(Full::Person));
    let others = [open(&live, staff(5, About::Everything), 1), open(&live, customer(6, 7), 1)];
    assert_eq!(live.open(customer(7, 7), NOW).err(), Some(Full::All));
    drop(mine);
    assert!(live.open(customer(5, 7), NOW).is_ok());
    drop(others);
    assert!(live.is_idle());
    assert_eq!(live.head(), None, "who comes next looks for themselves");
    assert!(live.lock().by_ticket.is_empty() && live.lock().persons.is_empty());
}

#[test]
fn silence_is_broken_and_every_stream_has_an_end() {
    let live = live();
    let stream = open(&live, customer(5, 7), 1);
    live.beat(later(19));
    assert_eq!(poll(&stream), Poll::Pending);
    for seconds in [20, 21, 40, 60] {
        live.beat(later(seconds));
    }
    assert_eq!(words(&stream), [Word::Beat], "one is enough for who reads nothing");
    live.beat(later(LONGEST.as_secs()));
    assert_eq!(poll(&stream), Poll::Ready(None));
    let short = Listener { until: later(5), ..customer(5, 7) };
    let stream = open(&live, short, 1);
    live.beat(later(5));
    assert_eq!(poll(&stream), Poll::Ready(None), "its link expired");
}

#[test]
fn who_may_not_listen_any_more_does_not() {
    let live = live();
    let streams = [
        open(&live, staff(1, About::Everything), 1),
        open(&live, customer(1, 7), 1),
        open(&live, customer(2, 7), 1),
    ];
    let over = || streams.each_ref().map(|stream| poll(stream).is_ready());
    live.end(&Ended { sessions: [9].into(), links: [9].into(), ..Ended::default() });
    assert_eq!(over(), [false, false, false]);
    live.end(&Ended { links: [1].into(), ..Ended::default() });
    assert_eq!(over(), [false, true, false], "a session of the same number goes on");
    live.end(&Ended { customers: [2].into(), ..Ended::default() });
    assert_eq!(over(), [false, true, true]);
    live.end(&Ended { all: true, ..Ended::default() });
    assert_eq!(over(), [true, true, true]);
    live.close();
    assert_eq!(live.open(customer(3, 7), NOW).err(), Some(Full::All), "we are about to end");
}

fn present(ticket_id: i64, staff_id: i64, writing: bool) -> Present {
    Present { ticket_id, staff_id, name: format!("Person {staff_id}"), writing }
}

#[test]
fn who_is_there_is_told_to_colleagues_at_the_ticket_when_it_changes() {
    let live = live();
    let at_7 = open(&live, staff(1, About::Ticket(7)), 1);
    let at_8 = open(&live, staff(2, About::Ticket(8)), 1);
    let anas = open(&live, customer(5, 7), 1);
    let here = [present(7, 1, false), present(7, 3, true), present(9, 4, false)];
    for _ in 0..2 {
        live.tell_present(&here);
    }
    assert_eq!(words(&at_7), [Word::Present(here[..2].into())]);
    assert_eq!(words(&at_8), [Word::Present([].into())], "so that a stale page is corrected");
    live.tell_present(&here[..1]);
    live.tell_present(&[]);
    assert_eq!(words(&at_7), [Word::Present([].into())], "only the last one counts");
    assert_eq!(words(&anas), []);
}

#[test]
fn other_processes_are_told_when_it_matters_and_no_more_often() {
    let live = live();
    let seats = |at| {
        let batch = live.rooms.take_due(at);
        let until = |seat: &crate::domain::presence::Seat| seat.until.since(at).as_secs();
        (batch.here.iter().map(until).collect::<Vec<_>>(), batch.gone)
    };
    let tabs =
        [open(&live, staff(1, About::Ticket(7)), 1), open(&live, staff(1, About::Ticket(7)), 1)];
    assert_eq!(seats(NOW), (vec![45], vec![]), "two tabs are one person");
    assert_eq!(seats(later(14)), (vec![], vec![]));
    assert_eq!(seats(later(15)), (vec![45], vec![]));
    live.rooms.write(7, 1, later(16));
    assert_eq!(seats(later(16)), (vec![45], vec![]));
    assert_eq!(seats(later(17)), (vec![], vec![]));
    live.rooms.write_again();
    assert_eq!(seats(later(18)), (vec![45], vec![]));
    // Who loads the page again was never away.
    drop(tabs);
    assert_eq!(seats(later(19)), (vec![45], vec![]), "but is not writing any more");
    let back = open(&live, staff(1, About::Ticket(7)), 1);
    assert_eq!(seats(later(24)), (vec![], vec![]));
    drop(back);
    assert_eq!(seats(later(25)), (vec![], vec![]));
    assert_eq!(seats(later(28)), (vec![], vec![]));
    assert_eq!(seats(later(29)), (vec![], vec![(7, 1)]));
    assert_eq!(seats(later(30)), (vec![], vec![]));
    // Whose stream is with another process is there for as long as they write.
    live.rooms.write(7, 2, later(30));
    assert_eq!(seats(later(30)), (vec![15], vec![]));
    assert_eq!(seats(later(45)), (vec![], vec![(7, 2)]));
}
