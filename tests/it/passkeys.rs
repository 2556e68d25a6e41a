//! Passkeys: added, shown, refused, removed; and what an admin may do without one where it is required.

use doorkey::domain::staff::{self, Role};
use doorkey::domain::webauthn::{self, Assertion, Creation, Party, Refusal};
use doorkey::ids;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::support::client::{Answer, Client};
use crate::support::desk::email;
use crate::support::desk::somebody;
use crate::support::{TestApp, dump};

const DANA: &str = "dana@rfs.example";
const ORIGIN: &str = "http://localhost:8080";
const LIST: &str = "/admin/passkeys";
const SHOW: &str = "/admin/sign-in/passkey";

/// An authenticator in software, as a telephone has one.
pub struct Authenticator {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    party: &'static str,
    origin: &'static str,
    flags: u8,
    counter: u32,
    user: Vec<u8>,
}

impl Authenticator {
    fn new() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random);
        let document = document.unwrap();
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random);
        let id = ids::Token::random().hash().0.to_vec();
        let (party, origin) = ("localhost", ORIGIN);
        Self { key: key.unwrap(), id, party, origin, flags: 0x05, counter: 0, user: Vec::new() }
    }

    /// The public key as `getPublicKey()` has it.
    fn public_key(&self) -> Vec<u8> {
        const HEAD: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE";
        let mut info = webauthn::bytes(HEAD).unwrap();
        info.extend_from_slice(&self.key.public_key().as_ref()[1..]);
        info
    }

    fn client_data(&self, kind: &str, challenge: &str) -> Vec<u8> {
        let data = json!({
            "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false,
            "other_keys_can_be_added_here": "do not compare clientDataJSON against a template",
        });
        data.to_string().into_bytes()
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        let hash = ids::sha256(self.party.as_bytes());
        [&hash[..], &[flags], &self.counter.to_be_bytes()].concat()
    }

    /// What `create()` gives for this challenge.
    fn create(&self, challenge: &str) -> Creation {
        let length = u16::try_from(self.id.len()).unwrap().to_be_bytes();
        let credential = [&[0; 16][..], &length, &self.id, b"\xa5COSE"].concat();
        Creation {
            client_data: self.client_data("webauthn.create", challenge),
            authenticator_data: [self.data(self.flags | 0x40), credential].concat(),
            public_key: self.public_key(),
        }
    }

    /// What `get()` gives for this challenge.
    fn get(&self, challenge: &str) -> Assertion {
        let client_data = self.client_data("webauthn.get", challenge);
        let authenticator_data = self.data(self.flags);
        let signed = [&authenticator_data[..], &ids::sha256(&client_data)].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap().as_ref().to_vec();
        Assertion {
            credential_id: self.id.clone(),
            client_data,
            authenticator_data,
            signature,
            user_handle: self.user.clone(),
        }
    }
}

async fn begin(browser: &Client, path: &str) -> Value {
    let json = browser.header("Accept", "application/json");
    json.form(&format!("{path}/begin"), &[]).await.expect(200).json()
}

fn challenge(begun: &Value) -> &str {
    begun["challenge"].as_str().unwrap()
}

async fn send_new(browser: &Client, name: &str, made: &Creation) -> Answer {
    let fields = [&made.client_data, &made.authenticator_data, &made.public_key];
    let [client_data, authenticator_data, public_key] = fields.map(|it| webauthn::text(it));
    let fields = [
        ("name", name),
        ("client_data", &client_data),
        ("authenticator_data", &authenticator_data),
        ("public_key", &public_key),
    ];
    browser.form(LIST, &fields).await
}

/// Adds a passkey in a browser that is signed in.
pub async fn add(browser: &Client, name: &str) -> Authenticator {
    let begun = begin(browser, LIST).await;
    let mut device = Authenticator::new();
    device.user = webauthn::bytes(begun["user"]["id"].as_str().unwrap()).unwrap();
    send_new(browser, name, &device.create(challenge(&begun))).await.expect(303);
    device
}

async fn send_shown(browser: &Client, shown: &Assertion) -> Answer {
    let fields = [
        &shown.credential_id,
        &shown.client_data,
        &shown.authenticator_data,
        &shown.signature,
        &shown.user_handle,
    ];
    let [id, client_data, authenticator_data, signature, user] =
        fields.map(|it| webauthn::text(it));
    let fields = [
        ("credential_id", &*id),
        ("client_data", &client_data),
        ("authenticator_data", &authenticator_data),
        ("signature", &signature),
        ("user_handle", &user),
        ("then", "/admin/sessions"),
    ];
    browser.form(SHOW, &fields).await
}

pub async fn show(browser: &Client, device: &Authenticator) -> Answer {
    let begun = begin(browser, SHOW).await;
    send_shown(browser, &device.get(challenge(&begun))).await
}

/// Adds a passkey, shows it and removes it: every statement that there is about them.
pub async fn one_story(browser: &Client) {
    let device = add(browser, "Key").await;
    show(browser, &device).await.expect(303);
    let page = browser.get(LIST).await.expect(200).text();
    let (before, _) = page.split_once("/remove\"").unwrap();
    let (_, id) = before.rsplit_once('/').unwrap();
    browser.form(&format!("{LIST}/{id}/remove"), &[]).await.expect(303);
}

#[tokio::test]
async fn a_passkey_is_added_and_signs_in() {
    let app = TestApp::start().await;
    let browser = app.at_the_desk(DANA, Role::Technician).await;
    let first = browser.cookie("doorkey").unwrap();
    let begun = begin(&browser, LIST).await;
    assert_eq!(begun["party"], json!({ "id": "localhost", "name": "RFS" }));
    assert_eq!(begun["algorithms"], json!([-7, -8, -257]));
    assert_eq!(begun["known"], json!([]));
    let device = add(&browser, "Dana’s telephone").await;
    assert_ne!(browser.cookie("doorkey").unwrap(), first, "a session of its own");
    let page = browser.get(LIST).await.expect(200).text();
    assert!(
        page.contains("Dana’s telephone") && page.contains("Not used to sign in yet"),
        "{page}"
    );
    let known = begin(&browser, LIST).await["known"].clone();
    assert_eq!(known, json!([webauthn::text(&device.id)]));
    app.sleep(5);
    let other = app.anon().browser();
    let answer = show(&other, &device).await.expect(303);
    assert_eq!(answer.header("location"), Some("/admin/sessions"));
    let page = other.get("/admin/sessions").await.expect(200).text();
    assert_eq!(page.matches("with a passkey").count(), 2, "{page}");
    assert!(other.get(LIST).await.expect(200).text().contains("Last used"));
}

#[tokio::test]
async fn a_challenge_is_answered_once_in_time_and_by_whom_it_was_for() {
    let app = TestApp::start().await;
    let dana = app.at_the_desk(DANA, Role::Technician).await;
    let eve = app.at_the_desk("eve@rfs.example", Role::Admin).await;
    let device = add(&dana, "Key").await;
    let other = app.anon().browser();
    // Once.
    let begun = begin(&other, SHOW).await;
    let shown = device.get(challenge(&begun));
    send_shown(&other, &shown).await.expect(303);
    let again = app.anon().browser();
    let page = send_shown(&again, &shown).await.expect(422).text();
    assert!(page.contains("This passkey was not taken."), "{page}");
    // In time.
    for (seconds, status) in [(299, 303), (300, 422)] {
        let begun = begin(&other, SHOW).await;
        app.sleep(seconds);
        send_shown(&other, &device.get(challenge(&begun))).await.expect(status);
    }
    // For this purpose, and this person; and never one that we did not make.
    let for_adding = begin(&dana, LIST).await;
    send_shown(&other, &device.get(challenge(&for_adding))).await.expect(422);
    let for_dana = begin(&dana, LIST).await;
    send_new(&eve, "Eve’s", &Authenticator::new().create(challenge(&for_dana))).await.expect(422);
    let for_showing = begin(&dana, SHOW).await;
    let made = Authenticator::new().create(challenge(&for_showing));
    send_new(&dana, "x", &made).await.expect(422);
    send_new(&dana, "x", &Authenticator::new().create("AAAA")).await.expect(422);
    send_shown(&other, &device.get("AAAA")).await.expect(422);
    assert_eq!(app.number("SELECT count(*) FROM passkeys").await, 1);
}

#[tokio::test]
async fn a_passkey_that_says_something_else_is_refused() {
    let app = TestApp::start().await;
    let dana = app.at_the_desk(DANA, Role::Technician).await;
    let mut device = add(&dana, "Key").await;
    device.counter = 7;
    let browser = app.anon().browser();
    show(&browser, &device).await.expect(303);
    let stranger = Authenticator::new();
    type Change = fn(&mut Authenticator);
    let wrong: [(&str, Change); 8] = [
        ("the counter did not grow", |it| it.counter = 7),
        ("the counter fell to none", |it| it.counter = 0),
        ("another origin", |it| it.origin = "http://localhost:8081"),
        ("another party", |it| it.party = "evil.example"),
        ("nobody was there", |it| it.flags = 0x04),
        ("nobody unlocked it", |it| it.flags = 0x01),
        ("another holder", |it| it.user[0] ^= 1),
        ("another passkey", |it| it.id[0] ^= 1),
    ];
    for (what, change) in wrong {
        let kept = (device.id.clone(), device.user.clone());
        device.counter = 8;
        change(&mut device);
        let browser = app.anon().browser();
        show(&browser, &device).await.expect(422);
        assert_eq!(browser.cookie("doorkey"), None, "{what}");
        (device.id, device.user) = kept;
        (device.party, device.origin, device.flags) = ("localhost", ORIGIN, 0x05);
    }
    device.counter = 9;
    let begun = begin(&browser, SHOW).await;
    let mut forged = device.get(challenge(&begun));
    forged.signature = stranger.get(challenge(&begun)).signature;
    send_shown(&app.anon().browser(), &forged).await.expect(422);
    show(&app.anon().browser(), &device).await.expect(303);
    app.act(|tx, _, now| staff::set_active(tx, &somebody(), &email(DANA), false, now))
        .await
        .unwrap();
    device.counter = 10;
    show(&app.anon().browser(), &device).await.expect(422);
}

#[tokio::test]
async fn a_passkey_belongs_to_one_person_who_alone_removes_it() {
    let app = TestApp::start().await;
    let dana = app.at_the_desk(DANA, Role::Technician).await;
    let eve = app.at_the_desk("eve@rfs.example", Role::Admin).await;
    let device = add(&dana, "Key").await;
    let begun = begin(&eve, LIST).await;
    send_new(&eve, "Stolen", &device.create(challenge(&begun))).await.expect(422);
    let id = app.number("SELECT id FROM passkeys").await;
    let remove = format!("{LIST}/{id}/remove");
    eve.form(&remove, &[]).await.expect(404);
    dana.form(&remove, &[]).await.expect(303);
    show(&app.anon().browser(), &device).await.expect(422);
    for name in ["", &"x".repeat(101), "a\u{7}b"] {
        let begun = begin(&dana, LIST).await;
        let made = Authenticator::new().create(challenge(&begun));
        send_new(&dana, name, &made).await.expect(422);
    }
    let without_script = dana.form(LIST, &[("name", "x"), ("client_data", "")]).await.expect(422);
    assert!(
        without_script.text().contains("Passkeys need JavaScript"),
        "{}",
        without_script.text()
    );
    for number in 0..20 {
        add(&dana, &format!("Key {number}")).await;
    }
    let json = dana.header("Accept", "application/json");
    assert_eq!(json.form(&format!("{LIST}/begin"), &[]).await.fields(), ["name too_long"]);
}

#[tokio::test]
async fn a_passkey_is_offered_once_after_the_first_sign_in_where_browsers_know_them() {
    for (public_url, offered) in [(ORIGIN, true), ("http://127.0.0.1:8080", false)] {
        let app = TestApp::with(|config| {
            config.server.public_url = doorkey::config::PublicUrl::parse(public_url).unwrap();
        })
        .await;
        app.staff(DANA, "Dana Reyes", Role::Technician).await;
        for time in 0..2 {
            let browser = app.anon().browser();
            let asked = [("email", DANA), ("then", "/admin/sessions")];
            browser.form("/admin/sign-in", &asked).await.expect(303);
            app.deliver().await;
            let link = app.mailbox(DANA).sign_in_path();
            let entered = browser.form(&link, &[]).await.expect(303);
            let location = entered.header("location").unwrap();
            if offered && time == 0 {
                assert_eq!(location, "/admin/passkeys?then=%2Fadmin%2Fsessions");
                let page = browser.get(location).await.expect(200).text();
                assert!(page.contains("<a href=\"/admin/sessions\">Not now</a>"), "{page}");
            } else {
                assert_eq!(location, "/admin/sessions");
            }
            app.sleep(120);
        }
        let door = app.anon().get("/admin/sign-in").await.expect(200).text();
        assert_eq!(door.contains("Use a Passkey"), offered);
        let browser = app.anon().browser();
        let begun = browser.form(&format!("{SHOW}/begin"), &[]).await;
        assert_eq!(begun.status, if offered { 200 } else { 404 });
    }
}

/// A browser that came in with a mailed link.
async fn by_mail(app: &TestApp, address: &str) -> Client {
    let browser = app.anon().browser();
    browser.form("/admin/sign-in", &[("email", address)]).await.expect(303);
    app.deliver().await;
    browser.form(&app.mailbox(address).sign_in_path(), &[]).await.expect(303);
    app.sleep(120);
    browser
}

#[tokio::test]
async fn where_it_is_required_an_admin_does_nothing_without_a_passkey() {
    let app = TestApp::with(|config| config.staff.require_passkey = true).await;
    app.staff("boss@rfs.example", "Boss", Role::Admin).await;
    app.staff(DANA, "Dana Reyes", Role::Technician).await;
    by_mail(&app, DANA).await.get("/admin").await.expect(200);
    let boss = by_mail(&app, "boss@rfs.example").await;
    let turned = boss.get("/admin").await.expect(303);
    assert_eq!(turned.header("location"), Some(LIST));
    let json = boss.header("Accept", "application/json");
    assert_eq!(json.get("/admin").await.problem(), "403 passkey_required");
    let page = boss.get(LIST).await.expect(200).text();
    assert!(page.contains("Admins need a passkey here."), "{page}");
    boss.get("/admin/sessions").await.expect(200);
    let device = add(&boss, "The first one").await;
    boss.get("/admin").await.expect(200);
    // The mailbox alone is not as good as the passkey from now on.
    let thief = by_mail(&app, "boss@rfs.example").await;
    thief.get("/admin").await.expect(303);
    let page = thief.get(LIST).await.expect(200).text();
    assert!(
        page.contains("sign in with your passkey") && !page.contains("Add a Passkey"),
        "{page}"
    );
    let before = app.dump().await;
    let json = thief.header("Accept", "application/json");
    assert_eq!(json.form(&format!("{LIST}/begin"), &[]).await.problem(), "403 forbidden");
    let made = Authenticator::new().create("AAAA");
    send_new(&thief, "Mine", &made).await.expect(403);
    let id = app.number("SELECT id FROM passkeys").await;
    thief.form(&format!("{LIST}/{id}/remove"), &[]).await.expect(303);
    assert_eq!(dump::difference(&before, &app.dump().await), "");
    show(&thief, &device).await.expect(303);
    thief.get("/admin").await.expect(200);
    // Nobody is ever locked out: an operator's link counts as well.
    let rescued = app.at_the_desk("boss@rfs.example", Role::Admin).await;
    rescued.get("/admin").await.expect(200);
    rescued.form(&format!("{LIST}/{id}/remove"), &[]).await.expect(303);
}

fn party() -> Party {
    Party { id: "desk.example".into(), origin: "https://desk.example".into() }
}

#[test]
fn every_kind_of_key_that_is_offered_is_checked() {
    let random = SystemRandom::new();
    let document = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    let key = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let head = webauthn::bytes("MCowBQYDK2VwAyEA").unwrap();
    let edwards = [&head[..], key.public_key().as_ref()].concat();
    let mut device = Authenticator::new();
    (device.party, device.origin) = ("desk.example", "https://desk.example");
    let p256 = device.get("AAAA");
    let signed = [&p256.authenticator_data[..], &ids::sha256(&p256.client_data)].concat();
    let signature = key.sign(&signed).as_ref().to_vec();
    let by_edwards = Assertion { signature, ..p256.clone() };
    let by_rsa = Assertion {
        client_data: RSA_CLIENT_DATA.as_bytes().to_vec(),
        signature: webauthn::bytes(RSA_SIGNATURE).unwrap(),
        ..p256.clone()
    };
    let rsa = webauthn::bytes(RSA_KEY).unwrap();
    let all = [(p256, device.public_key()), (by_edwards, edwards), (by_rsa, rsa)];
    for (number, (assertion, key)) in all.iter().enumerate() {
        assert_eq!(webauthn::check_assertion(&party(), assertion, key, 0), Ok(0), "{number}");
        let mut forged = assertion.clone();
        forged.signature[9] ^= 1;
        let refused = webauthn::check_assertion(&party(), &forged, key, 0);
        assert_eq!(refused, Err(Refusal::Signature), "{number}");
        for (other, (_, key)) in all.iter().enumerate().filter(|(other, _)| *other != number) {
            let refused = webauthn::check_assertion(&party(), assertion, key, 0);
            assert_eq!(refused, Err(Refusal::Signature), "{number} by {other}");
        }
    }
}

#[test]
fn whatever_is_cut_off_or_changed_is_refused_and_breaks_nothing() {
    let mut device = Authenticator::new();
    (device.party, device.origin) = ("desk.example", "https://desk.example");
    let (made, shown) = (device.create("AAAA"), device.get("AAAA"));
    let created = webauthn::check_creation(&party(), &made).unwrap();
    assert_eq!((&created.credential_id, created.counter), (&device.id, 0));
    for length in 0..made.authenticator_data.len() - 5 {
        let authenticator_data = made.authenticator_data[..length].to_vec();
        let cut = Creation { authenticator_data, ..made.clone() };
        assert!(webauthn::check_creation(&party(), &cut).is_err(), "{length}");
    }
    for length in 0..made.public_key.len() {
        let cut = Creation { public_key: made.public_key[..length].to_vec(), ..made.clone() };
        assert_eq!(webauthn::check_creation(&party(), &cut), Err(Refusal::Key), "{length}");
    }
    for at in 0..shown.authenticator_data.len() {
        let mut changed = shown.clone();
        changed.authenticator_data[at] ^= 0x40;
        let key = device.public_key();
        assert!(webauthn::check_assertion(&party(), &changed, &key, 0).is_err(), "{at}");
    }
    for data in ["", "{}", "[]", "null", "{\"type\":\"webauthn.get\"}", "\u{feff}{}"] {
        let changed = Assertion { client_data: data.into(), ..shown.clone() };
        let key = device.public_key();
        let refused = webauthn::check_assertion(&party(), &changed, &key, 0);
        assert_eq!(refused, Err(Refusal::ClientData), "{data}");
    }
    let framed = String::from_utf8(shown.client_data.clone()).unwrap();
    let framed = framed.replace("\"crossOrigin\":false", "\"crossOrigin\":true");
    let changed = Assertion { client_data: framed.into_bytes(), ..shown.clone() };
    let refused = webauthn::check_assertion(&party(), &changed, &device.public_key(), 0);
    assert_eq!(refused, Err(Refusal::Origin));
    let swapped = Assertion { client_data: made.client_data.clone(), ..shown };
    let refused = webauthn::check_assertion(&party(), &swapped, &device.public_key(), 0);
    assert_eq!(refused, Err(Refusal::Purpose));
}

/// Made with `openssl genrsa` and `openssl dgst -sha256 -sign`: ring makes no RSA keys.
const RSA_CLIENT_DATA: &str = "{\"type\":\"webauthn.get\",\"challenge\":\"AAAA\",\
    \"origin\":\"https://desk.example\",\"crossOrigin\":false}";
const RSA_KEY: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAsfUi4KWEpQE5VU_4oKn42Pf3Lcn5w4W1vMFM74rSU9V2jA\
    PVSb0VoLtq83MQ_mt-KigoAUo93XnR_xlPnUg7c8hexFGi4it__ANfPXJkW6wp5yz_I6sWm0UscsjmAupqPIikodlH\
    5ZFl51H2F4fKYVCP05mPlVP1eRBayoPjmLDeuMubdm09OAMD7gDZX907inQhepCl6b-ZWvRoy68q0xH_zN_Dh8nOYN\
    UCSSOWG4fqegBrEQgzyqOGmCUt6gs793qI9LVBA0fgOEhWt9bsr09isWWR5NSS8SxOMNRfbQkDoaKdxeWNx3ujBem1\
    fM7f7hpcS789LKFbJYysO9BrJwIDAQAB";
const RSA_SIGNATURE: &str = "RYPBZlhyAStgf0C_plLUqgnC0xV6TsiGmQNP3IRtlAHVnn6YoEi-KQjsiNjaRGXc06w7OgICMSE_cTkA0O8IGOdPoq\
    _mhTImXu18OfdwBlqoS8FHmwCO1sk-WEB2YnYwgjsSDgSvUDJeKGtW2kSfDVgRrPLSnZIPHJ_6agc2pxKAj2nJ_pOZ\
    GCEZi7RsSRxFtvRIKwXgf3y_-MLfp5g8dITDYgkKl1e7vFVCCRZlQQXUspyMFnnRWepLppZ0ftl48JwbHvbxLp-GNM\
    SvX8gfbg3rhpVWMN_a4O2JYbAfpgfNwjwSOWMXGktTjqzBhO7r7oVRdCqfzzWWq3Z_aaS8-A";
