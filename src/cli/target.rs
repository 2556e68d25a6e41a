//! A file that a command writes: it appears under its name when it is whole, replaces nothing
//! unasked, and never the database itself.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::CliError;
use crate::db;

/// What stands beside a SQLite database and belongs to it.
const ENDS: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// Where the file is to be.
pub(super) struct Target {
    /// The file.
    pub(super) path: PathBuf,
    /// Where it is made: on the same disk, so that naming it is one step.
    pub(super) folder: PathBuf,
    replace: bool,
}

impl Target {
    /// The file at `path`, which may be there only with `replace`; `database` is where the database
    /// is.
    pub(super) fn new(path: PathBuf, replace: bool, database: &str) -> Result<Self, CliError> {
        if path.file_name().is_none() || path.is_dir() {
            let text = format!("FILE: {} is a folder; name the file to write", path.display());
            return Err(CliError::Usage(text));
        }
        // A device or a pipe would be replaced by a file of its name.
        if path.metadata().is_ok_and(|found| !found.is_file()) {
            let text = format!("FILE: {} is no ordinary file; name another", path.display());
            return Err(CliError::Usage(text));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        if db::sqlite_file(database).is_some_and(|file| belongs_to(&path, &folder, file)) {
            let text = format!("FILE: {} belongs to the database; name another", path.display());
            return Err(CliError::Usage(text));
        }
        let target = Self { path, folder, replace };
        if !replace && target.path.symlink_metadata().is_ok() {
            return Err(target.exists());
        }
        Ok(target)
    }

    /// Makes the file readable for its owner alone, puts it on disk and gives it its name; answers
    /// its size in bytes.
    pub(super) fn finish(&self, unfinished: &Path) -> io::Result<u64> {
        fs::set_permissions(unfinished, Permissions::from_mode(0o600))?;
        let file = File::open(unfinished)?;
        file.sync_all()?;
        let bytes = file.metadata()?.len();
        if self.replace {
            fs::rename(unfinished, &self.path)?;
        } else {
            let named = TempPath::try_from_path(unfinished)?.persist_noclobber(&self.path);
            named.map_err(|error| error.error)?;
        }
        // The name is on disk when the folder is.
        let named = File::open(&self.folder).and_then(|folder| folder.sync_all());
        if named.is_err() && !self.replace {
            // Who is told that it failed finds the name free. There is nothing better to do if this fails too.
            let _ = fs::remove_file(&self.path);
        }
        named.map(|()| bytes)
    }

    /// Why the file cannot be written.
    pub(super) fn explain(&self, error: &io::Error) -> CliError {
        match error.kind() {
            io::ErrorKind::AlreadyExists => self.exists(),
            _ => CliError::Failed(format!("{}: {}", self.path.display(), self.why(error))),
        }
    }

    /// In words of our own: those of the system name a file that nobody asked for.
    fn why(&self, error: &io::Error) -> String {
        let folder = self.folder.display();
        match error.kind() {
            io::ErrorKind::NotFound => {
                format!("the folder {folder} is not there; make it, or name another")
            }
            io::ErrorKind::NotADirectory => format!("{folder} is no folder; name another"),
            io::ErrorKind::PermissionDenied => format!("this user may not write in {folder}"),
            io::ErrorKind::ReadOnlyFilesystem => format!("{folder} can only be read"),
            io::ErrorKind::StorageFull => format!("there is no room left in {folder}"),
            // Without the name that `io::Error` of a library may carry: "Input/output error (os error 5)".
            kind => match error.raw_os_error() {
                Some(code) => {
                    format!("it cannot be written: {}", io::Error::from_raw_os_error(code))
                }
                None => format!("it cannot be written: {kind}"),
            },
        }
    }

    fn exists(&self) -> CliError {
        let file = self.path.display();
        CliError::Failed(format!("{file} exists; choose another name, or say --replace"))
    }
}

/// Whether writing `path` would write to the database in `file`, whatever name or link leads there.
fn belongs_to(path: &Path, folder: &Path, file: &Path) -> bool {
    let same = |one: &Path, other: &Path| match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    };
    let home = file.parent().filter(|home| !home.as_os_str().is_empty());
    let is_beside = same(folder, home.unwrap_or(Path::new(".")));
    ENDS.iter().any(|end| {
        let mut own = file.as_os_str().to_owned();
        own.push(end);
        let own = Path::new(&own);
        same(path, own) || (is_beside && path.file_name() == own.file_name())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &Path, replace: bool, database: &Path) -> String {
        let url = format!("sqlite:{}", database.display());
        match Target::new(path.to_owned(), replace, &url) {
            Ok(_) => "taken".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_database_is_never_written_over_by_any_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("doorkey.db");
        fs::write(&database, "x").expect("a file");
        let (link, hard) = (folder.path().join("link"), folder.path().join("hard"));
        std::os::unix::fs::symlink(&database, &link).expect("a link");
        fs::hard_link(&database, &hard).expect("another name");
        let inside = folder.path().join("sub");
        fs::create_dir(&inside).expect("a folder");
        let around = inside.join("../doorkey.db");
        for end in ENDS {
            let mut own = database.clone().into_os_string();
            own.push(end);
            let said = refused(Path::new(&own), true, &database);
            assert!(said.contains("belongs to the database"), "{end}: {said}");
        }
        for name in [&link, &hard, &around] {
            let said = refused(name, true, &database);
            assert!(said.contains("belongs to the database"), "{}: {said}", name.display());
        }
        assert_eq!(refused(&folder.path().join("new.db"), false, &database), "taken");
        assert_eq!(refused(&inside.join("doorkey.db"), false, &database), "taken");
    }

    #[test]
    fn what_is_wrong_with_a_place_is_told_by_its_own_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("missing/a.db");
        let target = Target::new(place.clone(), false, "sqlite:x").expect("a target");
        let error = tempfile::NamedTempFile::new_in(&target.folder).expect_err("no folder");
        let said = target.explain(&error).to_string();
        let home = folder.path().join("missing").display().to_string();
        assert_eq!(
            said,
            format!(
                "{}: the folder {home} is not there; make it, or name another",
                place.display()
            )
        );
        let said = refused(Path::new("/dev/null"), true, Path::new("x"));
        assert_eq!(said, "FILE: /dev/null is no ordinary file; name another");
        for named in [".", "..", "/"] {
            let said = refused(Path::new(named), true, Path::new("x"));
            assert_eq!(said, format!("FILE: {named} is a folder; name the file to write"));
        }
    }

    #[test]
    fn what_is_there_is_replaced_only_when_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let (database, there) = (folder.path().join("doorkey.db"), folder.path().join("there"));
        fs::write(&there, "x").expect("a file");
        assert!(refused(&there, false, &database).contains("--replace"));
        assert_eq!(refused(&there, true, &database), "taken");
        assert!(refused(folder.path(), true, &database).contains("is a folder"));
    }
}
