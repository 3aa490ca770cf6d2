//! Bytes that are something else.

use crate::{Arena, Fault};
use plimsoll_sink_api::{Cell, Column, Interval, Kind};
use std::fmt;

/// What bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Octets {
    /// The unscaled number of a decimal: two's complement, big-endian, of any length.
    Decimal {
        /// Digits behind the point.
        scale: i32,
    },
    /// Bits, the lowest byte first; none of them where all are zero.
    Bits {
        /// How many the source's column has, or may have.
        length: u32,
        /// What they become.
        form: BitForm,
    },
    /// Months, days and milliseconds: three numbers of four bytes, little-endian.
    Duration,
    /// A UUID.
    Uuid,
}

/// What bits become. The source tells neither a number from a string of bits, nor, of a
/// string that may be shorter, the zeros that it began with: the column has to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BitForm {
    /// As many digits 0 and 1 as the source's column has.
    Fixed,
    /// The same without zeros in front.
    Varying,
    /// A number, where it has no more than 64 bits.
    Number,
    /// Bytes, as they came.
    Bytes,
}

/// Bits beyond this stay bytes: each takes a character of text, and the name of a type is
/// not to make text of any length.
const MAX_BITS: u32 = 1 << 16;

impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decimal { scale } => write!(f, "decimal (scale {scale})"),
            Self::Bits { length, .. } => write!(f, "bits ({length})"),
            Self::Duration => f.write_str("duration"),
            Self::Uuid => f.write_str("uuid"),
        }
    }
}

impl Octets {
    /// What a column of its own has to hold.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Decimal { .. } => Kind::Decimal,
            // Digits 0 and 1: a number would lose the zeros that they begin with.
            Self::Bits { .. } => Kind::Text,
            Self::Duration => Kind::Interval,
            Self::Uuid => Kind::Uuid,
        }
    }

    /// By the name that Connect or Debezium gives to a type of bytes, and the parameters
    /// that stand beside it.
    #[must_use]
    pub fn named<'p>(name: &str, parameter: impl Fn(&str) -> Option<&'p str>) -> Option<Self> {
        match name {
            "org.apache.kafka.connect.data.Decimal" => Some(Self::Decimal {
                scale: parameter("scale")?.parse().ok()?,
            }),
            "io.debezium.data.Bits" => {
                let length = parameter("length")?.parse().ok()?;
                let form = BitForm::Fixed;
                (length <= MAX_BITS).then_some(Self::Bits { length, form })
            }
            _ => None,
        }
    }

    /// The same for a column, whose type says what bits are to become.
    #[must_use]
    pub fn of_column(self, column: &Column) -> Self {
        match self {
            Self::Bits { length, .. } => Self::Bits {
                length,
                form: BitForm::of_type(&column.type_name),
            },
            Self::Decimal { .. } | Self::Duration | Self::Uuid => self,
        }
    }

    /// What they are.
    ///
    /// # Errors
    /// [`Fault::Bits`], [`Fault::Uuid`], [`Fault::OutOfRange`]
    pub fn cell<'a>(self, bytes: &'a [u8], arena: &'a Arena) -> Result<Cell<'a>, Fault> {
        match self {
            Self::Decimal { scale } => Ok(Cell::Decimal {
                unscaled: bytes,
                scale,
            }),
            Self::Bits { length, form } => bits(bytes, length, form, arena),
            Self::Duration => duration(bytes).ok_or(Fault::OutOfRange),
            Self::Uuid => match bytes.try_into() {
                Ok(bytes) => Ok(Cell::Uuid(bytes)),
                Err(_) => Err(Fault::Uuid),
            },
        }
    }
}

impl BitForm {
    /// By the type of the column, as its database prints it.
    fn of_type(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let begins = |words: &[&str]| words.iter().any(|word| name.starts_with(word));
        if begins(&["bit varying", "varbit"]) {
            Self::Varying
        } else if begins(&["bytea", "blob"]) {
            Self::Bytes
        } else if begins(&[
            "smallint", "int", "bigint", "tinyint", "varint", "numeric", "decimal", "counter",
        ]) {
            Self::Number
        } else {
            Self::Fixed
        }
    }
}

/// Whether a column takes truth values as a bit: connectors tell a column of one bit as
/// a boolean.
#[must_use]
pub fn is_bit(column: &Column) -> bool {
    let name = column.type_name.to_ascii_lowercase();
    name == "varbit" || name.split(['(', ' ']).next() == Some("bit")
}

/// A truth value as such a bit.
#[must_use]
pub const fn bit(yes: bool) -> Cell<'static> {
    Cell::Text(if yes { "1" } else { "0" })
}

fn bits<'a>(
    bytes: &'a [u8],
    length: u32,
    form: BitForm,
    arena: &'a Arena,
) -> Result<Cell<'a>, Fault> {
    let used = match bytes.iter().rposition(|&byte| byte != 0) {
        None => 0,
        Some(last) => 8 * last + (8 - bytes[last].leading_zeros() as usize),
    };
    let length = length as usize;
    if used > length {
        return Err(Fault::Bits);
    }
    let digits = match form {
        BitForm::Bytes => return Ok(Cell::Bytes(bytes)),
        BitForm::Number if used <= 64 => {
            let mut number = [0; 8];
            let some = bytes.len().min(8);
            number[..some].copy_from_slice(&bytes[..some]);
            return Ok(Cell::Unsigned(u64::from_le_bytes(number)));
        }
        BitForm::Number => return Err(Fault::OutOfRange),
        BitForm::Fixed => length,
        BitForm::Varying => used,
    };
    let is_set = |bit: usize| bytes.get(bit / 8).is_some_and(|b| b >> (bit % 8) & 1 == 1);
    let text = arena.written(|out| {
        out.extend(
            (0..digits)
                .rev()
                .map(|bit| if is_set(bit) { '1' } else { '0' }),
        );
        Ok(())
    })?;
    Ok(Cell::Text(text))
}

fn duration(bytes: &[u8]) -> Option<Cell<'static>> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    let [months, days, millis] = *numbers else {
        return None;
    };
    let number = |bytes| i32::try_from(u32::from_le_bytes(bytes)).ok();
    rest.is_empty().then_some(Cell::Interval(Interval {
        months: number(months)?,
        days: number(days)?,
        nanos: i64::from(u32::from_le_bytes(millis)) * 1_000_000,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_sink_api::{Holds, Path, Shape, Source};

    fn column(type_name: &str) -> Column {
        Column {
            name: "c".to_owned(),
            take: Source::Value(Path::default()).into(),
            shape: Shape::Scalar,
            key: false,
            type_name: type_name.to_owned(),
            holds: Holds::named(type_name),
        }
    }

    fn bits_of(length: &str) -> Octets {
        Octets::named("io.debezium.data.Bits", |name| {
            (name == "length").then_some(length)
        })
        .expect("bits")
    }

    #[test]
    fn truth_is_a_bit_where_the_column_is_one() {
        for name in ["bit(1)", "bit", "BIT", "bit varying(3)", "varbit"] {
            assert!(is_bit(&column(name)), "{name}");
        }
        for name in ["boolean", "text", "bitmap", "integer"] {
            assert!(!is_bit(&column(name)), "{name}");
        }
        assert_eq!([bit(true), bit(false)], [Cell::Text("1"), Cell::Text("0")]);
    }

    #[test]
    fn bits_become_what_the_column_takes() {
        let arena = Arena::new();
        let of = |type_name: &str, bytes: &'static [u8]| {
            bits_of("10")
                .of_column(&column(type_name))
                .cell(bytes, &arena)
        };
        let text = |text| Ok(Cell::Text(text));
        assert_eq!(of("bit(10)", &[0xaa, 0x02]), text("1010101010"));
        assert_eq!(of("bit(10)", &[]), text("0000000000"));
        assert_eq!(of("text", &[0x15]), text("0000010101"));
        assert_eq!(of("bit varying(10)", &[0x15, 0]), text("10101"));
        assert_eq!(of("varbit", &[0]), text(""));
        assert_eq!(of("bigint", &[0xaa, 0x02]), Ok(Cell::Unsigned(0x2aa)));
        assert_eq!(of("INTEGER", &[]), Ok(Cell::Unsigned(0)));
        assert_eq!(of("bytea", &[0xaa, 0x02]), Ok(Cell::Bytes(&[0xaa, 0x02])));
        // Eleven bits.
        assert_eq!(of("bit(10)", &[0, 0x04]), Err(Fault::Bits));
        assert_eq!(of("bytea", &[0, 0x04]), Err(Fault::Bits));
    }

    #[test]
    fn bits_without_a_sound_length_stay_bytes() {
        let named = |length: Option<&'static str>| {
            Octets::named("io.debezium.data.Bits", |_| length).is_some()
        };
        assert!(named(Some("65536")));
        for length in [None, Some("65537"), Some("-1"), Some("x")] {
            assert!(!named(length), "{length:?}");
        }
        let arena = Arena::new();
        let long = Octets::Bits {
            length: 72,
            form: BitForm::Number,
        };
        let one = [1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(long.cell(&one, &arena), Ok(Cell::Unsigned(1)));
        let beyond = [0, 0, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(long.cell(&beyond, &arena), Err(Fault::OutOfRange));
    }

    #[test]
    fn decimals_take_their_scale_from_the_parameters() {
        let named = |scale: Option<&'static str>| {
            Octets::named("org.apache.kafka.connect.data.Decimal", |name| {
                scale.filter(|_| name == "scale")
            })
        };
        assert_eq!(named(Some("-2")), Some(Octets::Decimal { scale: -2 }));
        assert_eq!(named(Some("2046")), Some(Octets::Decimal { scale: 2046 }));
        assert_eq!(named(Some("two")), None);
        assert_eq!(named(None), None);
        assert_eq!(Octets::named("io.debezium.data.Json", |_| None), None);
    }

    #[test]
    fn a_duration_is_three_numbers() {
        let arena = Arena::new();
        let of = |bytes| Octets::Duration.cell(bytes, &arena);
        let interval = Interval {
            months: 1,
            days: 2,
            nanos: 4_294_967_295_000_000,
        };
        assert_eq!(
            of(&[1, 0, 0, 0, 2, 0, 0, 0, 255, 255, 255, 255]),
            Ok(Cell::Interval(interval))
        );
        for bytes in [&[0; 11][..], &[0; 13], &[255; 12]] {
            assert_eq!(of(bytes), Err(Fault::OutOfRange));
        }
    }

    #[test]
    fn a_uuid_has_sixteen_bytes() {
        let arena = Arena::new();
        assert_eq!(Octets::Uuid.cell(&[7; 16], &arena), Ok(Cell::Uuid([7; 16])));
        assert_eq!(Octets::Uuid.cell(&[7; 15], &arena), Err(Fault::Uuid));
    }
}
