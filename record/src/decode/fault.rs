//! What can be wrong with the bytes of a format whose values have types, whichever it is.

/// What is wrong. No variant holds a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// They end before the value does.
    Truncated,
    /// Something stands behind the value.
    Trailing,
    /// Values within values, deeper than any sender means them.
    TooDeep,
    /// A string that is not UTF-8.
    NotUtf8,
    /// A branch of a union or a symbol of an enum that the schema does not have.
    Index,
    /// A length or a count below zero.
    Length,
    /// More items without a byte of their own than any sender means.
    TooMany,
    /// The JSON that a nested value becomes is too long.
    TooLarge,
    /// A number that is longer than its type.
    Number,
    /// A truth value that is neither.
    Boolean,
    /// A block of items that is not as long as it says.
    Block,
    /// A field's number or the way that its value is written, of which there is none.
    Tag,
    /// A field that is written in another way than its type is.
    WireType,
    /// A null or a single value, where columns take fields of a record.
    NotRecord,
    /// A text that is not a UUID.
    Uuid,
    /// A decimal number of more digits than any database holds.
    Digits,
    /// The mark by which Debezium tells Postgres' `infinity`.
    Infinite,
    /// A time that has no text: before the year 1, behind 9999, no time of day.
    Time,
    /// A value that its own type cannot hold.
    OutOfRange,
    /// More bits than their column has.
    Bits,
    /// A value that does not bring the schema that it has to bring.
    NoSchema,
    /// It brings one that is not of use.
    Schema,
    /// A value that is none of the type that its schema says.
    OtherType,
    /// A text that is not base64.
    Base64,
    /// A string with an escape that is none.
    Escape,
    /// A byte that no value begins with, in a format whose bytes say what they are.
    Unassigned,
    /// Under a tag or an extension's type, what it does not stand for.
    TagContent,
    /// A key of a map that is no name.
    MapKey,
    /// Something between a closing quote and what ends its field.
    Quote,
    /// A line behind the first one.
    Lines,
}

impl Fault {
    /// The word for logs, metrics and dead letters.
    #[must_use]
    pub const fn condition(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Trailing => "trailing_bytes",
            Self::TooDeep => "nested_too_deep",
            Self::NotUtf8 => "invalid_utf8",
            Self::Index => "index_out_of_range",
            Self::Length => "negative_length",
            Self::TooMany => "too_many_items",
            Self::TooLarge => "json_too_large",
            Self::Number => "invalid_number",
            Self::Boolean => "invalid_boolean",
            Self::Block => "invalid_block_size",
            Self::Tag => "invalid_tag",
            Self::WireType => "wrong_wire_type",
            Self::NotRecord => "not_a_record",
            Self::Uuid => "invalid_uuid",
            Self::Digits => "too_many_digits",
            Self::Infinite => "infinite_time",
            Self::Time => "time_out_of_range",
            Self::OutOfRange => "value_out_of_range",
            Self::Bits => "too_many_bits",
            Self::NoSchema => "schema_missing",
            Self::Schema => "invalid_schema",
            Self::OtherType => "wrong_type",
            Self::Base64 => "invalid_base64",
            Self::Escape => "bad_string",
            Self::Unassigned => "unassigned_code",
            Self::TagContent => "invalid_tag_content",
            Self::MapKey => "invalid_map_key",
            Self::Quote => "invalid_quote",
            Self::Lines => "several_lines",
        }
    }

    /// The same as a sentence's end: "the value as Avro …".
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Truncated => "ends too early",
            Self::Trailing => "has bytes behind its end",
            Self::TooDeep => "has values nested too deeply",
            Self::NotUtf8 => "has a string that is not UTF-8",
            Self::Index => "names a branch or a symbol that its schema does not have",
            Self::Length => "has a length below zero",
            Self::TooMany => "has too many items without a byte of their own",
            Self::TooLarge => "becomes JSON that is too long",
            Self::Number => "has a number that is longer than its type",
            Self::Boolean => "has a truth value that is neither true nor false",
            Self::Block => "has a block of items that is not as long as it says",
            Self::Tag => "has something where a field has to begin",
            Self::WireType => "has a field that is written in another way than its type",
            Self::NotRecord => "is not a record, and columns take fields of it",
            Self::Uuid => "has a UUID that is not one",
            Self::Digits => "has a decimal number of too many digits",
            Self::Infinite => "has an infinite date or time",
            Self::Time => "has a time that no text tells",
            Self::OutOfRange => "has a value that its type cannot hold",
            Self::Bits => "has more bits than their column",
            Self::NoSchema => "has no schema beside its payload",
            Self::Schema => "has a schema that is not one of Kafka Connect",
            Self::OtherType => "has a value that is not of the type that its schema says",
            Self::Base64 => "has bytes that are not base64",
            Self::Escape => "has a string with a broken escape",
            Self::Unassigned => "has a byte that no value begins with",
            Self::TagContent => "has a value that is not what its tag or its type says",
            Self::MapKey => "has a map with a key that is neither text nor a number",
            Self::Quote => "has something behind a closing quote",
            Self::Lines => "has more than one line",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Truncated
            | Self::Trailing
            | Self::NotUtf8
            | Self::Index
            | Self::Length
            | Self::Number
            | Self::Boolean
            | Self::Block
            | Self::Tag
            | Self::WireType
            | Self::Unassigned => {
                "the bytes were written in another way: look at format and framing, and at the \
                 schema, where the record names one"
            }
            Self::TooDeep | Self::TooMany => "no sender means this; look at who writes the topic",
            Self::TooLarge => "take single fields of it by their paths",
            Self::NotRecord => "take all of it: the source \"value\" or \"key\" without a path",
            Self::Uuid => "the form 01234567-89ab-cdef-0123-456789abcdef is wanted",
            Self::Digits => "the sender writes more digits than a database can keep",
            Self::Infinite => "no date is infinite; write NULL or a far date at the source",
            Self::Time => "times in JSON lie in the years 1 to 9999, times of day within a day",
            Self::OutOfRange | Self::TagContent => {
                "the sender writes what its own type cannot hold"
            }
            Self::MapKey => "take what the map is in as bytes, or let the sender name its fields",
            Self::Quote => "a quote within quotes is written twice; or set another quote",
            Self::Lines => "a record is one row: let the sender send a record for each line",
            Self::Bits => "the schema's length and the value disagree; look at the connector",
            Self::NoSchema => {
                "set schemas.enable = true in the connector's converter; or read it without a \
                 schema: format = \"json\""
            }
            Self::Schema | Self::OtherType | Self::Base64 | Self::Escape => {
                "was it written by Kafka Connect's JsonConverter? look at who writes the topic"
            }
        }
    }
}
