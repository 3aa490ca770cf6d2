//! Records that are one value.

use crate::{Arena, Fault};
use plimsoll_sink_api::canonical::{Wanted, write};
use plimsoll_sink_api::{Cell, Float, Kind};
use std::fmt;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Parts {
    /// A decimal with a scale of its own.
    Decimal,
    /// A point of the plane: what Postgres' `point` reads.
    Point,
    /// A shape in well-known binary: what PostGIS reads, in hexadecimal, and with the
    /// number of its reference system.
    Shape,
}

/// One field of such a record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part<'a> {
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Double(f64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Null, or what none of these records has.
    Other,
}

/// The fields of one record, as far as they were met.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Gathered<'a> {
    scale: Option<i64>,
    value: Option<&'a [u8]>,
    x: Option<f64>,
    y: Option<f64>,
    wkb: Option<&'a [u8]>,
    srid: Option<i64>,
}

impl<'a> Gathered<'a> {
    /// Takes a field, if it is one of those.
    pub fn take(&mut self, field: &str, part: Part<'a>) {
        match (field, part) {
            ("scale", Part::Int(number)) => self.scale = Some(number),
            ("srid", Part::Int(number)) => self.srid = Some(number),
            ("x", Part::Double(number)) => self.x = Some(number),
            ("y", Part::Double(number)) => self.y = Some(number),
            ("value", Part::Bytes(bytes)) => self.value = Some(bytes),
            ("wkb", Part::Bytes(bytes)) => self.wkb = Some(bytes),
            _ => {}
        }
    }
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Decimal => "decimal (a scale of its own)",
            Self::Point => "point",
            Self::Shape => "geometry",
        })
    }
}

impl Parts {
    /// What a column of its own has to hold, in every database.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Decimal => Kind::Decimal,
            Self::Point | Self::Shape => Kind::Text,
        }
    }

    /// By the name that Debezium gives to a type of records.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "io.debezium.data.VariableScaleDecimal" => Some(Self::Decimal),
            "io.debezium.data.geometry.Point" => Some(Self::Point),
            "io.debezium.data.geometry.Geometry" | "io.debezium.data.geometry.Geography" => {
                Some(Self::Shape)
            }
            _ => None,
        }
    }

    /// The fields that it cannot do without.
    #[must_use]
    pub const fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Decimal => &["scale", "value"],
            Self::Point => &["x", "y"],
            Self::Shape => &["wkb"],
        }
    }

    /// What it is; null where a field that it needs is.
    ///
    /// # Errors
    /// [`Fault::OutOfRange`]: a scale that none is.
    pub fn cell<'a>(self, of: &Gathered<'a>, arena: &'a Arena) -> Result<Cell<'a>, Fault> {
        match (self, *of) {
            (
                Self::Decimal,
                Gathered {
                    scale: Some(scale),
                    value: Some(unscaled),
                    ..
                },
            ) => {
                let scale = i32::try_from(scale).map_err(|_| Fault::OutOfRange)?;
                Ok(Cell::Decimal { unscaled, scale })
            }
            (
                Self::Point,
                Gathered {
                    x: Some(x),
                    y: Some(y),
                    ..
                },
            ) => point(x, y, arena),
            (
                Self::Shape,
                Gathered {
                    wkb: Some(wkb),
                    srid,
                    ..
                },
            ) => shape(wkb, srid, arena),
            (Self::Decimal | Self::Point | Self::Shape, _) => Ok(Cell::Null),
        }
    }
}

fn point(x: f64, y: f64, arena: &Arena) -> Result<Cell<'_>, Fault> {
    let text = arena.written(|out| {
        for (before, number) in [('(', x), (',', y)] {
            out.push(before);
            write(Wanted::Text, &Cell::Float(Float::Double(number)), out)
                .map_err(|_| Fault::OutOfRange)?;
        }
        out.push(')');
        Ok(())
    })?;
    Ok(Cell::Text(text))
}

/// Says in the number of a shape's type that a reference system follows (PostGIS' own
/// extension).
const HAS_SRID: u32 = 0x2000_0000;

fn shape<'a>(wkb: &[u8], srid: Option<i64>, arena: &'a Arena) -> Result<Cell<'a>, Fault> {
    let srid = srid.and_then(|srid| u32::try_from(srid).ok());
    let text = arena.written(|out| {
        let mut hex = |bytes: &[u8]| out.push_str(&hex::encode(bytes));
        match (wkb, srid) {
            (&[order @ (0 | 1), a, b, c, d, ref rest @ ..], Some(srid)) if srid != 0 => {
                let number = |number: u32| match order {
                    0 => number.to_be_bytes(),
                    _ => number.to_le_bytes(),
                };
                let kind = match order {
                    0 => u32::from_be_bytes([a, b, c, d]),
                    _ => u32::from_le_bytes([a, b, c, d]),
                };
                hex(&[order]);
                hex(&number(kind | HAS_SRID));
                if kind & HAS_SRID == 0 {
                    hex(&number(srid));
                }
                hex(rest);
            }
            _ => hex(wkb),
        }
        Ok(())
    })?;
    Ok(Cell::Text(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered<'a>(fields: &[(&str, Part<'a>)]) -> Gathered<'a> {
        let mut it = Gathered::default();
        for (name, part) in fields {
            it.take(name, *part);
        }
        it
    }

    #[test]
    fn a_decimal_brings_its_scale() {
        let arena = Arena::new();
        let parts = Parts::named("io.debezium.data.VariableScaleDecimal").unwrap();
        let of = |scale, value| gathered(&[("scale", Part::Int(scale)), ("value", value)]);
        let cell = parts.cell(&of(3, Part::Bytes(&[5])), &arena);
        let expected = Cell::Decimal {
            unscaled: &[5],
            scale: 3,
        };
        assert_eq!(cell, Ok(expected));
        assert_eq!(
            parts.cell(&of(3, Part::Other), &arena),
            Ok(Cell::Null),
            "no value"
        );
        assert_eq!(
            parts.cell(&of(1 << 40, Part::Bytes(&[5])), &arena),
            Err(Fault::OutOfRange)
        );
    }

    #[test]
    fn a_point_is_what_postgres_reads() {
        let arena = Arena::new();
        let point = gathered(&[("x", Part::Double(1.5)), ("y", Part::Double(-2.0))]);
        assert_eq!(
            Parts::named("io.debezium.data.geometry.Point")
                .unwrap()
                .cell(&point, &arena),
            Ok(Cell::Text("(1.5,-2.0)"))
        );
    }

    #[test]
    fn a_shape_says_its_reference_system() {
        let arena = Arena::new();
        let parts = Parts::named("io.debezium.data.geometry.Geometry").unwrap();
        let of = |wkb, srid| gathered(&[("wkb", Part::Bytes(wkb)), ("srid", srid)]);
        let text = |wkb, srid| parts.cell(&of(wkb, srid), &arena);
        let little = &[1, 1, 0, 0, 0, 0xaa];
        assert_eq!(text(little, Part::Other), Ok(Cell::Text("0101000000aa")));
        assert_eq!(text(little, Part::Int(0)), Ok(Cell::Text("0101000000aa")));
        assert_eq!(
            text(little, Part::Int(4326)),
            Ok(Cell::Text("0101000020e6100000aa"))
        );
        let big = &[0, 0, 0, 0, 1, 0xaa];
        assert_eq!(
            text(big, Part::Int(4326)),
            Ok(Cell::Text("0020000001000010e6aa"))
        );
        // One that has it already, and one that is too short to have any.
        let has = &[1, 1, 0, 0, 0x20, 0xe6, 0x10, 0, 0, 0xaa];
        assert_eq!(
            text(has, Part::Int(4326)),
            Ok(Cell::Text("0101000020e6100000aa"))
        );
        assert_eq!(text(&[1, 1], Part::Int(4326)), Ok(Cell::Text("0101")));
    }
}
