//! Points in time, dates, times of day, durations.

use super::number::integer;
use super::simple::{numeral, value, wants};
use super::{Refusal, put, put_millis};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use plimsoll_sink_api::canonical::{self, Wanted};
use plimsoll_sink_api::{Cell, Interval};
use scylla::cluster::metadata::NativeType;
use scylla::serialize::writers::CellWriter;
use scylla::value::{CqlDate, CqlDuration, CqlTime};

const DAY_NANOS: i64 = 86_400_000_000_000;

/// A typed time. In a column of numbers it is what its sender counted; a local time is
/// taken as UTC, as a text without a zone is.
pub(super) fn typed(
    native: NativeType,
    cell: &Cell<'_>,
    out: CellWriter<'_>,
) -> Result<(), Refusal> {
    let text = || canonical::written(Wanted::Text, cell);
    match (&native, cell) {
        (NativeType::Timestamp, Cell::Timestamp(at)) => {
            // Digits below the millisecond are cut, as those of a text.
            put_millis(at.millis(), out)
        }
        (NativeType::Timestamp, Cell::Date(_)) => timestamp_text(&text()?, out),
        (NativeType::Date, Cell::Timestamp(_) | Cell::Date(_)) => date(&text()?[..10], out),
        (NativeType::Time, Cell::Time(time)) => {
            let nanos = time
                .value
                .checked_mul(1_000_000_000 / time.unit.per_second());
            put_time(nanos.ok_or(Refusal::NotTime)?, out)
        }
        (NativeType::Duration, Cell::Interval(interval)) => duration_of(*interval, out),
        (NativeType::Text | NativeType::Ascii, _) => value(text()?.as_bytes(), out),
        (_, Cell::Interval(_)) | (NativeType::Date | NativeType::Duration, _) => {
            Err(wants(&native))
        }
        _ => numeral(native, &canonical::written(Wanted::Number, cell)?, out),
    }
}

/// The parts of a duration have one sign.
fn duration_of(interval: Interval, out: CellWriter<'_>) -> Result<(), Refusal> {
    let Interval {
        months,
        days,
        nanos,
    } = interval;
    let signs = [
        i64::from(months).signum(),
        i64::from(days).signum(),
        nanos.signum(),
    ];
    if signs.contains(&1) && signs.contains(&-1) {
        return Err(Refusal::NotDuration);
    }
    let duration = CqlDuration {
        months,
        days,
        nanoseconds: nanos,
    };
    put(NativeType::Duration, &duration, out)
}

/// Of text: RFC 3339, with UTC where no zone is given; a date alone is its
/// midnight. Digits below the millisecond are cut, towards the past, so that
/// the order of times stays.
pub(super) fn timestamp_text(text: &str, out: CellWriter<'_>) -> Result<(), Refusal> {
    let utc = |civil: DateTime| TimeZone::UTC.to_timestamp(civil);
    let found = text
        .parse::<Timestamp>()
        .or_else(|_| text.parse::<DateTime>().and_then(utc))
        .or_else(|_| text.parse::<Date>().and_then(|date| utc(date.into())))
        .map_err(|_| Refusal::NotTimestamp)?;
    let millis = found.as_nanosecond().div_euclid(1_000_000);
    put_millis(
        i64::try_from(millis).map_err(|_| Refusal::NotTimestamp)?,
        out,
    )
}

/// Of a number: milliseconds since 1970.
pub(super) fn timestamp_number(text: &str, out: CellWriter<'_>) -> Result<(), Refusal> {
    put_millis(integer(text).map_err(|_| Refusal::NotTimestamp)?, out)
}

/// Cassandra counts days from 2³¹ before 1970-01-01.
pub(super) fn date(text: &str, out: CellWriter<'_>) -> Result<(), Refusal> {
    let date: Date = text.parse().map_err(|_| Refusal::NotDate)?;
    let epoch = jiff::civil::date(1970, 1, 1);
    let days = epoch.until(date).map_err(|_| Refusal::NotDate)?.get_days();
    let count = u32::try_from(i64::from(days) + (1 << 31)).map_err(|_| Refusal::NotDate)?;
    put(NativeType::Date, &CqlDate(count), out)
}

/// Of text: `07:08:09.123456789`.
pub(super) fn time_text(text: &str, out: CellWriter<'_>) -> Result<(), Refusal> {
    let time: Time = text.parse().map_err(|_| Refusal::NotTime)?;
    let seconds =
        i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    put_time(
        seconds * 1_000_000_000 + i64::from(time.subsec_nanosecond()),
        out,
    )
}

/// Of a number: nanoseconds since midnight.
pub(super) fn time_number(text: &str, out: CellWriter<'_>) -> Result<(), Refusal> {
    put_time(integer(text).map_err(|_| Refusal::NotTime)?, out)
}

fn put_time(nanos: i64, out: CellWriter<'_>) -> Result<(), Refusal> {
    match (0..DAY_NANOS).contains(&nanos) {
        true => put(NativeType::Time, &CqlTime(nanos), out),
        false => Err(Refusal::NotTime),
    }
}

/// ISO 8601 or units with their names; kept as months, days and nanoseconds,
/// which do not turn into each other.
pub(super) fn duration(text: &str, out: CellWriter<'_>) -> Result<(), Refusal> {
    let span: Span = text.parse().map_err(|_| Refusal::NotDuration)?;
    let large = Refusal::OutOfRange;
    let months = i64::from(span.get_years()) * 12 + i64::from(span.get_months());
    let days = i64::from(span.get_weeks()) * 7 + i64::from(span.get_days());
    let nanos = [
        (i64::from(span.get_hours()), 3_600_000_000_000),
        (span.get_minutes(), 60_000_000_000),
        (span.get_seconds(), 1_000_000_000),
        (span.get_milliseconds(), 1_000_000),
        (span.get_microseconds(), 1_000),
        (span.get_nanoseconds(), 1),
    ]
    .into_iter()
    .try_fold(0_i64, |sum, (count, unit)| {
        sum.checked_add(count.checked_mul(unit)?)
    });
    let duration = CqlDuration {
        months: i32::try_from(months).map_err(|_| large)?,
        days: i32::try_from(days).map_err(|_| large)?,
        nanoseconds: nanos.ok_or(large)?,
    };
    put(NativeType::Duration, &duration, out)
}
