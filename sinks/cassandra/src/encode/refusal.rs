//! Why a value does not fit its column.

use plimsoll_sink_api::canonical::Unfit;

/// No variant holds the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// By the rules of all databases.
    Unfit(Unfit),
    /// Not a whole number.
    NotInteger,
    /// A number beyond the type's range.
    OutOfRange,
    /// More digits than [`super::number::DIGITS`].
    TooManyDigits,
    /// No number at all.
    NotNumber,
    /// Neither true nor false.
    NotBoolean,
    /// Not ASCII.
    NotAscii,
    /// No UUID.
    NotUuid,
    /// A UUID of another version than 1.
    NotTimeuuid,
    /// No point in time.
    NotTimestamp,
    /// No date.
    NotDate,
    /// No time of day.
    NotTime,
    /// No duration.
    NotDuration,
    /// No address.
    NotInet,
    /// Something else than a string for a type that is written as one.
    NotString,
    /// Something else than an array for a list or set.
    NotArray,
    /// Something else than an object for a map or UDT.
    NotObject,
    /// A tuple or vector of another length.
    Length,
    /// A null inside a list, set, map or vector.
    NullInside,
    /// A field that the UDT does not have.
    UnknownField,
    /// Larger than a value can be.
    TooLarge,
    /// A time to live that is not a positive number of seconds, or too long.
    NotTtl,
}

impl From<Unfit> for Refusal {
    fn from(unfit: Unfit) -> Self {
        Self::Unfit(unfit)
    }
}

impl Refusal {
    /// The word for logs and dead letters.
    pub(crate) const fn condition(self) -> &'static str {
        match self {
            Self::Unfit(unfit) => unfit.condition(),
            Self::NotInteger
            | Self::NotNumber
            | Self::NotBoolean
            | Self::NotUuid
            | Self::NotTimeuuid
            | Self::NotInet => Unfit::Form.condition(),
            Self::OutOfRange | Self::TooManyDigits | Self::NotTtl => Unfit::OutOfRange.condition(),
            Self::NotAscii => "character_not_in_repertoire",
            Self::NotTimestamp | Self::NotDate | Self::NotTime | Self::NotDuration => {
                Unfit::NotTime.condition()
            }
            Self::NotString | Self::NotArray | Self::NotObject => "datatype_mismatch",
            Self::Length => "array_subscript_error",
            Self::NullInside => "null_value_not_allowed",
            Self::UnknownField => "undefined_field",
            Self::TooLarge => "program_limit_exceeded",
        }
    }

    /// What to do about it.
    pub(crate) const fn hint(self) -> &'static str {
        match self {
            Self::Unfit(unfit) => unfit.hint(),
            Self::NotInteger => "an integer type takes whole numbers, also as strings",
            Self::OutOfRange => "a wider type holds it: decimal and varint hold every digit",
            Self::TooManyDigits => "plimsoll takes up to 10,000 digits",
            Self::NotNumber => "a number is wanted, also as a string",
            Self::NotBoolean => "true or false is wanted",
            Self::NotAscii => "a text column takes all of Unicode",
            Self::NotUuid => "a UUID has 32 hexadecimal digits: 8-4-4-4-12",
            Self::NotTimeuuid => "a timeuuid is a UUID of version 1",
            Self::NotTimestamp => {
                "milliseconds since 1970, or RFC 3339: 2024-05-06T07:08:09.123Z (UTC where no zone is given)"
            }
            Self::NotDate => "a date is written 2024-05-06",
            Self::NotTime => "a time is written 07:08:09.123456789",
            Self::NotDuration => "a duration is written P1Y2M3DT4H5M6S or 1y2mo3d4h5m6s",
            Self::NotInet => "an address is written 192.0.2.1 or 2001:db8::1",
            Self::NotString => "this type is written as a string",
            Self::NotArray => "a list, set, tuple or vector is written as a JSON array",
            Self::NotObject => "a map or UDT is written as a JSON object",
            Self::Length => "the type says how many elements there are",
            Self::NullInside => "elements of lists, sets, maps and vectors cannot be null",
            Self::UnknownField => "ALTER TYPE adds a field; or leave it out of the record",
            Self::TooLarge => "a value has less than 2 GiB",
            Self::NotTtl => "seconds, from 1 to 630720000 (20 years); leave the field out for none",
        }
    }
}
