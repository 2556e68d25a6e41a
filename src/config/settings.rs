//! The table of settings: names, defaults and what each is for. Whatever lists settings (the
//! reader, `doorkey config`, docs/SETTINGS.md) goes through it.

use std::fmt::Write as _;

use url::Url;

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// In the file and in errors.
    pub name: &'static str,
    /// In the environment; empty for what only the file can say.
    pub variable: &'static str,
    /// Whether it may hold a secret: then it is shown masked, and `{variable}_FILE` may name a file
    /// that holds it.
    pub secret: bool,
    /// What holds without it; empty for nothing.
    pub default: &'static str,
    /// What it is for, in Markdown.
    pub about: &'static str,
}

const fn key(
    name: &'static str,
    variable: &'static str,
    default: &'static str,
    about: &'static str,
) -> Setting {
    Setting { name, variable, secret: false, default, about }
}

const fn secret(
    name: &'static str,
    variable: &'static str,
    default: &'static str,
    about: &'static str,
) -> Setting {
    Setting { name, variable, secret: true, default, about }
}

/// Every setting there is.
pub const SETTINGS: &[Setting] = &[
    key(
        "listen",
        "DOORKEY_LISTEN",
        "127.0.0.1:8080",
        "Where to listen: an address and port, or `unix:` and the path of a socket. Ignored when \
         systemd hands a socket over.",
    ),
    key(
        "public_url",
        "DOORKEY_PUBLIC_URL",
        "http://localhost:8080",
        "The address people open, without a path. The only source of links in mails. `https`, unless \
         it is this machine.",
    ),
    key(
        "security_contact",
        "DOORKEY_SECURITY_CONTACT",
        "",
        "Where weaknesses of this site are reported: `mailto:` and an address, or a page. It stands in \
         `/.well-known/security.txt`, which is not there without it.",
    ),
    key(
        "trusted_proxies",
        "DOORKEY_TRUSTED_PROXIES",
        "",
        "Networks and addresses whose `Forwarded` and `X-Forwarded-For` are believed. Without it, all \
         who come through a proxy share its limits.",
    ),
    key(
        "metrics_listen",
        "DOORKEY_METRICS_LISTEN",
        "",
        "Where Prometheus may ask, as in `listen`. Nothing is served without it.",
    ),
    key(
        "tls.certificate",
        "DOORKEY_TLS_CERTIFICATE",
        "",
        "A PEM file with the certificate and its chain: Doorkey then speaks HTTPS itself. Read again \
         when it changes.",
    ),
    key("tls.key", "DOORKEY_TLS_KEY", "", "The PEM file with the certificate's private key."),
    key(
        "tls.redirect_listen",
        "DOORKEY_TLS_REDIRECT_LISTEN",
        "",
        "An address and port, such as `0.0.0.0:80`, on which plain HTTP is answered with the way to \
         the public URL.",
    ),
    key(
        "acme.enabled",
        "DOORKEY_ACME",
        "off",
        "Obtain and renew the certificate from an ACME authority; switching it on is agreeing to its \
         terms.",
    ),
    key(
        "acme.contact",
        "DOORKEY_ACME_CONTACT",
        "",
        "An e-mail address the authority may write to.",
    ),
    key(
        "acme.directory",
        "DOORKEY_ACME_DIRECTORY",
        "https://acme-v02.api.letsencrypt.org/directory",
        "The authority's ACME directory.",
    ),
    key(
        "acme.ca",
        "DOORKEY_ACME_CA",
        "",
        "A PEM file with the authority that the directory's own certificate is from, or several, if \
         the system does not know it.",
    ),
    secret(
        "database.url",
        "DOORKEY_DATABASE_URL",
        "sqlite:data/doorkey.db",
        "`sqlite:` and a path, or `postgres://user:password@host/name`.",
    ),
    key("data_dir", "DOORKEY_DATA_DIR", "data", "The folder for what is not in the database."),
    secret(
        "mail.smtp_url",
        "DOORKEY_SMTP_URL",
        "",
        "The mail server: `smtp://user:password@host:587` (STARTTLS), or `smtps://…` (TLS from the \
         first byte). `?tls=none` only on this machine; `?ca=FILE` for a certificate authority of your \
         own. Without it mails are captured.",
    ),
    key(
        "mail.from",
        "DOORKEY_MAIL_FROM",
        "Support <support@localhost>",
        "Whom mails are from. Must be set together with `mail.smtp_url`.",
    ),
    key(
        "mail.staff_inbox",
        "DOORKEY_MAIL_STAFF_INBOX",
        "",
        "Where replies to tickets are announced that nobody is assigned to.",
    ),
    key(
        "mail.on_ticket_created",
        "DOORKEY_MAIL_ON_TICKET_CREATED",
        "true",
        "Whether the customer of a new ticket is mailed.",
    ),
    key(
        "mail.on_note_added",
        "DOORKEY_MAIL_ON_NOTE_ADDED",
        "true",
        "Whether customers are mailed a public note on their ticket.",
    ),
    key(
        "mail.on_status_change",
        "DOORKEY_MAIL_ON_STATUS_CHANGE",
        "false",
        "Whether customers are mailed when the status of their ticket changes.",
    ),
    key(
        "mail.on_ticket_resolved",
        "DOORKEY_MAIL_ON_TICKET_RESOLVED",
        "true",
        "Whether customers are mailed how their ticket was resolved.",
    ),
    key(
        "mail.on_customer_replied",
        "DOORKEY_MAIL_ON_CUSTOMER_REPLIED",
        "true",
        "Whether staff are mailed what a customer replies.",
    ),
    key(
        "mail.on_ticket_assigned",
        "DOORKEY_MAIL_ON_TICKET_ASSIGNED",
        "true",
        "Whether technicians are mailed a ticket that somebody gives them.",
    ),
    key(
        "brand.name",
        "DOORKEY_BRAND_NAME",
        "RFS",
        "What the company is called on pages and in mails.",
    ),
    key("brand.colour", "DOORKEY_BRAND_COLOUR", "#3355a8", "Its colour, `#` and six digits."),
    key(
        "brand.phone",
        "DOORKEY_BRAND_PHONE",
        "",
        "Where customers can call. Shown on pages and in mails.",
    ),
    key("brand.hours", "DOORKEY_BRAND_HOURS", "", "When they can."),
    key(
        "brand.cards",
        "",
        "",
        "More cards for the start page: `[[brand.cards]]` with `title`, `text` and `url`. Only in the \
         file or at the desk.",
    ),
    key(
        "portal.link_ttl",
        "DOORKEY_PORTAL_LINK_TTL",
        "7d",
        "How long a link works after it was issued: a number and `s`, `m`, `h` or `d`.",
    ),
    key(
        "tickets.reopen_on_reply",
        "DOORKEY_TICKETS_REOPEN_ON_REPLY",
        "true",
        "Whether a customer's reply reopens a resolved ticket.",
    ),
    key(
        "tickets.auto_close_days",
        "DOORKEY_TICKETS_AUTO_CLOSE_DAYS",
        "14",
        "Days after which a resolved ticket closes by itself; 0 is never.",
    ),
    key(
        "tickets.categories",
        "DOORKEY_TICKETS_CATEGORIES",
        "Alarm, CCTV, Access Control, Intercom, General",
        "The categories a ticket may have.",
    ),
    key(
        "staff.require_passkey",
        "DOORKEY_STAFF_REQUIRE_PASSKEY",
        "false",
        "Whether admins need a passkey: with a mailed link alone they can only add their first one.",
    ),
    key(
        "oidc.issuer",
        "DOORKEY_OIDC_ISSUER",
        "",
        "The OpenID Connect provider at which staff may sign in, as it calls itself. `https`, unless it is \
         this machine. Off without it.",
    ),
    key("oidc.client_id", "DOORKEY_OIDC_CLIENT_ID", "", "What the provider calls Doorkey."),
    secret(
        "oidc.client_secret",
        "DOORKEY_OIDC_CLIENT_SECRET",
        "",
        "What Doorkey shows the provider to be known.",
    ),
    key(
        "oidc.name",
        "DOORKEY_OIDC_NAME",
        "Single Sign-On",
        "What your people call the provider; it stands on the button of the sign-in page.",
    ),
    key(
        "webhooks.allow",
        "DOORKEY_WEBHOOKS_ALLOW",
        "",
        "Networks that webhooks may call although they are not public; `http` is then allowed, too.",
    ),
    key(
        "limits",
        "DOORKEY_LIMITS",
        "on",
        "Whether requests for links and tries of codes are limited. `off` only while the public URL is \
         this machine, for load tests.",
    ),
    key(
        "log",
        "DOORKEY_LOG",
        "info",
        "`error`, `warn`, `info`, `debug` or `trace`, or for a part `doorkey::db=trace`; several with \
         commas.",
    ),
    key("log_format", "DOORKEY_LOG_FORMAT", "text on a terminal, else json", "`text` or `json`."),
    key(
        "log_slow",
        "DOORKEY_LOG_SLOW",
        "200ms",
        "From which time on a statement of the database is logged, with its place and plan and without \
         its values: `200ms`, `2s`, or `off`.",
    ),
];

/// A setting as it holds.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Effective {
    /// Its name in the file.
    pub name: &'static str,
    /// Its name in the environment, empty if it has none there.
    pub variable: &'static str,
    /// Its value as text, secrets masked.
    pub value: String,
    /// Where it was said: a flag, a variable, a line of the file, or `default`.
    pub from: String,
}

impl Setting {
    /// `value` as anybody may see it.
    pub fn shown(&self, value: &str) -> String {
        match (self.secret, value) {
            (false, _) | (_, "") => value.to_owned(),
            (true, url) if self.name.ends_with("url") => masked(url),
            (true, _) => "***".to_owned(),
        }
    }
}

/// A URL without its password. What cannot be read is hidden whole.
fn masked(value: &str) -> String {
    if value.is_empty() || value.starts_with("sqlite:") {
        return value.to_owned();
    }
    match Url::parse(value) {
        Ok(mut url) if url.password().is_some() => match url.set_password(Some("***")) {
            Ok(()) => without_query_password(url),
            Err(()) => "***".to_owned(),
        },
        Ok(url) => without_query_password(url),
        Err(_) => "***".to_owned(),
    }
}

/// libpq takes a password among the options as well.
fn without_query_password(mut url: Url) -> String {
    let secret = |name: &str| name.contains("password") || name.contains("passfile");
    if url.query_pairs().any(|(name, _)| secret(&name)) {
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| {
                let value = if secret(&name) { "***".into() } else { value };
                (name.into_owned(), value.into_owned())
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(kept);
    }
    url.into()
}

/// docs/SETTINGS.md.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Settings\n\n\
         A flag of the command counts first, then the environment, then the file, then the default. The file\n\
         is the one that `--config` or `DOORKEY_CONFIG` names, or else `doorkey.toml` in the working directory,\n\
         or else `/etc/doorkey/doorkey.toml`. What is not a setting is an error.\n\
         `doorkey config` shows what holds and where it was said. In the file, `mail.from` is `from`\n\
         under `[mail]`. Lists are written with commas in the environment. Where a secret may stand,\n\
         `…_FILE` names a file that holds it.\n\n\
         What is marked with ♦ admins can set at the desk as well, under Settings, together with the\n\
         company's logo. That counts where no flag, variable or file says anything; where one does, the desk\n\
         shows it and where it was said. A change there holds at once, in every process.\n\n\
         Written by `doorkey config --markdown`.\n\n\
         | setting | environment | default | |\n| --- | --- | --- | --- |\n",
    );
    for Setting { name, variable, secret, default, about } in SETTINGS {
        let code = |word: &str| {
            if word.is_empty() { "–".to_owned() } else { format!("`{word}`") }
        };
        let file = if *secret { format!(", `{variable}_FILE`") } else { String::new() };
        let desk = if super::AT_THE_DESK.contains(name) { " ♦" } else { "" };
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "| `{name}`{desk} | {}{file} | {} | {about} |",
            code(variable),
            code(default)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        for (value, shown) in [
            ("sqlite:data/doorkey.db", "sqlite:data/doorkey.db"),
            ("postgres://u:hunter2@db/x", "postgres://u:***@db/x"),
            (
                "postgres://db/x?password=hunter2&sslmode=require",
                "postgres://db/x?password=***&sslmode=require",
            ),
            ("smtp://u%40x:hunter2@mail:587", "smtp://u%40x:***@mail:587"),
            ("smtp://mail:587", "smtp://mail:587"),
            ("hunter2 hunter2", "***"),
            ("", ""),
        ] {
            assert_eq!(masked(value), shown);
        }
        // What is no URL is never shown in part, even if it looks like one.
        let secret = SETTINGS.iter().find(|it| it.name == "oidc.client_secret").expect("a setting");
        assert_eq!(secret.shown("abc:hunter2"), "***");
        assert_eq!(secret.shown("https://hunter2"), "***");
        assert_eq!(secret.shown(""), "");
    }

    #[test]
    fn the_reference_is_what_the_program_writes() {
        let written = include_str!("../../docs/SETTINGS.md");
        assert!(
            written == markdown(),
            "docs/SETTINGS.md is out of date: doorkey config --markdown > docs/SETTINGS.md"
        );
    }

    #[test]
    fn the_example_file_names_every_setting() {
        let example = include_str!("../../doorkey.example.toml");
        for setting in SETTINGS {
            let named = match setting.variable {
                "" => example.contains(setting.name),
                variable => example.contains(variable),
            };
            assert!(named, "doorkey.example.toml does not name {}", setting.name);
        }
    }
}
