//! How a sink's records are read: `format`, and the tables `value` and `key`.

use super::reader::Reader;
use super::settings::{Codec, Encoding, Reads};
use super::spec::words;
use super::text::Text;
use plimsoll_record::{Connector, Decimals, Envelope, Framing, SourceTable, SourceTables};
use plimsoll_sink_api::Mode;
use std::path::PathBuf;

/// Formats that need nothing else.
const ALONE: [(&str, ()); 1] = [("json", ())];
pub(super) const ALONE_WORDS: [&str; 1] = words(&ALONE);

const FORMATS: [(&str, Codec); 4] = [
    ("json", Codec::Json),
    ("connect_json", Codec::ConnectJson),
    ("avro", Codec::Avro),
    ("protobuf", Codec::Protobuf),
];
pub(super) const FORMAT_WORDS: [&str; 4] = words(&FORMATS);

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
    })
}

/// `has_registry`: there is one to be asked.
fn encoding(side: &mut Reader<'_, '_>, has_registry: bool) -> Option<Encoding> {
    let codec = side.choice("format", &FORMATS);
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
                schema_file_hint(codec),
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

const fn schema_file_hint(codec: Codec) -> &'static str {
    match codec {
        Codec::Protobuf => {
            "name the file with the schema: schema_file = \"order.proto\", message = \"shop.Order\""
        }
        Codec::Json | Codec::ConnectJson | Codec::Avro => {
            "name the file with the schema: schema_file = \"order.avsc\""
        }
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
