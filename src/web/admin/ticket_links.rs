//! Portal links from a ticket's page: one to copy, or one that is mailed.

use super::desk::{Desk, go};
use super::form::Form;
use super::ticket::{Shown, named, page};
use crate::domain::links::{self, Reason};
use crate::domain::tickets;
use crate::domain::{Rules, Tx};
use crate::error::{Error, FieldError};
use crate::ids::Reference;
use crate::web::input::Segments;
use crate::web::reply::Reply;

/// What is to become of the link.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Copy,
    Send,
}

impl Use {
    pub(super) const ALL: [Self; 2] = [Self::Copy, Self::Send];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Send => "send",
        }
    }
}

/// Makes a link to the ticket for its customer, and shows it once or has it mailed.
pub(super) async fn issue(desk: Desk, Segments(text): Segments<String>, form: Form) -> Reply {
    let reference = named(&text)?;
    let mut fields = form.fields();
    let what = fields.word("do", &Use::ALL, Use::as_str);
    let what = fields.finish_with(|| what)?;
    let link = match what {
        Use::Copy => copy(&desk, &reference).await.map(Some),
        Use::Send => send(&desk, &reference).await.map(|()| None),
    };
    let refused =
        |problem: FieldError| Shown { refused: Some(problem.message), ..Shown::default() };
    match link {
        // Shown this once, so it cannot be a page to be sent to.
        Ok(Some(link)) => {
            page(&desk, &reference, Shown { link: Some(link), ..Shown::default() }).await
        }
        Ok(None) => go(&format!("/admin/tickets/{reference}?said=link_sent")),
        Err(Error::Invalid(problems)) => {
            let shown = problems.into_iter().next().map(refused).unwrap_or_default();
            page(&desk, &reference, shown).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn copy(desk: &Desk, reference: &Reference) -> Result<String, Error> {
    let (actor, now) = (desk.actor(), desk.now);
    let wanted = reference.clone();
    let work = move |tx: &mut Tx<'_>, rules: &Rules| {
        let customer_id = tickets::find(tx, &actor, &wanted)?.customer.id;
        links::issue_by_hand(tx, rules, &actor, (customer_id, Some(&wanted)), Reason::Staff, now)
    };
    let (_, token) = desk.app.decide(work).await?;
    let public_url = desk.app.config.server.public_url.as_str();
    Ok(links::url(public_url, Some(reference), &token))
}

async fn send(desk: &Desk, reference: &Reference) -> Result<(), Error> {
    let (actor, wanted, now) = (desk.actor(), reference.clone(), desk.now);
    desk.app.db.write(move |tx| links::send_by_hand(tx, &actor, &wanted, now)).await
}
