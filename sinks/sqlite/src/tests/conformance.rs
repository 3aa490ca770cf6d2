//! SQLite does what every sink has to do.

use crate::{SqliteSettings, SqliteSink, SqliteSnapshot};
use plimsoll_conformance::{
    Capabilities, ColumnSpec, Decimals, Harness, Kept, TableSpec, Type, Typing,
};
use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::text::ident;
use plimsoll_sink_api::{Act, Mode, TableRule};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Row, SqliteConnection, TypeInfo, ValueRef};
use std::path::PathBuf;
use tempfile::TempDir;

/// A file.
struct File {
    dir: TempDir,
}

const SINK: &str = "conformance";

fn declared(typ: Type) -> &'static str {
    match typ {
        Type::Int => "INTEGER",
        Type::Decimal => "DECIMAL(40, 20)",
        Type::Float => "REAL",
        Type::Bool => "BOOLEAN",
        Type::Text | Type::Uuid => "TEXT",
        Type::Bytes => "BLOB",
        Type::Json => "JSON",
        Type::Time => "TIMESTAMP",
        Type::Date => "DATE",
    }
}

fn column(spec: &ColumnSpec) -> String {
    let default = spec.default.as_ref().map(Kept::literal);
    let default = default.map_or(String::new(), |sql| format!(" DEFAULT {sql}"));
    format!("{} {}{default}", ident(spec.name), declared(spec.typ))
}

impl File {
    fn path(&self) -> PathBuf {
        self.dir.path().join("test.db")
    }

    async fn connect(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.path());
        options.create_if_missing(true).connect().await.unwrap()
    }

    async fn run(&self, sql: String) {
        let mut connection = self.connect().await;
        let done = sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut connection);
        done.await.expect(&sql);
    }

    fn settings(&self, tables: Vec<TableRule>) -> SqliteSettings {
        SqliteSettings {
            sink: SINK.to_owned(),
            path: self.path(),
            auto_migrate: tables.iter().any(|t| t.settings.mode == Mode::Log),
            tables,
        }
    }

    /// Removes the row of a partition from one of plimsoll's tables.
    async fn lose(&self, table: &str, tp: &TopicPartition) {
        self.run(format!(
            "DELETE FROM {table} WHERE sink = '{SINK}' AND topic = '{}' AND kafka_partition = {}",
            tp.topic, tp.partition
        ))
        .await;
    }
}

/// What stands there, by its storage class and by what the column was made for.
fn kept(row: &SqliteRow, at: usize, typ: Type) -> Kept {
    let class = {
        let raw = row.try_get_raw(at).unwrap();
        match raw.is_null() {
            true => return Kept::Null,
            false => raw.type_info().name().to_owned(),
        }
    };
    let number = match class.as_str() {
        "INTEGER" => row.get_unchecked::<i64, _>(at).to_string(),
        "REAL" => format!("{:e}", row.get_unchecked::<f64, _>(at)),
        "TEXT" => return text(row.get_unchecked(at), typ),
        _ => return Kept::Bytes(row.get_unchecked(at)),
    };
    match (typ, number.as_str()) {
        (Type::Bool, "0" | "1") => Kept::Bool(number == "1"),
        (Type::Json, _) => Kept::json(&number),
        _ => Kept::number(&number),
    }
}

fn text(text: String, typ: Type) -> Kept {
    match typ {
        Type::Json if serde_json::from_str::<serde_json::Value>(&text).is_ok() => Kept::json(&text),
        Type::Time => Kept::time(&text).unwrap_or(Kept::Text(text)),
        _ => Kept::Text(text),
    }
}

impl Harness for File {
    type Sink = SqliteSink;
    type Snapshot = SqliteSnapshot;

    const CAPABILITIES: Capabilities = Capabilities {
        typing: Typing::Flexible,
        decimals: Decimals::SixtyFourBits,
        ..Capabilities::FULL
    };

    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir }
    }

    fn table(&self, name: &str) -> String {
        name.to_owned()
    }

    async fn create(&self, name: &str, spec: &TableSpec) {
        let mut parts: Vec<String> = spec.columns.iter().map(column).collect();
        let key: Vec<String> = spec.keys().map(|c| ident(c.name)).collect();
        if !key.is_empty() {
            parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
        }
        self.run(format!(
            "CREATE TABLE {} ({})",
            ident(name),
            parts.join(", ")
        ))
        .await;
    }

    async fn open(&self, _: &str, tables: Vec<TableRule>) -> SqliteSink {
        SqliteSink::open(self.settings(tables)).unwrap()
    }

    async fn snapshot(&self, tables: Vec<TableRule>) -> SqliteSnapshot {
        SqliteSnapshot::open(&self.settings(tables)).await.unwrap()
    }

    async fn rows(&self, table: &str, columns: &[(&str, Type)]) -> Vec<Vec<Kept>> {
        let names: Vec<String> = columns.iter().map(|(name, _)| ident(name)).collect();
        let sql = format!("SELECT {} FROM {}", names.join(", "), ident(table));
        let mut connection = self.connect().await;
        let rows = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let values = |row: &SqliteRow| {
            let types = columns.iter().enumerate();
            types.map(|(at, (_, typ))| kept(row, at, *typ)).collect()
        };
        rows.iter().map(values).collect()
    }

    async fn lose_position(&self, tp: &TopicPartition) {
        self.lose("plimsoll_positions", tp).await;
    }

    async fn lose_start(&self, tp: &TopicPartition) {
        self.lose("plimsoll_starts", tp).await;
    }

    async fn acts(&self, tp: &TopicPartition) -> Vec<Act> {
        let mut connection = self.connect().await;
        let rows = sqlx::query(
            "SELECT kind, stood_at, began_at, from_offset, to_offset FROM plimsoll_acts
              WHERE sink = ?1 AND topic = ?2 AND kafka_partition = ?3 ORDER BY act",
        )
        .bind(SINK)
        .bind(&*tp.topic)
        .bind(tp.partition)
        .fetch_all(&mut connection)
        .await
        .unwrap();
        let act = |row: &SqliteRow| {
            let kind: String = row.get(0);
            Act::read(&kind, row.get(1), row.get(2), row.get(3), row.get(4)).expect(&kind)
        };
        rows.iter().map(act).collect()
    }

    async fn began_at(&self, tp: &TopicPartition) -> Option<i64> {
        let mut connection = self.connect().await;
        sqlx::query_scalar(
            "SELECT start_offset FROM plimsoll_positions
              WHERE sink = ?1 AND topic = ?2 AND kafka_partition = ?3",
        )
        .bind(SINK)
        .bind(&*tp.topic)
        .bind(tp.partition)
        .fetch_optional(&mut connection)
        .await
        .unwrap()
        .flatten()
    }
}

plimsoll_conformance::suite!(File);
