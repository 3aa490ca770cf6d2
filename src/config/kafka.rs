//! `[kafka]`, and the properties that would break the promise.

use super::reader::{Reader, join};
use super::settings::{GroupProtocol, Isolation, Kafka};
use super::spec::{COMMON, REFUSED, words};
use super::suggest::nearest;
use super::text::Text;
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::DeValue;

const ISOLATION: [(&str, Isolation); 2] = [
    ("read_committed", Isolation::ReadCommitted),
    ("read_uncommitted", Isolation::ReadUncommitted),
];
pub(super) const ISOLATION_WORDS: [&str; 2] = words(&ISOLATION);

const PROTOCOLS: [(&str, GroupProtocol); 2] = [
    ("classic", GroupProtocol::Classic),
    ("consumer", GroupProtocol::Consumer),
];
pub(super) const PROTOCOL_WORDS: [&str; 2] = words(&PROTOCOLS);

/// Reads `[kafka]`.
pub(super) fn read(mut reader: Reader<'_, '_>) -> Option<Kafka> {
    let bootstrap_servers = reader.text("bootstrap_servers");
    let isolation_level = reader.choice("isolation_level", &ISOLATION);
    let group_protocol = reader.choice("group_protocol", &PROTOCOLS);
    let group_instance_id = reader.text("group_instance_id");
    let properties = match reader.table("properties") {
        Some(table) => read_properties(&table),
        None => BTreeMap::new(),
    };
    reader.finish();
    Some(Kafka {
        bootstrap_servers: bootstrap_servers?.value,
        properties,
        isolation_level: isolation_level?,
        group_protocol: group_protocol?,
        group_instance_id: group_instance_id.map(|id| id.value),
    })
}

fn read_properties(table: &Reader<'_, '_>) -> BTreeMap<String, String> {
    let mut properties = BTreeMap::new();
    for (name, entry) in table.flat() {
        let place = join(table.place(), &name);
        let Some(text) = as_text(table, &place, entry.value) else {
            continue;
        };
        if !refuse(table, &name, &text) {
            ask_librdkafka(table, &name, &text);
        }
        let at = text.at.clone();
        if properties.insert(name, text.value).is_some() {
            let hint = "a.b and \"a.b\" are the same property";
            table.fault_at(&place, &at, "is set twice", hint);
        }
    }
    properties
}

fn as_text(table: &Reader<'_, '_>, place: &str, value: &Spanned<DeValue<'_>>) -> Option<Text> {
    let plain = match value.get_ref() {
        DeValue::Integer(n) => n.to_string(),
        DeValue::Boolean(is) => is.to_string(),
        DeValue::String(_)
        | DeValue::Float(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => {
            return table.string(place, value, "a string, an integer or a boolean");
        }
    };
    Some(Text::plain(plain, value.span(), place))
}

/// Whether the promise forbids the property, or this value of it.
fn refuse(table: &Reader<'_, '_>, name: &str, text: &Text) -> bool {
    if let Some(refused) = REFUSED.iter().find(|r| r.names.contains(&name)) {
        table.fault_in(text, format!("is refused: {}", refused.why), refused.hint);
        return true;
    }
    if name == "partition.assignment.strategy" && text.value != "cooperative-sticky" {
        table.fault_in(
            text,
            format!(
                "is refused: {} is an eager strategy, which takes every partition away at each \
                 rebalance; a claim that waits for its database would hold up the whole group",
                text.shown()
            ),
            "leave it out: plimsoll uses \"cooperative-sticky\"",
        );
        return true;
    }
    false
}

/// librdkafka knows its own properties best, and asking needs no network.
fn ask_librdkafka(table: &Reader<'_, '_>, name: &str, text: &Text) {
    let mut config = ClientConfig::new();
    config.set(name, text.value.as_str());
    let Err(error) = config.create_native_config() else {
        return;
    };
    let unknown = matches!(
        &error,
        KafkaError::ClientConfig(_, said, _, _) if said.starts_with("No such configuration property")
    );
    if unknown {
        let hint = match nearest(name, COMMON.iter().copied()) {
            Some(best) => format!("did you mean \"{best}\"?"),
            None => "the names are librdkafka's, see its CONFIGURATION.md".to_owned(),
        };
        table.fault_in(text, "librdkafka has no such property", hint);
    } else {
        // What librdkafka says quotes the value.
        let shown = if is_secret(name) {
            "this value".to_owned()
        } else {
            text.shown()
        };
        table.fault_in(
            text,
            format!("librdkafka does not take {shown}"),
            "librdkafka's CONFIGURATION.md says what it takes",
        );
    }
}

/// Whether a property's value may be a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    [
        "password", "secret", "key", "token", "jaas", "pem", "config",
    ]
    .iter()
    .any(|word| name.contains(word))
}
