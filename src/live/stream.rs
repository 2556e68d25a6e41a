//! One stream: the words that wait for its reader.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::{HEARTBEAT, Listener, Live, Person, Word};
use crate::clock::Millis;
use crate::domain::live::News;
use crate::domain::presence::Present;
use crate::metrics::OpenStream;

/// Somebody who listens, as the lists of [`Live`] hold them.
pub(super) struct Slot {
    pub(super) number: u64,
    pub(super) listener: Listener,
    most: usize,
    state: Mutex<State>,
}

struct State {
    waiting: VecDeque<Word>,
    reader: Option<Waker>,
    ended: bool,
    /// What its page shows already: for staff up to which event, for a customer which version.
    /// None until the caller of [`Live::open`] has looked.
    seen: Option<i64>,
    /// Who is there, as it was last told.
    present: Option<Arc<[Present]>>,
    last_word: Millis,
}

impl Slot {
    pub(super) fn new(number: u64, listener: Listener, most: usize, now: Millis) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            reader: None,
            ended: false,
            seen: None,
            present: None,
            last_word: now,
        };
        Self { number, listener, most, state: Mutex::new(state) }
    }

    pub(super) fn is_staffs(&self) -> bool {
        matches!(self.listener.person, Person::Staff(_))
    }

    /// Keeps what happened for the reader. A customer is told of what they may see, and of a
    /// version once.
    pub(super) fn tell(&self, news: &Arc<News>) {
        let Some(ticket) = &news.ticket else { return };
        let (word, place) = match self.listener.person {
            Person::Staff(_) => (Word::Ticket(Arc::clone(news)), news.number),
            Person::Customer(id) if news.for_customer && news.customer_id == id => {
                (Word::Version(ticket.version), ticket.version)
            }
            Person::Customer(_) => return,
        };
        let mut state = self.lock();
        if state.seen.is_some_and(|seen| place <= seen) {
            return;
        }
        if state.seen.is_some() {
            state.seen = Some(place);
        }
        state.push(word, self.most);
    }

    pub(super) fn tell_present(&self, here: &Arc<[Present]>) {
        let mut state = self.lock();
        if state.present.as_ref() != Some(here) {
            state.present = Some(Arc::clone(here));
            state.waiting.retain(|word| !matches!(word, Word::Present(_)));
            state.push(Word::Present(Arc::clone(here)), self.most);
        }
    }

    /// A word if there was none for [`HEARTBEAT`]; the end if its time has come.
    pub(super) fn beat(&self, now: Millis) {
        if now >= self.listener.until {
            return self.end();
        }
        let mut state = self.lock();
        if now.since(state.last_word) < HEARTBEAT {
            return;
        }
        state.last_word = now;
        // A reader who has not taken the last one hears enough.
        if state.waiting.is_empty() {
            state.push(Word::Beat, self.most);
        }
    }

    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        state.wake();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No method leaves it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, word: Word, most: usize) {
        // Of versions, as of who is there, only the last one counts.
        if matches!(word, Word::Version(_)) {
            self.waiting.retain(|other| !matches!(other, Word::Version(_)));
        }
        if self.waiting.len() >= most {
            self.skip(&word);
        } else {
            self.waiting.push_back(word);
        }
        self.wake();
    }

    /// The reader is too far behind: they load their page instead.
    fn skip(&mut self, word: &Word) {
        let place = |word: &Word| match word {
            Word::Ticket(news) => Some(news.number),
            Word::Reload(number) => Some(*number),
            _ => None,
        };
        let last = self.waiting.iter().chain([word]).filter_map(place).max();
        self.waiting.clear();
        self.waiting.push_back(Word::Reload(last.or(self.seen).unwrap_or_default()));
    }

    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

/// What a request reads its words from. Dropping it closes the stream.
pub struct Stream {
    live: Arc<Live>,
    slot: Arc<Slot>,
    _counted: OpenStream,
}

impl Stream {
    pub(super) fn new(live: Arc<Live>, slot: Arc<Slot>, counted: OpenStream) -> Self {
        Self { live, slot, _counted: counted }
    }

    /// Who listens.
    pub fn listener(&self) -> Listener {
        self.slot.listener
    }

    /// The reader's page shows everything up to this event, or this version.
    pub fn is_at(&self, place: i64) {
        self.catch_up(Vec::new(), place);
    }

    /// Tells first what was looked up, up to `place`; then what came meanwhile and is newer.
    pub fn catch_up(&self, missed: Vec<Word>, place: i64) {
        let mut state = self.slot.lock();
        let meanwhile = std::mem::take(&mut state.waiting);
        state.seen = Some(place);
        for word in missed {
            state.push(word, self.slot.most);
        }
        for word in meanwhile {
            let at = match &word {
                Word::Ticket(news) => news.number,
                Word::Version(version) => *version,
                _ => i64::MAX,
            };
            if at == i64::MAX {
                state.push(word, self.slot.most);
            } else if state.seen.is_some_and(|seen| at > seen) {
                state.seen = Some(at);
                state.push(word, self.slot.most);
            }
        }
    }

    /// The next word; `None` at the end.
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Word>> {
        let mut state = self.slot.lock();
        if state.ended {
            return Poll::Ready(None);
        }
        if let Some(word) = state.waiting.pop_front() {
            return Poll::Ready(Some(word));
        }
        if !state.reader.as_ref().is_some_and(|reader| reader.will_wake(context.waker())) {
            state.reader = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.live.forget(&self.slot);
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("listener", &self.slot.listener).finish_non_exhaustive()
    }
}
