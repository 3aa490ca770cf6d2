//! Why a framing cannot be taken from some bytes.

use super::Framing;
use crate::{BadRecord, Side};
use std::fmt;
use std::ops::RangeInclusive;

/// Why a framing cannot be taken from some bytes. It holds none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unframed {
    /// There is no byte at all.
    Empty,
    /// They end within the framing.
    TooShort {
        /// The framing that is wanted.
        framing: Framing,
    },
    /// They do not begin as the framing does.
    WrongMagic {
        /// The framing that is wanted.
        framing: Framing,
        /// What they seem to be.
        looks: Option<Looks>,
    },
    /// A header that names the schema is not what it has to be, or is missing among
    /// those that belong to it.
    Header {
        /// Its name.
        name: &'static str,
    },
    /// A header says that the payload is JSON, in a binary format.
    Encoding {
        /// Its name.
        name: &'static str,
    },
    /// Protobuf's message indexes are broken.
    MessageIndex,
    /// A compression that is not known, or bytes that do not decompress, or to too much.
    Compression,
}

/// What bytes seem to be that begin otherwise than they should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    /// A text of JSON.
    Json,
    /// Framed, but otherwise.
    Framed(Framing),
    /// A file of Avro.
    AvroFile,
    /// Something compressed by gzip.
    Gzip,
    /// A map of CBOR.
    Cbor,
    /// A map of MessagePack.
    MessagePack,
}

impl Looks {
    /// What they seem to be, if it is anything known.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x00, ..] => Some(Self::Framed(Framing::Confluent)),
            [0x03, 0x00 | 0x05, ..] => Some(Self::Framed(Framing::Glue)),
            [0xc3, 0x01, ..] => Some(Self::Framed(Framing::SingleObject)),
            [b'O', b'b', b'j', 0x01, ..] => Some(Self::AvroFile),
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // CBOR's own mark.
            [0xd9, 0xd9, 0xf7, ..] => Some(Self::Cbor),
            [0xa1..=0xb7, rest @ ..]
            | [0xb8, _, rest @ ..]
            | [0xb9, _, _, rest @ ..]
            | [0xbf, rest @ ..]
                if has_name(rest, 0x60..=0x77, 0x78) =>
            {
                Some(Self::Cbor)
            }
            [0x81..=0x8f, rest @ ..] | [0xde, _, _, rest @ ..]
                if has_name(rest, 0xa0..=0xbf, 0xd9) =>
            {
                Some(Self::MessagePack)
            }
            _ => match bytes.trim_ascii_start().first() {
                Some(b'{' | b'[' | b'"') => Some(Self::Json),
                _ => None,
            },
        }
    }
}

/// Whether bytes begin with a text that may be a field's name: its length in one of these
/// bytes, or behind this one.
fn has_name(bytes: &[u8], short: RangeInclusive<u8>, long: u8) -> bool {
    let (length, text) = match bytes {
        [first, text @ ..] if short.contains(first) => (first - short.start(), text),
        [first, length, text @ ..] if *first == long => (*length, text),
        _ => return false,
    };
    let name = text.get(..length.into()).map(std::str::from_utf8);
    matches!(name, Some(Ok(name)) if !name.is_empty() && !name.contains(char::is_control))
}

impl Looks {
    /// What to do about it.
    pub(crate) fn hint(self) -> String {
        match self {
            Self::Json => "JSON in a topic of a binary format? without a registry: format = \
                           \"json\", framing = \"none\""
                .to_owned(),
            Self::Framed(framing) => format!("framing = \"{}\"?", framing.as_str()),
            Self::Cbor => "format = \"cbor\"?".to_owned(),
            Self::MessagePack => "format = \"msgpack\"?".to_owned(),
            Self::AvroFile => "it is a whole file of Avro, which is not read".to_owned(),
            Self::Gzip => "it is compressed by gzip, which is not read: let the producer \
                           compress, by compression.type"
                .to_owned(),
        }
    }
}

impl Unframed {
    pub(super) fn wrong_magic(framing: Framing, bytes: &[u8]) -> Self {
        Self::WrongMagic {
            framing,
            looks: Looks::of(bytes),
        }
    }

    pub(super) fn of(self, side: Side) -> BadRecord {
        BadRecord::Unframed { side, why: self }
    }

    /// A word for logs, metrics and the dead-letter table.
    #[must_use]
    pub const fn condition(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooShort { .. } => "too_short",
            Self::WrongMagic { .. } => "wrong_magic",
            Self::Header { .. } => "bad_schema_header",
            Self::Encoding { .. } => "bad_encoding",
            Self::MessageIndex => "bad_message_index",
            Self::Compression => "bad_compression",
        }
    }

    fn hint(self) -> Option<String> {
        let hint = match self {
            Self::Empty => "only null is a tombstone".to_owned(),
            Self::TooShort { .. } | Self::MessageIndex => {
                "was it written by the registry's serializer?".to_owned()
            }
            Self::WrongMagic { looks: None, .. } => {
                "was it written by the registry's serializer? without one: framing = \"none\""
                    .to_owned()
            }
            Self::WrongMagic {
                looks: Some(looks), ..
            } => looks.hint(),
            Self::Header { .. } | Self::Compression => return None,
            Self::Encoding { .. } => {
                "let the producer write binary: apicurio.registry.avro.encoding=BINARY".to_owned()
            }
        };
        Some(hint)
    }

    /// In words, with a hint.
    pub(crate) fn tell(self, side: Side, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = side.as_str();
        match self {
            Self::Empty => write!(f, "the {side} is empty, and has to name its schema"),
            Self::TooShort { framing } => write!(
                f,
                "the {side} ends within its framing, \"{}\"",
                framing.as_str()
            ),
            Self::WrongMagic { framing, .. } => write!(
                f,
                "the {side} does not begin as framing \"{}\" does",
                framing.as_str()
            ),
            Self::Header { name } => write!(
                f,
                "the header \"{name}\", by which the {side} names its schema, is broken or missing"
            ),
            Self::Encoding { name } => {
                write!(
                    f,
                    "the header \"{name}\" says that the {side} is not binary"
                )
            }
            Self::MessageIndex => write!(f, "the {side} does not say which message it is"),
            Self::Compression => write!(
                f,
                "the {side} is compressed in a way that is not known, or does not decompress"
            ),
        }?;
        match self.hint() {
            Some(hint) => write!(f, "; hint: {hint}"),
            None => Ok(()),
        }
    }
}
