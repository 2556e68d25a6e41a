//! What people and programs ask for again and again, and what each of it may cost.

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub enum Who {
    Anybody,
    /// A customer with 108 tickets.
    Ana,
    /// An admin at the desk.
    Dana,
    Program,
}

/// What they ask for. `{six}` and its like are tickets of the [`super::world::World`].
#[derive(Clone, Copy, Debug)]
pub enum Ask {
    Get(&'static str),
    /// The same again, by one who has it already.
    Again(&'static str),
    /// Sends JSON.
    Post(&'static str, &'static str),
    /// The same, of a server that made the page before and keeps it. All others make it.
    Kept(&'static Ask),
}

/// What one asking may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Statements, exactly.
    pub statements: usize,
    /// Bytes of the answer's body before they are packed, at most.
    pub bytes: usize,
    /// Allocations on SQLite, at most.
    pub allocations: usize,
}

use Ask::{Again, Get, Kept, Post};
use Who::{Ana, Anybody, Dana, Program};

/// A page: what it is called here, who asks, for what, and what that may cost.
pub type Page = (&'static str, Who, Ask, Figures);

const fn costs(statements: usize, bytes: usize, allocations: usize) -> Figures {
    Figures { statements, bytes, allocations }
}

/// `cost.rs` says how to read a failure, and prints the figures to put here.
pub const PAGES: &[Page] = &[
    ("shell", Anybody, Get("/portal"), costs(0, 7000, 60)),
    ("own list", Ana, Get("/portal"), costs(3, 21000, 480)),
    ("own list, unchanged", Ana, Again("/portal"), costs(3, 0, 480)),
    ("own list, kept", Ana, Kept(&Get("/portal")), costs(1, 21000, 60)),
    ("own list, kept, unchanged", Ana, Kept(&Again("/portal")), costs(1, 0, 60)),
    ("own list, a tab", Ana, Get("/portal?status=open"), costs(3, 19000, 480)),
    ("own list, a search", Ana, Get("/portal?q=zebra"), costs(3, 5500, 240)),
    ("own ticket, 6 entries", Ana, Get("/portal/tickets/{six}"), costs(3, 6000, 180)),
    ("own ticket, unchanged", Ana, Again("/portal/tickets/{six}"), costs(2, 0, 100)),
    ("own ticket, kept", Ana, Kept(&Get("/portal/tickets/{six}")), costs(1, 6000, 80)),
    ("own ticket, kept, unchanged", Ana, Kept(&Again("/portal/tickets/{six}")), costs(1, 0, 60)),
    ("own ticket, 300 entries", Ana, Get("/portal/tickets/{long}"), costs(3, 43000, 1240)),
    ("own session, JSON", Ana, Get("/api/v1/portal/session"), costs(1, 500, 60)),
    ("own list, JSON", Ana, Get("/api/v1/portal/tickets"), costs(2, 5000, 200)),
    ("own list, JSON, kept", Ana, Kept(&Get("/api/v1/portal/tickets")), costs(1, 5000, 60)),
    ("own ticket, JSON", Ana, Get("/api/v1/portal/tickets/{six}"), costs(3, 1500, 140)),
    ("reply", Ana, Post("/api/v1/portal/tickets/{replied}/replies", REPLY), costs(9, 500, 160)),
    ("link request", Anybody, Post("/api/v1/portal/links", LINK), costs(8, 500, 100)),
    ("dashboard", Dana, Get("/admin"), costs(8, 18500, 540)),
    ("desk list", Dana, Get("/admin/tickets"), costs(7, 63000, 2360)),
    ("desk list, unfinished", Dana, Get("/admin/tickets?status=unfinished"), costs(7, 64500, 2420)),
    ("desk list, open", Dana, Get("/admin/tickets?status=open"), costs(7, 63000, 2400)),
    (
        "desk list, in progress",
        Dana,
        Get("/admin/tickets?status=in_progress"),
        costs(7, 65500, 2680),
    ),
    ("desk list, resolved", Dana, Get("/admin/tickets?status=resolved"), costs(7, 60000, 2700)),
    ("desk list, closed", Dana, Get("/admin/tickets?status=closed"), costs(7, 65500, 2660)),
    ("desk list, mine", Dana, Get("/admin/tickets?assignee=me"), costs(9, 63500, 2780)),
    ("desk list, nobody's", Dana, Get("/admin/tickets?assignee=nobody"), costs(7, 63500, 2440)),
    ("desk list, high", Dana, Get("/admin/tickets?priority=high"), costs(6, 63500, 2720)),
    ("desk list, CCTV", Dana, Get("/admin/tickets?category=CCTV"), costs(6, 63500, 2720)),
    (
        "desk list, a customer's",
        Dana,
        Get("/admin/tickets?customer=ana@cafe-lumen.example"),
        costs(9, 64000, 2500),
    ),
    ("desk list, customer last", Dana, Get("/admin/tickets?last=customer"), costs(7, 64500, 2460)),
    (
        "desk list, resolved this week",
        Dana,
        Get("/admin/tickets?resolved=week"),
        costs(6, 60000, 2660),
    ),
    ("desk list, by creation", Dana, Get("/admin/tickets?sort=created"), costs(7, 63500, 2460)),
    ("desk list, by priority", Dana, Get("/admin/tickets?sort=priority"), costs(7, 63500, 2800)),
    (
        "desk list, all filters",
        Dana,
        Get("/admin/tickets?status=open&assignee=me&priority=high&category=CCTV"),
        costs(8, 40500, 1740),
    ),
    ("desk search, a rare word", Dana, Get("/admin/tickets?q=zebra"), costs(15, 22000, 3900)),
    ("desk search, a common word", Dana, Get("/admin/tickets?q=camera"), costs(35, 67000, 5740)),
    ("desk search, no such word", Dana, Get("/admin/tickets?q=okapi"), costs(10, 13000, 540)),
    ("desk ticket, 6 entries", Dana, Get("/admin/tickets/{six}"), costs(11, 18500, 340)),
    ("desk ticket, 300 entries", Dana, Get("/admin/tickets/{long}"), costs(11, 58000, 1540)),
    ("customers", Dana, Get("/admin/customers"), costs(3, 21000, 400)),
    (
        "customers, a search",
        Dana,
        Get("/admin/customers?q=ana@cafe-lumen.example"),
        costs(5, 8500, 200),
    ),
    ("customer", Dana, Get("/admin/customers/{customer}"), costs(10, 22500, 740)),
    ("outbox", Dana, Get("/admin/outbox"), costs(6, 15500, 260)),
    ("outbox, sent", Dana, Get("/admin/outbox?state=sent"), costs(6, 19000, 540)),
    ("audit log", Dana, Get("/admin/audit"), costs(5, 31000, 1340)),
    ("tickets, JSON", Program, Get("/api/v1/tickets"), costs(3, 9500, 640)),
    ("ticket, JSON", Program, Get("/api/v1/tickets/{six}"), costs(2, 500, 100)),
    ("timeline, JSON", Program, Get("/api/v1/tickets/{long}/timeline"), costs(3, 4500, 240)),
    ("events, JSON", Program, Get("/api/v1/events"), costs(2, 3500, 720)),
    ("note", Program, Post("/api/v1/tickets/{noted}/notes", NOTE), costs(10, 500, 180)),
    ("new ticket", Program, Post("/api/v1/tickets", TICKET), costs(15, 500, 220)),
];

/// What takes more steps the more there is, and why that is so.
pub const GROWING: &[(&str, &str)] = &[(
    "customers, a search",
    "words are looked for in each of the newest 100,000 customers: src/domain/customer_desk.rs",
)];

const REPLY: &str = r#"{"body": "It is still dark there."}"#;
const LINK: &str = r#"{"email": "ana@cafe-lumen.example"}"#;
const NOTE: &str = r#"{"body": "We come on Monday.", "visibility": "public"}"#;
const TICKET: &str = r#"{"customer": {"email": "ana@cafe-lumen.example"}, "subject": "The gate",
    "description": "It does not close."}"#;
