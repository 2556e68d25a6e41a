//! Tells when SQLite's log grows: it cannot be emptied while somebody reads an old moment of the
//! database, and then fills the disk without a word.

use std::sync::{Mutex, PoisonError};

use crate::app::App;
use crate::db::MUCH_LOG;

/// The size that was told last, if the log is large.
#[derive(Debug, Default)]
pub struct Told(Mutex<Option<u64>>);

impl Told {
    /// Whether this size is worth a line: the first that is large, and each that is twice the last.
    fn is_news(&self, bytes: u64) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes <= MUCH_LOG {
            *told = None;
            return false;
        }
        let is_news = told.is_none_or(|last| bytes / 2 >= last);
        if is_news {
            *told = Some(bytes);
        }
        is_news
    }
}

/// Looks at the log's size.
pub fn watch(app: &App, told: &Told) {
    let bytes = app.db.log_bytes();
    if told.is_news(bytes) {
        tracing::warn!(
            mebibytes = bytes >> 20,
            "the database's log (-wal) grows: a reader or a long transaction keeps it from being \
             emptied. Look for backups, exports and other programs that have the file open"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_told_at_first_and_at_each_doubling() {
        let told = Told::default();
        let mebibytes = [0, 256, 257, 300, 513, 514, 900, 1028, 10, 256, 300];
        let news = mebibytes.map(|size| told.is_news(size << 20));
        let wanted = [false, false, true, false, false, true, false, true, false, false, true];
        assert_eq!(news, wanted);
    }
}
