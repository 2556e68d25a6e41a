//! The words of a text, as the full-text index keeps them and a search asks for them.
//!
//! Both engines are given words that are split and folded here, so that they find the same. A word
//! is a run of letters, digits and combining marks: `bob@example.com` is three. Scripts that put no
//! spaces between words (Chinese, Japanese, Thai, …) give every two neighbouring characters, and
//! the last one alone; a pictograph is a word by itself.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use unicode_normalization::char::is_combining_mark;

use crate::domain::text::{self, fold};

/// Characters of a word that count.
const LONGEST: usize = 64;
/// Words of a search that count.
const MOST_TERMS: usize = 16;

/// What a search asks for: a word, or the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Folded; letters, digits, marks and symbols only.
    pub word: String,
    /// Whether any word will do that begins so.
    pub is_prefix: bool,
}

impl Term {
    /// Whether `word`, which is folded, is what was asked for.
    pub fn finds(&self, word: &str) -> bool {
        if self.is_prefix { word.starts_with(&self.word) } else { word == self.word }
    }
}

/// What a stretch of text is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain) enum Kind {
    /// Letters and digits of a script that parts its words.
    Word,
    /// Letters of one that does not.
    Dense,
    /// Pictographs.
    Symbol,
}

/// The words of a text, each once and in order.
pub fn of(text: &str) -> BTreeSet<String> {
    of_folded(std::iter::once(&*fold(text))).into_iter().map(Cow::into_owned).collect()
}

/// The same of texts that are folded already, taken together.
pub fn of_folded<'t>(folded: impl Iterator<Item = &'t str>) -> Vec<Cow<'t, str>> {
    let mut words = Vec::new();
    for text in folded {
        for (kind, range) in runs(text) {
            each_word(kind, &text[range], |word| words.push(word));
        }
    }
    words.sort_unstable();
    words.dedup();
    words
}

/// What a search asks for: all its words, the last of them as the beginning of one, since it may
/// not be written to its end. At most 16 count.
pub fn terms(query: &str) -> Vec<Term> {
    let folded = fold(&text::without_controls(query));
    let runs = runs(&folded);
    let mut terms: Vec<Term> = Vec::new();
    for (index, (kind, range)) in runs.iter().enumerate() {
        let run = &folded[range.clone()];
        let is_last = index + 1 == runs.len();
        let is_single = run.chars().nth(1).is_none();
        let mut add = |word: String, is_prefix| {
            let term = Term { word, is_prefix };
            if !terms.contains(&term) {
                terms.push(term);
            }
        };
        match kind {
            Kind::Dense if is_single => add(run.to_owned(), true),
            Kind::Dense => pairs(run).for_each(|pair| add(pair, false)),
            Kind::Word => each_word(*kind, run, |word| add(word.into_owned(), is_last)),
            Kind::Symbol => each_word(*kind, run, |word| add(word.into_owned(), false)),
        }
    }
    terms.truncate(MOST_TERMS);
    terms
}

fn each_word<'t>(kind: Kind, run: &'t str, mut see: impl FnMut(Cow<'t, str>)) {
    match kind {
        Kind::Word => {
            let end = run.char_indices().nth(LONGEST).map_or(run.len(), |(end, _)| end);
            see(run[..end].into());
        }
        Kind::Dense => {
            pairs(run).for_each(|pair| see(pair.into()));
            run.chars().next_back().into_iter().for_each(|last| see(last.to_string().into()));
        }
        Kind::Symbol => run.chars().for_each(|symbol| see(symbol.to_string().into())),
    }
}

fn pairs(run: &str) -> impl Iterator<Item = String> + '_ {
    run.chars().zip(run.chars().skip(1)).map(|(first, second)| [first, second].iter().collect())
}

/// The stretches of a text that words are in, with their bytes.
pub(in crate::domain) fn runs(text: &str) -> Vec<(Kind, Range<usize>)> {
    // Words of plain text have some five letters: few lists grow.
    let mut runs: Vec<(Kind, Range<usize>)> = Vec::with_capacity(text.len() / 5 + 1);
    for (at, letter) in text.char_indices() {
        let Some(kind) = kind(letter) else { continue };
        let end = at + letter.len_utf8();
        match runs.last_mut() {
            Some((last, range)) if *last == kind && range.end == at => range.end = end,
            _ => runs.push((kind, at..end)),
        }
    }
    runs
}

fn kind(letter: char) -> Option<Kind> {
    if letter.is_ascii() {
        return letter.is_ascii_alphanumeric().then_some(Kind::Word);
    }
    if text::is_invisible(letter) {
        return None;
    }
    if letter.is_alphanumeric() || is_combining_mark(letter) {
        return Some(if is_dense(letter) { Kind::Dense } else { Kind::Word });
    }
    matches!(u32::from(letter), 0x2190..=0x2BFF | 0x1F000..=0x1FAFF).then_some(Kind::Symbol)
}

/// Thai, Lao, Burmese, Khmer, Chinese and Japanese.
fn is_dense(letter: char) -> bool {
    matches!(u32::from(letter),
        0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x2E80..=0x2FDF | 0x3005..=0x3007
        | 0x3040..=0x312F | 0x31F0..=0x31FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF
        | 0xFF66..=0xFF9F | 0x20000..=0x3FFFF)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(text: &str) -> Vec<String> {
        of(text).into_iter().collect()
    }

    fn asked(query: &str) -> Vec<(String, bool)> {
        terms(query).into_iter().map(|term| (term.word, term.is_prefix)).collect()
    }

    #[test]
    fn words_are_split_and_folded() {
        assert_eq!(list("Bob@Example.COM, bob!"), ["bob", "com", "example"]);
        assert_eq!(list("TKT-9D1EG9"), ["9d1eg9", "tkt"]);
        assert_eq!(list("Straße e\u{301} ＡＬＡＲＭ"), ["alarm", "strasse", "é"]);
        assert_eq!(list("क्षि 😀🚀"), ["क्षि", "😀", "🚀"]);
        assert_eq!(list("監視カメラ"), ["カメ", "メラ", "ラ", "監視", "視カ"]);
        assert_eq!(list(" \"*-( ' \u{200d}"), [""; 0]);
    }

    #[test]
    fn the_last_word_of_a_search_may_be_unfinished() {
        assert_eq!(asked("Kitchen batt"), [("kitchen".into(), false), ("batt".into(), true)]);
        assert_eq!(asked("監視"), [("監視".into(), false)]);
        assert_eq!(asked("監"), [("監".into(), true)]);
        assert_eq!(asked("alarm 😀"), [("alarm".into(), false), ("😀".into(), false)]);
        assert_eq!(asked("\" AND NEAR("), [("and".into(), false), ("near".into(), true)]);
        assert_eq!(asked("\0 * \""), []);
    }

    proptest! {
        #[test]
        fn every_part_of_a_text_finds_it(before in "\\PC{0,20}", part in "\\PC{1,20}", after in "\\PC{0,20}") {
            let words = of(&format!("{before} {part} {after}"));
            for term in terms(&part) {
                prop_assert!(words.iter().any(|word| term.finds(word)), "{term:?} in {words:?}");
            }
        }

        #[test]
        fn words_hold_nothing_that_an_engine_reads(text in "\\PC{0,60}") {
            for word in of(&text).into_iter().chain(terms(&text).into_iter().map(|it| it.word)) {
                prop_assert!(!word.is_empty() && !word.contains([' ', '"', '\'', '\\', '*', ':', '%', '_']));
                let is_plain = |it: char| !it.is_ascii() || it.is_ascii_alphanumeric();
                prop_assert!(word.chars().all(is_plain), "{word:?}");
                prop_assert!(word.chars().count() <= LONGEST);
            }
        }
    }
}
