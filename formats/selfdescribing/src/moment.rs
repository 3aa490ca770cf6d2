//! Points in time, as either format has them.

use jiff::civil;
use plimsoll_record::Fault;
use plimsoll_sink_api::{Cell, Clock, Timestamp, Unit};

const NANOS: i64 = 1_000_000_000;

fn cell(value: i64, unit: Unit) -> Cell<'static> {
    Cell::Timestamp(Timestamp {
        value,
        unit,
        clock: Clock::Utc,
    })
}

/// So many whole seconds behind 1970.
pub fn of_seconds(seconds: i64) -> Result<Cell<'static>, Fault> {
    let millis = seconds.checked_mul(1_000).ok_or(Fault::OutOfRange)?;
    Ok(cell(millis, Unit::Millis))
}

/// The same with parts of one: a number of this kind tells no more than millionths, in our
/// time.
pub fn of_float(seconds: f64) -> Result<Cell<'static>, Fault> {
    let micros = (seconds * 1e6).round();
    // Above 2^63, and for NaN, the cast would say something else.
    match micros.abs() < 9.2e18 {
        true => Ok(cell(micros as i64, Unit::Micros)),
        false => Err(Fault::OutOfRange),
    }
}

/// Seconds, and nanoseconds behind them. Where 64 bits do not count so far in nanoseconds,
/// in the years before 1678 and behind 2261, in microseconds.
pub fn of_parts(seconds: i64, nanos: u32) -> Result<Cell<'static>, Fault> {
    let nanos = i64::from(nanos);
    if nanos >= NANOS {
        return Err(Fault::TagContent);
    }
    let all = |per_second: i64, rest: i64| seconds.checked_mul(per_second)?.checked_add(rest);
    match all(NANOS, nanos) {
        Some(value) => Ok(cell(value, Unit::Nanos)),
        None if nanos % 1_000 == 0 => match all(1_000_000, nanos / 1_000) {
            Some(value) => Ok(cell(value, Unit::Micros)),
            None => Err(Fault::OutOfRange),
        },
        None => Err(Fault::OutOfRange),
    }
}

/// A text of RFC 3339, in the unit that its digits count.
pub fn of_text(text: &str) -> Result<Cell<'static>, Fault> {
    let time: jiff::Timestamp = text.parse().map_err(|_| Fault::TagContent)?;
    let digits = text.split_once('.').map_or(0, |(_, behind)| {
        behind.bytes().take_while(u8::is_ascii_digit).count()
    });
    match digits {
        0..=3 => Ok(cell(time.as_millisecond(), Unit::Millis)),
        4..=6 => Ok(cell(time.as_microsecond(), Unit::Micros)),
        _ => match i64::try_from(time.as_nanosecond()) {
            Ok(value) => Ok(cell(value, Unit::Nanos)),
            Err(_) => Err(Fault::OutOfRange),
        },
    }
}

/// A day, as RFC 3339 writes it.
pub fn day(text: &str) -> Result<Cell<'static>, Fault> {
    let day: civil::Date = text.parse().map_err(|_| Fault::TagContent)?;
    let epoch = civil::date(1970, 1, 1);
    let behind = day.since(epoch).map_err(|_| Fault::OutOfRange)?;
    Ok(Cell::Date(behind.get_days()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_counts_in_the_unit_of_its_digits() {
        let at = |text| of_text(text).expect("a time");
        assert_eq!(
            at("2026-03-29T01:30:00Z"),
            cell(1_774_747_800_000, Unit::Millis)
        );
        assert_eq!(
            at("2026-03-29T03:30:00.5+02:00"),
            cell(1_774_747_800_500, Unit::Millis)
        );
        assert_eq!(at("1969-12-31T23:59:59.999999Z"), cell(-1, Unit::Micros));
        assert_eq!(at("1970-01-01T00:00:00.000000001Z"), cell(1, Unit::Nanos));
        assert_eq!(
            at("0001-01-01T00:00:00Z"),
            cell(-62_135_596_800_000, Unit::Millis)
        );
        for text in [
            "",
            "2026-03-29",
            "2026-03-29T01:30:00",
            "2026-02-30T00:00:00Z",
            "noon",
        ] {
            assert_eq!(of_text(text), Err(Fault::TagContent), "{text}");
        }
        let far = of_text("3000-01-01T00:00:00.000000001Z");
        assert_eq!(far, Err(Fault::OutOfRange));
    }

    #[test]
    fn parts_of_a_second_are_kept_as_far_as_they_can_be() {
        assert_eq!(of_parts(-1, 1), Ok(cell(-NANOS + 1, Unit::Nanos)));
        let far = 253_402_300_799;
        assert_eq!(
            of_parts(far, 1_000),
            Ok(cell(far * 1_000_000 + 1, Unit::Micros))
        );
        assert_eq!(of_parts(far, 1), Err(Fault::OutOfRange));
        assert_eq!(of_parts(0, 1_000_000_000), Err(Fault::TagContent));
        assert_eq!(of_parts(i64::MAX, 0), Err(Fault::OutOfRange));
        assert_eq!(of_seconds(i64::MIN), Err(Fault::OutOfRange));
        assert_eq!(of_float(1.5), Ok(cell(1_500_000, Unit::Micros)));
        for float in [f64::NAN, f64::INFINITY, 1e300, -1e13] {
            assert_eq!(of_float(float), Err(Fault::OutOfRange));
        }
    }

    #[test]
    fn a_day_is_counted_from_1970() {
        assert_eq!(day("1969-12-31"), Ok(Cell::Date(-1)));
        assert_eq!(day("2026-02-28"), Ok(Cell::Date(20_512)));
        assert_eq!(day("2026-02-29"), Err(Fault::TagContent));
    }
}
