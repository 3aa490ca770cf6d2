//! Dates and times of RFC 3339, by the Gregorian calendar from the year 1 to
//! 9999.

use super::NotPlain;

const MICROS: i64 = 1_000_000;
const DAY: i64 = 86_400;
/// 2000-01-01, Postgres' own epoch, in days since 1970-01-01.
const EPOCH_DAYS: i64 = 10_957;

/// Days since 2000-01-01 of `2026-01-31`.
pub(super) fn date(text: &str) -> Result<i32, NotPlain> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 {
        return Err(NotPlain);
    }
    i32::try_from(days(bytes)?).map_err(|_| NotPlain)
}

/// Microseconds since 2000-01-01, UTC: a zone is needed.
pub(super) fn zoned(text: &str) -> Result<i64, NotPlain> {
    let (local, zone) = local_and_zone(text)?;
    match zone {
        Some(seconds) => Ok(local - seconds * MICROS),
        // The session's zone would decide.
        None => Err(NotPlain),
    }
}

/// Microseconds since 2000-01-01 on the clock that is written: Postgres looks
/// past a zone in a timestamp without one.
pub(super) fn local(text: &str) -> Result<i64, NotPlain> {
    local_and_zone(text).map(|(local, _)| local)
}

/// 0001-01-01 and 10000-01-01, in days since 1970-01-01: beyond, the text form says what
/// is wrong.
const FIRST: i64 = -719_162;
const BEYOND: i64 = 2_932_897;

/// Days since 2000-01-01 from those since 1970-01-01, in the years that have a text.
pub(super) fn epoch_days(days: i32) -> Result<i32, NotPlain> {
    match (FIRST..BEYOND).contains(&days.into()) {
        true => Ok(days - EPOCH_DAYS as i32),
        false => Err(NotPlain),
    }
}

/// Microseconds since 2000-01-01 from those since 1970-01-01, in the years that have a
/// text.
pub(super) fn epoch_micros(micros: i64) -> Result<i64, NotPlain> {
    match (FIRST * DAY * MICROS..BEYOND * DAY * MICROS).contains(&micros) {
        true => Ok(micros - EPOCH_DAYS * DAY * MICROS),
        false => Err(NotPlain),
    }
}

/// Microseconds since midnight, as far as a day has them.
pub(super) fn of_day(micros: i64) -> Result<i64, NotPlain> {
    match (0..=DAY * MICROS).contains(&micros) {
        true => Ok(micros),
        false => Err(NotPlain),
    }
}

/// `2026-01-31T08:00:00`, a blank for the T, up to six digits of a second, and
/// `Z` or `+02:00`.
fn local_and_zone(text: &str) -> Result<(i64, Option<i64>), NotPlain> {
    let bytes = text.as_bytes();
    if bytes.len() < 19 || !matches!(bytes[10], b'T' | b' ') {
        return Err(NotPlain);
    }
    let day = days(&bytes[..10])?;
    let time = &bytes[11..19];
    if time[2] != b':' || time[5] != b':' {
        return Err(NotPlain);
    }
    let (hour, minute, second) = (
        two(&time[..2], 23)?,
        two(&time[3..5], 59)?,
        two(&time[6..], 59)?,
    );
    let (micros, rest) = fraction(&bytes[19..])?;
    let seconds = day * DAY + hour * 3_600 + minute * 60 + second;
    Ok((seconds * MICROS + micros, zone(rest)?))
}

/// `.123456` as microseconds, and what follows.
fn fraction(bytes: &[u8]) -> Result<(i64, &[u8]), NotPlain> {
    let Some(digits) = bytes.strip_prefix(b".") else {
        return Ok((0, bytes));
    };
    let count = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    // More would have to be rounded as the server does.
    if count == 0 || count > 6 {
        return Err(NotPlain);
    }
    let (digits, rest) = digits.split_at(count);
    let number = digits
        .iter()
        .fold(0, |n, digit| n * 10 + i64::from(digit - b'0'));
    Ok((number * 10_i64.pow(6 - count as u32), rest))
}

/// Seconds east of Greenwich.
fn zone(bytes: &[u8]) -> Result<Option<i64>, NotPlain> {
    match bytes {
        [] => Ok(None),
        [b'Z' | b'z'] => Ok(Some(0)),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            // Postgres takes up to 15:59:59.
            let seconds = two(&[*h1, *h2], 15)? * 3_600 + two(&[*m1, *m2], 59)? * 60;
            Ok(Some(if *sign == b'-' { -seconds } else { seconds }))
        }
        _ => Err(NotPlain),
    }
}

/// Days since 2000-01-01 of `2026-01-31`.
fn days(bytes: &[u8]) -> Result<i64, NotPlain> {
    if bytes[4] != b'-' || bytes[7] != b'-' {
        return Err(NotPlain);
    }
    let year = two(&bytes[..2], 99)? * 100 + two(&bytes[2..4], 99)?;
    let (month, day) = (two(&bytes[5..7], 12)?, two(&bytes[8..], 31)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    };
    if year == 0 || month == 0 || day == 0 || day > length {
        return Err(NotPlain);
    }
    // Years that begin in March, so that a leap day is the last of its year.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let of_year = (153 * m + 2) / 5 + day - 1;
    // Days from 0000-03-01 to 2000-01-01.
    const TO_EPOCH: i64 = 730_425;
    Ok(y * 365 + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + of_year - TO_EPOCH)
}

/// Two digits, up to `most`.
fn two(bytes: &[u8], most: i64) -> Result<i64, NotPlain> {
    match bytes {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => {
            let number = i64::from(a - b'0') * 10 + i64::from(b - b'0');
            if number <= most {
                Ok(number)
            } else {
                Err(NotPlain)
            }
        }
        _ => Err(NotPlain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_jiff_counts_them() {
        let epoch = jiff::civil::date(2000, 1, 1);
        let mut day = jiff::civil::date(1, 1, 1);
        while day < jiff::civil::date(9990, 1, 1) {
            let expected = epoch.until(day).unwrap().get_days();
            assert_eq!(date(&day.to_string()), Ok(expected), "{day}");
            day = day.checked_add(jiff::Span::new().days(97)).unwrap();
        }
    }

    #[test]
    fn times_are_microseconds_since_2000() {
        assert_eq!(zoned("2000-01-01T00:00:00Z"), Ok(0));
        assert_eq!(zoned("2000-01-01T02:30:00+02:30"), Ok(0));
        assert_eq!(zoned("1999-12-31 23:59:59.5-00:00"), Ok(-500_000));
        assert_eq!(local("2000-01-01T02:30:00+02:30"), Ok(9_000_000_000));
        assert_eq!(epoch_micros(946_684_800_001_000), Ok(1_000));
        assert_eq!(epoch_micros(i64::MAX), Err(NotPlain));
        assert_eq!(epoch_days(10_957), Ok(0));
        assert_eq!(epoch_days(i32::MIN), Err(NotPlain));
        assert_eq!(of_day(86_400_000_000), Ok(86_400_000_000));
        assert_eq!(of_day(-1), Err(NotPlain));
    }

    #[test]
    fn other_forms_are_left_to_the_server() {
        for text in [
            "2026-02-29T00:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T08:00:60Z",
            "2026-01-31T08:00:00.1234567Z",
            "2026-01-31T08:00:00.Z",
            "2026-01-31T08:00:00+0200",
            "2026-01-31T08:00:00",
            "0000-01-31T08:00:00Z",
            "2026-1-31T08:00:00Z",
            "2026-01-31T08:00Z",
            "now",
        ] {
            assert_eq!(zoned(text), Err(NotPlain), "{text}");
        }
    }
}
