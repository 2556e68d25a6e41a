//! How staff get in without a password: a link that works once, in the browser that asked, and a
//! code for that same browser.

use std::time::Duration;

use subtle::ConstantTimeEq;

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::audit::{self, Action, Details, Subject};
use crate::domain::email::Email;
use crate::domain::sessions::{self, SignedIn, Visitor, Way};
use crate::domain::staff::Staff;
use crate::domain::{Actor, Rules, codes, limits, mails};
use crate::error::{Error, FieldCode, FieldError};
use crate::ids::{self, HashKey, Token, TokenHash};
use crate::store;
use crate::store::staff_sign_ins::LinkState;

/// How long a link and its code work after they were mailed, or made.
pub const TTL: Duration = Duration::from_secs(15 * 60);
/// How long sign-ins are remembered.
const REMEMBERED: Duration = Duration::from_secs(86_400);
/// Requests a worker looks at in one transaction.
const REQUESTS_AT_ONCE: i64 = 50;

/// The address of the page on which a link is used.
pub fn url(public_url: &str, token: &Token) -> String {
    format!("{}/admin/sign-in/link/{}", public_url.trim_end_matches('/'), token.reveal())
}

/// Somebody asks for a way in. Writes one row that is the same for every address and looks nobody up:
/// neither the answer nor its time can tell who is on the staff. Returns the id of the request, which
/// only the browser that asked may hold. `next_path` is where they want to go then.
///
/// # Errors
/// [`Error::RateLimited`] by network and over all, alike for known and unknown addresses.
pub fn request(
    tx: &mut Tx<'_>,
    rules: &Rules,
    key: &HashKey,
    email: &Email,
    next_path: &str,
    network: &[u8],
    now: Millis,
) -> Result<String, Error> {
    if rules.limits {
        let both: [(limits::Limit, &[u8]); 2] =
            [(limits::SIGN_INS_OF_NETWORK, network), (limits::SIGN_INS_OF_ALL, b"")];
        limits::hit(tx, key, &both, now)?;
    }
    let request_id = ids::word();
    let hash = ids::sha256(request_id.as_bytes());
    store::staff_sign_ins::insert(tx, ids::new_id(now), &hash, email.as_str(), next_path, now)?;
    Ok(request_id)
}

/// Whether any request waits to be looked at.
pub fn any_request_waits(tx: &mut Tx<'_>) -> Result<bool, Error> {
    Ok(store::staff_sign_ins::any_waiting(tx)?)
}

/// Looks at requests that wait: whose address it is, and whether they may be mailed. Returns
/// whether there may be more.
pub fn work_requests(
    tx: &mut Tx<'_>,
    rules: &Rules,
    key: &HashKey,
    now: Millis,
) -> Result<bool, Error> {
    let waiting = store::staff_sign_ins::take_waiting(tx, REQUESTS_AT_ONCE)?;
    for request in &waiting {
        tx.set_cause(request.cause.clone());
        let email = Email::from_store(request.email.clone());
        let staff = match may_be_mailed(tx, rules, key, &email, now)? {
            true => store::staff::find_by_email(tx, &email)?.filter(|found| found.active),
            false => None,
        };
        store::staff_sign_ins::settle(tx, request.id, staff.as_ref().map(|it| it.id), now)?;
        if let Some(staff) = staff {
            mails::staff_sign_in(tx, &staff, request.id, now)?;
        }
    }
    Ok(i64::try_from(waiting.len()).is_ok_and(|count| count == REQUESTS_AT_ONCE))
}

/// Counts for known and unknown addresses alike: the limit tells nothing either.
fn may_be_mailed(
    tx: &mut Tx<'_>,
    rules: &Rules,
    key: &HashKey,
    email: &Email,
    now: Millis,
) -> Result<bool, Error> {
    let address = email.key();
    let both: [(limits::Limit, &[u8]); 2] = [
        (limits::SIGN_IN_MAILS_A_MINUTE, address.as_bytes()),
        (limits::SIGN_IN_MAILS_AN_HOUR, address.as_bytes()),
    ];
    Ok(!rules.limits || limits::has_room(tx, key, &both, now)?)
}

/// What a sign-in mail carries, made for one attempt at it; an earlier attempt's works no more.
/// `None` if nobody waits for it.
pub(in crate::domain) fn mint(
    tx: &mut Tx<'_>,
    key: &HashKey,
    id: i64,
    now: Millis,
) -> Result<Option<(Token, String)>, Error> {
    let (token, code) = (Token::random(), ids::code());
    let hash = digest(key, id, &code);
    let kept = store::staff_sign_ins::set_minted(tx, id, token.hash(), &hash, now.plus(TTL))?;
    Ok(kept.then_some((token, code)))
}

/// Makes a link for a member of staff without a mail: it works once, for [`TTL`], in any browser. One
/// that is made at the desk counts as one that was mailed.
///
/// # Errors
/// [`Error::Invalid`] naming `email` if they are not active.
pub fn issue_by_hand(
    tx: &mut Tx<'_>,
    actor: &Actor,
    staff: &Staff,
    now: Millis,
) -> Result<(Token, Millis), Error> {
    let (token, expires_at) = (Token::random(), now.plus(TTL));
    let link = Some((token.hash(), expires_at));
    insert_by_hand(tx, staff, link, *actor != Actor::System, now)?;
    let subject = Subject::staff(staff);
    audit::record(tx, actor, Action::StaffLinkMade, &subject, Details::none(), now)?;
    Ok((token, expires_at))
}

/// Mails such a link to a member of staff; it works for [`TTL`] from when the mail goes out.
///
/// # Errors
/// As [`issue_by_hand`].
pub fn send_by_hand(
    tx: &mut Tx<'_>,
    actor: &Actor,
    staff: &Staff,
    now: Millis,
) -> Result<(), Error> {
    let id = insert_by_hand(tx, staff, None, true, now)?;
    mails::staff_link(tx, actor, staff, id, now)?;
    let subject = Subject::staff(staff);
    audit::record(tx, actor, Action::StaffLinkSent, &subject, Details::none(), now)
}

fn insert_by_hand(
    tx: &mut Tx<'_>,
    staff: &Staff,
    link: Option<(TokenHash, Millis)>,
    invited: bool,
    now: Millis,
) -> Result<i64, Error> {
    if !staff.active {
        let message = "This member of staff is disabled and gets no link.";
        return Err(FieldError::new("email", FieldCode::UnknownValue, message).into());
    }
    let (id, staff_id, next_path) = (ids::new_id(now), staff.id, "/admin");
    let made = store::staff_sign_ins::ByHand { id, staff_id, link, next_path, invited, now };
    store::staff_sign_ins::insert_by_hand(tx, &made)?;
    Ok(id)
}

/// What a link would do now, in this browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkLook {
    /// Sign in.
    Works,
    /// Nothing here: another browser asked for it.
    OtherBrowser,
    /// Nothing: its time is over.
    Expired,
    /// Nothing: it, or its code, was used.
    Used,
    /// Nothing: it is unknown, was replaced by a newer one, or its holder is no longer active.
    Unknown,
}

/// What came of an attempt to sign in.
#[derive(Debug)]
pub enum Outcome {
    /// They are in.
    In {
        /// Who, and with which session.
        signed_in: Box<SignedIn>,
        /// What their browser is given.
        token: Token,
        /// Where they wanted to go.
        next_path: String,
    },
    /// They are not. What was counted stays counted, so this is no error that would undo it.
    Refused(LinkLook),
}

/// What the link with this `token` would do in the browser that holds the ids of these `requests`.
/// Changes nothing: mail scanners open links, too.
pub fn look(
    tx: &mut Tx<'_>,
    token: &Token,
    requests: &[String],
    now: Millis,
) -> Result<LinkLook, Error> {
    let Some(state) = store::staff_sign_ins::find_link_state(tx, token.hash())? else {
        return Ok(LinkLook::Unknown);
    };
    judge(tx, &state, requests, now).map(|(look, _)| look)
}

/// Signs in with a link.
pub fn open_link(
    tx: &mut Tx<'_>,
    token: &Token,
    requests: &[String],
    visitor: &Visitor,
    now: Millis,
) -> Result<Outcome, Error> {
    let Some(state) = store::staff_sign_ins::take_link_state(tx, token.hash())? else {
        return Ok(Outcome::Refused(LinkLook::Unknown));
    };
    let (look, staff) = judge(tx, &state, requests, now)?;
    let Some(staff) = staff else { return Ok(Outcome::Refused(look)) };
    let way = match state.request_hash {
        Some(_) => Way::Link,
        None if state.invited => Way::Invited,
        None => Way::Operator,
    };
    let_in(tx, (state.id, state.next_path), &staff, way, visitor, now)
}

/// What a link does, and whom it lets in if it works.
fn judge(
    tx: &mut Tx<'_>,
    state: &LinkState,
    requests: &[String],
    now: Millis,
) -> Result<(LinkLook, Option<Staff>), Error> {
    let Some(staff) = active(tx, state.staff_id)? else { return Ok((LinkLook::Unknown, None)) };
    let in_time = state.expires_at.is_some_and(|expires_at| now < expires_at);
    Ok(match () {
        () if state.used => (LinkLook::Used, None),
        () if !in_time => (LinkLook::Expired, None),
        () if !is_own(state.request_hash.as_ref(), requests) => (LinkLook::OtherBrowser, None),
        () => (LinkLook::Works, Some(staff)),
    })
}

/// Whether this is the browser that asked. A link made by somebody else is anybody's who has it.
fn is_own(request_hash: Option<&[u8; 32]>, requests: &[String]) -> bool {
    let Some(wanted) = request_hash else { return true };
    requests.iter().any(|id| bool::from(ids::sha256(id.as_bytes()).ct_eq(wanted)))
}

fn active(tx: &mut Tx<'_>, staff_id: Option<i64>) -> Result<Option<Staff>, Error> {
    let Some(id) = staff_id else { return Ok(None) };
    Ok(store::staff::find(tx, id)?.filter(|staff| staff.active))
}

/// Signs in with the code, in the browser that asked, whichever of its `requests` the code is for.
///
/// # Errors
/// [`Error::RateLimited`] by network.
pub fn open_code(
    tx: &mut Tx<'_>,
    rules: &Rules,
    key: &HashKey,
    (requests, code): (&[String], &str),
    (visitor, network): (&Visitor, &[u8]),
    now: Millis,
) -> Result<Outcome, Error> {
    if rules.limits {
        limits::hit(tx, key, &[(limits::CODES_OF_NETWORK, network)], now)?;
    }
    for request_id in requests {
        let tried = try_code(tx, rules, key, (request_id, code), visitor, now)?;
        if matches!(tried, Outcome::In { .. }) {
            return Ok(tried);
        }
    }
    Ok(Outcome::Refused(LinkLook::Unknown))
}

fn try_code(
    tx: &mut Tx<'_>,
    rules: &Rules,
    key: &HashKey,
    (request_id, code): (&str, &str),
    visitor: &Visitor,
    now: Millis,
) -> Result<Outcome, Error> {
    let refused = Ok(Outcome::Refused(LinkLook::Unknown));
    let hash = ids::sha256(request_id.as_bytes());
    let Some((state, next_path)) = store::staff_sign_ins::take_code_state(tx, &hash)? else {
        return refused;
    };
    store::staff_sign_ins::count_try(tx, state.id)?;
    // The same work for who is nobody: neither the answer nor its time tells who is on the staff. What was not
    // mailed yet is tried at nobody's cost.
    let staff = store::staff::find(tx, state.holder.unwrap_or_default())?;
    let staff = staff.filter(|staff| staff.active && state.code_hash.is_some());
    let who = staff.as_ref().map_or(state.id, |staff| staff.id).to_be_bytes();
    let tries = [(limits::CODES_OF_STAFF, &who[..])];
    let has_room = !rules.limits || limits::has_room(tx, key, &tries, now)?;
    let typed = digest(key, state.id, code);
    match (staff, codes::whom_it_lets_in(&state, &typed, now)) {
        (Some(staff), Some(_)) if has_room => {
            let_in(tx, (state.id, next_path), &staff, Way::Code, visitor, now)
        }
        _ => refused,
    }
}

fn let_in(
    tx: &mut Tx<'_>,
    (id, next_path): (i64, String),
    staff: &Staff,
    way: Way,
    visitor: &Visitor,
    now: Millis,
) -> Result<Outcome, Error> {
    store::staff_sign_ins::set_used(tx, id, now)?;
    let (signed_in, token) = sessions::begin(tx, staff, way, visitor, now)?;
    Ok(Outcome::In { signed_in: Box::new(signed_in), token, next_path })
}

fn digest(key: &HashKey, id: i64, code: &str) -> [u8; 32] {
    key.digest("staff-code", &[&id.to_be_bytes(), code.as_bytes()])
}

/// Forgets sign-ins that are long past. Returns how many.
pub fn forget_old(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<u64, Error> {
    Ok(store::staff_sign_ins::purge(tx, now.minus(REMEMBERED), limit)?)
}
