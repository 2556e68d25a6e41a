//! What comes in, read strictly: JSON bodies, query strings, path segments.
//!
//! [`Fields`] hands out each field once and remembers what was wrong with it, so an answer names
//! every mistake at once. Whatever nobody took is an unknown field.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::RangeInclusive;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use percent_encoding::percent_decode;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::Problem;
use super::strict_json;
use crate::domain::text;
use crate::error::{Error, FieldCode, FieldError};

/// How many items a list gives without `limit`, and at most.
const LIMIT_DEFAULT: i64 = 20;
const LIMIT_MAX: i64 = 100;

/// A request's body, read whole and within the limit, not yet understood. So a handler can first
/// ask who is there and only then say what is wrong with what they wrote.
#[derive(Debug)]
pub struct Body {
    is_json: bool,
    query: String,
    bytes: Bytes,
}

/// The body as it is: what comes compressed or otherwise encoded is not unpacked.
fn is_plain(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_ENCODING).is_none_or(|coding| coding.as_bytes() == b"identity")
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = kind.is_some_and(is_json) && is_plain(request.headers());
        let query = request.uri().query().unwrap_or_default().to_owned();
        let bytes = Bytes::from_request(request, state).await;
        Ok(Self {
            is_json,
            query,
            bytes: bytes.map_err(|rejection| Problem::of_status(rejection.status()))?,
        })
    }
}

impl Body {
    /// The body as the fields of a JSON object. What stands in the query string beside it is known
    /// to nobody.
    pub fn json(&self) -> Result<Fields, Problem> {
        if !self.is_json {
            return Err(Problem::unsupported_media_type());
        }
        let mut fields = Fields::json(&self.bytes)?;
        let mut query = Fields::query(&self.query);
        query.note_unknown();
        fields.errors.append(&mut query.errors);
        Ok(fields)
    }

    /// The bytes as they came, for the fingerprint that goes with an `Idempotency-Key`.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// `application/json`, with no character set or with the only one JSON has (RFC 8259 §8.1).
fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(|part| part.trim().to_ascii_lowercase());
    let json = parts.next().is_some_and(|kind| kind == "application/json");
    json && parts.all(|part| {
        part.strip_prefix("charset=").is_none_or(|set| set.trim_matches('"') == "utf-8")
    })
}

/// The query string's fields.
#[derive(Debug)]
pub struct Query(pub Fields);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(Fields::query(parts.uri.query().unwrap_or_default())))
    }
}

/// The variable segments of the path. What cannot be read names nothing, so it is not found.
#[derive(Debug)]
pub struct Segments<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path: Result<Path<T>, PathRejection> = Path::from_request_parts(parts, state).await;
        path.map(|Path(value)| Self(value)).map_err(|_| Problem::not_found())
    }
}

/// Named values, each taken once, and what was wrong with them.
#[derive(Debug, Default)]
pub struct Fields {
    is_query: bool,
    prefix: String,
    values: BTreeMap<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// Reads a JSON object. Duplicate names, lone surrogates, invalid UTF-8, more than 127 levels
    /// and anything after the object are `malformed_json`.
    pub fn json(bytes: &[u8]) -> Result<Self, Problem> {
        match strict_json::parse(bytes) {
            Ok(Value::Object(values)) => {
                Ok(Self { values: values.into_iter().collect(), ..Self::default() })
            }
            Ok(_) => Err(Problem::malformed_json("The body must be a JSON object.")),
            Err(error) => Err(Problem::malformed_json(format!("The body is not JSON: {error}."))),
        }
    }

    /// Reads a query string. An empty value is as good as none: forms send all their fields.
    pub fn query(query: &str) -> Self {
        let mut fields = Self { is_query: true, ..Self::default() };
        for pair in pairs(query) {
            match pair {
                (Some(name), Some(value)) => fields.add(name, value),
                (name, _) => {
                    let name = name.unwrap_or_else(|| "query".to_owned());
                    fields.wrong(&name, FieldCode::Malformed, "This is not UTF-8.");
                }
            }
        }
        fields
    }

    fn add(&mut self, name: String, value: String) {
        match self.values.entry(name) {
            Entry::Vacant(place) if value.is_empty() => drop(place.insert(Value::Null)),
            Entry::Vacant(place) => drop(place.insert(Value::String(value))),
            Entry::Occupied(place) => {
                let name = place.key().clone();
                self.wrong(&name, FieldCode::Malformed, "This may be given only once.");
            }
        }
    }

    /// Notes that `name` is wrong, for rules that take more than one field.
    pub fn wrong(&mut self, name: &str, code: FieldCode, message: &str) {
        self.errors.push(FieldError::new(format!("{}{name}", self.prefix), code, message));
    }

    /// The value of `name`, if it is there and not null.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.values.remove(name).filter(|value| !value.is_null())
    }

    fn keep<T>(&mut self, result: Result<T, FieldError>) -> Option<T> {
        result.map_err(|error| self.errors.push(error)).ok()
    }

    fn missing(&mut self, name: &str) {
        self.wrong(name, FieldCode::Required, "This field is required.");
    }

    /// The text of `name`; `None` if it is absent, null or (then noted) no text.
    pub fn optional_string(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            _ => {
                self.wrong(name, FieldCode::Malformed, "This must be a text.");
                None
            }
        }
    }

    /// The text of `name`, unchecked but for being there. Empty if it is not.
    pub fn string(&mut self, name: &str) -> String {
        self.required(name, |_, text| Ok(text.to_owned())).unwrap_or_default()
    }

    /// `name` read by `parse`, which gets the field's full name and its text. `None` comes with
    /// an error that [`Self::finish`] tells.
    pub fn required<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str, &str) -> Result<T, FieldError>,
    ) -> Option<T> {
        let noted = self.errors.len();
        let value = self.optional(name, parse);
        if value.is_none() && self.errors.len() == noted {
            self.missing(name);
        }
        value
    }

    /// As [`Self::required`], but `None` without an error when it is absent or null.
    pub fn optional<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str, &str) -> Result<T, FieldError>,
    ) -> Option<T> {
        let text = self.optional_string(name)?;
        let result = parse(&format!("{}{name}", self.prefix), &text);
        self.keep(result)
    }

    /// Text of several lines that must be there, see [`text::parse`].
    pub fn text(&mut self, name: &str, length: RangeInclusive<usize>) -> String {
        self.required(name, |name, typed| text::parse(name, typed, length)).unwrap_or_default()
    }

    /// Text of several lines that may be left out.
    pub fn optional_text(&mut self, name: &str, length: RangeInclusive<usize>) -> Option<String> {
        self.optional(name, |name, typed| text::parse(name, typed, length))
    }

    /// A single line that must be there, see [`text::parse_line`].
    pub fn line(&mut self, name: &str, length: RangeInclusive<usize>) -> String {
        self.required(name, |name, typed| text::parse_line(name, typed, length)).unwrap_or_default()
    }

    /// A single line that may be left out.
    pub fn optional_line(&mut self, name: &str, length: RangeInclusive<usize>) -> Option<String> {
        self.optional(name, |name, typed| text::parse_line(name, typed, length))
    }

    /// One of a closed list of words that must be there.
    pub fn word<T: Copy>(
        &mut self,
        name: &str,
        all: &[T],
        as_str: impl Fn(T) -> &'static str,
    ) -> Option<T> {
        self.required(name, |name, word| find(name, word, all, as_str))
    }

    /// One of a closed list of words that may be left out.
    pub fn optional_word<T: Copy>(
        &mut self,
        name: &str,
        all: &[T],
        as_str: impl Fn(T) -> &'static str,
    ) -> Option<T> {
        self.optional(name, |name, word| find(name, word, all, as_str))
    }

    /// A list of words of a closed list, each once; `None` if it is absent or null.
    pub fn optional_words<T: Copy + PartialEq>(
        &mut self,
        name: &str,
        all: &[T],
        as_str: impl Fn(T) -> &'static str,
    ) -> Option<Vec<T>> {
        let full = format!("{}{name}", self.prefix);
        let Value::Array(items) = self.take(name)? else {
            return self.keep(Err(no_list(&full)));
        };
        let mut words = Vec::new();
        for item in items {
            let word = item.as_str().ok_or_else(|| no_list(&full));
            let word = self.keep(word.and_then(|word| find(&full, word, all, &as_str)))?;
            if !words.contains(&word) {
                words.push(word);
            }
        }
        Some(words)
    }

    /// True or false; `otherwise` when it is absent or null.
    pub fn boolean(&mut self, name: &str, otherwise: bool) -> bool {
        self.optional_boolean(name).unwrap_or(otherwise)
    }

    /// True or false; `None` when it is absent, null or (then noted) neither.
    pub fn optional_boolean(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(yes) => Some(yes),
            // A query string has no booleans, only their names.
            Value::String(text) if self.is_query && text == "true" => Some(true),
            Value::String(text) if self.is_query && text == "false" => Some(false),
            _ => {
                self.wrong(name, FieldCode::Malformed, "This must be true or false.");
                None
            }
        }
    }

    /// As [`Self::optional`], telling apart what is absent (`None`), null (`Some(None)`) and a
    /// value.
    pub fn nullable<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str, &str) -> Result<T, FieldError>,
    ) -> Option<Option<T>> {
        match self.values.get(name)? {
            Value::Null => {
                self.values.remove(name);
                Some(None)
            }
            _ => self.optional(name, parse).map(Some),
        }
    }

    /// Refuses null for `names`: in a change, what is left out stays, and null would leave the
    /// sender in the belief that something was taken away.
    pub fn refuse_null(&mut self, names: &[&str]) {
        for name in names {
            if self.values.get(*name).is_some_and(Value::is_null) {
                self.values.remove(*name);
                let message = "This cannot be null. Leave it out to keep what is there.";
                self.wrong(name, FieldCode::Malformed, message);
            }
        }
    }

    /// How many items a list shall give: `limit`, 1–100, 20 without it.
    pub fn limit(&mut self) -> i64 {
        let number = match self.take("limit") {
            None => return LIMIT_DEFAULT,
            Some(Value::String(text)) => text.parse().ok(),
            Some(value) => value.as_i64(),
        };
        number.filter(|number| (1..=LIMIT_MAX).contains(number)).unwrap_or_else(|| {
            let message = format!("This must be a whole number from 1 to {LIMIT_MAX}.");
            self.wrong("limit", FieldCode::Malformed, &message);
            LIMIT_DEFAULT
        })
    }

    /// The fields of a nested object that must be there; its fields are called `name.field`.
    pub fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let prefix = format!("{}{name}.", self.prefix);
        let values = match self.take(name) {
            Some(Value::Object(values)) => values,
            other => {
                match other {
                    None => self.missing(name),
                    Some(_) => self.wrong(name, FieldCode::Malformed, "This must be an object."),
                }
                return read(&mut Self { prefix, ..Self::default() });
            }
        };
        let mut inner = Self { prefix, values: values.into_iter().collect(), ..Self::default() };
        let value = read(&mut inner);
        inner.note_unknown();
        self.errors.append(&mut inner.errors);
        value
    }

    /// What nobody took is not known here.
    fn note_unknown(&mut self) {
        for name in std::mem::take(&mut self.values).into_keys() {
            self.wrong(&name, FieldCode::UnknownField, "This field is not known here.");
        }
    }

    /// All errors, if there are any.
    pub fn finish(mut self) -> Result<(), Error> {
        self.note_unknown();
        if self.errors.is_empty() { Ok(()) } else { Err(Error::Invalid(self.errors)) }
    }

    /// As [`Self::finish`], then what `make` puts together from required fields, of which none is
    /// `None` when there was no error.
    pub fn finish_with<T>(self, make: impl FnOnce() -> Option<T>) -> Result<T, Error> {
        self.finish()?;
        make().ok_or_else(|| Error::Invalid(Vec::new()))
    }
}

/// The value that `word` stands for.
fn find<T: Copy>(
    name: &str,
    word: &str,
    all: &[T],
    as_str: impl Fn(T) -> &'static str,
) -> Result<T, FieldError> {
    all.iter().copied().find(|it| as_str(*it) == word).ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|it| as_str(*it)).collect();
        let message = format!("This must be one of: {}.", known.join(", "));
        FieldError::new(name, FieldCode::UnknownValue, message)
    })
}

fn no_list(name: &str) -> FieldError {
    FieldError::new(name, FieldCode::Malformed, "This must be a list of texts.")
}

/// The names and values of a query string or form, in order; `None` for what is not UTF-8.
pub fn pairs(text: &str) -> impl Iterator<Item = (Option<String>, Option<String>)> {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

/// Undoes the encoding of `application/x-www-form-urlencoded`; `None` if that is not UTF-8.
fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    Some(percent_decode(spaced.as_bytes()).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests;
