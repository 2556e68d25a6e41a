//! The company's colour as a small stylesheet of its own, after the others. Its name says its colour, so
//! every process answers for every colour, whatever its settings are at the moment, and a page that was
//! made a moment ago finds what it names. (No page holds a style itself: the policy forbids it.)

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

use crate::domain::colour::{Colour, Palette, Shades};
use crate::ids;

/// Where the stylesheet of a colour is; empty for the house's own, which needs none.
pub fn url(colour: Colour) -> String {
    if colour == Colour::HOUSE {
        return String::new();
    }
    let (name, version) = (name(colour), version(&sheet(colour)));
    format!("/assets/paint-{name}.{version}.css")
}

/// The stylesheet at `path`, if it is that of a colour.
pub fn answer(path: &str) -> Option<Response> {
    let (name, version_asked) =
        path.strip_prefix("/assets/paint-")?.strip_suffix(".css")?.split_once('.')?;
    let colour = Colour::parse(&format!("#{name}"))?;
    let sheet = sheet(colour);
    // Another version of Doorkey, which runs beside this one, may paint otherwise.
    let keep = match version(&sheet) == version_asked {
        true => "public, max-age=31536000, immutable",
        false => "no-store",
    };
    Some(
        ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, keep)], sheet).into_response(),
    )
}

fn name(colour: Colour) -> String {
    colour.to_string().trim_start_matches('#').to_owned()
}

fn version(sheet: &str) -> String {
    ids::hash_word(sheet.as_bytes()).chars().take(8).collect()
}

fn sheet(colour: Colour) -> String {
    let Palette { light, dark } = Palette::of(colour);
    format!(
        ":root {{ --brand: {colour}; {} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {} }} }}\n",
        tokens(&light),
        tokens(&dark)
    )
}

fn tokens(shades: &Shades) -> String {
    let Shades { accent, strong, soft, line, on_accent } = shades;
    format!(
        "--accent: {accent}; --accent-strong: {strong}; --accent-soft: {soft}; --accent-line: {line}; \
         --on-accent: {on_accent};"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(path: &str) -> Option<String> {
        let answer = answer(path)?;
        Some(answer.headers()[CACHE_CONTROL].to_str().expect("ascii").to_owned())
    }

    #[test]
    fn a_colours_name_is_where_its_stylesheet_is() {
        let gold = Colour::parse("#ffd400").expect("a colour");
        assert!(kept(&url(gold)).expect("an answer").contains("immutable"));
        assert_eq!(kept("/assets/paint-ffd400.otherone.css").as_deref(), Some("no-store"));
        assert_eq!(url(Colour::HOUSE), "");
    }

    #[test]
    fn nothing_but_a_colour_is_painted() {
        for bad in ["ffd40", "ffd40g", "ffd400;}", "", "%66fd400", "FFD400 "] {
            assert_eq!(kept(&format!("/assets/paint-{bad}.x.css")), None, "{bad}");
        }
        assert_eq!(kept("/assets/portal.abc.css"), None);
        let sheet = sheet(Colour::parse("#FFD400").expect("a colour"));
        assert!(sheet.contains("--brand: #ffd400;") && sheet.contains("--on-accent: #ffffff;"));
    }
}
