//! A search: the words of a text, what a search asks for, and where the text is marked.
#![no_main]

use doorkey::domain::text::is_refused;
use doorkey::domain::{highlight, words};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    // What is searched for, and what it is searched in: a text, which holds nothing that is refused.
    let (query, text) = input.split_once('\n').unwrap_or((input, input));
    let (query, text) = (&*query.replace(is_refused, ""), &*text.replace(is_refused, ""));
    let terms = words::terms(query);
    let of_text = words::of(text);
    assert!(terms.len() <= 16);
    for word in of_text.iter().chain(terms.iter().map(|term| &term.word)) {
        assert!(!word.is_empty() && word.chars().count() <= 64);
        assert!(word.chars().all(|it| !it.is_ascii() || it.is_ascii_alphanumeric()), "{word:?}");
    }
    // A text is found by itself, alone and among others.
    let all = words::of(&format!("{text} {query} {text}"));
    for term in &terms {
        assert!(all.iter().any(|word| term.finds(word)), "{term:?} in {all:?}");
    }
    let found = highlight::found(text, &terms);
    assert!(found <= terms.len());
    let pieces = highlight::mark(text, &terms);
    assert_eq!(pieces.iter().map(|piece| &*piece.text).collect::<String>(), text);
    assert_eq!(pieces.iter().any(|piece| piece.is_marked), found > 0, "{terms:?}");
    let snippet = highlight::snippet(text, &terms);
    assert_eq!(snippet.is_some(), found > 0);
    let Some(snippet) = snippet else { return };
    let shown: String = snippet.pieces.iter().map(|piece| &*piece.text).collect();
    assert!(text.contains(&shown) && shown.chars().count() <= 200);
    assert!(snippet.is_cut_before || text.starts_with(&shown));
    assert!(snippet.is_cut_after || text.ends_with(&shown));
});
