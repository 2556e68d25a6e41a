//! A line for whoever waits: how far a long command is, on standard error, if that is a terminal.
//! It appears after two seconds and goes when the work is done.

use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use crate::clock::{Clock, Deadline};

/// What takes no longer needs no line.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the line changes.
const PACE: Duration = Duration::from_millis(250);

/// The line, once it is there.
pub struct Progress {
    out: Option<Box<dyn Write + Send>>,
    next: Deadline,
    pace: Duration,
    shown: bool,
}

impl Progress {
    /// On standard error if somebody looks at it.
    pub fn on_terminal() -> Self {
        let error = io::stderr();
        if error.is_terminal() { Self::to(Box::new(error), PATIENCE, PACE) } else { Self::none() }
    }

    fn none() -> Self {
        Self { out: None, next: Deadline::after(PATIENCE), pace: PACE, shown: false }
    }

    fn to(out: Box<dyn Write + Send>, patience: Duration, pace: Duration) -> Self {
        Self { out: Some(out), next: Deadline::after(patience), pace, shown: false }
    }

    /// Says how far it is, if it is time to.
    pub fn tell(&mut self, words: impl FnOnce() -> String) {
        let Some(out) = self.out.as_mut().filter(|_| self.next.passed()) else { return };
        self.next = Deadline::after(self.pace);
        self.shown = true;
        // Nobody misses a line that cannot be shown. ESC [K clears what was longer.
        let _ = write!(out, "\r{}\x1b[K", words());
        let _ = out.flush();
    }

    /// Makes room for what is printed next.
    pub fn clear(&mut self) {
        if let Some(out) = self.out.as_mut().filter(|_| self.shown) {
            let _ = write!(out, "\r\x1b[K");
            let _ = out.flush();
        }
        self.shown = false;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Waits for `work`, which cannot tell how far it is, and says for how long it has gone on.
pub async fn while_waiting<T>(words: &str, work: impl Future<Output = T>) -> T {
    let mut line = Progress::on_terminal();
    let begun = Clock::System.now();
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(PACE) => line.tell(|| {
                format!("{words}: {} s", Clock::System.now().since(begun).as_secs())
            }),
        }
    }
}

/// A number as people read it: `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How long something took, for programs: whole milliseconds.
pub fn milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

/// How many of something, its word in the singular: `1 ticket`, `1,234 entries`.
pub fn count(number: u64, what: &str) -> String {
    let several = || match what.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{what}s"),
    };
    let word = if number == 1 { what.to_owned() } else { several() };
    format!("{} {word}", thousands(number))
}

/// The same with its verb, in the singular and in the plural: `1 ticket was`, `2 tickets were`.
pub fn count_that(number: u64, what: &str, [one, several]: [&str; 2]) -> String {
    format!("{} {}", count(number, what), if number == 1 { one } else { several })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("a screen").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Screen {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("a screen").clone()).expect("text")
        }
    }

    #[test]
    fn the_line_comes_late_and_goes_at_the_end() {
        let screen = Screen::default();
        let mut quick = Progress::to(Box::new(screen.clone()), PATIENCE, PACE);
        quick.tell(|| "too early".to_owned());
        drop(quick);
        assert_eq!(screen.text(), "");
        let mut slow = Progress::to(Box::new(screen.clone()), Duration::ZERO, Duration::ZERO);
        slow.tell(|| "half".to_owned());
        drop(slow);
        assert_eq!(screen.text(), "\rhalf\x1b[K\r\x1b[K");
    }

    #[test]
    fn numbers_are_grouped() {
        let all = [0, 12, 999, 1_000, 1_234_567].map(thousands);
        assert_eq!(all, ["0", "12", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn one_is_no_plural() {
        let all =
            [count(0, "ticket"), count(1, "ticket"), count(1, "entry"), count(2_000, "entry")];
        assert_eq!(all, ["0 tickets", "1 ticket", "1 entry", "2,000 entries"]);
        let links = [0, 1, 2].map(|links| count_that(links, "link", ["was", "were"]));
        assert_eq!(links, ["0 links were", "1 link was", "2 links were"]);
    }
}
