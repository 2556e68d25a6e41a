//! Time as a parameter: the only reader of the system's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// Milliseconds since 1970-01-01T00:00:00Z, as every time in Doorkey is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Millis(pub i64);

impl Millis {
    /// This moment and `duration` later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This moment less `duration`.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// RFC 3339 in UTC with milliseconds: `2026-11-12T09:14:00.000Z`.
    pub fn rfc3339(self) -> String {
        let at = self.civil();
        let Ok(year @ 0..) = u16::try_from(at.year()) else {
            return format!("{:.3}", self.timestamp());
        };
        let mut text = String::with_capacity(24);
        let parts = [(at.month(), '-'), (at.day(), '-'), (at.hour(), 'T'), (at.minute(), ':')];
        push_digits(&mut text, year, 4);
        for (number, before) in parts.into_iter().chain([(at.second(), ':')]) {
            text.push(before);
            push_digits(&mut text, number.unsigned_abs().into(), 2);
        }
        text.push('.');
        push_digits(&mut text, at.millisecond().unsigned_abs(), 3);
        text.push('Z');
        text
    }

    /// The same to the minute, for people: `12 Nov 2026, 09:14 UTC`.
    pub fn in_words(self) -> String {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let at = self.civil();
        let month = usize::try_from(at.month() - 1).ok().and_then(|month| MONTHS.get(month));
        let mut text = String::with_capacity(24);
        push_digits(&mut text, at.day().unsigned_abs().into(), if at.day() < 10 { 1 } else { 2 });
        text.extend([" ", month.copied().unwrap_or_default(), " "]);
        push_digits(&mut text, at.year().unsigned_abs(), 4);
        text.push_str(", ");
        push_digits(&mut text, at.hour().unsigned_abs().into(), 2);
        text.push(':');
        push_digits(&mut text, at.minute().unsigned_abs().into(), 2);
        text.push_str(" UTC");
        text
    }

    fn civil(self) -> DateTime {
        Offset::UTC.to_datetime(self.timestamp())
    }

    /// Reads the time of an HTTP header (RFC 9110 §5.6.7), which has the form of a mail's.
    pub fn from_http_date(text: &str) -> Option<Self> {
        let moment = jiff::fmt::rfc2822::parse(text).ok()?;
        Some(Self(moment.timestamp().as_millisecond()))
    }

    /// The first moment in UTC of a day that is written `2026-11-12`, of the years 1970 to 9998.
    pub fn of_day(text: &str) -> Option<Self> {
        let plain = text.len() == 10 && text.starts_with(|first: char| first.is_ascii_digit());
        let day: jiff::civil::Date = text.parse().ok().filter(|_| plain && text < "9999")?;
        let start = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
        (start >= 0).then_some(Self(start))
    }

    /// The same moment for calendar arithmetic.
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// Adds the last `width` digits of a number. A list has forty times on it, so they are not sent
/// through a description of how a time is written.
fn push_digits(text: &mut String, number: u16, width: u32) {
    for place in (0..width).rev() {
        let digit = number / 10_u16.pow(place) % 10;
        text.push(char::from(b'0' + digit as u8));
    }
}

/// Where `now` comes from: the system, or a test's hand.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's clock.
    System,
    /// A clock that moves only when told to.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `now` until it is moved.
    pub fn fixed(now: Millis) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(now.0)))
    }

    /// The time.
    #[expect(clippy::disallowed_methods, reason = "the one reader of the system's clock")]
    pub fn now(&self) -> Millis {
        match self {
            Self::System => Millis(Timestamp::now().as_millisecond()),
            Self::Fixed(millis) => Millis(millis.load(Ordering::SeqCst)),
        }
    }

    /// Moves a fixed clock on; the system's clock takes no orders.
    pub fn advance(&self, duration: Duration) {
        if let Self::Fixed(millis) = self {
            millis.store(self.now().plus(duration).0, Ordering::SeqCst);
        }
    }
}

/// A moment on the machine's steady clock by which something must be done.
///
/// It bounds how long work may take. It has nothing to do with dates, so a fixed [`Clock`]
/// does not hold it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// `time` from now.
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// How long until then; nothing once it is too late.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// True once it is too late.
    pub fn passed(self) -> bool {
        Instant::now() >= self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_milliseconds() {
        assert_eq!(Millis(1_794_474_840_000).rfc3339(), "2026-11-12T09:14:00.000Z");
        assert_eq!(Millis(1_794_474_840_007).rfc3339(), "2026-11-12T09:14:00.007Z");
    }

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        assert_eq!(Millis::of_day("1970-01-02"), Some(Millis(86_400_000)));
        for bad in
            ["", "2026-13-01", "1969-12-31", "2026-1-1", "20261112", "2026-W46-4", "9999-01-01"]
        {
            assert_eq!(Millis::of_day(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_fixed_clock_moves_when_told() {
        let clock = Clock::fixed(Millis(1_000));
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.now(), Millis(3_000));
        assert_eq!(clock.now().since(Millis(1_000)), Duration::from_secs(2));
        assert_eq!(Millis(1).since(Millis(2)), Duration::ZERO);
    }
}
