//! Numbers of any length, compared by their digits: none is lost in a float.

use std::cmp::Ordering;

/// A number: 0.`digits` × 10^`exponent`, with its sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Digits {
    negative: bool,
    /// Without zeros at either end; none: zero.
    digits: String,
    exponent: i64,
}

impl Digits {
    /// Of a number as JSON writes it; `None`: it is none, or its exponent is beyond all
    /// reason.
    pub(super) fn of(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
        let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(whole) || !all_digits(part) {
            return None;
        }
        let joined = format!("{whole}{part}");
        let significant = joined.trim_start_matches('0');
        let skipped = joined.len() - significant.len();
        let digits = significant.trim_end_matches('0').to_owned();
        let before = i64::try_from(whole.len()).ok()? - i64::try_from(skipped).ok()?;
        Some(Self {
            negative: negative && !digits.is_empty(),
            exponent: match digits.is_empty() {
                true => 0,
                false => before + i64::from(exponent),
            },
            digits,
        })
    }

    /// How many of a unit it is, of which so many digits behind the point make one;
    /// `None`: it is not a whole number of them, or none that 64 bits hold.
    pub(super) fn scaled(&self, places: u32) -> Option<i64> {
        if self.digits.is_empty() {
            return Some(0);
        }
        let length = self.exponent + i64::from(places);
        let zeros = length - i64::try_from(self.digits.len()).ok()?;
        // 64 bits hold nineteen digits.
        if zeros < 0 || length > 19 {
            return None;
        }
        let sign = if self.negative { "-" } else { "" };
        let zeros = "0".repeat(usize::try_from(zeros).ok()?);
        format!("{sign}{}{zeros}", self.digits).parse().ok()
    }
}

impl Ord for Digits {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = || {
            let by_size = self.exponent.cmp(&other.exponent);
            by_size.then_with(|| self.digits.cmp(&other.digits))
        };
        match (self.negative, other.negative) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (true, true) => size().reverse(),
            (false, false) => match (self.digits.is_empty(), other.digits.is_empty()) {
                (false, false) => size(),
                (mine, others) => others.cmp(&mine),
            },
        }
    }
}

impl PartialOrd for Digits {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Digits {
        Digits::of(text).expect(text)
    }

    #[test]
    fn equal_numbers_are_equal_however_they_are_written() {
        for (a, b) in [
            ("0", "-0.000"),
            ("1", "1.0"),
            ("100", "1e2"),
            ("0.001", "1E-3"),
            ("12.30", "0.123e2"),
            ("0e5", "0"),
            ("10e-1", "1"),
        ] {
            assert_eq!(of(a), of(b), "{a} {b}");
        }
        for text in [
            "",
            "-",
            "1.",
            ".5",
            "1e",
            "x",
            "NaN",
            "1e99999999999",
            "1,5",
            " 1",
        ] {
            assert_eq!(Digits::of(text), None, "{text}");
        }
        assert!(of("9007199254740993") > of("9007199254740992"));
        assert!(of("1e300") > of("123456789") && of("-1e300") < of("0.1"));
        assert!(of("0") < of("0.1") && of("-0.1") < of("0"));
    }

    #[test]
    fn a_number_is_scaled_where_that_is_exact() {
        assert_eq!(of("1700000000.123").scaled(3), Some(1_700_000_000_123));
        assert_eq!(of("1.5e3").scaled(0), Some(1_500));
        assert_eq!(of("-0.25").scaled(2), Some(-25));
        assert_eq!(of("0.0001").scaled(3), None);
        assert_eq!(of("1e18").scaled(3), None);
        assert_eq!(of("0").scaled(9), Some(0));
    }

    proptest! {
        #[test]
        fn whole_numbers_have_their_order(a: i64, b: i64, places in 0_u32..6) {
            prop_assert_eq!(of(&a.to_string()).cmp(&of(&b.to_string())), a.cmp(&b));
            let shown = format!("{a}e-{places}");
            prop_assert_eq!(of(&shown).scaled(places), Some(a));
        }

        #[test]
        fn fractions_have_their_order(a in -10_000_i64..10_000, b in -10_000_i64..10_000) {
            let shown = |n: i64| format!("{}{}.{:03}", if n < 0 { "-" } else { "" }, n.abs() / 1_000, n.abs() % 1_000);
            prop_assert_eq!(of(&shown(a)).cmp(&of(&shown(b))), a.cmp(&b));
        }
    }
}
