//! Whether the OpenID Connect provider can be asked, if one is set.

use super::Finding;
use super::plain::{self, Cause};
use crate::clock::Millis;
use crate::config::Config;
use crate::hooks::oidc::{Provider, REDIRECT_PATH};

const ABOUT: &str = "OpenID Connect";

pub(super) async fn look(config: &Config, now: Millis) -> Option<Finding> {
    let settings = config.oidc.clone()?;
    let issuer = settings.issuer.clone();
    Some(match Provider::new(settings).look(now).await {
        Ok(metadata) if !metadata.signs_as_we_check() => Finding::fault(
            ABOUT,
            format!("{issuer} signs its tokens with none of RS256, ES256 and EdDSA"),
            "have it sign ID tokens for Doorkey with RS256, which every provider can",
        ),
        Ok(_) => {
            let back = format!("{}{REDIRECT_PATH}", config.server.public_url);
            Finding::ok(ABOUT, format!("{issuer} answers; its redirect URI for us is {back}"))
        }
        Err(reason) => {
            let found =
                format!("{issuer} cannot be used: {}", plain::explain("the provider", &reason));
            Finding::fault(ABOUT, found, mend(&reason))
        }
    })
}

fn mend(reason: &str) -> &'static str {
    if reason.contains("names the issuer") {
        return "write oidc.issuer (DOORKEY_OIDC_ISSUER) letter by letter as the provider names itself, if \
                that is your provider";
    }
    match Cause::of(reason) {
        Some(Cause::UnknownHost) => "mend the host in oidc.issuer, or the DNS of this machine",
        Some(Cause::UnknownAuthority) => {
            "if the authority is your own, make its certificate known to this machine \
             (update-ca-certificates); else the provider must send its whole chain"
        }
        Some(Cause::Expired | Cause::NotYet | Cause::OtherName | Cause::Certificate) => {
            "have the provider's certificate mended, and look at this machine's clock"
        }
        Some(_) => {
            "start the provider, let the firewall pass our requests to it, or mend oidc.issuer"
        }
        None => {
            "mend oidc.issuer (DOORKEY_OIDC_ISSUER): with /.well-known/openid-configuration behind it, it is the \
             address of the provider's metadata"
        }
    }
}
