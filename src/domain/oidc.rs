//! Signing in at an OpenID Connect provider: how an attempt begins and ends here. What the provider
//! says is asked for in [`crate::hooks`] and checked in [`super::id_token`].

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::email::Email;
use crate::domain::sessions::{self, Visitor, Way};
use crate::domain::{Rules, limits};
use crate::error::Error;
use crate::ids::{self, HashKey, Token};
use crate::store;

/// How long somebody may take at the provider.
pub const TTL: Duration = Duration::from_secs(10 * 60);

/// What binds an answer to the browser that asked. All of it follows from the secret in that browser's
/// cookie and a key that never leaves the house, so the database holds none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Comes back in the answer's address: somebody else's answer has another (RFC 6749 §10.12).
    pub state: String,
    /// Stands in the ID token: a token of another attempt has another.
    pub nonce: String,
    /// Is shown when the code is used: a code that was stolen on its way is worthless (RFC 7636).
    pub verifier: String,
}

impl Attempt {
    /// The one that belongs to a browser's `secret`.
    pub fn of(key: &HashKey, secret: &Token) -> Self {
        let secret = secret.reveal();
        let derive = |purpose| URL_SAFE_NO_PAD.encode(key.digest(purpose, &[secret.as_bytes()]));
        let [state, nonce, verifier] = ["oidc-state", "oidc-nonce", "oidc-verifier"].map(derive);
        Self { state, nonce, verifier }
    }

    /// What the provider compares the verifier with, `S256`.
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(ids::sha256(self.verifier.as_bytes()))
    }

    /// Whether an answer with this `state` is for it.
    pub fn is_for(&self, state: &str) -> bool {
        bool::from(self.state.as_bytes().ct_eq(state.as_bytes()))
    }
}

/// Begins an attempt that leads to `next_path`. Returns what only the browser that asked may hold.
///
/// # Errors
/// [`Error::RateLimited`] by network.
pub fn begin(
    tx: &mut Tx<'_>,
    rules: &Rules,
    key: &HashKey,
    next_path: &str,
    network: &[u8],
    now: Millis,
) -> Result<Token, Error> {
    if rules.limits {
        limits::hit(tx, key, &[(limits::OIDC_OF_NETWORK, network)], now)?;
    }
    let secret = Token::random();
    store::oidc::insert(tx, secret.hash(), next_path, now.plus(TTL))?;
    Ok(secret)
}

/// Uses an attempt up, whatever comes of it: an answer counts once. Where it leads; `None` if it was
/// used before, or its time is over.
pub fn take(tx: &mut Tx<'_>, secret: &Token, now: Millis) -> Result<Option<String>, Error> {
    let taken = store::oidc::take(tx, secret.hash())?;
    Ok(taken.filter(|(_, expires_at)| now < *expires_at).map(|(next_path, _)| next_path))
}

/// Signs in whoever has this address, for which the provider vouches. `None` if nobody has it who may
/// come in.
pub fn sign_in(
    tx: &mut Tx<'_>,
    email: &Email,
    visitor: &Visitor,
    now: Millis,
) -> Result<Option<Token>, Error> {
    let staff = store::staff::take_by_email(tx, email)?.filter(|staff| staff.active);
    let Some(staff) = staff else { return Ok(None) };
    let (_, token) = sessions::begin(tx, &staff, Way::Oidc, visitor, now)?;
    Ok(Some(token))
}

/// Forgets attempts that came to nothing. Returns how many.
pub fn forget_old(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<u64, Error> {
    Ok(store::oidc::purge(tx, now, limit)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_follows_from_its_secret_and_tells_nothing_of_it() {
        let (key, secret) = (HashKey([7; 32]), Token::random());
        let attempt = Attempt::of(&key, &secret);
        assert!(attempt == Attempt::of(&key, &secret));
        assert!(attempt != Attempt::of(&HashKey([8; 32]), &secret));
        assert!(attempt != Attempt::of(&key, &Token::random()));
        let Attempt { state, nonce, verifier } = &attempt;
        let all = [state, nonce, verifier, &attempt.challenge(), &secret.reveal()];
        for (at, one) in all.iter().enumerate() {
            assert_eq!(one.len(), 43);
            assert!(!all[..at].contains(one));
        }
        assert!(attempt.is_for(state) && !attempt.is_for(nonce) && !attempt.is_for(""));
    }
}
