//! What a command answers on standard output: words for people or, with `--json`, one JSON
//! object with the names of the JSON API. Remarks and errors go to standard error.

use std::io::{self, Write as _};

use serde::Serialize;

use super::CliError;

/// Prints the answer: `object` if a program asked for it, `words` if a person did.
///
/// # Errors
/// [`CliError::Failed`] if nobody can read it (a full disk, a closed pipe). What the command did
/// stays done, and the error says so.
pub fn answer(json: bool, object: &impl Serialize, words: &str) -> Result<(), CliError> {
    let object = || serde_json::to_string(object).map_err(io::Error::from);
    let text = if json { object() } else { Ok(words.to_owned()) };
    text.and_then(|text| write(&text)).map_err(|error| {
        CliError::Failed(format!("it was done, but the answer cannot be written: {error}"))
    })
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// A remark for the person who waits; programs that read `--json` are spared it.
pub fn remark(json: bool, words: &str) {
    if !json {
        // The answer is what counts: a remark that cannot be written is not missed.
        let _ = writeln!(io::stderr(), "{words}");
    }
}

/// Lays out rows in columns, the first row being their headings. Columns are two spaces apart.
pub fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let mut lines = vec![headings.map(str::to_owned)];
    lines.extend_from_slice(rows);
    let mut widths = [0; N];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let lines: Vec<String> = lines.iter().map(|line| lay_out(line, &widths)).collect();
    lines.join("\n")
}

fn lay_out(line: &[String], widths: &[usize]) -> String {
    let cells: Vec<String> =
        line.iter().zip(widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
    cells.join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let rows =
            [["Zoë".to_owned(), "admin".to_owned()], ["Bartholomew".to_owned(), "x".to_owned()]];
        let expected = "NAME         ROLE\nZoë          admin\nBartholomew  x";
        assert_eq!(table(["NAME", "ROLE"], &rows), expected);
    }
}
