//! Limits: how often something may be asked for. Hits are counted in the database, so that they
//! hold for all processes together, under keyed hashes, so that nobody can read who asked.

use std::time::Duration;

use crate::clock::Millis;
use crate::db::Tx;
use crate::error::Error;
use crate::ids::HashKey;
use crate::store;

const HOUR: Duration = Duration::from_secs(3600);

/// At most `hits` in any `window`.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    name: &'static str,
    hits: i64,
    window: Duration,
    /// Hits within one slice share a row and leave the window together: longer slices cost
    /// less and may hold somebody off for one slice longer. One millisecond is exact.
    slice: Duration,
}

const fn exact(name: &'static str, hits: i64, window: Duration) -> Limit {
    Limit { name, hits, window, slice: Duration::from_millis(1) }
}

/// Link mails to one address: one a minute.
pub const MAILS_A_MINUTE: Limit = exact("mails-a-minute", 1, Duration::from_secs(60));
/// Link mails to one address: five an hour.
pub const MAILS_AN_HOUR: Limit = exact("mails-an-hour", 5, HOUR);
/// Requests for links from one network (an IPv4 address or an IPv6 /64): 30 an hour.
pub const REQUESTS_OF_NETWORK: Limit = exact("requests-of-network", 30, HOUR);
/// Codes typed from one network: 60 an hour, beside the five tries each code has.
pub const CODES_OF_NETWORK: Limit = exact("codes-of-network", 60, HOUR);
/// Wrong and right codes typed for one member of staff: 20 a day over all their sign-ins, since anybody
/// may ask for their code. The link in the mail keeps working.
pub const CODES_OF_STAFF: Limit = exact("codes-of-staff", 20, Duration::from_secs(86_400));
/// Sign-ins of staff asked for from one network: 30 an hour.
pub const SIGN_INS_OF_NETWORK: Limit = exact("sign-ins-of-network", 30, HOUR);
/// Sign-ins of staff asked for over all: 3,000 an hour.
pub const SIGN_INS_OF_ALL: Limit =
    Limit { name: "sign-ins-of-all", hits: 3_000, window: HOUR, slice: Duration::from_secs(60) };
/// Passkeys shown from one network: 120 an hour. Each is a signature that nobody guesses; what is
/// limited is the work.
pub const PASSKEYS_OF_NETWORK: Limit = exact("passkeys-of-network", 120, HOUR);
/// Sign-ins with OpenID Connect begun in one network: 120 an hour, since a whole house may share an
/// address. Nothing is guessed by them; what is limited is the work, and what we ask of the provider.
pub const OIDC_OF_NETWORK: Limit = exact("oidc-of-network", 120, HOUR);
/// Sign-in mails to one address: one a minute.
pub const SIGN_IN_MAILS_A_MINUTE: Limit =
    exact("sign-in-mails-a-minute", 1, Duration::from_secs(60));
/// Sign-in mails to one address: five an hour.
pub const SIGN_IN_MAILS_AN_HOUR: Limit = exact("sign-in-mails-an-hour", 5, HOUR);
/// Requests for links over all: 3,000 an hour.
pub const REQUESTS_OF_ALL: Limit =
    Limit { name: "requests-of-all", hits: 3_000, window: HOUR, slice: Duration::from_secs(60) };

/// Counts a hit of `subject` on every one of `limits`, or on none.
///
/// # Errors
/// [`Error::RateLimited`] if one of them is used up. It says when there is room again, and the
/// hit does not count.
pub fn hit(
    tx: &mut Tx<'_>,
    key: &HashKey,
    limits: &[(Limit, &[u8])],
    now: Millis,
) -> Result<(), Error> {
    let mut subjects: Vec<(Limit, [u8; 32])> =
        limits.iter().map(|(limit, who)| (*limit, key.digest(limit.name, &[who]))).collect();
    // Who counts holds the counter until the hit is in: two processes cannot both take the last
    // place. Always in the same order, so that they cannot wait for each other.
    subjects.sort_unstable_by_key(|(_, subject)| *subject);
    for (limit, subject) in &subjects {
        store::limits::hold(tx, subject, limit.room_at(now))?;
        let (hits, oldest) = store::limits::count(tx, subject, limit.begin(now))?;
        if hits >= limit.hits {
            let wait = limit.room_at(oldest.unwrap_or(now)).since(now);
            // Whole seconds, as Retry-After has them (RFC 9110 §10.2.3), and never too early.
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            let retry_after = Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX));
            return Err(Error::RateLimited { retry_after });
        }
    }
    for (limit, subject) in &subjects {
        let slice = limit.slice_of(now);
        store::limits::add(tx, subject, slice, limit.room_at(slice))?;
    }
    Ok(())
}

/// As [`hit`], for who must not learn of it: whether there was room.
///
/// # Errors
/// Those of the database.
pub fn has_room(
    tx: &mut Tx<'_>,
    key: &HashKey,
    limits: &[(Limit, &[u8])],
    now: Millis,
) -> Result<bool, Error> {
    match hit(tx, key, limits, now) {
        Ok(()) => Ok(true),
        Err(Error::RateLimited { .. }) => Ok(false),
        Err(other) => Err(other),
    }
}

/// Forgets hits that count no more.
pub fn forget_old(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<u64, Error> {
    Ok(store::limits::purge(tx, now, limit)?)
}

impl Limit {
    fn slice_of(&self, now: Millis) -> Millis {
        let length = i64::try_from(self.slice.as_millis()).unwrap_or(1).max(1);
        Millis(now.0 - now.0.rem_euclid(length))
    }

    /// Slices that begin after this may still hold hits of the window that ends `now`.
    fn begin(&self, now: Millis) -> Millis {
        Millis(now.minus(self.window).minus(self.slice).0 + 1)
    }

    /// When hits of the slice that began at `slice` no longer count.
    fn room_at(&self, slice: Millis) -> Millis {
        Millis(slice.plus(self.window).plus(self.slice).0 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_limit_lets_the_next_in_after_its_window() {
        let first = Millis(1_000_000);
        let limit = MAILS_A_MINUTE;
        let counts_at = |now: i64| limit.slice_of(first) > limit.begin(Millis(now));
        assert!(counts_at(1_000_000 + 59_999));
        assert!(!counts_at(1_000_000 + 60_000));
        assert_eq!(limit.room_at(first), Millis(1_060_000));
    }

    #[test]
    fn a_sliced_limit_never_forgets_too_early() {
        let limit = REQUESTS_OF_ALL;
        for late in [0, 1, 59_999] {
            let hit = Millis(6_000_000 + late);
            let last_moment = Millis(hit.0 + 3_600_000 - 1);
            assert!(limit.slice_of(hit) > limit.begin(last_moment), "{late}");
        }
    }
}
