//! What mail programs take for an address in somebody's name or subject, and how it is broken.
//!
//! It depends on the place:
//!
//! - The **Subject header** is as it was typed. No mail program makes links of it.
//! - In the **text part**, programs make links of `https://…` and `www.…` only. Those are broken by
//!   a word joiner (U+2060), which nobody sees and no address may hold; `Node.js` stays untouched.
//! - In the **HTML part**, webmail makes links of bare hosts and addresses as well, so a word joiner
//!   stands before every dot within a word: `Node.js` and `info@firma.de` read as they were typed.
//! - A **name** has no business being an address. What looks like one is broken by a space that
//!   everybody sees, and is not greeted. Titles and initials (`Dr.Müller`, `J.R.`) are no address:
//!   they get the word joiner, because `x.com` could be somebody's initials.

use unicode_normalization::char::is_combining_mark;

/// Stands between what would otherwise become a link: no width, no break, no part of an address.
pub const JOINER: char = '\u{2060}';
/// What may stand before a dot in a name, beside initials.
const TITLES: [&str; 34] = [
    "arq", "capt", "col", "dipl", "don", "dr", "dra", "eng", "fr", "frl", "hr", "ing", "jr", "lic",
    "lt", "mag", "med", "messrs", "mgr", "mlle", "mme", "mr", "mrs", "ms", "mx", "ph", "phil",
    "prof", "rev", "sgt", "sr", "sra", "st", "ste",
];

/// The dots that browsers take for one in a host name, UTS #46.
fn is_dot(it: char) -> bool {
    matches!(it, '.' | '。' | '．' | '｡' | '․')
}

/// Writes `text` with `mark` before every character where `breaks` says so; it is told what stands
/// before, the character, and what follows.
pub fn broken(text: &str, mark: char, breaks: impl Fn(&str, char, &str) -> bool) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for (at, it) in text.char_indices() {
        if breaks(&text[..at], it, &text[at + it.len_utf8()..]) {
            out.push(mark);
        }
        out.push(it);
    }
    out
}

/// The slashes of `https://`.
pub fn is_scheme(before: &str, it: char, _after: &str) -> bool {
    it == '/' && before.ends_with(':')
}

/// The dot of `www.example.com`.
pub fn is_www(before: &str, it: char, _after: &str) -> bool {
    let start = before.len().saturating_sub(3);
    is_dot(it) && before.get(start..).is_some_and(|word| word.eq_ignore_ascii_case("www"))
}

/// A dot with letters around it, whatever marks they have. Numbers (`2.1`) and the end of a sentence are
/// no host.
fn is_inner_dot(before: &str, it: char, after: &str) -> bool {
    let digits = |side: Option<char>| side.is_some_and(|c| c.is_ascii_digit());
    let numbers = digits(before.chars().next_back()) && digits(after.chars().next());
    is_dot(it) && has_letter(before.chars().rev()) && has_letter(after.chars()) && !numbers
}

/// Whether a letter or digit comes first, or one after nothing but marks and joiners.
fn has_letter(chars: impl Iterator<Item = char>) -> bool {
    let is_mark = |c: char| is_combining_mark(c) || matches!(c, '\u{200c}' | '\u{200d}');
    let mut seen = chars.skip_while(|c| is_mark(*c) && !c.is_alphanumeric());
    seen.next().is_some_and(char::is_alphanumeric)
}

/// Any of these.
pub fn is_link(before: &str, it: char, after: &str) -> bool {
    is_scheme(before, it, after) || is_www(before, it, after) || is_inner_dot(before, it, after)
}

/// One word of a name: `evil .com`, `http: //`, and `Dr.Müller` as it was.
pub fn defuse(word: &str) -> String {
    let mark = if is_titled(word) { JOINER } else { ' ' };
    broken(word, mark, is_link)
}

/// Whether all that stands before the last dot are titles and initials, and nothing is around them
/// that addresses have.
fn is_titled(word: &str) -> bool {
    let mut labels: Vec<&str> = word.split(is_dot).collect();
    labels.pop();
    !labels.is_empty()
        && !word.contains(['/', '@', ':', '?', '#', '%'])
        && labels.iter().all(|label| is_title(label.trim_matches(['-', '(', '’', '\''])))
}

fn is_title(label: &str) -> bool {
    label.chars().count() < 2 || TITLES.contains(&label.to_lowercase().as_str())
}

/// Whether a word of a name looks like an address, so that nobody is greeted with it.
pub fn is_like_an_address(word: &str) -> bool {
    let lower = word.to_lowercase();
    let marked = ["http", "www", "/", "@", ":"].iter().any(|mark| lower.contains(mark));
    let parts: Vec<&str> = lower.split(is_dot).collect();
    let dotted = parts.windows(2).any(|pair| {
        pair[0].chars().count() > 1
            && pair[1].chars().take_while(|it| it.is_alphabetic()).count() > 1
    });
    marked || (dotted && !is_titled(&lower))
}
