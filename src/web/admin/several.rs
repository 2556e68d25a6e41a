//! `/admin/tickets/several`: several tickets of the list change at once, and back.

use std::collections::HashMap;

use axum::Router;
use axum::routing::get;

use super::desk::{Desk, go};
use super::form::Form;
use super::ticket_query::{Asked, LIST};
use super::tickets::{self, News, Told};
use crate::domain::email::Email;
use crate::domain::tickets::{Became, Change, Priority, Seen, Status, Was, change_one, put_back};
use crate::error::{Error, FieldError};
use crate::ids::Reference;
use crate::web::ctx::Shared;
use crate::web::problem::Problem;
use crate::web::reply::Reply;

/// More than a page ever shows.
const MOST: usize = 100;

/// Their addresses.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/admin/tickets/several", get(list).post(apply))
        .route("/admin/tickets/several/undo", get(list).post(undo))
}

/// Somebody asks again for what only a form leads to.
async fn list() -> Reply {
    go(LIST)
}

async fn apply(desk: Desk, form: Form) -> Reply {
    let (chosen, form) = form.several("ticket");
    let (seen, form) = form.several("seen");
    let mut fields = form.fields();
    let list = fields.optional_string("list").unwrap_or_default();
    let assignee = fields.optional("assignee", |name, typed| match typed {
        "nobody" => Ok(None),
        address => Email::parse(name, address).map(Some),
    });
    let change = Change {
        status: fields.optional_word("status", &Status::ALL, Status::as_str),
        priority: fields.optional_word("priority", &Priority::ALL, Priority::as_str),
        assignee,
        notify: fields.boolean("notify", false),
        ..Change::default()
    };
    fields.finish()?;
    let is_nothing =
        change.status.is_none() && change.priority.is_none() && change.assignee.is_none();
    let news = match chosen.len() {
        0 => refused("Choose some tickets first: tick the boxes at the beginning of their rows."),
        _ if is_nothing => refused("Choose what the tickets are to become: below the list."),
        MOST.. => refused("These are too many at once. Choose at most 99."),
        _ => change_all(&desk, &chosen, &shown(&seen), &change).await?,
    };
    show(&desk, &list, news).await
}

/// What the list had shown of its tickets: `TKT-7K3M9Q 12.3`.
fn shown(typed: &[String]) -> HashMap<&str, Seen> {
    let pairs = typed.iter().filter_map(|text| text.split_once(' '));
    pairs.filter_map(|(reference, seen)| Some((reference, Seen::parse(seen)?))).collect()
}

fn refused(words: &str) -> News {
    News { words: words.to_owned(), is_refused: true, ..News::default() }
}

async fn show(desk: &Desk, list: &str, news: News) -> Reply {
    let told = Told { news: Some(news), ..Told::default() };
    tickets::page(desk, Asked::read(list, desk), told).await
}

async fn change_all(
    desk: &Desk,
    chosen: &[String],
    seen: &HashMap<&str, Seen>,
    change: &Change,
) -> Result<News, Problem> {
    let (mut news, mut changed, mut same) = (News::default(), 0, 0);
    for typed in chosen {
        let Some(reference) = Reference::parse(typed) else {
            news.failed.push((typed.clone(), "There is no such ticket.".to_owned()));
            continue;
        };
        let (actor, now) = (desk.actor(), desk.now);
        let (change, seen) = (change.clone(), seen.get(typed.as_str()).copied());
        let work = desk.app.decide(move |tx, rules| {
            change_one(tx, rules, &actor, (&reference, seen), &change, now)
        });
        match work.await {
            Ok(Became::ChangedMeanwhile) => {
                let why = "Somebody changed it meanwhile. The list shows it as it is now; choose it \
                    again if that still fits.";
                news.failed.push((typed.clone(), why.to_owned()));
            }
            Ok(Became::Same) => same += 1,
            Ok(Became::ForGood) => changed += 1,
            Ok(Became::Changed(was)) => {
                changed += 1;
                news.undo.push(was.to_string());
            }
            Err(error) => news.failed.push((typed.clone(), why(error)?)),
        }
    }
    news.words = sentence(&[
        (changed, "changed"),
        (same, if same == 1 { "was so already" } else { "were so already" }),
        (news.failed.len(), "could not be changed"),
    ]);
    Ok(news)
}

async fn undo(desk: Desk, form: Form) -> Reply {
    let (before, form) = form.several("was");
    let mut fields = form.fields();
    let list = fields.optional_string("list").unwrap_or_default();
    fields.finish()?;
    let before: Option<Vec<Was>> = before.iter().take(MOST).map(|was| Was::parse(was)).collect();
    let Some(before) = before.filter(|before| !before.is_empty()) else {
        return Err(Problem::damaged_form());
    };
    let (mut news, mut back) = (News::default(), 0);
    for was in before {
        let name = was.reference.to_string();
        let (actor, now) = (desk.actor(), desk.now);
        let work = desk.app.decide(move |tx, rules| put_back(tx, rules, &actor, &was, now));
        match work.await {
            Ok(true) => back += 1,
            Ok(false) => {
                let why = "Something happened to it since, so it stays as it is.";
                news.failed.push((name, why.to_owned()));
            }
            Err(error) => news.failed.push((name, why(error)?)),
        }
    }
    news.words = sentence(&[(back, "put back"), (news.failed.len(), "could not be put back")]);
    show(&desk, &list, news).await
}

/// Why one ticket was left as it is. A bug stops the rest.
fn why(error: Error) -> Result<String, Problem> {
    if let Error::Invalid(problems) = &error
        && let Some(FieldError { field, message, .. }) = problems.first()
    {
        let is_resolving = field == "status";
        let resolving = "To resolve a ticket takes a text for its customer: do it on its own page.";
        return Ok(if is_resolving { resolving } else { message }.to_owned());
    }
    if matches!(error, Error::NotFound) {
        return Ok("There is no such ticket.".to_owned());
    }
    let problem = Problem::from(error);
    if problem.status.as_u16() == 500 { Err(problem) } else { Ok(problem.detail) }
}

/// `12 tickets changed, 1 could not be changed.`
fn sentence(parts: &[(usize, &str)]) -> String {
    let said = parts.iter().filter(|(count, _)| *count > 0).enumerate();
    let said = said.map(|(at, (count, what))| match (at, count) {
        (0, 1) => format!("1 ticket {what}"),
        (0, _) => format!("{count} tickets {what}"),
        _ => format!("{count} {what}"),
    });
    format!("{}.", said.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_several_is_one_sentence() {
        assert_eq!(
            sentence(&[(12, "changed"), (0, "x"), (1, "could not")]),
            "12 tickets changed, 1 could not."
        );
        assert_eq!(sentence(&[(0, "changed"), (1, "was so already")]), "1 ticket was so already.");
    }
}
