//! Making people's words harmless in a mail: names, subjects and quoted texts.
//!
//! Mail programs turn what looks like a web address into a link, whatever we mark up. Names and
//! subjects are often a stranger's text in a mail that carries the company's name, so in those
//! nothing may become one; and yet they should read as they were typed. How: [`super::hosts`].
//!
//! Quoted texts stay what they are: they are marked as somebody's words, and may hold addresses.

use super::hosts::{JOINER, broken, defuse, is_like_an_address, is_link, is_scheme, is_www};

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
    let words: Vec<String> = one_line(text, NAME_MAX).split(' ').map(defuse).collect();
    words.join(" ")
}

/// The company's own name, on one line: who runs Doorkey chose it, so it may be a host.
pub fn brand(text: &str) -> String {
    one_line(text, NAME_MAX)
}

/// An e-mail address, for staff, as it is.
pub fn address(text: &str) -> String {
    one_line(text, ADDRESS_MAX)
}

/// A ticket's subject on one line, as it was typed: for the header alone.
pub fn subject(text: &str) -> String {
    one_line(text, SUBJECT_MAX)
}

/// A ticket's subject for the text part.
pub fn subject_in_text(text: &str) -> String {
    broken(&subject(text), JOINER, |before, it, after| {
        is_scheme(before, it, after) || is_www(before, it, after)
    })
}

/// A ticket's subject for the HTML part, still to be escaped.
pub fn subject_in_html(text: &str) -> String {
    broken(&subject(text), JOINER, is_link)
}

/// How a mail begins: `Hello Ana,`. A name that holds an address is not spoken at all.
pub fn greeting(text: &str) -> String {
    let clean = one_line(text, NAME_MAX);
    if clean.is_empty() || clean.split(' ').any(is_like_an_address) {
        return "Hello,".to_owned();
    }
    format!("Hello {},", name(&clean))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Written with `¦` for the word joiner.
    fn seen(text: &str) -> String {
        text.replace(JOINER, "¦")
    }

    #[test]
    fn names_keep_to_one_line_and_hold_no_address() {
        for (typed, shown) in [
            ("Ana Costa", "Ana Costa"),
            ("  Ana\r\nBcc: eve@evil.example\n ", "Ana Bcc: eve@evil .example"),
            ("Win at https://evil.example/x", "Win at https: //evil .example/x"),
            ("www.evil.com", "www .evil .com"),
            ("www.1.com", "www .1 .com"),
            ("evil。com", "evil 。com"),
            ("evil.xn--p1ai", "evil .xn--p1ai"),
            ("t.me/evil", "t .me/evil"),
            ("a@b.com", "a@b .com"),
            ("mr.x.evil.com", "mr .x .evil .com"),
            ("a\0b\u{202e}c\u{2028}d", "a bc d"),
            ("e\u{2060}vil", "evil"),
            ("أنا كوستا", "أنا كوستا"),
        ] {
            assert_eq!(name(typed), shown, "{typed:?}");
        }
        assert_eq!(name(&"a".repeat(61)), format!("{}…", "a".repeat(59)));
        assert_eq!(name(&"ä".repeat(60)), "ä".repeat(60));
    }

    #[test]
    fn titles_and_initials_read_as_they_were_typed() {
        for (typed, shown) in [
            ("Dr. J.R. Ewing", "Dr. J¦.R. Ewing"),
            ("Dr.Müller", "Dr¦.Müller"),
            ("Prof.Dr.med.Weiß", "Prof¦.Dr¦.med¦.Weiß"),
            ("J.-P.Martin", "J.-P¦.Martin"),
            ("x.com", "x¦.com"),
        ] {
            assert_eq!(seen(&name(typed)), shown, "{typed:?}");
            assert_eq!(seen(&greeting(typed)), format!("Hello {shown},"), "{typed:?}");
        }
    }

    #[test]
    fn a_brand_may_be_a_host() {
        assert_eq!(brand("Alarm.example\r\n"), "Alarm.example");
    }

    #[test]
    fn subjects_read_as_they_were_typed_and_become_no_link() {
        for (typed, text, html) in [
            (
                "Firmware 2.1.3 fails. Why?",
                "Firmware 2.1.3 fails. Why?",
                "Firmware 2.1.3 fails. Why?",
            ),
            ("Node.js", "Node.js", "Node¦.js"),
            ("info@firma.de", "info@firma.de", "info@firma¦.de"),
            ("https://a.example/b", "https:¦//a.example/b", "https:¦//a¦.example/b"),
            ("WWW.a.example", "WWW¦.a.example", "WWW¦.a¦.example"),
            ("a．example", "a．example", "a¦．example"),
            ("and/or: //", "and/or: //", "and/or: //"),
        ] {
            assert_eq!(subject(typed), typed);
            assert_eq!(seen(&subject_in_text(typed)), text);
            assert_eq!(seen(&subject_in_html(typed)), html);
            assert_eq!(subject_in_html(typed).replace(JOINER, ""), typed);
        }
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
            "தமிழ்.com",
            "cafe\u{301}.com",
            "HTTPS://X",
            "tel:123",
        ] {
            assert_eq!(greeting(bad), "Hello,", "{bad:?}");
        }
        assert_eq!(greeting("Ana"), "Hello Ana,");
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
            for clean in [name(&text), subject(&text), greeting(&text), subject_in_html(&text)] {
                let bare = clean.replace(JOINER, "");
                proptest::prop_assert!(!bare.chars().any(|it| it.is_control() || is_invisible(it)));
                let breaks = bare.contains(['\u{2028}', '\u{2029}']);
                proptest::prop_assert!(!breaks);
            }
        }

        #[test]
        fn no_link_survives(text in "\\PC{0,20}(https?://|www\\.)?[a-z.:/@-]{0,20}\\PC{0,20}") {
            for clean in [name(&text), greeting(&text), subject_in_text(&text), subject_in_html(&text)] {
                proptest::prop_assert!(!clean.contains("://"));
                proptest::prop_assert!(!clean.to_lowercase().contains("www."));
            }
            let hosts = |text: &str| text.split('.').zip(text.split('.').skip(1)).any(|(a, b)| {
                a.ends_with(char::is_alphabetic) && b.starts_with(char::is_alphabetic)
            });
            proptest::prop_assert!(!hosts(&name(&text)) && !hosts(&subject_in_html(&text)));
        }
    }
}
