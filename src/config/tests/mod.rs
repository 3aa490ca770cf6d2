//! The config's tests: the sample as it stands, bad ones with their exact
//! messages, and arbitrary text.

mod bad;
mod formats_docs;
mod good;
mod random;
mod reference;
mod schema;
mod sources;

use super::Environment;
use std::collections::BTreeMap;
use std::io;

/// An environment of a test's own.
#[derive(Default)]
struct World {
    vars: BTreeMap<&'static str, &'static str>,
    files: BTreeMap<&'static str, &'static str>,
}

impl World {
    /// What the configs of these tests ask for.
    fn new() -> Self {
        Self {
            vars: BTreeMap::from([
                ("DATABASE_URL", "postgres://app:hunter2@db:5432/shop"),
                ("NOT_A_URL", "hunter2@db"),
                ("MODE", "hunter2"),
                ("EMPTY", ""),
            ]),
            files: BTreeMap::from([
                ("/run/secrets/url", "postgres://app:hunter2@db/shop\n"),
                ("/run/secrets/password", "hunter2\r\n"),
                ("/run/secrets/token", "hunter2"),
            ]),
        }
    }
}

impl Environment for World {
    fn var(&self, name: &str) -> Option<String> {
        self.vars.get(name).map(|value| (*value).to_owned())
    }

    fn file(&self, path: &str) -> io::Result<String> {
        self.files
            .get(path)
            .map(|text| (*text).to_owned())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// A config that a test of another module wrote.
pub(crate) fn configured(text: &str) -> super::Config {
    super::parse(text, &World::new()).expect("a good config")
}

/// A sink of the sample.
pub(crate) fn a_sink() -> super::Sink {
    let config = super::parse(SAMPLE, &World::new()).expect("a good config");
    config.sinks.into_iter().next().expect("a sink")
}

/// The sample of the README.
const SAMPLE: &str = r#"[kafka]
bootstrap_servers = "127.0.0.1:9092"
[kafka.properties]                    # passed to librdkafka (TLS, SASL …); those that would break the promise are refused
"security.protocol" = "PLAINTEXT"

[http]
listen = "127.0.0.1:9464"

[sinks.orders]
topics = ["orders"]                   # or topics_regex
group_id = "plimsoll-orders"          # default: plimsoll-<sink>
format = "json"
start = "earliest"                    # earliest | latest | an RFC 3339 time | { group = "connect-orders" }: where another group stands
on_bad_record = "halt"                # halt | dead_letter

[sinks.orders.batch]
max_records = 5000
max_bytes = "8MiB"
linger_ms = 100

[sinks.orders.postgres]
url = "${DATABASE_URL}"               # ${VAR} and ${file:/run/secrets/url}, expanded in parsed strings; a missing one is an error that names it
table = "public.orders"               # "public.{topic}" is filled per record
mode = "upsert"                       # log | append | upsert
key_columns = ["id"]                  # default: the table's primary key

[sinks.orders.postgres.columns]       # column = source; default: the field of the column's name
customer = "value.customer"           # a path into the record's value; nested and camelCase fields
"#;
