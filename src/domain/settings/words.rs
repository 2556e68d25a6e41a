//! Changes of settings in words, for people who read the audit log.

use crate::config::Card;
use crate::domain::audit::Details;

/// Adds to `details` that the setting `name` was the first text, as it is kept, and is the second now.
pub(super) fn tell(details: Details, name: &str, (from, to): (&str, &str)) -> Details {
    match (in_words(name, from), in_words(name, to)) {
        // Another picture, or other words on the same cards.
        (before, after) if before == after => details.with(name, "changed"),
        (before, after) => details.changed(name, before, after),
    }
}

/// A list is told as its names, a picture as one.
fn in_words(name: &str, text: &str) -> String {
    let told = match name {
        "tickets.categories" => serde_json::from_str(text).map(|all: Vec<String>| all.join(", ")),
        "brand.cards" => serde_json::from_str(text).map(|all: Vec<Card>| {
            all.into_iter().map(|card| card.title).collect::<Vec<_>>().join(", ")
        }),
        "brand.logo" if !text.is_empty() => Ok("a picture".to_owned()),
        _ => Ok(text.to_owned()),
    };
    // What cannot be read was told as it is kept, too.
    told.unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, from: &str, to: &str) -> Vec<String> {
        tell(Details::none(), name, (from, to)).in_words()
    }

    #[test]
    fn lists_and_pictures_are_told_in_words_and_never_as_they_are_kept() {
        let shop = r#"[{"title":"Shop","text":"Buy.","url":"https://shop.example"}]"#;
        let sale = r#"[{"title":"Shop","text":"Sale.","url":"https://shop.example"}]"#;
        for (name, from, to, words) in [
            (
                "tickets.categories",
                r#"["Alarm","Doors"]"#,
                r#"["Doors, gates"]"#,
                "“Alarm, Doors” became “Doors, gates”",
            ),
            ("tickets.categories", r#"["Alarm"]"#, "[]", "“Alarm” became nothing"),
            ("brand.cards", "[]", shop, "nothing became “Shop”"),
            ("brand.cards", shop, sale, "changed"),
            ("brand.logo", "", "sf-cjq", "nothing became “a picture”"),
            ("brand.logo", "sf-cjq", "x7", "changed"),
            ("brand.logo", "x7", "", "“a picture” became nothing"),
            ("brand.name", "RFS", "Halden", "“RFS” became “Halden”"),
        ] {
            assert_eq!(told(name, from, to), [format!("{name}: {words}")], "{from} {to}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_as_it_is() {
        assert_eq!(told("brand.cards", "", "[x"), ["brand.cards: nothing became “[x”"]);
    }
}
