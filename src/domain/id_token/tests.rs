use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use serde_json::{Value, json};

use super::*;
use crate::ids::hmac_sha256;

const NOW: Millis = Millis(1_794_474_840_000);
const EXPECTED: Expected<'static> = Expected {
    issuer: "https://login.example/staff",
    client_id: "doorkey",
    nonce: "n-0S6",
    now: NOW,
};

fn text(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What a good token says, now.
fn claims() -> Value {
    json!({
        "iss": "https://login.example/staff", "sub": "248289", "aud": "doorkey", "nonce": "n-0S6",
        "iat": 1_794_474_840, "exp": 1_794_475_140, "email": "dana@rfs.example",
        "email_verified": true,
    })
}

/// The same with one claim changed; null takes it out.
fn with(name: &str, value: Value) -> Value {
    let mut all = claims();
    all[name] = value;
    let kept = all.as_object().expect("an object").clone();
    kept.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

/// A provider's key for ES256.
struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> Self {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        Self(EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).expect("a key"))
    }

    fn jwk(&self, kid: &str) -> Value {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": text(x), "y": text(y) })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = unsigned(header, claims);
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).expect("signed");
        format!("{message}.{}", text(signature))
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", text(header.to_string()), text(claims.to_string()))
}

fn set(keys: &[Value]) -> KeySet {
    KeySet { keys: keys.to_vec() }
}

fn es256() -> Value {
    json!({ "alg": "ES256", "kid": "one" })
}

/// What comes of these claims, signed as they should be.
fn judge(claims: &Value) -> Result<Person, Refusal> {
    let signer = Signer::new();
    check(&signer.sign(&es256(), claims), &set(&[signer.jwk("one")]), &EXPECTED)
}

#[test]
fn a_good_token_tells_who_it_is_about() {
    let person = judge(&claims()).expect("a good token");
    assert_eq!(person.subject, "248289");
    assert_eq!(person.address.verified().expect("an address").as_str(), "dana@rfs.example");
}

/// Made by another program: OpenSSL, through Node.
#[test]
fn rs256_is_checked_and_one_changed_letter_noticed() {
    let key = json!({
        "kty": "RSA", "alg": "RS256", "use": "sig", "kid": "rsa", "e": "AQAB",
        "n": "2QepYTQZIQDVI2slmKRyl1a7pIRMmDQAUAMv3w-3SVCVtI1jzITBcnuaCuHgHb38uED8A4ppcO4kp286L_5fkpOs\
              KfBt9V7eqDWkC_7GZEhxu_bL6KxfZI62w750ZnZoU-ifdbDcRkAWUbNSiaqRLnY7xJI3Myy-VXuQxzXX-nGJ_VpA\
              2kvKo-pN-x1A48iue3VkSSsPbq3Vtxn2V-EBhFcYxGN7SQfnql7eDHMQBuVeP3UvMYB7_KPP7KQlsi89_G14jTNF\
              yz4D56pDYZWhO1cb3fmPIg9usv_TOwqndFzvGXFGetyLM5wXkK5p1x027XevzOIwvz085CSBW8jePw",
    });
    let head = "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSIsInR5cCI6IkpXVCJ9";
    let body = "eyJpc3MiOiJodHRwczovL2xvZ2luLmV4YW1wbGUvc3RhZmYiLCJzdWIiOiIyNDgyODkiLCJhdWQiOiJkb29y\
                a2V5Iiwibm9uY2UiOiJuLTBTNiIsImlhdCI6MTc5NDQ3NDg0MCwiZXhwIjoxNzk0NDc1MTQwLCJlbWFpbCI6\
                IkRhbmFAUkZTLmV4YW1wbGUiLCJlbWFpbF92ZXJpZmllZCI6dHJ1ZX0";
    let signature = "tu5s6i-DxCIlTO1F5c2756J5CIB2jVH5TNSKX_jVKBBW60YAa94j8Y1fb4lKSox-DX8ib3X8K6Cm0W5WZ56eUSjH\
                     uo5d-H6pepLS7xQBUXfYld81ITKvSqP4XMAfAEWtbuqnP7CpNEk7dSKNjrfErsDBlKRd1bWDZAoLqgxYN1HzXd3v\
                     GyEX0vOgnC2utuocXfwu3tvCLmb0jH9-_PoBsId1ydu9avd1oBb-X-5AmW9NrS-OSZ4LVdWV8hL_iHeqmRsx9-vU\
                     Vm8xYXpOddTU2V-TI66NYBKsJDpE-APx2xjXcKhMkRErVrx_vRNDxGOpS8yiz9soReglEyqpyb7wrw";
    let token = format!("{head}.{body}.{signature}");
    let person = check(&token, &set(std::slice::from_ref(&key)), &EXPECTED).expect("a good token");
    assert_eq!(person.address.verified().expect("an address").as_str(), "Dana@RFS.example");
    let changed = token.replacen("c3RhZmYi", "c3RhZmZi", 1);
    assert_eq!(check(&changed, &set(&[key]), &EXPECTED), Err(Refusal::Signature));
}

#[test]
fn ed25519_is_checked_under_both_its_names() {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("a key");
    let x = text(pair.public_key());
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "alg": "EdDSA" });
    for name in ["EdDSA", "Ed25519"] {
        let message = unsigned(&json!({ "alg": name }), &claims());
        let token = format!("{message}.{}", text(pair.sign(message.as_bytes())));
        assert!(check(&token, &set(std::slice::from_ref(&key)), &EXPECTED).is_ok(), "{name}");
    }
}

#[test]
fn what_nobody_signed_is_refused() {
    let (signer, stranger) = (Signer::new(), Signer::new());
    let keys = set(&[signer.jwk("one")]);
    let refused = |token: &str| check(token, &keys, &EXPECTED).expect_err("a refusal");
    assert_eq!(refused(&stranger.sign(&es256(), &claims())), Refusal::Signature);
    for none in ["none", "None", "NONE", ""] {
        let message = unsigned(&json!({ "alg": none, "kid": "one" }), &claims());
        assert_eq!(refused(&format!("{message}.")), Refusal::Algorithm, "{none}");
    }
    // The public key is everybody's, so it is no secret to sign with.
    let header = json!({ "alg": "HS256", "kid": "one" });
    let message = unsigned(&header, &claims());
    for secret in [signer.0.public_key().as_ref(), signer.jwk("one").to_string().as_bytes()] {
        let signature = hmac_sha256(secret, message.as_bytes());
        assert_eq!(refused(&format!("{message}.{}", text(signature))), Refusal::Algorithm);
    }
    // A key of the token's own choice counts for nothing.
    let own = json!({ "alg": "ES256", "kid": "one", "jwk": stranger.jwk("one"),
        "jku": "https://evil.example/keys", "x5u": "https://evil.example/x" });
    assert_eq!(refused(&stranger.sign(&own, &claims())), Refusal::Signature);
    let critical = json!({ "alg": "ES256", "kid": "one", "crit": ["b64"], "b64": false });
    assert_eq!(refused(&signer.sign(&critical, &claims())), Refusal::Malformed);
    let rs256 = json!({ "alg": "RS256", "kid": "one" });
    assert_eq!(refused(&signer.sign(&rs256, &claims())), Refusal::UnknownKey);
    let good = signer.sign(&es256(), &claims());
    let bare = good.rsplit_once('.').expect("a signature").0;
    assert_eq!(refused(&format!("{bare}.")), Refusal::Signature);
    for cut in ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", bare, &format!("{good}.{good}")] {
        assert_eq!(refused(cut), Refusal::Malformed, "{cut}");
    }
}

#[test]
fn a_key_counts_for_what_it_is_for() {
    let signer = Signer::new();
    let token = signer.sign(&es256(), &claims());
    let key = |change: Value| {
        let mut key = signer.jwk("one");
        for (name, value) in change.as_object().expect("an object") {
            key[name] = value.clone();
        }
        check(&token, &set(&[json!("rubbish"), key]), &EXPECTED)
    };
    assert!(key(json!({})).is_ok());
    assert!(key(json!({ "use": "sig", "alg": "ES256", "key_ops": ["verify"] })).is_ok());
    for other in [
        json!({ "use": "enc" }),
        json!({ "alg": "ES384" }),
        json!({ "alg": "HS256" }),
        json!({ "kid": "two" }),
        json!({ "kty": "oct" }),
        json!({ "crv": "P-384" }),
    ] {
        assert_eq!(key(other.clone()), Err(Refusal::UnknownKey), "{other}");
    }
    for broken in [json!({ "x": "AA" }), json!({ "x": "%" }), json!({ "y": null })] {
        assert_eq!(key(broken.clone()), Err(Refusal::Signature), "{broken}");
    }
    // A token that names no key is tried with those that fit.
    let nameless = signer.sign(&json!({ "alg": "ES256" }), &claims());
    let keys = set(&[Signer::new().jwk("other"), signer.jwk("one")]);
    assert!(check(&nameless, &keys, &EXPECTED).is_ok());
    assert_eq!(check(&nameless, &KeySet::default(), &EXPECTED), Err(Refusal::UnknownKey));
}

#[test]
fn every_claim_is_held_against_what_is_expected() {
    let now = NOW.0 / 1000;
    for (name, value, refusal) in [
        ("iss", json!("https://login.example/staff/"), Refusal::Issuer),
        ("iss", json!("https://evil.example"), Refusal::Issuer),
        ("iss", Value::Null, Refusal::Malformed),
        ("iss", json!(["https://login.example/staff"]), Refusal::Malformed),
        ("aud", json!("other"), Refusal::Audience),
        ("aud", json!([]), Refusal::Audience),
        ("aud", json!(["other"]), Refusal::Audience),
        ("aud", json!(["doorkey", "other"]), Refusal::Audience),
        ("aud", Value::Null, Refusal::Malformed),
        ("azp", json!("other"), Refusal::Audience),
        ("nonce", json!("n-0S7"), Refusal::Nonce),
        ("nonce", json!(""), Refusal::Nonce),
        ("nonce", Value::Null, Refusal::Nonce),
        ("exp", json!(now - 60), Refusal::Time),
        ("exp", json!(-1), Refusal::Time),
        ("exp", json!(1e300), Refusal::Time),
        ("exp", json!("2099"), Refusal::Malformed),
        ("exp", Value::Null, Refusal::Malformed),
        ("iat", json!(now + 61), Refusal::Time),
        ("iat", json!(now - 661), Refusal::Time),
        ("iat", Value::Null, Refusal::Malformed),
        ("nbf", json!(now + 61), Refusal::Time),
        ("nbf", json!(1e300), Refusal::Time),
        ("nbf", json!("soon"), Refusal::Malformed),
        ("sub", json!(""), Refusal::Malformed),
        ("sub", Value::Null, Refusal::Malformed),
        ("sub", json!(7), Refusal::Malformed),
    ] {
        assert_eq!(judge(&with(name, value.clone())), Err(refusal), "{name}: {value}");
    }
    for (name, value) in [
        ("aud", json!(["doorkey"])),
        ("azp", json!("doorkey")),
        ("exp", json!(now - 59)),
        ("exp", json!(now as f64 + 0.5)),
        ("iat", json!(now + 60)),
        ("iat", json!(now - 660)),
        ("nbf", json!(now + 60)),
        ("groups", json!({ "any": ["thing", 1] })),
    ] {
        assert!(judge(&with(name, value.clone())).is_ok(), "{name}: {value}");
    }
    let mut several = with("aud", json!(["other", "doorkey"]));
    several["azp"] = json!("doorkey");
    assert!(judge(&several).is_ok());
}

#[test]
fn an_address_counts_only_if_the_provider_vouches_for_it() {
    let vouched = |said: Value| {
        let mut all = json!({ "email": "dana@rfs.example" });
        all.as_object_mut().expect("an object").extend(said.as_object().expect("one").clone());
        Address::deserialize(&all).expect("an address").verified().is_some()
    };
    for good in [
        json!({ "email_verified": true }),
        json!({ "email_verified": "true" }),
        json!({ "xms_edov": true }),
        json!({ "xms_edov": "true" }),
        json!({ "xms_edov": 1 }),
        json!({ "xms_edov": "1" }),
    ] {
        assert!(vouched(good.clone()), "{good}");
    }
    for bad in [
        json!({}),
        json!({ "email_verified": false }),
        json!({ "email_verified": "false" }),
        json!({ "email_verified": "TRUE" }),
        json!({ "email_verified": 1 }),
        json!({ "email_verified": [true] }),
        json!({ "email_verified": { "true": true } }),
        json!({ "email_verified": false, "xms_edov": true }),
        json!({ "email_verified": "no", "xms_edov": true }),
        json!({ "xms_edov": false }),
        json!({ "xms_edov": 0 }),
        json!({ "email_verified": true, "email": "dana" }),
        json!({ "email_verified": true, "email": "dana@rfs.example, eve@rfs.example" }),
    ] {
        assert!(!vouched(bad.clone()), "{bad}");
    }
    assert!(!Address::default().is_there() && Address::default().verified().is_none());
}

#[test]
fn userinfo_counts_for_the_same_person_alone() {
    let answer = br#"{"sub":"248289","email":"dana@rfs.example","email_verified":true,"x":1}"#;
    let address = check_userinfo(answer, "248289").expect("an address");
    assert_eq!(address.verified().expect("an address").as_str(), "dana@rfs.example");
    assert_eq!(check_userinfo(answer, "248288"), Err(Refusal::Subject));
    for bad in [&b"{}"[..], b"[]", b"", b"eyJhbGciOiJSUzI1NiJ9.e30.x", b"{\"sub\":7}"] {
        assert_eq!(check_userinfo(bad, "248289"), Err(Refusal::Malformed));
    }
}
