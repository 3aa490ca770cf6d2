//! The records that `init` looks at, and how they are read.

use super::detect::{self, Found, Most};
use super::draft::{Draft, Reading};
use super::{parsed, sink_of};
use crate::admin::block_on;
use crate::admin::error::AdminError;
use crate::config::Config;
use crate::formats::{SharedRegistry, formats};
use crate::propose::{Survey, Surveyor};
use plimsoll_protocol::TopicPartition;
use plimsoll_record::{Chunk, Framing, SchemaId, SchemaKind};

/// Records of the topic, as they came.
pub(super) struct Looked {
    chunks: Vec<(TopicPartition, Chunk)>,
}

impl Looked {
    pub(super) fn new(chunks: Vec<(TopicPartition, Chunk)>) -> Self {
        Self { chunks }
    }

    pub(super) fn records(&self) -> usize {
        self.chunks.iter().map(|(_, chunk)| chunk.len()).sum()
    }

    fn values(&self) -> impl Iterator<Item = &[u8]> {
        let chunks = self.chunks.iter();
        chunks.flat_map(|(_, chunk)| (0..chunk.len()).filter_map(|i| chunk.record(i).value))
    }

    fn keys(&self) -> impl Iterator<Item = &[u8]> {
        let chunks = self.chunks.iter();
        chunks.flat_map(|(_, chunk)| (0..chunk.len()).filter_map(|i| chunk.record(i).key))
    }

    /// How keys and values are to be read; what is said of it. `named`: the format that
    /// somebody names.
    ///
    /// # Errors
    /// Nothing reads them, or a registry would have to say, and does not.
    pub(super) fn formats(
        &self,
        named: Option<&str>,
        draft: &mut Draft,
    ) -> Result<Vec<String>, AdminError> {
        let value = detect::values(self.values());
        let mut said = Vec::new();
        let framed = value.map(|most| most.found);
        if let Some(named) = named {
            draft.value = Reading {
                format: named.to_owned(),
                framing: framing_of(named, framed),
            };
            said.push(format!("{named}: as the command line says"));
        } else if let Some(most) = value {
            draft.value = self.reading(most.found, self.values(), "value", draft)?;
            said.push(told("values", &most, &draft.value));
        } else {
            said.push("json: no record has a value yet that could tell".to_owned());
        }
        if let Some(most) = detect::keys(self.keys(), framed) {
            draft.key = self.reading(most.found, self.keys(), "key", draft)?;
            if draft.key != Reading::default() {
                said.push(told("keys", &most, &draft.key));
            }
        }
        Ok(said)
    }

    fn reading<'b>(
        &self,
        found: Found,
        mut bytes: impl Iterator<Item = &'b [u8]>,
        side: &str,
        draft: &Draft,
    ) -> Result<Reading, AdminError> {
        let refused = |what: &str, hint: &str| {
            Err(AdminError::Refused(format!(
                "the {side}s of topic \"{}\" {what}; hint: {hint}",
                draft.topic
            )))
        };
        if let Some(word) = found.word() {
            return Ok(Reading {
                format: word.to_owned(),
                framing: None,
            });
        }
        let framing = match found {
            Found::Framed(framing) => framing,
            Found::Gzip => {
                return refused(
                    "are compressed by gzip, which nothing here reads",
                    "let the producer compress, by compression.type",
                );
            }
            _ => {
                return refused(
                    "are whole files of Avro, which nothing here reads",
                    "send records of Avro, each with its schema's number",
                );
            }
        };
        if framing != Framing::Confluent {
            let hint = "docs/FORMATS.md: framing and schema_file, in a config by hand";
            let what = format!(
                "are framed as {} does, and lead to no registry",
                framing.as_str()
            );
            return refused(&what, hint);
        }
        let id = bytes.find_map(|bytes| detect::schema_id(bytes).filter(|_| bytes[0] == 0));
        let Some(id) = id else {
            return refused(
                "are cut short behind a first byte of 0",
                "--format names their format",
            );
        };
        if draft.registry.is_none() {
            let what = format!("name schema {id} of a registry");
            return refused(&what, "--registry http://127.0.0.1:8081 says where it is");
        }
        let format = match kind(id, draft)? {
            SchemaKind::Avro => "avro",
            SchemaKind::Protobuf => "protobuf",
            SchemaKind::Json => "json",
            SchemaKind::Other(kind) => {
                return refused(
                    &format!("are of a kind of schemas that nothing here reads: {kind}"),
                    "avro, protobuf and JSON are read",
                );
            }
            SchemaKind::Untold => "avro",
        };
        Ok(Reading {
            format: format.to_owned(),
            framing: Some("confluent"),
        })
    }

    /// What the records hold, as a config reads them.
    pub(super) fn survey(&self, config: &Config, topic: &str) -> Result<Survey, AdminError> {
        let sink = sink_of(config)?;
        let formats = formats(sink, &SharedRegistry::of(config));
        let surveyor = Surveyor {
            formats: &formats,
            topic,
            named: &[],
            explode: None,
        };
        block_on(async { Ok(surveyor.look(&self.chunks).await?) })
    }
}

/// What the registry says that a schema is.
fn kind(id: u32, draft: &Draft) -> Result<SchemaKind, AdminError> {
    // A config keeps the registry only where a format asks for schemas.
    let asking = Draft {
        value: Reading {
            format: "avro".to_owned(),
            framing: Some("confluent"),
        },
        ..draft.clone()
    };
    let registry = SharedRegistry::of(&parsed(&asking)?);
    block_on(async { Ok(registry.kind(SchemaId::Id(id)).await?) })
}

/// The framing of a format that somebody names.
fn framing_of(format: &str, found: Option<Found>) -> Option<&'static str> {
    match (format, found) {
        ("avro" | "protobuf", _) | ("json", Some(Found::Framed(Framing::Confluent))) => {
            Some("confluent")
        }
        _ => None,
    }
}

fn told(side: &str, most: &Most, reading: &Reading) -> String {
    let format = &reading.format;
    let framed = match reading.framing {
        Some(framing) => format!(", framed as {framing} does"),
        None => String::new(),
    };
    let all = match most.others {
        0 => format!("all {} {side} look so", most.of),
        others => format!("{} of {} {side} look so", most.of - others, most.of),
    };
    format!("{format}{framed}: {all}")
}
