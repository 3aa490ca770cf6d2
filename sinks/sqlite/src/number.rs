//! Whether SQLite can keep a number without losing a digit.
//!
//! SQLite has 64-bit integers and 64-bit floats and nothing beyond. A column of
//! numeric affinity turns longer numbers into floats silently; so they are
//! judged here, before it can.

use std::cmp::Ordering;

/// A number as SQLite can store it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A 64-bit integer.
    Int(i64),
    /// A float whose shortest decimal form is the number as written.
    Real(f64),
    /// Neither holds all its digits.
    Neither,
}

/// Every decimal of so many significant digits survives a 64-bit float.
const SAFE_DIGITS: usize = 15;

/// Finds the storage that keeps a decimal number.
#[must_use]
pub fn number(text: &str) -> Number {
    if let Ok(int) = text.parse::<i64>() {
        return Number::Int(int);
    }
    match text.parse::<f64>() {
        Ok(real) if real.is_finite() && keeps(text, real) => Number::Real(real),
        Ok(_) | Err(_) => Number::Neither,
    }
}

/// The nearest float, for columns that the user made floats; `None` beyond
/// their range, and where nothing would be left of a number.
#[must_use]
pub fn nearest(text: &str) -> Option<f64> {
    let real = text.parse::<f64>().ok().filter(|real| real.is_finite())?;
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    let is_zero = !mantissa.bytes().any(|b| matches!(b, b'1'..=b'9'));
    (real != 0.0 || is_zero).then_some(real)
}

/// Whether SQLite would take a text for a number in a column of numeric
/// affinity: blanks around it, a sign, digits with at most one point, an
/// exponent.
#[must_use]
pub fn looks_like_number(text: &str) -> bool {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_fits = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['+', '-']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()) && exponent_fits
}

fn keeps(text: &str, real: f64) -> bool {
    let Some(written) = Decimal::read(text) else {
        return false;
    };
    if real.is_normal() && written.digits.len() <= SAFE_DIGITS {
        return true;
    }
    // Zero, subnormal, or many digits: compare with the shortest form.
    Decimal::read(&format!("{real:e}")) == Some(written)
}

/// A decimal in its one normal form: no zeros at either end of the digits.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    /// Of the first digit.
    exponent: i64,
}

impl Decimal {
    fn read(text: &str) -> Option<Self> {
        let (negative, text) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let leading = all.iter().take_while(|d| **d == b'0').count();
        let last = all.iter().rposition(|d| *d != b'0').map_or(0, |i| i + 1);
        match leading.cmp(&last) {
            Ordering::Less => Some(Self {
                negative,
                digits: all[leading..last].to_vec(),
                exponent: exponent
                    .checked_add(i64::try_from(whole.len()).ok()?)?
                    .checked_sub(i64::try_from(leading).ok()?)?,
            }),
            // Zero has no digits, no sign and no exponent.
            Ordering::Equal | Ordering::Greater => Some(Self {
                negative: false,
                digits: Vec::new(),
                exponent: 0,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn integers_up_to_64_bits_stay_integers() {
        assert_eq!(number("9223372036854775807"), Number::Int(i64::MAX));
        assert_eq!(number("-9223372036854775808"), Number::Int(i64::MIN));
        assert_eq!(number("9223372036854775808"), Number::Neither);
    }

    #[test]
    fn a_decimal_stays_a_float_only_with_every_digit() {
        for (text, real) in [
            ("0.1", 0.1),
            ("1.10", 1.1),
            ("1e2", 100.0),
            ("-0.0", 0.0),
            ("0e99", 0.0),
            ("123456789012345.6", 123_456_789_012_345.6),
            ("5e-324", 5e-324),
        ] {
            assert_eq!(number(text), Number::Real(real), "{text}");
        }
        for text in [
            "123456789012345678901234567890",
            "0.1234567890123456789",
            "1e400",
            "1e-400",
            "4e-324",
        ] {
            assert_eq!(number(text), Number::Neither, "{text}");
        }
    }

    #[test]
    fn what_looks_like_a_number_is_what_sqlite_would_convert() {
        for text in ["1", " 1 ", "+1.5", ".5", "5.", "1e5", "-1.5E-7\n"] {
            assert!(looks_like_number(text), "{text:?}");
        }
        for text in [
            "",
            ".",
            "1e",
            "0x10",
            "1_0",
            "inf",
            "2024-01-01",
            "1 2",
            "e5",
        ] {
            assert!(!looks_like_number(text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_float_keeps_its_own_shortest_form(real in any::<f64>().prop_filter("finite", |r| r.is_finite())) {
            for text in [format!("{real}"), format!("{real:e}")] {
                match number(&text) {
                    Number::Real(kept) => prop_assert_eq!(kept.to_bits() << 1, real.to_bits() << 1),
                    Number::Int(int) => prop_assert_eq!(int as f64, real),
                    Number::Neither => prop_assert!(false, "{}", text),
                }
            }
        }

        #[test]
        fn a_digit_more_than_the_float_has_is_noticed(real in 0.1f64..0.9, digit in 1u8..=9) {
            let shortest = format!("{real}");
            prop_assume!(shortest.len() >= 17);
            let longer = format!("{shortest}000{digit}");
            prop_assert_eq!(number(&longer), Number::Neither);
        }
    }
}
