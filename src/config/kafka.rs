//! `[kafka]`, and the properties that would break the promise.

use super::reader::{Reader, Text, join};
use super::settings::{GroupProtocol, Isolation, Kafka};
use super::suggest::nearest;
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::DeValue;

/// A property of librdkafka that the config refuses: why, and what to do.
struct Refused {
    names: &'static [&'static str],
    why: &'static str,
    hint: &'static str,
}

const REFUSED: &[Refused] = &[
    Refused {
        names: &["bootstrap.servers", "metadata.broker.list"],
        why: "plimsoll sets it itself",
        hint: "use kafka.bootstrap_servers",
    },
    Refused {
        names: &["group.id"],
        why: "each sink has a group of its own",
        hint: "use group_id in [sinks.NAME]",
    },
    Refused {
        names: &["client.id"],
        why: "plimsoll gives each client an id of its own",
        hint: "leave it out; the brokers' logs show plimsoll, the sink and a random part",
    },
    Refused {
        names: &["group.instance.id"],
        why: "it has a setting of its own",
        hint: "use kafka.group_instance_id",
    },
    Refused {
        names: &["group.protocol"],
        why: "it has a setting of its own",
        hint: "use kafka.group_protocol",
    },
    Refused {
        names: &["isolation.level"],
        why: "it has a setting of its own",
        hint: "use kafka.isolation_level",
    },
    Refused {
        names: &["enable.auto.commit", "auto.commit.enable"],
        why: "Kafka's committed offsets are a courtesy to lag tools; plimsoll commits them after \
              the database has committed",
        hint: "leave it out",
    },
    Refused {
        names: &["enable.auto.offset.store"],
        why: "offsets are stored after the database has committed, not before",
        hint: "leave it out",
    },
    Refused {
        names: &["auto.offset.reset"],
        why: "a reset would jump over records without a word; plimsoll always uses \"error\"",
        hint: "use start in [sinks.NAME] for a topic that has no position yet",
    },
    Refused {
        names: &["enable.partition.eof"],
        why: "plimsoll does not ask for it, and its answer is no record",
        hint: "leave it out",
    },
    Refused {
        names: &[
            "queued.min.messages",
            "queued.max.messages.kbytes",
            "fetch.max.bytes",
            "fetch.message.max.bytes",
            "max.partition.fetch.bytes",
            "receive.message.max.bytes",
        ],
        why: "plimsoll derives it from memory_limit, so that all memory stays bounded",
        hint: "use memory_limit at the top of the file",
    },
    Refused {
        names: &["statistics.interval.ms"],
        why: "nobody would read the statistics",
        hint: "scrape /metrics, which [http] serves",
    },
    Refused {
        names: &["test.mock.num.brokers"],
        why: "it replaces Kafka by a mock",
        hint: "leave it out; `plimsoll demo` brings a mock of its own",
    },
];

/// With KIP-848 the brokers decide these, and librdkafka refuses them.
const DECIDED_BY_BROKERS: &[&str] = &[
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "partition.assignment.strategy",
    "group.protocol.type",
];

/// Often used; for "did you mean".
const COMMON: &[&str] = &[
    "security.protocol",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.username",
    "sasl.password",
    "sasl.kerberos.principal",
    "sasl.kerberos.keytab",
    "sasl.oauthbearer.config",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.key.location",
    "ssl.key.pem",
    "ssl.key.password",
    "ssl.endpoint.identification.algorithm",
    "enable.ssl.certificate.verification",
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "max.poll.interval.ms",
    "partition.assignment.strategy",
    "socket.timeout.ms",
    "socket.keepalive.enable",
    "reconnect.backoff.ms",
    "reconnect.backoff.max.ms",
    "topic.metadata.refresh.interval.ms",
    "metadata.max.age.ms",
    "fetch.min.bytes",
    "fetch.wait.max.ms",
    "client.rack",
    "client.dns.lookup",
    "broker.address.family",
    "debug",
    "log_level",
];

/// Reads `[kafka]`.
pub(super) fn read(mut reader: Reader<'_, '_>) -> Option<Kafka> {
    let bootstrap_servers = reader.filled("bootstrap_servers");
    if !reader.has("bootstrap_servers") {
        reader.missing(
            "bootstrap_servers",
            "where Kafka is: bootstrap_servers = \"127.0.0.1:9092\"",
        );
    }
    let isolation_level = reader
        .choice(
            "isolation_level",
            "isolation level",
            &[
                ("read_committed", Isolation::ReadCommitted),
                ("read_uncommitted", Isolation::ReadUncommitted),
            ],
        )
        .unwrap_or(Isolation::ReadCommitted);
    let group_protocol = reader
        .choice(
            "group_protocol",
            "group protocol",
            &[
                ("classic", GroupProtocol::Classic),
                ("consumer", GroupProtocol::Consumer),
            ],
        )
        .unwrap_or(GroupProtocol::Classic);
    let group_instance_id = reader.filled("group_instance_id");
    if let (GroupProtocol::Consumer, Some(id)) = (group_protocol, &group_instance_id) {
        // Tried: UNRELEASED_INSTANCE_ID is fatal to the client.
        reader.fault_in(
            id,
            "does not go with group_protocol = \"consumer\": after a kill the brokers refuse the \
             successor until the session ends, and the client gives up",
            "leave it out, or use group_protocol = \"classic\"",
        );
    }
    let properties = match reader.table("properties") {
        Some(table) => read_properties(&table, group_protocol),
        None => BTreeMap::new(),
    };
    reader.finish();
    Some(Kafka {
        bootstrap_servers: bootstrap_servers?.value,
        properties,
        isolation_level,
        group_protocol,
        group_instance_id: group_instance_id.map(|id| id.value),
    })
}

fn read_properties(table: &Reader<'_, '_>, protocol: GroupProtocol) -> BTreeMap<String, String> {
    let mut properties = BTreeMap::new();
    flatten(table, "", &mut |name, place, value| {
        let Some(text) = as_text(table, place, value) else {
            return;
        };
        if !refuse(table, name, &text, protocol) {
            ask_librdkafka(table, name, &text);
        }
        if properties.insert(name.to_owned(), text.value).is_some() {
            table.fault_at(
                place,
                &text.at,
                "is set twice",
                "a.b and \"a.b\" are the same property",
            );
        }
    });
    properties
}

/// `security.protocol = "SSL"` without quotes is a table to TOML, and means the
/// same to its author.
fn flatten<'d>(
    table: &Reader<'_, 'd>,
    prefix: &str,
    each: &mut dyn FnMut(&str, &str, &'d Spanned<DeValue<'d>>),
) {
    for entry in table.entries() {
        let name = if prefix.is_empty() {
            entry.key.to_owned()
        } else {
            format!("{prefix}.{}", entry.key)
        };
        match entry.value.get_ref() {
            DeValue::Table(_) => {
                let place = table.place().to_owned();
                if let Some(inner) = table.as_table(place, entry.key_at, entry.value) {
                    flatten(&inner, &name, each);
                }
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => {
                let place = join(table.place(), &name);
                each(&name, &place, entry.value);
            }
        }
    }
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
            return table.text(place, value, "a string, an integer or a boolean");
        }
    };
    Some(Text::plain(plain, value.span(), place))
}

/// Whether the promise forbids the property, or this value of it.
fn refuse(table: &Reader<'_, '_>, name: &str, text: &Text, protocol: GroupProtocol) -> bool {
    if let Some(refused) = REFUSED.iter().find(|r| r.names.contains(&name)) {
        table.fault_in(text, format!("is refused: {}", refused.why), refused.hint);
        return true;
    }
    if protocol == GroupProtocol::Consumer && DECIDED_BY_BROKERS.contains(&name) {
        table.fault_in(
            text,
            "is refused: with group_protocol = \"consumer\" the brokers decide it",
            "leave it out, or use group_protocol = \"classic\"",
        );
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
