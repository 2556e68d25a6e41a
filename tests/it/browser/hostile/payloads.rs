//! The texts, and how they are put into fields of any length.

/// What stands in a corpus that has lost its classes would prove less than it says.
const LEAST: usize = 200;

/// Every text of the corpus.
pub fn all() -> Vec<String> {
    let corpus = include_str!("payloads.txt");
    let lines = corpus.lines().skip_while(|line| !line.starts_with("== "));
    let texts = lines.filter(|line| !line.starts_with("== ") && !line.is_empty()).map(unescaped);
    let texts: Vec<String> = texts.collect();
    assert!(texts.len() >= LEAST, "only {} texts", texts.len());
    texts
}

/// With the character for each `\u{…}`.
fn unescaped(line: &str) -> String {
    let mut parts = line.split("\\u{");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, rest) = part.split_once('}').expect("a number in braces");
        let code = u32::from_str_radix(number, 16).expect("hexadecimal digits");
        text.push(char::from_u32(code).expect("a character"));
        text.push_str(rest);
    }
    text
}

/// Those that a text of several lines takes: all but the ones with a control character, which are
/// refused wherever they are typed.
pub fn texts() -> Vec<String> {
    let mut texts = all();
    texts.retain(|text| !text.chars().any(doorkey::domain::text::is_refused));
    texts
}

/// Those that fit into one line of at most `most` characters.
pub fn lines(most: usize) -> Vec<String> {
    let mut texts = texts();
    texts.retain(|text| !text.contains(['\n', '\t', '\u{2028}', '\u{2029}']));
    texts.retain(|text| text.chars().count() <= most);
    texts
}

/// The same in as few values as hold them all, with `between` between two.
pub fn packed(texts: &[String], most: usize, between: &str) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    let length = |text: &str| text.chars().count();
    for text in texts {
        match values.last_mut() {
            Some(last) if length(last) + length(between) + length(text) <= most => {
                last.push_str(between);
                last.push_str(text);
            }
            _ => values.push(text.clone()),
        }
    }
    values
}
