//! Making people's words harmless in a mail: names, subjects and quoted texts.
//!
//! Mail programs turn anything that looks like a web address into a link, whatever we mark up.
//! A name or a subject is somebody else's text in a mail that carries the company's name, so in
//! those nothing may look like one.

/// Longest name a mail shows, in characters.
const NAME_MAX: usize = 60;
/// Longest address, RFC 5321 §4.5.3.1.3.
const ADDRESS_MAX: usize = 254;
/// Longest subject a mail shows, in characters.
const SUBJECT_MAX: usize = 200;
/// How much of a text a mail quotes, in characters. The whole of it is on the ticket's page.
const QUOTE_MAX: usize = 4000;

/// A person's name on one line, cut at 60 characters, with nothing that could become a link.
pub fn name(text: &str) -> String {
    break_addresses(&one_line(text, NAME_MAX))
}

/// An e-mail address, for staff, as it is.
pub fn address(text: &str) -> String {
    one_line(text, ADDRESS_MAX)
}

/// A ticket's subject on one line, with nothing that could become a link.
pub fn subject(text: &str) -> String {
    break_addresses(&one_line(text, SUBJECT_MAX))
}

/// How a mail begins: `Hello Ana,`. A name that holds an address is not spoken at all.
pub fn greeting(text: &str) -> String {
    let clean = one_line(text, NAME_MAX);
    if clean.is_empty() || clean.split(' ').any(is_like_an_address) {
        return "Hello,".to_owned();
    }
    format!("Hello {},", break_addresses(&clean))
}

/// The lines of a quoted text without control characters, cut at 4,000 characters.
pub fn quote(text: &str) -> Vec<String> {
    let clean: String = text
        .replace("\r\n", "\n")
        .replace(['\r', '\u{2028}', '\u{2029}', '\u{85}'], "\n")
        .chars()
        .filter(|it| !it.is_control() || matches!(it, '\n' | '\t'))
        .collect();
    let cut = cut(clean.trim(), QUOTE_MAX);
    cut.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// `text` on one line: white space of any kind becomes one space, controls vanish.
fn one_line(text: &str, max: usize) -> String {
    let visible: String = text
        .chars()
        .map(|it| if it.is_control() { ' ' } else { it })
        .filter(|it| !is_invisible(*it))
        .collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    cut(&words.join(" "), max)
}

fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(max - 1).collect();
            format!("{}…", kept.trim_end())
        }
    }
}

/// Bidirectional controls, which can make `gpj.exe` of `exe.jpg`, and what has no width.
/// Joiners stay: Persian words and family emoji need them.
fn is_invisible(it: char) -> bool {
    matches!(it, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The dots that browsers take for one in a host name, UTS #46.
fn is_dot(it: char) -> bool {
    matches!(it, '.' | '。' | '．' | '｡' | '․')
}

/// Puts a space where a mail program would otherwise see an address: `evil. com`, `http: //`.
/// Numbers (`2.1`) and the end of a sentence stay as they are.
fn break_addresses(text: &str) -> String {
    let mut broken = String::with_capacity(text.len() + 8);
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(it) = rest.next() {
        broken.push(it);
        let after = rest.peek().copied().unwrap_or(' ');
        let digits = before.is_ascii_digit() && after.is_ascii_digit();
        let in_word = before.is_alphanumeric() && after.is_alphanumeric() && !digits;
        if (is_dot(it) && in_word) || (it == ':' && after == '/') {
            broken.push(' ');
        }
        before = it;
    }
    broken
}

fn is_like_an_address(word: &str) -> bool {
    let lower = word.to_lowercase();
    let marked = ["http", "www", "/", "@", ":"].iter().any(|mark| lower.contains(mark));
    let parts: Vec<&str> = lower.split(is_dot).collect();
    let dotted = parts.windows(2).any(|pair| {
        pair[0].chars().count() > 1
            && pair[1].chars().take_while(|it| it.is_alphabetic()).count() > 1
    });
    marked || dotted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_one_line_and_hold_no_address() {
        for (typed, shown) in [
            ("Ana Costa", "Ana Costa"),
            ("  Ana\r\nBcc: eve@evil.example\n ", "Ana Bcc: eve@evil. example"),
            ("Win at https://evil.example/x", "Win at https: //evil. example/x"),
            ("www.evil.com", "www. evil. com"),
            ("www.1.com", "www. 1. com"),
            ("evil。com", "evil。 com"),
            ("Dr. J.R. Ewing", "Dr. J. R. Ewing"),
            ("a\0b\u{202e}c\u{2028}d", "a bc d"),
            ("أنا كوستا", "أنا كوستا"),
        ] {
            assert_eq!(name(typed), shown, "{typed:?}");
        }
        assert_eq!(name(&"a".repeat(61)), format!("{}…", "a".repeat(59)));
        assert_eq!(name(&"ä".repeat(60)), "ä".repeat(60));
    }

    #[test]
    fn a_name_with_an_address_is_not_greeted() {
        for bad in [
            "",
            " \n ",
            "Click http://evil.example",
            "www.evil.example",
            "Visit evil.com now",
            "a@b",
            "evil．com",
            "HTTPS://X",
            "tel:123",
        ] {
            assert_eq!(greeting(bad), "Hello,", "{bad:?}");
        }
        assert_eq!(greeting("Ana"), "Hello Ana,");
        assert_eq!(greeting("J.R. Ewing"), "Hello J. R. Ewing,");
    }

    #[test]
    fn numbers_in_subjects_stay() {
        assert_eq!(subject("Firmware 2.1.3 fails. Why?"), "Firmware 2.1.3 fails. Why?");
    }

    #[test]
    fn quotes_keep_their_lines() {
        assert_eq!(quote("\na  b\r\n\r\n.\rc\0\u{7}\n\n"), ["a  b", "", ".", "c"]);
        assert!(quote("").is_empty());
        let long = quote(&"x".repeat(5000));
        assert_eq!(long[0].chars().count(), QUOTE_MAX);
    }

    proptest::proptest! {
        #[test]
        fn no_line_break_or_control_survives(text in "\\PC*[\\x00-\\x1f\\x7f\\u{85}\\u{2028}\\u{202e}]{0,9}\\PC*") {
            for clean in [name(&text), subject(&text), greeting(&text)] {
                proptest::prop_assert!(!clean.chars().any(|it| it.is_control() || is_invisible(it)));
                let breaks = clean.contains(['\u{2028}', '\u{2029}']) || clean.contains("://");
                proptest::prop_assert!(!breaks);
            }
        }
    }
}
