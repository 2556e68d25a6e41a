//! The parameters of requests, as they are described: query strings, path segments, headers.

use utoipa::IntoParams;

use super::words::{
    Address, Category, Cursor, Id, PriorityWord, Search, SortWord, StatusWord, TypedReference,
};

/// Which page of a list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Where the page begins: `next_cursor` of the page before.
    #[param(required = false, inline)]
    pub cursor: Cursor,
    /// How many items it has.
    #[param(required = false, minimum = 1, maximum = 100, default = 20)]
    pub limit: u8,
}

/// Which of their own tickets a customer wants.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OwnTicketsQuery {
    /// Only those of this status.
    #[param(required = false, inline)]
    pub status: StatusWord,
    /// Only those that hold all these words; eight count.
    #[param(required = false, inline)]
    pub q: Search,
}

/// Where a customer's timeline ends.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BeforeQuery {
    /// Only entries before this place: `earlier` of a ticket.
    #[param(required = false, inline)]
    pub before: Cursor,
}

/// How much of a session ends.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EndQuery {
    /// Whether every link of the customer ends, and not this one alone.
    #[param(required = false, default = false)]
    pub all: bool,
}

/// Which tickets a program wants.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TicketsQuery {
    /// Only those of this status.
    #[param(required = false, inline)]
    pub status: StatusWord,
    /// Only those of this priority.
    #[param(required = false, inline)]
    pub priority: PriorityWord,
    /// Only those of this category.
    #[param(required = false, inline)]
    pub category: Category,
    /// Only those assigned to who has this address.
    #[param(required = false, inline)]
    pub assignee: Address,
    /// Only those of the customer with this address.
    #[param(required = false, inline)]
    pub customer: Address,
    /// Only those with all these words in their reference, texts or customer; sixteen count, and the
    /// last may be the beginning of one. What is exactly a reference, an address or a name comes
    /// first, then the newest ticket, whatever `sort` is.
    #[param(required = false, inline)]
    pub q: Search,
    /// In which order, greatest first: `updated` if left out.
    #[param(required = false, inline)]
    pub sort: SortWord,
}

/// Which customers a program wants.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CustomersQuery {
    /// Only those with all these words in their address, name or company; eight count.
    #[param(required = false, inline)]
    pub q: Search,
}

/// A ticket.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct TicketPath {
    /// The ticket's reference.
    #[param(inline)]
    pub reference: TypedReference,
}

/// A customer.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct CustomerPath {
    /// The customer's id.
    #[param(inline)]
    pub id: Id,
}

/// A link of a customer.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct LinkPath {
    /// The link's id.
    #[param(inline)]
    pub link: Id,
}

/// A webhook.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct WebhookPath {
    /// The webhook's id.
    #[param(inline)]
    pub webhook: Id,
}

/// A delivery to a webhook.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct DeliveryPath {
    /// The delivery's id.
    #[param(inline)]
    pub delivery: Id,
}

/// A request that is done once however often it is sent.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct Once {
    /// Any word of the caller's. The same request with the same key again gets the same answer
    /// and changes nothing.
    #[param(
        required = false,
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$",
        example = "order-1042"
    )]
    #[param(rename = "Idempotency-Key")]
    pub idempotency_key: String,
}
