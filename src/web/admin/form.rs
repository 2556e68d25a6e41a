//! What was typed into a form of the desk: read strictly, and kept, so that the page can show it
//! again with what is wrong beside each field.
//!
//! ```ignore
//! let mut fields = form.fields();
//! let name = fields.line("name", text::REQUIRED_NAME);
//! match fields.finish() {
//!     Ok(()) => …,
//!     Err(error) => page(&form.refused(error)?),
//! }
//! ```

use std::collections::BTreeMap;

use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::error::{Error, FieldCode, FieldError};
use crate::web::input::{self, Body, Fields};
use crate::web::problem::Problem;
use crate::web::reply::Reply;

/// The body of a form, `application/x-www-form-urlencoded`.
#[derive(Debug)]
pub struct Form {
    text: String,
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_form = is_form(request.headers());
        let body = Body::from_request(request, state).await?;
        // A button alone sends no field, and some browsers no type then.
        if !is_form && !body.bytes().is_empty() {
            return Err(Problem::unsupported_form());
        }
        let text =
            String::from_utf8(body.bytes().to_vec()).map_err(|_| Problem::malformed_form())?;
        Ok(Self { text })
    }
}

/// Whether a form of fields was sent, and no file.
pub fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// The names and values of a form, as they were sent; `None` if it is no form that can be read.
pub fn pairs(headers: &HeaderMap, body: &[u8]) -> Option<Vec<(String, String)>> {
    let text = std::str::from_utf8(body).ok()?;
    if !text.is_empty() && !is_form(headers) {
        return None;
    }
    input::pairs(text).map(|(name, value)| Some((name?, value?))).collect()
}

impl Form {
    /// Its fields, each to be taken once. An empty one is as good as none.
    pub fn fields(&self) -> Fields {
        Fields::query(&self.text)
    }

    /// What was sent under a name that may come several times, in order; and the rest of the form.
    pub fn several(&self, name: &str) -> (Vec<String>, Self) {
        let is_named = |pair: &&str| pair.split('=').next() == Some(name);
        let (named, rest): (Vec<&str>, Vec<&str>) =
            self.text.split('&').partition(|pair| is_named(pair));
        let values = input::pairs(&named.join("&")).filter_map(|(_, value)| value).collect();
        (values, Self { text: rest.join("&") })
    }

    /// The form as it was sent, to tell one request from another.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The form as it was sent, with what is wrong with it.
    ///
    /// # Errors
    /// `error` itself if it is not about fields, or about one that no page of ours has.
    pub fn refused(&self, error: Error) -> Result<Filled, Problem> {
        match error {
            Error::Invalid(problems) if problems.iter().all(|it| !is_foreign(it)) => {
                Ok(Filled { problems, ..self.typed() })
            }
            other => Err(other.into()),
        }
    }

    /// The form as it was sent, with nothing wrong.
    pub fn typed(&self) -> Filled {
        let sent = input::pairs(&self.text);
        let values = sent.filter_map(|(name, value)| Some((name?, value?))).collect();
        Filled { values, problems: Vec::new() }
    }
}

fn is_foreign(problem: &FieldError) -> bool {
    problem.code == FieldCode::UnknownField
}

/// What stands in the fields of a form when its page is shown: nothing, what is there already, or
/// what was typed and refused.
#[derive(Clone, Debug, Default)]
pub struct Filled {
    values: BTreeMap<String, String>,
    problems: Vec<FieldError>,
}

impl Filled {
    /// A form that shows what is there already.
    pub fn with<const N: usize>(values: [(&str, &str); N]) -> Self {
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { values: values.into(), problems: Vec::new() }
    }

    /// What the address of a page asks for, and what is wrong with it.
    pub fn of_query(query: &str, problems: Vec<FieldError>) -> Self {
        let mut values = BTreeMap::new();
        for (name, value) in input::pairs(query).filter_map(|(name, it)| Some((name?, it?))) {
            values.entry(name).or_insert(value);
        }
        Self { values, problems }
    }

    /// The same with another value in this field.
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.values.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same with more that is wrong.
    pub fn but(mut self, problems: Vec<FieldError>) -> Self {
        self.problems.extend(problems);
        self
    }

    /// What was sent in this field, if it was sent.
    pub fn sent(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// What stands in this field; nothing if it was never filled.
    pub fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// Whether this choice of the field is the one that was made.
    pub fn is(&self, name: &str, choice: &str) -> bool {
        self.value(name) == choice
    }

    /// What is wrong with this field; nothing if it is fine.
    pub fn problem(&self, name: &str) -> &str {
        let found = self.problems.iter().find(|problem| problem.field == name);
        found.map_or("", |problem| &problem.message)
    }

    /// Everything that is wrong, in the order in which it was found.
    pub fn problems(&self) -> &[FieldError] {
        &self.problems
    }

    /// Whether anything is wrong.
    pub fn is_refused(&self) -> bool {
        !self.problems.is_empty()
    }

    /// The page that shows it; one that was refused says so in its status, 422.
    pub fn answer(&self, mut page: Response) -> Reply {
        if self.is_refused() {
            *page.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        }
        Ok(page)
    }
}
