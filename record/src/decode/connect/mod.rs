//! JSON of Kafka Connect's JsonConverter with `schemas.enable`: each key and each value
//! brings its schema, `{"schema": …, "payload": …}`.
//!
//! A schema is compiled once, by its text: it is most of a record's bytes, and nearly
//! always that of the record before.

mod describe;
mod message;
mod program;
mod rewrite;
mod scalar;
mod schema;

use super::format::{Fetching, Format, Held, Need, OwnedWanted, Reader, Side, Undecoded, Wanted};
use super::json::{not_json, whole};
use super::{BadRecord, Described, Fault, LookInto};
use crate::{Arena, Cache, Record};
use message::Schema;
use plimsoll_sink_api::Cell;
use program::Program;
use schema::Type;
use std::sync::Arc;

/// Kafka Connect's JSON with schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectJson;

impl Format for ConnectJson {
    fn reader(&self, wanted: &Wanted<'_>) -> Box<dyn Reader> {
        Box::new(Programs {
            wanted: OwnedWanted::of(wanted),
            known: Cache::new(KEPT, KEPT_BYTES),
        })
    }

    fn describe(
        &self,
        _: Side,
        _: &Record<'_>,
        bytes: &[u8],
        into: LookInto<'_>,
    ) -> Result<Described, Undecoded> {
        Ok(describe::describe(bytes, into))
    }

    /// Each record brings all that reading it needs.
    fn fetch<'f>(&'f self, _: &'f Need) -> Fetching<'f> {
        Box::pin(async { Ok(()) })
    }
}

/// Whether bytes are such a message, for a hint where another format reads them.
pub(super) fn brings_schema(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes).ok();
    let found = text.and_then(|text| message::find(text, &[]));
    found.is_some_and(|found| {
        let schema = matches!(found.schema, Some(Schema::New(raw)) if raw.starts_with('{'));
        schema && found.payload.is_some() && !found.has_more
    })
}

/// Schemas whose programs are kept: a topic has one for each version of its table, and
/// another for the marks of a connector.
const KEPT: usize = 32;

/// Bytes of their texts, at most; those of a table of a thousand columns are some hundred
/// kilobytes. A sender of more costs time, and no memory.
const KEPT_BYTES: usize = 1 << 20;

#[derive(Debug)]
struct Programs {
    wanted: OwnedWanted,
    /// By the texts of their schemas.
    known: Cache<Box<str>, Arc<Program>>,
}

impl Programs {
    fn compile(&self, schema: &str) -> Option<Arc<Program>> {
        let of = Type::read(schema)?;
        let program = Arc::new(Program::compile(&of, &self.wanted.wanted()));
        self.known.add(schema.into(), program.clone(), schema.len());
        Some(program)
    }

    fn bad(&self, fault: Fault, at: usize) -> BadRecord {
        BadRecord::Binary {
            side: self.wanted.side,
            format: FORMAT,
            fault,
            at,
            column: None,
        }
    }

    /// What does not hold two parts.
    fn no_message(&self, bytes: &[u8], text: Result<&str, usize>) -> BadRecord {
        match (self.wanted.side, text.and_then(whole)) {
            (Side::Value, Err(at)) => not_json(bytes, at),
            // A bare text, as often as not.
            (Side::Key | Side::Tombstone, Err(at)) => self.bad(Fault::NoSchema, at),
            (_, Ok(_)) => self.bad(Fault::NoSchema, 0),
        }
    }
}

/// As people call it.
const FORMAT: &str = "Kafka Connect's JSON";

impl Reader for Programs {
    fn read<'c>(
        &self,
        _: &Record<'c>,
        bytes: &'c [u8],
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<Held, Undecoded> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| self.no_message(bytes, Err(error.valid_up_to())))?;
        let found = message::find(text, &self.known.entries());
        let found = found.ok_or_else(|| self.no_message(bytes, Ok(text)))?;
        let (Some(schema), Some(payload)) = (found.schema, found.payload) else {
            return Err(self.bad(Fault::NoSchema, 0).into());
        };
        if payload == "null" {
            return Ok(Held::Null);
        }
        let program = match schema {
            Schema::Known(program) => program,
            // What a converter writes for values without a schema.
            Schema::New("null") => return Err(self.bad(Fault::NoSchema, 0).into()),
            Schema::New(schema) => {
                let program = self.compile(schema);
                program.ok_or_else(|| self.bad(Fault::Schema, 0))?
            }
        };
        program.read(text, payload, arena, cells)?;
        Ok(Held::Value)
    }
}
