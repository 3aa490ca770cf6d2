//! Messages that are more than their fields: those of Google and Confluent that stand for
//! one value. A name counts only where the fields are those of the name.

use super::{Count, FieldKind, MessageField, Scalar};

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Its fields.
    Fields,
    /// One value.
    One(One),
    /// `google.protobuf.Struct`: an object of JSON.
    Struct,
    /// `google.protobuf.Value`: any value of JSON.
    Value,
    /// `google.protobuf.ListValue`: an array of JSON.
    List,
    /// `google.protobuf.Any`: a message, with its name.
    Any,
}

/// A value of several fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum One {
    /// `google.protobuf.Timestamp`
    Timestamp,
    /// `google.protobuf.Duration`
    Duration,
    /// `google.protobuf.FieldMask`
    Mask,
    /// `google.protobuf.StringValue` and the like.
    Wrapper(Scalar),
    /// `google.type.Date`
    Date,
    /// `google.type.TimeOfDay`
    TimeOfDay,
    /// `google.type.Decimal`, a text.
    Digits,
    /// `confluent.type.Decimal`, bytes and a scale.
    Decimal,
}

impl Meaning {
    /// Of a message with a name and fields.
    pub fn of(name: &str, fields: &[MessageField]) -> Self {
        use Count::Always;
        use Scalar::{Bool, Bytes, Double, Float, Int32, Int64, String, Uint32, Uint64};
        let one = |one, expected: &[(u32, Scalar)]| {
            let is = |&(number, scalar): &(u32, Scalar)| {
                has(fields, number, Always, |kind| {
                    kind == FieldKind::Scalar(scalar)
                })
            };
            match expected.iter().all(is) {
                true => Self::One(one),
                false => Self::Fields,
            }
        };
        let wrapper = |scalar| one(One::Wrapper(scalar), &[(1, scalar)]);
        let when = |holds, meaning| if holds { meaning } else { Self::Fields };
        let message = |kind| matches!(kind, FieldKind::Message { group: false, .. });
        let text = |kind| kind == FieldKind::Scalar(String);
        match name {
            "google.protobuf.Timestamp" => one(One::Timestamp, &[(1, Int64), (2, Int32)]),
            "google.protobuf.Duration" => one(One::Duration, &[(1, Int64), (2, Int32)]),
            "google.protobuf.FieldMask" => {
                when(has(fields, 1, Count::List, text), Self::One(One::Mask))
            }
            "google.protobuf.BoolValue" => wrapper(Bool),
            "google.protobuf.Int32Value" => wrapper(Int32),
            "google.protobuf.Int64Value" => wrapper(Int64),
            "google.protobuf.UInt32Value" => wrapper(Uint32),
            "google.protobuf.UInt64Value" => wrapper(Uint64),
            "google.protobuf.FloatValue" => wrapper(Float),
            "google.protobuf.DoubleValue" => wrapper(Double),
            "google.protobuf.StringValue" => wrapper(String),
            "google.protobuf.BytesValue" => wrapper(Bytes),
            "google.type.Date" => one(One::Date, &[(1, Int32), (2, Int32), (3, Int32)]),
            "google.type.TimeOfDay" => one(
                One::TimeOfDay,
                &[(1, Int32), (2, Int32), (3, Int32), (4, Int32)],
            ),
            "google.type.Decimal" => one(One::Digits, &[(1, String)]),
            "confluent.type.Decimal" => one(One::Decimal, &[(1, Bytes), (2, Uint32), (3, Int32)]),
            "google.protobuf.Struct" => when(has(fields, 1, Count::Map, message), Self::Struct),
            "google.protobuf.ListValue" => when(has(fields, 1, Count::List, message), Self::List),
            "google.protobuf.Value" => {
                let holds = has(fields, 2, Count::Maybe, |kind| {
                    kind == FieldKind::Scalar(Double)
                }) && has(fields, 3, Count::Maybe, text)
                    && has(fields, 4, Count::Maybe, |kind| {
                        kind == FieldKind::Scalar(Bool)
                    })
                    && has(fields, 5, Count::Maybe, message)
                    && has(fields, 6, Count::Maybe, message);
                when(holds, Self::Value)
            }
            "google.protobuf.Any" => one(One::Mask, &[(1, String), (2, Bytes)]).any(),
            _ => Self::Fields,
        }
    }

    fn any(self) -> Self {
        match self {
            Self::One(_) => Self::Any,
            other => other,
        }
    }
}

fn has(
    fields: &[MessageField],
    number: u32,
    count: Count,
    kind: impl Fn(FieldKind) -> bool,
) -> bool {
    let mut fields = fields.iter();
    fields.any(|field| field.number == number && field.count == count && kind(field.kind))
}
