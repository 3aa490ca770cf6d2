//! Times, in the units that their senders count in.

use crate::canonical::Unfit;
use jiff::civil::{Date, date};
use std::fmt::Write;

/// What a time is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Thousandths of a second.
    Millis,
    /// Millionths.
    Micros,
    /// Billionths.
    Nanos,
}

impl Unit {
    /// How many make a second.
    #[must_use]
    pub const fn per_second(self) -> i64 {
        match self {
            Self::Millis => 1_000,
            Self::Micros => 1_000_000,
            Self::Nanos => 1_000_000_000,
        }
    }

    /// Digits behind the point of a second.
    #[must_use]
    pub const fn digits(self) -> usize {
        match self {
            Self::Millis => 3,
            Self::Micros => 6,
            Self::Nanos => 9,
        }
    }
}

/// Whose time a timestamp is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Clock {
    /// A point in time: counted from the Unix epoch, UTC.
    Utc,
    /// What a clock on the wall showed, nobody knows where.
    Local,
}

/// A point in time, or a local date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timestamp {
    /// Since 1970-01-01T00:00:00.
    pub value: i64,
    /// What is counted.
    pub unit: Unit,
    /// Whose time it is.
    pub clock: Clock,
}

/// A time of day: since midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeOfDay {
    /// Since midnight; 24:00 is a time, of the day that ends.
    pub value: i64,
    /// What is counted.
    pub unit: Unit,
}

/// A length of time. Months, days and seconds do not turn into each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interval {
    /// Months.
    pub months: i32,
    /// Days.
    pub days: i32,
    /// Billionths of a second.
    pub nanos: i64,
}

const DAY_SECONDS: i64 = 86_400;

/// 0001-01-01 and 10000-01-01, in days from 1970-01-01. Databases read years only from
/// 1 on, and beyond 9999 a fifth digit.
const DAYS: std::ops::Range<i64> = -719_162..2_932_897;

/// Writes the day that lies so many days behind 1970-01-01.
///
/// # Errors
/// [`Unfit::Time`]: a year before 1, or behind 9999.
pub(crate) fn write_date(days: i64, out: &mut String) -> Result<(), Unfit> {
    if !DAYS.contains(&days) {
        return Err(Unfit::Time);
    }
    let epoch: Date = date(1970, 1, 1);
    let day = epoch
        .checked_add(jiff::Span::new().days(days))
        .map_err(|_| Unfit::Time)?;
    let _ = write!(out, "{day}");
    Ok(())
}

/// Writes `07:08:09` and as many digits of a second as the unit has.
fn write_clock(seconds: i64, rest: i64, unit: Unit, out: &mut String) {
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let _ = write!(
        out,
        "{hours:02}:{minutes:02}:{:02}.{rest:0width$}",
        seconds % 60,
        width = unit.digits()
    );
}

impl Timestamp {
    /// Writes RFC 3339, without a zone for a local time, and with as many digits of a
    /// second as its unit has: equal times are equal texts, in the order of time.
    ///
    /// # Errors
    /// [`Unfit::Time`]: a year before 1, or behind 9999.
    pub fn write(&self, out: &mut String) -> Result<(), Unfit> {
        let per_second = self.unit.per_second();
        let (seconds, rest) = (
            self.value.div_euclid(per_second),
            self.value.rem_euclid(per_second),
        );
        write_date(seconds.div_euclid(DAY_SECONDS), out)?;
        out.push('T');
        write_clock(seconds.rem_euclid(DAY_SECONDS), rest, self.unit, out);
        match self.clock {
            Clock::Utc => out.push('Z'),
            Clock::Local => {}
        }
        Ok(())
    }

    /// In millionths of a second, where that loses no digit.
    #[must_use]
    pub fn micros(&self) -> Option<i64> {
        micros(self.value, self.unit)
    }

    /// In thousandths, cut towards the past, so that the order of times stays.
    #[must_use]
    pub const fn millis(&self) -> i64 {
        self.value.div_euclid(self.unit.per_second() / 1_000)
    }
}

impl TimeOfDay {
    /// Writes `07:08:09.123`, with as many digits of a second as its unit has.
    ///
    /// # Errors
    /// [`Unfit::TimeOfDay`]: before 00:00 or behind 24:00.
    pub fn write(&self, out: &mut String) -> Result<(), Unfit> {
        let per_second = self.unit.per_second();
        if !(0..=DAY_SECONDS * per_second).contains(&self.value) {
            return Err(Unfit::TimeOfDay);
        }
        write_clock(
            self.value / per_second,
            self.value % per_second,
            self.unit,
            out,
        );
        Ok(())
    }

    /// In millionths of a second, where that loses no digit.
    #[must_use]
    pub fn micros(&self) -> Option<i64> {
        micros(self.value, self.unit)
    }
}

fn micros(value: i64, unit: Unit) -> Option<i64> {
    match unit {
        Unit::Millis => value.checked_mul(1_000),
        Unit::Micros => Some(value),
        Unit::Nanos => (value % 1_000 == 0).then_some(value / 1_000),
    }
}

impl Interval {
    /// Writes ISO 8601, each part with its own sign: `P14M-3DT-0.5S`.
    pub fn write(&self, out: &mut String) {
        const SECOND: u64 = 1_000_000_000;
        out.push('P');
        if self.months != 0 {
            let _ = write!(out, "{}M", self.months);
        }
        if self.days != 0 {
            let _ = write!(out, "{}D", self.days);
        }
        if self.nanos != 0 || (self.months == 0 && self.days == 0) {
            let sign = if self.nanos < 0 { "-" } else { "" };
            let nanos = self.nanos.unsigned_abs();
            let _ = write!(out, "T{sign}{}", nanos / SECOND);
            if !nanos.is_multiple_of(SECOND) {
                let digits = format!("{:09}", nanos % SECOND);
                let _ = write!(out, ".{}", digits.trim_end_matches('0'));
            }
            out.push('S');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(value: i64, unit: Unit, clock: Clock) -> Result<String, Unfit> {
        let mut out = String::new();
        Timestamp { value, unit, clock }
            .write(&mut out)
            .map(|()| out)
    }

    fn time(value: i64, unit: Unit) -> Result<String, Unfit> {
        let mut out = String::new();
        TimeOfDay { value, unit }.write(&mut out).map(|()| out)
    }

    fn interval(months: i32, days: i32, nanos: i64) -> String {
        let mut out = String::new();
        Interval {
            months,
            days,
            nanos,
        }
        .write(&mut out);
        out
    }

    #[test]
    fn times_are_texts_of_one_form_in_their_order() {
        let millis = |value| stamp(value, Unit::Millis, Clock::Utc);
        let good = |text: &str| Ok(text.to_owned());
        assert_eq!(millis(1_700_000_000_123), good("2023-11-14T22:13:20.123Z"));
        assert_eq!(millis(-1), good("1969-12-31T23:59:59.999Z"));
        assert_eq!(
            millis(-62_135_596_800_000),
            good("0001-01-01T00:00:00.000Z")
        );
        assert_eq!(
            millis(253_402_300_799_999),
            good("9999-12-31T23:59:59.999Z")
        );
        for value in [-62_135_596_800_001, 253_402_300_800_000, i64::MIN, i64::MAX] {
            assert_eq!(millis(value), Err(Unfit::Time), "{value}");
        }
        assert_eq!(
            stamp(-1, Unit::Micros, Clock::Local),
            good("1969-12-31T23:59:59.999999")
        );
        assert_eq!(
            stamp(i64::MAX, Unit::Nanos, Clock::Utc),
            good("2262-04-11T23:47:16.854775807Z")
        );
    }

    #[test]
    fn days_are_those_of_jiff() {
        let mut text = String::new();
        write_date(-719_162, &mut text).unwrap();
        text.push(' ');
        write_date(2_932_896, &mut text).unwrap();
        assert_eq!(text, "0001-01-01 9999-12-31");
        for days in [-719_163, 2_932_897, i64::MIN, i64::MAX] {
            assert_eq!(write_date(days, &mut text), Err(Unfit::Time));
        }
    }

    #[test]
    fn a_day_has_a_first_and_a_last_moment() {
        assert_eq!(time(0, Unit::Millis), Ok("00:00:00.000".to_owned()));
        let end = 86_400_000_000_000;
        assert_eq!(time(end, Unit::Nanos), Ok("24:00:00.000000000".to_owned()));
        for value in [-1, end + 1] {
            assert_eq!(time(value, Unit::Nanos), Err(Unfit::TimeOfDay));
        }
        let odd = TimeOfDay {
            value: 1_001,
            unit: Unit::Nanos,
        };
        assert_eq!(odd.micros(), None);
    }

    #[test]
    fn each_part_of_an_interval_has_its_sign() {
        assert_eq!(interval(0, 0, 0), "PT0S");
        assert_eq!(interval(14, -3, -500_000_000), "P14M-3DT-0.5S");
        assert_eq!(interval(0, 2, 0), "P2D");
        assert_eq!(interval(0, 0, i64::MIN), "PT-9223372036.854775808S");
    }
}
