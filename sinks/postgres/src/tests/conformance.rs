//! Postgres does what every sink has to do, by each of its two ways of writing.

use super::world::url;
use crate::{PostgresSettings, PostgresSink, PostgresSnapshot};
use plimsoll_conformance::{Capabilities, Harness, Kept, Nul, TableSpec, Type};
use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::text::ident;
use plimsoll_sink_api::{Act, Secret, TableRule};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection, Row};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::OnceCell;

/// The schema of all scenarios, for tables; `conformance_state` is plimsoll's own.
const SCHEMA: &str = "conformance";

static MADE: OnceCell<()> = OnceCell::const_new();
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A sink of its own in these schemas.
struct Place {
    sink: String,
    copies_above: usize,
}

async fn connect() -> PgConnection {
    PgConnection::connect(&url())
        .await
        .expect("the test server")
}

async fn run(sql: String) {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.clone()));
    done.execute(&mut connect().await).await.expect(&sql);
}

async fn fetch(sql: String) -> Vec<PgRow> {
    let rows = sqlx::raw_sql(AssertSqlSafe(sql.clone()));
    rows.fetch_all(&mut connect().await).await.expect(&sql)
}

fn declared(typ: Type) -> &'static str {
    match typ {
        Type::Int => "bigint",
        Type::Decimal => "numeric",
        Type::Float => "double precision",
        Type::Bool => "boolean",
        Type::Text => "text",
        Type::Bytes => "bytea",
        Type::Json => "jsonb",
        Type::Time => "timestamptz",
        Type::Date => "date",
        Type::Uuid => "uuid",
    }
}

/// The text that a value is read back as.
fn shown(name: &str, typ: Type) -> String {
    let name = ident(name);
    match typ {
        Type::Bytes => format!("encode({name}, 'hex')"),
        Type::Time => format!("(extract(epoch FROM {name}) * 1000)::int8::text"),
        _ => format!("{name}::text"),
    }
}

fn kept(text: Option<String>, typ: Type) -> Kept {
    let Some(text) = text else {
        return Kept::Null;
    };
    match typ {
        Type::Int | Type::Decimal | Type::Float => Kept::number(&text),
        Type::Bool => Kept::Bool(text == "true"),
        Type::Text | Type::Date | Type::Uuid => Kept::Text(text),
        Type::Bytes => Kept::Bytes(
            (0..text.len() / 2)
                .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
                .collect(),
        ),
        Type::Json => Kept::json(&text),
        Type::Time => Kept::Time(text.parse().unwrap()),
    }
}

impl Place {
    fn settings(&self, tables: Vec<TableRule>) -> PostgresSettings {
        PostgresSettings {
            sink: self.sink.clone(),
            url: Secret::new(url()),
            state_schema: format!("{SCHEMA}_state"),
            max_connections: 2,
            auto_migrate: true,
            call_timeout: Duration::from_secs(20),
            tables,
        }
    }

    fn of(&self, table: &str, tp: &TopicPartition) -> String {
        format!(
            "FROM {SCHEMA}_state.{table} WHERE sink = '{}' AND topic = '{}' \
             AND kafka_partition = {}",
            self.sink, tp.topic, tp.partition
        )
    }
}

/// The years that a timestamptz holds, to the second.
fn letter_time(millis: i64) -> Option<i64> {
    let held = -210_866_803_200_000..=9_224_318_015_999_000;
    held.contains(&millis).then_some(millis)
}

impl Harness for Place {
    type Sink = PostgresSink;
    type Snapshot = PostgresSnapshot;

    const CAPABILITIES: Capabilities = Capabilities {
        nul: Nul::Refused,
        letter_time,
        ..Capabilities::FULL
    };

    async fn new() -> Self {
        MADE.get_or_init(|| async {
            run(format!(
                "DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; \
                 DROP SCHEMA IF EXISTS {SCHEMA}_state CASCADE; CREATE SCHEMA {SCHEMA}"
            ))
            .await;
        })
        .await;
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        Self {
            sink: format!("place_{number}"),
            copies_above: COPIES_ABOVE.get(),
        }
    }

    fn table(&self, name: &str) -> String {
        format!("{SCHEMA}.{}_{name}", self.sink)
    }

    async fn create(&self, name: &str, spec: &TableSpec) {
        let column = |c: &plimsoll_conformance::ColumnSpec| {
            let default = c.default.as_ref().map(Kept::literal);
            let default = default.map_or(String::new(), |sql| format!(" DEFAULT {sql}"));
            format!("{} {}{default}", ident(c.name), declared(c.typ))
        };
        let mut parts: Vec<String> = spec.columns.iter().map(column).collect();
        let key: Vec<String> = spec.keys().map(|c| ident(c.name)).collect();
        if !key.is_empty() {
            parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
        }
        run(format!(
            "CREATE TABLE {} ({})",
            self.table(name),
            parts.join(", ")
        ))
        .await;
    }

    async fn open(&self, process: &str, rules: Vec<TableRule>) -> PostgresSink {
        let sink = PostgresSink::open(self.settings(rules), process).unwrap();
        sink.copying_above(self.copies_above)
    }

    async fn snapshot(&self, rules: Vec<TableRule>) -> PostgresSnapshot {
        PostgresSnapshot::open(&self.settings(rules)).await.unwrap()
    }

    async fn rows(&self, table: &str, columns: &[(&str, Type)]) -> Vec<Vec<Kept>> {
        let texts: Vec<String> = columns.iter().map(|(n, t)| shown(n, *t)).collect();
        let sql = format!("SELECT {} FROM {}", texts.join(", "), self.table(table));
        let values = |row: &PgRow| {
            let types = columns.iter().enumerate();
            types
                .map(|(at, (_, typ))| kept(row.get(at), *typ))
                .collect()
        };
        fetch(sql).await.iter().map(values).collect()
    }

    async fn lose_position(&self, tp: &TopicPartition) {
        run(format!("DELETE {}", self.of("positions", tp))).await;
    }

    async fn lose_start(&self, tp: &TopicPartition) {
        run(format!("DELETE {}", self.of("starts", tp))).await;
    }

    async fn acts(&self, tp: &TopicPartition) -> Vec<Act> {
        let sql = format!(
            "SELECT kind, stood_at, began_at, from_offset, to_offset {} ORDER BY act",
            self.of("acts", tp)
        );
        let act = |row: &PgRow| {
            let kind: String = row.get(0);
            Act::read(&kind, row.get(1), row.get(2), row.get(3), row.get(4)).expect(&kind)
        };
        fetch(sql).await.iter().map(act).collect()
    }

    async fn began_at(&self, tp: &TopicPartition) -> Option<i64> {
        let rows = fetch(format!("SELECT start_offset {}", self.of("positions", tp))).await;
        rows.first().and_then(|row| row.get(0))
    }
}

tokio::task_local! {
    /// Batches of more rows are copied.
    static COPIES_ABOVE: usize;
}

mod by_statement {
    use super::*;

    async fn within<F: Future>(scenario: F) -> F::Output {
        COPIES_ABOVE
            .scope(crate::commit::COPY_ABOVE, scenario)
            .await
    }

    plimsoll_conformance::suite!(Place, within);
}

mod by_copy {
    use super::*;

    async fn within<F: Future>(scenario: F) -> F::Output {
        COPIES_ABOVE.scope(0, scenario).await
    }

    plimsoll_conformance::suite!(Place, within);
}
