//! `/admin/help`: how the desk works, for the people who work at it.

use askama::Template;
use axum::Router;
use axum::routing::get;

use super::desk::Desk;
use super::frame::Frame;
use crate::domain::{Rules, links};
use crate::web::ctx::Shared;
use crate::web::input::Segments;
use crate::web::problem::Problem;
use crate::web::reply::{self, Reply};

/// Their addresses.
pub fn routes() -> Router<Shared> {
    Router::new().route("/admin/help", get(index)).route("/admin/help/{topic}", get(show))
}

/// What a page of the help is about.
struct Topic {
    /// Its word in the address.
    word: &'static str,
    title: &'static str,
    about: &'static str,
}

/// All of them, in the order in which somebody new reads them.
const TOPICS: [Topic; 5] = [
    Topic {
        word: "portal",
        title: "The customers’ portal",
        about: "What your customers see, how their links work, and what to say on the phone.",
    },
    Topic {
        word: "tickets",
        title: "Tickets",
        about: "Finding them, writing on them, resolving them, and working with others.",
    },
    Topic {
        word: "customers",
        title: "Customers",
        about: "Who they are, their links and their mails.",
    },
    Topic {
        word: "mails",
        title: "Mails",
        about: "Which mails there are, how far each is, and what to do when one fails.",
    },
    Topic {
        word: "settings",
        title: "Settings",
        about: "What you set for yourself, what an admin sets for the company, and what an operator.",
    },
];

async fn index(desk: Desk) -> Reply {
    reply::page(&Index { frame: desk.frame() })
}

async fn show(desk: Desk, Segments(word): Segments<String>) -> Reply {
    let topic = TOPICS.iter().find(|topic| topic.word == word).ok_or_else(Problem::not_found)?;
    let rules = desk.rules();
    let valid_for = links::in_words_of_time(rules.link_ttl);
    reply::page(&Page { frame: desk.frame(), topic, rules, valid_for })
}

/// All topics.
#[derive(Template)]
#[template(path = "admin/help/index.html")]
struct Index<'a> {
    frame: Frame<'a>,
}

/// One of them.
#[derive(Template)]
#[template(path = "admin/help/topic.html")]
struct Page<'a> {
    frame: Frame<'a>,
    topic: &'a Topic,
    rules: &'a Rules,
    valid_for: String,
}
