//! Identifiers and secrets: the only user of randomness.
//!
//! Everything here comes from the operating system's generator. What a person may hold
//! (a [`Token`], an API key) is never stored: only its [`TokenHash`] is.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::clock::Millis;

/// 2024-01-01T00:00:00Z: ids count their milliseconds from here, so 41 bits last until 2093.
const ID_EPOCH: i64 = 1_704_067_200_000;
/// The last millisecond that an id can tell.
pub const LAST_MOMENT: Millis = Millis(ID_EPOCH + (1 << 41) - 1);
/// Random bits below the time in an id.
const ID_RANDOM_BITS: u32 = 22;

static LAST_ID: AtomicI64 = AtomicI64::new(0);

/// An id for an entry that happened at `at`, perhaps long before this database was there, and
/// comes after `last` on its timeline.
///
/// It says no more than its time does: were ids of a batch simply counted on, a gap between two
/// would betray an internal entry.
pub fn entry_id(at: Millis, last: i64) -> i64 {
    let noise = i64::from(u32::from_le_bytes(random_bytes()));
    let wanted = if at.0 >= ID_EPOCH {
        (at.0 - ID_EPOCH) << ID_RANDOM_BITS | noise >> (32 - ID_RANDOM_BITS)
    } else {
        // Before ids began: half a millisecond each, and about a second of noise.
        at.0.max(0) * 2 + noise % 2_048
    };
    wanted.max(last + 1 + noise % 4_096)
}

/// Fills `bytes` from the operating system's generator.
///
/// Aborts the process when the system has no randomness to give: there is no safe way on.
#[expect(clippy::disallowed_methods, reason = "the one user of randomness")]
fn fill(bytes: &mut [u8]) {
    if getrandom::fill(bytes).is_err() {
        tracing::error!("the operating system gives no random numbers");
        std::process::abort();
    }
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

/// A new row id: 41 bits of milliseconds, then 22 random bits.
///
/// Ids grow with time, so new rows land at the end of a clustered table, and they are unique
/// within a process. Two processes may draw the same one about once in four million
/// simultaneous draws; the insert then fails on the primary key and the transaction is run
/// again (see [`crate::db`]).
pub fn new_id(now: Millis) -> i64 {
    let wanted = id_at(now, u32::from_le_bytes(random_bytes()));
    // Within one millisecond, and while a burst has run ahead of the clock, the next id is the last
    // one plus one. A clock set back by more than a second keeps its own, smaller ids.
    let mut chosen = wanted;
    let _ = LAST_ID.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
        let ahead = (last >> ID_RANDOM_BITS) - (wanted >> ID_RANDOM_BITS);
        chosen = if (0..=1_000).contains(&ahead) { last + 1 } else { wanted };
        Some(chosen)
    });
    chosen
}

/// The row id of a moment, with `noise` in place of what is drawn at random: for rows that must be
/// the same each time they are made. Its upper 22 bits count.
pub fn id_at(at: Millis, noise: u32) -> i64 {
    let time = (at.0 - ID_EPOCH).max(0) << ID_RANDOM_BITS;
    time | i64::from(noise >> (32 - ID_RANDOM_BITS))
}

/// The 32 characters of a reference: digits and letters without I, L, O and U (Crockford).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A ticket's reference, `TKT-` and six characters. It names a ticket; it never opens one.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference(String);

impl Reference {
    /// Draws a reference at random: 32^6, about 10^9, of them.
    pub fn random() -> Self {
        let letters = random_bytes::<6>().map(|byte| ALPHABET[usize::from(byte % 32)] as char);
        Self(format!("TKT-{}", letters.iter().collect::<String>()))
    }

    /// The reference of a number; of a greater one its lower 30 bits count. No two of these
    /// numbers have the same.
    pub fn of_number(number: u32) -> Self {
        let letter = |place: u32| ALPHABET[(number >> (5 * place) & 31) as usize] as char;
        Self(format!("TKT-{}", (0..6).rev().map(letter).collect::<String>()))
    }

    /// The number that [`Self::of_number`] makes this reference of.
    pub fn number(&self) -> u32 {
        let place = |letter: u8| ALPHABET.iter().position(|&known| known == letter).unwrap_or(0);
        let add = |sum: u32, letter| sum << 5 | u32::try_from(place(letter)).unwrap_or(0);
        self.0.bytes().skip("TKT-".len()).fold(0, add)
    }

    /// Reads a reference in any case and with look-alikes (`o` for `0`, `i` and `l` for `1`).
    /// `None` if it can be no reference.
    pub fn parse(text: &str) -> Option<Self> {
        // As it is kept, and as most who ask for one have it.
        if let Some(letters) = text.strip_prefix("TKT-")
            && letters.len() == 6
            && letters.bytes().all(|letter| ALPHABET.contains(&letter))
        {
            return Some(Self(text.to_owned()));
        }
        let upper = text.to_ascii_uppercase();
        let letters = upper.strip_prefix("TKT-")?;
        Self::from_letters(letters)
    }

    /// As [`Self::parse`], but the `TKT-` may be missing, as people type it into a search.
    pub fn parse_loosely(text: &str) -> Option<Self> {
        let upper = text.trim().to_ascii_uppercase();
        Self::from_letters(upper.strip_prefix("TKT-").unwrap_or(&upper))
    }

    fn from_letters(letters: &str) -> Option<Self> {
        if letters.len() != 6 {
            return None;
        }
        let clean: Option<String> = letters
            .chars()
            .map(|letter| match letter {
                'O' => Some('0'),
                'I' | 'L' => Some('1'),
                other => {
                    u8::try_from(other).ok().filter(|byte| ALPHABET.contains(byte)).map(char::from)
                }
            })
            .collect();
        clean.map(|letters| Self(format!("TKT-{letters}")))
    }

    /// The reference as it is written: `TKT-7K3M9Q`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A secret that opens something: 32 random bytes, held by a person and never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// A new token (ASVS 7.2.3: at least 128 bits from a CSPRNG).
    pub fn random() -> Self {
        Self(random_bytes())
    }

    /// Reads the 43 characters of base64url. Anything else is no token.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// The 43 characters that go into a link. The caller must not store or log them.
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What is stored in its place.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0).into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// SHA-256 of a [`Token`]. Plain SHA-256 is enough above 112 bits of entropy (ASVS 6.5.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TokenHash(pub [u8; 32]);

/// Prefix of an API key, so that one is recognised when it turns up in the wrong place.
const API_KEY_PREFIX: &str = "dk_";

/// A new API key (`dk_` and 43 characters) and the hash to store.
pub fn api_key() -> (String, TokenHash) {
    let token = Token::random();
    (format!("{API_KEY_PREFIX}{}", token.reveal()), token.hash())
}

/// The hash of an API key as a program sends it; `None` if it can be none.
pub fn api_key_hash(key: &str) -> Option<TokenHash> {
    Some(Token::parse(key.strip_prefix(API_KEY_PREFIX)?)?.hash())
}

/// A sign-in code: six digits, each number equally likely.
pub fn code() -> String {
    // 2^32 is no multiple of 10^6: numbers from the uneven rest are drawn again.
    const FAIR: u32 = u32::MAX - u32::MAX % 1_000_000;
    loop {
        let number = u32::from_le_bytes(random_bytes());
        if number < FAIR {
            return format!("{:06}", number % 1_000_000);
        }
    }
}

/// A random file-name-safe word for Message-IDs and request ids: 16 bytes in base64url.
pub fn word() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes::<16>())
}

/// A pause drawn at random, up to `longest`: it keeps apart what would otherwise meet again.
pub fn jitter(longest: Duration) -> Duration {
    longest.mul_f64(f64::from(u32::from_le_bytes(random_bytes())) / f64::from(u32::MAX))
}

/// What signs the calls of a webhook: 32 random bytes.
pub fn webhook_secret() -> [u8; 32] {
    random_bytes()
}

/// HMAC-SHA-256 of `message`, RFC 2104.
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac,
        // HMAC takes a key of any length.
        Err(_) => Hmac::<Sha256>::new(&[0; 64].into()),
    };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// The key under which addresses, networks and codes are hashed; made once, kept in the database.
#[derive(Clone, Copy)]
pub struct HashKey(pub [u8; 32]);

impl HashKey {
    /// A new key.
    pub fn random() -> Self {
        Self(random_bytes())
    }

    /// HMAC-SHA-256 over `purpose` and `parts`, so that a small space (addresses, six digits)
    /// cannot be searched by who sees only the hashes.
    pub fn digest(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        // HMAC pads a short key with zeros to the block of 64 bytes, RFC 2104 §2.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(purpose.as_bytes());
        for part in parts {
            // The length keeps ("ab", "c") apart from ("a", "bc").
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(…)")
    }
}

/// A file-name-safe word for what these bytes are: half their SHA-256 in base64url, 22 characters.
pub fn hash_word(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(&sha256(bytes)[..16])
}

/// SHA-256 of anything: request fingerprints and asset names.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn references_are_read_with_look_alikes() {
        let wanted = Reference::parse("TKT-01ABCZ").expect("a reference");
        assert_eq!(Reference::parse("tkt-oIabcz"), Some(wanted.clone()));
        assert_eq!(Reference::parse("TKT-0labcz"), Some(wanted.clone()));
        assert_eq!(Reference::parse_loosely(" 01abcz "), Some(wanted));
        for bad in ["", "TKT-", "TKT-12345", "TKT-1234567", "TKT-ABCDEU", "TKT-ÄBCDEF", "01ABCZ"] {
            assert_eq!(Reference::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn references_and_numbers_belong_together() {
        assert_eq!(Reference::of_number(0).as_str(), "TKT-000000");
        assert_eq!(Reference::of_number((1 << 30) - 1).as_str(), "TKT-ZZZZZZ");
        for number in [1, 32, 123_456_789, (1 << 30) - 2] {
            assert_eq!(Reference::of_number(number).number(), number);
        }
    }

    #[test]
    fn tokens_round_trip_and_nothing_else_parses() {
        let token = Token::random();
        let text = token.reveal();
        assert_eq!(text.len(), 43);
        assert_eq!(Token::parse(&text), Some(token));
        for bad in ["", "%", "*", &text[..42], &format!("{text}A"), &format!("{text}=")] {
            assert!(Token::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn tokens_are_all_different_in_every_part() {
        let tokens: Vec<String> = (0..65_536).map(|_| Token::random().reveal()).collect();
        // 11 characters hold 66 bits: were a part not random, two of these would meet.
        for part in [0..11, 16..27, 32..43] {
            let parts: HashSet<&str> = tokens.iter().map(|token| &token[part.clone()]).collect();
            assert_eq!(parts.len(), tokens.len());
        }
    }

    #[test]
    fn ids_grow_within_a_moment() {
        let now = Millis(ID_EPOCH + 86_400_000);
        let ids: Vec<i64> = (0..10_000).map(|_| new_id(now)).collect();
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), ids.len());
    }

    #[test]
    fn ids_of_old_entries_grow_and_are_never_simply_counted_on() {
        for at in [0, 1_000_000_000_000, ID_EPOCH - 1, ID_EPOCH, ID_EPOCH + 86_400_000] {
            let mut last = 0;
            let mut gaps = HashSet::new();
            for _ in 0..100 {
                let id = entry_id(Millis(at), last);
                assert!(id > last);
                gaps.insert(id - last);
                last = id;
            }
            assert!(gaps.len() > 50, "{at}: {gaps:?}");
            assert!(entry_id(Millis(at + 60_000), last) > last);
        }
    }

    #[test]
    fn codes_have_six_digits() {
        for _ in 0..1000 {
            let code = code();
            assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()));
        }
    }

    #[test]
    fn digests_keep_parts_apart() {
        let key = HashKey::random();
        assert_ne!(key.digest("x", &[b"ab", b"c"]), key.digest("x", &[b"a", b"bc"]));
        assert_ne!(key.digest("x", &[b"a"]), key.digest("y", &[b"a"]));
    }
}
