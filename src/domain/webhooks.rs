//! Webhooks: targets that are told of events, by the Standard Webhooks specification.
//!
//! Each event is queued once for each webhook that wants its kind, in the transaction that numbers
//! it. A worker claims a webhook with a lease, sends what is due with no transaction open, and
//! settles it; a target that fails is left alone for a while, so it holds up no other.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;
use std::time::Duration;

use ipnet::IpNet;
use url::{Host, Url};

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::events::{self, Event, EventKind};
use crate::domain::page::{self, Page};
use crate::error::{Error, FieldCode, FieldError};
use crate::mail::outbox;
use crate::{ids, store};

/// How many webhooks there may be: each event is queued for every one of them.
pub const MOST: usize = 20;
/// Longest URL, in characters.
const URL_MAX: usize = 2_000;
/// Deliveries that one claim sends, at the same time.
const AT_ONCE: i64 = 10;
/// How long a claim holds: longer than the slowest target may take to answer.
const LEASE: Duration = Duration::from_secs(60);
/// How long a delivery is tried.
const PATIENCE: Duration = Duration::from_secs(2 * 86_400);
/// How long a target that fails altogether is left alone, at most.
const LONGEST_REST: Duration = Duration::from_secs(600);
/// How long the secret before the last one signs as well, so that a receiver can change over.
const OLD_SECRET_TIME: Duration = Duration::from_secs(86_400);
/// How long settled deliveries are remembered.
const REMEMBERED: Duration = Duration::from_secs(14 * 86_400);

/// A target of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// The row.
    pub id: i64,
    /// Where events are posted to.
    pub url: String,
    /// What it is for, in the words of who made it.
    pub about: String,
    /// The kinds of events it wants; none means all.
    pub kinds: Vec<EventKind>,
    /// Whether it is told anything.
    pub active: bool,
    /// When it was made.
    pub created_at: Millis,
    /// How often in a row the target failed.
    pub failures: i64,
}

impl Webhook {
    fn wants(&self, kind: EventKind) -> bool {
        self.active && (self.kinds.is_empty() || self.kinds.contains(&kind))
    }
}

/// A webhook to make.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// Read with [`parse_url`].
    pub url: String,
    /// What it is for.
    pub about: String,
    /// The kinds of events it wants; none means all.
    pub kinds: Vec<EventKind>,
}

/// What is to change about a webhook; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct WebhookChange {
    /// Read with [`parse_url`].
    pub url: Option<String>,
    /// What it is for.
    pub about: Option<String>,
    /// The kinds of events it wants; none means all.
    pub kinds: Option<Vec<EventKind>>,
    /// Whether it is told anything.
    pub active: Option<bool>,
}

/// What signs: 32 random bytes. Shown when it is made, never again.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It waits for its first or its next attempt.
    Queued,
    /// The target took it.
    Delivered,
    /// It is given up.
    Failed,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Queued, Self::Delivered, Self::Failed];

    /// The word for it in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// One event on its way to one webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The row.
    pub id: i64,
    /// The event's number; none for a test call.
    pub event_number: Option<i64>,
    /// `webhook-id`: the same over all attempts.
    pub message_id: String,
    /// How far it is.
    pub state: DeliveryState,
    /// When it was queued.
    pub created_at: Millis,
    /// When it is tried next, while it is queued.
    pub due_at: Millis,
    /// When it is given up.
    pub give_up_at: Millis,
    /// How many attempts failed.
    pub failures: i64,
    /// When it was delivered or given up.
    pub settled_at: Option<Millis>,
    /// The HTTP status of the last answer.
    pub status: Option<i64>,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

/// A claimed webhook with what is due.
#[derive(Clone, Debug)]
pub struct Work {
    /// The webhook.
    pub webhook_id: i64,
    /// The claim; who settles names it.
    pub attempt: i64,
    /// Where to.
    pub url: String,
    /// What signs, the newest first.
    pub secrets: Vec<Secret>,
    /// How often in a row the target failed.
    pub failures: i64,
    /// What to send, each with its event; none for a test call.
    pub due: Vec<(Delivery, Option<Event>)>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The target took it, with this status.
    Taken(u16),
    /// It did not, with this status.
    Answered(u16),
    /// There was no answer, for this reason.
    Silent(String),
}

/// The status by which a target says that it wants nothing any more (Standard Webhooks, "410 Gone").
const GONE: u16 = 410;

/// Reads a target from `field`: `https`, or `http` to networks that the setting `webhooks.allow`
/// names. Where a name leads is looked at when it is called, each time.
pub fn parse_url(field: &str, typed: &str, allow: &[IpNet]) -> Result<String, FieldError> {
    let wrong = |code, message: &str| Err(FieldError::new(field, code, message));
    let typed = typed.trim();
    if typed.is_empty() {
        return wrong(FieldCode::Required, "Please enter the URL that is to be called.");
    }
    if typed.chars().count() > URL_MAX {
        return wrong(FieldCode::TooLong, "A URL has at most 2000 characters here.");
    }
    if typed.chars().any(char::is_control) {
        return wrong(FieldCode::ControlCharacters, "A URL cannot contain control characters.");
    }
    let wanted = "Write a URL such as https://example.com/hooks/doorkey.";
    let Ok(url) = Url::parse(typed) else { return wrong(FieldCode::Malformed, wanted) };
    // Written out it may be longer: a path that was left out, letters beyond ASCII.
    if url.as_str().len() > URL_MAX {
        return wrong(FieldCode::TooLong, "Written out, this URL has more than 2000 characters.");
    }
    let scheme = url.scheme() == "https" || (url.scheme() == "http" && !allow.is_empty());
    if !scheme || url.host().is_none() || url.fragment().is_some() {
        return wrong(FieldCode::Malformed, wanted);
    }
    if !url.username().is_empty() || url.password().is_some() {
        let message = "Leave user name and password out; each call is signed instead.";
        return wrong(FieldCode::Malformed, message);
    }
    let address = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        // A name that is this machine by definition (RFC 6761 §6.3), whatever a resolver says.
        Some(Host::Domain(name)) if is_this_machine(name) => Some(Ipv4Addr::LOCALHOST.into()),
        Some(Host::Domain(_)) | None => None,
    };
    if address.is_some_and(|address| !may_call(address, allow)) {
        let message = "This address is not a public one. The setting webhooks.allow can allow it.";
        return wrong(FieldCode::Malformed, message);
    }
    Ok(url.into())
}

fn is_this_machine(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether `address` may be called: a public one, or one that the operator allows.
pub fn may_call(address: IpAddr, allow: &[IpNet]) -> bool {
    let address = address.to_canonical();
    let within = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
    within(allow) || !within(&PRIVATE)
}

/// Networks that are not the public internet (IANA's special-purpose address registries), and
/// those that lead to IPv4 addresses in disguise.
static PRIVATE: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    ]
    .iter()
    .filter_map(|network| network.parse().ok())
    .collect()
});

/// Makes a webhook. Its secret is shown once.
///
/// # Errors
/// [`Error::Invalid`] naming `url` when there are [`MOST`] already.
pub fn create(tx: &mut Tx<'_>, new: &NewWebhook, now: Millis) -> Result<(Webhook, Secret), Error> {
    if store::webhooks::list(tx)?.len() >= MOST {
        let message = format!("There are {MOST} webhooks already; delete one first.");
        return Err(FieldError::new("url", FieldCode::Malformed, message).into());
    }
    let secret = Secret(ids::webhook_secret().to_vec());
    let webhook = Webhook {
        id: ids::new_id(now),
        url: new.url.clone(),
        about: new.about.clone(),
        kinds: new.kinds.clone(),
        active: true,
        created_at: now,
        failures: 0,
    };
    store::webhooks::insert(tx, &webhook, &secret.0)?;
    Ok((webhook, secret))
}

/// All of them, in the order in which they were made.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Webhook>, Error> {
    Ok(store::webhooks::list(tx)?)
}

/// The webhook with this id.
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Webhook, Error> {
    store::webhooks::find(tx, id)?.ok_or(Error::NotFound)
}

/// Changes a webhook. One with a new URL, or active again, is tried at once.
pub fn change(
    tx: &mut Tx<'_>,
    id: i64,
    change: WebhookChange,
    now: Millis,
) -> Result<Webhook, Error> {
    let mut webhook = find(tx, id)?;
    webhook.url = change.url.unwrap_or(webhook.url);
    webhook.about = change.about.unwrap_or(webhook.about);
    webhook.kinds = change.kinds.unwrap_or(webhook.kinds);
    webhook.active = change.active.unwrap_or(webhook.active);
    webhook.failures = 0;
    store::webhooks::update(tx, &webhook, now)?;
    Ok(webhook)
}

/// Removes a webhook and everything that was on its way to it.
pub fn delete(tx: &mut Tx<'_>, id: i64) -> Result<(), Error> {
    find(tx, id)?;
    store::deliveries::delete_of(tx, id)?;
    Ok(store::webhooks::delete(tx, id)?)
}

/// Makes a new secret. The old one signs as well for a day.
pub fn rotate(tx: &mut Tx<'_>, id: i64, now: Millis) -> Result<(Webhook, Secret), Error> {
    let webhook = find(tx, id)?;
    let secret = Secret(ids::webhook_secret().to_vec());
    store::webhooks::set_secret(tx, id, &secret.0, now.plus(OLD_SECRET_TIME))?;
    Ok((webhook, secret))
}

/// Queues a test call.
pub fn test(tx: &mut Tx<'_>, id: i64, now: Millis) -> Result<Delivery, Error> {
    find(tx, id)?;
    let delivery = delivery(None, now);
    store::deliveries::insert(tx, id, &delivery)?;
    store::webhooks::wake(tx, id, now)?;
    Ok(delivery)
}

/// Queues numbered events for the webhooks that want them.
pub(in crate::domain) fn queue(
    tx: &mut Tx<'_>,
    events: &[(i64, EventKind)],
    now: Millis,
) -> Result<(), Error> {
    for webhook in store::webhooks::list(tx)? {
        for (number, _) in events.iter().filter(|(_, kind)| webhook.wants(*kind)) {
            store::deliveries::insert(tx, webhook.id, &delivery(Some(*number), now))?;
        }
    }
    Ok(())
}

fn delivery(event_number: Option<i64>, now: Millis) -> Delivery {
    Delivery {
        id: ids::new_id(now),
        event_number,
        message_id: format!("msg_{}", ids::word()),
        state: DeliveryState::Queued,
        created_at: now,
        due_at: now,
        give_up_at: now.plus(PATIENCE),
        failures: 0,
        settled_at: None,
        status: None,
        error: None,
    }
}

/// Whether anything is due.
pub fn any_due(tx: &mut Tx<'_>, now: Millis) -> Result<bool, Error> {
    Ok(store::webhooks::any_due(tx, now)?)
}

/// Claims a webhook and the deliveries to it that are due.
pub fn claim(tx: &mut Tx<'_>, now: Millis) -> Result<Option<Work>, Error> {
    let Some(mut work) = store::webhooks::claim(tx, now, now.plus(LEASE))? else {
        return Ok(None);
    };
    for delivery in store::deliveries::due(tx, work.webhook_id, now, AT_ONCE)? {
        let event = match delivery.event_number {
            Some(number) => events::find(tx, number)?,
            None => None,
        };
        work.due.push((delivery, event));
    }
    Ok(Some(work))
}

/// Settles what was sent. What was taken is taken even if the lease was lost meanwhile; the rest is
/// then left to whoever holds it.
pub fn settle(
    tx: &mut Tx<'_>,
    work: &Work,
    outcomes: &[Outcome],
    now: Millis,
) -> Result<(), Error> {
    let taken = |outcome: &Outcome| matches!(outcome, Outcome::Taken(_));
    let silent = !outcomes.is_empty() && !outcomes.iter().any(taken);
    let failures = if silent { work.failures + 1 } else { 0 };
    let rest =
        if silent { outbox::retry_after(failures).min(LONGEST_REST) } else { Duration::ZERO };
    let own = store::webhooks::settle(tx, work.webhook_id, work.attempt, failures, now.plus(rest))?;
    for ((delivery, _), outcome) in work.due.iter().zip(outcomes) {
        if own || taken(outcome) {
            store::deliveries::settle(tx, &after(delivery, outcome, now))?;
        }
    }
    if own && outcomes.contains(&Outcome::Answered(GONE)) {
        let webhook = Webhook { active: false, ..find(tx, work.webhook_id)? };
        store::webhooks::update(tx, &webhook, now)?;
    }
    Ok(())
}

/// A delivery after an attempt.
fn after(delivery: &Delivery, outcome: &Outcome, now: Millis) -> Delivery {
    let delivery = delivery.clone();
    let (status, error) = match outcome {
        Outcome::Taken(status) => (Some(*status), None),
        Outcome::Answered(status) => (Some(*status), Some(format!("the target answered {status}"))),
        Outcome::Silent(reason) => (None, Some(reason.clone())),
    };
    let failures = delivery.failures + i64::from(error.is_some());
    let due_at = now.plus(outbox::retry_after(failures));
    let state = match &error {
        None => DeliveryState::Delivered,
        Some(_) if due_at >= delivery.give_up_at => DeliveryState::Failed,
        Some(_) => DeliveryState::Queued,
    };
    let settled_at = (state != DeliveryState::Queued).then_some(now);
    let status = status.map(i64::from);
    Delivery { state, due_at, failures, settled_at, status, error, ..delivery }
}

/// Deliveries to a webhook, the newest first.
pub fn deliveries(
    tx: &mut Tx<'_>,
    id: i64,
    cursor: Option<&str>,
    limit: i64,
) -> Result<Page<Delivery>, Error> {
    find(tx, id)?;
    let before = page::place("cursor", cursor)?;
    let rows = store::deliveries::list(tx, id, before, limit + 1)?;
    Ok(Page::cut(rows, limit, |row| vec![row.id], |row| row))
}

/// Queues a delivery again that was given up, or that waits for its next attempt. What was
/// delivered is sent once more, under the same `webhook-id`.
pub fn retry(tx: &mut Tx<'_>, id: i64, delivery: i64, now: Millis) -> Result<Delivery, Error> {
    let found = store::deliveries::find(tx, id, delivery)?.ok_or(Error::NotFound)?;
    let again = Delivery {
        state: DeliveryState::Queued,
        due_at: now,
        give_up_at: now.plus(PATIENCE),
        settled_at: None,
        ..found
    };
    store::deliveries::put_back(tx, &again)?;
    store::webhooks::wake(tx, id, now)?;
    Ok(again)
}

/// Forgets deliveries that were settled long ago, `limit` at most. Returns how many.
pub fn forget_old(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<u64, Error> {
    Ok(store::deliveries::purge(tx, now.minus(REMEMBERED), limit)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_called_unless_allowed() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "::127.0.0.1",
            "fd00:ec2::254",
        ] {
            let address: IpAddr = private.parse().expect("an address");
            assert!(!may_call(address, &[]), "{private}");
            let allow = [IpNet::from(address.to_canonical())];
            assert!(may_call(address, &allow), "{private} is allowed");
        }
        for public in ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(may_call(public.parse().expect("an address"), &[]), "{public}");
        }
        assert_eq!(PRIVATE.len(), 28, "every network in the list is one");
    }

    #[test]
    fn targets_are_https_without_secrets_or_tricks() {
        let allow = ["127.0.0.0/8".parse().expect("a network")];
        assert!(parse_url("url", "https://example.com/a?b=c", &[]).is_ok());
        assert!(parse_url("url", "http://127.0.0.1:9/x", &allow).is_ok());
        assert!(parse_url("url", "https://localhost:9/x", &allow).is_ok());
        assert!(parse_url("url", "https://localhost.example.com/", &[]).is_ok());
        for bad in [
            "",
            "example.com",
            "http://example.com/",
            "ftp://example.com/",
            "https://",
            "https://user:pw@example.com/",
            "https://example.com/#x",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://localhost/",
            "https://LOCALHOST.:8443/x",
            "https://a.localhost/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "javascript:alert(1)",
            "https://exa mple.com/",
            "https://example.com/\nx",
            "file:///etc",
        ] {
            assert!(parse_url("url", bad, &[]).is_err(), "{bad}");
        }
        for long in [
            format!("https://example.com/{}", "a".repeat(2_000)),
            // 2,000 as typed, one more with the path that was left out.
            format!("https://{}aa", "a.".repeat(995)),
            format!("https://example.com/{}", "ä".repeat(1_000)),
        ] {
            let code = parse_url("url", &long, &[]).map_err(|error| error.code);
            assert_eq!(code, Err(FieldCode::TooLong), "{long}");
        }
        let whole = format!("https://example.com/{}", "a".repeat(1_980));
        assert_eq!(parse_url("url", &whole, &[]).as_deref(), Ok(whole.as_str()));
    }

    #[test]
    fn a_delivery_is_tried_for_two_days() {
        let mut at = Millis(0);
        let mut row = delivery(Some(1), at);
        let mut attempts = 0;
        while row.state == DeliveryState::Queued {
            row = after(&row, &Outcome::Answered(500), at);
            at = row.due_at;
            attempts += 1;
        }
        assert_eq!((row.state, row.failures), (DeliveryState::Failed, attempts));
        assert!((50..=54).contains(&attempts), "{attempts} attempts");
        assert_eq!(row.error.as_deref(), Some("the target answered 500"));
    }
}
