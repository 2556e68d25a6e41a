//! What people do, said shortly: through the domain, for tests whose subject is something else.

use doorkey::domain::access::{self, Viewer};
use doorkey::domain::customers::{self, Customer, CustomerChange, NewCustomer};
use doorkey::domain::email::Email;
use doorkey::domain::entries::{Entry, Visibility};
use doorkey::domain::links::{self, Reason};
use doorkey::domain::notes::{self, NewNote};
use doorkey::domain::replies::{self, NewReply};
use doorkey::domain::staff::{self, NewStaff, Role, Staff};
use doorkey::domain::tickets::{self, Change, NewTicket, Priority, Status, Ticket};
use doorkey::domain::{Actor, api_keys, staff_sign_ins};
use doorkey::error::Error;
use doorkey::ids::{Reference, Token};

use super::TestApp;
use super::client::Client;

/// An address.
pub fn email(text: &str) -> Email {
    Email::parse("email", text).unwrap()
}

/// A change that only moves the status, and mails.
pub fn to(status: Status) -> Change {
    Change { status: Some(status), notify: true, ..Change::default() }
}

/// Somebody at the desk who has no row: for what does not depend on who it is.
pub fn somebody() -> Actor {
    Actor::Staff { id: 1, name: "Dana Reyes".into(), role: Role::Technician }
}

impl TestApp {
    /// A customer, added if there is none, with a link of their own in hand.
    pub async fn customer(&self, address: &str) -> Client {
        let customer = self.customer_row(address).await;
        let (_, token) = self.link_for(customer.id).await;
        self.anon().bearer(&token.reveal())
    }

    /// A customer's row, added if there is none. They are called by the left half of their address.
    pub async fn customer_row(&self, address: &str) -> Customer {
        let (name, _) = address.split_once('@').unwrap();
        let new = NewCustomer { name: name.to_owned(), ..NewCustomer::with_email(email(address)) };
        self.act(move |tx, _, now| customers::find_or_create(tx, &new, now)).await.unwrap().0
    }

    /// A link made by hand, and its token.
    pub async fn link_for(&self, customer_id: i64) -> (links::Link, Token) {
        let program = Actor::Program { id: 7, name: "the shop".into(), role: Role::Admin };
        self.act(move |tx, rules, now| {
            links::issue_by_hand(tx, rules, &program, (customer_id, None), Reason::Api, now)
        })
        .await
        .unwrap()
    }

    /// The customer as they come in with the token they hold.
    pub async fn viewer(&self, client: &Client) -> Viewer {
        let token = Token::parse(client.secret()).unwrap();
        let now = self.now();
        self.db.read(move |tx| access::viewer(tx, &token, now)).await.unwrap()
    }

    /// A member of staff.
    pub async fn staff(&self, address: &str, name: &str, role: Role) -> Staff {
        let new = NewStaff { email: email(address), name: name.to_owned(), role };
        self.act(move |tx, _, now| staff::add(tx, &somebody(), &new, now)).await.unwrap()
    }

    /// A browser in which somebody with this role is signed in at the desk; they are added if
    /// nobody has the address.
    pub async fn at_the_desk(&self, address: &str, role: Role) -> Client {
        let new = NewStaff { email: email(address), name: "Dana Reyes".into(), role };
        let made = self.act(move |tx, _, now| {
            let staff = match staff::find_by_email(tx, &new.email) {
                Err(Error::NotFound) => staff::add(tx, &somebody(), &new, now)?,
                found => found?,
            };
            assert_eq!(staff.role, role);
            staff_sign_ins::issue_by_hand(tx, &Actor::System, &staff, now)
        });
        let path = staff_sign_ins::url("", &made.await.unwrap().0);
        let browser = self.anon().browser();
        browser.form(&path, &[]).await.expect(303);
        browser
    }

    /// A program with a key of this role.
    pub async fn program(&self, role: Role) -> Client {
        let made = self.act(move |tx, _, now| {
            // No two keys in use share a name.
            let others = api_keys::list(tx)?.len();
            let name = if others == 0 { "the shop" } else { &format!("the shop {}", others + 1) };
            api_keys::create(tx, &somebody(), name, role, now)
        });
        let (_, key) = made.await.unwrap();
        self.anon().bearer(&key)
    }

    /// A program that may do everything with tickets.
    pub async fn technician(&self) -> Client {
        self.program(Role::Technician).await
    }

    /// A program that may do everything.
    pub async fn admin(&self) -> Client {
        self.program(Role::Admin).await
    }

    /// What a ticket begins with.
    pub fn new_ticket(&self, address: &str, subject: &str) -> NewTicket {
        NewTicket {
            customer: NewCustomer::with_email(email(address)),
            subject: subject.to_owned(),
            description: format!("{subject}, said at length."),
            priority: Priority::Medium,
            category: None,
            assignee: None,
            notify: true,
        }
    }

    /// Creates a ticket for this address; nobody is mailed.
    pub async fn ticket(&self, address: &str, subject: &str) -> Ticket {
        let new = NewTicket { notify: false, ..self.new_ticket(address, subject) };
        self.create(new).await.unwrap()
    }

    pub async fn create(&self, new: NewTicket) -> Result<Ticket, Error> {
        self.act(move |tx, rules, now| tickets::create(tx, rules, &somebody(), &new, None, now))
            .await
    }

    pub async fn change(&self, reference: &Reference, change: Change) -> Result<Ticket, Error> {
        let reference = reference.clone();
        self.act(move |tx, rules, now| {
            tickets::change(tx, rules, &somebody(), &reference, &change, now)
        })
        .await
    }

    pub async fn resolve(&self, reference: &Reference, text: &str) -> Result<Ticket, Error> {
        let (reference, text) = (reference.clone(), text.to_owned());
        self.act(move |tx, rules, now| {
            tickets::resolve(tx, rules, &somebody(), &reference, &text, true, now)
        })
        .await
    }

    /// Adds a note by staff.
    pub async fn note(
        &self,
        reference: &Reference,
        body: &str,
        visibility: Visibility,
    ) -> Result<Entry, Error> {
        let note = NewNote { body: body.to_owned(), visibility, notify: true };
        let reference = reference.clone();
        self.act(move |tx, rules, now| {
            notes::add(tx, rules, &somebody(), &reference, &note, None, now)
        })
        .await
    }

    /// The customer replies.
    pub async fn reply(
        &self,
        client: &Client,
        reference: &Reference,
        body: &str,
    ) -> Result<Entry, Error> {
        let viewer = self.viewer(client).await;
        let (reference, reply) =
            (reference.clone(), NewReply { body: body.to_owned(), notify: true });
        self.act(move |tx, rules, now| {
            replies::add(tx, rules, &viewer, &reference, &reply, None, now)
        })
        .await
    }

    /// Lets a customer in, or keeps them out.
    pub async fn set_active(&self, customer_id: i64, active: bool) {
        let change = CustomerChange { active: Some(active), ..CustomerChange::default() };
        self.act(move |tx, _, now| {
            customers::change(tx, &Actor::System, customer_id, change.clone(), now)
        })
        .await
        .unwrap();
    }

    /// The ticket as staff see it now.
    pub async fn see(&self, reference: &Reference) -> Ticket {
        let reference = reference.clone();
        let found: Result<Ticket, Error> =
            self.db.read(move |tx| tickets::find(tx, &somebody(), &reference)).await;
        found.unwrap()
    }

    /// Everything that happened to a ticket, internal entries included.
    pub async fn timeline(&self, reference: &Reference) -> Vec<Entry> {
        let reference = reference.clone();
        let page = self.db.read(move |tx| tickets::timeline(tx, &reference, None, 100)).await;
        let page: doorkey::domain::page::Page<Entry> = page.map_err(|error: Error| error).unwrap();
        page.items
    }

    /// What the customer sees of a ticket.
    pub async fn detail(
        &self,
        client: &Client,
        reference: &Reference,
    ) -> Result<tickets::Detail, Error> {
        let (viewer, reference) = (self.viewer(client).await, reference.clone());
        self.db.read(move |tx| tickets::detail(tx, &viewer, &reference, None)).await
    }
}
