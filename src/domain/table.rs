//! Tables as other programs save them: comma or semicolon between cells, UTF-8. Bytes in, records
//! out; what the columns mean is for others. And tables for them: records in, lines out.

use std::io::{Chain, Read};

use crate::domain::page::Page;
use crate::error::{Error, FieldCode, LineError};

/// What a file of UTF-8 may begin with.
const BOM: &[u8] = b"\xEF\xBB\xBF";
/// Follows the last record, to see whether it ended: a quotation mark that is never closed
/// swallows it. No text that Doorkey takes holds this character.
const END: &[u8] = b"\n\x01";

/// One line of a table, or several where a cell in quotes has line breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The line it begins on, counted from 1.
    pub line: u64,
    /// What stands in it.
    pub cells: Vec<String>,
}

impl Record {
    /// Whether nothing stands in it, as in the lines a spreadsheet leaves at the end.
    pub fn is_empty(&self) -> bool {
        self.cells.iter().all(|cell| cell.trim().is_empty())
    }
}

/// The records of a table, the header first. A record that is not UTF-8 is an error, and the next one
/// follows; after an error of any other kind nothing more can be told.
pub struct Table<'a> {
    reader: csv::Reader<Chain<&'a [u8], &'static [u8]>>,
    bytes: &'a [u8],
    /// What has not been counted yet, where it begins, and the line that is there.
    rest: &'a [u8],
    start: usize,
    line: u64,
    over: bool,
}

impl<'a> Table<'a> {
    /// Reads what a file holds. The delimiter is what stands in its first line.
    ///
    /// # Errors
    /// [`LineError`] for what is UTF-16: not a line of it could be read.
    pub fn new(bytes: &'a [u8]) -> Result<Self, LineError> {
        if matches!(bytes, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]) {
            return Err(not_utf8(1, 1, " It looks like UTF-16."));
        }
        let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter(bytes))
            .from_reader(bytes.chain(END));
        Ok(Self { reader, bytes, rest: bytes, start: 0, line: 1, over: false })
    }

    fn read(&mut self) -> Result<Option<Record>, Wrong> {
        let mut cells = csv::ByteRecord::new();
        let more = self.reader.read_byte_record(&mut cells);
        let line = self.line_at(cells.position().map_or(0, csv::Position::byte));
        let end = |message: &str| Wrong::End(LineError::new(line, FieldCode::Malformed, message));
        match more {
            Ok(true) if cells.get(0) == Some(b"\x01") => Ok(None),
            Ok(true) if cells.iter().next_back().is_some_and(|cell| cell.ends_with(END)) => {
                Err(end("A quotation mark that opens on this line is never closed."))
            }
            Ok(true) => match csv::StringRecord::from_byte_record(cells) {
                Ok(cells) => {
                    Ok(Some(Record { line, cells: cells.iter().map(str::to_owned).collect() }))
                }
                Err(_) => Err(Wrong::Record(self.undecodable())),
            },
            Ok(false) => Ok(None),
            Err(error) => Err(end(&error.to_string())),
        }
    }

    /// What is wrong with the record that was read last and is not UTF-8: where that begins.
    fn undecodable(&self) -> LineError {
        let end = usize::try_from(self.reader.position().byte()).unwrap_or(usize::MAX);
        let raw = self.bytes.get(self.start..end.min(self.bytes.len())).unwrap_or_default();
        let good = match std::str::from_utf8(raw) {
            Ok(_) => raw,
            Err(error) => &raw[..error.valid_up_to()],
        };
        let breaks = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let text = String::from_utf8_lossy(good).replace("\r\n", "\n");
        let line = self.line + text.chars().filter(|it| matches!(it, '\n' | '\r')).count() as u64;
        let column = good.iter().rev().take_while(|byte| !breaks(byte)).count() + 1;
        not_utf8(line, column, "")
    }

    /// The line on which the record begins that is read from `byte` on, past the line breaks
    /// before it. The reader itself counts one too few after each `\r\n`.
    fn line_at(&mut self, byte: u64) -> u64 {
        let at = usize::try_from(byte).unwrap_or(usize::MAX).saturating_sub(self.start);
        let after = self.rest.get(at..).unwrap_or_default();
        let breaks = after.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let (passed, rest) = self.rest.split_at((at + breaks).min(self.rest.len()));
        let ends = |(index, byte): (usize, &u8)| match byte {
            b'\n' => true,
            b'\r' => passed.get(index + 1).or(rest.first()) != Some(&b'\n'),
            _ => false,
        };
        self.line += passed.iter().enumerate().filter(|&it| ends(it)).count() as u64;
        self.start += passed.len();
        self.rest = rest;
        self.line
    }
}

impl Iterator for Table<'_> {
    type Item = Result<Record, LineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let read = self.read();
        self.over = matches!(read, Ok(None) | Err(Wrong::End(_)));
        match read {
            Ok(record) => record.map(Ok),
            Err(Wrong::Record(error) | Wrong::End(error)) => Some(Err(error)),
        }
    }
}

/// What is wrong with a record.
enum Wrong {
    /// It cannot be read; those after it can.
    Record(LineError),
    /// Where it ends cannot be told.
    End(LineError),
}

/// A semicolon where the language of the spreadsheet has the comma in its numbers.
fn delimiter(bytes: &[u8]) -> u8 {
    let first = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let count = |wanted: u8| first.iter().filter(|&&byte| byte == wanted).count();
    if count(b';') > count(b',') { b';' } else { b',' }
}

fn not_utf8(line: u64, column: usize, looks: &str) -> LineError {
    let message = format!(
        "Byte {column} of this line is not UTF-8.{looks} \
         Save the file again as UTF-8; spreadsheets call it “CSV UTF-8”."
    );
    LineError::new(line, FieldCode::Malformed, message)
}

/// Hands a list to `write` as a table with its head: some lines at a time, each whole, in UTF-8, so that it
/// may have any length. `page` reads what follows a cursor, and `row` says what stands in an item's line.
/// Answers how many items there were.
///
/// # Errors
/// What `page` and `write` answer: then it is over.
pub(in crate::domain) fn write<T, E: From<Error>, const N: usize>(
    columns: [&str; N],
    row: impl Fn(&T) -> [String; N],
    mut page: impl FnMut(Option<String>) -> Result<Page<T>, Error>,
    mut write: impl FnMut(Vec<u8>) -> Result<(), E>,
) -> Result<u64, E> {
    write(lines(std::iter::once(columns.map(str::to_owned))))?;
    let (mut written, mut cursor) = (0, None);
    loop {
        let Page { items, next } = page(cursor)?;
        if !items.is_empty() {
            written += items.len() as u64;
            write(lines(items.iter().map(&row)))?;
        }
        if next.is_none() {
            return Ok(written);
        }
        cursor = next;
    }
}

/// Lines of a table for spreadsheets (RFC 4180). A cell that one would take for a formula begins with
/// an apostrophe.
fn lines<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> Vec<u8> {
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        // Into memory, and every row is as long as the first: neither can fail.
        let _ = writer.write_record(row.map(harmless));
    }
    writer.into_inner().unwrap_or_default()
}

/// A cell that no spreadsheet takes for a formula (OWASP, CSV injection).
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        return format!("'{cell}");
    }
    cell
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The records, or the first error.
    fn read(bytes: &[u8]) -> Result<Vec<Record>, LineError> {
        Table::new(bytes)?.collect()
    }

    fn record(line: u64, cells: &[&str]) -> Record {
        Record { line, cells: cells.iter().map(|&cell| cell.to_owned()).collect() }
    }

    #[test]
    fn commas_semicolons_and_a_mark_at_the_start_are_understood() {
        let expected = [record(1, &["email", "name"]), record(2, &["a@b.example", "A, B; C"])];
        for text in [
            "email,name\na@b.example,\"A, B; C\"",
            "email;name\r\na@b.example;\"A, B; C\"\r\n",
            "\u{feff}email;name\na@b.example;\"A, B; C\"\n",
        ] {
            assert_eq!(read(text.as_bytes()).as_deref(), Ok(&expected[..]), "{text:?}");
        }
        assert_eq!(read(b""), Ok(vec![]));
    }

    #[test]
    fn lines_are_counted_through_breaks_inside_quotes() {
        let text = "email,notes\na,\"one\n\ntwo \"\"x\"\"\"\n\nb,c\nd,e\n";
        for newline in ["\n", "\r\n", "\r"] {
            let found = read(text.replace('\n', newline).as_bytes());
            let expected = [
                record(1, &["email", "notes"]),
                record(2, &["a", &"one\n\ntwo \"x\"".replace('\n', newline)]),
                record(6, &["b", "c"]),
                record(7, &["d", "e"]),
            ];
            assert_eq!(found.as_deref(), Ok(&expected[..]));
        }
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_is_named() {
        let error = read(b"email,notes\na,\"one\nb,two\nc,three\n").expect_err("swallows the rest");
        assert_eq!(error.line, 2);
        assert!(error.error.message.contains("never closed"), "{error}");
    }

    #[test]
    fn another_encoding_is_named_with_line_and_byte() {
        let latin = read(b"email,name\nana@b.example,Jos\xE9\n").expect_err("Latin-1");
        assert_eq!(latin.line, 2);
        assert!(latin.to_string().starts_with("line 2: Byte 18 of this line"), "{latin}");
        let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain(*b"e\0m\0").collect();
        let error = read(&utf16).expect_err("UTF-16").to_string();
        assert!(error.starts_with("line 1: Byte 1 ") && error.contains("UTF-16"), "{error}");
    }

    #[test]
    fn every_line_that_is_not_utf8_is_named_and_the_others_are_read() {
        let bytes = b"email,name,notes\na@b.example,Jos\xE9,x\nb@b.example,Bo,\"one\ntwo \xFF\"\n\
            c@b.example,Cy,z\n\xE9@b.example,,\n";
        for newline in ["\n", "\r\n", "\r"] {
            let text: Vec<u8> = bytes
                .iter()
                .flat_map(
                    |byte| if *byte == b'\n' { newline.as_bytes().to_vec() } else { vec![*byte] },
                )
                .collect();
            let all: Vec<_> = Table::new(&text).expect("a table").collect();
            let good: Vec<u64> = all.iter().flatten().map(|record| record.line).collect();
            assert_eq!(good, [1, 5], "{newline:?}");
            let bad: Vec<String> =
                all.iter().filter_map(|it| it.as_ref().err()).map(ToString::to_string).collect();
            let begins = ["line 2: Byte 16 of", "line 4: Byte 5 of", "line 6: Byte 1 of"];
            assert_eq!(bad.len(), begins.len(), "{bad:?}");
            for (error, begin) in bad.iter().zip(begins) {
                assert!(error.starts_with(begin), "{newline:?}: {error}");
            }
        }
    }

    #[test]
    fn a_line_is_what_rfc_4180_says() {
        let row = ["a,b", "say \"no\"", "two\nlines", "plain"].map(str::to_owned);
        let said = String::from_utf8(lines(std::iter::once(row))).expect("UTF-8");
        assert_eq!(said, "\"a,b\",\"say \"\"no\"\"\",\"two\nlines\",plain\r\n");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for bad in ["=1+1", "+49", "-1", "@SUM(A1)", "\tx", "\r=x", "＝1"] {
            assert_eq!(harmless(bad.to_owned()), format!("'{bad}"));
        }
        for good in ["", "alarm", "'quoted", " =1", "a=b"] {
            assert_eq!(harmless(good.to_owned()), good);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_records_and_errors_in_their_order(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(table) = Table::new(&bytes) {
                let lines: Vec<u64> =
                    table.map(|read| read.map_or_else(|error| error.line, |record| record.line)).collect();
                prop_assert!(lines.is_sorted(), "{lines:?}");
                prop_assert!(lines.len() <= bytes.len() + 1);
            }
        }

        #[test]
        fn what_was_written_is_read(cells in proptest::collection::vec("[^\u{1}]{0,12}", 2..5)) {
            // The header is what decides on the delimiter.
            let row: Vec<String> =
                cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
            let text = format!("a,b\n{}\n", row.join(","));
            let found = read(text.as_bytes()).expect("a table");
            prop_assert_eq!(&found[1].cells, &cells);
        }
    }
}
