//! Signatures by the Standard Webhooks specification: `v1`, HMAC-SHA-256 over id, time and body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::domain::webhooks::Secret;
use crate::ids;

/// A secret as it is shown: `whsec_` and base64.
pub fn show(secret: &Secret) -> String {
    format!("whsec_{}", STANDARD.encode(&secret.0))
}

/// The header `webhook-signature`: one signature for each secret, so that a receiver can change
/// over from one to the next. `timestamp` is in seconds since 1970.
pub fn signatures(secrets: &[Secret], id: &str, timestamp: i64, body: &str) -> String {
    let message = format!("{id}.{timestamp}.{body}");
    let one = |secret: &Secret| {
        format!("v1,{}", STANDARD.encode(ids::hmac_sha256(&secret.0, message.as_bytes())))
    };
    secrets.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_s_library_is_signed_alike() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let secrets = [Secret(secret)];
        let body = r#"{"test": 2432232314}"#;
        let made = signatures(&secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(made, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let two = [secrets[0].clone(), Secret(vec![7; 32])];
        assert_eq!(signatures(&two, "msg_x", 1, body).split(' ').count(), 2);
        assert!(show(&secrets[0]).starts_with("whsec_MfKQ"));
        assert!(!format!("{:?}", secrets[0]).contains("77"));
    }
}
