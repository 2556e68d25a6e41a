//! The brand's colour in a mail: checked, and with a colour that is legible on it.

use crate::domain::colour::Colour;

/// The colour as it is, and Doorkey's own for anything else: it goes into style attributes.
pub fn checked(colour: &str) -> Colour {
    Colour::parse(colour).unwrap_or(Colour::HOUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_are_colours() {
        assert_eq!(checked("#0A7f3c").to_string(), "#0a7f3c");
        for bad in ["", "red", "#fff", "#12345g", "#1234567", "#123456;background:url(//x)", "#ééé"]
        {
            assert_eq!(checked(bad), Colour::HOUSE, "{bad}");
        }
    }

    #[test]
    fn what_is_written_on_a_colour_is_legible() {
        for (colour, ink) in [
            ("#2f56a3", Colour::WHITE),
            ("#000000", Colour::WHITE),
            ("#ffd400", Colour::DARK_INK),
            ("#ffffff", Colour::DARK_INK),
            // Too light for white, too dark for near-black.
            ("#787878", Colour::BLACK),
            ("nonsense", Colour::WHITE),
        ] {
            assert_eq!(checked(colour).ink(), ink, "{colour}");
        }
    }
}
