//! Stylesheet and script: embedded, named by their content so that a browser may keep them for
//! ever, and compressed once, when first asked for: starting does not wait for it.

use std::io::Write as _;
use std::sync::OnceLock;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::colour::Colour;
use crate::web::ctx::Shared;
use crate::web::paint;

/// The tokens, the ground, fields, buttons and words that all pages share, and what a ticket looks
/// like; then each side's own.
const STYLE: &str = concat!(
    include_str!("../../assets/base.css"),
    include_str!("../../assets/ticket.css"),
    include_str!("../../assets/portal.css")
);
const DESK_STYLE: &str = concat!(
    include_str!("../../assets/base.css"),
    include_str!("../../assets/ticket.css"),
    include_str!("../../assets/admin.css")
);
const DOCS_STYLE: &str = include_str!("../../assets/docs.css");
const ICON: &str = include_str!("../../assets/icon.svg");
/// The colour `icon.svg` and `base.css` are drawn in: [`Colour::HOUSE`].
const HOUSE_COLOUR: &str = "#3355a8";

/// The pictures of the help, as `scripts/screenshots` takes them. They are packed as they are.
const HELP_PORTAL: &[u8] = include_bytes!("../../assets/help/portal.webp");
const HELP_TICKETS: &[u8] = include_bytes!("../../assets/help/tickets.webp");
const HELP_TICKET: &[u8] = include_bytes!("../../assets/help/ticket.webp");
const HELP_CUSTOMER: &[u8] = include_bytes!("../../assets/help/customer.webp");
const HELP_SETTINGS: &[u8] = include_bytes!("../../assets/help/settings.webp");
const PICTURE: &str = "image/webp";

/// The page script's modules, each after what it leans on.
const MODULES: [&str; 11] = [
    include_str!("../../assets/portal/session.js"),
    include_str!("../../assets/portal/dom.js"),
    include_str!("../../assets/portal/html.js"),
    include_str!("../../assets/portal/times.js"),
    include_str!("../../assets/portal/api.js"),
    include_str!("../../assets/portal/door.js"),
    include_str!("../../assets/portal/list.js"),
    include_str!("../../assets/portal/drafts.js"),
    include_str!("../../assets/portal/ticket.js"),
    include_str!("../../assets/portal/live.js"),
    include_str!("../../assets/portal/main.js"),
];

/// The desk's modules, likewise.
const DESK_MODULES: [&str; 11] = [
    include_str!("../../assets/portal/times.js"),
    include_str!("../../assets/portal/dom.js"),
    include_str!("../../assets/admin/passkeys.js"),
    include_str!("../../assets/admin/new_ticket.js"),
    include_str!("../../assets/admin/answers.js"),
    include_str!("../../assets/admin/merge.js"),
    include_str!("../../assets/admin/merge_tickets.js"),
    include_str!("../../assets/admin/live.js"),
    include_str!("../../assets/admin/keys.js"),
    include_str!("../../assets/admin/settings.js"),
    include_str!("../../assets/admin/main.js"),
];

/// One file a page loads.
#[derive(Debug)]
struct Asset {
    name: &'static str,
    /// `/assets/portal.3f9ac2….css`.
    url: String,
    kind: &'static str,
    plain: Bytes,
    gzip: OnceLock<Bytes>,
    brotli: OnceLock<Bytes>,
}

/// `GET /assets/{file}`.
pub async fn show(
    State(Shared { sites, .. }): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    match paint::answer(uri.path()) {
        Some(paint) => paint,
        None => sites.assets().answer(uri.path(), &headers),
    }
}

/// All of them.
#[derive(Debug)]
pub struct Assets(Vec<Asset>);

impl Default for Assets {
    fn default() -> Self {
        Self::new()
    }
}

impl Assets {
    /// All of them, in the house's colour.
    pub fn new() -> Self {
        Self(vec![
            Asset::new("portal.css", "text/css; charset=utf-8", STYLE.to_owned()),
            Asset::new("portal.js", "text/javascript; charset=utf-8", join_modules(&MODULES)),
            Asset::new("admin.css", "text/css; charset=utf-8", DESK_STYLE.to_owned()),
            Asset::new("admin.js", "text/javascript; charset=utf-8", join_modules(&DESK_MODULES)),
            Asset::new("docs.css", "text/css; charset=utf-8", DOCS_STYLE.to_owned()),
            Asset::new("help-portal.webp", PICTURE, HELP_PORTAL),
            Asset::new("help-tickets.webp", PICTURE, HELP_TICKETS),
            Asset::new("help-ticket.webp", PICTURE, HELP_TICKET),
            Asset::new("help-customer.webp", PICTURE, HELP_CUSTOMER),
            Asset::new("help-settings.webp", PICTURE, HELP_SETTINGS),
        ])
    }

    /// Where the file of this name is; the empty string if there is none.
    pub fn url(&self, name: &str) -> &str {
        self.0.iter().find(|asset| asset.name == name).map_or("", |asset| &asset.url)
    }

    /// The file of this name as it is before packing.
    #[cfg(test)]
    pub(crate) fn plain(&self, name: &str) -> Bytes {
        self.0
            .iter()
            .find(|asset| asset.name == name)
            .map_or_else(Bytes::new, |it| it.plain.clone())
    }

    /// Answers a request for `path`, in the smallest form that the browser takes.
    pub fn answer(&self, path: &str, headers: &HeaderMap) -> Response {
        match self.0.iter().find(|asset| asset.url == path) {
            Some(asset) => asset.answer(headers),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }
}

impl Asset {
    fn new(name: &'static str, kind: &'static str, content: impl Into<Bytes>) -> Self {
        let plain = content.into();
        let hash = URL_SAFE_NO_PAD.encode(&crate::ids::sha256(&plain)[..9]);
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, "txt"));
        Self {
            name,
            url: format!("/assets/{stem}.{hash}.{extension}"),
            kind,
            gzip: OnceLock::new(),
            brotli: OnceLock::new(),
            plain,
        }
    }

    fn gzip(&self) -> Bytes {
        self.gzip.get_or_init(|| gzip(&self.plain).into()).clone()
    }

    fn brotli(&self) -> Bytes {
        self.brotli.get_or_init(|| brotli(&self.plain).into()).clone()
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let forever = [
            (CONTENT_TYPE, self.kind),
            (CACHE_CONTROL, "public, max-age=31536000, immutable"),
            (VARY, "accept-encoding"),
        ];
        if self.kind == PICTURE {
            return (forever, self.plain.clone()).into_response();
        }
        if takes(headers, "br") {
            return (forever, [(CONTENT_ENCODING, "br")], self.brotli()).into_response();
        }
        if takes(headers, "gzip") {
            return (forever, [(CONTENT_ENCODING, "gzip")], self.gzip()).into_response();
        }
        (forever, self.plain.clone()).into_response()
    }
}

/// Whether the browser takes this coding (RFC 9110 §12.5.3); `;q=0` says that it does not.
fn takes(headers: &HeaderMap, coding: &str) -> bool {
    let lists = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
        named && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

/// The icon as a `data:` address, in the company's colour, with what can be seen on it.
pub fn icon(colour: Colour) -> String {
    let ink = colour.ink().to_string();
    let drawing = ICON.trim().replace("#fff", &ink).replace(HOUSE_COLOUR, &colour.to_string());
    let inside =
        percent_encoding::utf8_percent_encode(&drawing, percent_encoding::NON_ALPHANUMERIC);
    format!("data:image/svg+xml,{inside}")
}

/// One script out of the modules, so that a first visit makes one request for it and not eight.
/// They import from each other only, one name once in all of them, so the joined text means the
/// same without its `import` and `export` words.
fn join_modules(modules: &[&str]) -> String {
    let lines = modules.iter().flat_map(|module| module.lines());
    let kept = lines.filter(|line| !line.starts_with("import ") && !is_comment(line));
    kept.map(|line| line.strip_prefix("export ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// Whether a whole line is comment: reasons are for readers of the source.
fn is_comment(line: &str) -> bool {
    let line = line.trim();
    let block = line.starts_with("/**") && (line.ends_with("*/") || !line.contains("*/"));
    block || line.is_empty() || ["//", "* ", "*/"].iter().any(|start| line.starts_with(start))
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    // Writing into memory cannot fail.
    let _ = encoder.write_all(plain);
    encoder.finish().unwrap_or_default()
}

fn brotli(plain: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let params = brotli::enc::BrotliEncoderParams { quality: 9, ..Default::default() };
    // Reading from and writing into memory cannot fail.
    let _ = brotli::BrotliCompress(&mut &plain[..], &mut packed, &params);
    packed
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_smallest_form_is_chosen_and_unpacks_to_the_same() {
        let assets = Assets::new();
        let asset = &assets.0[1];
        let mut plain = Vec::new();
        brotli::BrotliDecompress(&mut &asset.brotli()[..], &mut plain).expect("brotli");
        assert_eq!(plain, asset.plain);
        plain.clear();
        flate2::read::GzDecoder::new(&asset.gzip()[..]).read_to_end(&mut plain).expect("gzip");
        assert_eq!(plain, asset.plain);
        for (accepts, coding) in
            [("gzip, br", Some("br")), ("gzip, br;q=0", Some("gzip")), ("", None), ("brx", None)]
        {
            let headers =
                HeaderMap::from_iter([(ACCEPT_ENCODING, accepts.parse().expect("value"))]);
            let answer = assets.answer(assets.url("portal.js"), &headers);
            let got =
                answer.headers().get(CONTENT_ENCODING).map(|value| value.to_str().expect("ascii"));
            assert_eq!(got, coding, "{accepts}");
        }
        assert_eq!(assets.answer("/assets/portal.css", &HeaderMap::new()).status(), 404);
    }

    #[test]
    fn a_first_visit_stays_small() {
        let assets = Assets::new();
        let bytes: usize = assets.0[..2].iter().map(|asset| asset.gzip().len()).sum();
        assert!(bytes < 32 * 1024, "{bytes}");
    }

    #[test]
    fn joined_modules_declare_each_name_once() {
        for script in [join_modules(&MODULES), join_modules(&DESK_MODULES)] {
            let mut seen = HashSet::new();
            let words = ["const ", "let ", "function ", "async function ", "class "];
            for line in script.lines() {
                let Some(rest) = words.iter().find_map(|word| line.strip_prefix(word)) else {
                    continue;
                };
                let name: String =
                    rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                assert!(seen.insert(name.clone()), "{name} is declared twice");
            }
            assert!(!script.contains("\nimport ") && !script.contains("\nexport "));
        }
    }

    #[test]
    fn the_icon_is_drawn_in_the_companys_colour() {
        assert_eq!(Colour::HOUSE.to_string(), HOUSE_COLOUR);
        assert!(
            STYLE.contains(&format!("--brand: {HOUSE_COLOUR};")) && ICON.contains(HOUSE_COLOUR)
        );
        let gold = icon(Colour::parse("#ffd400").expect("a colour"));
        assert!(gold.contains("ffd400") && gold.contains("16181d"), "{gold}");
        assert!(!gold.contains("3355a8") && !gold.contains("%23fff%22"), "{gold}");
    }
}
