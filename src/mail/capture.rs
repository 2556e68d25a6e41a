//! The captured mailbox: where mails go when there is no mail server.
//!
//! One JSON file a mail, the newest 500 of them. They hold usable links, so the folder is for
//! its owner alone, and the page that shows them exists only on a loopback address.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::mail::compose::{Sender, compose};
use crate::mail::{Letter, SendError};

/// How many mails are kept.
const KEPT: usize = 500;
/// Longest id.
const ID_MAX: usize = 100;

/// A mail that was captured.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// Its name in the mailbox; grows with time.
    pub id: String,
    /// The recipient.
    pub to: String,
    /// [`crate::mail::Mail::kind`].
    pub kind: String,
    /// Its subject.
    pub subject: String,
    /// It as plain text.
    pub text: String,
    /// It as HTML.
    pub html: String,
    /// Its date, in milliseconds since 1970.
    pub at: i64,
    /// Its headers as they would be sent.
    pub headers: Vec<(String, String)>,
}

/// A folder of captured mails.
#[derive(Clone, Debug)]
pub struct Capture {
    folder: PathBuf,
    sender: Sender,
}

impl Capture {
    /// Opens `{data_dir}/mailbox`, and makes it if need be.
    ///
    /// # Errors
    ///
    /// Whatever the file system says.
    pub fn open(data_dir: &Path, sender: Sender) -> io::Result<Self> {
        let folder = data_dir.join("mailbox");
        make_private(&folder)?;
        Ok(Self { folder, sender })
    }

    /// Keeps `letter`. Blocks for a write to a file.
    ///
    /// # Errors
    ///
    /// [`SendError::Later`] if it cannot be written, [`SendError::Refused`] if it cannot be
    /// composed.
    pub fn keep(&self, letter: &Letter) -> Result<(), SendError> {
        let composed = compose(letter, &self.sender)?;
        let captured = Captured {
            id: id_of(letter),
            to: composed.to.to_string(),
            kind: letter.kind.to_owned(),
            subject: letter.rendered.subject.clone(),
            text: letter.rendered.text.clone(),
            html: letter.rendered.html.clone(),
            at: letter.at.0,
            headers: composed.headers(),
        };
        self.write(&captured).and_then(|()| self.forget_old()).map_err(|error| SendError::Later {
            reason: format!("the captured mailbox cannot be written: {error}"),
        })
    }

    /// The captured mails, newest first. What cannot be read is left out.
    pub fn list(&self) -> Vec<Captured> {
        let ids = self.ids().unwrap_or_default();
        ids.iter().rev().filter_map(|id| self.find(id)).collect()
    }

    /// One of them. An id that could name anything else finds nothing.
    pub fn find(&self, id: &str) -> Option<Captured> {
        if !is_id(id) {
            return None;
        }
        let bytes = fs::read(self.path(id)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    /// Writes beside the place and renames, so that a reader sees the whole or nothing.
    fn write(&self, captured: &Captured) -> io::Result<()> {
        let beside = self.folder.join(format!("{}.part", captured.id));
        let mut file = fs::File::create(&beside)?;
        file.write_all(&serde_json::to_vec_pretty(captured)?)?;
        fs::rename(&beside, self.path(&captured.id))
    }

    fn forget_old(&self) -> io::Result<()> {
        let ids = self.ids()?;
        for id in ids.iter().take(ids.len().saturating_sub(KEPT)) {
            match fs::remove_file(self.path(id)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// The ids, oldest first.
    fn ids(&self) -> io::Result<Vec<String>> {
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".json"));
            ids.extend(id.filter(|id| is_id(id)).map(String::from));
        }
        ids.sort_unstable();
        Ok(ids)
    }
}

/// The date and the left half of the Message-ID: a second attempt takes the first one's place.
fn id_of(letter: &Letter) -> String {
    let word = letter.message_id.split('@').next().unwrap_or_default();
    let safe: String = word.chars().filter(|it| is_id_char(*it)).take(ID_MAX - 20).collect();
    format!("{:015}-{safe}", letter.at.0.max(0))
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= ID_MAX && id.chars().all(is_id_char)
}

fn is_id_char(it: char) -> bool {
    it.is_ascii_alphanumeric() || it == '-' || it == '_'
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}
