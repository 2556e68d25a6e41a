//! Settings of the provider at which staff sign in: OpenID Connect.

use url::Url;

use super::sources::Sources;
use super::{Secret, values};

/// What the button says without `oidc.name`.
const NAME: &str = "Single Sign-On";

/// A provider at which staff may sign in.
#[derive(Clone, Debug)]
pub struct Oidc {
    /// What it calls itself, letter by letter as it stands in its tokens. Setting `oidc.issuer`.
    pub issuer: String,
    /// What it calls us. Setting `oidc.client_id`.
    pub client_id: String,
    /// How it knows that it is us. Setting `oidc.client_secret`.
    pub client_secret: Secret,
    /// What people call it. Setting `oidc.name`.
    pub name: String,
}

impl Oidc {
    /// The provider, if all of it is set. Half of it is a mistake that [`check`] tells.
    pub(super) fn take(sources: &mut Sources) -> Option<Self> {
        let issuer = sources.parsed("oidc.issuer", issuer);
        let client_id = sources.parsed("oidc.client_id", client_id);
        let client_secret = sources.text("oidc.client_secret").map(Secret::new);
        let name = sources.parsed("oidc.name", values::line).unwrap_or_else(|| NAME.to_owned());
        Some(Self { issuer: issuer?, client_id: client_id?, client_secret: client_secret?, name })
    }
}

/// Names what is missing to half a provider.
pub(super) fn check(sources: &mut Sources) {
    const NEEDED: [(&str, &str); 3] = [
        ("oidc.issuer", "oidc.issuer (DOORKEY_OIDC_ISSUER)"),
        ("oidc.client_id", "oidc.client_id (DOORKEY_OIDC_CLIENT_ID)"),
        ("oidc.client_secret", "oidc.client_secret (DOORKEY_OIDC_CLIENT_SECRET)"),
    ];
    let missing: Vec<&str> =
        NEEDED.iter().filter(|(name, _)| !sources.says(name)).map(|(_, words)| *words).collect();
    let any = sources.says("oidc.name") || missing.len() < NEEDED.len();
    if any && !missing.is_empty() {
        let missing = missing.join(" and ");
        sources.complain(format!(
            "signing in with OpenID Connect also needs {missing}; set it, or remove the other \
             oidc settings"
        ));
    }
}

/// Reads an issuer: `https`, unless it is this machine; without query and fragment (OpenID Connect
/// Discovery 1.0 §4). It is kept as it was written, since tokens are compared with it.
fn issuer(text: &str) -> Result<String, String> {
    let wanted = "write the provider's issuer, such as https://login.example.com/realms/staff";
    let url = Url::parse(text).map_err(|error| format!("{error}; {wanted}"))?;
    let bare = url.query().is_none() && url.fragment().is_none();
    if !bare || !url.username().is_empty() || url.password().is_some() {
        return Err(format!("no user, ? or # belongs here; {wanted}"));
    }
    match url.scheme() {
        "https" => Ok(text.to_owned()),
        "http" if values::is_loopback(url.host().as_ref()) => Ok(text.to_owned()),
        _ => Err(format!("the issuer must be https unless it is on this machine; {wanted}")),
    }
}

/// Reads what the provider calls us: visible ASCII (RFC 6749 appendix A.1).
fn client_id(text: &str) -> Result<String, String> {
    if text.len() <= 255 && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err("write the client id as the provider shows it, at most 255 characters".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_https_and_kept_as_it_was_written() {
        for good in [
            "https://accounts.google.com",
            "https://tenant.eu.auth0.com/",
            "https://login.microsoftonline.com/8d2f/v2.0",
            "https://10.0.0.7:8443/realms/staff",
            "http://localhost:8081/realms/staff",
            "http://127.0.0.1:9000",
            "http://[::1]:9000",
        ] {
            assert_eq!(issuer(good).as_deref(), Ok(good));
        }
        for (bad, why) in [
            ("accounts.google.com", "relative URL"),
            ("http://login.example.com", "must be https"),
            ("http://10.0.0.7", "must be https"),
            ("ftp://login.example.com", "must be https"),
            ("https://login.example.com/?tenant=1", "no user"),
            ("https://login.example.com/#x", "no user"),
            ("https://us:er@login.example.com/", "no user"),
        ] {
            let said = issuer(bad).expect_err(bad);
            assert!(said.contains(why) && said.contains("such as https://"), "{bad}: {said}");
        }
    }
}
