//! Numbers from their digits.

use super::NotPlain;

/// Digits of a number that is written here; longer ones are rare.
const DIGITS: usize = 200;

/// A minus and digits, and nothing else.
pub(super) fn integer(text: &str) -> Result<i64, NotPlain> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    // 18 digits always fit; the few longer ones are left to the server.
    if digits.is_empty() || digits.len() > 18 {
        return Err(NotPlain);
    }
    let mut number = 0_i64;
    for digit in digits.bytes() {
        if !digit.is_ascii_digit() {
            return Err(NotPlain);
        }
        number = number * 10 + i64::from(digit - b'0');
    }
    Ok(if digits.len() < text.len() {
        -number
    } else {
        number
    })
}

/// Digits before and behind the point, and whether it is negative.
struct Decimal<'t> {
    negative: bool,
    before: &'t [u8],
    behind: &'t [u8],
}

fn decimal(text: &str) -> Result<Decimal<'_>, NotPlain> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let negative = digits.len() < text.len();
    let (before, behind) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if digits.len() > DIGITS || !all(before) || !all(behind) {
        return Err(NotPlain);
    }
    let behind = if digits.contains('.') { behind } else { "" };
    Ok(Decimal {
        negative,
        before: before.as_bytes(),
        behind: behind.as_bytes(),
    })
}

/// The nearest double, as the server's strtod finds it.
pub(super) fn float8(text: &str) -> Result<f64, NotPlain> {
    let number: f64 = plain_float(text)?.parse().map_err(|_| NotPlain)?;
    // Too small or too large: the server refuses it.
    match number.is_finite() && (number != 0.0 || is_zero(text)) {
        true => Ok(number),
        false => Err(NotPlain),
    }
}

/// The nearest single.
pub(super) fn float4(text: &str) -> Result<f32, NotPlain> {
    let number: f32 = plain_float(text)?.parse().map_err(|_| NotPlain)?;
    match number.is_finite() && (number != 0.0 || is_zero(text)) {
        true => Ok(number),
        false => Err(NotPlain),
    }
}

/// Digits, a point, an exponent; no `NaN`, no `inf`, no blanks.
fn plain_float(text: &str) -> Result<&str, NotPlain> {
    let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-');
    match text.bytes().all(plain) && text.bytes().any(|b| b.is_ascii_digit()) {
        true => Ok(text),
        false => Err(NotPlain),
    }
}

fn is_zero(text: &str) -> bool {
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    !mantissa.bytes().any(|b| matches!(b, b'1'..=b'9'))
}

/// Postgres' numeric: groups of four decimal digits, aligned at the point; the
/// weight of the first group; the sign; digits behind the point as written.
pub(super) fn numeric(text: &str, out: &mut Vec<u8>) -> Result<(), NotPlain> {
    const POSITIVE: u16 = 0;
    const NEGATIVE: u16 = 0x4000;
    let Decimal {
        negative,
        before,
        behind,
    } = decimal(text)?;
    let groups_before = before.len().div_ceil(4);
    let groups = groups_before + behind.len().div_ceil(4);
    let small = |n: usize| u16::try_from(n).map_err(|_| NotPlain);
    for field in [
        small(groups)?,
        small(groups_before)?.wrapping_sub(1),
        if negative { NEGATIVE } else { POSITIVE },
        small(behind.len())?,
    ] {
        out.extend_from_slice(&field.to_be_bytes());
    }
    let mut push = |group: &[u8], missing: usize| {
        let number = group
            .iter()
            .fold(0, |n: u16, digit| n * 10 + u16::from(digit - b'0'));
        let number = number * 10_u16.pow(missing as u32);
        out.extend_from_slice(&number.to_be_bytes());
    };
    // The first group before the point may be short: it lacks leading zeros.
    let short = before.len() % 4;
    if short > 0 {
        push(&before[..short], 0);
    }
    for group in before[short..].chunks(4) {
        push(group, 0);
    }
    // The last group behind the point may be short: it lacks trailing zeros.
    for group in behind.chunks(4) {
        push(group, 4 - group.len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(text: &str) -> Result<(Vec<u16>, Vec<u16>), NotPlain> {
        let mut out = Vec::new();
        numeric(text, &mut out)?;
        let words: Vec<u16> = out
            .chunks(2)
            .map(|pair| u16::from_be_bytes(pair.try_into().unwrap()))
            .collect();
        let (head, digits) = words.split_at(4);
        assert_eq!(usize::from(head[0]), digits.len());
        Ok((head[1..].to_vec(), digits.to_vec()))
    }

    #[test]
    fn numerics_keep_every_digit() {
        assert_eq!(groups("1234.56"), Ok((vec![0, 0, 2], vec![1234, 5600])));
        assert_eq!(groups("12345"), Ok((vec![1, 0, 0], vec![1, 2345])));
        assert_eq!(groups("-0.00010"), Ok((vec![0, 0x4000, 5], vec![0, 1, 0])));
        assert_eq!(groups("0"), Ok((vec![0, 0, 0], vec![0])));
    }

    #[test]
    fn numbers_of_other_forms_are_left_alone() {
        for text in ["", "-", "1.", ".5", "1e3", "+1", "NaN", " 1", "1,5", "0x1"] {
            assert_eq!(groups(text), Err(NotPlain), "{text}");
        }
        for text in ["", "-", "1.0", "1e3", "+1", "9223372036854775807"] {
            assert_eq!(integer(text), Err(NotPlain), "{text}");
        }
        for text in ["", "NaN", "inf", "1e999", "1e-999", "-", " 1"] {
            assert_eq!(float8(text), Err(NotPlain), "{text}");
        }
    }

    #[test]
    fn floats_are_the_nearest_ones() {
        assert_eq!(float8("-0.1"), Ok(-0.1));
        assert_eq!(float8("0e5"), Ok(0.0));
        assert_eq!(float4("1e39"), Err(NotPlain));
        assert_eq!(float4("16777217"), Ok(16_777_216.0));
    }
}
