//! What texts may look like, as regular expressions in the words of JSON Schema (ECMA-262 with the
//! flag `u`). The readers stand in `domain::text` and beside the fields they read; the tests below
//! compare the two, character by character.

/// NUL and other control characters but tab and newlines, and noncharacters.
macro_rules! refused {
    () => {
        concat!(
            r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufdd0-\ufdef\ufffe\uffff",
            // Beyond four digits ECMA-262 and Python write them differently: as they are, both read them.
            "\u{1fffe}\u{1ffff}\u{2fffe}\u{2ffff}\u{3fffe}\u{3ffff}\u{4fffe}\u{4ffff}",
            "\u{5fffe}\u{5ffff}\u{6fffe}\u{6ffff}\u{7fffe}\u{7ffff}\u{8fffe}\u{8ffff}",
            "\u{9fffe}\u{9ffff}\u{afffe}\u{affff}\u{bfffe}\u{bffff}\u{cfffe}\u{cffff}",
            "\u{dfffe}\u{dffff}\u{efffe}\u{effff}\u{ffffe}\u{fffff}\u{10fffe}\u{10ffff}",
        )
    };
}

/// What ends a line, or jumps on it.
macro_rules! breaks {
    () => {
        r"\t\n\r\u2028\u2029"
    };
}

/// White space that stays on its line.
macro_rules! spaces {
    () => {
        r" \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
    };
}

/// What takes no room, beside white space.
macro_rules! hidden {
    () => {
        concat!(
            r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e",
            r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0",
        )
    };
}

/// All white space, that among the refused control characters included.
macro_rules! white {
    () => {
        concat!(breaks!(), spaces!(), r"\u000b\u000c\u0085")
    };
}

/// Text of several lines, or none.
pub const TEXT: &str = concat!("^[^", refused!(), "]*$");

/// Text of several lines in which there is something to see.
pub const SOME_TEXT: &str = concat!(
    "^[",
    breaks!(),
    spaces!(),
    hidden!(),
    "]*[^",
    refused!(),
    breaks!(),
    spaces!(),
    hidden!(),
    "][^",
    refused!(),
    "]*$",
);

/// A single line, or none. White space around it is forgiven.
pub const LINE: &str = concat!(
    "^[",
    breaks!(),
    spaces!(),
    "]*[^",
    refused!(),
    breaks!(),
    "]*[",
    breaks!(),
    spaces!(),
    "]*$",
);

/// A single line on which there is something to see.
pub const SOME_LINE: &str = concat!(
    "^[",
    breaks!(),
    spaces!(),
    "]*[",
    spaces!(),
    hidden!(),
    "]*[^",
    refused!(),
    breaks!(),
    spaces!(),
    hidden!(),
    "][^",
    refused!(),
    breaks!(),
    "]*[",
    breaks!(),
    spaces!(),
    "]*$",
);

/// A reference as people type it: in any case, with look-alikes.
pub const TYPED_REFERENCE: &str =
    concat!("^[", white!(), "]*[Tt][Kk][Tt]-[0-9A-TV-Za-tv-z]{6}[", white!(), "]*$");

/// A reference as Doorkey writes it.
pub const REFERENCE: &str = "^TKT-[0-9A-HJKMNP-TV-Z]{6}$";

/// A row's id.
pub const ID: &str = "^[0-9]{1,19}$";

/// A word of base64url: cursors, request ids.
pub const WORD: &str = "^[A-Za-z0-9_-]+$";

/// Six digits, in groups or not.
pub const CODE: &str = concat!("^[", white!(), "]*([0-9][", white!(), "]*){6}$");

/// A URL that can be called: no user name, no password, no fragment.
pub const TARGET: &str =
    concat!("^[", white!(), "]*[Hh][Tt][Tt][Pp][Ss]?://[^/?#@", white!(), r"\\]+([/?][^#]*)?$");

/// An address with one `@`, and nothing that means something else in a header.
pub const ADDRESS: &str = concat!(
    "^[",
    white!(),
    r#"]*[^@"(),;<>\\"#,
    white!(),
    hidden!(),
    r"\u0000-\u001f\u007f-\u009f]+@",
    r#"[^@"(),;<>\\"#,
    white!(),
    hidden!(),
    r"\u0000-\u001f\u007f-\u009f]+[",
    white!(),
    "]*$",
);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::email::Email;
    use crate::domain::text;
    use crate::ids::Reference;

    fn reader(pattern: &str) -> impl Fn(&str) -> bool {
        let schema = json!({ "pattern": pattern });
        let validator = jsonschema::validator_for(&schema).expect("a pattern");
        move |typed| validator.is_valid(&json!(typed))
    }

    /// Every character that some rule singles out, its neighbours, and some of each plane.
    fn characters() -> impl Iterator<Item = char> {
        let singled_out = |letter: &char| {
            let near =
                |by: i64| char::from_u32(u32::try_from(i64::from(u32::from(*letter)) + by).ok()?);
            let special = |letter: char| text::is_refused(letter) || text::is_invisible(letter);
            [-1, 0, 1].into_iter().filter_map(near).any(special) || u32::from(*letter) % 4_099 == 0
        };
        ('\0'..=char::MAX).filter(singled_out).chain(' '..='~')
    }

    #[test]
    fn texts_are_described_as_they_are_read() {
        type Reader = fn(&str) -> bool;
        let pairs: [(&str, Reader); 4] = [
            (TEXT, |typed| text::parse("x", typed, 0..=10).is_ok()),
            (SOME_TEXT, |typed| text::parse("x", typed, 1..=10).is_ok()),
            (LINE, |typed| text::parse_line("x", typed, 0..=10).is_ok()),
            (SOME_LINE, |typed| text::parse_line("x", typed, 1..=10).is_ok()),
        ];
        for (pattern, read) in pairs {
            let described = reader(pattern);
            assert_eq!(described(""), read(""), "nothing at all: {pattern}");
            for letter in characters() {
                for typed in [
                    format!("{letter}"),
                    format!("a{letter}"),
                    format!("{letter}b"),
                    format!("a{letter}b"),
                    format!(" {letter}\u{200b}"),
                    format!("\n{letter}\u{3000}"),
                ] {
                    assert_eq!(described(&typed), read(&typed), "{typed:?}: {pattern}");
                }
            }
        }
    }

    #[test]
    fn words_are_described_as_they_are_read() {
        let described = reader(TYPED_REFERENCE);
        for letter in characters() {
            for typed in [format!("TKT-7K3M9{letter}"), format!("{letter}tkt-oilx9q{letter}")] {
                let read = Reference::parse(typed.trim()).is_some();
                assert_eq!(described(&typed), read, "{typed:?}");
            }
        }
        let described = reader(ADDRESS);
        for letter in characters() {
            let typed = format!("{letter}ana@example.com{letter}");
            assert!(described(&typed) || Email::parse("x", &typed).is_err(), "{typed:?}");
        }
        for (typed, taken) in [
            ("https://example.com", true),
            ("https://example.com/a?b=c", true),
            ("https://[2606:4700::1111]:8443/", true),
            ("ftp://example.com/", false),
            ("https://ana@example.com/", false),
            ("https://example.com/#x", false),
            ("example.com", false),
        ] {
            assert_eq!(reader(TARGET)(typed), taken, "{typed}");
        }
    }
}
