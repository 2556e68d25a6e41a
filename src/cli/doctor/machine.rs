//! Room on the disk, files that others may read, who looks, certificates that end.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::Access;
use rustix::io::Errno;
use rustix::process::{Resource, geteuid, getrlimit};

use super::Finding;
use crate::clock::{Clock, Millis};
use crate::config::Config;
use crate::db::sqlite_file;
use crate::tls::Tls;

/// Less free than this is a fault; less than ten times it a warning.
const LEAST_FREE: u64 = 256 * 1024 * 1024;
/// Files that may be open for 10,000 connections and what goes with them.
const FILES: u64 = 12_000;

pub(super) fn look(config: &Config, now: Millis) -> Vec<Finding> {
    let mut places = vec![config.data_dir.clone()];
    let file = sqlite_file(config.database.url.reveal());
    places.extend(file.and_then(Path::parent).map(Path::to_path_buf));
    places.dedup();
    let mut findings: Vec<Finding> = places.iter().map(|place| room(place)).collect();
    findings.extend(places.iter().filter_map(|place| privacy(place)));
    findings.extend(user(&config.data_dir));
    findings.push(files());
    findings.extend(certificate(config, now));
    findings
}

/// The nearest folder that is there already.
fn existing(place: &Path) -> PathBuf {
    let mut folder = place;
    while !folder.exists() {
        match folder.parent() {
            Some(parent) if parent != Path::new("") => folder = parent,
            _ => return PathBuf::from("."),
        }
    }
    folder.to_path_buf()
}

fn room(place: &Path) -> Finding {
    let shown = place.display();
    if let Err(reason) = usable(place) {
        return Finding::fault(
            "disk",
            format!("{shown} {reason}"),
            "mend data_dir (DOORKEY_DATA_DIR) or database.url, or who may write there: the folder must \
             belong to the user that serve runs as",
        );
    }
    match rustix::fs::statvfs(existing(place)) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let found = format!("{} MiB are free for {shown}", free / (1024 * 1024));
            let mend =
                "free some, or move data_dir to a larger disk; without room nothing can be written";
            match free {
                0..LEAST_FREE => Finding::fault("disk", found, mend),
                free if free < 10 * LEAST_FREE => Finding::warning("disk", found, mend),
                _ => Finding::ok("disk", found),
            }
        }
        Err(error) => Finding::fault(
            "disk",
            format!("{shown}: {error}"),
            "look at data_dir (DOORKEY_DATA_DIR) and who may read it",
        ),
    }
}

/// Whether this user can keep files in `place`, or make it.
fn usable(place: &Path) -> Result<(), String> {
    let there = existing(place);
    let missing = if there == place { "" } else { "cannot be made: " };
    let named = there.display();
    if !there.is_dir() {
        return Err(format!("{missing}{named} is no folder"));
    }
    rustix::fs::access(&there, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| match error {
        Errno::ROFS => format!("{missing}the disk of {named} can only be read"),
        _ => format!("{missing}this user may not write in {named}"),
    })
}

fn privacy(place: &Path) -> Option<Finding> {
    let mode = std::fs::metadata(place).ok()?.permissions().mode();
    (mode & 0o007 != 0).then(|| {
        Finding::warning(
            "disk",
            format!("every user of this machine may look into {}", place.display()),
            format!("chmod o-rwx {}", place.display()),
        )
    })
}

/// Root may read what `serve` may not: its verdict is worth little.
fn user(data_dir: &Path) -> Option<Finding> {
    let owner = std::fs::metadata(data_dir).ok()?.uid();
    (geteuid().is_root() && owner != 0).then(|| {
        Finding::warning(
            "user",
            format!(
                "root looks at a house of another user, to whom {} belongs",
                data_dir.display()
            ),
            "look as the user that serve runs as: sudo -u doorkey doorkey doctor",
        )
    })
}

fn files() -> Finding {
    match getrlimit(Resource::Nofile).maximum {
        Some(most) if most < FILES => Finding::warning(
            "open files",
            format!("at most {most} at a time"),
            "raise LimitNOFILE in the unit file, or ulimit -Hn, to 16384 or more",
        ),
        _ => Finding::ok("open files", "as many as are needed"),
    }
}

fn certificate(config: &Config, now: Millis) -> Option<Finding> {
    let about = "certificate";
    if config.tls.files().is_none() && !config.acme.enabled {
        return None;
    }
    let tls = match Tls::open(config, Clock::System) {
        Ok(tls) => tls?,
        Err(error) => {
            let mend =
                "mend tls.certificate and tls.key (DOORKEY_TLS_CERTIFICATE, DOORKEY_TLS_KEY)";
            return Some(Finding::fault(about, error.to_string(), mend));
        }
    };
    Some(match tls.expires_at() {
        None => Finding::warning(
            about,
            "none was obtained yet",
            "doorkey serve obtains it when it starts; port 80 or 443 of the public URL must lead to it",
        ),
        Some(at) => {
            let days = at.since(now).as_secs() / 86_400;
            let found = format!("it is good until {}, {days} days", at.rfc3339());
            let mend = "renew it; its files are read again by themselves";
            match days {
                0..7 => Finding::fault(about, found, mend),
                7..14 => Finding::warning(about, found, mend),
                _ => Finding::ok(about, found),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Level;

    #[test]
    fn a_folder_that_cannot_be_made_is_a_fault_and_one_that_can_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "").expect("a file");
        let below = room(&file.join("data"));
        let words = format!("cannot be made: {} is no folder", file.display());
        assert!(below.level == Level::Fault && below.found.contains(&words), "{below:?}");
        assert!(below.mend.contains("DOORKEY_DATA_DIR"), "{below:?}");
        let itself = room(&file);
        assert!(itself.found.ends_with("file is no folder"), "{itself:?}");
        // proc takes no folder, not even from root.
        let proc = room(Path::new("/proc/1/doorkey/data"));
        assert!(geteuid().is_root() || proc.level == Level::Fault, "{proc:?}");
        assert_ne!(room(&folder.path().join("a/b/c")).level, Level::Fault);
    }
}
