//! Decimal numbers of any length, as Avro and Connect write them.

use crate::canonical::Unfit;
use num_bigint::BigInt;

/// A decimal number: `unscaled` × 10^-`scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal<'a> {
    /// Two's complement, the most significant byte first. Empty: zero.
    pub unscaled: &'a [u8],
    /// Digits behind the point; below zero, zeros before it.
    pub scale: i32,
}

/// Longer ones have more than 10,000 digits, ten times the precision that any database
/// here can declare. Printing them costs the square of their length: these take a
/// fraction of a millisecond, a megabyte would take minutes.
const BYTES: usize = 4_152;

/// Zeros that are written out between the point and the digits; beyond, an exponent
/// takes fewer characters than they would, and the text is as long as its sender
/// made it.
const ZEROS: usize = 64;

impl Decimal<'_> {
    /// Writes its digits: every one of them, trailing zeros too.
    ///
    /// # Errors
    /// [`Unfit::OutOfRange`]: no database holds so many digits.
    pub fn write(&self, out: &mut String) -> Result<(), Unfit> {
        let (negative, digits) = self.digits()?;
        if negative {
            out.push('-');
        }
        let scale = self.scale.unsigned_abs() as usize;
        if self.scale <= 0 {
            out.push_str(&digits);
            if digits != "0" && scale <= ZEROS {
                out.extend(std::iter::repeat_n('0', scale));
            } else if digits != "0" {
                out.push_str(&format!("e{scale}"));
            }
        } else if scale < digits.len() {
            let (before, behind) = digits.split_at(digits.len() - scale);
            out.extend([before, ".", behind]);
        } else if scale - digits.len() <= ZEROS {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', scale - digits.len()));
            out.push_str(&digits);
        } else {
            out.push_str(&format!("{digits}e-{scale}"));
        }
        Ok(())
    }

    /// Its sign, and the digits of the unscaled number without it.
    fn digits(&self) -> Result<(bool, String), Unfit> {
        if let Some(number) = self.small() {
            return Ok((number < 0, number.unsigned_abs().to_string()));
        }
        if self.unscaled.len() > BYTES {
            return Err(Unfit::OutOfRange);
        }
        let number = BigInt::from_signed_bytes_be(self.unscaled);
        Ok((
            number.sign() == num_bigint::Sign::Minus,
            number.magnitude().to_string(),
        ))
    }

    /// The unscaled number, where it has no more than 16 bytes: nearly always.
    #[must_use]
    pub fn small(&self) -> Option<i128> {
        let length = self.unscaled.len();
        if length > 16 {
            return None;
        }
        let fill = match self.unscaled.first() {
            Some(first) if first & 0x80 != 0 => 0xff,
            Some(_) | None => 0,
        };
        let mut bytes = [fill; 16];
        bytes[16 - length..].copy_from_slice(self.unscaled);
        Some(i128::from_be_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(unscaled: &[u8], scale: i32) -> String {
        let mut text = String::new();
        Decimal { unscaled, scale }.write(&mut text).unwrap();
        text
    }

    #[test]
    fn every_digit_is_written() {
        assert_eq!(text(&[], 0), "0");
        assert_eq!(text(&[0x04, 0xd2], 2), "12.34");
        assert_eq!(text(&[0xfb, 0x2e], 2), "-12.34");
        assert_eq!(text(&[0x04, 0xce], 2), "12.30");
        assert_eq!(text(&[5], 3), "0.005");
        assert_eq!(text(&[0xff], 1), "-0.1");
        assert_eq!(text(&[0], 2), "0.00");
        assert_eq!(text(&[7], -3), "7000");
        assert_eq!(text(&[0], -3), "0");
        // A sign that is extended says nothing.
        assert_eq!(text(&[0xff; 20], 0), "-1");
        assert_eq!(text(&[0xff; 16], 0), "-1");
        let large = text(&[0x7f; 40], 10);
        let expected = BigInt::from_signed_bytes_be(&[0x7f; 40]).to_string();
        let (before, behind) = large.split_once('.').unwrap();
        assert_eq!(behind.len(), 10);
        assert_eq!(format!("{before}{behind}"), expected);
    }

    #[test]
    fn a_scale_makes_no_text_longer_than_its_number() {
        assert_eq!(text(&[1], i32::MAX), "1e-2147483647");
        assert_eq!(text(&[1], i32::MIN), "1e2147483648");
        assert_eq!(text(&[0], i32::MIN), "0");
        let mut out = String::new();
        let long = Decimal {
            unscaled: &[1; BYTES + 1],
            scale: 0,
        };
        assert_eq!(long.write(&mut out), Err(Unfit::OutOfRange));
    }
}
