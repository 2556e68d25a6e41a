//! Lines of the audit log in words, for people who read them on a page or in a table.

use serde_json::Value;

use super::{Action, By, ByKind, Details, Line, Subject};

impl By {
    /// Who, as the beginning of a sentence.
    pub fn in_words(&self) -> String {
        let Self { kind, name, .. } = self;
        match kind {
            ByKind::Operator => "The command line".to_owned(),
            ByKind::System => "Doorkey".to_owned(),
            ByKind::Staff if name.is_empty() => "Somebody of staff".to_owned(),
            ByKind::Staff => name.clone(),
            ByKind::Program if name.is_empty() => "A program".to_owned(),
            ByKind::Program => format!("The program {name}"),
            ByKind::Customer if name.is_empty() => "A customer".to_owned(),
            ByKind::Customer => format!("The customer {name}"),
        }
    }
}

impl Subject {
    /// What it was called, or that nobody knows any more.
    pub fn in_words(&self) -> &str {
        if self.words.is_empty() { "somebody who was forgotten" } else { &self.words }
    }
}

impl Line {
    /// What was done: what stands before and after the name of what it was done to. An action that only
    /// a newer program knows is told by its word.
    pub fn around(&self) -> (&str, &str) {
        match Action::parse(&self.action) {
            Some(action) => action.around(),
            None => (&self.action, ""),
        }
    }

    /// All of it but the details: `Dana Reyes edited kim@rfs.example`.
    pub fn sentence(&self) -> String {
        let (before, after) = self.around();
        let words = [&self.by.in_words(), before, self.subject.in_words(), after];
        words.join(" ").trim_end().to_owned()
    }
}

impl Details {
    /// One for each: `name: “Ana” became “Ana Costa”`, `role: admin`.
    pub fn in_words(&self) -> Vec<String> {
        self.0.iter().map(|(what, value)| format!("{what}: {}", told(value))).collect()
    }
}

fn told(value: &Value) -> String {
    match value {
        Value::Object(change) => {
            let side = |name: &str| quoted(change.get(name).unwrap_or(&Value::Null));
            format!("{} became {}", side("from"), side("to"))
        }
        Value::String(text) => text.clone(),
        other => quoted(other),
    }
}

fn quoted(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) if text.is_empty() => "nothing".to_owned(),
        Value::String(text) => format!("“{}”", text.replace('\n', " ")),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Millis;

    fn line(kind: ByKind, name: &str, action: &str, subject: &str) -> Line {
        Line {
            id: 1,
            at: Millis(0),
            by: By { kind, id: 1, name: name.into() },
            action: action.into(),
            subject: Subject::new("staff", 1, subject),
            details: Details::none(),
            network: String::new(),
            cause: None,
        }
    }

    #[test]
    fn a_line_reads_as_a_sentence() {
        for (kind, name, action, subject, sentence) in [
            (
                ByKind::Staff,
                "Dana",
                "staff.added",
                "kim@x.example",
                "Dana added kim@x.example to the staff",
            ),
            (
                ByKind::Program,
                "shop",
                "link.made",
                "a@x.example",
                "The program shop made a portal link for a@x.example",
            ),
            (
                ByKind::Operator,
                "",
                "data.backed_up",
                "Doorkey",
                "The command line made a backup of Doorkey",
            ),
            (
                ByKind::Customer,
                "",
                "link.revoked_all",
                "",
                "A customer revoked every portal link of somebody who was forgotten",
            ),
            (ByKind::System, "", "future.thing", "x", "Doorkey future.thing x"),
        ] {
            assert_eq!(line(kind, name, action, subject).sentence(), sentence);
        }
    }

    #[test]
    fn details_are_told_and_never_json() {
        let details = Details::none()
            .changed("name", "", "Ana")
            .changed("active", true, false)
            .with("role", "admin")
            .with("mails", 3);
        assert_eq!(
            details.in_words(),
            ["name: nothing became “Ana”", "active: yes became no", "role: admin", "mails: 3"]
        );
    }
}
