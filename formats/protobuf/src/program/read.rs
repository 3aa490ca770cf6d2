//! How a cell reads a value, by its type and by the shape that its column wants.

use super::{Fill, Form, Make, What};
use crate::schema::{Count, FieldKind, Meaning, MessageField, MessageId, Scalar, Types};
use plimsoll_record::Target;
use plimsoll_record::semantic::{bit, is_bit};
use plimsoll_sink_api::{Cell, Shape};

/// How a cell reads a field.
pub enum Read {
    /// As soon as it is met.
    Now(What, Fill),
    /// When all of it was met.
    Late(Make, Fill),
}

/// How a cell reads a field of a message.
pub fn of_field(
    types: &Types,
    message: MessageId,
    place: usize,
    field: &MessageField,
    target: &Target<'_>,
) -> Read {
    let cell = target.cell;
    let place = place as u32;
    match (target.column.shape, field.count, field.kind) {
        (Shape::Presence, Count::Maybe, _) => Read::Now(What::Presence { cell }, Fill::Null),
        (Shape::Presence, Count::Always | Count::List | Count::Map, _) => {
            Read::Now(What::Presence { cell }, Fill::PRESENT)
        }
        (_, Count::List, _) => {
            Read::Late(Make::Field { message, place }, Fill::Cell(Cell::Json("[]")))
        }
        (_, Count::Map, _) => {
            Read::Late(Make::Field { message, place }, Fill::Cell(Cell::Json("{}")))
        }
        (_, Count::Always | Count::Maybe, FieldKind::Message { id, .. }) => {
            Read::Late(of_message(types, id, target), Fill::Null)
        }
        (_, Count::Always, FieldKind::Scalar(scalar)) => {
            let form = form(scalar, target);
            Read::Now(What::Put { cell, scalar, form }, Fill::zero(scalar, form))
        }
        (_, Count::Maybe, FieldKind::Scalar(scalar)) => {
            let form = form(scalar, target);
            Read::Now(What::Put { cell, scalar, form }, Fill::Null)
        }
    }
}

/// How a cell reads a message as one value.
pub fn of_message(types: &Types, id: MessageId, target: &Target<'_>) -> Make {
    let form = match target.column.shape {
        Shape::Json => Form::Json,
        Shape::Bytes => Form::Bytes,
        Shape::Scalar | Shape::Presence => Form::Own,
    };
    match (types.message(id).meaning, form) {
        (Meaning::One(one), _) => {
            let bit = form == Form::Own && is_bit(target.column);
            Make::One(id, one, if bit { Form::Bit } else { form })
        }
        (Meaning::Value, _) => Make::Value(id, form),
        (_, Form::Bytes) => Make::Encoded,
        (Meaning::Fields | Meaning::Struct | Meaning::List | Meaning::Any, _) => Make::Message(id),
    }
}

/// The form that a column wants a scalar in.
pub fn form(scalar: Scalar, target: &Target<'_>) -> Form {
    match (target.column.shape, scalar) {
        (Shape::Json, _) => Form::Json,
        (Shape::Bytes, _) => Form::Bytes,
        (Shape::Scalar | Shape::Presence, Scalar::Bool) if is_bit(target.column) => Form::Bit,
        (Shape::Scalar | Shape::Presence, _) => Form::Own,
    }
}

impl Fill {
    /// It is there, as all of its kind are.
    pub const PRESENT: Self = Self::Cell(Cell::Bool(true));

    /// What a scalar is that nobody wrote.
    pub fn zero(scalar: Scalar, form: Form) -> Self {
        let Ok(zero) = scalar.zero() else {
            return Self::Symbol(scalar, form);
        };
        Self::Cell(match (form, zero) {
            (Form::Own, zero) => zero,
            (Form::Json, Cell::Bool(_)) => Cell::Json("false"),
            (Form::Json, Cell::Text(_) | Cell::Bytes(_)) => Cell::Json("\"\""),
            (Form::Json, Cell::Float(_)) => Cell::Json("0.0"),
            (Form::Json, _) => Cell::Json("0"),
            (Form::Bytes, Cell::Text(_)) => Cell::Bytes(&[]),
            (Form::Bit, Cell::Bool(yes)) => bit(yes),
            (Form::Bytes | Form::Bit, zero) => zero,
        })
    }
}
