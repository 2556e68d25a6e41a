//! What names something or opens it: references, tokens, API keys, cursors. What is read is written the
//! same again, and nothing else is read.
#![no_main]

use doorkey::domain::page;
use doorkey::domain::webauthn;
use doorkey::ids::{self, Reference, Token};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for reference in [Reference::parse(text), Reference::parse_loosely(text)].into_iter().flatten()
    {
        let letters = reference.as_str().strip_prefix("TKT-").expect("its beginning");
        assert!(letters.len() == 6 && letters.bytes().all(|it| it.is_ascii_alphanumeric()));
        assert_eq!(Reference::parse(reference.as_str()).as_ref(), Some(&reference));
        assert_eq!(Reference::parse_loosely(letters).as_ref(), Some(&reference));
        assert_eq!(Reference::of_number(reference.number()), reference);
    }
    let token = Token::parse(text);
    if let Some(token) = &token {
        assert_eq!(token.reveal(), text);
        let key = format!("dk_{text}");
        assert_eq!(ids::api_key_hash(&key), Some(token.hash()));
    }
    if ids::api_key_hash(text).is_some() {
        assert!(token.is_none() && text.starts_with("dk_"));
    }
    for count in 1..4 {
        if let Ok(keys) = page::decode("cursor", text, count) {
            assert_eq!(page::cursor(&keys), text);
        }
    }
    assert_eq!(page::place("cursor", Some(text)).is_ok(), page::decode("cursor", text, 1).is_ok());
    if let Some(bytes) = webauthn::bytes(text) {
        assert_eq!(webauthn::text(&bytes), text);
    }
});
