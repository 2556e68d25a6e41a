//! What every page shares: the company's brand, the assets, and how times and people's texts are
//! written. Nothing here knows a request.

use std::fmt::Write as _;

use askama::filters::{Html, Safe, escape};
use linkify::{LinkFinder, LinkKind};

use crate::clock::Millis;
use crate::config::Brand;
use crate::web::assets::{self, Assets};

/// Everything a page needs beside its own content. Made once, at start.
#[derive(Debug)]
pub struct Site {
    /// The company.
    pub brand: Brand,
    /// Stylesheet and script.
    pub assets: Assets,
    /// The icon as a `data:` address, which spares a request.
    pub icon: String,
    /// Names how pages look: other templates (by the version), another stylesheet, another brand.
    pub look: String,
}

impl Site {
    /// A site in the look of `brand`.
    pub fn new(brand: Brand) -> Self {
        let colour = brand.colour.as_deref().unwrap_or(assets::HOUSE_COLOUR);
        let assets = Assets::new(colour);
        let icon = assets::icon(colour);
        let version = env!("CARGO_PKG_VERSION");
        let look = format!("{version}\n{}\n{brand:?}", assets.url("portal.css"));
        Self { brand, assets, icon, look }
    }
}

/// A moment as `<time>`. Without the page's script it reads in UTC; with it, in the reader's zone
/// and the `style`: `ago` (list), `day`, `both` (on one line) or `stack` (on two).
pub fn time(at: &Millis, style: &str) -> Safe<String> {
    let text = at.timestamp().strftime("%-d %b %Y, %H:%M UTC");
    Safe(format!(r#"<time datetime="{}" data-time="{style}">{text}</time>"#, at.rfc3339()))
}

/// What a person wrote, as text: escaped, with web addresses made links. Only `http` and `https`
/// are links; a reader sees where each leads, because its text is its address.
pub fn prose(text: &str) -> Safe<String> {
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]);
    let mut html = String::with_capacity(text.len() + text.len() / 8);
    for span in finder.spans(text) {
        let words = escaped(span.as_str());
        // Writing into a String cannot fail.
        let _ = match span.kind() {
            Some(_) if is_web(span.as_str()) => write!(
                html,
                r#"<a href="{words}" target="_blank" rel="noopener noreferrer nofollow ugc">{words}</a>"#
            ),
            _ => write!(html, "{words}"),
        };
    }
    Safe(html)
}

fn is_web(address: &str) -> bool {
    let start = address.get(..8).unwrap_or(address).to_ascii_lowercase();
    start.starts_with("https://") || start.starts_with("http://")
}

fn escaped(text: &str) -> String {
    escape(text, Html).map(|safe| safe.to_string()).unwrap_or_default()
}

/// Text for a place without isolation, such as a window's title: without the characters that
/// turn the direction of what follows them (Unicode UAX #9, explicit formatting).
pub fn plain_direction(text: &str) -> String {
    let turns = |c: &char| !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(turns).collect()
}

/// Up to two initials of a name, for the circle beside what they wrote.
pub fn initials(name: &str) -> String {
    let mut firsts =
        name.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
    let pair = [firsts.next(), firsts.next_back()];
    pair.into_iter().flatten().flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_texts_and_addresses_become_links() {
        assert_eq!(prose("<b>&").0, "&#60;b&#62;&#38;");
        let link = prose("see https://example.com/?a=1&b=\"2\". Bye").0;
        assert!(link.starts_with("see <a href=\"https://example.com/?a=1&#38;b="), "{link}");
        assert!(link.contains("rel=\"noopener noreferrer nofollow ugc\""), "{link}");
        for text in
            ["javascript://x%0aalert(1)", "data://text/html,x", "ftp://x.example", "file:///etc"]
        {
            assert!(!prose(text).0.contains("<a"), "{text}");
        }
        assert!(prose("HTTP://Example.com").0.contains("<a"));
    }

    #[test]
    fn initials_are_short_whatever_the_name() {
        for (name, short) in [
            ("Dana Reyes", "DR"),
            ("ana", "A"),
            ("", ""),
            ("Ana de la Cruz", "AC"),
            ("(x) é", "XÉ"),
        ] {
            assert_eq!(initials(name), short);
        }
    }

    #[test]
    fn titles_cannot_be_turned_around() {
        assert_eq!(plain_direction("a\u{202e}b\u{2067}c"), "abc");
    }
}
