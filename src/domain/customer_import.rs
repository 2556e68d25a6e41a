//! Customers from a table that another program saved: what the columns are, which lines can be
//! taken, and taking them. It knows no file and no command, so that a page can upload one too.
//!
//! Lines are checked one by one ([`Importer::check`]); what is good is then added in batches
//! ([`add`]), each a transaction, so that others write in between.

use std::collections::HashMap;
use std::fmt;

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::Actor;
use crate::domain::audit::{self, Action, Details, Subject};
use crate::domain::customers::{self, NewCustomer};
use crate::domain::email::Email;
use crate::domain::events;
use crate::domain::table::{Record, Table};
use crate::domain::text;
use crate::error::{Error, FieldCode, FieldError, LineError};
use crate::store;

/// Lines in one transaction.
pub const BATCH: usize = 1_000;
/// Characters of a bad cell that are told, at most.
const FOUND: usize = 80;

/// A column that is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Email,
    Name,
    Phone,
    Company,
    Notes,
}

impl Column {
    const ALL: [Self; 5] = [Self::Email, Self::Name, Self::Phone, Self::Company, Self::Notes];

    fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Name => "name",
            Self::Phone => "phone",
            Self::Company => "company",
            Self::Notes => "notes",
        }
    }

    /// Reads a heading, in any case.
    fn parse(heading: &str) -> Option<Self> {
        let heading = heading.trim().to_lowercase();
        Self::ALL.into_iter().find(|column| column.as_str() == heading)
    }
}

/// Checks the lines of one table, and remembers which addresses stood in it.
#[derive(Debug)]
pub struct Importer {
    columns: Vec<Column>,
    seen: HashMap<String, u64>,
}

impl Importer {
    /// Reads the header.
    ///
    /// # Errors
    /// Every heading that is unknown or stands there twice, and a missing `email`.
    pub fn new(header: &Record) -> Result<Self, Vec<LineError>> {
        let (mut columns, mut wrong) = (Vec::new(), Vec::new());
        for (index, heading) in header.cells.iter().enumerate() {
            match Column::parse(heading) {
                Some(column) if columns.contains(&column) => {
                    wrong.push(FieldError::new(column.as_str(), FieldCode::Malformed, TWICE));
                }
                Some(column) => columns.push(column),
                None => wrong.push(unknown(heading, index + 1)),
            }
        }
        if !columns.contains(&Column::Email) {
            wrong.push(FieldError::new("email", FieldCode::Required, NO_EMAIL));
        }
        if wrong.is_empty() {
            return Ok(Self { columns, seen: HashMap::new() });
        }
        Err(wrong.into_iter().map(|error| LineError { line: header.line, error }).collect())
    }

    /// The customer on one line; none if nothing stands there.
    ///
    /// # Errors
    /// Everything that is wrong with the line, in the words of the same fields elsewhere, and an
    /// address that stood on an earlier line.
    pub fn check(&mut self, record: &Record) -> Result<Option<NewCustomer>, Vec<BadLine>> {
        if record.is_empty() {
            return Ok(None);
        }
        let wrong = |error| self.bad(record, error);
        let cells = self.cells(record).map_err(|error| vec![wrong(error)])?;
        let customer = self.customer(&cells);
        let customer =
            customer.map_err(|errors| errors.into_iter().map(wrong).collect::<Vec<BadLine>>())?;
        let first = *self.seen.entry(customer.email.key()).or_insert(record.line);
        if first != record.line {
            let message = format!("This address stands on line {first} already.");
            let error = FieldError::new("email", FieldCode::Taken, message);
            return Err(vec![self.bad(record, error)]);
        }
        Ok(Some(customer))
    }

    /// What is wrong with a line, with what stands there: the cell, or all of it.
    fn bad(&self, record: &Record, error: FieldError) -> BadLine {
        let column = self.columns.iter().position(|column| column.as_str() == error.field);
        let found = match column.and_then(|column| record.cells.get(column)) {
            Some(cell) => beginning(cell),
            None => beginning(&record.cells.join(", ")),
        };
        BadLine { bad: LineError { line: record.line, error }, found }
    }

    /// The cells under the headings. Empty ones beyond are what spreadsheets leave behind.
    fn cells<'r>(&self, record: &'r Record) -> Result<Vec<&'r str>, FieldError> {
        let (wanted, found) = (self.columns.len(), record.cells.len());
        let beyond = record.cells.iter().skip(wanted).any(|cell| !cell.trim().is_empty());
        if found < wanted || beyond {
            let cells = if found == 1 { "cell" } else { "cells" };
            let message = format!(
                "This line has {found} {cells} where the header has {wanted}. A text that holds \
                 the delimiter or a quotation mark must stand in quotation marks."
            );
            return Err(FieldError::new("", FieldCode::Malformed, message));
        }
        Ok(record.cells.iter().take(wanted).map(String::as_str).collect())
    }

    fn customer(&self, cells: &[&str]) -> Result<NewCustomer, Vec<FieldError>> {
        let cell = |wanted: Column| {
            let index = self.columns.iter().position(|column| *column == wanted);
            index.and_then(|index| cells.get(index)).copied().unwrap_or_default()
        };
        let line = |column: Column, length| text::parse_line(column.as_str(), cell(column), length);
        let email = Email::parse(Column::Email.as_str(), cell(Column::Email));
        let name = line(Column::Name, text::NAME);
        let phone = line(Column::Phone, text::PHONE);
        let company = line(Column::Company, text::NAME);
        let notes = text::parse("notes", cell(Column::Notes), text::CUSTOMER_NOTES);
        match (email, name, phone, company, notes) {
            (Ok(email), Ok(name), Ok(phone), Ok(company), Ok(notes)) => {
                Ok(NewCustomer { email, name, phone, company, notes })
            }
            (email, name, phone, company, notes) => {
                let texts = [name, phone, company, notes].into_iter().filter_map(Result::err);
                Err(email.err().into_iter().chain(texts).collect())
            }
        }
    }
}

const TWICE: &str = "This column is there twice.";
const NO_EMAIL: &str = "There is no column of this name, and it is what tells customers apart.";

fn unknown(heading: &str, number: usize) -> FieldError {
    let known = Column::ALL.map(Column::as_str).join(", ");
    let heading = heading.trim();
    let what = if heading.is_empty() {
        format!("Column {number} has no heading")
    } else {
        format!("The column {heading:?} is not known")
    };
    let message = format!(
        "{what}. The first line names the columns: {known}; between them stands a comma or a \
         semicolon."
    );
    FieldError::new(heading, FieldCode::UnknownField, message)
}

/// Something that is wrong with a line, and what stands there.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct BadLine {
    /// What is wrong.
    #[serde(flatten)]
    pub bad: LineError,
    /// The beginning of the cell, or of the whole line where no cell is meant; empty if nothing stands
    /// there or it cannot be read.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub found: String,
}

impl From<LineError> for BadLine {
    fn from(bad: LineError) -> Self {
        Self { bad, found: String::new() }
    }
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.found.as_str() {
            "" => self.bad.fmt(f),
            found => write!(f, "{} It says “{found}”.", self.bad),
        }
    }
}

/// The beginning of what stands in a table, on one line.
fn beginning(text: &str) -> String {
    let mut letters = text.trim().chars().map(|it| if it.is_control() { ' ' } else { it });
    let mut beginning: String = letters.by_ref().take(FOUND).collect();
    if letters.next().is_some() {
        beginning.push('…');
    }
    beginning
}

/// The lines of a file, sorted.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Those that can be taken.
    pub good: Vec<NewCustomer>,
    /// What is wrong with the others.
    pub bad: Vec<BadLine>,
}

/// Looks through a file.
///
/// # Errors
/// What is wrong with its header, or its encoding as a whole: without these no line means anything.
pub fn check(bytes: &[u8]) -> Result<Checked, Vec<LineError>> {
    let one = |error| vec![error];
    let mut table = Table::new(bytes).map_err(one)?;
    let header = table.next().transpose().map_err(one)?;
    let header = header.unwrap_or(Record { line: 1, cells: Vec::new() });
    let mut importer = Importer::new(&header)?;
    let mut checked = Checked::default();
    for record in table {
        let read = record.map_err(|error| vec![error.into()]);
        match read.and_then(|record| importer.check(&record)) {
            Ok(Some(customer)) => checked.good.push(customer),
            Ok(None) => {}
            Err(bad) => checked.bad.extend(bad),
        }
    }
    Ok(checked)
}

/// What came of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Customers that are new.
    pub added: u64,
    /// Addresses that were customers before. What is known of them stays as it is, as when a
    /// ticket is created for them.
    pub existing: u64,
}

impl Counts {
    /// Adds those of another batch.
    pub fn add(&mut self, other: Self) {
        self.added += other.added;
        self.existing += other.existing;
    }

    fn count(&mut self, is_new: bool) {
        self.added += u64::from(is_new);
        self.existing += u64::from(!is_new);
    }
}

/// Tells the audit log, once for a whole file and before the first of it is taken: a line for each batch
/// would bury all others, and one after the last would be missing where the work was cut short.
pub fn write_down(
    tx: &mut Tx<'_>,
    actor: &Actor,
    (file, customers): (&str, usize),
    now: Millis,
) -> Result<(), Error> {
    let details = Details::none().with("file", file).with("good lines", customers);
    audit::record(tx, actor, Action::CustomersImported, &Subject::doorkey(), details, now)
}

/// Adds those who are not customers yet. Nobody is mailed; programs are told of each, as of any
/// other new customer. The audit log is told by [`write_down`].
pub fn add(tx: &mut Tx<'_>, batch: &[NewCustomer], now: Millis) -> Result<Counts, Error> {
    let mut counts = Counts::default();
    for new in batch {
        let customer = customers::row(new, now);
        let is_new = store::customers::insert(tx, &customer)?;
        if is_new {
            events::customer_created(tx, &customer)?;
        }
        counts.count(is_new);
    }
    Ok(counts)
}

/// What [`add`] would do, without doing it.
pub fn foresee(tx: &mut Tx<'_>, batch: &[NewCustomer]) -> Result<Counts, Error> {
    let mut counts = Counts::default();
    for new in batch {
        counts.count(store::customers::find_by_email(tx, &new.email)?.is_none());
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(line: u64, cells: &[&str]) -> Record {
        Record { line, cells: cells.iter().map(|&cell| cell.to_owned()).collect() }
    }

    fn wrong<T: fmt::Debug, E: fmt::Display + fmt::Debug>(
        result: Result<T, Vec<E>>,
    ) -> Vec<String> {
        result.expect_err("refused").iter().map(ToString::to_string).collect()
    }

    #[test]
    fn columns_come_in_any_order_and_case() {
        let mut importer =
            Importer::new(&record(1, &[" Company", "EMAIL", "notes"])).expect("known");
        let found = importer.check(&record(2, &["Café Lumen", "ana@b.example", "a\r\nb "]));
        let customer = found.expect("good").expect("somebody");
        assert_eq!(customer.email.as_str(), "ana@b.example");
        assert_eq!((&*customer.company, &*customer.notes), ("Café Lumen", "a\nb"));
        assert_eq!((&*customer.name, &*customer.phone), ("", ""));
    }

    #[test]
    fn every_wrong_heading_is_named() {
        let named = wrong(Importer::new(&record(1, &["name", "Fax", "", "name"])));
        assert_eq!(named.len(), 4, "{named:?}");
        assert!(named[0].starts_with("line 1, Fax: The column \"Fax\" is not known."), "{named:?}");
        assert!(named[1].starts_with("line 1: Column 3 has no heading."), "{named:?}");
        assert_eq!(named[2], "line 1, name: This column is there twice.");
        assert!(named[3].starts_with("line 1, email: There is no column"), "{named:?}");
    }

    #[test]
    fn every_mistake_of_a_line_is_told_in_the_words_of_the_field() {
        let mut importer = Importer::new(&record(1, &["email", "phone", "name"])).expect("known");
        let named = wrong(importer.check(&record(7, &["ana", &"1".repeat(51), "a\nb"])));
        let expected = [
            Email::parse("email", "ana").expect_err("no address").message,
            "This must be a single line, without line breaks or tabs.".to_owned(),
            "At most 50 characters fit here; these are 51.".to_owned(),
        ];
        let found =
            [("email", "ana".to_owned()), ("name", "a b".to_owned()), ("phone", "1".repeat(51))];
        for ((line, (field, found)), message) in named.iter().zip(found).zip(expected) {
            assert_eq!(*line, format!("line 7, {field}: {message} It says “{found}”."));
        }
        assert_eq!(named.len(), 3);
    }

    #[test]
    fn of_what_stands_in_a_bad_line_the_beginning_is_told() {
        let mut importer = Importer::new(&record(1, &["notes", "email"])).expect("known");
        let mut found = |cells: &[&str]| {
            let bad = importer.check(&record(2, cells)).expect_err("refused");
            (bad[0].bad.error.field.clone(), bad[0].found.clone())
        };
        let long = "ä".repeat(100);
        let cut = format!("{}…", "ä".repeat(80));
        assert_eq!(found(&["", &long]), ("email".to_owned(), cut));
        assert_eq!(found(&["x", " "]), ("email".to_owned(), String::new()));
        assert_eq!(found(&["only\tone"]), (String::new(), "only one".to_owned()));
        assert_eq!(found(&["a", "b", "c"]), (String::new(), "a, b, c".to_owned()));
    }

    #[test]
    fn an_address_counts_once_without_regard_to_case() {
        let mut importer = Importer::new(&record(1, &["email"])).expect("known");
        assert!(importer.check(&record(2, &["ana@b.example"])).is_ok());
        let named = wrong(importer.check(&record(3, &["ANA@B.example"])));
        let told = "line 3, email: This address stands on line 2 already. It says “ANA@B.example”.";
        assert_eq!(named, [told]);
    }

    #[test]
    fn cells_that_fit_no_column_are_refused_and_empty_ones_forgiven() {
        let mut importer = Importer::new(&record(1, &["email", "name"])).expect("known");
        assert!(importer.check(&record(2, &["a@b.example", "A", " ", ""])).is_ok());
        assert_eq!(
            importer.check(&record(3, &["", "", ""])).map(|found| found.is_none()),
            Ok(true)
        );
        for (cells, says) in [
            (&["a@b.example"][..], "has 1 cell where the header has 2."),
            (&["a@b.example", "Costa", "Ana"], "has 3 cells where the header has 2."),
        ] {
            let named = wrong(importer.check(&record(4, cells)));
            assert!(named[0].contains(says), "{named:?}");
        }
    }
}
