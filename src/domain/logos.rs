//! The company's logo: which pictures are taken, and where they are kept.
//!
//! A picture is shown by `<img>` and never stands in a page itself, and its own address is served in a
//! sandbox; that it is harmless does not hang on what is looked at here. What is refused here is what would
//! not do as a logo, or could only be meant badly.

use roxmltree::Document;

use crate::clock::Millis;
use crate::db::Tx;
use crate::error::{Error, FieldCode, FieldError};
use crate::ids;
use crate::store;

/// The largest logo, in bytes.
pub const LARGEST: usize = 256 * 1024;
/// The longest side, in pixels: a small file can hold a picture that fills a phone's memory.
const LONGEST_SIDE: usize = 4_000;
const NAMESPACE: &str = "http://www.w3.org/2000/svg";

/// The company's logo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    /// The hash of the image, which names it: 22 characters of base64url.
    pub hash: String,
    /// What it is.
    pub kind: Kind,
    /// The file.
    pub image: Vec<u8>,
}

/// What kind of picture it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
    /// SVG.
    Svg,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Png, Self::Jpeg, Self::Webp, Self::Svg];

    /// Its media type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Svg => "image/svg+xml",
        }
    }

    /// The kind with this media type.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl Logo {
    /// Reads a picture; what it is, is told by its content.
    ///
    /// # Errors
    /// A [`FieldError`] of `field` that says what is wrong with it.
    pub fn read(field: &str, image: &[u8]) -> Result<Self, FieldError> {
        let wrong = |code, message: String| FieldError::new(field, code, message);
        if image.is_empty() {
            return Err(wrong(FieldCode::Required, "Please choose a file.".to_owned()));
        }
        if image.len() > LARGEST {
            let message = format!(
                "The picture may have {} KB at most; this one has {}.",
                LARGEST / 1024,
                image.len().div_ceil(1024)
            );
            return Err(wrong(FieldCode::TooLong, message));
        }
        let kind = kind(image).map_err(|message| wrong(FieldCode::Malformed, message))?;
        let hash = ids::hash_word(image);
        Ok(Self { hash, kind, image: image.to_vec() })
    }
}

fn kind(image: &[u8]) -> Result<Kind, String> {
    let kind = match imagesize::image_type(image) {
        Ok(imagesize::ImageType::Png) => Kind::Png,
        Ok(imagesize::ImageType::Jpeg) => Kind::Jpeg,
        Ok(imagesize::ImageType::Webp) => Kind::Webp,
        _ => return svg(image).map(|()| Kind::Svg),
    };
    let size = imagesize::blob_size(image)
        .map_err(|_| "This picture is damaged: its size cannot be read.".to_owned())?;
    let (width, height) = (size.width, size.height);
    if width == 0 || height == 0 || width.max(height) > LONGEST_SIDE {
        return Err(format!(
            "The picture may be {LONGEST_SIDE} pixels wide and high at most; this one is {width} by \
             {height}."
        ));
    }
    Ok(kind)
}

/// A drawing without script, without anything from elsewhere, and without entities, which can make a small
/// file endless.
fn svg(image: &[u8]) -> Result<(), String> {
    let wanted = "This must be a picture: PNG, JPEG, WebP or SVG.";
    let text = std::str::from_utf8(image).map_err(|_| wanted.to_owned())?;
    if !text.trim_start_matches('\u{feff}').trim_start().starts_with('<') {
        return Err(wanted.to_owned());
    }
    let drawing = Document::parse(text)
        .map_err(|error| format!("This is no SVG that can be used: {error}."))?;
    if !drawing.root_element().has_tag_name((NAMESPACE, "svg")) {
        return Err(wanted.to_owned());
    }
    match drawing.descendants().find_map(unfit) {
        Some(what) => Err(format!(
            "The drawing holds {what}, which a logo does not need. Please export it anew as a plain \
             SVG, or as a PNG."
        )),
        None => Ok(()),
    }
}

/// What of an element is not for a logo.
fn unfit(node: roxmltree::Node<'_, '_>) -> Option<String> {
    let name = node.tag_name().name();
    if ["script", "foreignObject", "iframe", "audio", "video"].contains(&name) {
        return Some(format!("<{name}>"));
    }
    node.attributes().find_map(|attribute| {
        let (name, value) = (attribute.name(), attribute.value().trim());
        let is_handler = name.len() > 2 && name.to_ascii_lowercase().starts_with("on");
        let leads_away = name == "href" && !value.starts_with('#') && !is_picture(value);
        (is_handler || leads_away).then(|| format!("the attribute {name} with “{}”", start(value)))
    })
}

fn is_picture(address: &str) -> bool {
    ["data:image/png", "data:image/jpeg", "data:image/webp"]
        .iter()
        .any(|it| address.starts_with(it))
}

fn start(value: &str) -> String {
    let start: String = value.chars().take(40).collect();
    if start.len() < value.len() { format!("{start}…") } else { start }
}

/// The logo with this hash, if it is the one in use or was until a moment ago.
///
/// # Errors
/// [`Error::NotFound`].
pub fn find(tx: &mut Tx<'_>, hash: &str) -> Result<Logo, Error> {
    store::logos::find(tx, hash)?.ok_or(Error::NotFound)
}

/// Keeps `logo` beside the one that was in use; older ones go.
pub(in crate::domain) fn keep(
    tx: &mut Tx<'_>,
    logo: &Logo,
    before: Option<&str>,
    now: Millis,
) -> Result<(), Error> {
    store::logos::put(tx, logo, now)?;
    store::logos::remove_others(tx, &logo.hash, before.unwrap_or_default())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x40\0\0\0\x20\x08\x06\0\0\0";

    fn read(image: impl AsRef<[u8]>) -> Result<Kind, String> {
        let read = Logo::read("logo", image.as_ref());
        read.map(|logo| logo.kind).map_err(|error| error.message)
    }

    fn drawing(inside: &str) -> String {
        format!("<svg xmlns=\"{NAMESPACE}\" viewBox=\"0 0 8 8\">{inside}</svg>")
    }

    #[test]
    fn pictures_are_known_by_what_is_in_them() {
        assert_eq!(read(PNG), Ok(Kind::Png));
        assert_eq!(read(drawing("<path d=\"M0 0h8\"/>")), Ok(Kind::Svg));
        let with_head = format!("\u{feff}<?xml version=\"1.0\"?>\n{}", drawing("<g/>"));
        assert_eq!(read(with_head), Ok(Kind::Svg));
        assert_eq!(
            read(drawing("<use href=\"#a\"/><image href=\"data:image/png;base64,AA\"/>")),
            Ok(Kind::Svg)
        );
        for bad in
            ["", "hello", "<html><script>alert(1)</script></html>", "GIF89a\x01\0\x01\0", "<svg/>"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read(b"\xff\xfe<svg").is_err());
    }

    #[test]
    fn a_drawing_with_more_in_it_is_refused_by_name() {
        for (bad, named) in [
            ("<script>alert(1)</script>", "<script>"),
            ("<g><foreignObject/></g>", "<foreignObject>"),
            ("<path onclick=\"alert(1)\"/>", "onclick"),
            ("<path ONLOAD=\"x\"/>", "ONLOAD"),
            ("<use href=\"https://evil.example/a.svg#b\"/>", "href"),
            ("<a href=\"javascript:alert(1)\"/>", "href"),
            ("<image xmlns:x=\"http://www.w3.org/1999/xlink\" x:href=\"//evil.example\"/>", "href"),
            ("<image href=\"data:image/svg+xml,x\"/>", "href"),
        ] {
            let message = read(drawing(bad)).expect_err(bad);
            assert!(message.contains(named), "{bad}: {message}");
        }
        let bomb = format!("<!DOCTYPE svg [<!ENTITY a \"aaaa\">]>{}", drawing("&a;"));
        assert!(read(bomb).expect_err("a bomb").contains("no SVG"), "entities");
    }

    #[test]
    fn what_is_too_large_is_refused_with_its_size() {
        let mut long = PNG.to_vec();
        long.resize(LARGEST + 1, 0);
        assert!(read(&long).expect_err("too long").contains("this one has 257"));
        let mut wide = PNG.to_vec();
        wide[16..20].copy_from_slice(&40_000_u32.to_be_bytes());
        assert!(read(&wide).expect_err("too wide").contains("40000 by 32"));
        assert!(read(&PNG[..20]).expect_err("cut off").contains("damaged"));
    }
}
