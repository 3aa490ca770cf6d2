//! How a sink's records are read: `format`, and the table `value`.

use super::reader::Reader;
use super::spec::words;
use plimsoll_record::{Connector, Decimals, Envelope};
use plimsoll_sink_api::Mode;

const FORMATS: [(&str, ()); 1] = [("json", ())];
pub(super) const FORMAT_WORDS: [&str; 1] = words(&FORMATS);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    None,
    Debezium,
    DebeziumFlat,
}

const ENVELOPES: [(&str, Around); 3] = [
    ("none", Around::None),
    ("debezium", Around::Debezium),
    ("debezium_flat", Around::DebeziumFlat),
];
pub(super) const ENVELOPE_WORDS: [&str; 3] = words(&ENVELOPES);

const DECIMALS: [(&str, Decimals); 2] =
    [("unknown", Decimals::Unknown), ("digits", Decimals::Digits)];
pub(super) const DECIMALS_WORDS: [&str; 2] = words(&DECIMALS);

/// Reads `format` and `value` of a sink.
pub(super) fn read(sink: &mut Reader<'_, '_>) -> Option<Envelope> {
    let _ = sink.choice("format", &FORMATS);
    let mut value = sink.table_or_empty("value")?;
    let _ = value.choice("format", &FORMATS);
    let around = value.choice("envelope", &ENVELOPES);
    let unavailable = value.text_or_default("unavailable_value");
    let decimals = value.choice("decimals", &DECIMALS);
    value.finish();
    let connector = Connector {
        unavailable: unavailable?,
        decimals: decimals?,
    };
    Some(match around? {
        Around::None => Envelope::None,
        Around::Debezium => Envelope::Debezium(connector),
        Around::DebeziumFlat => Envelope::DebeziumFlat(connector),
    })
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
