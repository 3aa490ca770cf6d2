//! A value as JSON: as it stands, but for what its schema tells more of.

use super::scalar::{Scalar, bytes, int};
use super::schema::Type;
use crate::decode::json::Scanner;
use crate::semantic::{Chars, Gathered, Part, Parts};
use crate::{Arena, Fault, JsonText};
use std::collections::HashMap;

/// What is written otherwise than it stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Rewrite {
    /// A single value.
    Scalar(Scalar),
    /// An object that is a decimal.
    Decimal(HashMap<String, Type>),
    /// Some fields of an object.
    Fields(HashMap<String, Rewrite>),
    /// The items of an array.
    Items(Box<Rewrite>),
    /// The values of an object.
    Values(Box<Rewrite>),
    /// Of pairs in an array, the first or the second, or both.
    Pairs(Box<[Option<Rewrite>; 2]>),
}

impl Rewrite {
    /// What of a type is; `None`: nothing.
    pub fn of(of: &Type) -> Option<Self> {
        match of {
            Type::Scalar(
                Scalar::Int(_, None)
                | Scalar::Float
                | Scalar::Double
                | Scalar::Boolean
                | Scalar::Bit
                | Scalar::String
                | Scalar::Chars(Chars::Json)
                | Scalar::Bytes,
            ) => None,
            Type::Scalar(
                scalar @ (Scalar::Int(_, Some(_)) | Scalar::Chars(Chars::Uuid) | Scalar::Octets(_)),
            ) => Some(Self::Scalar(*scalar)),
            Type::Struct(fields, Some(Parts::Decimal)) => Some(Self::Decimal(fields.clone())),
            Type::Struct(fields, _) => {
                let fields = fields.iter();
                let some = fields.filter_map(|(name, of)| Some((name.clone(), Self::of(of)?)));
                let some: HashMap<String, Self> = some.collect();
                (!some.is_empty()).then_some(Self::Fields(some))
            }
            Type::Array(items) => Some(Self::Items(Box::new(Self::of(items)?))),
            Type::Map(values) => Some(Self::Values(Box::new(Self::of(values)?))),
            Type::Pairs(pair) => match [Self::of(&pair.0), Self::of(&pair.1)] {
                [None, None] => None,
                some => Some(Self::Pairs(Box::new(some))),
            },
        }
    }

    /// Writes a value, by its text.
    pub fn write(&self, raw: &str, out: &mut JsonText<'_>, arena: &Arena) -> Result<(), Fault> {
        if raw == "null" {
            return out.raw(raw);
        }
        match self {
            Self::Scalar(Scalar::Int(bits, Some(whole))) => out.whole(int(raw, *bits)?, *whole),
            Self::Scalar(scalar) => out.cell(&scalar.cell(raw, arena)?),
            Self::Decimal(fields) => {
                let gathered = gather(raw, fields, arena)?;
                out.cell(&Parts::Decimal.cell(&gathered, arena)?)
            }
            Self::Fields(fields) => object(raw, out, |name, raw, out| match fields.get(name) {
                Some(field) => field.write(raw, out, arena),
                None => out.raw(raw),
            }),
            Self::Items(items) => array(raw, out, |_, raw, out| items.write(raw, out, arena)),
            Self::Values(values) => object(raw, out, |_, raw, out| values.write(raw, out, arena)),
            Self::Pairs(pair) => array(raw, out, |_, raw, out| {
                array(raw, out, |i, raw, out| match pair.get(i) {
                    Some(Some(one)) => one.write(raw, out, arena),
                    Some(None) => out.raw(raw),
                    None => Err(Fault::OtherType),
                })
            }),
        }
    }
}

/// The fields of an object that is one value.
pub fn gather<'c>(
    raw: &'c str,
    fields: &HashMap<String, Type>,
    arena: &'c Arena,
) -> Result<Gathered<'c>, Fault> {
    let mut gathered = Gathered::default();
    each_field(raw, |name, raw| {
        let part = match fields.get(name) {
            _ if raw == "null" => Part::Other,
            Some(Type::Scalar(Scalar::Int(bits, _))) => Part::Int(int(raw, *bits)?),
            Some(Type::Scalar(Scalar::Float | Scalar::Double)) => {
                Part::Double(raw.parse().map_err(|_| Fault::OtherType)?)
            }
            Some(Type::Scalar(Scalar::Bytes)) => Part::Bytes(bytes(raw, arena)?),
            Some(_) | None => Part::Other,
        };
        gathered.take(name, part);
        Ok(())
    })?;
    Ok(gathered)
}

/// Goes over the fields of an object. Its text is good JSON, but for names with broken
/// escapes.
fn each_field<'c>(
    raw: &'c str,
    mut each: impl FnMut(&str, &'c str) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut scanner = Scanner::new(raw);
    let mut more = scanner.open_object().ok_or(Fault::OtherType)?;
    while more {
        let name = scanner.name().ok_or(Fault::Escape)?;
        let value = scanner.colon().and_then(|()| scanner.value());
        each(&name, value.ok_or(Fault::OtherType)?)?;
        more = scanner.next_field().ok_or(Fault::OtherType)?;
    }
    Ok(())
}

/// Writes an object; `each` writes the value of a field.
fn object(
    raw: &str,
    out: &mut JsonText<'_>,
    mut each: impl FnMut(&str, &str, &mut JsonText<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut before = "{";
    each_field(raw, |name, raw| {
        out.raw(before)?;
        out.text(name)?;
        out.raw(":")?;
        before = ",";
        each(name, raw, out)
    })?;
    out.raw(if before == "{" { "{}" } else { "}" })
}

/// Writes an array; `each` writes an item by its place.
fn array(
    raw: &str,
    out: &mut JsonText<'_>,
    mut each: impl FnMut(usize, &str, &mut JsonText<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut scanner = Scanner::new(raw);
    let mut more = scanner.open_array().ok_or(Fault::OtherType)?;
    out.raw("[")?;
    let mut at = 0;
    while more {
        if at > 0 {
            out.raw(",")?;
        }
        each(at, scanner.value().ok_or(Fault::OtherType)?, out)?;
        at += 1;
        more = scanner.next_item().ok_or(Fault::OtherType)?;
    }
    out.raw("]")
}
