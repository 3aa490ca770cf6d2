//! CBOR, token by token. (RFC 8949; RFC 8943 for days; RFC 9562 and IANA's registry for
//! UUIDs.)

use crate::cursor::Cursor;
use crate::moment;
use crate::token::{Count, Token, Tokens};
use plimsoll_record::{Arena, Fault, Looks};
use plimsoll_sink_api::{Cell, Float};

/// CBOR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cbor;

/// Ends what has no length.
const BREAK: u8 = 0xff;

/// What begins a value: what kind of value it is, and the rest of its first byte.
#[derive(Debug, Clone, Copy)]
struct Head {
    major: Major,
    info: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Major {
    Unsigned,
    Negative,
    Bytes,
    Text,
    List,
    Map,
    Tag,
    Simple,
}

impl Head {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        let first = cursor.byte()?;
        let major = match first >> 5 {
            0 => Major::Unsigned,
            1 => Major::Negative,
            2 => Major::Bytes,
            3 => Major::Text,
            4 => Major::List,
            5 => Major::Map,
            6 => Major::Tag,
            _ => Major::Simple,
        };
        let info = first & 0x1f;
        Ok(Self { major, info })
    }

    /// The number behind it, or in it.
    fn number(self, cursor: &mut Cursor<'_>) -> Result<u64, Fault> {
        match self.count(cursor)? {
            Count::Of(number) => Ok(number),
            Count::ToMark => Err(Fault::Unassigned),
        }
    }

    /// The same, of what may have no length.
    fn count(self, cursor: &mut Cursor<'_>) -> Result<Count, Fault> {
        Ok(Count::Of(match self.info {
            0..=23 => self.info.into(),
            24 => cursor.byte()?.into(),
            25 => u16::from_be_bytes(cursor.array()?).into(),
            26 => u32::from_be_bytes(cursor.array()?).into(),
            27 => u64::from_be_bytes(cursor.array()?),
            31 => return Ok(Count::ToMark),
            _ => return Err(Fault::Unassigned),
        }))
    }
}

impl Tokens for Cbor {
    const NAME: &'static str = "CBOR";
    const LOOKS: Looks = Looks::Cbor;

    fn token<'c>(cursor: &mut Cursor<'c>, arena: &'c Arena) -> Result<Token<'c>, Fault> {
        let mut head = Head::read(cursor)?;
        // A tag that is not known says something about its value that no column asks.
        while head.major == Major::Tag {
            let tag = head.number(cursor)?;
            head = Head::read(cursor)?;
            if let Some(cell) = tagged(tag, head, cursor, arena)? {
                return Ok(Token::Scalar(cell));
            }
        }
        Ok(Token::Scalar(match head.major {
            Major::Unsigned | Major::Negative => {
                integer(whole(head, cursor)?.ok_or(Fault::Unassigned)?, arena)
            }
            Major::Bytes => Cell::Bytes(bytes(head, cursor, arena)?),
            Major::Text => Cell::Text(text(head, cursor, arena)?),
            Major::List => return Ok(Token::List(head.count(cursor)?)),
            Major::Map => return Ok(Token::Map(head.count(cursor)?)),
            Major::Simple => simple(head.info, cursor)?,
            // Passed above.
            Major::Tag => return Err(Fault::Unassigned),
        }))
    }

    fn took_mark(cursor: &mut Cursor<'_>) -> bool {
        let is = cursor.peek() == Some(BREAK);
        cursor.go(cursor.at() + usize::from(is));
        is
    }
}

/// The value under a tag, where the tag says what it is.
fn tagged<'c>(
    tag: u64,
    head: Head,
    cursor: &mut Cursor<'c>,
    arena: &'c Arena,
) -> Result<Option<Cell<'c>>, Fault> {
    let is = |major| match head.major == major {
        true => Ok(()),
        false => Err(Fault::TagContent),
    };
    Ok(Some(match tag {
        0 => {
            is(Major::Text)?;
            moment::of_text(text(head, cursor, arena)?)?
        }
        1 => epoch(head, cursor)?,
        2 | 3 => Cell::Decimal {
            unscaled: bignum(tag, head, cursor, arena)?,
            scale: 0,
        },
        4 => decimal(head, cursor, arena)?,
        37 => {
            is(Major::Bytes)?;
            let bytes = bytes(head, cursor, arena)?;
            Cell::Uuid(bytes.try_into().map_err(|_| Fault::TagContent)?)
        }
        100 => match whole(head, cursor)?.map(i32::try_from) {
            Some(Ok(days)) => Cell::Date(days),
            Some(Err(_)) => return Err(Fault::OutOfRange),
            None => return Err(Fault::TagContent),
        },
        1004 => {
            is(Major::Text)?;
            moment::day(text(head, cursor, arena)?)?
        }
        _ => return Ok(None),
    }))
}

/// A whole number, if it is one: from -2^64 to 2^64 - 1.
fn whole(head: Head, cursor: &mut Cursor<'_>) -> Result<Option<i128>, Fault> {
    Ok(match head.major {
        Major::Unsigned => Some(head.number(cursor)?.into()),
        Major::Negative => Some(-1 - i128::from(head.number(cursor)?)),
        _ => None,
    })
}

fn integer(number: i128, arena: &Arena) -> Cell<'_> {
    match (i64::try_from(number), u64::try_from(number)) {
        (Ok(number), _) => Cell::Int(number),
        (_, Ok(number)) => Cell::Unsigned(number),
        (Err(_), Err(_)) => Cell::Decimal {
            unscaled: arena.bytes(&number.to_be_bytes()),
            scale: 0,
        },
    }
}

/// Two's complement of a number whose magnitude stands there, or whose magnitude less one
/// does.
fn bignum<'c>(
    tag: u64,
    head: Head,
    cursor: &mut Cursor<'c>,
    arena: &'c Arena,
) -> Result<&'c [u8], Fault> {
    if head.major != Major::Bytes {
        return Err(Fault::TagContent);
    }
    let bytes = bytes(head, cursor, arena)?;
    let is_negative = tag == 3;
    let fits = bytes.first().is_none_or(|first| first & 0x80 == 0);
    if fits && !is_negative {
        return Ok(bytes);
    }
    let mut signed = Vec::with_capacity(bytes.len() + 1);
    signed.push(0);
    signed.extend_from_slice(bytes);
    if is_negative {
        signed.iter_mut().for_each(|byte| *byte = !*byte);
    }
    Ok(arena.bytes(&signed))
}

/// An exponent of ten, and what it is to be multiplied with.
fn decimal<'c>(head: Head, cursor: &mut Cursor<'c>, arena: &'c Arena) -> Result<Cell<'c>, Fault> {
    let count = match head.major {
        Major::List => head.count(cursor)?,
        _ => return Err(Fault::TagContent),
    };
    if !matches!(count, Count::Of(2) | Count::ToMark) {
        return Err(Fault::TagContent);
    }
    let exponent = Head::read(cursor)?;
    let exponent = whole(exponent, cursor)?.ok_or(Fault::TagContent)?;
    let scale = i32::try_from(-exponent).map_err(|_| Fault::OutOfRange)?;
    let head = Head::read(cursor)?;
    let unscaled = match whole(head, cursor)? {
        Some(mantissa) => arena.bytes(&mantissa.to_be_bytes()),
        None if head.major == Major::Tag => {
            let tag = head.number(cursor)?;
            if !matches!(tag, 2 | 3) {
                return Err(Fault::TagContent);
            }
            bignum(tag, Head::read(cursor)?, cursor, arena)?
        }
        None => return Err(Fault::TagContent),
    };
    match count == Count::ToMark && !Cbor::took_mark(cursor) {
        true => Err(Fault::TagContent),
        false => Ok(Cell::Decimal { unscaled, scale }),
    }
}

/// Seconds behind 1970.
fn epoch(head: Head, cursor: &mut Cursor<'_>) -> Result<Cell<'static>, Fault> {
    if let Some(seconds) = whole(head, cursor)? {
        let seconds = i64::try_from(seconds).map_err(|_| Fault::OutOfRange)?;
        return moment::of_seconds(seconds);
    }
    match head.major {
        Major::Simple => match simple(head.info, cursor)? {
            Cell::Float(seconds) => moment::of_float(seconds.as_f64()),
            _ => Err(Fault::TagContent),
        },
        _ => Err(Fault::TagContent),
    }
}

/// Bytes; those without a length come in pieces that have one.
fn bytes<'c>(head: Head, cursor: &mut Cursor<'c>, arena: &'c Arena) -> Result<&'c [u8], Fault> {
    match head.count(cursor)? {
        Count::Of(length) => cursor.take(length),
        Count::ToMark => {
            let mut all = Vec::new();
            while !Cbor::took_mark(cursor) {
                let length = piece(Major::Bytes, cursor)?;
                all.extend_from_slice(cursor.take(length)?);
            }
            Ok(arena.bytes(&all))
        }
    }
}

/// The same of a text, whose pieces are texts.
fn text<'c>(head: Head, cursor: &mut Cursor<'c>, arena: &'c Arena) -> Result<&'c str, Fault> {
    match head.count(cursor)? {
        Count::Of(length) => cursor.text(length),
        Count::ToMark => arena.written(|out| {
            while !Cbor::took_mark(cursor) {
                let length = piece(Major::Text, cursor)?;
                out.push_str(cursor.text(length)?);
            }
            Ok(())
        }),
    }
}

fn piece(of: Major, cursor: &mut Cursor<'_>) -> Result<u64, Fault> {
    let head = Head::read(cursor)?;
    match head.major == of {
        true => head.number(cursor),
        false => Err(Fault::Unassigned),
    }
}

/// Words of one byte, and floating-point numbers.
fn simple(info: u8, cursor: &mut Cursor<'_>) -> Result<Cell<'static>, Fault> {
    Ok(match info {
        20 => Cell::Bool(false),
        21 => Cell::Bool(true),
        // And undefined, which is no value either.
        22 | 23 => Cell::Null,
        25 => Cell::Float(Float::Single(half(u16::from_be_bytes(cursor.array()?)))),
        26 => Cell::Float(Float::Single(f32::from_be_bytes(cursor.array()?))),
        27 => Cell::Float(Float::Double(f64::from_be_bytes(cursor.array()?))),
        _ => return Err(Fault::Unassigned),
    })
}

/// A number of 16 bits (IEEE 754, binary16), which 32 hold with every bit.
fn half(bits: u16) -> f32 {
    /// What the last bit of the smallest numbers is worth: 2^-24.
    const SMALLEST: f32 = 1.0 / 16_777_216.0;
    let sign = u32::from(bits & 0x8000) << 16;
    let (exponent, rest) = (u32::from(bits >> 10 & 0x1f), u32::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => (rest as f32 * SMALLEST).to_bits(),
        31 => 0x7f80_0000 | rest << 13,
        // The two count exponents from 15 and from 127.
        _ => (exponent + 112) << 23 | rest << 13,
    };
    f32::from_bits(sign | magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_float_is_a_whole_one() {
        // RFC 8949, appendix A.
        let numbers = [
            (0x0000, 0.0),
            (0x8000, -0.0),
            (0x3c00, 1.0),
            (0x3e00, 1.5),
            (0x7bff, 65_504.0),
            (0x0001, 5.960_464_5e-8),
            (0x0400, 6.103_515_6e-5),
            (0xc400, -4.0),
            (0x7c00, f32::INFINITY),
            (0xfc00, f32::NEG_INFINITY),
        ];
        for (bits, number) in numbers {
            assert_eq!(half(bits).to_bits(), number.to_bits(), "{bits:04x}");
        }
        assert!(half(0x7e00).is_nan());
    }
}
