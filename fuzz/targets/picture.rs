//! A logo: what is taken is small enough and holds nothing that acts.
#![no_main]

use doorkey::domain::logos::{Kind, LARGEST, Logo};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|image: &[u8]| {
    let Ok(logo) = Logo::read("logo", image) else { return };
    assert!(logo.image == image && image.len() <= LARGEST);
    assert_eq!(logo.hash.len(), 22);
    assert_eq!(Kind::parse(logo.kind.as_str()), Some(logo.kind));
    if logo.kind != Kind::Svg {
        return;
    }
    let text = std::str::from_utf8(image).expect("a text");
    // In a comment or a text that stands for itself it is no element.
    if !text.contains("<!--") && !text.contains("<![CDATA[") && !text.contains("<?") {
        for bad in ["<script", "<iframe", "<foreignObject", "<!ENTITY"] {
            let is_element =
                |it: &str| !it.starts_with(|it: char| it.is_alphanumeric() || "-_.".contains(it));
            assert!(!text.split(bad).skip(1).any(is_element), "{bad}");
        }
    }
});
