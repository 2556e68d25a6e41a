//! What is changed about a customer: their details by anybody, whether they may come in by admins.

use super::customer::{Shown, page};
use super::customers::LIST;
use super::desk::{AdminDesk, Desk, go};
use super::form::Form;
use crate::domain::Tx;
use crate::domain::customer_desk;
use crate::domain::customers::{self, CustomerChange};
use crate::domain::text;
use crate::domain::tickets::Outcome;
use crate::error::{Error, FieldError};
use crate::web::input::{Fields, Segments};
use crate::web::reply::Reply;

/// Changes name, telephone number, company and notes.
pub(super) async fn details(desk: Desk, Segments(id): Segments<i64>, form: Form) -> Reply {
    let (change, seen) = match read(form.fields()) {
        Ok(read) => read,
        Err(error) => {
            let details = Some(form.refused(error)?);
            return page(&desk, id, Shown { details, ..Shown::default() }).await;
        }
    };
    let (actor, now) = (desk.actor(), desk.now);
    let work =
        move |tx: &mut Tx<'_>| customer_desk::change_seen(tx, &actor, id, &change, &seen, now);
    match desk.app.db.write(work).await {
        Ok(Outcome::Done) => go(&format!("{LIST}/{id}?said=saved")),
        Ok(Outcome::ChangedMeanwhile) => {
            let details = Some(form.typed());
            page(&desk, id, Shown { details, changed: true, ..Shown::default() }).await
        }
        Err(error) => refused(&desk, id, error).await,
    }
}

fn read(mut fields: Fields) -> Result<(CustomerChange, String), Error> {
    let mut line = |name, length| Some(fields.optional_line(name, length).unwrap_or_default());
    let change = CustomerChange {
        name: line("name", text::NAME),
        phone: line("phone", text::PHONE),
        company: line("company", text::NAME),
        notes: Some(fields.optional_text("notes", text::CUSTOMER_NOTES).unwrap_or_default()),
        active: None,
    };
    let seen = fields.string("seen");
    fields.finish()?;
    Ok((change, seen))
}

/// Lets a customer in, or keeps them out.
pub(super) async fn active(desk: AdminDesk, Segments(id): Segments<i64>, form: Form) -> Reply {
    let mut fields = form.fields();
    let active = fields.optional_boolean("active");
    if active.is_none() {
        fields.string("active");
    }
    let active = fields.finish_with(|| active)?;
    let change = CustomerChange { active: Some(active), ..CustomerChange::default() };
    let (actor, now) = (desk.actor(), desk.now);
    let work = move |tx: &mut Tx<'_>| customers::change(tx, &actor, id, change.clone(), now);
    match desk.app.db.write(work).await {
        Ok(_) => go(&format!("{LIST}/{id}?said={}", if active { "active" } else { "inactive" })),
        Err(error) => refused(&desk, id, error).await,
    }
}

/// The page, with why nothing was done.
pub(super) async fn refused(desk: &Desk, id: i64, error: Error) -> Reply {
    let Error::Invalid(problems) = error else { return Err(error.into()) };
    let why = |problem: FieldError| problem.message;
    let refused = problems.into_iter().next().map(why);
    page(desk, id, Shown { refused, ..Shown::default() }).await
}
