//! What a passkey says, checked: Web Authentication Level 2 §7.1 and §7.2, as far as we ask for it.
//!
//! Nothing here knows a database or a request. No attestation is asked for: whoever adds a passkey is
//! signed in, and any authenticator is welcome, so the public key is taken from the browser as
//! `getPublicKey()` has it (§5.2.1) and no CBOR is read. Why this is not a library stands in
//! docs/decisions/0016.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use serde::Deserialize;
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::spki::SubjectPublicKeyInfoRef;

use crate::ids;

/// Algorithms that are taken, as COSE numbers them (RFC 9053, RFC 8812): ES256, EdDSA, RS256.
pub const ALGORITHMS: [i32; 3] = [-7, -8, -257];
/// Longest credential id, §5.1.
const LONGEST_ID: usize = 1_023;
/// Longest public key that is kept: RSA with 8,192 bits takes 1,060 bytes.
const LONGEST_KEY: usize = 2_048;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EDWARDS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// Somebody was there, §6.1.
const USER_PRESENT: u8 = 0x01;
/// And it was who unlocks the device.
const USER_VERIFIED: u8 = 0x04;
/// A new credential follows.
const HAS_CREDENTIAL: u8 = 0x40;

/// Whose passkeys these are: us.
#[derive(Clone, Debug)]
pub struct Party {
    /// The host name of the public URL.
    pub id: String,
    /// The origin of the public URL.
    pub origin: String,
}

/// Why a passkey was not taken. For the log: people are told only that it was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What the browser says of the ceremony cannot be read.
    #[error("the client data cannot be read")]
    ClientData,
    /// It was made for something else: signing in, or adding.
    #[error("it was made for another purpose")]
    Purpose,
    /// It was made on a page of another site, or in a frame of one.
    #[error("it was made for another origin")]
    Origin,
    /// What the authenticator says is too short, or contradicts itself.
    #[error("the authenticator data cannot be read")]
    AuthenticatorData,
    /// The authenticator answered another party.
    #[error("it was made for another party")]
    Party,
    /// Nobody touched it, or nobody unlocked it.
    #[error("nobody was there, or nobody showed who they are")]
    NotVerified,
    /// The public key is none that is taken.
    #[error("the public key is of no kind that is taken")]
    Key,
    /// The signature is not the key's.
    #[error("the signature is wrong")]
    Signature,
    /// The counter did not grow: there may be two of it (§6.1.1).
    #[error("the counter did not grow: the passkey may have been copied")]
    Counter,
}

/// What the browser signs or passes on (§5.8.1).
#[derive(Debug, Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    cross_origin: Option<bool>,
}

/// The challenge that a ceremony answers; the caller must know it as one of ours, not yet used.
pub fn challenge_of(client_data: &[u8]) -> Result<String, Refusal> {
    Ok(read_client_data(client_data)?.challenge)
}

fn read_client_data(bytes: &[u8]) -> Result<ClientData, Refusal> {
    serde_json::from_slice(bytes).map_err(|_| Refusal::ClientData)
}

fn check_client_data(bytes: &[u8], kind: &str, party: &Party) -> Result<(), Refusal> {
    let data = read_client_data(bytes)?;
    if data.kind != kind {
        return Err(Refusal::Purpose);
    }
    if data.origin != party.origin || data.cross_origin == Some(true) {
        return Err(Refusal::Origin);
    }
    Ok(())
}

/// What the authenticator says (§6.1): hash of the party, flags, counter, and what follows.
struct AuthenticatorData<'a> {
    flags: u8,
    counter: u32,
    rest: &'a [u8],
}

fn read_authenticator_data<'a>(
    bytes: &'a [u8],
    party: &Party,
) -> Result<AuthenticatorData<'a>, Refusal> {
    let (hash, rest) = bytes.split_first_chunk::<32>().ok_or(Refusal::AuthenticatorData)?;
    let ([flags], rest) = rest.split_first_chunk::<1>().ok_or(Refusal::AuthenticatorData)?;
    let (counter, rest) = rest.split_first_chunk::<4>().ok_or(Refusal::AuthenticatorData)?;
    if *hash != ids::sha256(party.id.as_bytes()) {
        return Err(Refusal::Party);
    }
    if flags & USER_PRESENT == 0 || flags & USER_VERIFIED == 0 {
        return Err(Refusal::NotVerified);
    }
    Ok(AuthenticatorData { flags: *flags, counter: u32::from_be_bytes(*counter), rest })
}

/// A new passkey, as the browser passes it on.
#[derive(Clone, Debug)]
pub struct Creation {
    /// `clientDataJSON`.
    pub client_data: Vec<u8>,
    /// `getAuthenticatorData()`.
    pub authenticator_data: Vec<u8>,
    /// `getPublicKey()`: a SubjectPublicKeyInfo, DER.
    pub public_key: Vec<u8>,
}

/// A passkey that was made for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Its id.
    pub credential_id: Vec<u8>,
    /// Its public key: a SubjectPublicKeyInfo, DER.
    pub public_key: Vec<u8>,
    /// Its counter; 0 for one that does not count.
    pub counter: u32,
}

/// Checks a new passkey (§7.1).
pub fn check_creation(party: &Party, creation: &Creation) -> Result<Created, Refusal> {
    check_client_data(&creation.client_data, "webauthn.create", party)?;
    let data = read_authenticator_data(&creation.authenticator_data, party)?;
    if data.flags & HAS_CREDENTIAL == 0 {
        return Err(Refusal::AuthenticatorData);
    }
    // 16 bytes say of which make it is, two how long its id is (§6.5.1).
    let (_, rest) = data.rest.split_first_chunk::<16>().ok_or(Refusal::AuthenticatorData)?;
    let (length, rest) = rest.split_first_chunk::<2>().ok_or(Refusal::AuthenticatorData)?;
    let length = usize::from(u16::from_be_bytes(*length));
    let id = rest.get(..length).ok_or(Refusal::AuthenticatorData)?;
    if !(1..=LONGEST_ID).contains(&length) {
        return Err(Refusal::AuthenticatorData);
    }
    let public_key = creation.public_key.clone();
    if public_key.len() > LONGEST_KEY {
        return Err(Refusal::Key);
    }
    verifier(&public_key)?;
    Ok(Created { credential_id: id.to_vec(), public_key, counter: data.counter })
}

/// Somebody shows a passkey.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// Which.
    pub credential_id: Vec<u8>,
    /// `clientDataJSON`.
    pub client_data: Vec<u8>,
    /// `authenticatorData`.
    pub authenticator_data: Vec<u8>,
    /// `signature`.
    pub signature: Vec<u8>,
    /// `userHandle`.
    pub user_handle: Vec<u8>,
}

/// Checks that whoever shows a passkey holds it (§7.2). Returns its counter.
pub fn check_assertion(
    party: &Party,
    assertion: &Assertion,
    public_key: &[u8],
    counter: u32,
) -> Result<u32, Refusal> {
    check_client_data(&assertion.client_data, "webauthn.get", party)?;
    let data = read_authenticator_data(&assertion.authenticator_data, party)?;
    let mut signed = assertion.authenticator_data.clone();
    signed.extend_from_slice(&ids::sha256(&assertion.client_data));
    verifier(public_key)?.verify(&signed, &assertion.signature).map_err(|_| Refusal::Signature)?;
    let counts = data.counter > 0 || counter > 0;
    if counts && data.counter <= counter {
        return Err(Refusal::Counter);
    }
    Ok(data.counter)
}

/// What checks signatures of this key.
fn verifier(public_key: &[u8]) -> Result<UnparsedPublicKey<Vec<u8>>, Refusal> {
    let info = SubjectPublicKeyInfoRef::from_der(public_key).map_err(|_| Refusal::Key)?;
    let bits = info.subject_public_key.as_bytes().ok_or(Refusal::Key)?;
    let curve = || info.algorithm.parameters_oid().ok();
    let algorithm: &'static dyn VerificationAlgorithm = match info.algorithm.oid {
        EC_PUBLIC_KEY if curve() == Some(P256) && bits.len() == 65 => &ECDSA_P256_SHA256_ASN1,
        EDWARDS if bits.len() == 32 => &ED25519,
        RSA => &RSA_PKCS1_2048_8192_SHA256,
        _ => return Err(Refusal::Key),
    };
    Ok(UnparsedPublicKey::new(algorithm, bits.to_vec()))
}

/// Reads what a browser sends as base64url without padding.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The same the other way round.
pub fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
