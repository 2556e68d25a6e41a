//! What may be typed for a setting at the desk, and how it is kept. Every refusal names the field and
//! says what to write instead.

use crate::config::{Card, check_card};
use crate::domain::colour::Colour;
use crate::domain::email::Email;
use crate::domain::text;
use crate::error::{FieldCode, FieldError};

/// Lengths of the company's name.
const BRAND_NAME: std::ops::RangeInclusive<usize> = 1..=100;
/// Lengths of the hours.
const HOURS: std::ops::RangeInclusive<usize> = 0..=100;
/// Categories at most, and characters of one.
const CATEGORIES: usize = 50;
const CATEGORY: std::ops::RangeInclusive<usize> = 1..=100;
/// Lengths of a card's title, words and address.
const CARD_TITLE: std::ops::RangeInclusive<usize> = 1..=100;
const CARD_TEXT: std::ops::RangeInclusive<usize> = 0..=200;
const CARD_URL: std::ops::RangeInclusive<usize> = 1..=500;
/// How long a link may work, in hours: from an hour to 30 days.
const LINK_HOURS: std::ops::RangeInclusive<u32> = 1..=720;
/// Days until a resolved ticket closes: ten years at most, 0 is never.
const CLOSE_DAYS: u32 = 3_650;

/// A card as it was typed: title, words, address.
pub type Typed<'a> = (&'a str, &'a str, &'a str);

/// Reads what was typed into `field` for the setting `name`, into the text that is kept.
///
/// # Errors
/// What is wrong with it.
pub fn read(name: &str, field: &str, typed: &str) -> Result<String, FieldError> {
    match name {
        "brand.name" => text::parse_line(field, typed, BRAND_NAME),
        "brand.colour" => colour(field, typed),
        "brand.phone" => phone(field, typed),
        "brand.hours" => text::parse_line(field, typed, HOURS),
        "tickets.categories" => categories(field, typed),
        "tickets.auto_close_days" => days(field, typed),
        "portal.link_ttl" => link_ttl(field, typed),
        "mail.staff_inbox" if typed.trim().is_empty() => Ok(String::new()),
        "mail.staff_inbox" => Email::parse(field, typed).map(|email| email.to_string()),
        _ => switch(field, typed),
    }
}

fn wrong(field: &str, message: impl Into<String>) -> FieldError {
    FieldError::new(field, FieldCode::Malformed, message)
}

fn colour(field: &str, typed: &str) -> Result<String, FieldError> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(String::new());
    }
    let digits = typed.strip_prefix('#').unwrap_or(typed);
    // #35a is short for #3355aa.
    let digits = match digits.len() {
        3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
        _ => digits.to_owned(),
    };
    let colour = Colour::parse(&format!("#{digits}"));
    let message = "Write a colour as # and six digits from 0 to 9 and a to f, such as #3355a8.";
    colour.map(|colour| colour.to_string()).ok_or_else(|| wrong(field, message))
}

fn phone(field: &str, typed: &str) -> Result<String, FieldError> {
    let phone = text::parse_line(field, typed, text::PHONE)?;
    let digits = phone.chars().filter(char::is_ascii_digit).count();
    if phone.is_empty() || digits >= 3 {
        return Ok(phone);
    }
    Err(wrong(field, "Write a telephone number with its digits, such as 613 555 0142."))
}

fn categories(field: &str, typed: &str) -> Result<String, FieldError> {
    let typed = text::parse(field, typed, 0..=20_000)?;
    let mut names: Vec<String> = Vec::new();
    for line in typed.lines().filter(|line| !line.trim().is_empty()) {
        let name = text::parse_line(field, line, CATEGORY)?;
        let folded = text::fold(&name);
        if names.iter().any(|other| text::fold(other) == folded) {
            return Err(wrong(field, format!("“{name}” stands here twice. Please leave one out.")));
        }
        names.push(name);
    }
    if names.len() > CATEGORIES {
        let message =
            format!("There may be {CATEGORIES} categories at most; these are {}.", names.len());
        return Err(FieldError::new(field, FieldCode::TooLong, message));
    }
    Ok(json(&names))
}

fn days(field: &str, typed: &str) -> Result<String, FieldError> {
    let days = typed.trim().parse::<u32>().ok().filter(|days| *days <= CLOSE_DAYS);
    let message = format!("Write a whole number of days from 0 (never) to {CLOSE_DAYS}.");
    days.map(|days| days.to_string()).ok_or_else(|| wrong(field, message))
}

fn link_ttl(field: &str, typed: &str) -> Result<String, FieldError> {
    let typed = typed.trim();
    let hours = match (typed.strip_suffix('h'), typed.strip_suffix('d')) {
        (Some(hours), _) => hours.trim().parse::<u32>().ok(),
        (_, Some(days)) => days.trim().parse::<u32>().ok().and_then(|days| days.checked_mul(24)),
        _ => None,
    };
    let hours = hours.filter(|hours| LINK_HOURS.contains(hours));
    let message = "Links may work from 1 hour (1h) to 30 days (30d).";
    let hours = hours.ok_or_else(|| wrong(field, message))?;
    Ok(if hours.is_multiple_of(24) { format!("{}d", hours / 24) } else { format!("{hours}h") })
}

fn switch(field: &str, typed: &str) -> Result<String, FieldError> {
    match typed {
        "true" | "false" => Ok(typed.to_owned()),
        _ => Err(wrong(field, "This must be true or false.")),
    }
}

/// Reads the cards of the start page. One that is empty is left out; the fields of the first are called
/// `card_1_title`, `card_1_text` and `card_1_url`.
///
/// # Errors
/// Everything that is wrong with any of them.
pub fn cards(typed: &[Typed<'_>]) -> Result<String, Vec<FieldError>> {
    let (mut cards, mut wrong) = (Vec::new(), Vec::new());
    for (index, typed) in typed.iter().enumerate() {
        if [typed.0, typed.1, typed.2].iter().all(|part| part.trim().is_empty()) {
            continue;
        }
        match card(&format!("card_{}", index + 1), typed) {
            Ok(card) => cards.push(card),
            Err(mut errors) => wrong.append(&mut errors),
        }
    }
    if wrong.is_empty() { Ok(json(&cards)) } else { Err(wrong) }
}

fn card(prefix: &str, (title, words, url): &Typed<'_>) -> Result<Card, Vec<FieldError>> {
    let title = text::parse_line(&format!("{prefix}_title"), title, CARD_TITLE);
    let words = text::parse_line(&format!("{prefix}_text"), words, CARD_TEXT);
    let field = format!("{prefix}_url");
    let url = text::parse_line(&field, url, CARD_URL).and_then(|url| {
        // The address alone is looked at; the title has a reader of its own.
        let card = Card { title: "x".to_owned(), text: String::new(), url };
        check_card(card).map(|card| card.url).map_err(|_| {
            wrong(
                &field,
                "Write an address that begins with https://, http://, mailto: or tel:, or a path on \
                 this site, such as /portal.",
            )
        })
    });
    match (title, words, url) {
        (Ok(title), Ok(text), Ok(url)) => Ok(Card { title, text, url }),
        (title, words, url) => {
            Err([title, words, url].into_iter().filter_map(Result::err).collect())
        }
    }
}

fn json(value: &impl serde::Serialize) -> String {
    // Lists of texts can always be written.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AT_THE_DESK, Config};

    #[test]
    fn what_is_typed_is_kept_as_the_settings_read_it() {
        for (name, typed, kept) in [
            ("brand.name", "  Halden & Sons ", "Halden & Sons"),
            ("brand.colour", " 3355A8", "#3355a8"),
            ("brand.colour", "#35a", "#3355aa"),
            ("brand.colour", " ", ""),
            ("brand.phone", "+1 613 555 0142", "+1 613 555 0142"),
            ("brand.phone", "", ""),
            ("brand.hours", "", ""),
            ("tickets.categories", "Alarm\r\n\r\n Doors, gates \n", r#"["Alarm","Doors, gates"]"#),
            ("tickets.categories", "", "[]"),
            ("tickets.auto_close_days", " 0 ", "0"),
            ("portal.link_ttl", "1h", "1h"),
            ("portal.link_ttl", "48h", "2d"),
            ("portal.link_ttl", "30d", "30d"),
            ("mail.staff_inbox", " desk@rfs.example ", "desk@rfs.example"),
            ("mail.staff_inbox", "", ""),
            ("mail.on_note_added", "false", "false"),
        ] {
            let read = read(name, "field", typed);
            assert_eq!(read.as_deref(), Ok(kept), "{name}: {typed}");
            Config::default().set(name, kept).expect("the settings read it");
        }
    }

    #[test]
    fn what_will_not_do_is_refused_in_the_words_of_its_field() {
        let many: String = (0..51).map(|number| format!("Category {number}\n")).collect();
        for (name, typed, words) in [
            ("brand.name", " ", "write something"),
            ("brand.name", "a\nb", "single line"),
            ("brand.colour", "red", "six digits"),
            ("brand.colour", "#12345é", "six digits"),
            ("brand.colour", "ééé", "six digits"),
            ("brand.phone", "call us", "digits"),
            ("brand.hours", &"x".repeat(101), "At most 100"),
            ("tickets.categories", "Alarm\nalarm", "twice"),
            ("tickets.categories", &many, "50 categories"),
            ("tickets.categories", &"x".repeat(101), "At most 100"),
            ("tickets.auto_close_days", "-1", "from 0"),
            ("tickets.auto_close_days", "3651", "3650"),
            ("portal.link_ttl", "0h", "30 days"),
            ("portal.link_ttl", "31d", "30 days"),
            ("portal.link_ttl", "59m", "30 days"),
            ("portal.link_ttl", "99999999999d", "30 days"),
            ("mail.staff_inbox", "nobody", "e-mail"),
            ("mail.on_note_added", "maybe", "true or false"),
        ] {
            let error = read(name, "field", typed).expect_err(typed);
            assert_eq!(error.field, "field");
            assert!(error.message.contains(words), "{name}: {}", error.message);
        }
    }

    #[test]
    fn a_card_is_whole_or_left_out() {
        let empty = ("", " ", "");
        let shop = ("Shop", "", "https://shop.example");
        let kept = cards(&[empty, shop, empty, ("Call", "Day and night.", "tel:+1613")]);
        let kept = kept.expect("cards");
        assert!(Config::default().set("brand.cards", &kept).is_ok(), "{kept}");
        assert!(kept.starts_with(r#"[{"title":"Shop","text":"","url":"https://shop.example"},{"#));
        let wrong = cards(&[shop, ("", "Words", "javascript:alert(1)")]).expect_err("wrong");
        let fields: Vec<&str> = wrong.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["card_2_title", "card_2_url"]);
    }

    #[test]
    fn every_setting_but_cards_and_logo_is_read_here() {
        for name in
            AT_THE_DESK.into_iter().filter(|name| !["brand.cards", "brand.logo"].contains(name))
        {
            let default = Config::default().text_of(name);
            let typed = match name {
                "tickets.categories" => "Alarm\nCCTV\nAccess Control\nIntercom\nGeneral",
                _ => default.as_str(),
            };
            assert_eq!(read(name, "field", typed), Ok(default.clone()), "{name}");
        }
    }
}
