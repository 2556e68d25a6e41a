//! A database to take counts on: a few people and tickets whose pages are asked for, and behind
//! them as many others as anybody likes, all of them older.

use std::process::Command;

use doorkey::clock::Millis;
use doorkey::domain::entries::Visibility;
use doorkey::domain::staff::Role;
use doorkey::domain::tickets::{Change, NewTicket, Priority, Status};
use doorkey::ids::Reference;

use crate::real::doorkey::binary;
use crate::support::client::Client;
use crate::support::desk::{email, to};
use crate::support::{TestApp, plans};

/// When what is made up ends, before anything that is asked for begins: 2026-11-01T00:00:00Z.
const END: Millis = Millis(1_793_491_200_000);
/// Customers and tickets behind those that are asked for: of tickets more than a search looks at one by
/// one.
const SMALL: (usize, usize) = (500, 2_200);
/// So many that PostgreSQL has a reason for every index.
const LARGE: (usize, usize) = (5_000, 4_000);

const ANA: &str = "ana@cafe-lumen.example";
const DANA: &str = "dana@rfs.example";

/// Tickets of each status: more than a page of any list shows.
const OF_EACH: usize = 26;

/// The database, and who asks.
pub struct World {
    pub app: TestApp,
    /// A customer.
    pub ana: Client,
    /// An admin at the desk.
    pub dana: Client,
    /// A program of the company.
    pub program: Client,
    names: Vec<(&'static str, String)>,
    /// Whose the database is, where another application looks at it.
    _owner: TestApp,
}

impl World {
    /// With a database that is small on SQLite, and large on PostgreSQL.
    pub async fn new() -> Self {
        let owner = TestApp::start().await;
        fill(&owner, if owner.is_postgres() { LARGE } else { SMALL }).await;
        let dana = owner.staff(DANA, "Dana Reyes", Role::Admin).await;
        let customer = owner.customer_row(ANA).await.id;
        let mut names = vec![("{customer}", customer.to_string())];
        for (name, entries) in [("{replied}", 3), ("{noted}", 3), ("{six}", 6), ("{long}", 300)] {
            names.push((name, ticket_with(&owner, entries).await.to_string()));
        }
        list_of_tickets(&owner, &owner.customer(ANA).await).await;
        for sql in [SENT, FAILED] {
            owner.sql(sql).await;
        }
        let app = looked_at(&owner).await;
        let ana = app.customer(ANA).await;
        let dana = app.at_the_desk(dana.email.as_str(), Role::Admin).await;
        let program = app.technician().await;
        Self { app, ana, dana, program, names, _owner: owner }
    }

    /// Adds others, who came before, so that the database is large.
    pub async fn grow(&self) {
        fill(&self.app, LARGE).await;
    }

    /// A text with the names of what is here in the place of `{six}` and its like.
    pub fn named(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, real)| text.replace(name, real))
    }
}

/// The application whose pages are asked for: on PostgreSQL, one that is told every plan.
async fn looked_at(owner: &TestApp) -> TestApp {
    if !owner.is_postgres() {
        return owner.clone();
    }
    for sql in COPIES {
        owner.sql(sql.replace("END", &END.0.to_string())).await;
    }
    owner.sql("ANALYZE").await;
    let app = TestApp::on(&plans::listen(owner.config.database.url.reveal())).await;
    app.set_clock(owner.now());
    app
}

/// Made-up customers and tickets, by the program's own command; and for each ticket a row of every
/// other table that grows with them.
async fn fill(app: &TestApp, (customers, tickets): (usize, usize)) {
    let (customers, tickets) = (customers.to_string(), tickets.to_string());
    let made = Command::new(binary())
        .args(["generate", "--more", "--customers", &customers, "--tickets", &tickets])
        .args(["--end", &END.rfc3339(), "--json"])
        .args(["--database-url", app.config.database.url.reveal()])
        .env("DOORKEY_DATA_DIR", &app.config.data_dir)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let bytes = if app.is_postgres() { "BYTEA" } else { "BLOB" };
    for sql in OTHERS {
        let sql = sql.replace("BYTES", bytes).replace("END", &END.0.to_string());
        app.sql(sql).await;
    }
    app.sql("UPDATE event_numbers SET last = (SELECT max(number) FROM events)").await;
}

/// What grows with tickets beside them, for those that have none of it yet and are not asked for.
const OTHERS: [&str; 9] = [
    "INSERT INTO outbox (id, lane, kind, recipient, recipient_key, customer_id, ticket_id, message_id, \
       state, created_at, due_at, give_up_at, attempt, failures, settled_at) \
     SELECT t.id, 1, 'note_added', c.email, c.email_key, c.id, t.id, '<' || t.reference || '@rfs.example>', \
       'sent', t.created_at, t.created_at, t.created_at, 1, 0, t.created_at \
     FROM tickets t JOIN customers c ON c.id = t.customer_id \
     WHERE t.created_at < END AND t.id NOT IN (SELECT id FROM outbox)",
    "INSERT INTO links (id, token_hash, customer_id, ticket_id, reason, issued_at, expires_at, use_count) \
     SELECT id, CAST(reference AS BYTES), customer_id, id, 'ticket_mail', created_at, \
       created_at + 604800000, 1 FROM tickets WHERE created_at < END AND id NOT IN (SELECT id FROM links)",
    "INSERT INTO link_requests (id, request_hash, created_at, worked_at, customer_id, code_tries) \
     SELECT id, CAST(reference AS BYTES), created_at, created_at, customer_id, 0 FROM tickets \
     WHERE created_at < END AND id NOT IN (SELECT id FROM link_requests)",
    "INSERT INTO limits (subject, slice, hits, expires_at) \
     SELECT CAST(reference AS BYTES), created_at, 1, created_at FROM tickets \
     WHERE created_at < END AND CAST(reference AS BYTES) NOT IN (SELECT subject FROM limits)",
    "INSERT INTO idempotency (scope, key, request_hash, ticket_id, created_at) \
     SELECT 'c' || customer_id, reference, CAST(reference AS BYTES), id, created_at FROM tickets \
     WHERE created_at < END AND reference NOT IN (SELECT key FROM idempotency)",
    "INSERT INTO audit (id, at, action, by_kind, by_id, by_name, subject_kind, subject_id, subject, \
       subject_key, details, network) \
     SELECT t.id, t.created_at, 'ticket_changed', 'staff', 1, 'Dana Reyes', 'ticket', t.id, t.reference, \
       t.reference, '{}', '192.0.2.0/24' FROM tickets t \
     WHERE t.created_at < END AND t.id NOT IN (SELECT id FROM audit)",
    "INSERT INTO events (number, kind, at, ticket_id, customer_id) \
     SELECT (SELECT COALESCE(max(number), 0) FROM events) + row_number() OVER (ORDER BY t.id), \
       'ticket.created', t.created_at, t.id, t.customer_id FROM tickets t \
     WHERE t.created_at < END AND t.id NOT IN (SELECT ticket_id FROM events WHERE ticket_id IS NOT NULL)",
    "INSERT INTO sessions (id, token_hash, staff_id, way, browser, network, created_at, last_used_at, \
       expires_at) \
     SELECT t.id, CAST(t.reference AS BYTES), (SELECT min(id) FROM staff), 'link', 'Firefox', \
       '192.0.2.0/24', t.created_at, t.created_at, t.created_at + 43200000 FROM tickets t \
     WHERE t.created_at < END AND t.id NOT IN (SELECT id FROM sessions)",
    "INSERT INTO staff_sign_ins (id, request_hash, next_path, created_at, worked_at, code_tries, invited) \
     SELECT id, CAST(reference AS BYTES), '/admin', created_at, created_at, 0, FALSE FROM tickets \
     WHERE created_at < END AND id NOT IN (SELECT id FROM staff_sign_ins)",
];

/// Four more of each made-up ticket, which hold words that nobody looks for.
const COPIES: [&str; 2] = [
    "INSERT INTO tickets (id, reference, customer_id, assignee_id, subject, description, priority, \
       category, status, resolution, resolved_at, note_count, created_at, updated_at, staff_at, \
       customer_last, last_entry, version) \
     SELECT id - n, 'TKT-' || 100000 + row_number() OVER (), customer_id, assignee_id, subject, description, \
       priority, category, status, resolution, resolved_at, note_count, created_at, updated_at, \
       staff_at, customer_last, last_entry, version \
     FROM tickets, generate_series(1, 4) n WHERE created_at < END \
     ON CONFLICT DO NOTHING",
    "INSERT INTO ticket_words (ticket_id, words) SELECT id, ' copied ' || lower(reference) || ' ' FROM tickets \
     ON CONFLICT DO NOTHING",
];

/// Mails have been sent, but for some.
const SENT: &str = "UPDATE outbox SET state = 'sent', content = NULL, settled_at = created_at, attempt = 1 \
     WHERE id NOT IN (SELECT id FROM outbox ORDER BY id DESC LIMIT 20)";
const FAILED: &str = "UPDATE outbox SET state = 'failed', settled_at = created_at, attempt = 1, error = 'No such mailbox' \
     WHERE id IN (SELECT id FROM outbox WHERE state = 'queued' ORDER BY id DESC LIMIT 10)";

/// A ticket with so many entries, one of them internal.
async fn ticket_with(app: &TestApp, entries: usize) -> Reference {
    app.sleep(60);
    let ticket = app.ticket(ANA, "The zebra crossing is dark").await.reference;
    app.note(&ticket, "Ask the landlord first.", Visibility::Internal).await.unwrap();
    for number in 2..entries {
        app.sleep(60);
        let body = format!("Visit {number:03}: the lamp was changed and the camera cleaned.");
        app.note(&ticket, &body, Visibility::Public).await.unwrap();
    }
    ticket
}

/// Tickets that fill a page of every list.
async fn list_of_tickets(app: &TestApp, ana: &Client) {
    for number in 0..OF_EACH * 4 {
        app.sleep(60);
        let new = NewTicket {
            priority: Priority::High,
            category: Some("CCTV".to_owned()),
            assignee: (number % 8 < 4).then(|| email(DANA)),
            notify: false,
            ..app.new_ticket(ANA, "The camera in the yard shows nothing")
        };
        let ticket = app.create(new).await.unwrap().reference;
        app.reply(ana, &ticket, "It is still dark there.").await.unwrap();
        let quietly = |status| Change { notify: false, ..to(status) };
        match number % 4 {
            1 => drop(app.change(&ticket, quietly(Status::InProgress)).await.unwrap()),
            2 => drop(app.resolve(&ticket, "The lamp was changed.").await.unwrap()),
            3 => drop(app.change(&ticket, quietly(Status::Closed)).await.unwrap()),
            _ => {}
        }
    }
}
