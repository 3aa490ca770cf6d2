//! The formats of a sink's keys and values, as its config names them. A new format is a
//! line here, and a crate where JSON's does not do.

use crate::config::{Codec, Config, Encoding, Sink};
use plimsoll_avro::{Avro, Schema};
use plimsoll_protobuf::{Protobuf, schema_of_file};
use plimsoll_protocol::Class;
use plimsoll_record::{
    ConnectJson, FetchingSchema, FixedSchema, Format, Formats, Framing, Json, Registered, SchemaId,
    SchemaKind, Schemas, Side, Unavailable, Undecoded, WithFraming,
};
use plimsoll_registry::{Registry, Size};
use plimsoll_selfdescribing::{Cbor, MessagePack, SelfDescribing};
use std::path::Path;
use std::sync::Arc;

/// The registry that all sinks of a process ask: a schema is fetched once for all of
/// them, and the bounds of what is kept hold for all together.
#[derive(Debug, Clone)]
pub struct SharedRegistry(Option<Result<Registry, Unavailable>>);

impl SharedRegistry {
    /// The one that the config names. It is not asked before a record names a schema.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self(config.registry.as_ref().map(Registry::new))
    }

    /// How much is kept of it.
    #[must_use]
    pub fn kept(&self) -> Option<Size> {
        let registry = self.0.as_ref()?.as_ref().ok()?;
        Some(registry.kept())
    }

    /// The language of a schema.
    ///
    /// # Errors
    /// It cannot be had, or no registry is named.
    pub async fn kind(&self, id: SchemaId) -> Result<SchemaKind, Unavailable> {
        let none = || halt("there is no schema registry".to_owned());
        let schemas = self.schemas().ok_or_else(none)?;
        schemas.fetch(id).await?;
        let schema = schemas.get(Some(id)).ok_or_else(none)?;
        Ok(schema.kind.clone())
    }

    fn schemas(&self) -> Option<Arc<dyn Schemas>> {
        Some(match self.0.clone()? {
            Ok(registry) => Arc::new(registry),
            Err(why) => unusable(why),
        })
    }
}

/// How a sink's records are read.
#[must_use]
pub fn formats(sink: &Sink, registry: &SharedRegistry) -> Formats {
    let registry = registry.schemas();
    let format = |encoding: &Encoding| -> Arc<dyn Format> {
        match &encoding.codec {
            Codec::Json if encoding.framing == Framing::None => Arc::new(Json),
            Codec::Json => Arc::new(WithFraming {
                framing: encoding.framing,
                format: Arc::new(Json),
            }),
            Codec::ConnectJson => Arc::new(ConnectJson),
            Codec::Avro => Arc::new(Avro {
                framing: encoding.framing,
                schemas: schemas(encoding, registry.as_ref()),
            }),
            Codec::Protobuf => Arc::new(protobuf(encoding, schemas(encoding, registry.as_ref()))),
            Codec::Cbor => Arc::new(SelfDescribing(Cbor)),
            Codec::MessagePack => Arc::new(SelfDescribing(MessagePack)),
            Codec::Csv(csv) => Arc::new(csv.clone()),
            Codec::Primitive(primitive) => Arc::new(*primitive),
        }
    };
    Formats {
        key: format(&sink.reads.key),
        value: format(&sink.reads.value),
        unknown: sink.unknown_fields,
        envelope: sink.reads.envelope.clone(),
        unit: sink.reads.unit,
    }
}

/// What is wrong with the schemas that a sink has in files, each with its setting.
#[must_use]
pub fn faults_of_files(sink: &Sink) -> Vec<String> {
    let mut faults = Vec::new();
    for (side, encoding) in sink.reads.sides() {
        let Some(path) = &encoding.schema_file else {
            continue;
        };
        let read = read(encoding, path);
        if let Err(why) = read.and_then(|schema| judge(side, encoding, &schema)) {
            let side = side.as_str();
            faults.push(format!("sinks.{}.{side}.schema_file: {why}", sink.name));
        }
    }
    faults
}

fn schemas(encoding: &Encoding, registry: Option<&Arc<dyn Schemas>>) -> Arc<dyn Schemas> {
    match (&encoding.schema_file, registry) {
        (Some(path), _) => match read(encoding, path) {
            Ok(schema) => Arc::new(FixedSchema::new(schema)),
            Err(why) => unusable(why),
        },
        (None, Some(registry)) => registry.clone(),
        // The config asks for one or the other.
        (None, None) => unusable(halt("there is no schema registry".to_owned())),
    }
}

fn protobuf(encoding: &Encoding, schemas: Arc<dyn Schemas>) -> Protobuf {
    Protobuf {
        framing: encoding.framing,
        schemas,
        message: encoding.message.clone(),
    }
}

fn read(encoding: &Encoding, path: &Path) -> Result<Registered, Unavailable> {
    let bytes = std::fs::read(path)
        .map_err(|error| halt(format!("{} cannot be read: {error}", path.display())))?;
    let origin = path.display().to_string();
    match &encoding.codec {
        Codec::Protobuf => {
            let message = encoding.message.as_deref();
            // Imports lie beside the file, or below.
            let folder = path.parent().unwrap_or(Path::new(""));
            let import = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
            schema_of_file(&origin, &bytes, message, import).map_err(|error| Unavailable {
                class: Class::Halt,
                what: format!("{origin}: {error}"),
                hint: Some(error.hint().to_owned()),
            })
        }
        Codec::Json
        | Codec::ConnectJson
        | Codec::Avro
        | Codec::Cbor
        | Codec::MessagePack
        | Codec::Csv(_)
        | Codec::Primitive(_) => Ok(Registered {
            id: None,
            kind: SchemaKind::Untold,
            text: String::from_utf8(bytes)
                .map_err(|_| halt(format!("{origin} cannot be read: it is not UTF-8")))?,
            references: Vec::new(),
            origin,
        }),
    }
}

/// What is wrong with a file's schema, whatever the records are.
fn judge(side: Side, encoding: &Encoding, schema: &Registered) -> Result<(), Unavailable> {
    match &encoding.codec {
        Codec::Json
        | Codec::ConnectJson
        | Codec::Cbor
        | Codec::MessagePack
        | Codec::Csv(_)
        | Codec::Primitive(_) => Ok(()),
        Codec::Avro => Schema::parse(&schema.text, &[])
            .map(|_| ())
            .map_err(|error| halt(format!("{}: {error}", schema.origin))),
        Codec::Protobuf => {
            let none = unusable(halt(String::new()));
            protobuf(encoding, none).judge(side, schema)
        }
    }
}

fn halt(what: String) -> Unavailable {
    Unavailable {
        class: Class::Halt,
        what,
        hint: None,
    }
}

fn unusable(why: Unavailable) -> Arc<dyn Schemas> {
    Arc::new(Unusable(why))
}

/// Schemas that are not to be had before somebody mends the config or a file of it.
#[derive(Debug)]
struct Unusable(Unavailable);

impl Schemas for Unusable {
    fn get(&self, _: Option<SchemaId>) -> Option<Arc<Registered>> {
        None
    }

    fn of(&self, _: Side, _: Option<SchemaId>) -> Result<Arc<Registered>, Undecoded> {
        Err(Undecoded::Unusable(self.0.clone()))
    }

    fn fetch(&self, _: SchemaId) -> FetchingSchema<'_> {
        Box::pin(async { Err(self.0.clone()) })
    }
}
