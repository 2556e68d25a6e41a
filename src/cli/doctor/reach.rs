//! Whether people can open the public URL, and whether limits see them one by one.

use super::Finding;
use super::plain::{self, Cause};
use crate::clock::Millis;
use crate::config::Config;
use crate::hooks::reach::{Reached, reach};

/// How far the clock of another machine may be from ours.
const APART: i64 = 60_000;
const PUBLIC: &str = "public URL";

pub(super) async fn look(config: &Config, now: Millis) -> Vec<Finding> {
    let mut findings = vec![scheme(config)];
    let url = format!("{}/healthz", config.server.public_url.as_str().trim_end_matches('/'));
    match reach(&url).await {
        Ok(reached) => {
            findings.push(answer(config, &reached));
            findings.extend(clock(&reached, now));
        }
        Err(reason) => findings.push(unreachable(config, &reason)),
    }
    findings.push(proxies(config));
    findings
}

fn scheme(config: &Config) -> Finding {
    let url = &config.server.public_url;
    if url.is_https() {
        return Finding::ok(PUBLIC, format!("{url} is https"));
    }
    Finding::warning(
        PUBLIC,
        format!("{url} opens on this machine only"),
        "set public_url (DOORKEY_PUBLIC_URL) to the address customers open, such as \
         https://support.example.com; links in mails begin with it",
    )
}

fn answer(config: &Config, reached: &Reached) -> Finding {
    let url = &config.server.public_url;
    if reached.status == 200 && reached.body.trim() == "ok" && reached.is_ours {
        return Finding::ok(PUBLIC, format!("Doorkey answers at {url}"));
    }
    Finding::fault(
        PUBLIC,
        format!("{url}/healthz answers {} and not as Doorkey does", reached.status),
        "another program has this address, or the proxy in front does not pass requests on; see \
         \"Behind a proxy\" in docs/OPERATIONS.md",
    )
}

fn unreachable(config: &Config, reason: &str) -> Finding {
    let mend = match Cause::of(reason) {
        Some(Cause::UnknownHost) => {
            "the name is not in the DNS; add an A or AAAA record for it, or mend public_url"
        }
        Some(Cause::UnknownAuthority) => {
            "show a certificate from an authority that everybody knows, with its whole chain (acme.enabled \
             obtains one); if it is your own authority, this machine must know it, too"
        }
        Some(Cause::Expired | Cause::NotYet) => {
            "renew the certificate, or mend its renewal, and look at this machine's clock; see \"HTTPS\" in \
             docs/OPERATIONS.md"
        }
        Some(Cause::OtherName) => {
            "show a certificate for the name in public_url, or mend public_url; see \"HTTPS\" in \
             docs/OPERATIONS.md"
        }
        Some(Cause::Certificate | Cause::NoTls) => {
            "what listens there must speak https: set tls.certificate or acme.enabled, or let the proxy in \
             front do it; see \"HTTPS\" in docs/OPERATIONS.md"
        }
        Some(Cause::Refused | Cause::Silent | Cause::Unreachable | Cause::HungUp) | None => {
            "start doorkey serve, and look whether a firewall or the proxy in front keeps requests away"
        }
    };
    let url = &config.server.public_url;
    let found = format!("{url} cannot be opened: {}", plain::explain("the public URL", reason));
    Finding::fault(PUBLIC, found, mend)
}

/// Through a proxy that is not trusted everybody has one address, and shares one set of limits.
fn proxies(config: &Config) -> Finding {
    let about = "proxy";
    let public = &config.server.public_url;
    let listens = config.server.listen.address();
    let direct = config.tls.files().is_some() || config.acme.enabled || public.is_loopback();
    let trusted = &config.server.trusted_proxies;
    if listens.is_none() {
        return Finding::ok(about, "it comes over the Unix socket, which is trusted");
    }
    if direct && trusted.is_empty() {
        return Finding::ok(about, "none: Doorkey is reached directly");
    }
    if trusted.is_empty() {
        return Finding::fault(
            about,
            "a proxy speaks https for Doorkey, but is not trusted to say who asks: all customers share \
             the limits of one",
            "set trusted_proxies (DOORKEY_TRUSTED_PROXIES) to the proxy's address, such as 127.0.0.1, and \
             let it send X-Forwarded-For",
        );
    }
    if trusted.iter().any(|network| network.prefix_len() == 0) {
        return Finding::fault(
            about,
            "everybody is trusted to say who they are, so limits hold for nobody",
            "set trusted_proxies to the addresses of your proxies and no others",
        );
    }
    Finding::ok(about, format!("{} trusted", trusted.len()))
}

fn clock(reached: &Reached, now: Millis) -> Option<Finding> {
    let there = reached.date?;
    let apart = (there.0 - now.0).abs();
    let about = "clock";
    Some(if apart <= APART {
        Finding::ok(about, "it agrees with the public URL's")
    } else {
        Finding::fault(
            about,
            format!("it is {} s apart from what the public URL says", apart / 1_000),
            "set this machine's clock by the network (timedatectl set-ntp true): links and codes expire \
             by it",
        )
    })
}
