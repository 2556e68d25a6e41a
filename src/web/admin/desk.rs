//! What every handler of the desk starts from: who is signed in, and how they are answered.

use std::ops::Deref;

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::header::LOCATION;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::IntoResponse as _;

use super::frame::{Frame, Told};
use super::visitor::visitor;
use crate::domain::Actor;
use crate::domain::sessions::{SignedIn, Visitor};
use crate::error::Error;
use crate::web::ctx::{Ctx, Shared};
use crate::web::problem::{Code, Problem};
use crate::web::reply::Reply;

/// Somebody of staff at the desk, and their request; it reads as a [`Ctx`].
#[derive(Debug)]
pub struct Desk {
    ctx: Ctx,
    /// Who they are, and their session, as [`super::guard`] found them.
    pub me: SignedIn,
    told: Told,
    path: String,
}

impl Deref for Desk {
    type Target = Ctx;

    fn deref(&self) -> &Ctx {
        &self.ctx
    }
}

impl FromRequestParts<Shared> for Desk {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Problem> {
        let ctx = Ctx::from_request_parts(parts, shared).await?;
        // Nobody comes here without having passed the guard.
        let me = parts.extensions.get::<SignedIn>().cloned().ok_or_else(Problem::internal)?;
        let told = parts.extensions.get::<Told>().copied().ok_or_else(Problem::internal)?;
        Ok(Self { ctx, me, told, path: parts.uri.path().to_owned() })
    }
}

impl Desk {
    /// Them as an actor.
    pub fn actor(&self) -> Actor {
        self.me.actor()
    }

    /// The browser they come with.
    pub fn visitor(&self) -> Visitor {
        visitor(&self.ctx)
    }

    /// What stands around the page.
    pub fn frame(&self) -> Frame<'_> {
        Frame { site: &self.ctx.site, me: &self.me, told: self.told, path: &self.path }
    }
}

/// The same for admins. A technician is told 403, as by the API: that there is such a page is no
/// secret, what stands on it is.
#[derive(Debug)]
pub struct AdminDesk(pub Desk);

impl Deref for AdminDesk {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.0
    }
}

impl FromRequestParts<Shared> for AdminDesk {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Problem> {
        let desk = Desk::from_request_parts(parts, shared).await?;
        if desk.me.is_admin() { Ok(Self(desk)) } else { Err(Error::Forbidden.into()) }
    }
}

/// 303: what was asked is done, and this page shows it (POST, redirect, GET). `path` is a path of
/// ours.
pub fn go(path: &str) -> Reply {
    let path = HeaderValue::from_str(path).map_err(|error| Problem::internal().because(error))?;
    Ok((StatusCode::SEE_OTHER, [(LOCATION, path)]).into_response())
}

/// A problem of the asker's, in the desk's frame.
#[derive(Template)]
#[template(path = "admin/error.html")]
pub struct DeskError<'a> {
    frame: Frame<'a>,
    status: u16,
    heading: &'static str,
    words: &'a str,
}

impl<'a> DeskError<'a> {
    /// The page for `problem`.
    pub fn new(frame: Frame<'a>, problem: &'a Problem) -> Self {
        let (heading, words) = match problem.status.as_u16() {
            403 if problem.code == Code::Forbidden => (
                "This page is for admins",
                "You are signed in as a technician. An admin of your company can do this, or make \
                 you one.",
            ),
            404 => (
                "There is no such page",
                "The address may have a slip in it, or what it names has moved.",
            ),
            405 => {
                ("This cannot be done here", "The page exists, but not for this kind of request.")
            }
            409 => ("That does not work any more", problem.detail.as_str()),
            413 => (
                "This is too much at once",
                "What was sent is larger than we take. Please shorten it.",
            ),
            429 => ("One moment, please", problem.detail.as_str()),
            _ => ("We did not understand this", problem.detail.as_str()),
        };
        Self { frame, status: problem.status.as_u16(), heading, words }
    }
}
