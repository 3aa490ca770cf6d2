//! How a cell reads a value, by its type and by the shape that its column wants.

use super::Read;
use crate::schema::{Base, TypeId};
use plimsoll_record::Target;
use plimsoll_record::semantic::{Chars, is_bit};
use plimsoll_sink_api::Shape;

/// How a cell reads a value of a type.
pub fn read(base: &Base, id: TypeId, target: &Target<'_>, depth: u8) -> Read {
    let shape = target.column.shape;
    match (base, shape) {
        (Base::Null, _) => Read::Null,
        (_, Shape::Presence) => Read::Presence,
        (Base::String(Some(chars)), Shape::Json) => match chars {
            Chars::Json => Read::Chars(*chars, shape),
            Chars::Uuid => Read::Json(id, depth),
        },
        (_, Shape::Json) => Read::Json(id, depth),
        (Base::Bytes(_) | Base::String(_), Shape::Bytes) => Read::Bytes,
        (Base::Fixed(size, _), Shape::Bytes) => Read::Fixed(*size),
        (Base::Enum(_), Shape::Bytes) => Read::SymbolBytes(id),
        (_, Shape::Bytes) => Read::Encoded(id, depth),
        (Base::Boolean, Shape::Scalar) if is_bit(target.column) => Read::Bit,
        (Base::Boolean, Shape::Scalar) => Read::Boolean,
        (Base::Int(None), Shape::Scalar) => Read::Int,
        (Base::Int(Some(whole)), Shape::Scalar) => Read::WholeInt(*whole),
        (Base::Long(None), Shape::Scalar) => Read::Long,
        (Base::Long(Some(whole)), Shape::Scalar) => Read::WholeLong(*whole),
        (Base::Float, Shape::Scalar) => Read::Float,
        (Base::Double, Shape::Scalar) => Read::Double,
        (Base::Bytes(None), Shape::Scalar) => Read::Bytes,
        (Base::Bytes(Some(octets)), Shape::Scalar) => Read::Octets(octets.of_column(target.column)),
        (Base::String(None), Shape::Scalar) => Read::Text,
        (Base::String(Some(chars)), Shape::Scalar) => Read::Chars(*chars, shape),
        (Base::Fixed(size, None), Shape::Scalar) => Read::Fixed(*size),
        (Base::Fixed(size, Some(octets)), Shape::Scalar) => {
            Read::FixedOctets(*size, octets.of_column(target.column))
        }
        (Base::Enum(_), Shape::Scalar) => Read::Symbol(id),
        (Base::Record(_, Some(parts)), Shape::Scalar) => Read::Parts(id, *parts, depth),
        (Base::Record(_, None) | Base::Array(_) | Base::Map(_) | Base::Union(_), Shape::Scalar) => {
            Read::Json(id, depth)
        }
    }
}
