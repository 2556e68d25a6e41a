//! Making people's words harmless in a mail: names, subjects and quoted texts.
//!
//! Mail programs turn what looks like a web address into a link, whatever we mark up. Names and
//! subjects are often a stranger's text in a mail that carries the company's name, so in those
//! nothing may become one; and yet they should read as they were typed. So it depends on the place:
//!
//! - The **Subject header** is as it was typed. No mail program makes links of it.
//! - In the **text part**, programs make links of `https://…` and `www.…` only. Those are broken by
//!   a word joiner (U+2060), which nobody sees and no address may hold; `Node.js` stays untouched.
//! - In the **HTML part**, webmail makes links of bare hosts and addresses as well, so a word joiner
//!   stands before every dot within a word: `Node.js` and `info@firma.de` read as they were typed.
//! - A **name** has no business being an address. What looks like one is broken by a space that
//!   everybody sees, and is not greeted. Titles and initials (`Dr.Müller`, `J.R.`) are no address:
//!   they get the word joiner, because `x.com` could be somebody's initials.
//!
//! Quoted texts stay what they are: they are marked as somebody's words, and may hold addresses.

/// Stands between what would otherwise become a link: no width, no break, no part of an address.
const JOINER: char = '\u{2060}';
/// What may stand before a dot in a name, beside initials.
const TITLES: [&str; 34] = [
    "arq", "capt", "col", "dipl", "don", "dr", "dra", "eng", "fr", "frl", "hr", "ing", "jr", "lic",
    "lt", "mag", "med", "messrs", "mgr", "mlle", "mme", "mr", "mrs", "ms", "mx", "ph", "phil",
    "prof", "rev", "sgt", "sr", "sra", "st", "ste",
];
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

/// The dots that browsers take for one in a host name, UTS #46.
fn is_dot(it: char) -> bool {
    matches!(it, '.' | '。' | '．' | '｡' | '․')
}

/// Writes `text` with `mark` before every character where `breaks` says so; it is told what stands
/// before, the character, and what follows.
fn broken(text: &str, mark: char, breaks: impl Fn(&str, char, &str) -> bool) -> String {
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
fn is_scheme(before: &str, it: char, _after: &str) -> bool {
    it == '/' && before.ends_with(':')
}

/// The dot of `www.example.com`.
fn is_www(before: &str, it: char, _after: &str) -> bool {
    let start = before.len().saturating_sub(3);
    is_dot(it) && before.get(start..).is_some_and(|word| word.eq_ignore_ascii_case("www"))
}

/// A dot with letters around it. Numbers (`2.1`) and the end of a sentence are no host.
fn is_inner_dot(before: &str, it: char, after: &str) -> bool {
    let (Some(left), Some(right)) = (before.chars().next_back(), after.chars().next()) else {
        return false;
    };
    let digits = left.is_ascii_digit() && right.is_ascii_digit();
    is_dot(it) && left.is_alphanumeric() && right.is_alphanumeric() && !digits
}

/// Any of these.
fn is_link(before: &str, it: char, after: &str) -> bool {
    is_scheme(before, it, after) || is_www(before, it, after) || is_inner_dot(before, it, after)
}

/// One word of a name: `evil .com`, `http: //`, and `Dr.Müller` as it was.
fn defuse(word: &str) -> String {
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

fn is_like_an_address(word: &str) -> bool {
    let lower = word.to_lowercase();
    let marked = ["http", "www", "/", "@", ":"].iter().any(|mark| lower.contains(mark));
    let parts: Vec<&str> = lower.split(is_dot).collect();
    let dotted = parts.windows(2).any(|pair| {
        pair[0].chars().count() > 1
            && pair[1].chars().take_while(|it| it.is_alphabetic()).count() > 1
    });
    marked || (dotted && !is_titled(&lower))
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
