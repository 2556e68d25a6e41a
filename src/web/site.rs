//! What every page shares: the company's brand, the assets, and how times and people's texts are
//! written. Nothing here knows a request.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use askama::filters::{Html, Safe, escape};
use linkify::{LinkFinder, LinkKind};

use crate::clock::Millis;
use crate::config::Brand;
use crate::domain::colour::Colour;
use crate::domain::settings::InForce;
use crate::web::assets::{self, Assets};
use crate::web::paint;

/// Everything a page needs beside its own content. Made when the settings change.
#[derive(Debug)]
pub struct Site {
    /// The company.
    pub brand: Brand,
    /// Stylesheet and script.
    pub assets: Arc<Assets>,
    /// The company's colour, `#rrggbb`.
    pub colour: Colour,
    /// The stylesheet of that colour; empty for the house's own, which all stylesheets are in.
    pub paint: String,
    /// Where the logo is; empty without one.
    pub logo: String,
    /// The icon as a `data:` address, which spares a request.
    pub icon: String,
    /// Names how pages look: other templates (by the version), another stylesheet, another brand.
    pub look: String,
    /// No other site of this process has the same. Whenever settings change, the site is another one.
    pub edition: u64,
}

/// The last [`Site::edition`].
static EDITIONS: AtomicU64 = AtomicU64::new(0);

impl Site {
    /// A site in the look of `brand`.
    pub fn new(brand: Brand) -> Self {
        Self::with(Arc::new(Assets::new()), brand)
    }

    fn with(assets: Arc<Assets>, brand: Brand) -> Self {
        let colour = brand.colour.as_deref().and_then(Colour::parse).unwrap_or(Colour::HOUSE);
        let paint = paint::url(colour);
        let logo = brand.logo.as_ref().map(|hash| format!("/logo/{hash}")).unwrap_or_default();
        let icon = assets::icon(colour);
        let version = env!("CARGO_PKG_VERSION");
        let look = format!("{version}\n{}\n{paint}\n{brand:?}", assets.url("portal.css"));
        let edition = EDITIONS.fetch_add(1, Ordering::Relaxed);
        Self { brand, assets, colour, paint, logo, icon, look, edition }
    }

    /// Where a telephone dials; empty if there is no number in what the company calls its own.
    pub fn dial(&self) -> String {
        dial(self.brand.phone.as_deref().unwrap_or_default())
    }
}

/// A telephone number as `tel:` has it (RFC 3966): its digits, and a plus before them. What stands after
/// the number in words (an extension, who answers) is not dialled.
fn dial(phone: &str) -> String {
    let number = phone
        .split(|letter: char| letter.is_alphabetic())
        .find(|part| part.chars().filter(char::is_ascii_digit).count() >= 3);
    let number = number.unwrap_or_default().trim_start();
    let plus = if number.trim_start_matches('(').starts_with('+') { "+" } else { "" };
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() { digits } else { format!("tel:{plus}{digits}") }
}

/// The look of the settings of the moment, made anew when they change.
#[derive(Debug)]
pub struct Sites {
    assets: Arc<Assets>,
    last: RwLock<(Option<String>, Arc<Site>)>,
}

impl Sites {
    /// Begins with the look of `settings`.
    pub fn new(settings: &InForce) -> Self {
        let assets = Arc::new(Assets::new());
        let site = Site::with(Arc::clone(&assets), settings.config.brand.clone());
        Self { assets, last: RwLock::new((settings.stamp.clone(), Arc::new(site))) }
    }

    /// What all looks share.
    pub fn assets(&self) -> &Assets {
        &self.assets
    }

    /// The look of `settings`.
    pub fn of(&self, settings: &InForce) -> Arc<Site> {
        let last = self.last.read().unwrap_or_else(PoisonError::into_inner).clone();
        if last.0 == settings.stamp {
            return last.1;
        }
        let site = Arc::new(self.imagine(settings));
        let kept = (settings.stamp.clone(), Arc::clone(&site));
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = kept;
        site
    }

    /// The look of settings that do not hold, for a look at them before.
    pub fn imagine(&self, settings: &InForce) -> Site {
        Site::with(Arc::clone(&self.assets), settings.config.brand.clone())
    }
}

/// A moment as `<time>`. Without the page's script it reads in UTC; with it, in the reader's zone
/// and the `style`: `ago` (list), `day`, `both` (on one line) or `stack` (on two).
pub fn time(at: &Millis, style: &str) -> Safe<String> {
    let mut html = String::with_capacity(96);
    let (exact, text) = (at.rfc3339(), at.in_words());
    html.extend([
        r#"<time datetime=""#,
        &exact,
        r#"" data-time=""#,
        style,
        r#"">"#,
        &text,
        "</time>",
    ]);
    Safe(html)
}

/// What a person wrote, as text: escaped, with web addresses made links. Only `http` and `https`
/// are links; a reader sees where each leads, because its text is its address.
pub fn prose(text: &str) -> Safe<String> {
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]);
    let mut html = String::with_capacity(text.len() + text.len() / 8);
    for span in finder.spans(text) {
        let found = span.as_str();
        let (address, rest) = found.split_at(end_of_address(found));
        let is_link = span.kind().is_some() && is_web(address);
        let (address, rest) = (escaped(address), escaped(rest));
        // Writing into a String cannot fail.
        if is_link {
            let _ = write!(
                html,
                r#"<a href="{address}" target="_blank" rel="noopener noreferrer nofollow ugc">{address}</a>"#
            );
        } else {
            html.push_str(&address);
        }
        html.push_str(&rest);
    }
    Safe(html)
}

/// Where an address ends at the latest: before a space of any script, which people end a word with, and
/// before what would turn its letters around, so that it would not read as where it leads.
fn end_of_address(found: &str) -> usize {
    found.find(|c: char| c.is_whitespace() || turns(c)).unwrap_or(found.len())
}

fn is_web(address: &str) -> bool {
    let begins = |start: &str| {
        let found = address.get(..start.len()).filter(|_| address.len() > start.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(start))
    };
    begins("https://") || begins("http://")
}

fn escaped(text: &str) -> String {
    escape(text, Html).map(|safe| safe.to_string()).unwrap_or_default()
}

/// Text for a place without isolation, such as a window's title: without the characters that
/// turn the direction of what follows them (Unicode UAX #9, explicit formatting).
pub fn plain_direction(text: &str) -> String {
    text.chars().filter(|c| !turns(*c)).collect()
}

fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
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
        for end in ["\u{3000}これ", "\u{a0}there", "\u{202e}gro.elpmaxe"] {
            let html = prose(&format!("https://example.jp/a{end}")).0;
            assert!(html.ends_with(&format!(">https://example.jp/a</a>{end}")), "{html}");
        }
        for text in
            ["javascript://x%0aalert(1)", "data://text/html,x", "ftp://x.example", "file:///etc"]
        {
            assert!(!prose(text).0.contains("<a"), "{text}");
        }
        assert!(prose("HTTP://Example.com").0.contains("<a"));
    }

    #[test]
    fn a_telephone_dials_the_number_and_nothing_else() {
        for (phone, dialled) in [
            ("613 555 0142", "tel:6135550142"),
            ("+1 (613) 555-0142", "tel:+16135550142"),
            ("(+49) 30 123456", "tel:+4930123456"),
            ("613 555 0142 ext. 7", "tel:6135550142"),
            ("Call 613.555.0142 day and night", "tel:6135550142"),
            ("555\"><script>", "tel:555"),
            ("on the website", ""),
            ("", ""),
        ] {
            assert_eq!(dial(phone), dialled, "{phone}");
        }
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
