//! What the list of tickets is asked for, as its address says it:
//! `status=open&assignee=me&q=battery`. Read here, and written again for its links, its form, its
//! table and the views that people keep.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::desk::Desk;
use super::form::Filled;
use crate::clock::Millis;
use crate::domain::email::Email;
use crate::domain::tickets::{self, DeskQuery, Priority, Sort, Status};
use crate::domain::{dashboard, text};
use crate::error::{Error, FieldCode, FieldError};
use crate::web::input::{Fields, pairs};

/// Where the list is.
pub const LIST: &str = "/admin/tickets";
/// How many tickets a page has.
const PAGE: i64 = 25;
/// What may stand in an address as it is (RFC 3986 §3.4), so that people can read it.
pub(super) const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'@').remove(b'~');

/// What an address may hold, in the order in which it is written.
const NAMES: [&str; 10] = [
    "status", "q", "assignee", "priority", "category", "customer", "last", "resolved", "sort",
    "cursor",
];

/// A tab of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    /// Open and in progress.
    Unfinished,
    /// One status.
    Of(Status),
}

impl Tab {
    const ALL: [Self; 5] = [
        Self::Unfinished,
        Self::Of(Status::Open),
        Self::Of(Status::InProgress),
        Self::Of(Status::Resolved),
        Self::Of(Status::Closed),
    ];

    /// The word for it in the address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unfinished => "unfinished",
            Self::Of(status) => status.as_str(),
        }
    }
}

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// In the words of the domain.
    pub query: DeskQuery,
    /// The tab; none is all of them.
    pub tab: Option<Tab>,
    /// As it was typed, and what is wrong with it.
    pub form: Filled,
    /// The same as names and values, each once, without empty ones.
    values: Vec<(&'static str, String)>,
}

impl Asked {
    /// Reads the query of an address, as `desk` asks for it.
    pub fn read(text: &str, desk: &Desk) -> Self {
        Self::of(text, &desk.me.staff.email, desk.now)
    }

    /// The same for whoever has the address `me`, at `now`. What the list does not know is no
    /// reason to refuse: links get longer on their way.
    fn of(text: &str, me: &Email, now: Millis) -> Self {
        let mut fields = Fields::query(text);
        let tab = fields.optional_word("status", &Tab::ALL, Tab::as_str);
        let assignee = fields.optional("assignee", |name, typed| assignee(name, typed, me));
        let resolved = fields.optional_word("resolved", &[()], |()| "week");
        let mut query = DeskQuery {
            status: if let Some(Tab::Of(status)) = tab { Some(status) } else { None },
            unfinished: tab == Some(Tab::Unfinished),
            priority: fields.optional_word("priority", &Priority::ALL, Priority::as_str),
            category: fields.optional_line("category", text::REQUIRED_NAME),
            unassigned: assignee == Some(None),
            assignee: assignee.flatten(),
            customer: fields.optional("customer", Email::parse),
            customer_last: fields.optional_word("last", &[()], |()| "customer").is_some(),
            resolved_since: resolved.map(|()| dashboard::monday(now)),
            query: fields.optional_line("q", text::QUERY),
            sort: fields.optional_word("sort", &Sort::ALL, Sort::as_str).unwrap_or_default(),
            cursor: None,
            limit: PAGE,
        };
        // One of another list, or one that was cut off, begins at the start.
        let cursor = fields.optional_string("cursor");
        query.cursor = cursor.filter(|cursor| tickets::is_desk_cursor(&query, cursor));
        let form = Filled::of_query(text, problems(fields));
        let is_asked = |name: &&str| *name != "cursor" || query.cursor.is_some();
        let values = NAMES.into_iter().filter(is_asked);
        let values = values.map(|name| (name, form.value(name).to_owned()));
        let values = values.filter(|(_, value)| !value.is_empty()).collect();
        Self { query, tab, form, values }
    }

    /// The same with more that is wrong.
    pub fn but(mut self, problems: Vec<FieldError>) -> Self {
        self.form = self.form.but(problems);
        self
    }

    /// What is searched for; empty if nothing is.
    pub fn typed(&self) -> &str {
        self.query.query.as_deref().unwrap_or_default().trim()
    }

    /// How many filters are set beside the tab and the search.
    pub fn filters(&self) -> usize {
        let others = ["status", "q", "sort", "cursor"];
        self.values.iter().filter(|(name, _)| !others.contains(name)).count()
    }

    /// What leaves tickets out, by name, as it was typed: neither the order nor the page.
    pub fn narrowed(&self) -> Vec<(&'static str, &str)> {
        let asked = self.values.iter().filter(|(name, _)| !["sort", "cursor"].contains(name));
        asked.map(|(name, value)| (*name, value.trim())).collect()
    }

    /// The list as it is kept: without the page.
    pub fn kept(&self) -> String {
        self.with(&[("cursor", "")])
    }

    /// This page of it.
    pub fn here(&self) -> String {
        self.with(&[])
    }

    /// The same with other values; an empty one takes a value away.
    pub fn with(&self, changes: &[(&str, &str)]) -> String {
        let change = |name: &str| changes.iter().find(|(changed, _)| *changed == name);
        let old = |name: &str| self.values.iter().find(|(it, _)| *it == name);
        let pairs = NAMES.iter().filter_map(|name| {
            let old = old(name).map(|(_, value)| value.as_str());
            let value = change(name).map_or(old, |(_, value)| Some(*value))?;
            let encoded = utf8_percent_encode(value, ESCAPED);
            (!value.is_empty()).then(|| format!("{name}={encoded}"))
        });
        pairs.collect::<Vec<_>>().join("&")
    }

    /// Whether two queries ask for the same list.
    pub fn is_kept_as(&self, query: &str) -> bool {
        self.kept() == query
    }
}

/// The address of what `query` asks for.
pub fn address(path: &str, query: &str) -> String {
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// A query as the list writes it, whoever wrote this one: only what it knows, in its order.
pub fn canonical(query: &str, desk: &Desk) -> String {
    Asked::read(query, desk).kept()
}

/// Whether a query asks for nothing.
pub fn is_everything(query: &str) -> bool {
    pairs(query).next().is_none()
}

fn assignee(name: &str, typed: &str, me: &Email) -> Result<Option<Email>, FieldError> {
    match typed {
        "me" => Ok(Some(me.clone())),
        "nobody" => Ok(None),
        address => Email::parse(name, address).map(Some).map_err(|_| {
            let message = "Choose somebody from the list.";
            FieldError::new(name, FieldCode::UnknownValue, message)
        }),
    }
}

fn problems(fields: Fields) -> Vec<FieldError> {
    let Err(Error::Invalid(mut problems)) = fields.finish() else { return Vec::new() };
    problems.retain(|it| it.code != FieldCode::UnknownField);
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Asked {
        let me = Email::parse("email", "dana@rfs.example").expect("an address");
        Asked::of(query, &me, Millis(1_794_474_840_000))
    }

    #[test]
    fn an_address_is_read_and_written_in_one_order() {
        let asked = asked("utm=x&sort=created&q=flat+battery&status=unfinished&assignee=me&last=");
        assert_eq!(asked.here(), "status=unfinished&q=flat%20battery&assignee=me&sort=created");
        assert_eq!(asked.query.assignee.as_ref().map(Email::as_str), Some("dana@rfs.example"));
        assert!(asked.query.unfinished && !asked.query.unassigned && !asked.query.customer_last);
        assert_eq!(
            asked.with(&[("q", ""), ("status", "open")]),
            "status=open&assignee=me&sort=created"
        );
        assert_eq!(asked.filters(), 1);
        let narrowed = [("status", "unfinished"), ("q", "flat battery"), ("assignee", "me")];
        assert_eq!(asked.narrowed(), narrowed);
        assert!(asked.form.problems().is_empty(), "{:?}", asked.form);
    }

    #[test]
    fn what_is_wrong_is_named_and_what_is_not_of_this_list_is_left_out() {
        let asked =
            asked("status=solved&priority=most&customer=x&last=us&resolved=1&sort=&assignee=x");
        let mut names: Vec<&str> =
            asked.form.problems().iter().map(|problem| problem.field.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["assignee", "customer", "last", "priority", "resolved", "status"]);
        let twice = super::tests::asked("q=a&q=b&cursor=nonsense");
        assert_eq!(twice.form.problems().len(), 1);
        assert_eq!((twice.form.value("q"), twice.here().as_str()), ("a", "q=a"));
    }
}
