//! MessagePack, token by token. (The specification of msgpack/msgpack, spec.md.)

use crate::cursor::Cursor;
use crate::moment;
use crate::token::{Count, Token, Tokens};
use plimsoll_record::{Arena, Fault, Looks};
use plimsoll_sink_api::{Cell, Float};

/// MessagePack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessagePack;

/// The type of an extension that is a point in time.
const TIMESTAMP: i8 = -1;

impl Tokens for MessagePack {
    const NAME: &'static str = "MessagePack";
    const LOOKS: Looks = Looks::MessagePack;

    fn token<'c>(cursor: &mut Cursor<'c>, _: &'c Arena) -> Result<Token<'c>, Fault> {
        let first = cursor.byte()?;
        Ok(Token::Scalar(match first {
            0x00..=0x7f => Cell::Int(first.into()),
            0x80..=0x8f => return Ok(Token::Map(Count::Of((first & 0x0f).into()))),
            0x90..=0x9f => return Ok(Token::List(Count::Of((first & 0x0f).into()))),
            0xa0..=0xbf => Cell::Text(cursor.text((first & 0x1f).into())?),
            0xc0 => Cell::Null,
            0xc1 => return Err(Fault::Unassigned),
            0xc2 => Cell::Bool(false),
            0xc3 => Cell::Bool(true),
            0xc4..=0xc6 => Cell::Bytes(length(cursor, first - 0xc4).and_then(|n| cursor.take(n))?),
            0xc7..=0xc9 => {
                let length = length(cursor, first - 0xc7)?;
                extension(cursor, length)?
            }
            0xca => Cell::Float(Float::Single(f32::from_be_bytes(cursor.array()?))),
            0xcb => Cell::Float(Float::Double(f64::from_be_bytes(cursor.array()?))),
            0xcc => Cell::Int(cursor.byte()?.into()),
            0xcd => Cell::Int(u16::from_be_bytes(cursor.array()?).into()),
            0xce => Cell::Int(u32::from_be_bytes(cursor.array()?).into()),
            0xcf => unsigned(u64::from_be_bytes(cursor.array()?)),
            0xd0 => Cell::Int(i8::from_be_bytes(cursor.array()?).into()),
            0xd1 => Cell::Int(i16::from_be_bytes(cursor.array()?).into()),
            0xd2 => Cell::Int(i32::from_be_bytes(cursor.array()?).into()),
            0xd3 => Cell::Int(i64::from_be_bytes(cursor.array()?)),
            0xd4..=0xd8 => extension(cursor, 1 << (first - 0xd4))?,
            0xd9..=0xdb => Cell::Text(length(cursor, first - 0xd9).and_then(|n| cursor.text(n))?),
            0xdc | 0xdd => {
                let count = length(cursor, first - 0xdc + 1)?;
                return Ok(Token::List(Count::Of(count)));
            }
            0xde | 0xdf => {
                let count = length(cursor, first - 0xde + 1)?;
                return Ok(Token::Map(Count::Of(count)));
            }
            0xe0..=0xff => Cell::Int(i8::from_be_bytes([first]).into()),
        }))
    }

    /// Every count is a number.
    fn took_mark(_: &mut Cursor<'_>) -> bool {
        false
    }
}

/// A whole number in the narrower of two cells.
pub fn unsigned(number: u64) -> Cell<'static> {
    match i64::try_from(number) {
        Ok(number) => Cell::Int(number),
        Err(_) => Cell::Unsigned(number),
    }
}

/// A length, in one byte, in two or in four.
fn length(cursor: &mut Cursor<'_>, width: u8) -> Result<u64, Fault> {
    Ok(match width {
        0 => cursor.byte()?.into(),
        1 => u16::from_be_bytes(cursor.array()?).into(),
        _ => u32::from_be_bytes(cursor.array()?).into(),
    })
}

/// A type, and bytes. What is not a point in time is bytes.
fn extension<'c>(cursor: &mut Cursor<'c>, length: u64) -> Result<Cell<'c>, Fault> {
    let kind = i8::from_be_bytes(cursor.array()?);
    let bytes = cursor.take(length)?;
    match kind {
        TIMESTAMP => timestamp(bytes),
        _ => Ok(Cell::Bytes(bytes)),
    }
}

/// Seconds; nanoseconds in 30 bits and seconds in 34; or each by itself.
fn timestamp(bytes: &[u8]) -> Result<Cell<'static>, Fault> {
    if let Ok(seconds) = bytes.try_into() {
        return moment::of_parts(u32::from_be_bytes(seconds).into(), 0);
    }
    if let Ok(both) = bytes.try_into() {
        let both = u64::from_be_bytes(both);
        let seconds = i64::try_from(both & ((1 << 34) - 1)).map_err(|_| Fault::OutOfRange)?;
        let nanos = u32::try_from(both >> 34).map_err(|_| Fault::OutOfRange)?;
        return moment::of_parts(seconds, nanos);
    }
    match bytes.split_first_chunk() {
        Some((nanos, seconds)) => match seconds.try_into() {
            Ok(seconds) => {
                moment::of_parts(i64::from_be_bytes(seconds), u32::from_be_bytes(*nanos))
            }
            Err(_) => Err(Fault::TagContent),
        },
        None => Err(Fault::TagContent),
    }
}
