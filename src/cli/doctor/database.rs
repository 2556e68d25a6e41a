//! Whether the database answers, is up to date, and keeps what it is given.

use super::{Finding, ago};
use crate::clock::Millis;
use crate::config::Config;
use crate::db::{self, DatabaseSettings, Db};
use crate::domain::health::{self, Health};

const DATABASE: &str = "database";

pub(super) async fn look(config: &Config, now: Millis) -> Vec<Finding> {
    // Opening it would make it.
    let url = config.database.url.reveal();
    if let Some(file) = db::sqlite_file(url).filter(|file| !file.exists()) {
        let found = format!("there is none yet at {}", file.display());
        let mend = "run doorkey migrate, or start doorkey serve, which makes it; if there should be one, \
            look at database.url (DOORKEY_DATABASE_URL)";
        return vec![Finding::warning(DATABASE, found, mend)];
    }
    let db = match Db::open(&DatabaseSettings::new(config.database.url.reveal())).await {
        Ok(db) => db,
        Err(error) => return vec![unusable(&error.to_string())],
    };
    let mut findings = vec![Finding::ok(DATABASE, format!("{} answers", db.engine().label()))];
    match db.inspect().await {
        Ok(facts) => findings.extend(facts.into_iter().map(|fact| match fact.mend {
            None => Finding::ok(DATABASE, fact.found),
            Some(mend) => Finding::fault(DATABASE, fact.found, mend),
        })),
        Err(error) => findings.push(unusable(&error.to_string())),
    }
    match db.pending_migrations().await {
        Ok(pending) if pending.is_empty() => {
            findings.push(Finding::ok("migrations", "none is missing"));
            match db.read(move |tx| health::look(tx, now)).await {
                Ok(health) => findings.extend(inside(&health, now)),
                Err(error) => findings.push(unusable(&error.to_string())),
            }
        }
        Ok(pending) => findings.push(Finding::warning(
            "migrations",
            format!("{} to be applied: {}", pending.len(), pending.join(", ")),
            "run doorkey migrate, or start doorkey serve, which does so first",
        )),
        Err(error) => findings.push(unusable(&error.to_string())),
    }
    db.close().await;
    findings
}

fn unusable(reason: &str) -> Finding {
    Finding::fault(
        DATABASE,
        reason,
        "look at database.url (DOORKEY_DATABASE_URL): is the server running, the password right, the \
         folder writable for this user?",
    )
}

/// What the rows tell.
fn inside(health: &Health, now: Millis) -> Vec<Finding> {
    vec![clock(health, now), staff(health), outbox(health, now), backup(health, now)]
}

fn clock(health: &Health, now: Millis) -> Finding {
    match health.newest {
        Some(newest) if newest > now => Finding::fault(
            "clock",
            format!(
                "the newest ticket is {} s in the future: the clock was set back",
                newest.since(now).as_secs()
            ),
            "set this machine's clock by the network (timedatectl set-ntp true)",
        ),
        _ => Finding::ok("clock", "nothing in the database is newer than now"),
    }
}

fn staff(health: &Health) -> Finding {
    if health.has_admin {
        return Finding::ok("staff", "there is an admin");
    }
    Finding::warning(
        "staff",
        "nobody is an admin",
        "doorkey staff add --email you@example.com --name You --role admin",
    )
}

fn outbox(health: &Health, now: Millis) -> Finding {
    match health.oldest_due {
        Some(due) if now.since(due).as_secs() > 600 => Finding::fault(
            "outbox",
            format!("a mail has been due since {}", ago(due, now)),
            "is doorkey serve running? Its log and /readyz say why mail does not leave",
        ),
        _ if health.failed > 0 => Finding::warning(
            "outbox",
            format!("{} mails were given up", health.failed),
            "doorkey outbox list --state failed says why",
        ),
        _ => Finding::ok("outbox", "nothing waits too long"),
    }
}

fn backup(health: &Health, now: Millis) -> Finding {
    let mend = "doorkey backup /a/safe/place/doorkey.backup, every day, to another machine; see \
         \"Backup and restore\" in docs/OPERATIONS.md";
    match health.last_backup {
        None => Finding::warning("backup", "there was none yet", mend),
        Some(at) if now.since(at).as_secs() > 2 * 86_400 => {
            Finding::warning("backup", format!("the last was made {}", ago(at, now)), mend)
        }
        Some(at) => Finding::ok("backup", format!("the last was made {}", ago(at, now))),
    }
}
