//! Why a framing cannot be taken from some bytes.

use super::Framing;
use crate::{BadRecord, Side};
use std::fmt;

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
            _ => match bytes.trim_ascii_start().first() {
                Some(b'{' | b'[' | b'"') => Some(Self::Json),
                _ => None,
            },
        }
    }
}

impl Looks {
    /// What to do about it.
    pub(crate) fn hint(self) -> String {
        match self {
            Self::Json => "JSON in a topic of a binary format? without a registry: format = \
                           \"json\", framing = \"none\""
                .to_owned(),
            Self::Framed(framing) => format!("framing = \"{}\"?", framing.as_str()),
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
