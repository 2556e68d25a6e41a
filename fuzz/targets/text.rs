//! What people type: kept within its limits and without what cannot be shown, and taken again unchanged.
#![no_main]

use doorkey::domain::api_keys;
use doorkey::domain::text::{self, fold, is_refused};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|typed: &str| {
    for length in [text::SUBJECT, text::REPLY, text::NAME, text::PHONE, 1..=3, 0..=3] {
        if let Ok(text) = text::parse("field", typed, length.clone()) {
            assert_eq!(text::parse("field", &text, length.clone()).as_ref(), Ok(&text));
            assert!(length.contains(&text.chars().count()));
            assert!(!text.contains(is_refused) && text.trim_end() == text);
        }
        if let Ok(line) = text::parse_line("field", typed, length.clone()) {
            assert_eq!(text::parse_line("field", &line, length.clone()).as_ref(), Ok(&line));
            assert!(length.contains(&line.chars().count()));
            assert!(!line.contains(is_refused) && line.trim() == line && line.lines().count() < 2);
            assert!(length.contains(&0) || !line.chars().all(text::is_invisible));
        }
    }
    if let Ok(name) = api_keys::parse_name("name", typed) {
        // However it is compared, it is no other key's id.
        assert!(!fold(&name).bytes().all(|byte| byte.is_ascii_digit()), "{name:?}");
    }
    let folded = fold(typed);
    assert_eq!(fold(&folded), folded);
    assert_eq!(fold(&typed.to_lowercase()), folded, "case does not count");
    assert!(text::search_words(typed).len() <= 8);
});
