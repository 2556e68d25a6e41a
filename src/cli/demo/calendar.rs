//! When things happen in the demo's year: working days, seasons, and an even, repeatable variety.
//! Hours are those of UTC; wherever the reader sits, most of them fall into a day.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::cli::variety::Variety;
use crate::clock::Millis;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// Milliseconds of a day.
pub const DAY: i64 = 24 * HOUR;

/// Whether staff are at work at `at`: Monday to Friday, 8 to 18.
pub fn is_working_time(at: Millis) -> bool {
    weekday(at) < 5 && (8..18).contains(&hour(at))
}

/// `at`, or the next morning on which staff are at work.
pub fn working_time(at: Millis, variety: &mut Variety) -> Millis {
    if is_working_time(at) {
        return at;
    }
    let mut day = midnight(at);
    if hour(at) >= 18 || weekday(at) >= 5 {
        day.0 += DAY;
    }
    while weekday(day) >= 5 {
        day.0 += DAY;
    }
    Millis(day.0 + 8 * HOUR + variety.below(80 * MINUTE))
}

/// `at`, or the next morning: customers write from 7 to 22, on any day.
pub fn waking_time(at: Millis, variety: &mut Variety) -> Millis {
    if (7..22).contains(&hour(at)) {
        return at;
    }
    let day = midnight(at).0 + if hour(at) >= 22 { DAY } else { 0 };
    Millis(day + 7 * HOUR + variety.below(120 * MINUTE))
}

/// Some time at which staff are at work, on the day of `at` or, at a weekend, mostly before it.
pub fn some_working_time(at: Millis, variety: &mut Variety) -> Millis {
    let step = if variety.below(3) == 0 { DAY } else { -DAY };
    let mut day = midnight(at);
    while weekday(day) >= 5 {
        day.0 += step;
    }
    Millis(day.0 + variety.between(8 * HOUR, 18 * HOUR))
}

/// The day of a visit booked at `at`, two working days on, from 9 to 15.
pub fn visit_after(at: Millis, variety: &mut Variety) -> Millis {
    let mut day = midnight(at);
    for _ in 0..2 {
        day.0 += DAY;
        while weekday(day) >= 5 {
            day.0 += DAY;
        }
    }
    Millis(day.0 + 9 * HOUR + variety.below(6 * HOUR))
}

/// Noon on a day of `month`, at most a year and at least a day before `now`.
pub fn last(month: i8, days: [i64; 2], now: Millis, variety: &mut Variety) -> Millis {
    let day = i8::try_from(variety.between(days[0], days[1] + 1)).unwrap_or(1);
    let yesterday = now.minus(Duration::from_secs(86_400));
    let this_year = yesterday.timestamp().to_zoned(TimeZone::UTC).year();
    let candidates = [this_year, this_year - 1].into_iter().filter_map(|year| {
        let date = Date::new(year, month, day).ok()?;
        let start = date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond();
        Some(Millis(start + 12 * HOUR)).filter(|at| *at <= yesterday)
    });
    candidates.max().unwrap_or(yesterday)
}

/// The day of the week in the words of a sentence, English or French.
pub fn weekday_name(at: Millis, french: bool) -> &'static str {
    const ENGLISH: [&str; 7] =
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    const FRENCH: [&str; 7] =
        ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"];
    if french { FRENCH[weekday(at)] } else { ENGLISH[weekday(at)] }
}

/// 0 for Monday to 6 for Sunday; 1970 began on a Thursday.
fn weekday(at: Millis) -> usize {
    usize::try_from((at.0.div_euclid(DAY) + 3).rem_euclid(7)).unwrap_or(0)
}

fn hour(at: Millis) -> i64 {
    at.0.rem_euclid(DAY) / HOUR
}

fn midnight(at: Millis) -> Millis {
    Millis(at.0.div_euclid(DAY) * DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-12T09:14:00Z, a Thursday.
    const THURSDAY: Millis = Millis(1_794_474_840_000);

    #[test]
    fn staff_work_on_weekdays_by_day() {
        let mut variety = Variety::new(1);
        assert_eq!(working_time(THURSDAY, &mut variety), THURSDAY);
        let saturday = Millis(THURSDAY.0 + 2 * DAY);
        for late in [saturday, Millis(THURSDAY.0 + DAY + 10 * HOUR), Millis(saturday.0 + DAY)] {
            let monday = working_time(late, &mut variety);
            assert!(is_working_time(monday) && monday > late);
            assert_eq!(weekday_name(monday, false), "Monday");
        }
    }

    #[test]
    fn a_visit_is_two_working_days_on() {
        let visit = visit_after(THURSDAY, &mut Variety::new(1));
        assert_eq!(weekday_name(visit, true), "lundi");
        assert!(is_working_time(visit));
    }

    #[test]
    fn a_season_is_the_last_one() {
        let mut variety = Variety::new(1);
        for month in 1..=12 {
            for _ in 0..50 {
                let at = last(month, [1, 28], THURSDAY, &mut variety);
                assert!(
                    at.0 <= THURSDAY.0 - DAY && at.0 > THURSDAY.0 - 368 * DAY,
                    "{}",
                    at.rfc3339()
                );
                let then = at.timestamp().to_zoned(TimeZone::UTC).month();
                assert_eq!(then, month, "{}", at.rfc3339());
            }
        }
    }

    #[test]
    fn nobody_writes_in_their_sleep() {
        let mut variety = Variety::new(7);
        for hours in 0..48 {
            let at = waking_time(Millis(THURSDAY.0 + hours * HOUR), &mut variety);
            assert!((7..22).contains(&hour(at)));
        }
    }
}
