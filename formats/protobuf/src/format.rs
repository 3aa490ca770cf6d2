//! Protobuf as a format: which schema bytes were written with, which of its messages they
//! are, and the program that reads them for a table.

use crate::describe::describe;
use crate::which::{self, NotThis};
use crate::{Program, Schema, SchemaError};
use plimsoll_protocol::Class;
use plimsoll_record::{
    Arena, BadRecord, Cache, Described, Fetching, Format, Framing, Held, LookInto, MessageIndexes,
    MessageName, Need, OwnedWanted, Reader, Record, Registered, SchemaId, SchemaKind, Schemas,
    Side, Unavailable, Undecoded, Wanted, split,
};
use plimsoll_sink_api::Cell;
use std::sync::Arc;

/// Protobuf whose schemas come from somewhere.
#[derive(Debug, Clone)]
pub struct Protobuf {
    /// What stands around the bytes, and names their schema.
    pub framing: Framing,
    /// Where schemas come from.
    pub schemas: Arc<dyn Schemas>,
    /// The message that all of them are, by its name with the package.
    pub message: Option<String>,
}

impl Protobuf {
    /// What is wrong with a schema of which records are to be read, without any.
    ///
    /// # Errors
    /// It is of no use.
    pub fn judge(&self, side: Side, schema: &Registered) -> Result<(), Unavailable> {
        let parsed = parse(schema)?;
        match which::message(&parsed, None, self.message.as_deref(), side) {
            Ok(_) | Err(NotThis::Other) => Ok(()),
            // Records may say it.
            Err(NotThis::Schema(SchemaError::Untold { .. }))
                if matches!(self.framing, Framing::Confluent | Framing::Apicurio) =>
            {
                Ok(())
            }
            Err(NotThis::Schema(error)) => Err(unusable(schema, &error)),
        }
    }
}

impl Format for Protobuf {
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
        let arena = Arena::new();
        let framed = split(self.framing, side, record.headers(), bytes)?;
        let (named, _) = framed.message(&arena)?;
        let registered = self.schemas.of(side, framed.schema)?;
        let schema = parse(&registered).map_err(Undecoded::Unusable)?;
        let message = which::message(&schema, named, self.message.as_deref(), side);
        let Ok(message) = message else {
            return Ok(Described::default());
        };
        let described = describe(&schema, message, into);
        let name = described.schema.unwrap_or_default();
        Ok(Described {
            schema: Some(format!("{} {name}", registered.origin)),
            ..described
        })
    }

    fn fetch<'f>(&'f self, need: &'f Need) -> Fetching<'f> {
        Box::pin(async { self.schemas.fetch(need.schema).await.map(|_| ()) })
    }
}

/// Programs that are kept: a topic has one for each version of its schema, and message.
/// A sender of more costs time, and no memory.
const KEPT: usize = 64;

#[derive(Debug)]
struct Programs {
    from: Protobuf,
    wanted: OwnedWanted,
    /// By schema, and the message of it that records name. None: those are bad.
    compiled: Cache<(Option<SchemaId>, Named), Option<Arc<Program>>>,
}

/// How records name their message, kept.
#[derive(Debug)]
enum Named {
    Not,
    Indexes(MessageIndexes),
    Name(Box<str>),
}

impl Named {
    fn of(named: Option<MessageName<'_>>) -> Self {
        match named {
            None => Self::Not,
            Some(MessageName::Indexes(indexes)) => Self::Indexes(indexes),
            Some(MessageName::Name(name)) => Self::Name(name.into()),
        }
    }

    fn is(&self, named: Option<MessageName<'_>>) -> bool {
        match (self, named) {
            (Self::Not, None) => true,
            (Self::Indexes(own), Some(MessageName::Indexes(indexes))) => **own == *indexes,
            (Self::Name(own), Some(MessageName::Name(name))) => **own == *name,
            (Self::Not | Self::Indexes(_) | Self::Name(_), _) => false,
        }
    }
}

impl Programs {
    fn program(
        &self,
        id: Option<SchemaId>,
        named: Option<MessageName<'_>>,
    ) -> Result<Option<Arc<Program>>, Undecoded> {
        let known = self
            .compiled
            .find(|(schema, of)| *schema == id && of.is(named));
        if let Some(program) = known {
            return Ok(program);
        }
        let schema = self.from.schemas.of(self.wanted.side, id)?;
        let program = self.compile(&schema, named)?.map(Arc::new);
        self.compiled
            .add((id, Named::of(named)), program.clone(), 0);
        Ok(program)
    }

    /// None: it is another message than the one that is wanted.
    fn compile(
        &self,
        registered: &Registered,
        named: Option<MessageName<'_>>,
    ) -> Result<Option<Program>, Undecoded> {
        let schema = parse(registered).map_err(Undecoded::Unusable)?;
        let wanted = self.from.message.as_deref();
        let unusable = |error: &SchemaError| Undecoded::Unusable(unusable(registered, error));
        let message = match which::message(&schema, named, wanted, self.wanted.side) {
            Ok(message) => message,
            Err(NotThis::Other) => return Ok(None),
            Err(NotThis::Schema(error)) => return Err(unusable(&error)),
        };
        let program = Program::compile(&schema, message, &self.wanted.wanted());
        program.map(Some).map_err(|error| unusable(&error))
    }
}

fn parse(registered: &Registered) -> Result<Schema, Unavailable> {
    match &registered.kind {
        SchemaKind::Protobuf | SchemaKind::Untold => {}
        SchemaKind::Avro | SchemaKind::Json | SchemaKind::Other(_) => {
            return Err(Unavailable {
                class: Class::Halt,
                what: format!("{}: the schema is not one of Protobuf", registered.origin),
                hint: Some("set the format that the topic has".to_owned()),
            });
        }
    }
    let references: Vec<(&str, &str)> = registered
        .dependencies()
        .into_iter()
        .map(|reference| (reference.name.as_str(), reference.schema.text.as_str()))
        .collect();
    Schema::parse(&registered.text, &references).map_err(|error| unusable(registered, &error))
}

fn unusable(registered: &Registered, error: &SchemaError) -> Unavailable {
    Unavailable {
        class: Class::Halt,
        what: format!("{}: {error}", registered.origin),
        hint: Some(error.hint().to_owned()),
    }
}

impl Reader for Programs {
    fn read<'c>(
        &self,
        record: &Record<'c>,
        bytes: &'c [u8],
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<Held, Undecoded> {
        let side = self.wanted.side;
        let framed = split(self.from.framing, side, record.headers(), bytes)?;
        let (named, body) = framed.message(arena)?;
        let Some(program) = self.program(framed.schema, named)? else {
            return Err(BadRecord::OtherMessage { side }.into());
        };
        let front = bytes.len().saturating_sub(body.len());
        let read = program.read(body, arena, cells);
        read.map_err(|bad| bad.behind(front))?;
        Ok(Held::Value)
    }
}
