//! Messages that stand for one value.

use crate::schema::{MessageId, One, Scalar};
use crate::walk::{Found, Walk, text};
use crate::wire::{Span, Wire};
use plimsoll_record::Fault;
use plimsoll_sink_api::{Cell, Clock, Interval, TimeOfDay, Timestamp, Unit};
use std::ops::Range;

const NANOS: i64 = 1_000_000_000;
const DAY_SECONDS: i64 = 86_400;

/// Seconds of the years 1 to 9999, as the type's own description bounds them.
const TIMES: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// And of lengths of time: 10,000 years.
const LENGTHS: std::ops::RangeInclusive<i64> = -315_576_000_000..=315_576_000_000;

/// The numbers of such a message, by the numbers of its fields, and the bytes of its
/// first field.
#[derive(Debug, Default, Clone, Copy)]
struct Parts<'c> {
    numbers: [u64; 5],
    bytes: &'c [u8],
}

impl Parts<'_> {
    fn int(&self, number: usize) -> i64 {
        i64::from(self.numbers[number] as i32)
    }

    fn long(&self, number: usize) -> i64 {
        self.numbers[number] as i64
    }
}

impl<'c> Walk<'_, 'c> {
    /// The value of such a message, which may stand in several parts.
    pub fn one(&mut self, one: One, id: MessageId, parts: Range<usize>) -> Result<Cell<'c>, Fault> {
        let mut cell = Cell::Null;
        match one {
            One::Mask => cell = self.mask(id, parts)?,
            One::Wrapper(scalar) => {
                cell = self.zero(scalar);
                for part in parts {
                    self.unwrap(scalar, self.found[part].span, &mut cell)?;
                }
            }
            _ => {
                let mut gathered = Parts::default();
                for part in parts {
                    self.gather(one, self.found[part].span, &mut gathered)?;
                }
                self.value_of(one, &gathered, &mut cell)?;
            }
        }
        Ok(cell)
    }

    /// The same of one part, into its cell.
    pub fn put_one(
        &mut self,
        one: One,
        id: MessageId,
        span: Span,
        to: &mut Cell<'c>,
    ) -> Result<(), Fault> {
        match one {
            One::Mask => {
                let at = self.found.len();
                self.found.push(Found { field: 0, span });
                *to = self.mask(id, at..at + 1)?;
                self.found.truncate(at);
                Ok(())
            }
            One::Wrapper(scalar) => {
                *to = self.zero(scalar);
                self.unwrap(scalar, span, to)
            }
            _ => {
                let mut gathered = Parts::default();
                self.gather(one, span, &mut gathered)?;
                self.value_of(one, &gathered, to)
            }
        }
    }

    /// What its fields are together.
    fn value_of(&self, one: One, parts: &Parts<'c>, to: &mut Cell<'c>) -> Result<(), Fault> {
        match one {
            One::Timestamp => self.timestamp(parts.long(1), parts.int(2), to)?,
            One::Duration => *to = duration(parts.long(1), parts.int(2))?,
            One::Date => *to = self.date(parts)?,
            One::TimeOfDay => *to = time_of_day(parts)?,
            One::Digits => *to = digits(text(parts.bytes)?),
            One::Decimal => {
                *to = Cell::Decimal {
                    unscaled: parts.bytes,
                    scale: parts.numbers[3] as i32,
                }
            }
            // Read otherwise: they have no such fields.
            One::Wrapper(_) | One::Mask => *to = Cell::Null,
        }
        Ok(())
    }

    /// Its fields, of which the first may be bytes, and the others are numbers. What comes
    /// last counts.
    fn gather(&mut self, one: One, span: Span, gathered: &mut Parts<'c>) -> Result<(), Fault> {
        let bytes = matches!(one, One::Digits | One::Decimal);
        self.body.open(span);
        while !self.body.is_over() {
            let (number, wire) = self.body.tag()?;
            match (number, wire) {
                (1, Wire::Length) if bytes => gathered.bytes = self.body.delimited()?,
                (1, Wire::Varint) if !bytes => gathered.numbers[1] = self.body.varint()?,
                (2..=4, Wire::Varint) => {
                    gathered.numbers[number as usize] = self.body.varint()?;
                }
                (1..=4, _) => return Err(Fault::WireType),
                _ => self.body.skip(number, wire)?,
            }
        }
        Ok(())
    }

    fn unwrap(&mut self, scalar: Scalar, span: Span, to: &mut Cell<'c>) -> Result<(), Fault> {
        self.body.open(span);
        while !self.body.is_over() {
            match self.body.tag()? {
                (1, wire) if wire == scalar.wire() => self.put(scalar, to)?,
                (1, _) => return Err(Fault::WireType),
                (number, wire) => self.body.skip(number, wire)?,
            }
        }
        Ok(())
    }

    /// Paths as they were written, with commas between them.
    fn mask(&mut self, id: MessageId, parts: Range<usize>) -> Result<Cell<'c>, Fault> {
        let found = self.scan(self.types.message(id), parts)?;
        let arena = self.arena;
        let joined = arena.written(|out| {
            for (i, at) in found.clone().enumerate() {
                let span = self.found[at].span;
                self.body.open(span);
                if i > 0 {
                    out.push(',');
                }
                out.push_str(text(self.body.bytes_of(span))?);
            }
            Ok(())
        })?;
        self.found.truncate(found.start);
        Ok(Cell::Text(joined))
    }

    #[inline]
    fn timestamp(&self, seconds: i64, nanos: i64, to: &mut Cell<'c>) -> Result<(), Fault> {
        if !TIMES.contains(&seconds) || !(0..NANOS).contains(&nanos) {
            return Err(Fault::OutOfRange);
        }
        let value = seconds
            .checked_mul(NANOS)
            .and_then(|value| value.checked_add(nanos));
        *to = match value {
            Some(value) => Cell::Timestamp(Timestamp {
                value,
                unit: Unit::Nanos,
                clock: Clock::Utc,
            }),
            None => self.far(seconds, nanos)?,
        };
        Ok(())
    }

    /// A time that 64 bits of nanoseconds do not reach, as text: that of whole seconds,
    /// and the rest of one.
    #[cold]
    fn far(&self, seconds: i64, nanos: i64) -> Result<Cell<'c>, Fault> {
        let whole = Timestamp {
            value: seconds.saturating_mul(1_000),
            unit: Unit::Millis,
            clock: Clock::Utc,
        };
        let text = self.arena.written(|out| {
            whole.write(out).map_err(|_| Fault::Time)?;
            out.truncate(out.len() - ".000Z".len());
            let _ = std::fmt::Write::write_fmt(out, format_args!(".{nanos:09}Z"));
            Ok(())
        })?;
        Ok(Cell::Text(text))
    }

    /// A day; where a part of it is left open, which the type allows, its parts.
    fn date(&self, parts: &Parts<'_>) -> Result<Cell<'c>, Fault> {
        let [year, month, day] = [1, 2, 3].map(|number| parts.int(number));
        if !(0..=9_999).contains(&year) || !(0..=12).contains(&month) || !(0..=31).contains(&day) {
            return Err(Fault::OutOfRange);
        }
        if year == 0 || month == 0 || day == 0 {
            let text = self.arena.written(|out| {
                let json = format_args!("{{\"year\":{year},\"month\":{month},\"day\":{day}}}");
                let _ = std::fmt::Write::write_fmt(out, json);
                Ok(())
            })?;
            return Ok(Cell::Json(text));
        }
        days(year, month, day)
            .map(Cell::Date)
            .ok_or(Fault::OutOfRange)
    }
}

/// Days from 1970-01-01, where the month has such a day: by the Gregorian calendar, whose
/// rules repeat after 400 years. Years are counted from March on, so that the day that
/// leap years have is their last.
fn days(year: i64, month: i64, day: i64) -> Option<i32> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if day > length {
        return None;
    }
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let before = 365 * year + year / 4 - year / 100 + year / 400;
    // Five months from March on have 153 days.
    let within = (153 * month + 2) / 5 + day - 1;
    i32::try_from(before + within - 719_468).ok()
}

/// Where nanoseconds do not count so far, whole days stand beside them.
fn duration<'c>(seconds: i64, nanos: i64) -> Result<Cell<'c>, Fault> {
    if !LENGTHS.contains(&seconds) || !(-NANOS + 1..NANOS).contains(&nanos) {
        return Err(Fault::OutOfRange);
    }
    let all = seconds
        .checked_mul(NANOS)
        .and_then(|value| value.checked_add(nanos));
    let (days, nanos) = match all {
        Some(all) => (0, all),
        None => (seconds / DAY_SECONDS, seconds % DAY_SECONDS * NANOS + nanos),
    };
    Ok(Cell::Interval(Interval {
        months: 0,
        days: i32::try_from(days).map_err(|_| Fault::OutOfRange)?,
        nanos,
    }))
}

/// 24:00 is one; so is the second that is put in, where it does not leave the day.
fn time_of_day<'c>(parts: &Parts<'_>) -> Result<Cell<'c>, Fault> {
    let [hours, minutes, seconds, nanos] = [1, 2, 3, 4].map(|number| parts.int(number));
    let in_range = (0..=24).contains(&hours)
        && (0..60).contains(&minutes)
        && (0..=60).contains(&seconds)
        && (0..NANOS).contains(&nanos);
    if !in_range {
        return Err(Fault::OutOfRange);
    }
    let value = ((hours * 60 + minutes) * 60 + seconds) * NANOS + nanos;
    match value <= DAY_SECONDS * NANOS {
        true => Ok(Cell::Time(TimeOfDay {
            value,
            unit: Unit::Nanos,
        })),
        false => Err(Fault::OutOfRange),
    }
}

/// A number where JSON has it as one, else the text, which a column of numbers may read
/// all the same; nothing is zero.
fn digits(text: &str) -> Cell<'_> {
    match text {
        "" => Cell::Number("0"),
        _ if is_number(text) => Cell::Number(text),
        _ => Cell::Text(text),
    }
}

/// JSON's grammar (RFC 8259, 6).
fn is_number(text: &str) -> bool {
    fn digits(text: &str) -> (usize, &str) {
        let end = text.bytes().position(|byte| !byte.is_ascii_digit());
        let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
        (digits.len(), rest)
    }
    let rest = text.strip_prefix('-').unwrap_or(text);
    let (count, after) = digits(rest);
    if count == 0 || (count > 1 && rest.starts_with('0')) {
        return false;
    }
    let after = match after.strip_prefix('.') {
        None => after,
        Some(behind) => match digits(behind) {
            (0, _) => return false,
            (_, after) => after,
        },
    };
    match after.strip_prefix(['e', 'E']) {
        None => after.is_empty(),
        Some(exponent) => {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            matches!(digits(exponent), (1.., ""))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(days(1970, 1, 1), Some(0));
        assert_eq!(days(1969, 12, 31), Some(-1));
        assert_eq!(days(2026, 2, 28), Some(20_512));
        assert_eq!(days(1, 1, 1), Some(-719_162));
        assert_eq!(days(9999, 12, 31), Some(2_932_896));
        assert_eq!(days(2000, 2, 29), Some(11_016));
        for (year, month, day) in [(1900, 2, 29), (2025, 2, 29), (2026, 4, 31)] {
            assert_eq!(days(year, month, day), None);
        }
        // Day by day, over all years.
        let mut expected = -719_162;
        for year in 1..=9_999 {
            for month in 1..=12 {
                for day in 1..=31 {
                    if let Some(found) = days(year, month, day) {
                        assert_eq!(found, expected, "{year}-{month}-{day}");
                        expected += 1;
                    }
                }
            }
        }
        assert_eq!(expected, 2_932_897);
    }

    #[test]
    fn numbers_are_those_of_json() {
        for text in ["0", "-0", "10.50", "1e5", "-2.5E-10", "1E+2", "0.1"] {
            assert!(is_number(text), "{text}");
            assert!(serde_json::from_str::<serde_json::Number>(text).is_ok());
            assert_eq!(digits(text), Cell::Number(text));
        }
        for text in [
            "+1", ".5", "1.", "01", "1e", "1e+", "", "-", "NaN", "1 ", "1.5.2",
        ] {
            assert!(!is_number(text), "{text}");
        }
        assert_eq!(digits(""), Cell::Number("0"));
        assert_eq!(digits("+1"), Cell::Text("+1"));
    }

    #[test]
    fn lengths_of_time_have_days_where_nanoseconds_do_not_count_so_far() {
        let interval = |days, nanos| {
            Ok(Cell::Interval(Interval {
                months: 0,
                days,
                nanos,
            }))
        };
        assert_eq!(duration(-1, -500_000_000), interval(0, -1_500_000_000));
        assert_eq!(duration(0, 1), interval(0, 1));
        let most = *LENGTHS.end();
        assert_eq!(duration(most, 1), interval(3_652_500, 1));
        assert_eq!(duration(-most, -1), interval(-3_652_500, -1));
        assert_eq!(duration(most + 1, 0), Err(Fault::OutOfRange));
        assert_eq!(duration(0, NANOS), Err(Fault::OutOfRange));
    }
}
