//! What the audit log is asked for, as its address says it: `who=staff:7&what=staff.disabled`.

use percent_encoding::utf8_percent_encode;

use super::form::Filled;
use super::ticket_query::ESCAPED;
use crate::clock::Millis;
use crate::domain::audit::{Action, ByKind, Query, Subject};
use crate::error::{Error, FieldCode, FieldError};
use crate::web::input::Fields;

/// Where the log is.
pub const LIST: &str = "/admin/audit";
/// The same as a table.
pub const TABLE: &str = "/admin/audit.csv";
/// How many lines a page has.
const PAGE: i64 = 50;
/// A day in milliseconds; in UTC all are as long.
const DAY: i64 = 86_400_000;

/// What an address may hold, in the order in which it is written.
const NAMES: [&str; 6] = ["who", "what", "about", "from", "until", "cursor"];

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// In the words of the domain.
    pub query: Query,
    /// As it was typed, and what is wrong with it.
    pub form: Filled,
}

impl Asked {
    /// Reads the query of an address. What the log does not know is no reason to refuse: links get
    /// longer on their way.
    pub fn read(text: &str) -> Self {
        let mut fields = Fields::query(text);
        let until = fields.optional("until", day);
        let query = Query {
            by: fields.optional("who", who),
            action: fields.optional("what", action),
            about: fields.optional_line("about", 0..=300),
            from: fields.optional("from", day),
            until: until.map(|day| Millis(day.0.saturating_add(DAY))),
            cursor: fields.optional_string("cursor"),
            limit: PAGE,
        };
        if query.from.zip(query.until).is_some_and(|(from, until)| from >= until) {
            fields.wrong("until", FieldCode::Malformed, "This day is before the first one.");
        }
        let form = Filled::of_query(text, problems(fields));
        Self { query, form }
    }

    /// The same with more that is wrong.
    pub fn but(mut self, problems: Vec<FieldError>) -> Self {
        self.form = self.form.but(problems);
        self
    }

    /// Whether anything is asked for but the newest lines.
    pub fn is_filtered(&self) -> bool {
        NAMES.iter().any(|name| !self.form.value(name).is_empty())
    }

    /// What leaves lines out, by name, as it was typed.
    pub fn narrowed(&self) -> Vec<(&'static str, &str)> {
        let asked = NAMES.iter().map(|name| (*name, self.form.value(name).trim()));
        asked.filter(|(name, value)| *name != "cursor" && !value.is_empty()).collect()
    }

    /// The address of this list with other values; an empty one takes a value away.
    pub fn with(&self, path: &str, changes: &[(&str, &str)]) -> String {
        let change = |name: &str| changes.iter().find(|(changed, _)| *changed == name);
        let value = |name: &str| change(name).map_or(self.form.value(name), |(_, value)| *value);
        let pairs = NAMES.iter().filter(|name| !value(name).is_empty());
        let pairs =
            pairs.map(|name| format!("{name}={}", utf8_percent_encode(value(name), ESCAPED)));
        let query = pairs.collect::<Vec<_>>().join("&");
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

/// The address of all lines about `subject`.
pub fn about(subject: &Subject) -> String {
    format!("{LIST}?about={}", utf8_percent_encode(&subject.words, ESCAPED))
}

fn day(name: &str, typed: &str) -> Result<Millis, FieldError> {
    Millis::of_day(typed).ok_or_else(|| {
        let message = "Write a day such as 2026-11-30.";
        FieldError::new(name, FieldCode::Malformed, message)
    })
}

fn action(name: &str, typed: &str) -> Result<Action, FieldError> {
    Action::parse(typed).ok_or_else(|| choose(name))
}

/// A kind of hand, or one hand: `operator`, `staff:7`.
fn who(name: &str, typed: &str) -> Result<(ByKind, Option<i64>), FieldError> {
    let (kind, id) = match typed.split_once(':') {
        Some((kind, id)) => (kind, Some(id.parse().map_err(|_| choose(name))?)),
        None => (typed, None),
    };
    Ok((ByKind::parse(kind).ok_or_else(|| choose(name))?, id))
}

fn choose(name: &str) -> FieldError {
    FieldError::new(name, FieldCode::UnknownValue, "Choose one from the list.")
}

fn problems(fields: Fields) -> Vec<FieldError> {
    let Err(Error::Invalid(mut problems)) = fields.finish() else { return Vec::new() };
    problems.retain(|it| it.code != FieldCode::UnknownField);
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_written_in_one_order() {
        let asked = Asked::read("from=2026-11-01&utm=x&until=2026-11-01&who=staff:7&about=a b@c");
        assert!(!asked.form.is_refused(), "{:?}", asked.form);
        assert_eq!(asked.query.by, Some((ByKind::Staff, Some(7))));
        let (from, until) = asked.query.from.zip(asked.query.until).expect("days");
        assert_eq!((from.rfc3339(), until.0 - from.0), ("2026-11-01T00:00:00.000Z".into(), DAY));
        assert_eq!(
            asked.with(TABLE, &[("until", ""), ("what", "staff.added")]),
            "/admin/audit.csv?who=staff%3A7&what=staff.added&about=a%20b@c&from=2026-11-01"
        );
        assert_eq!(Asked::read("").with(LIST, &[]), LIST);
        assert_eq!(asked.narrowed().last(), Some(&("until", "2026-11-01")));
        assert_eq!(Asked::read("cursor=x&about=").narrowed(), []);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let asked = Asked::read("from=1.11.2026&until=2026-02-30&who=ghost&what=painted");
        let names: Vec<&str> = asked.form.problems().iter().map(|it| it.field.as_str()).collect();
        assert_eq!(names, ["until", "who", "what", "from"]);
        assert!(Asked::read("who=staff:x").form.is_refused());
        assert!(Asked::read("from=2026-11-02&until=2026-11-01").form.is_refused());
        for odd in ["+999999-01-01", "-000001-01-01", "2026-11-01T00:00", "today", "9999-12-31x"] {
            assert!(Asked::read(&format!("from={odd}")).form.is_refused(), "{odd}");
        }
        assert!(!Asked::read("from=9998-12-31&until=9998-12-31").form.is_refused());
    }
}
