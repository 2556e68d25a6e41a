//! The brand's colour in a mail: checked, and with a colour that is legible on it.

/// Doorkey's own blue, for a brand without a colour.
const DEFAULT: &str = "#2f56a3";
/// What is written on a light brand colour.
const DARK_INK: &str = "#16181d";

/// `#rrggbb` as it is, and Doorkey's own for anything else: it goes into style attributes.
pub fn checked(colour: &str) -> &str {
    let digits = colour.strip_prefix('#').unwrap_or_default();
    let is_hex = digits.len() == 6 && digits.bytes().all(|it| it.is_ascii_hexdigit());
    if is_hex { colour } else { DEFAULT }
}

/// White, or near-black where white would have less contrast than WCAG 2.2 asks (1.4.3: 4.5).
pub fn ink_on(colour: &str) -> &'static str {
    let contrast_with_white = 1.05 / (luminance(checked(colour)) + 0.05);
    if contrast_with_white >= 4.5 { "#ffffff" } else { DARK_INK }
}

/// Relative luminance, WCAG 2.2.
fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let byte = colour.get(at..at + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let part = f64::from(byte.unwrap_or_default()) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_are_colours() {
        assert_eq!(checked("#0A7f3c"), "#0A7f3c");
        for bad in ["", "red", "#fff", "#12345g", "#1234567", "#123456;background:url(//x)", "#ééé"]
        {
            assert_eq!(checked(bad), DEFAULT, "{bad}");
        }
    }

    #[test]
    fn what_is_written_on_a_colour_is_legible() {
        assert_eq!(ink_on("#2f56a3"), "#ffffff");
        assert_eq!(ink_on("#000000"), "#ffffff");
        assert_eq!(ink_on("#ffd400"), DARK_INK);
        assert_eq!(ink_on("#ffffff"), DARK_INK);
        assert_eq!(ink_on("nonsense"), "#ffffff");
    }
}
