//! The company's colour, and the shades of it in which everything stays legible (WCAG 2.2, 1.4.3 and
//! 1.4.11): on light and on dark pages, and in mails.
//!
//! A company may choose any colour. Where it can be read it is used as it is; where it cannot, a shade of
//! the same hue is, as near to it as the contrast allows. Lightness and hue are those of OKLCH, which
//! keeps a hue while its lightness changes.

use std::fmt;

/// The contrast that text needs with its ground (WCAG 2.2, 1.4.3).
pub const ENOUGH: f64 = 4.5;

/// A colour of a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    red: u8,
    green: u8,
    blue: u8,
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

impl Colour {
    /// Doorkey's own blue, for a company without a colour.
    pub const HOUSE: Self = Self::new(0x33, 0x55, 0xa8);
    /// White.
    pub const WHITE: Self = Self::new(0xff, 0xff, 0xff);
    /// What is written on a light colour.
    pub const DARK_INK: Self = Self::new(0x16, 0x18, 0x1d);
    /// What is written on a colour that is too dark for that and too light for white.
    pub const BLACK: Self = Self::new(0, 0, 0);

    const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// Reads `#rrggbb`, in either case.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let part = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        Some(Self::new(part(0)?, part(2)?, part(4)?))
    }

    /// Its relative luminance, 0 for black to 1 for white.
    pub fn luminance(self) -> f64 {
        let [red, green, blue] = self.linear();
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// Its contrast with `other`, 1 to 21.
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance() + 0.05, other.luminance() + 0.05);
        if one > two { one / two } else { two / one }
    }

    /// What can be read on it: white if that is enough, or else the darkness that is needed.
    pub fn ink(self) -> Self {
        let inks = [Self::WHITE, Self::DARK_INK];
        inks.into_iter().find(|ink| self.contrast(*ink) >= ENOUGH).unwrap_or(Self::BLACK)
    }

    fn linear(self) -> [f64; 3] {
        [self.red, self.green, self.blue].map(|byte| {
            let part = f64::from(byte) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        })
    }

    /// As OKLab has it (Björn Ottosson, 2020): lightness, and two axes of colour.
    fn oklab(self) -> [f64; 3] {
        let [red, green, blue] = self.linear();
        let long =
            (0.412_221_470_8 * red + 0.536_332_536_3 * green + 0.051_445_992_9 * blue).cbrt();
        let middle =
            (0.211_903_498_2 * red + 0.680_699_545_1 * green + 0.107_396_956_6 * blue).cbrt();
        let short =
            (0.088_302_461_9 * red + 0.281_718_837_6 * green + 0.629_978_700_5 * blue).cbrt();
        [
            0.210_454_255_3 * long + 0.793_617_785 * middle - 0.004_072_046_8 * short,
            1.977_998_495_1 * long - 2.428_592_205 * middle + 0.450_593_709_9 * short,
            0.025_904_037_1 * long + 0.782_771_766_2 * middle - 0.808_675_766 * short,
        ]
    }

    /// Its lightness (0–1), chroma (0–0.33) and hue (radians).
    fn oklch(self) -> (f64, f64, f64) {
        let [lightness, a, b] = self.oklab();
        (lightness, a.hypot(b), b.atan2(a))
    }

    /// The colour of this lightness and hue, with as much of `chroma` as a screen can show.
    fn of_oklch(lightness: f64, chroma: f64, hue: f64) -> Self {
        let steps = (0..=20).map(|step| chroma * f64::from(20 - step) / 20.0);
        let mut shown = steps.filter_map(|chroma| shown(lightness, chroma, hue));
        let grey = if lightness > 0.5 { Self::WHITE } else { Self::BLACK };
        shown.next().unwrap_or(grey)
    }
}

/// The colour, if a screen can show it.
fn shown(lightness: f64, chroma: f64, hue: f64) -> Option<Colour> {
    let (a, b) = (chroma * hue.cos(), chroma * hue.sin());
    let long = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let middle = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let short = (lightness - 0.089_484_177_5 * a - 1.291_485_548 * b).powi(3);
    let linear = [
        4.076_741_662_1 * long - 3.307_711_591_3 * middle + 0.230_969_929_2 * short,
        -1.268_438_004_6 * long + 2.609_757_401_1 * middle - 0.341_319_396_5 * short,
        -0.004_196_086_3 * long - 0.703_418_614_7 * middle + 1.707_614_701 * short,
    ];
    // A hair outside is rounding.
    if linear.iter().any(|part| !(-0.000_5..=1.000_5).contains(part)) {
        return None;
    }
    let [red, green, blue] = linear.map(|part| {
        let part = part.clamp(0.0, 1.0);
        let part =
            if part <= 0.003_130_8 { part * 12.92 } else { 1.055 * part.powf(1.0 / 2.4) - 0.055 };
        // Between 0 and 255 by the line above.
        (part * 255.0).round() as u8
    });
    Some(Colour::new(red, green, blue))
}

/// The shades of a colour on one kind of page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shades {
    /// Links, and the ground of buttons.
    pub accent: Colour,
    /// The same, touched; and text on `soft`.
    pub strong: Colour,
    /// The ground of what is chosen.
    pub soft: Colour,
    /// A line around it.
    pub line: Colour,
    /// What is written on `accent` and `strong`.
    pub on_accent: Colour,
}

/// The shades of a colour on light and on dark pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// On light pages.
    pub light: Shades,
    /// On dark pages.
    pub dark: Shades,
}

/// The grounds of light pages, as `assets/base.css` has them: card, page, sunken.
pub const LIGHT_GROUNDS: [Colour; 3] =
    [Colour::WHITE, Colour::new(0xf9, 0xfa, 0xfc), Colour::new(0xf1, 0xf2, 0xf6)];
/// The same of dark pages.
pub const DARK_GROUNDS: [Colour; 3] =
    [Colour::new(0x15, 0x19, 0x20), Colour::new(0x0c, 0x0f, 0x14), Colour::new(0x1f, 0x23, 0x2a)];
/// What is written on the accent of dark pages.
const DARK_ON_ACCENT: Colour = Colour::new(0x0b, 0x0f, 0x18);

impl Palette {
    /// The shades of `brand`. Every pair that a page can make of text and ground has a contrast of at
    /// least [`ENOUGH`].
    pub fn of(brand: Colour) -> Self {
        Self { light: light(brand), dark: dark(brand) }
    }
}

fn light(brand: Colour) -> Shades {
    let (lightness, chroma, hue) = brand.oklch();
    let soft = Colour::of_oklch(0.965, chroma.min(0.018), hue);
    let line = Colour::of_oklch(0.87, chroma.min(0.055), hue);
    let legible = |shade: &Colour| {
        let grounds = LIGHT_GROUNDS.iter().chain([&soft]);
        grounds.map(|ground| shade.contrast(*ground)).all(|contrast| contrast >= ENOUGH)
    };
    let down = |from: f64| {
        let steps = (0..=100).map(move |step| (from - f64::from(step) / 100.0).max(0.0));
        let shades = steps.map(|lightness| Colour::of_oklch(lightness, chroma.min(0.19), hue));
        shades.into_iter().find(legible).unwrap_or(Colour::BLACK)
    };
    let accent = if legible(&brand) { brand } else { down(lightness.min(0.5)) };
    let strong = down((accent.oklch().0 - 0.07).min(0.43));
    Shades { accent, strong, soft, line, on_accent: Colour::WHITE }
}

fn dark(brand: Colour) -> Shades {
    let (_, chroma, hue) = brand.oklch();
    let soft = Colour::of_oklch(0.275, chroma.min(0.045), hue);
    let line = Colour::of_oklch(0.43, chroma.min(0.08), hue);
    let legible = |shade: &Colour| {
        let grounds = DARK_GROUNDS.iter().chain([&soft, &DARK_ON_ACCENT]);
        grounds.map(|ground| shade.contrast(*ground)).all(|contrast| contrast >= ENOUGH)
    };
    let up = |from: f64, chroma: f64| {
        let steps = (0..=100).map(move |step| (from + f64::from(step) / 100.0).min(1.0));
        let shades = steps.map(|lightness| Colour::of_oklch(lightness, chroma, hue));
        shades.into_iter().find(legible).unwrap_or(Colour::WHITE)
    };
    let (accent, strong) = (up(0.78, chroma.min(0.11)), up(0.84, chroma.min(0.09)));
    Shades { accent, strong, soft, line, on_accent: DARK_ON_ACCENT }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(text: &str) -> Colour {
        Colour::parse(text).expect("a colour")
    }

    #[test]
    fn only_colours_are_colours() {
        assert_eq!(colour("#0A7f3c").to_string(), "#0a7f3c");
        for bad in ["", "red", "#fff", "#12345g", "#1234567", "#+12345", "#ééé", "0a7f3c"] {
            assert_eq!(Colour::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn contrast_is_that_of_wcag() {
        let cases = [
            ("#000000", "#ffffff", 21.0),
            ("#777777", "#ffffff", 4.48),
            ("#ff0000", "#ffffff", 4.0),
            ("#3355a8", "#ffffff", 6.99),
            ("#123456", "#123456", 1.0),
        ];
        for (one, two, wanted) in cases {
            let got = colour(one).contrast(colour(two));
            assert!((got - wanted).abs() < 0.01, "{one} on {two}: {got}");
        }
    }

    #[test]
    fn the_way_to_oklch_and_back_keeps_a_colour() {
        for text in ["#3355a8", "#ffd400", "#000000", "#ffffff", "#0a7f3c", "#c2185b", "#00ffff"] {
            let (lightness, chroma, hue) = colour(text).oklch();
            assert_eq!(Colour::of_oklch(lightness, chroma, hue).to_string(), text);
        }
    }

    /// Some 4,900 colours: all of a lattice, its corners included.
    fn many() -> impl Iterator<Item = Colour> {
        let steps = || (0..=255_u16).step_by(15).map(|part| part as u8);
        steps().flat_map(move |red| {
            steps().flat_map(move |green| steps().map(move |blue| Colour::new(red, green, blue)))
        })
    }

    #[test]
    fn whatever_the_colour_everything_written_can_be_read() {
        let mut looked_at = 0;
        for brand in many() {
            let Palette { light, dark } = Palette::of(brand);
            for (shades, grounds) in [(light, LIGHT_GROUNDS), (dark, DARK_GROUNDS)] {
                let Shades { accent, strong, soft, on_accent, .. } = shades;
                for ground in grounds.into_iter().chain([soft, on_accent]) {
                    for ink in [accent, strong] {
                        let contrast = ink.contrast(ground);
                        assert!(contrast >= ENOUGH, "{brand}: {ink} on {ground}: {contrast:.2}");
                        looked_at += 1;
                    }
                }
            }
            let contrast = brand.contrast(brand.ink());
            assert!(contrast >= ENOUGH, "{brand}: {} on it in a mail: {contrast:.2}", brand.ink());
        }
        assert!(looked_at > 90_000, "{looked_at}");
    }

    #[test]
    fn a_colour_that_can_be_read_is_used_as_it_is() {
        for text in ["#3355a8", "#0a5f3c", "#8a1538", "#000000", "#0000ff"] {
            assert_eq!(Palette::of(colour(text)).light.accent, colour(text));
        }
        for text in ["#ffd400", "#ffffff", "#00ffff", "#ff7a00"] {
            assert_ne!(Palette::of(colour(text)).light.accent, colour(text));
        }
    }

    #[test]
    fn the_grounds_are_those_of_the_stylesheet() {
        let css = include_str!("../../assets/base.css");
        let grounds = [
            ("--page: oklch(0.984 0.003 262)", LIGHT_GROUNDS[1], (0.984, 0.003)),
            ("--sunken: oklch(0.962 0.005 262)", LIGHT_GROUNDS[2], (0.962, 0.005)),
            ("--page: oklch(0.168 0.012 262)", DARK_GROUNDS[1], (0.168, 0.012)),
            ("--card: oklch(0.213 0.014 262)", DARK_GROUNDS[0], (0.213, 0.014)),
            ("--sunken: oklch(0.255 0.014 262)", DARK_GROUNDS[2], (0.255, 0.014)),
            ("--on-accent: oklch(0.17 0.02 262)", DARK_ON_ACCENT, (0.17, 0.02)),
        ];
        for (written, colour, (lightness, chroma)) in grounds {
            assert!(css.contains(written), "{written}");
            let wanted = Colour::of_oklch(lightness, chroma, 262_f64.to_radians());
            assert_eq!(colour, wanted, "{written}");
        }
        assert!(css.contains("--card: #fff;") && css.contains("--on-accent: #fff;"));
    }
}
