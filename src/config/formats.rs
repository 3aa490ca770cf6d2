//! How a sink's records are read: `format`, and the tables `value` and `key`.

use super::columns::UNITS;
use super::reader::Reader;
use super::settings::{Backend, Codec, Encoding, Has, Reads};
use super::spec::words;
use super::suggest::did_you_mean;
use super::text::Text;
use plimsoll_plain::{Csv, Primitive};
use plimsoll_record::{
    Connector, Decimals, Envelope, Framing, Side, SourceTable, SourceTables, UnknownFields,
};
use plimsoll_sink_api::{Inside, Mode, Of, Source, TableRule};
use std::path::PathBuf;

/// Formats that need nothing else.
const ALONE: [(&str, ()); 1] = [("json", ())];
pub(super) const ALONE_WORDS: [&str; 1] = words(&ALONE);

/// A format, with what was said of lines.
type CodecOf = fn(Option<Csv>) -> Option<Codec>;

const FORMATS: [(&str, CodecOf); 15] = [
    ("json", |_| Some(Codec::Json)),
    ("connect_json", |_| Some(Codec::ConnectJson)),
    ("avro", |_| Some(Codec::Avro)),
    ("protobuf", |_| Some(Codec::Protobuf)),
    ("cbor", |_| Some(Codec::Cbor)),
    ("msgpack", |_| Some(Codec::MessagePack)),
    ("csv", |csv| csv.map(Codec::Csv)),
    (Primitive::Text.as_str(), |_| primitive(Primitive::Text)),
    (Primitive::Bytes.as_str(), |_| primitive(Primitive::Bytes)),
    (Primitive::Int16.as_str(), |_| primitive(Primitive::Int16)),
    (Primitive::Int32.as_str(), |_| primitive(Primitive::Int32)),
    (Primitive::Int64.as_str(), |_| primitive(Primitive::Int64)),
    (Primitive::Float32.as_str(), |_| {
        primitive(Primitive::Float32)
    }),
    (Primitive::Float64.as_str(), |_| {
        primitive(Primitive::Float64)
    }),
    (Primitive::Boolean.as_str(), |_| {
        primitive(Primitive::Boolean)
    }),
];
pub(super) const FORMAT_WORDS: [&str; 15] = words(&FORMATS);

const fn primitive(primitive: Primitive) -> Option<Codec> {
    Some(Codec::Primitive(primitive))
}

/// The lines of CSV.
fn csv(side: &Reader<'_, '_>) -> Option<Csv> {
    let fields = side.texts("fields");
    let mark = |key| side.text_as_it_is(key)?.bytes().next();
    let (delimiter, quote) = (mark("delimiter"), mark("quote"));
    let null = side.text_as_it_is("null");
    if delimiter.is_some() && delimiter == quote {
        side.fault_of(
            "delimiter",
            "is the quote, too",
            "fields would end where their quotes begin",
        );
    }
    Some(Csv {
        fields: fields?.into_iter().map(|text| text.value).collect(),
        delimiter: delimiter?,
        quote: quote?,
        null: null?,
    })
}

const FRAMINGS: [(&str, Framing); 5] = [
    ("none", Framing::None),
    ("confluent", Framing::Confluent),
    ("apicurio", Framing::Apicurio),
    ("single_object", Framing::SingleObject),
    ("glue", Framing::Glue),
];
pub(super) const FRAMING_WORDS: [&str; 5] = words(&FRAMINGS);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    None,
    Debezium,
    DebeziumFlat,
    Maxwell,
    Canal,
}

const ENVELOPES: [(&str, Around); 5] = [
    ("none", Around::None),
    ("debezium", Around::Debezium),
    ("debezium_flat", Around::DebeziumFlat),
    ("maxwell", Around::Maxwell),
    ("canal", Around::Canal),
];
pub(super) const ENVELOPE_WORDS: [&str; 5] = words(&ENVELOPES);

const DECIMALS: [(&str, Decimals); 2] =
    [("unknown", Decimals::Unknown), ("digits", Decimals::Digits)];
pub(super) const DECIMALS_WORDS: [&str; 2] = words(&DECIMALS);

/// Reads `format`, `value` and `key` of a sink.
pub(super) fn read(sink: &mut Reader<'_, '_>, has_registry: bool) -> Option<Reads> {
    let _ = sink.choice("format", &ALONE);
    let mut value = sink.table_or_empty("value")?;
    let of_value = encoding(&mut value, has_registry);
    let envelope = envelope(&mut value);
    let unit = value.choice("unit", &UNITS);
    value.finish();
    let mut key = sink.table_or_empty("key")?;
    let of_key = encoding(&mut key, has_registry);
    key.finish();
    let of_value = of_value?;
    if sink.has("format") && of_value.codec != Codec::Json {
        sink.fault_of(
            "format",
            "is short for another format than that of value",
            "leave it out",
        );
    }
    Some(Reads {
        value: of_value,
        key: of_key?,
        envelope: envelope?,
        unit,
    })
}

/// `has_registry`: there is one to be asked.
fn encoding(side: &mut Reader<'_, '_>, has_registry: bool) -> Option<Encoding> {
    let codec = side.choice("format", &FORMATS);
    let csv = csv(side);
    let codec = codec.and_then(|of| of(csv));
    let framing = side.choice("framing", &FRAMINGS);
    let schema_file = side.text("schema_file");
    let message = side.text("message");
    let (codec, framing) = (codec?, framing?);
    let schema_file = schema_file.map(|text| PathBuf::from(text.value));
    if codec.has_schemas() && schema_file.is_none() {
        match framing {
            Framing::Confluent | Framing::Apicurio if has_registry => {}
            Framing::Confluent | Framing::Apicurio => side.fault_of(
                "framing",
                "names schemas of a registry, and there is none in the config",
                "add [schema_registry] with url = [\"https://registry:8081\"]; or name a \
                 schema_file",
            ),
            // Left out, the rules have told it.
            Framing::None if !side.has("framing") => {}
            Framing::None | Framing::SingleObject | Framing::Glue => side.fault_of(
                "framing",
                "leads to no registry, and there is no schema_file",
                schema_file_hint(&codec),
            ),
        }
    }
    Some(Encoding {
        codec,
        framing,
        schema_file,
        message: message.map(|text| text.value),
    })
}

const fn schema_file_hint(codec: &Codec) -> &'static str {
    match codec {
        Codec::Protobuf => {
            "name the file with the schema: schema_file = \"order.proto\", message = \"shop.Order\""
        }
        Codec::Json
        | Codec::ConnectJson
        | Codec::Avro
        | Codec::Cbor
        | Codec::MessagePack
        | Codec::Csv(_)
        | Codec::Primitive(_) => "name the file with the schema: schema_file = \"order.avsc\"",
    }
}

fn envelope(value: &mut Reader<'_, '_>) -> Option<Envelope> {
    let around = value.choice("envelope", &ENVELOPES);
    let unavailable = value.text_or_default("unavailable_value");
    let decimals = value.choice("decimals", &DECIMALS);
    let tables = value.has("source_tables");
    let tables = match tables {
        true => source_tables(&value.texts("source_tables")?),
        false => SourceTables::default(),
    };
    let connector = Connector {
        unavailable: unavailable?,
        decimals: decimals?,
    };
    Some(match around? {
        Around::None => Envelope::None,
        Around::Debezium => Envelope::Debezium(connector),
        Around::DebeziumFlat => Envelope::DebeziumFlat(connector),
        Around::Maxwell => Envelope::Maxwell(tables),
        Around::Canal => Envelope::Canal(tables),
    })
}

/// The table of settings has seen that each has a database.
fn source_tables(texts: &[Text]) -> SourceTables {
    let parts = texts.iter().filter_map(|text| text.value.split_once('.'));
    let table = |(database, table): (&str, &str)| SourceTable {
        database: database.to_owned(),
        table: table.to_owned(),
    };
    SourceTables(parts.map(table).collect())
}

/// Change events replace and delete rows, which only an upsert does.
pub(super) fn check_modes(sink: &Reader<'_, '_>, envelope: &Envelope, modes: &[Mode]) {
    if *envelope == Envelope::None {
        return;
    }
    if let Some(mode) = modes.iter().find(|mode| **mode != Mode::Upsert) {
        sink.fault_of(
            "value",
            format!(
                "reads change events, which replace and delete rows, and a table has mode = \"{}\"",
                mode.as_str()
            ),
            "use mode = \"upsert\"; or envelope = \"none\" to keep the events themselves",
        );
    }
}

/// Tables are made and changed by what a schema says, and by nothing else.
pub(super) fn check_changes(
    sink: &Reader<'_, '_>,
    reads: &Reads,
    unknown: Option<UnknownFields>,
    backend: &Backend,
) {
    let evolves = |rule: &&TableRule| rule.settings.evolve;
    if unknown == Some(UnknownFields::Reject) && backend.rules().iter().any(evolves) {
        sink.fault_of(
            "unknown_fields",
            "does not go with evolve, which gives unknown fields columns",
            "leave it out",
        );
    }
    let takes_rest = |rule: &&TableRule| {
        let mut takes = rule.settings.columns.iter();
        takes.any(|(_, take)| take.sources().any(|source| *source == Source::Rest))
    };
    if backend
        .rules()
        .iter()
        .any(|rule| evolves(rule) && takes_rest(rule))
    {
        sink.fault(
            "a table has both evolve, which leaves no field without a column, and a column that \
             takes the fields that have none, \"value.*\"",
            "keep one of them",
        );
    }
    if backend.changes_tables() && !reads.value.codec.tells_types() {
        sink.fault_of(
            "value",
            "has no schema, and a table is to be made or changed by it",
            "types are guessed by nobody while the service runs: `plimsoll init` proposes a \
             table by a sample",
        );
    }
}

/// Rows are made of the elements of an array, which not every value has.
pub(super) fn check_explode(sink: &Reader<'_, '_>, reads: &Reads, backend: &Backend) {
    if !backend
        .rules()
        .iter()
        .any(|rule| rule.settings.explode.is_some())
    {
        return;
    }
    let several = match &reads.envelope {
        Envelope::Maxwell(_) => Some("maxwell"),
        Envelope::Canal(_) => Some("canal"),
        Envelope::None | Envelope::Debezium(_) | Envelope::DebeziumFlat(_) => None,
    };
    if let Some(envelope) = several {
        sink.fault_of(
            "value",
            format!(
                "has envelope = \"{envelope}\", whose events are about any number of rows \
                 already, and a table has explode"
            ),
            "leave explode out; or envelope = \"none\" and explode = \"value.data\" to make rows \
             of the events themselves",
        );
    }
    if matches!(reads.value.codec, Codec::Csv(_) | Codec::Primitive(_)) {
        sink.fault_of(
            "value",
            "has no arrays in its format, and explode makes a row of every element of one",
            "texts that hold JSON have format = \"json\"",
        );
    }
}

/// A source that the config names has to be there, where the config tells the fields.
pub(super) fn check_sources(sink: &Reader<'_, '_>, reads: &Reads, backend: &Backend) {
    for (name, source) in backend.sources() {
        let (side, encoding, path) = match source {
            Source::Value(path) => (Side::Value, &reads.value, path),
            Source::Key(path) => (Side::Key, &reads.key, path),
            Source::Inside(Inside { of, path, .. }) => match of {
                Of::Value => (Side::Value, &reads.value, path),
                Of::Key => (Side::Key, &reads.key, path),
                Of::Item => continue,
            },
            // Any of its spellings will do: what no record has is told by a sample.
            Source::Spelled(_)
            | Source::Rest
            | Source::Item(_)
            | Source::SpelledItem(_)
            | Source::Index
            | Source::Header(_)
            | Source::Topic
            | Source::Partition
            | Source::Offset
            | Source::Timestamp
            | Source::Constant(_) => continue,
        };
        let side = side.as_str();
        match (encoding.codec.has(path), path.0.as_slice()) {
            (Has::Maybe | Has::It, _) => {}
            (Has::NoFields, _) => sink.fault_of(
                side,
                format!("has no fields, and the column \"{name}\" takes \"{source}\""),
                format!("{name} = \"{side}\" takes all of it"),
            ),
            (Has::Only(fields), taken) => {
                let taken = taken.join(".");
                let what = format!(
                    "has no field \"{taken}\" among its fields, and the column \"{name}\" takes \
                     it"
                );
                let hint = did_you_mean(&taken, fields.iter().map(String::as_str));
                sink.fault_of(side, what, hint);
            }
        }
    }
}
