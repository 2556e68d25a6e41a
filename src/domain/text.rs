//! What people type: checked once, kept as it was typed.
//!
//! Lengths are counted in Unicode scalar values after `\r\n` and `\r` became `\n`, as the page
//! and both databases count them.

use std::ops::RangeInclusive;

use unicode_normalization::UnicodeNormalization;

use crate::error::{FieldCode, FieldError};

/// Lengths of a subject.
pub const SUBJECT: RangeInclusive<usize> = 1..=200;
/// Lengths of a description.
pub const DESCRIPTION: RangeInclusive<usize> = 1..=20_000;
/// Lengths of a customer's reply.
pub const REPLY: RangeInclusive<usize> = 1..=2_000;
/// Lengths of a note by staff.
pub const NOTE: RangeInclusive<usize> = 1..=5_000;
/// Lengths of a resolution.
pub const RESOLUTION: RangeInclusive<usize> = 1..=5_000;
/// Lengths of a name that may be left out: of a person, a company, a category.
pub const NAME: RangeInclusive<usize> = 0..=200;
/// Lengths of a name that must be there.
pub const REQUIRED_NAME: RangeInclusive<usize> = 1..=200;
/// Lengths of what somebody calls their passkey.
pub const PASSKEY_NAME: RangeInclusive<usize> = 1..=100;
/// Lengths of a telephone number.
pub const PHONE: RangeInclusive<usize> = 0..=50;
/// Lengths of staff's notes about a customer.
pub const CUSTOMER_NOTES: RangeInclusive<usize> = 0..=5_000;
/// Lengths of what is searched for.
pub const QUERY: RangeInclusive<usize> = 0..=200;

/// Reads text of several lines into `field`: newlines become `\n`, white space at the end goes,
/// control characters other than newline and tab are refused.
pub fn parse(
    field: &str,
    typed: &str,
    length: RangeInclusive<usize>,
) -> Result<String, FieldError> {
    let typed = with_newlines(field, typed)?;
    let text = typed.trim_end().to_owned();
    let count = text.chars().count();
    if count > *length.end() {
        return Err(FieldError::new(
            field,
            FieldCode::TooLong,
            format!("At most {} characters fit here; these are {count}.", length.end()),
        ));
    }
    if count < *length.start() || (*length.start() > 0 && text.chars().all(is_invisible)) {
        return Err(FieldError::new(field, FieldCode::Required, "Please write something here."));
    }
    Ok(text)
}

/// As [`parse`], for what stands on one line: a name, a subject. Newlines and tabs are refused,
/// white space on both sides goes.
pub fn parse_line(
    field: &str,
    typed: &str,
    length: RangeInclusive<usize>,
) -> Result<String, FieldError> {
    let typed = with_newlines(field, typed)?;
    let text = parse(field, typed.trim(), length)?;
    if text.contains(['\n', '\t', '\u{2028}', '\u{2029}']) {
        return Err(FieldError::new(
            field,
            FieldCode::ControlCharacters,
            "This must be a single line, without line breaks or tabs.",
        ));
    }
    Ok(text)
}

/// The text with `\n` for every newline, if it holds nothing that is refused. Asked before anything
/// is trimmed: some control characters count as white space.
fn with_newlines(field: &str, typed: &str) -> Result<String, FieldError> {
    let typed = typed.replace("\r\n", "\n").replace('\r', "\n");
    let Some(bad) = typed.chars().find(|&letter| is_refused(letter)) else { return Ok(typed) };
    let message = format!(
        "The text contains the control character U+{:04X}, which cannot be shown. Please remove it.",
        u32::from(bad)
    );
    Err(FieldError::new(field, FieldCode::ControlCharacters, message))
}

/// White space, and what takes no room or looks like it: zero-width characters, directional
/// marks, the soft hyphen and the Hangul fillers.
pub fn is_invisible(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(letter, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}')
}

/// NUL, C0 except tab and newline, DEL, C1, and the 66 noncharacters.
pub fn is_refused(letter: char) -> bool {
    let code = u32::from(letter);
    (letter.is_control() && letter != '\n' && letter != '\t')
        || (0xFDD0..=0xFDEF).contains(&code)
        || code & 0xFFFE == 0xFFFE
}

/// The form in which texts are compared by a search: NFKC, without case.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        // Nothing to compose, and one case for each letter: the same, many times as fast.
        return text.to_ascii_lowercase();
    }
    let mut folded = String::with_capacity(text.len());
    // Nothing that follows is composed with a space or a newline, so each word folds by itself.
    for word in text.split_inclusive([' ', '\n']) {
        if word.is_ascii() {
            let begin = folded.len();
            folded.push_str(word);
            folded[begin..].make_ascii_lowercase();
        } else {
            folded.extend(fold_any(word));
        }
    }
    folded
}

fn fold_any(text: &str) -> impl Iterator<Item = char> {
    // By way of upper case, as Unicode's case folding does: ß meets SS, and both Greek sigmas meet.
    // Changing case can leave NFKC (İ becomes i and a combining dot), so compose once more.
    text.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc()
}

/// `query` without what is refused: no text holds it, so a search need not look for it.
pub(in crate::domain) fn without_controls(query: &str) -> String {
    query.chars().filter(|&letter| !is_refused(letter)).collect()
}

/// The words of a search, folded; at most eight count.
pub fn search_words(query: &str) -> Vec<String> {
    fold(&without_controls(query)).split_whitespace().take(8).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_kept_as_typed_but_for_newlines_and_the_end() {
        let parsed = parse("body", " a\r\nb\rc\u{00a0} \n", 1..=10);
        assert_eq!(parsed.as_deref(), Ok(" a\nb\nc"));
    }

    #[test]
    fn limits_count_scalar_values() {
        for sample in ["😀", "👍🏽", "e\u{301}", "क्षि", "a"] {
            let size = sample.chars().count();
            let exact = sample.repeat(2000 / size) + &"x".repeat(2000 % size);
            assert!(parse("body", &exact, REPLY).is_ok(), "{sample}");
            let error = parse("body", &(exact + "y"), REPLY).expect_err("one too many");
            assert_eq!(error.code, FieldCode::TooLong);
            assert!(error.message.contains("2001"), "{}", error.message);
        }
    }

    #[test]
    fn control_characters_are_refused_with_their_name() {
        for bad in ['\0', '\u{7}', '\u{1b}', '\u{7f}', '\u{85}', '\u{9f}', '\u{fffe}', '\u{fdd0}'] {
            let error = parse("body", &format!("a{bad}b"), REPLY).expect_err("refused");
            assert!(parse("body", &format!("a{bad}"), REPLY).is_err(), "at the end, too");
            assert_eq!(error.code, FieldCode::ControlCharacters);
            assert!(
                error.message.contains(&format!("{:04X}", u32::from(bad))),
                "{}",
                error.message
            );
        }
        for good in ["a\tb", "a\nb", "\u{202e}abc", "a\u{200d}b", "שלום", "\u{feff}x"] {
            assert!(parse("body", good, REPLY).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn nothing_but_white_space_is_nothing() {
        for empty in ["", " ", "\n\n", "\u{3000}\t"] {
            assert_eq!(parse("body", empty, REPLY).expect_err("empty").code, FieldCode::Required);
            assert_eq!(parse("name", empty, NAME).as_deref(), Ok(""));
        }
        for invisible in ["\u{200b}", "\u{feff}\u{3164}", "\u{2060} \u{ad}"] {
            let error = parse("body", invisible, REPLY).expect_err("nothing to see");
            assert_eq!(error.code, FieldCode::Required);
        }
    }

    #[test]
    fn a_line_has_no_breaks() {
        assert_eq!(parse_line("subject", " x ", SUBJECT).as_deref(), Ok("x"));
        for broken in ["a\nb", "a\tb", "a\u{2028}b", "a\u{2029}b"] {
            assert!(parse_line("subject", broken, SUBJECT).is_err(), "{broken:?}");
        }
        for around in ["\u{b}x", "x\u{c}", "\u{85}x", "x\0"] {
            let error =
                parse_line("subject", around, SUBJECT).expect_err("refused at the ends too");
            assert_eq!(error.code, FieldCode::ControlCharacters, "{around:?}");
        }
        assert_eq!(parse_line("subject", "\r\n\tx\u{3000}\n", SUBJECT).as_deref(), Ok("x"));
    }

    #[test]
    fn search_folds_case_and_width() {
        assert_eq!(fold("ＡＬＡＲＭ Straße É"), fold("alarm straße é"));
        assert_eq!(fold("e\u{301}"), "é");
        assert_eq!(fold("STRASSE"), fold("Straße"));
        assert_eq!(fold("ΟΔΟΣ"), fold("οδος"));
        assert_eq!(fold("GRÖSSE"), fold("Größe"));
        assert_eq!(search_words("  Battery  KITCHEN "), ["battery", "kitchen"]);
        assert_eq!(search_words("\0ba\0ttery \0"), ["battery"]);
    }

    proptest! {
        #[test]
        fn what_was_accepted_is_accepted_again_unchanged(typed in "\\PC{0,40}[\r\n\t ]{0,3}") {
            if let Ok(text) = parse("body", &typed, 0..=100) {
                prop_assert_eq!(parse("body", &text, 0..=100), Ok(text.clone()));
            }
        }

        #[test]
        fn plain_letters_fold_as_all_others_do(text in "[ -~\t\n]{0,40}") {
            // The letter that is not plain takes the long way.
            let long = fold(&format!("{text}é"));
            prop_assert_eq!(format!("{}é", fold(&text)), long);
        }

        #[test]
        fn words_fold_one_by_one_as_they_do_together(
            words in "(\\PC{0,3}[ \n]?[\u{300}\u{308}\u{345}\u{3099}\u{1161}a-zA-Zß]{0,2}){0,6}"
        ) {
            prop_assert_eq!(fold(&words), fold_any(&words).collect::<String>());
        }

        #[test]
        fn folding_twice_changes_nothing(text in "\\PC{0,40}") {
            prop_assert_eq!(fold(&fold(&text)), fold(&text));
        }
    }
}
