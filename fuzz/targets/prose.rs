//! People's texts on a page: nothing of them is markup, only web addresses are links, and a reader sees
//! the text as it was typed.
#![no_main]

use doorkey::web::site::{initials, plain_direction, prose};
use libfuzzer_sys::fuzz_target;

const REST: &str = r#"" target="_blank" rel="noopener noreferrer nofollow ugc">"#;

fuzz_target!(|text: &str| {
    let html = prose(text).0;
    let mut parts = html.split("<a href=\"");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (leads, rest) = part.split_once(REST).expect("a link of ours");
        let (label, after) = rest.split_once("</a>").expect("its end");
        assert_eq!(leads, label, "a link shows where it leads");
        let address = unescaped(leads).to_ascii_lowercase();
        assert!(address.starts_with("https://") || address.starts_with("http://"), "{address}");
        assert!(!address.contains(char::is_whitespace), "{address:?}");
        assert_eq!(plain_direction(&address), address, "what is shown can be read");
        shown.extend([label, after]);
    }
    assert!(!shown.contains(['<', '>', '"', '\'']), "{shown}");
    assert_eq!(unescaped(&shown), text);
    assert!(initials(text).chars().count() <= 6);
    assert_eq!(plain_direction(&plain_direction(text)), plain_direction(text));
});

fn unescaped(html: &str) -> String {
    let marks = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    marks.iter().fold(html.to_owned(), |text, (mark, letter)| text.replace(mark, letter))
}
