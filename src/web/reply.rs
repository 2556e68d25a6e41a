//! What handlers answer with. The only map from [`Error`] to a status.

use std::time::Duration;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::{Code, Problem};
use crate::error::Error;

/// What a handler returns.
pub type Reply = Result<Response, Problem>;

/// When it is worth asking a busy database again.
const BUSY_RETRY: Duration = Duration::from_secs(2);

/// The kind of what programs are answered.
pub const JSON: &str = "application/json";

/// `value` as JSON.
pub fn written(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(|error| Problem::internal().because(error))
}

/// `status` and `value` as JSON.
pub fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    let body = written(value)?;
    let kind = HeaderValue::from_static(JSON);
    Ok((status, [(header::CONTENT_TYPE, kind)], body).into_response())
}

/// 200 and `value`.
pub fn ok(value: &impl Serialize) -> Reply {
    json(StatusCode::OK, value)
}

/// 201, `value` and the path where it can be found again.
pub fn created(location: &str, value: &impl Serialize) -> Reply {
    let location =
        HeaderValue::from_str(location).map_err(|error| Problem::internal().because(error))?;
    let mut response = json(StatusCode::CREATED, value)?;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

/// 200 and a page, or a part of one.
pub fn page(template: &impl Template) -> Reply {
    let html = template.render().map_err(|error| Problem::internal().because(error))?;
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], html).into_response())
}

/// 204.
pub fn no_content() -> Reply {
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = sentence(&error);
        match error {
            Error::Invalid(errors) => {
                let problem = Self::new(Code::Invalid, detail);
                Self { errors, ..problem }
            }
            Error::NotFound => Self::not_found(),
            Error::LinkExpired => Self::new(Code::LinkExpired, detail),
            Error::LinkInvalid => Self::new(Code::LinkInvalid, detail),
            Error::CodeInvalid => Self::new(Code::CodeInvalid, detail),
            Error::KeyInvalid => Self::new(Code::KeyInvalid, detail),
            Error::Forbidden => Self::new(Code::Forbidden, detail),
            Error::TicketClosed => Self::new(Code::TicketClosed, detail),
            Error::TransitionRefused { .. } => Self::new(Code::TransitionRefused, detail),
            Error::IdempotencyMismatch => Self::new(Code::IdempotencyMismatch, detail),
            Error::RateLimited { retry_after } => {
                let problem = Self::new(Code::RateLimited, detail);
                Self { retry_after: Some(retry_after), ..problem }
            }
            Error::Db(error) if error.is_temporary() => {
                Self::unavailable(BUSY_RETRY).because(error)
            }
            Error::Db(error) => Self::internal().because(error),
        }
    }
}

/// The error's words as a sentence. Fields speak for themselves, in `errors`.
fn sentence(error: &Error) -> String {
    if matches!(error, Error::Invalid(_)) {
        return "Some fields need another look.".to_owned();
    }
    let words = error.to_string();
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}
