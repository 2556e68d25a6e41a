//! A customer types the code from their mail into the page that asked.

use super::json::TokenJson;
use super::openapi::bodies::CodeRequest;
use super::openapi::{CodeRefused, RateLimited};
use crate::domain::codes::{self, Outcome};
use crate::error::{Error, FieldCode, FieldError};
use crate::web::ctx::Ctx;
use crate::web::input::Body;
use crate::web::reply::{self, Reply};

/// Longest request id that is looked at, in characters.
const REQUEST_ID_MAX: usize = 64;

/// Redeems the code from the mail for a token.
#[utoipa::path(
    post, path = "/api/v1/portal/codes", tag = "Portal", operation_id = "redeemCode",
    request_body = CodeRequest,
    responses(
        (status = 200, description = "The token of a new link.", body = TokenJson),
        CodeRefused, RateLimited,
    ),
    security(()),
)]
pub async fn redeem(ctx: Ctx, body: Body) -> Reply {
    let mut fields = body.json()?;
    let request_id = fields.required("request_id", request_id);
    let code = fields.required("code", six_digits);
    let (request_id, code) = fields.finish_with(|| request_id.zip(code))?;
    let (key, now) = (ctx.app.key, ctx.now);
    let network = ctx.network.clone();
    let outcome = ctx
        .app
        .decide(move |tx, rules| {
            codes::redeem(tx, rules, &key, (&request_id, &code), network.as_bytes(), now)
        })
        .await?;
    match outcome {
        Outcome::Opened(token, expires_at) => {
            reply::ok(&TokenJson { token: token.reveal(), expires_at: expires_at.rfc3339() })
        }
        Outcome::Refused => Err(Error::CodeInvalid.into()),
    }
}

fn request_id(field: &str, typed: &str) -> Result<String, FieldError> {
    if (1..=REQUEST_ID_MAX).contains(&typed.chars().count()) {
        return Ok(typed.to_owned());
    }
    let message = "This must be the request_id of the answer to the request for a link.";
    Err(FieldError::new(field, FieldCode::Malformed, message))
}

/// People type the digits in groups.
fn six_digits(field: &str, typed: &str) -> Result<String, FieldError> {
    let digits: String = typed.chars().filter(|letter| !letter.is_whitespace()).collect();
    if digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(digits);
    }
    Err(FieldError::new(field, FieldCode::Malformed, "The code has six digits."))
}
