//! Says in good time that a certificate ends.

use std::time::Duration;

use super::{Certificate, Millis};

const DAY: Duration = Duration::from_secs(86_400);

/// What was said of which certificate.
pub(super) struct Expiry {
    /// Days before the end at which to speak, most first.
    days: &'static [u32],
    /// The end of the certificate that was last spoken of, and the days that were named; 0 is that
    /// it is over.
    said: Option<(Millis, u32)>,
}

impl Expiry {
    pub(super) fn new(days: &'static [u32]) -> Self {
        Self { days, said: None }
    }

    /// Says that `certificate` ends soon, once at each of the days.
    pub(super) fn remark(&mut self, certificate: &Certificate, now: Millis) {
        let (at, lifetime) = (certificate.expires_at, certificate.lifetime());
        match self.due(at, lifetime, now) {
            None => {}
            Some(0) => tracing::error!(
                expired = at.rfc3339(),
                "the certificate has expired: browsers refuse it"
            ),
            Some(days) => tracing::warn!(
                until = at.rfc3339(),
                "the certificate expires within {days} days and has not been renewed"
            ),
        }
    }

    /// The mark that was passed since the last word, if one was. A mark that lies before two
    /// thirds of a certificate's life says nothing: short ones are always near their end.
    fn due(&mut self, expires_at: Millis, lifetime: Duration, now: Millis) -> Option<u32> {
        let left = expires_at.since(now);
        let passed = |days: &&u32| left <= DAY * **days && DAY * **days <= lifetime / 3;
        let mark = if left.is_zero() { 0 } else { *self.days.iter().filter(passed).min()? };
        let already = self.said.is_some_and(|(of, said)| of == expires_at && said <= mark);
        if already {
            return None;
        }
        self.said = Some((expires_at, mark));
        Some(mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: Duration = Duration::from_secs(365 * 86_400);

    fn said(expiry: &mut Expiry, lifetime: Duration, days_left: &[u32]) -> Vec<Option<u32>> {
        let end = Millis(0).plus(lifetime);
        let ask = |left: &u32| expiry.due(end, lifetime, end.minus(DAY * *left));
        days_left.iter().map(ask).collect()
    }

    #[test]
    fn each_mark_is_told_once() {
        let mut expiry = Expiry::new(&[30, 7, 1]);
        let told = said(&mut expiry, YEAR, &[300, 31, 30, 29, 8, 7, 5, 1, 1, 0, 0]);
        let expected =
            [None, None, Some(30), None, None, Some(7), None, Some(1), None, Some(0), None];
        assert_eq!(told, expected);
        // A new certificate is told of anew, and after a restart only the nearest mark.
        assert_eq!(said(&mut expiry, 2 * YEAR, &[300, 6, 6]), [None, Some(7), None]);
    }

    #[test]
    fn short_certificates_are_not_always_near_their_end() {
        let mut expiry = Expiry::new(&[30, 7, 1]);
        assert_eq!(said(&mut expiry, 6 * DAY, &[6, 3, 1]), [None, None, Some(1)]);
        let mut expiry = Expiry::new(&[30, 7, 1]);
        assert_eq!(said(&mut expiry, 47 * DAY, &[30, 10, 7]), [None, None, Some(7)]);
    }
}
