//! Numbers in text, without losing a digit.

use super::{Refusal, put};
use num_bigint::BigInt;
use scylla::cluster::metadata::NativeType;
use scylla::serialize::writers::CellWriter;
use scylla::value::{CqlDecimal, CqlVarint};
use std::str::FromStr;

/// Digits of a varint or decimal. Turning them into binary costs their square:
/// ten thousand take a fraction of a millisecond, a megabyte of them would take
/// minutes.
pub(super) const DIGITS: usize = 10_000;

/// A whole number of the range of `T`. `1.0` is none: a sender that means an
/// integer writes one.
pub(super) fn integer<T: FromStr>(text: &str) -> Result<T, Refusal> {
    // Rust takes a plus sign, JSON has none; harmless in a string.
    text.parse().map_err(|_| match digits(text) {
        Some(_) => Refusal::OutOfRange,
        None => Refusal::NotInteger,
    })
}

/// A float of the type's width, rounded to the nearest; but not to nothing.
pub(super) fn float<T: FromStr + Default + PartialEq>(
    text: &str,
    finite: impl Fn(&T) -> bool,
) -> Result<T, Refusal> {
    let value: T = text.parse().map_err(|_| Refusal::NotNumber)?;
    // `Infinity` and `NaN` may be said, but no number may turn into them.
    let said = text.trim_start_matches(['+', '-']);
    let named = said.eq_ignore_ascii_case("infinity") || said.eq_ignore_ascii_case("nan");
    let mantissa = said.split(['e', 'E']).next().unwrap_or(said);
    let vanished = value == T::default() && mantissa.bytes().any(|b| matches!(b, b'1'..=b'9'));
    match (finite(&value) && !vanished) || named {
        true => Ok(value),
        false => Err(Refusal::OutOfRange),
    }
}

pub(super) fn varint(text: &str, out: CellWriter<'_>) -> Result<(), Refusal> {
    let bytes = digits(text).ok_or(Refusal::NotInteger)?.parse()?;
    put(
        NativeType::Varint,
        &CqlVarint::from_signed_bytes_be(bytes),
        out,
    )
}

/// The number as its digits and where the point stands: 12.340 is 12340 and 3,
/// and so it comes back with its last zero.
pub(super) fn decimal(text: &str, out: CellWriter<'_>) -> Result<(), Refusal> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            let exponent: i64 = exponent.parse().map_err(|_| Refusal::NotNumber)?;
            (mantissa, exponent)
        }
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit())
        || (mantissa.contains('.') && fraction.is_empty())
    {
        return Err(Refusal::NotNumber);
    }
    let scale = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
    let scale = scale
        .checked_sub(exponent)
        .and_then(|s| i32::try_from(s).ok());
    let scale = scale.ok_or(Refusal::OutOfRange)?;
    let unscaled = format!("{whole}{fraction}");
    let bytes = digits(&unscaled).ok_or(Refusal::NotNumber)?.parse()?;
    let value = CqlDecimal::from_signed_be_bytes_and_exponent(bytes, scale);
    put(NativeType::Decimal, &value, out)
}

/// A sign and digits, nothing else.
struct Digits<'t>(&'t str);

fn digits(text: &str) -> Option<Digits<'_>> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is = !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit());
    is.then_some(Digits(text))
}

impl Digits<'_> {
    /// Two's complement, the most significant byte first.
    fn parse(&self) -> Result<Vec<u8>, Refusal> {
        if self.0.len() > DIGITS {
            return Err(Refusal::TooManyDigits);
        }
        let number = BigInt::from_str(self.0).map_err(|_| Refusal::NotNumber)?;
        Ok(number.to_signed_bytes_be())
    }
}
