//! `/admin/tickets/{reference}`: one ticket, and everything that staff do with it.

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};

use super::desk::Desk;
use super::form::Filled;
use super::frame::Frame;
use super::{ticket_forms, ticket_links};
use crate::domain::entries::{By, Entry, Kind, Visibility};
use crate::domain::outbox::{MailState, TicketMail};
use crate::domain::tickets::{self, Person, Priority, Seen, Status, Ticket};
use crate::domain::{Tx, presence};
use crate::error::Error;
use crate::ids::Reference;
use crate::web::ctx::Shared;
use crate::web::input::{Query, Segments};
use crate::web::problem::Problem;
use crate::web::reply::{self, Reply};
use crate::web::site::{initials, plain_direction, prose, time};
use crate::web::streams;

/// Its addresses.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/admin/tickets/{reference}", get(show))
        .route("/admin/tickets/{reference}/notes", post(ticket_forms::note))
        .route("/admin/tickets/{reference}/details", post(ticket_forms::details))
        .route("/admin/tickets/{reference}/status", post(ticket_forms::status))
        .route("/admin/tickets/{reference}/resolution", post(ticket_forms::resolution))
        .route("/admin/tickets/{reference}/links", post(ticket_links::issue))
}

async fn show(desk: Desk, Segments(text): Segments<String>, Query(mut fields): Query) -> Reply {
    let reference = named(&text)?;
    // An address that somebody cut off shows the newest entries.
    let before = fields.optional_string("before").filter(|cursor| tickets::is_earlier(cursor));
    let said = fields.optional_string("said").and_then(|word| match word.as_str() {
        "link_sent" => Some("A new link is on its way to the customer."),
        "no_mail" => Some("No mail was sent: this customer is inactive."),
        "moved" => Some("The ticket was moved to this customer."),
        _ => None,
    });
    page(&desk, &reference, Shown { before, said, ..Shown::default() }).await
}

/// The ticket a path names. What can be no reference is not found.
pub(super) fn named(segment: &str) -> Result<Reference, Problem> {
    Reference::parse(segment).ok_or_else(Problem::not_found)
}

/// What the page shows beside the ticket: forms as they were typed, and why they were not taken.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Where the timeline ends.
    pub(super) before: Option<String>,
    /// The note.
    pub(super) note: Filled,
    /// Subject, priority, category and assignee; as they are if nothing was refused.
    pub(super) details: Option<Filled>,
    /// The resolution.
    pub(super) resolution: Filled,
    /// What the page had shown on which the form was written, if the ticket is another now.
    pub(super) changed_since: Option<Seen>,
    /// Why what was asked for cannot be.
    pub(super) refused: Option<String>,
    /// A link that was just made: shown this once.
    pub(super) link: Option<String>,
    /// A sentence about what was done.
    pub(super) said: Option<&'static str>,
}

/// The page with `shown` in it.
pub(super) async fn page(desk: &Desk, reference: &Reference, shown: Shown) -> Reply {
    let (actor, wanted, before) = (desk.actor(), reference.clone(), shown.before.clone());
    let now = desk.now;
    let work = move |tx: &mut Tx<'_>| {
        let found = tickets::work(tx, &actor, &wanted, before.as_deref())?;
        let present = presence::at_ticket(tx, found.ticket.id, now)?;
        Ok::<_, Error>((found, present))
    };
    let (found, present) = desk.app.db.read(work).await?;
    let refused = shown.note.is_refused()
        || shown.resolution.is_refused()
        || shown.details.as_ref().is_some_and(Filled::is_refused);
    let status = match &shown {
        Shown { changed_since: Some(_), .. } | Shown { refused: Some(_), .. } => {
            StatusCode::CONFLICT
        }
        _ if refused => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::OK,
    };
    let as_it_is = as_it_is(&found.ticket);
    let details =
        shown.details.as_ref().map_or_else(|| as_it_is.clone(), |form| over(form, &as_it_is));
    let (frame, categories) = (desk.frame(), &desk.rules().categories);
    let others = streams::others(&present, desk.me.staff.id)?;
    let (it, details, shown) = (&found, &details, &shown);
    let view = TicketPage { frame, categories, it, as_it_is, details, shown, others };
    let mut response = reply::page(&view)?;
    *response.status_mut() = status;
    Ok(response)
}

/// A field of the details, with where its form says what the page had shown in it.
pub(super) struct Detail {
    pub(super) name: &'static str,
    pub(super) was: &'static str,
    label: &'static str,
}

impl Detail {
    /// Whether somebody put something else there. A form that does not tell is taken by its word.
    pub(super) fn is_touched(&self, form: &Filled) -> bool {
        form.sent(self.was).is_none_or(|was| was != form.value(self.name))
    }
}

/// The fields of the details.
pub(super) const DETAILS: [Detail; 4] = [
    Detail { name: "assignee", was: "was_assignee", label: "Assigned to" },
    Detail { name: "priority", was: "was_priority", label: "Priority" },
    Detail { name: "category", was: "was_category", label: "Category" },
    Detail { name: "subject", was: "was_subject", label: "Subject" },
];

/// What was typed, over the details as they are now.
fn over(form: &Filled, now: &Filled) -> Filled {
    let mut over = form.clone();
    for detail in DETAILS.iter().filter(|detail| !detail.is_touched(form)) {
        over = over.and(detail.name, now.value(detail.name));
    }
    over
}

fn as_it_is(ticket: &Ticket) -> Filled {
    Filled::with([
        ("subject", &ticket.subject),
        ("priority", ticket.priority.as_str()),
        ("category", ticket.category.as_deref().unwrap_or_default()),
        ("assignee", ticket.assignee.as_ref().map_or("", |person| person.email.as_str())),
    ])
}

/// The page.
#[derive(Template)]
#[template(path = "admin/ticket.html")]
struct TicketPage<'a> {
    frame: Frame<'a>,
    categories: &'a [String],
    it: &'a tickets::Work,
    /// The details of the ticket.
    as_it_is: Filled,
    /// What their form shows.
    details: &'a Filled,
    shown: &'a Shown,
    /// Who else has the ticket open, as HTML.
    others: String,
}

impl TicketPage<'_> {
    fn title(&self) -> String {
        let Ticket { reference, subject, .. } = &self.it.ticket;
        format!("{reference} {}", plain_direction(subject))
    }

    fn href(&self) -> String {
        format!("/admin/tickets/{}", self.it.ticket.reference)
    }

    fn seen(&self) -> Seen {
        Seen::of(&self.it.ticket)
    }

    /// What happened since the page was shown on which somebody wrote.
    fn is_new(&self, entry: &Entry) -> bool {
        self.shown.changed_since.is_some_and(|seen| entry.id > seen.last_entry)
    }

    fn news(&self) -> Vec<&Entry> {
        self.it.timeline.iter().filter(|entry| self.is_new(entry)).collect()
    }

    /// Details that are another now than on the page on which their form was filled in, and what
    /// they are.
    fn other_now(&self) -> Vec<(&'static str, &str)> {
        let Some(form) = &self.shown.details else { return Vec::new() };
        let is_other = |detail: &&Detail| {
            form.sent(detail.was).is_some_and(|was| was != self.as_it_is.value(detail.name))
        };
        DETAILS.iter().filter(is_other).map(|it| (it.label, self.in_words(it.name))).collect()
    }

    fn in_words(&self, name: &str) -> &str {
        let Ticket { assignee, priority, category, subject, .. } = &self.it.ticket;
        match name {
            "assignee" => assignee.as_ref().map_or("nobody", |person| &person.name),
            "priority" => priority.label(),
            "category" => category.as_deref().unwrap_or("none"),
            _ => subject,
        }
    }

    /// The statuses that a button leads to; resolving takes a text.
    fn steps(&self) -> Vec<(Status, &'static str)> {
        let now = self.it.ticket.status;
        let mut steps = Vec::new();
        for (to, label) in [
            (Status::InProgress, "Start Work"),
            (Status::Open, "Set Back to Open"),
            (Status::Closed, "Close"),
        ] {
            if now.may_become(to) {
                let again = matches!(now, Status::Resolved | Status::Closed);
                let label = if again && to != Status::Closed { reopening(to) } else { label };
                steps.push((to, label));
            }
        }
        steps
    }

    fn can_resolve(&self) -> bool {
        self.it.ticket.status.may_become(Status::Resolved)
    }

    /// Those that are offered, and the one that the ticket has.
    fn categories(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.categories.iter().map(String::as_str).collect();
        if let Some(own) = self.it.ticket.category.as_deref().filter(|own| !names.contains(own)) {
            names.push(own);
        }
        names
    }

    /// Who has the ticket and is no longer active.
    fn gone(&self) -> Option<&Person> {
        let is_there = |id| self.it.technicians.iter().any(|one| one.id == id);
        self.it.ticket.assignee.as_ref().filter(|person| !is_there(person.id))
    }

    fn author<'b>(&'b self, entry: &'b Entry) -> &'b str {
        match (&entry.author, entry.by) {
            (Some(name), _) if !name.is_empty() => name,
            (_, By::Customer) => self.customer(),
            _ => "Doorkey",
        }
    }

    fn customer(&self) -> &str {
        let customer = &self.it.customer;
        if customer.name.is_empty() { customer.email.as_str() } else { &customer.name }
    }

    fn initials(&self, entry: &Entry) -> String {
        initials(self.author(entry))
    }

    fn is_internal(&self, entry: &Entry) -> bool {
        entry.visibility == Visibility::Internal
    }

    /// Whether the customer has opened the ticket since its last change that they can see.
    fn is_read(&self) -> bool {
        self.it.read_at.is_some_and(|read| read >= self.it.ticket.updated_at)
    }
}

fn reopening(to: Status) -> &'static str {
    if to == Status::InProgress { "Reopen and Start Work" } else { "Reopen" }
}

/// A mail in the reader's words.
pub(super) fn mail_name(kind: &str) -> &str {
    match kind {
        "portal_link" => "Portal link",
        "ticket_created" => "Ticket created",
        "note_added" => "New note",
        "status_changed" => "New status",
        "ticket_resolved" => "Resolved",
        "customer_replied" => "Customer replied",
        "ticket_assigned" => "Assigned",
        "staff_sign_in" => "Sign-in link",
        "staff_link" => "Sign-in link from an admin",
        other => other,
    }
}

pub(super) fn mail_state(told: &TicketMail) -> &'static str {
    match told.mail.state {
        MailState::Queued if told.mail.error.is_some() => "not taken yet, tried again",
        MailState::Queued => "waiting",
        MailState::Held => "held back after a restore",
        MailState::Sent => "sent",
        MailState::Failed => "failed",
    }
}
