//! Line after line becomes what is imported: each is checked by itself, and a ticket is gathered
//! with its entries. What is wrong with any of them refuses the ticket whole.
//!
//! It holds one ticket at a time, and 16 bytes of each id, to see that none is there twice.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::entry::{self, EntryItem};
use super::lines::{EndLine, HeaderLine, Line, Totals};
use super::parse::{self, CustomerItem, StaffItem, TicketItem};
use super::setting::{self, SettingItem};
use super::timeline;
use super::{MOST_ENTRIES, MOST_TEXT, VERSION, What};
use crate::error::{FieldCode, FieldError, LineError};
use crate::ids;

/// Something that can be imported by itself.
#[derive(Debug)]
pub struct Piece {
    /// The line it begins on.
    pub(super) line: u64,
    pub(super) item: Item,
}

#[derive(Debug)]
pub(super) enum Item {
    Setting(SettingItem),
    Staff(StaffItem),
    Customer(CustomerItem),
    Ticket(Box<Whole>),
}

/// A ticket with all its entries.
#[derive(Debug)]
pub struct Whole {
    pub(super) ticket: TicketItem,
    pub(super) entries: Vec<EntryItem>,
    /// Whom it names that no line before it is about: field, line, what, id.
    pub(super) elsewhere: Vec<(&'static str, u64, What, String)>,
    /// Bytes of its texts.
    text: usize,
}

impl Piece {
    /// How much work it is, in rows.
    pub fn weight(&self) -> usize {
        match &self.item {
            Item::Ticket(whole) => 1 + whole.entries.len(),
            _ => 1,
        }
    }

    /// How large it is, about, in bytes.
    pub fn size(&self) -> usize {
        match &self.item {
            Item::Ticket(whole) => whole.text,
            Item::Setting(setting) => setting.size(),
            _ => 1_000,
        }
    }
}

/// Gathers pieces and mistakes from lines.
#[derive(Debug, Default)]
pub struct Assembler {
    source: Option<String>,
    seen: HashMap<[u8; 16], u64>,
    open: Open,
    totals: Totals,
    is_over: bool,
    categories: BTreeSet<String>,
    ready: Vec<Piece>,
    bad: Vec<LineError>,
}

/// The ticket whose entries are read.
#[derive(Debug, Default)]
enum Open {
    #[default]
    None,
    Gathering(u64, Box<Whole>),
    /// Something was wrong with it: what follows of it is passed over.
    Refused,
}

impl Assembler {
    /// Reads the first line. `source` is the name that was given for where it comes from; else
    /// the line's own counts.
    ///
    /// # Errors
    /// If it is no header, or one of a newer version: then nothing can be read.
    pub fn new(number: u64, text: &str, source: Option<&str>) -> Result<Self, LineError> {
        let error = |message: String| LineError::new(number, FieldCode::Malformed, message);
        let Ok(Line::Doorkey(header)) = serde_json::from_str(text) else {
            return Err(error(NO_HEADER.to_owned()));
        };
        let HeaderLine { version, source: own } = header;
        if version != VERSION {
            let text =
                format!("This is version {version} of the format; {VERSION} can be read here.");
            return Err(error(text));
        }
        let source = parse::source(source.or(own.as_deref()))
            .map_err(|error| LineError { line: number, error })?;
        Ok(Self { source: Some(source), ..Self::default() })
    }

    /// Where the lines come from.
    pub fn source(&self) -> &str {
        self.source.as_deref().unwrap_or(super::SOURCE)
    }

    /// How many lines of each kind there were so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The categories of the tickets so far.
    pub fn categories(&self) -> &BTreeSet<String> {
        &self.categories
    }

    /// Whether the last line was there, which tells that the lines are whole.
    pub fn is_whole(&self) -> bool {
        self.is_over
    }

    /// What became whole since this was asked last.
    pub fn take_ready(&mut self) -> Vec<Piece> {
        std::mem::take(&mut self.ready)
    }

    /// What was wrong since this was asked last.
    pub fn take_bad(&mut self) -> Vec<LineError> {
        std::mem::take(&mut self.bad)
    }

    /// Reads a line after the first. An empty one is none.
    pub fn read(&mut self, number: u64, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        match serde_json::from_str::<Line>(text) {
            Ok(line) => self.take(number, text, &line),
            Err(error) => self.refuse_line(number, text, &error),
        }
    }

    /// A line that could not even be read: too long, or no UTF-8.
    pub fn refuse(&mut self, error: LineError) {
        self.bad.push(error);
        self.open = Open::Refused;
    }

    /// There are no more lines.
    pub fn finish(&mut self) {
        self.close();
    }

    fn refuse_line(&mut self, number: u64, text: &str, error: &serde_json::Error) {
        let about = serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
        let kind = about.get("type").and_then(serde_json::Value::as_str).unwrap_or_default();
        match kind {
            "setting" => self.totals.settings += 1,
            "staff" => self.totals.staff += 1,
            "customer" => self.totals.customers += 1,
            "ticket" => self.totals.tickets += 1,
            "entry" => self.totals.entries += 1,
            _ => {}
        }
        if matches!(kind, "setting" | "staff" | "customer" | "ticket") {
            self.close();
        }
        // What cannot be read may be an entry of the ticket before, which is not whole without it.
        self.refuse(LineError::new(number, FieldCode::Malformed, in_words(error)));
    }

    fn take(&mut self, number: u64, text: &str, line: &Line) {
        if self.is_over {
            let message = "The line before said that it was the last.";
            return self.refuse(LineError::new(number, FieldCode::Malformed, message));
        }
        self.totals.count(line);
        if !matches!(line, Line::Entry(_)) {
            self.close();
        }
        match line {
            Line::Setting(line) => {
                self.add(number, What::Setting, &line.name, setting::read(line), Item::Setting);
            }
            Line::Staff(line) => {
                self.add(number, What::Staff, &line.id, parse::staff(line), Item::Staff);
            }
            Line::Customer(line) => {
                self.add(number, What::Customer, &line.id, parse::customer(line), Item::Customer);
            }
            Line::Ticket(line) => match parse::ticket(line, text) {
                Ok(ticket) => self.begin(number, ticket),
                Err(wrong) => self.wrong(number, wrong),
            },
            Line::Entry(line) => {
                self.continue_with(number, &line.ticket, entry::read(line, number));
            }
            Line::End(said) => self.end(number, said),
            Line::Doorkey(_) => {
                let message = "This line stands at the beginning, once.";
                self.refuse(LineError::new(number, FieldCode::Malformed, message));
            }
        }
    }

    fn wrong(&mut self, line: u64, wrong: Vec<FieldError>) {
        self.bad.extend(wrong.into_iter().map(|error| LineError { line, error }));
        self.open = Open::Refused;
    }

    fn add<T>(
        &mut self,
        line: u64,
        what: What,
        id: &str,
        read: Result<T, Vec<FieldError>>,
        item: impl FnOnce(T) -> Item,
    ) {
        match read.and_then(|read| self.note(what, id, line).map(|()| read)) {
            Ok(read) => self.ready.push(Piece { line, item: item(read) }),
            Err(wrong) => self.wrong(line, wrong),
        }
    }

    /// Notes an id, which must be new.
    fn note(&mut self, what: What, id: &str, line: u64) -> Result<(), Vec<FieldError>> {
        let first = *self.seen.entry(key(what, id)).or_insert(line);
        if first == line {
            return Ok(());
        }
        let message = format!("The {} of this id stands on line {first} already.", what.as_str());
        Err(vec![FieldError::new("id", FieldCode::Taken, message)])
    }

    fn begin(&mut self, line: u64, ticket: TicketItem) {
        if let Err(wrong) = self.note(What::Ticket, &ticket.id, line) {
            return self.wrong(line, wrong);
        }
        let text = ticket.description.len() + ticket.subject.len();
        let whole = Whole { ticket, entries: Vec::new(), elsewhere: Vec::new(), text };
        self.open = Open::Gathering(line, Box::new(whole));
    }

    fn continue_with(
        &mut self,
        number: u64,
        ticket: &str,
        entry: Result<EntryItem, Vec<FieldError>>,
    ) {
        let whole = match &mut self.open {
            Open::Refused => return,
            Open::Gathering(_, whole) if whole.ticket.id == ticket.trim() => whole,
            Open::Gathering(..) | Open::None => {
                let message = "The line of its ticket must stand before it, with nothing but other \
                     entries of that ticket between.";
                let error = FieldError::new("ticket", FieldCode::UnknownValue, message);
                return self.bad.push(LineError { line: number, error });
            }
        };
        match entry {
            Err(wrong) => self.wrong(number, wrong),
            Ok(entry) => {
                whole.text += entry.body.as_ref().map_or(0, String::len) + 100;
                whole.entries.push(entry);
                if whole.entries.len() > MOST_ENTRIES || whole.text > MOST_TEXT {
                    let message = format!(
                        "A ticket has at most {MOST_ENTRIES} entries and {} MiB of text.",
                        MOST_TEXT / 1024 / 1024
                    );
                    self.refuse(LineError::new(number, FieldCode::TooLong, message));
                }
            }
        }
    }

    /// The ticket that was gathered is whole.
    fn close(&mut self) {
        let Open::Gathering(line, mut whole) = std::mem::take(&mut self.open) else { return };
        if let Err(error) = timeline::check(line, &whole) {
            return self.bad.push(error);
        }
        whole.elsewhere = self.named_elsewhere(line, &whole);
        self.categories.extend(whole.ticket.category.clone());
        self.ready.push(Piece { line, item: Item::Ticket(whole) });
    }

    fn named_elsewhere(&self, line: u64, whole: &Whole) -> Vec<(&'static str, u64, What, String)> {
        let ticket = &whole.ticket;
        let customer = Some(("customer", line, What::Customer, &ticket.customer));
        let assignee = ticket.assignee.as_ref().map(|id| ("assignee", line, What::Staff, id));
        let authors = whole.entries.iter().filter_map(|entry| {
            entry.staff.as_ref().map(|id| ("staff", entry.line, What::Staff, id))
        });
        let mut named = HashSet::new();
        customer
            .into_iter()
            .chain(assignee)
            .chain(authors)
            .filter(|(.., what, id)| !self.seen.contains_key(&key(*what, id)))
            .filter(|(field, _, _, id)| named.insert((*field, id.as_str())))
            .map(|(field, line, what, id)| (field, line, what, id.clone()))
            .collect()
    }

    fn end(&mut self, line: u64, said: &EndLine) {
        self.is_over = true;
        let differences = said.differences(self.totals);
        if !differences.is_empty() {
            let message = format!("The file is not whole. {}.", differences.join("; "));
            self.bad.push(LineError::new(line, FieldCode::Malformed, message));
        }
    }
}

/// Whether a line says that it is the last, so that what it stands in is whole.
pub fn is_end(text: &str) -> bool {
    matches!(serde_json::from_str(text.trim()), Ok(Line::End(_)))
}

const NO_HEADER: &str = "The first line says what this is: {\"type\":\"doorkey\",\"version\":1}.";

/// What an id is remembered by.
fn key(what: What, id: &str) -> [u8; 16] {
    let hash = ids::sha256(format!("{} {}", what.as_str(), id.trim()).as_bytes());
    let (half, _) = hash.split_at(16);
    half.try_into().unwrap_or_default()
}

/// The mistake in words that need not be looked up: the line stands beside them.
fn in_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let bare = text.split(" at line ").next().unwrap_or(&text);
    if error.is_data() {
        format!("This is not as docs/EXPORT.md describes it: {bare}.")
    } else {
        format!("This is not JSON: {bare}, at byte {}.", error.column())
    }
}
