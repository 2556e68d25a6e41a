//! What is signed: ID tokens and passkeys. The first byte says what; what only a good signature leads to
//! is signed here.
#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorkey::clock::Millis;
use doorkey::domain::id_token::{self, Expected, KeySet};
use doorkey::domain::webauthn::{self, Assertion, Creation, Party, Refusal};
use doorkey::ids;
use libfuzzer_sys::fuzz_target;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

const EXPECTED: Expected<'static> = Expected {
    issuer: "https://login.example",
    client_id: "doorkey",
    nonce: "n-0S6",
    now: Millis(1_794_474_840_000),
};
/// What comes before an Ed25519 key as a SubjectPublicKeyInfo, RFC 8410 §4.
const KEY_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

fuzz_target!(|input: &[u8]| {
    let Some((what, input)) = input.split_first() else { return };
    match what {
        b'k' => any_keys(input),
        b'c' => claims(input),
        b'u' => userinfo(input),
        b'n' => new_passkey(input),
        b'p' => passkey(input),
        b'd' => public_key(input),
        _ => {}
    }
});

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key")
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key set of any kind, then a token of any kind on a line of its own.
fn any_keys(input: &[u8]) {
    let at = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (keys, token) = input.split_at(at);
    let Ok(keys) = serde_json::from_slice::<KeySet>(keys) else { return };
    let _ = id_token::check(String::from_utf8_lossy(token).trim(), &keys, &EXPECTED);
}

/// A token that says anything, and is signed.
fn claims(input: &[u8]) {
    let pair = pair();
    let keys = json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref()) },
    ] });
    let keys: KeySet = serde_json::from_value(keys).expect("keys");
    let message = format!("{}.{}", text(br#"{"alg":"EdDSA"}"#), text(input));
    let signature = pair.sign(message.as_bytes());
    let Ok(person) =
        id_token::check(&format!("{message}.{}", text(signature.as_ref())), &keys, &EXPECTED)
    else {
        return;
    };
    let said: Value = serde_json::from_slice(input).expect("JSON");
    assert!(said["iss"] == EXPECTED.issuer && said["nonce"] == EXPECTED.nonce);
    assert!(said["sub"] == *person.subject && !person.subject.is_empty());
    assert!(
        said["aud"] == "doorkey"
            || said["aud"].as_array().is_some_and(|all| all.contains(&json!("doorkey")))
    );
    assert!(said["azp"].is_null() || said["azp"] == "doorkey");
    let now = EXPECTED.now.0 as f64 / 1000.0;
    assert!(said["exp"].as_f64().is_some_and(|it| it + 61.0 > now));
    assert!(said["iat"].as_f64().is_some_and(|it| it < now + 61.0 && it + 662.0 > now));
    if person.address.verified().is_some() {
        let vouched = |name: &str| [json!(true), json!("true")].contains(&said[name]);
        let edov = vouched("xms_edov") || said["xms_edov"] == 1 || said["xms_edov"] == "1";
        assert!(vouched("email_verified") || (said["email_verified"].is_null() && edov));
    }
    let other = format!("{message}.{}", text(&[0; 64]));
    assert_eq!(id_token::check(&other, &keys, &EXPECTED), Err(id_token::Refusal::Signature));
}

fn userinfo(input: &[u8]) {
    if id_token::check_userinfo(input, "248289").is_ok() {
        let said: Value = serde_json::from_slice(input).expect("JSON");
        assert_eq!(said["sub"], "248289");
    }
}

fn party() -> Party {
    Party { id: "desk.example".to_owned(), origin: "https://desk.example".to_owned() }
}

/// The client data on the first line; then what an authenticator says of our party.
fn split(input: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let at = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let rest = input.get(at + 1..).unwrap_or_default();
    (input[..at].to_vec(), [&ids::sha256(b"desk.example")[..], rest].concat())
}

fn came_from_us(client_data: &[u8], kind: &str) {
    let said: Value = serde_json::from_slice(client_data).expect("JSON");
    assert!(said["type"] == kind && said["origin"] == "https://desk.example");
    let challenge = webauthn::challenge_of(client_data).expect("a challenge");
    assert_eq!(said["challenge"], *challenge);
}

fn new_passkey(input: &[u8]) {
    let (client_data, authenticator_data) = split(input);
    let public_key = [&KEY_HEAD, pair().public_key().as_ref()].concat();
    let creation = Creation { client_data, authenticator_data, public_key };
    let Ok(made) = webauthn::check_creation(&party(), &creation) else { return };
    came_from_us(&creation.client_data, "webauthn.create");
    assert!((1..=1_023).contains(&made.credential_id.len()));
    let data = &creation.authenticator_data;
    assert!(data[32] & 0x45 == 0x45, "somebody was there, and made one");
    assert!(data.windows(made.credential_id.len()).any(|it| it == made.credential_id));
}

fn passkey(input: &[u8]) {
    let (client_data, authenticator_data) = split(input);
    let pair = pair();
    let public_key = [&KEY_HEAD, pair.public_key().as_ref()].concat();
    let signed = [&authenticator_data[..], &ids::sha256(&client_data)].concat();
    let signature = pair.sign(&signed).as_ref().to_vec();
    let (credential_id, user_handle) = (vec![1], Vec::new());
    let mut shown =
        Assertion { credential_id, client_data, authenticator_data, signature, user_handle };
    for before in [0, 5] {
        let Ok(counter) = webauthn::check_assertion(&party(), &shown, &public_key, before) else {
            continue;
        };
        came_from_us(&shown.client_data, "webauthn.get");
        assert!(counter > before || (counter, before) == (0, 0));
        assert!(shown.authenticator_data[32] & 0x05 == 0x05, "somebody was there");
        shown.signature[0] ^= 1;
        let judged = webauthn::check_assertion(&party(), &shown, &public_key, before);
        assert_eq!(judged, Err(Refusal::Signature));
        shown.signature[0] ^= 1;
    }
}

/// A public key of any kind, for a passkey that is good but for it.
fn public_key(input: &[u8]) {
    let client_data =
        br#"{"type":"webauthn.create","challenge":"c","origin":"https://desk.example"}"#;
    let rest = [&[0x45, 0, 0, 0, 0][..], &[0; 16], &[0, 1, 9]].concat();
    let authenticator_data = [&ids::sha256(b"desk.example")[..], &rest].concat();
    let creation = Creation {
        client_data: client_data.to_vec(),
        authenticator_data,
        public_key: input.to_vec(),
    };
    match webauthn::check_creation(&party(), &creation) {
        Ok(made) => assert!(made.public_key == input && input.len() <= 2_048),
        Err(refusal) => assert_eq!(refusal, Refusal::Key),
    }
}
