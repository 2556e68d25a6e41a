//! Where a text holds what was searched for: the text in pieces, some of them marked. No piece is
//! lost or changed, and none is HTML.

use std::ops::Range;

use crate::domain::text::fold;
use crate::domain::words::{self, Kind, Term};

/// Characters of a snippet before the first mark, and after it.
const BEFORE: usize = 60;
const AFTER: usize = 140;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// As it was typed.
    pub text: String,
    /// Whether it is what was searched for.
    pub is_marked: bool,
}

/// The part of a text around what was searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// Whether something was left out before it.
    pub is_cut_before: bool,
    /// It, in pieces.
    pub pieces: Vec<Piece>,
    /// Whether something was left out after it.
    pub is_cut_after: bool,
}

/// `text` in pieces, with all that `terms` ask for marked.
pub fn mark(text: &str, terms: &[Term]) -> Vec<Piece> {
    pieces(text, 0..text.len(), &marks(text, terms))
}

/// The part of `text` around the first thing that `terms` ask for; none if it holds nothing of it.
pub fn snippet(text: &str, terms: &[Term]) -> Option<Snippet> {
    let marks = marks(text, terms);
    let first = marks.first()?;
    let start = text[..first.start]
        .char_indices()
        .rev()
        .take(BEFORE)
        .last()
        .map_or(first.start, |(at, _)| at);
    let start = if start == 0 { 0 } else { after_space(text, start, first.start) };
    let end = text[first.start..]
        .char_indices()
        .nth(AFTER)
        .map_or(text.len(), |(at, _)| first.start + at);
    let end = if end == text.len() { end } else { before_space(text, first.end.min(end), end) };
    Some(Snippet {
        is_cut_before: start > 0,
        pieces: pieces(text, start..end, &marks),
        is_cut_after: end < text.len(),
    })
}

/// How many of `terms` stand in `text`.
pub fn found(text: &str, terms: &[Term]) -> usize {
    let words = words::of(text);
    terms.iter().filter(|term| words.iter().any(|word| term.finds(word))).count()
}

/// The bytes that are marked, in order and apart from each other.
fn marks(text: &str, terms: &[Term]) -> Vec<Range<usize>> {
    let mut marks: Vec<Range<usize>> = Vec::new();
    for (kind, range) in words::runs(text) {
        match kind {
            Kind::Dense => {
                for mark in in_dense(&text[range.clone()], terms) {
                    push(&mut marks, range.start + mark.start..range.start + mark.end);
                }
            }
            Kind::Word | Kind::Symbol => {
                let words = words::of(&text[range.clone()]);
                if terms.iter().any(|term| words.iter().any(|word| term.finds(word))) {
                    push(&mut marks, range);
                }
            }
        }
    }
    marks
}

fn push(marks: &mut Vec<Range<usize>>, mark: Range<usize>) {
    match marks.last_mut() {
        Some(last) if last.end >= mark.start => last.end = last.end.max(mark.end),
        _ => marks.push(mark),
    }
}

/// In a script without spaces, the pairs of characters that were asked for; or all of it, if its
/// characters do not fold one by one.
fn in_dense(run: &str, terms: &[Term]) -> Vec<Range<usize>> {
    let letters: Vec<(usize, String)> = run
        .char_indices()
        .map(|(at, letter)| (at, fold(letter.encode_utf8(&mut [0; 4]))))
        .collect();
    let mut marks = Vec::new();
    for (index, (at, letter)) in letters.iter().enumerate() {
        let second = letters.get(index + 1);
        let pair = second.map_or_else(|| letter.clone(), |(_, second)| format!("{letter}{second}"));
        for term in terms.iter().filter(|term| term.finds(&pair)) {
            let is_pair = term.word.chars().nth(1).is_some();
            let end =
                letters.get(index + if is_pair { 2 } else { 1 }).map_or(run.len(), |(end, _)| *end);
            push(&mut marks, *at..end);
        }
    }
    let words = words::of(run);
    if marks.is_empty() && terms.iter().any(|term| words.iter().any(|word| term.finds(word))) {
        marks.push(0..run.len());
    }
    marks
}

fn pieces(text: &str, within: Range<usize>, marks: &[Range<usize>]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut add = |range: Range<usize>, is_marked| {
        if !range.is_empty() {
            pieces.push(Piece { text: text[range].to_owned(), is_marked });
        }
    };
    let mut at = within.start;
    for mark in marks.iter().filter(|mark| mark.start < within.end && mark.end > within.start) {
        let (start, end) = (mark.start.max(within.start), mark.end.min(within.end));
        add(at..start, false);
        add(start..end, true);
        at = end;
    }
    add(at..within.end, false);
    pieces
}

/// The first place after a space from `from` on, so that no word is cut; `from` if there is none.
fn after_space(text: &str, from: usize, to: usize) -> usize {
    let found = text[from..to].char_indices().find(|(_, letter)| letter.is_whitespace());
    found.map_or(from, |(at, letter)| from + at + letter.len_utf8())
}

fn before_space(text: &str, from: usize, to: usize) -> usize {
    let found = text[from..to].char_indices().rev().find(|(_, letter)| letter.is_whitespace());
    found.map_or(to, |(at, _)| from + at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// With `[` and `]` around what is marked.
    fn shown(pieces: &[Piece]) -> String {
        let each = pieces.iter().map(|piece| {
            if piece.is_marked { format!("[{}]", piece.text) } else { piece.text.clone() }
        });
        each.collect()
    }

    fn marked(text: &str, query: &str) -> String {
        shown(&mark(text, &words::terms(query)))
    }

    #[test]
    fn what_was_searched_for_is_marked_as_it_was_typed() {
        assert_eq!(marked("The BATTERY is flat.", "battery"), "The [BATTERY] is flat.");
        assert_eq!(marked("Batteries, battery", "batt"), "[Batteries], [battery]");
        assert_eq!(marked("battle of battery", "battery now"), "battle of [battery]");
        assert_eq!(
            marked("Große STRASSE, cafe\u{301}", "straße CAFÉ"),
            "Große [STRASSE], [cafe\u{301}]"
        );
        assert_eq!(marked("監視カメラの電池", "カメラ"), "監視[カメラ]の電池");
        assert_eq!(marked("監視", "視"), "監[視]");
        assert_eq!(marked("ok 😀🚀", "🚀"), "ok [😀🚀]");
        assert_eq!(marked("<b>alarm</b>", "alarm"), "<b>[alarm]</b>");
        assert_eq!(marked("nothing", "\"*"), "nothing");
    }

    #[test]
    fn a_snippet_is_the_part_around_it() {
        let text = format!("{}the battery died {}", "before ".repeat(30), "after ".repeat(60));
        let snippet = snippet(&text, &words::terms("battery")).expect("it is there");
        assert!(snippet.is_cut_before && snippet.is_cut_after);
        let said = shown(&snippet.pieces);
        assert!(said.starts_with("before ") && said.contains("the [battery] died after"), "{said}");
        assert!(said.ends_with("after") && said.chars().count() <= BEFORE + AFTER + 2, "{said}");
        assert_eq!(super::snippet(&text, &words::terms("lens")), None);
        let short = super::snippet("flat battery", &words::terms("flat")).expect("it is there");
        assert_eq!((short.is_cut_before, short.is_cut_after), (false, false));
        assert_eq!(shown(&short.pieces), "[flat] battery");
    }

    proptest! {
        #[test]
        fn no_piece_is_lost_and_marks_alternate(text in "\\PC{0,60}", query in "\\PC{0,20}") {
            let pieces = mark(&text, &words::terms(&query));
            let whole: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
            prop_assert_eq!(whole, text);
            prop_assert!(pieces.iter().all(|piece| !piece.text.is_empty()));
            prop_assert!(pieces.windows(2).all(|pair| pair[0].is_marked != pair[1].is_marked));
        }

        #[test]
        fn what_stands_in_a_text_is_marked(before in "\\PC{0,20}", word in "[a-zA-ZäöüßÉ監視カ0-9]{1,12}", after in "\\PC{0,20}") {
            let text = format!("{before} {word} {after}");
            let terms = words::terms(&word);
            prop_assert!(mark(&text, &terms).iter().any(|piece| piece.is_marked));
            let snippet = snippet(&text, &terms).expect("it is there");
            prop_assert!(snippet.pieces.iter().any(|piece| piece.is_marked));
            let part: String = snippet.pieces.iter().map(|piece| piece.text.as_str()).collect();
            prop_assert!(text.contains(&part));
        }
    }
}
