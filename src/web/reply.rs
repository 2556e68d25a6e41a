//! What handlers answer with. The only map from [`Error`] to a status.

use std::time::Duration;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::Problem;
use crate::error::Error;

/// What a handler returns.
pub type Reply = Result<Response, Problem>;

/// When it is worth asking a busy database again.
const BUSY_RETRY: Duration = Duration::from_secs(2);

/// `status` and `value` as JSON.
pub fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    let body = serde_json::to_vec(value).map_err(|error| Problem::internal().because(error))?;
    let kind = HeaderValue::from_static("application/json");
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
                let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail);
                Self { errors, ..problem }
            }
            Error::NotFound => Self::not_found(),
            Error::LinkExpired => Self::new(StatusCode::UNAUTHORIZED, "link_expired", detail),
            Error::LinkInvalid => Self::new(StatusCode::UNAUTHORIZED, "link_invalid", detail),
            Error::CodeInvalid => Self::new(StatusCode::UNAUTHORIZED, "code_invalid", detail),
            Error::KeyInvalid => Self::new(StatusCode::UNAUTHORIZED, "key_invalid", detail),
            Error::Forbidden => Self::new(StatusCode::FORBIDDEN, "forbidden", detail),
            Error::TicketClosed => Self::new(StatusCode::CONFLICT, "ticket_closed", detail),
            Error::TransitionRefused { .. } => {
                Self::new(StatusCode::CONFLICT, "transition_refused", detail)
            }
            Error::IdempotencyMismatch => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_mismatch", detail)
            }
            Error::RateLimited { retry_after } => {
                let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail);
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
