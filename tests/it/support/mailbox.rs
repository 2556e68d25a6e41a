//! A person's mail, as it was captured.

use doorkey::mail::capture::Captured;

/// The mails to one address, oldest first.
pub struct Mailbox(pub Vec<Captured>);

impl Mailbox {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Which mails they are, oldest first.
    pub fn kinds(&self) -> Vec<&str> {
        self.0.iter().map(|mail| mail.kind.as_str()).collect()
    }

    #[track_caller]
    pub fn last(&self) -> &Captured {
        self.0.last().expect("a mail")
    }

    /// The link of the newest mail.
    #[track_caller]
    pub fn link(&self) -> String {
        link(&self.last().text)
    }

    /// The path of the sign-in link of the newest mail.
    #[track_caller]
    pub fn sign_in_path(&self) -> String {
        let link = sign_in_link(&self.last().text);
        link[link.find("/admin").unwrap()..].to_owned()
    }

    /// The six digits of the newest mail.
    #[track_caller]
    pub fn code(&self) -> String {
        code(&self.last().text).expect("a code")
    }
}

/// The first address in a text that carries a token.
#[track_caller]
pub fn link(text: &str) -> String {
    let mut words = text.split_whitespace();
    let link = words.find(|word| word.starts_with("http") && word.contains("#token="));
    link.unwrap_or_else(|| panic!("no link in {text}")).to_owned()
}

/// The first address in a text on which staff sign in.
#[track_caller]
pub fn sign_in_link(text: &str) -> String {
    let mut words = text.split_whitespace();
    let link = words.find(|word| word.starts_with("http") && word.contains("/admin/sign-in/link/"));
    link.unwrap_or_else(|| panic!("no sign-in link in {text}")).to_owned()
}

/// Six digits on a line of their own, with or without a space in their middle.
pub fn code(text: &str) -> Option<String> {
    let mut lines = text.lines().map(|line| line.replace(' ', ""));
    lines.find(|line| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A header of a mail.
pub fn header<'a>(mail: &'a Captured, name: &str) -> Option<&'a str> {
    let found = mail.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}
