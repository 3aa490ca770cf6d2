//! A place in Postgres' write-ahead log.

use std::fmt;
use std::str::FromStr;

/// A byte of the log, counted from its beginning; written as Postgres does, `16/B374D848`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Lsn(pub u64);

impl Lsn {
    /// How many bytes it lies behind another; 0 where it does not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

/// Not two hexadecimal numbers of up to eight digits with a slash between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnLsn;

impl fmt::Display for NotAnLsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a place in the write-ahead log, such as 16/B374D848")
    }
}

impl std::error::Error for NotAnLsn {}

impl FromStr for Lsn {
    type Err = NotAnLsn;

    fn from_str(text: &str) -> Result<Self, NotAnLsn> {
        let half = |digits: &str| match digits.len() {
            1..=8 if digits.bytes().all(|b| b.is_ascii_hexdigit()) => {
                u64::from_str_radix(digits, 16).map_err(|_| NotAnLsn)
            }
            _ => Err(NotAnLsn),
        };
        let (high, low) = text.split_once('/').ok_or(NotAnLsn)?;
        Ok(Self(half(high)? << 32 | half(low)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_lsn_is_refused() {
        for wrong in [
            "",
            "/",
            "1/",
            "/1",
            "1",
            "1/2/3",
            "123456789/0",
            "g/0",
            "+1/0",
        ] {
            assert_eq!(wrong.parse::<Lsn>(), Err(NotAnLsn), "{wrong}");
        }
        assert_eq!("16/B374D848".parse(), Ok(Lsn(0x16_B374_D848)));
    }

    #[test]
    fn the_way_between_two_places_is_never_negative() {
        assert_eq!(Lsn(7).since(Lsn(5)), 2);
        assert_eq!(Lsn(5).since(Lsn(7)), 0);
    }

    proptest! {
        #[test]
        fn an_lsn_is_read_as_it_is_written(at: u64) {
            prop_assert_eq!(Lsn(at).to_string().parse(), Ok(Lsn(at)));
        }
    }
}
