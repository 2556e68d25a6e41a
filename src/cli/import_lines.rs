//! The lines of a file that may be larger than memory: one at a time, none longer than it may be.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use crate::domain::transfer::LONGEST_LINE;
use crate::error::{FieldCode, LineError};

/// The last line of `file` that is not empty; empty if it is longer than a line may be. Reading
/// goes on at the beginning.
///
/// # Errors
/// Why the file cannot be read.
pub fn last_line(file: &mut (impl Read + Seek)) -> io::Result<String> {
    let size = file.seek(SeekFrom::End(0))?;
    let start = size.saturating_sub(LONGEST_LINE as u64 + 1);
    file.seek(SeekFrom::Start(start))?;
    let mut end = Vec::new();
    file.by_ref().take(LONGEST_LINE as u64 + 1).read_to_end(&mut end)?;
    file.rewind()?;
    let text = end.trim_ascii_end();
    let line = match text.iter().rposition(|&byte| byte == b'\n') {
        Some(at) => &text[at + 1..],
        None if start == 0 => text,
        None => b"",
    };
    Ok(String::from_utf8_lossy(line).into_owned())
}

/// Reads line after line.
pub struct Lines<R> {
    file: R,
    number: u64,
    bytes: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// The lines of `file`.
    pub fn new(file: R) -> Self {
        Self { file, number: 0, bytes: Vec::new() }
    }

    /// The next line with its number, counted from 1; none at the end. A line that is too long or
    /// no UTF-8 is an error of its own, and the next one can be read.
    ///
    /// # Errors
    /// Why the file cannot be read.
    pub fn next_line(&mut self) -> io::Result<Option<(u64, Result<&str, LineError>)>> {
        self.bytes.clear();
        let most = LONGEST_LINE as u64 + 1;
        let read = self.file.by_ref().take(most).read_until(b'\n', &mut self.bytes)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.bytes.len() > LONGEST_LINE && !self.bytes.ends_with(b"\n") {
            self.skip()?;
            return Ok(Some((self.number, Err(too_long(self.number)))));
        }
        let bytes = match self.number {
            1 => self.bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&self.bytes),
            _ => &self.bytes,
        };
        let text = std::str::from_utf8(bytes).map_err(|error| no_utf8(self.number, &error));
        Ok(Some((self.number, text)))
    }

    /// Passes over the rest of a line, a buffer at a time.
    fn skip(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.file.fill_buf()?;
            let end = buffer.iter().position(|&byte| byte == b'\n');
            let (passed, is_over) = match end {
                Some(at) => (at + 1, true),
                None => (buffer.len(), buffer.is_empty()),
            };
            self.file.consume(passed);
            if is_over {
                return Ok(());
            }
        }
    }
}

fn too_long(number: u64) -> LineError {
    let message = format!("A line has at most {} KiB.", LONGEST_LINE / 1024);
    LineError::new(number, FieldCode::TooLong, message)
}

fn no_utf8(number: u64, error: &std::str::Utf8Error) -> LineError {
    let message = format!("Byte {} of this line is not UTF-8.", error.valid_up_to() + 1);
    LineError::new(number, FieldCode::Malformed, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_found_without_reading_the_rest() {
        let long = "x".repeat(2 * LONGEST_LINE);
        let end = format!("{long}\nlast é\r\n \n\n");
        for (text, last) in
            [("", ""), ("one", "one"), ("one\ntwo\n", "two"), (end.as_str(), "last é"), (&long, "")]
        {
            let mut file = io::Cursor::new(text.as_bytes());
            assert_eq!(last_line(&mut file).expect("readable"), last);
            assert_eq!(file.position(), 0, "what follows reads from the beginning");
        }
    }

    #[test]
    fn bad_lines_are_told_and_the_next_one_is_read() {
        let long = "x".repeat(3 * LONGEST_LINE);
        let text =
            [b"\xEF\xBB\xBFone\n", long.as_bytes(), b"\nth\xE9\nfour \xF0\x9F\x98\x80"].concat();
        // A small buffer: lines are longer than it.
        let mut lines = Lines::new(io::BufReader::with_capacity(16, &text[..]));
        let mut found = Vec::new();
        while let Some((number, line)) = lines.next_line().expect("readable") {
            found.push((number, line.map(str::to_owned).map_err(|error| error.to_string())));
        }
        let expected = [
            (1, Ok("one\n".to_owned())),
            (2, Err("line 2: A line has at most 1024 KiB.".to_owned())),
            (3, Err("line 3: Byte 3 of this line is not UTF-8.".to_owned())),
            (4, Ok("four 😀".to_owned())),
        ];
        assert_eq!(found, expected);
    }
}
