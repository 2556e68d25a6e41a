//! Settings: flag, then environment, then the file, then default. The only reader of the
//! environment.
//!
//! [`sources`] gathers what was written where, [`values`] says what each value may look like, and
//! this module says what settings there are. Every mistake is reported at once, each with the
//! place it stands in and what to write instead.

mod acme;
mod listen;
mod oidc;
pub mod settings;
pub mod smtp_url;
mod sources;
mod stored;
pub mod systemd;
mod tls;
mod values;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::domain::email::Email;
use crate::domain::{Notices, Rules};
pub use acme::Acme;
pub use listen::Listen;
pub use oidc::Oidc;
use settings::Effective;
use smtp_url::SmtpUrl;
use sources::Sources;
pub use stored::AT_THE_DESK;
use systemd::{Door, Inherited, Socket};
pub use tls::Tls;
pub use values::{PublicUrl, Secret, check_card, database_url};

/// Every setting, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where Doorkey listens and how it is reached.
    pub server: Server,
    /// HTTPS of our own.
    pub tls: Tls,
    /// Certificates that are obtained by ourselves.
    pub acme: Acme,
    /// Where the data is.
    pub database: Database,
    /// The folder for what is not in the database. Setting `data_dir`.
    pub data_dir: PathBuf,
    /// How mail leaves.
    pub mail: Mail,
    /// What customers see of the company.
    pub brand: Brand,
    /// The customers' portal.
    pub portal: Portal,
    /// What tickets do.
    pub tickets: Tickets,
    /// Where events are sent.
    pub webhooks: Webhooks,
    /// How staff sign in.
    pub staff: Staff,
    /// The provider at which staff may sign in, if there is one.
    pub oidc: Option<Oidc>,
    /// Whether limits count; off only with a loopback public URL. Setting `limits`.
    pub limits: bool,
    /// What is logged.
    pub log: Log,
    /// Every setting as it holds, for people: secrets are masked.
    pub effective: Vec<Effective>,
}

/// Where events are sent.
#[derive(Clone, Debug, Default)]
pub struct Webhooks {
    /// Networks that webhooks may call although they are not public. Setting `webhooks.allow`.
    pub allow: Vec<IpNet>,
}

/// Where Doorkey listens and how it is reached.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where to listen. Setting `listen`.
    pub listen: Listen,
    /// Sockets that systemd opened. They count in place of the settings.
    pub inherited: Vec<Inherited>,
    /// The only source of links in mails; never the Host header. Setting `public_url`.
    pub public_url: PublicUrl,
    /// Where weaknesses of this site are reported: a URL. Setting `security_contact`.
    pub security_contact: Option<String>,
    /// Whose `Forwarded` and `X-Forwarded-For` are believed. Setting `trusted_proxies`.
    pub trusted_proxies: Vec<IpNet>,
    /// Where Prometheus may ask, if anywhere. Setting `metrics_listen`.
    pub metrics_listen: Option<Listen>,
}

/// Where the data is.
#[derive(Clone, Debug)]
pub struct Database {
    /// `sqlite:path` or `postgres://…`. Setting `database.url`.
    pub url: Secret,
}

/// How mail leaves.
#[derive(Clone, Debug)]
pub struct Mail {
    /// `smtp://` or `smtps://`; without one, mail is captured. Setting `mail.smtp_url`.
    pub smtp_url: Option<SmtpUrl>,
    /// Who mail is from. Setting `mail.from`.
    pub from: String,
    /// Where replies to unassigned tickets are announced. Setting `mail.staff_inbox`.
    pub staff_inbox: Option<Email>,
    /// Whether the customer of a new ticket is mailed. Setting `mail.on_ticket_created`.
    pub on_ticket_created: bool,
    /// Whether customers are mailed a public note. Setting `mail.on_note_added`.
    pub on_note_added: bool,
    /// Whether customers are mailed about a change of status. Setting `mail.on_status_change`.
    pub on_status_change: bool,
    /// Whether customers are mailed how their ticket was resolved. Setting
    /// `mail.on_ticket_resolved`.
    pub on_ticket_resolved: bool,
    /// Whether staff are mailed a customer's reply. Setting `mail.on_customer_replied`.
    pub on_customer_replied: bool,
    /// Whether technicians are mailed a ticket that they are given. Setting
    /// `mail.on_ticket_assigned`.
    pub on_ticket_assigned: bool,
    /// Whether captured mail, with the links in it, is shown to other machines too. No setting:
    /// only the demo, whose people are made up, does so.
    pub show_captured: bool,
}

/// What customers see of the company.
#[derive(Clone, Debug)]
pub struct Brand {
    /// Its name. Setting `brand.name`.
    pub name: String,
    /// Its colour, `#rrggbb` in lower case; the house blue without. Setting `brand.colour`.
    pub colour: Option<String>,
    /// Where a customer can call. Setting `brand.phone`.
    pub phone: Option<String>,
    /// When somebody answers there. Setting `brand.hours`.
    pub hours: Option<String>,
    /// More cards for the hub. Setting `brand.cards`, in the file or at the desk.
    pub cards: Vec<Card>,
    /// The hash of its logo. Only from the desk: the picture is in the database.
    pub logo: Option<String>,
}

/// A card on the hub, the page at `/`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Its heading.
    pub title: String,
    /// A sentence below it.
    #[serde(default)]
    pub text: String,
    /// Where it leads: `https://`, `http://`, `mailto:`, `tel:` or a path.
    pub url: String,
}

/// The customers' portal.
#[derive(Clone, Debug)]
pub struct Portal {
    /// How long a link works after it was issued. Setting `portal.link_ttl`.
    pub link_ttl: Duration,
}

/// What tickets do.
#[derive(Clone, Debug)]
pub struct Tickets {
    /// Whether a customer's reply reopens a resolved ticket. Setting `tickets.reopen_on_reply`.
    pub reopen_on_reply: bool,
    /// Days after which a resolved ticket closes by itself; 0 is never. Setting
    /// `tickets.auto_close_days`.
    pub auto_close_days: u32,
    /// The categories a ticket may have. Setting `tickets.categories`.
    pub categories: Vec<String>,
}

/// How staff sign in.
#[derive(Clone, Debug, Default)]
pub struct Staff {
    /// Whether admins need a passkey. Setting `staff.require_passkey`.
    pub require_passkey: bool,
}

/// What is logged.
#[derive(Clone, Debug)]
pub struct Log {
    /// A level or a filter such as `info,doorkey::mail=debug`. Setting `log`.
    pub filter: String,
    /// How; without it, text on a terminal and JSON elsewhere. Setting `log_format`.
    pub format: Option<LogFormat>,
    /// From which time on a statement of the database is told; never without it. Setting
    /// `log_slow`.
    pub slow: Option<Duration>,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// Settings that cannot be used: one line a mistake.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// What the command line says: names of settings (`public_url`, `database.url`, `config` for the
/// file, or `config.fallback` for one that is read if it is there and no other is) and their values.
pub type Flags = Vec<(&'static str, String)>;

impl Default for Config {
    fn default() -> Self {
        let rules = Rules::default();
        Self {
            server: Server {
                listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)).into(),
                inherited: Vec::new(),
                public_url: PublicUrl::default(),
                security_contact: None,
                trusted_proxies: Vec::new(),
                metrics_listen: None,
            },
            tls: Tls::default(),
            acme: Acme::default(),
            database: Database { url: Secret::new("sqlite:data/doorkey.db") },
            data_dir: PathBuf::from("data"),
            mail: Mail {
                smtp_url: None,
                from: "Support <support@localhost>".to_owned(),
                staff_inbox: None,
                on_ticket_created: rules.notices.ticket_created,
                on_note_added: rules.notices.note_added,
                on_status_change: rules.notices.status_changed,
                on_ticket_resolved: rules.notices.ticket_resolved,
                on_customer_replied: rules.notices.customer_replied,
                on_ticket_assigned: rules.notices.ticket_assigned,
                show_captured: false,
            },
            brand: Brand::default(),
            portal: Portal { link_ttl: rules.link_ttl },
            tickets: Tickets {
                reopen_on_reply: rules.reopen_on_reply,
                auto_close_days: rules.auto_close_days,
                categories: rules.categories,
            },
            webhooks: Webhooks::default(),
            staff: Staff::default(),
            oidc: None,
            limits: rules.limits,
            log: Log {
                filter: "info".to_owned(),
                format: None,
                slow: Some(Duration::from_millis(200)),
            },
            effective: Vec::new(),
        }
    }
}

impl Config {
    /// Reads the settings of this process. To be called once, while it has one thread.
    pub fn of_process(flags: Flags) -> Result<Self, ConfigError> {
        let mut environment = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str().filter(|name| name.starts_with("DOORKEY_")) else {
                continue;
            };
            let value = value
                .into_string()
                .map_err(|_| ConfigError(vec![format!("{name}: the value is not UTF-8")]))?;
            environment.push((name.to_owned(), value));
        }
        let mut config = Self::load(flags, environment)?;
        config.server.inherited = systemd::sockets()?;
        if config.answers_plainly() && !config.server.public_url.is_https() {
            return Err(ConfigError(vec![
                "the socket that systemd calls redirect leads to public_url \
                 (DOORKEY_PUBLIC_URL), which must begin with https:// then"
                    .to_owned(),
            ]));
        }
        Ok(config)
    }

    /// Whether plain HTTP is answered with the way to HTTPS.
    pub fn answers_plainly(&self) -> bool {
        self.tls.redirect_listen.is_some()
            || self.server.inherited_for(Door::Redirect).next().is_some()
    }

    /// Reads the settings from `flags`, an `environment` and the file that they name.
    pub fn load(
        flags: Flags,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut sources = Sources::gather(flags, environment);
        let config = Self::take(&mut sources);
        config.check(&mut sources);
        sources.finish()?;
        Ok(config)
    }

    fn take(sources: &mut Sources) -> Self {
        let default = Self::default();
        let data_dir = sources.text("data_dir").map_or(default.data_dir, PathBuf::from);
        let database = format!("sqlite:{}", data_dir.join("doorkey.db").display());
        let effective = sources.effective(&database);
        Self {
            server: Server {
                listen: sources.parsed("listen", Listen::parse).unwrap_or(default.server.listen),
                inherited: Vec::new(),
                public_url: sources.parsed("public_url", PublicUrl::parse).unwrap_or_default(),
                security_contact: sources.parsed("security_contact", values::contact),
                trusted_proxies: sources
                    .list("trusted_proxies", values::network)
                    .unwrap_or_default(),
                metrics_listen: sources.parsed("metrics_listen", Listen::parse),
            },
            tls: Tls::take(sources),
            acme: Acme::take(sources),
            database: Database {
                url: sources
                    .parsed("database.url", values::database_url)
                    .unwrap_or_else(|| Secret::new(database)),
            },
            data_dir,
            mail: Mail::take(sources, default.mail),
            brand: Brand::take(sources, default.brand),
            portal: Portal {
                link_ttl: sources
                    .parsed("portal.link_ttl", values::duration)
                    .unwrap_or(default.portal.link_ttl),
            },
            tickets: Tickets::take(sources, default.tickets),
            webhooks: Webhooks {
                allow: sources.list("webhooks.allow", values::network).unwrap_or_default(),
            },
            staff: Staff {
                require_passkey: sources
                    .parsed("staff.require_passkey", values::switch)
                    .unwrap_or_default(),
            },
            oidc: Oidc::take(sources),
            limits: sources.parsed("limits", values::switch).unwrap_or(default.limits),
            log: Log {
                filter: sources.parsed("log", values::log_filter).unwrap_or(default.log.filter),
                format: sources.parsed("log_format", values::log_format),
                slow: sources.parsed("log_slow", values::slow).unwrap_or(default.log.slow),
            },
            effective,
        }
    }

    /// What only several settings together can get wrong.
    fn check(&self, sources: &mut Sources) {
        if self.mail.smtp_url.is_some() && !sources.has("mail.from") {
            sources.complain(
                "mail.from (DOORKEY_MAIL_FROM) is needed with an SMTP server; \
                 write for example: Support <support@example.com>",
            );
        }
        self.check_doors(sources);
        self.tls.check(&self.server.public_url, sources);
        self.acme.check(&self.tls, &self.server.public_url, sources);
        oidc::check(sources);
        if self.staff.require_passkey && !self.server.public_url.has_name() {
            sources.complain(
                "staff.require_passkey (DOORKEY_STAFF_REQUIRE_PASSKEY) needs a public_url with a host \
                 name: browsers know no passkeys for a bare address such as 127.0.0.1",
            );
        }
        if !self.limits && !self.server.public_url.is_loopback() {
            sources.complain(
                "limits (DOORKEY_LIMITS) can be off only while public_url is a loopback address, \
                 for load tests; remove the setting",
            );
        }
    }

    /// No two listeners can have one place.
    fn check_doors(&self, sources: &mut Sources) {
        let listen = ("listen (DOORKEY_LISTEN)", Some(&self.server.listen));
        let metrics =
            ("metrics_listen (DOORKEY_METRICS_LISTEN)", self.server.metrics_listen.as_ref());
        let redirect = (
            "tls.redirect_listen (DOORKEY_TLS_REDIRECT_LISTEN)",
            self.tls.redirect_listen.as_ref(),
        );
        for ((one, here), (other, there)) in
            [(listen, metrics), (listen, redirect), (metrics, redirect)]
        {
            if let (Some(here), Some(there)) = (here, there)
                && here.collides_with(there)
            {
                sources.complain(format!(
                    "{one} and {other} are both {there}; give each a port of its own"
                ));
            }
        }
    }

    /// The settings that the rules depend on.
    pub fn rules(&self) -> Rules {
        Rules {
            link_ttl: self.portal.link_ttl,
            reopen_on_reply: self.tickets.reopen_on_reply,
            auto_close_days: self.tickets.auto_close_days,
            categories: self.tickets.categories.clone(),
            staff_inbox: self.mail.staff_inbox.clone(),
            notices: Notices {
                ticket_created: self.mail.on_ticket_created,
                note_added: self.mail.on_note_added,
                status_changed: self.mail.on_status_change,
                ticket_resolved: self.mail.on_ticket_resolved,
                customer_replied: self.mail.on_customer_replied,
                ticket_assigned: self.mail.on_ticket_assigned,
            },
            require_passkey: self.staff.require_passkey,
            limits: self.limits,
        }
    }
}

impl Server {
    /// Whether only this machine reaches where we listen.
    pub fn is_local(&self) -> bool {
        let mut inherited = self.inherited_for(Door::Main).peekable();
        match inherited.peek() {
            None => self.listen.is_local(),
            Some(_) => inherited.all(Socket::is_local),
        }
    }

    /// The sockets that systemd opened for this.
    pub fn inherited_for(&self, door: Door) -> impl Iterator<Item = &Socket> {
        let of = self.inherited.iter().filter(move |inherited| inherited.door == door);
        of.map(|inherited| &inherited.socket)
    }
}

impl Default for Brand {
    fn default() -> Self {
        let name = "RFS".to_owned();
        Self { name, colour: None, phone: None, hours: None, cards: Vec::new(), logo: None }
    }
}

impl Brand {
    fn take(sources: &mut Sources, default: Self) -> Self {
        Self {
            name: sources.parsed("brand.name", values::line).unwrap_or(default.name),
            colour: sources.parsed("brand.colour", values::colour),
            phone: sources.parsed("brand.phone", values::line),
            hours: sources.parsed("brand.hours", values::line),
            cards: sources.tables("brand.cards", values::card).unwrap_or_default(),
            logo: None,
        }
    }
}

impl Mail {
    fn take(sources: &mut Sources, default: Self) -> Self {
        let mut switch =
            |name, otherwise| sources.parsed(name, values::switch).unwrap_or(otherwise);
        Self {
            on_ticket_created: switch("mail.on_ticket_created", default.on_ticket_created),
            on_note_added: switch("mail.on_note_added", default.on_note_added),
            on_status_change: switch("mail.on_status_change", default.on_status_change),
            on_ticket_resolved: switch("mail.on_ticket_resolved", default.on_ticket_resolved),
            on_customer_replied: switch("mail.on_customer_replied", default.on_customer_replied),
            on_ticket_assigned: switch("mail.on_ticket_assigned", default.on_ticket_assigned),
            smtp_url: sources.parsed("mail.smtp_url", SmtpUrl::parse),
            from: sources.parsed("mail.from", values::sender).unwrap_or(default.from),
            staff_inbox: sources.parsed("mail.staff_inbox", values::email),
            show_captured: false,
        }
    }
}

impl Tickets {
    fn take(sources: &mut Sources, default: Self) -> Self {
        Self {
            reopen_on_reply: sources
                .parsed("tickets.reopen_on_reply", values::switch)
                .unwrap_or(default.reopen_on_reply),
            auto_close_days: sources
                .parsed("tickets.auto_close_days", values::days)
                .unwrap_or(default.auto_close_days),
            categories: sources
                .list("tickets.categories", values::line)
                .unwrap_or(default.categories),
        }
    }
}

#[cfg(test)]
mod tests;
