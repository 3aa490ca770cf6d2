//! Framings: what a registry's serializer puts around a payload, to say which schema
//! it was written with.

mod message_index;
mod unframed;

pub use message_index::{MessageIndexes, MessageName};
pub use unframed::{Looks, Unframed};

use crate::{Arena, BadRecord, SchemaId, Side};
use message_index::{read_indexes, read_reference};

/// What stands around the payload of a key or a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Nothing.
    None,
    /// Confluent's: five bytes in front, or a header since 2025.
    Confluent,
    /// Apicurio's: headers, or nine bytes in front.
    Apicurio,
    /// Avro's single-object encoding: a fingerprint in front.
    SingleObject,
    /// AWS Glue's: eighteen bytes in front; the payload may be compressed.
    Glue,
}

/// What a compressed payload may become, at most: Kafka's largest records are of this
/// order, and a few kilobytes of zeros shall not take all memory.
const INFLATED_BYTES: usize = 16 << 20;

/// A payload without its framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framed<'c> {
    /// The schema that it was written with, where the framing names one.
    pub schema: Option<SchemaId>,
    side: Side,
    message: Which<'c>,
    payload: Payload<'c>,
}

/// Where Protobuf's payloads say which message they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which<'c> {
    /// The framing does not tell.
    Nowhere,
    /// Indexes, at the beginning of the payload.
    Indexes,
    /// Indexes, which a header has behind its id.
    IndexesInHeader(&'c [u8]),
    /// A name, at the beginning of the payload.
    Name,
    /// A name that a header has.
    NameInHeader(&'c [u8]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Payload<'c> {
    Plain(&'c [u8]),
    Zlib(&'c [u8]),
}

impl Framing {
    /// Its name in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Confluent => "confluent",
            Self::Apicurio => "apicurio",
            Self::SingleObject => "single_object",
            Self::Glue => "glue",
        }
    }
}

impl<'c> Framed<'c> {
    /// The payload of all formats but Protobuf; one that is compressed goes into the
    /// arena.
    ///
    /// # Errors
    /// It does not decompress.
    pub fn body(&self, arena: &'c Arena) -> Result<&'c [u8], BadRecord> {
        match self.payload {
            Payload::Plain(bytes) => Ok(bytes),
            Payload::Zlib(bytes) => {
                let inflated =
                    miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(bytes, INFLATED_BYTES);
                match inflated {
                    Ok(bytes) => Ok(arena.bytes(&bytes)),
                    Err(_) => Err(Unframed::Compression.of(self.side)),
                }
            }
        }
    }

    /// Bytes of the framing in front of [`Self::body`], of which `bytes` are the whole;
    /// none where it is compressed, as places in it are none of the record's.
    #[must_use]
    pub fn front(&self, bytes: &[u8]) -> usize {
        match self.payload {
            Payload::Plain(payload) => bytes.len().saturating_sub(payload.len()),
            Payload::Zlib(_) => 0,
        }
    }

    /// Protobuf's payload, and which message of its schema it is; `None` where the
    /// framing does not tell.
    ///
    /// # Errors
    /// It does not decompress, or does not name a message where it has to.
    pub fn message(
        &self,
        arena: &'c Arena,
    ) -> Result<(Option<MessageName<'c>>, &'c [u8]), BadRecord> {
        let body = self.body(arena)?;
        let named = match self.message {
            Which::Nowhere => Some((None, body)),
            Which::IndexesInHeader(bytes) => match read_indexes(bytes) {
                Some((indexes, [])) => Some((Some(MessageName::Indexes(indexes)), body)),
                Some((_, [..])) | None => None,
            },
            Which::Indexes => read_indexes(body)
                .map(|(indexes, body)| (Some(MessageName::Indexes(indexes)), body)),
            Which::NameInHeader(bytes) => std::str::from_utf8(bytes)
                .ok()
                .map(|name| (Some(MessageName::Name(name)), body)),
            Which::Name => read_reference(body),
        };
        named.ok_or_else(|| Unframed::MessageIndex.of(self.side))
    }
}

/// Takes the framing from a key or a value. Headers are those of the record, in their
/// order: of several with one name the last counts, as for those who write them.
///
/// # Errors
/// The bytes, or a header, are not what the framing wants.
pub fn split<'c>(
    framing: Framing,
    side: Side,
    headers: impl DoubleEndedIterator<Item = (&'c [u8], Option<&'c [u8]>)> + Clone,
    bytes: &'c [u8],
) -> Result<Framed<'c>, BadRecord> {
    let parts = match framing {
        Framing::None => Ok(Parts::plain(None, Which::Nowhere, bytes)),
        Framing::Confluent => confluent(side, headers, bytes),
        Framing::Apicurio => apicurio(side, headers, bytes),
        Framing::SingleObject => single_object(bytes),
        Framing::Glue => glue(bytes),
    };
    match parts {
        Ok(parts) => Ok(Framed {
            schema: parts.schema,
            side,
            message: parts.message,
            payload: parts.payload,
        }),
        Err(unframed) => Err(unframed.of(side)),
    }
}

struct Parts<'c> {
    schema: Option<SchemaId>,
    message: Which<'c>,
    payload: Payload<'c>,
}

impl<'c> Parts<'c> {
    fn plain(schema: Option<SchemaId>, message: Which<'c>, bytes: &'c [u8]) -> Self {
        Self {
            schema,
            message,
            payload: Payload::Plain(bytes),
        }
    }
}

/// The number of a schema follows, of four bytes.
const BY_ID: u8 = 0x00;
/// A GUID follows, of sixteen bytes; only in headers.
const BY_GUID: u8 = 0x01;

fn confluent<'c>(
    side: Side,
    headers: impl DoubleEndedIterator<Item = (&'c [u8], Option<&'c [u8]>)>,
    bytes: &'c [u8],
) -> Result<Parts<'c>, Unframed> {
    let name = match side {
        Side::Value => "__value_schema_id",
        Side::Key | Side::Tombstone => "__key_schema_id",
    };
    // The header counts before the bytes, which are bare then: they may begin with 00
    // too.
    if let Some(header) = last(headers, name.as_bytes()) {
        let broken = Unframed::Header { name };
        let (schema, rest) = match header.and_then(<[u8]>::split_first) {
            Some((&BY_ID, rest)) => {
                let (id, rest) = rest.split_first_chunk().ok_or(broken)?;
                (SchemaId::Id(u32::from_be_bytes(*id)), rest)
            }
            Some((&BY_GUID, rest)) => {
                let (guid, rest) = rest.split_first_chunk().ok_or(broken)?;
                (SchemaId::Guid(*guid), rest)
            }
            Some(_) | None => return Err(broken),
        };
        return Ok(Parts::plain(
            Some(schema),
            Which::IndexesInHeader(rest),
            bytes,
        ));
    }
    let rest = after_magic(Framing::Confluent, &[BY_ID], bytes)?;
    let (id, body) = rest.split_first_chunk().ok_or(Unframed::TooShort {
        framing: Framing::Confluent,
    })?;
    let schema = SchemaId::Id(u32::from_be_bytes(*id));
    Ok(Parts::plain(Some(schema), Which::Indexes, body))
}

/// Names of Apicurio's headers, of one side.
struct ApicurioNames {
    all: &'static str,
    content: &'static str,
    global: &'static str,
    encoding: &'static str,
    message: &'static str,
}

const APICURIO_VALUE: ApicurioNames = ApicurioNames {
    all: "apicurio.value.",
    content: "apicurio.value.contentId",
    global: "apicurio.value.globalId",
    encoding: "apicurio.value.encoding",
    message: "apicurio.protobuf.type",
};

const APICURIO_KEY: ApicurioNames = ApicurioNames {
    all: "apicurio.key.",
    content: "apicurio.key.contentId",
    global: "apicurio.key.globalId",
    encoding: "apicurio.key.encoding",
    message: "apicurio.protobuf.type.key",
};

fn apicurio<'c>(
    side: Side,
    headers: impl DoubleEndedIterator<Item = (&'c [u8], Option<&'c [u8]>)> + Clone,
    bytes: &'c [u8],
) -> Result<Parts<'c>, Unframed> {
    let names = match side {
        Side::Value => APICURIO_VALUE,
        Side::Key | Side::Tombstone => APICURIO_KEY,
    };
    let number = |name: &'static str| match last(headers.clone(), name.as_bytes()) {
        None => Ok(None),
        Some(header) => match header.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()) {
            Some(number) => Ok(Some(i64::from_be_bytes(number))),
            None => Err(Unframed::Header { name }),
        },
    };
    if let Some(Some(encoding)) = last(headers.clone(), names.encoding.as_bytes())
        && encoding != b"BINARY"
    {
        return Err(Unframed::Encoding {
            name: names.encoding,
        });
    }
    // Where no header names the message, something in front of it does.
    let message = match last(headers.clone(), names.message.as_bytes()) {
        Some(Some(name)) => Which::NameInHeader(name),
        Some(None) | None => Which::Name,
    };
    // In the order of Apicurio's own readers.
    let schema = match number(names.content)? {
        Some(id) => Some(SchemaId::Content(id)),
        None => number(names.global)?.map(SchemaId::Global),
    };
    if schema.is_some() {
        return Ok(Parts::plain(schema, message, bytes));
    }
    // They name the schema in a way that is not read here, and the bytes are bare.
    if headers.clone().any(|(name, _)| {
        name.strip_prefix(names.all.as_bytes())
            .is_some_and(|rest| rest != b"encoding")
    }) {
        return Err(Unframed::Header { name: names.global });
    }
    let rest = after_magic(Framing::Apicurio, &[0x00], bytes)?;
    let (id, body) = rest.split_first_chunk().ok_or(Unframed::TooShort {
        framing: Framing::Apicurio,
    })?;
    let schema = SchemaId::Global(i64::from_be_bytes(*id));
    Ok(Parts::plain(Some(schema), message, body))
}

fn single_object(bytes: &[u8]) -> Result<Parts<'_>, Unframed> {
    let rest = after_magic(Framing::SingleObject, &[0xc3, 0x01], bytes)?;
    let (fingerprint, body) = rest.split_first_chunk().ok_or(Unframed::TooShort {
        framing: Framing::SingleObject,
    })?;
    let schema = SchemaId::Fingerprint(u64::from_le_bytes(*fingerprint));
    Ok(Parts::plain(Some(schema), Which::Nowhere, body))
}

fn glue(bytes: &[u8]) -> Result<Parts<'_>, Unframed> {
    let short = Unframed::TooShort {
        framing: Framing::Glue,
    };
    let rest = after_magic(Framing::Glue, &[0x03], bytes)?;
    let (compression, rest) = rest.split_first().ok_or(short)?;
    let (version, body) = rest.split_first_chunk().ok_or(short)?;
    let payload = match compression {
        0x00 => Payload::Plain(body),
        0x05 => Payload::Zlib(body),
        _ => return Err(Unframed::Compression),
    };
    Ok(Parts {
        schema: Some(SchemaId::Glue(*version)),
        message: Which::Nowhere,
        payload,
    })
}

/// The last header of a name; `Some(None)`: it has no value.
fn last<'c>(
    headers: impl DoubleEndedIterator<Item = (&'c [u8], Option<&'c [u8]>)>,
    wanted: &[u8],
) -> Option<Option<&'c [u8]>> {
    headers
        .rev()
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| value)
}

/// What stands behind the bytes by which a framing is known.
fn after_magic<'c>(framing: Framing, magic: &[u8], bytes: &'c [u8]) -> Result<&'c [u8], Unframed> {
    match bytes.strip_prefix(magic) {
        Some(rest) => Ok(rest),
        None if bytes.is_empty() => Err(Unframed::Empty),
        None if magic.starts_with(bytes) => Err(Unframed::TooShort { framing }),
        None => Err(Unframed::wrong_magic(framing, bytes)),
    }
}

#[cfg(test)]
mod tests;
