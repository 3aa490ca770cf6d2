//! Avro as a format: which schema bytes were written with, and the program that reads
//! them for a table.

use crate::describe::describe;
use crate::{Program, Schema};
use plimsoll_protocol::Class;
use plimsoll_record::{
    Arena, Cache, Described, Fetching, Format, Framing, Held, LookInto, Need, OwnedWanted, Reader,
    Record, Registered, SchemaId, SchemaKind, Schemas, Side, Unavailable, Undecoded, Wanted, split,
};
use plimsoll_sink_api::Cell;
use std::sync::Arc;

/// Avro whose schemas come from somewhere.
#[derive(Debug, Clone)]
pub struct Avro {
    /// What stands around the bytes, and names their schema.
    pub framing: Framing,
    /// Where schemas come from.
    pub schemas: Arc<dyn Schemas>,
}

impl Format for Avro {
    fn reader(&self, wanted: &Wanted<'_>) -> Box<dyn Reader> {
        Box::new(Programs {
            from: self.clone(),
            wanted: OwnedWanted::of(wanted),
            compiled: Cache::new(KEPT, usize::MAX),
        })
    }

    fn describe(
        &self,
        side: Side,
        record: &Record<'_>,
        bytes: &[u8],
        into: LookInto<'_>,
    ) -> Result<Described, Undecoded> {
        let framed = split(self.framing, side, record.headers(), bytes)?;
        let registered = self.schemas.of(side, framed.schema)?;
        let described = describe(&self.parse(&registered)?, into);
        let name = described.schema.unwrap_or_default();
        Ok(Described {
            schema: Some(
                format!("{} {name}", registered.origin)
                    .trim_end()
                    .to_owned(),
            ),
            ..described
        })
    }

    fn fetch<'f>(&'f self, need: &'f Need) -> Fetching<'f> {
        Box::pin(async { self.schemas.fetch(need.schema).await.map(|_| ()) })
    }
}

/// Programs that are kept: a topic has one for each version of its schema. A sender of
/// more costs time, and no memory.
const KEPT: usize = 64;

#[derive(Debug)]
struct Programs {
    from: Avro,
    wanted: OwnedWanted,
    /// By their schemas.
    compiled: Cache<Option<SchemaId>, Arc<Program>>,
}

impl Programs {
    fn program(&self, id: Option<SchemaId>) -> Result<Arc<Program>, Undecoded> {
        if let Some(program) = self.compiled.find(|known| *known == id) {
            return Ok(program);
        }
        let schema = self.from.schemas.of(self.wanted.side, id)?;
        let program = Arc::new(self.compile(&schema)?);
        self.compiled.add(id, program.clone(), 0);
        Ok(program)
    }

    fn compile(&self, registered: &Registered) -> Result<Program, Undecoded> {
        let schema = self.from.parse(registered)?;
        Program::compile(&schema, &self.wanted.wanted())
            .map_err(|error| unusable(registered, error.to_string(), None))
    }
}

impl Avro {
    fn parse(&self, registered: &Registered) -> Result<Schema, Undecoded> {
        match &registered.kind {
            SchemaKind::Avro | SchemaKind::Untold => {}
            SchemaKind::Protobuf | SchemaKind::Json | SchemaKind::Other(_) => {
                return Err(unusable(
                    registered,
                    "the schema is not one of Avro".to_owned(),
                    Some("set the format that the topic has".to_owned()),
                ));
            }
        }
        let references: Vec<(&str, &str)> = registered
            .dependencies()
            .into_iter()
            .map(|reference| (reference.name.as_str(), reference.schema.text.as_str()))
            .collect();
        let parsed = Schema::parse(&registered.text, &references);
        let schema = parsed.map_err(|error| unusable(registered, error.to_string(), None))?;
        Ok(match self.framing {
            Framing::Confluent => schema.with_bare_bytes(),
            Framing::None | Framing::Apicurio | Framing::SingleObject | Framing::Glue => schema,
        })
    }
}

fn unusable(registered: &Registered, what: String, hint: Option<String>) -> Undecoded {
    Undecoded::Unusable(Unavailable {
        class: Class::Halt,
        what: format!("{}: {what}", registered.origin),
        hint,
    })
}

impl Reader for Programs {
    fn read<'c>(
        &self,
        record: &Record<'c>,
        bytes: &'c [u8],
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<Held, Undecoded> {
        let framed = split(self.from.framing, self.wanted.side, record.headers(), bytes)?;
        let program = self.program(framed.schema)?;
        let body = framed.body(arena)?;
        let read = program.read(body, arena, cells);
        read.map_err(|bad| bad.behind(framed.front(bytes)))?;
        Ok(Held::Value)
    }
}
