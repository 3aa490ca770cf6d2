//! Whole numbers that count something.

use crate::Fault;
use plimsoll_sink_api::{Cell, Clock, Interval, Kind, TimeOfDay, Timestamp, Unit};
use std::fmt;

/// What a whole number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Whole {
    /// Days from 1970-01-01.
    Date,
    /// Since midnight.
    Time(Unit),
    /// Since midnight, and a length of time where it lies outside of a day: MySQL's TIME
    /// goes from -838 to 838 hours.
    TimeOrLength(Unit),
    /// Since 1970-01-01T00:00.
    Timestamp(Unit, Clock),
    /// A length of time.
    Length(Unit),
}

/// How Debezium tells Postgres' `infinity` in days: the server's own mark, moved by the
/// days between 1970 and 2000 beyond 32 bits; in arrays, what Java's date becomes.
const INFINITE_DAYS: [(i64, &str); 3] = [
    (-2_147_472_692, INFINITY),
    (-2_147_472_691, MINUS_INFINITY),
    (-622_191_234, INFINITY),
];

/// The same in milliseconds, which some of its types multiply.
const INFINITE_MILLIS: [(i64, &str); 2] = [
    (9_223_372_036_825_200, INFINITY),
    (-9_223_372_036_832_400, MINUS_INFINITY),
];

const INFINITY: &str = "infinity";
const MINUS_INFINITY: &str = "-infinity";

const DAY_SECONDS: i64 = 86_400;

impl fmt::Display for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Date => f.write_str("date"),
            Self::Time(unit) | Self::TimeOrLength(unit) => write!(f, "time ({})", symbol(*unit)),
            Self::Timestamp(unit, Clock::Utc) => write!(f, "timestamp ({}, UTC)", symbol(*unit)),
            Self::Timestamp(unit, Clock::Local) => write!(f, "timestamp ({})", symbol(*unit)),
            Self::Length(unit) => write!(f, "duration ({})", symbol(*unit)),
        }
    }
}

const fn symbol(unit: Unit) -> &'static str {
    match unit {
        Unit::Millis => "ms",
        Unit::Micros => "µs",
        Unit::Nanos => "ns",
    }
}

impl Whole {
    /// What a column of its own has to hold.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Date => Kind::Date,
            Self::Time(_) => Kind::Time,
            // Now one, now the other.
            Self::TimeOrLength(_) => Kind::Text,
            Self::Timestamp(_, Clock::Utc) => Kind::Timestamp,
            Self::Timestamp(_, Clock::Local) => Kind::LocalTimestamp,
            Self::Length(_) => Kind::Interval,
        }
    }

    /// By the name that Connect or Debezium gives to a type of whole numbers.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let local = |unit| Some(Self::Timestamp(unit, Clock::Local));
        match name {
            "org.apache.kafka.connect.data.Date" | "io.debezium.time.Date" => Some(Self::Date),
            "org.apache.kafka.connect.data.Time" | "io.debezium.time.Time" => {
                Some(Self::TimeOrLength(Unit::Millis))
            }
            "io.debezium.time.MicroTime" => Some(Self::TimeOrLength(Unit::Micros)),
            "io.debezium.time.NanoTime" => Some(Self::TimeOrLength(Unit::Nanos)),
            "org.apache.kafka.connect.data.Timestamp" => {
                Some(Self::Timestamp(Unit::Millis, Clock::Utc))
            }
            "io.debezium.time.Timestamp" => local(Unit::Millis),
            "io.debezium.time.MicroTimestamp" => local(Unit::Micros),
            "io.debezium.time.NanoTimestamp" => local(Unit::Nanos),
            "io.debezium.time.MicroDuration" => Some(Self::Length(Unit::Micros)),
            "io.debezium.time.NanoDuration" => Some(Self::Length(Unit::Nanos)),
            _ => None,
        }
    }

    /// `infinity` or `-infinity`, where the number is Debezium's mark for it. No other
    /// sender has such a date: the nearest lies 290,000 years away.
    #[must_use]
    pub fn infinity(self, number: i64) -> Option<&'static str> {
        let of = |marks: &[(i64, &'static str)], factor: i64| {
            let mut marks = marks.iter();
            let found = marks.find(|(mark, _)| mark.checked_mul(factor) == Some(number));
            found.map(|(_, word)| *word)
        };
        match self {
            Self::Date => of(&INFINITE_DAYS, 1),
            Self::Timestamp(Unit::Millis, _) => of(&INFINITE_MILLIS, 1),
            Self::Timestamp(Unit::Micros, _) => of(&INFINITE_MILLIS, 1_000),
            Self::Timestamp(Unit::Nanos, _)
            | Self::Time(_)
            | Self::TimeOrLength(_)
            | Self::Length(_) => None,
        }
    }

    /// What it is for.
    ///
    /// # Errors
    /// [`Fault::Infinite`], [`Fault::OutOfRange`]
    pub fn cell(self, number: i64) -> Result<Cell<'static>, Fault> {
        match self {
            Self::Date | Self::Timestamp(..) if self.infinity(number).is_some() => {
                Err(Fault::Infinite)
            }
            Self::Date => match i32::try_from(number) {
                Ok(days) => Ok(Cell::Date(days)),
                Err(_) => Err(Fault::OutOfRange),
            },
            Self::Timestamp(unit, clock) => Ok(Cell::Timestamp(Timestamp {
                value: number,
                unit,
                clock,
            })),
            Self::TimeOrLength(unit)
                if !(0..=DAY_SECONDS * unit.per_second()).contains(&number) =>
            {
                length(number, unit)
            }
            Self::Time(unit) | Self::TimeOrLength(unit) => Ok(Cell::Time(TimeOfDay {
                value: number,
                unit,
            })),
            Self::Length(unit) => length(number, unit),
        }
    }
}

/// A length of time, in nanoseconds; one of more than 292 years has whole days beside
/// them, because nanoseconds do not count so far.
fn length(number: i64, unit: Unit) -> Result<Cell<'static>, Fault> {
    let nanos = 1_000_000_000 / unit.per_second();
    let day = DAY_SECONDS * unit.per_second();
    let (days, rest) = match number.checked_mul(nanos) {
        Some(_) => (0, number),
        None => (number / day, number % day),
    };
    Ok(Cell::Interval(Interval {
        months: 0,
        days: i32::try_from(days).map_err(|_| Fault::OutOfRange)?,
        nanos: rest * nanos,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_sink_api::canonical::{Wanted, written};

    fn text(name: &str, number: i64) -> Result<String, Fault> {
        let cell = Whole::named(name).expect("a name").cell(number)?;
        Ok(written(Wanted::Text, &cell).expect("a text"))
    }

    fn is(name: &str, number: i64, expected: &str) {
        assert_eq!(text(name, number), Ok(expected.to_owned()), "{name}");
    }

    #[test]
    fn each_name_has_its_unit_and_its_clock() {
        is("io.debezium.time.Date", 20_512, "2026-02-28");
        is("org.apache.kafka.connect.data.Date", -719_162, "0001-01-01");
        is("io.debezium.time.Time", 45_296_789, "12:34:56.789");
        is(
            "org.apache.kafka.connect.data.Time",
            86_399_999,
            "23:59:59.999",
        );
        is("io.debezium.time.MicroTime", 1, "00:00:00.000001");
        is("io.debezium.time.NanoTime", 1, "00:00:00.000000001");
        is("io.debezium.time.Timestamp", 0, "1970-01-01T00:00:00.000");
        is(
            "org.apache.kafka.connect.data.Timestamp",
            0,
            "1970-01-01T00:00:00.000Z",
        );
        is(
            "io.debezium.time.MicroTimestamp",
            1_774_751_400_123_456,
            "2026-03-29T02:30:00.123456",
        );
        is(
            "io.debezium.time.NanoTimestamp",
            -1,
            "1969-12-31T23:59:59.999999999",
        );
        is(
            "io.debezium.time.MicroDuration",
            -2_457_000_000_001,
            "PT-2457000.000001S",
        );
        is("io.debezium.time.NanoDuration", 1, "PT0.000000001S");
        for name in [
            "io.debezium.time.Year",
            "io.debezium.time.ZonedTimestamp",
            "",
        ] {
            assert_eq!(Whole::named(name), None, "{name}");
        }
    }

    #[test]
    fn a_time_beyond_a_day_is_a_length_of_time() {
        let name = "io.debezium.time.MicroTime";
        is(name, 86_400_000_000, "24:00:00.000000");
        is(name, 86_400_000_001, "PT86400.000001S");
        is(name, -1, "PT-0.000001S");
        is(name, 838 * 3_600_000_000, "PT3016800S");
        // Avro's own type has no such meaning: the column says what it thinks of it.
        let beyond = Whole::Time(Unit::Micros).cell(-1);
        let time = TimeOfDay {
            value: -1,
            unit: Unit::Micros,
        };
        assert_eq!(beyond, Ok(Cell::Time(time)));
    }

    #[test]
    fn a_length_beyond_nanoseconds_has_days() {
        let name = "io.debezium.time.MicroDuration";
        is(name, i64::MAX, "P106751991DT14454.775807S");
        is(name, i64::MIN, "P-106751991DT-14454.775808S");
        let days = Whole::Length(Unit::Millis).cell(i64::MAX);
        assert_eq!(days, Err(Fault::OutOfRange), "more than 32 bits of days");
    }

    #[test]
    fn infinity_is_never_a_date() {
        let infinite = [
            ("io.debezium.time.Date", -2_147_472_692),
            ("io.debezium.time.Date", -2_147_472_691),
            ("io.debezium.time.Date", -622_191_234),
            ("io.debezium.time.MicroTimestamp", 9_223_372_036_825_200_000),
            (
                "io.debezium.time.MicroTimestamp",
                -9_223_372_036_832_400_000,
            ),
            ("io.debezium.time.Timestamp", 9_223_372_036_825_200),
            ("io.debezium.time.Timestamp", -9_223_372_036_832_400),
        ];
        for (name, number) in infinite {
            assert_eq!(text(name, number), Err(Fault::Infinite), "{name} {number}");
            let whole = Whole::named(name).unwrap();
            assert!(whole.infinity(number).unwrap().ends_with("infinity"));
            assert!(whole.cell(number + 1).is_ok() || number == -2_147_472_692);
        }
        assert_eq!(Whole::Date.infinity(-2_147_472_691), Some("-infinity"));
        assert_eq!(
            Whole::Timestamp(Unit::Micros, Clock::Local).infinity(9_223_372_036_825_200),
            None
        );
        assert_eq!(Whole::Date.cell(1 << 40), Err(Fault::OutOfRange));
    }
}
