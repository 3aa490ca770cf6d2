//! What a table must hold, told from the log alone.

use super::kafka::{Kafka, Record};
use super::postgres::Database;
use super::service::Service;
use serde_json::Value;
use std::collections::BTreeMap;

/// One row, each value as Postgres writes it.
pub type Row = Vec<Option<String>>;

/// How records become rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A row per coordinate.
    Log,
    /// A row per record.
    Append,
    /// A row per key.
    Upsert,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Log, Self::Append, Self::Upsert];

    /// As the config names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Append => "append",
            Self::Upsert => "upsert",
        }
    }
}

/// The table `orders` of a mode. `log` makes its own; `append` has no unique
/// constraint at all, so that a double row would stay.
pub fn create_table(database: &Database, mode: Mode) {
    let columns =
        "customer text, status text, amount numeric(12,2), quantity integer, placed_at timestamptz,
         note text DEFAULT 'none', part integer, off bigint";
    match mode {
        Mode::Log => {}
        Mode::Append => {
            database.execute(&format!("CREATE TABLE {{s}}.orders (id bigint, {columns})"))
        }
        Mode::Upsert => database.execute(&format!(
            "CREATE TABLE {{s}}.orders (id bigint PRIMARY KEY, {columns})"
        )),
    }
}

/// A service that writes a topic of orders into that table.
pub fn service(test: &str, database: &Database, topic: &str, mode: Mode) -> Service {
    let mut service = Service::new(
        test,
        topic,
        &database.table("orders"),
        mode.name(),
        &database.state_schema(),
    );
    if mode != Mode::Log {
        // The coordinates: a row tells which record made it.
        service.columns = "part = \"partition\"\noff = \"offset\"".to_owned();
    }
    service
}

/// The rows of the table `orders`.
pub fn found(database: &Database, mode: Mode) -> Vec<Row> {
    found_in(database, mode, ", part, off")
}

/// The same, with other columns at the end.
pub fn found_in(database: &Database, mode: Mode, more: &str) -> Vec<Row> {
    match mode {
        Mode::Log => {
            let sql = "SELECT kafka_topic, kafka_partition, kafka_offset, event_data FROM {s}.orders";
            let mut rows = database.rows(sql);
            for row in &mut rows {
                row[3] = row[3].take().map(|text| canonical(&text));
            }
            rows
        }
        Mode::Append | Mode::Upsert => database.rows(&format!(
            "SELECT id, customer, status, amount, quantity,
                to_char(placed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), note{more}
             FROM {{s}}.orders",
        )),
    }
}

/// The fold of the log.
pub fn expected(mode: Mode, log: &[Record]) -> Vec<Row> {
    match mode {
        Mode::Log => log.iter().map(coordinates).collect(),
        Mode::Append => {
            let all = log
                .iter()
                .map(|record| order(record).expect("append has no tombstones in these tests"));
            all.collect()
        }
        Mode::Upsert => {
            let mut rows = BTreeMap::new();
            for record in log {
                let key =
                    String::from_utf8(record.message.key.clone().expect("a key")).expect("text");
                match order(record) {
                    Some(row) => rows.insert(key, row),
                    None => rows.remove(&key),
                };
            }
            rows.into_values().collect()
        }
    }
}

fn coordinates(record: &Record) -> Row {
    let event = record
        .message
        .value
        .as_ref()
        .map(|v| canonical(std::str::from_utf8(v).expect("text")));
    vec![
        Some(record.topic.clone()),
        Some(record.message.partition.to_string()),
        Some(record.offset.to_string()),
        event,
    ]
}

/// JSON without the differences that mean nothing: jsonb orders keys its way.
fn canonical(json: &str) -> String {
    serde_json::from_str::<Value>(json)
        .expect("JSON")
        .to_string()
}

fn order(record: &Record) -> Option<Row> {
    let value: Value = serde_json::from_slice(record.message.value.as_ref()?).expect("JSON");
    let text = |field: &str| value[field].as_str().map(ToOwned::to_owned);
    let number = |field: &str| value[field].as_i64().map(|n| n.to_string());
    let note = match value.get("note") {
        // A missing field is the column's default, also on update.
        None => Some("none".to_owned()),
        Some(note) => note.as_str().map(ToOwned::to_owned),
    };
    Some(vec![
        number("id"),
        text("customer"),
        text("status"),
        value["amount"].as_f64().map(|a| format!("{a:.2}")),
        number("quantity"),
        text("placed_at"),
        note,
        Some(record.message.partition.to_string()),
        Some(record.offset.to_string()),
    ])
}

/// What distinguishes a table from the fold of the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Rows that should be there.
    pub missing: Vec<Row>,
    /// Rows that should not.
    pub extra: Vec<Row>,
    /// Rows that are there more often than they should.
    pub doubled: Vec<Row>,
}

/// Compares two multisets of rows.
pub fn compare(expected: &[Row], found: &[Row]) -> Difference {
    let mut counts: BTreeMap<&Row, (usize, usize)> = BTreeMap::new();
    for row in expected {
        counts.entry(row).or_default().0 += 1;
    }
    for row in found {
        counts.entry(row).or_default().1 += 1;
    }
    let mut difference = Difference::default();
    for (row, (wanted, there)) in counts {
        if there < wanted {
            difference.missing.push(row.clone());
        } else if there > wanted && wanted == 0 {
            difference.extra.push(row.clone());
        } else if there > wanted {
            difference.doubled.push(row.clone());
        }
    }
    difference
}

/// The table equals the fold of the log.
#[track_caller]
pub fn assert_exact(database: &Database, kafka: &Kafka, topic: &str, mode: Mode) {
    assert_rows(&expected(mode, &kafka.log(topic)), &found(database, mode));
}

/// Two multisets of rows are equal.
#[track_caller]
pub fn assert_rows(expected: &[Row], found: &[Row]) {
    let difference = compare(expected, found);
    let Difference {
        missing,
        extra,
        doubled,
    } = &difference;
    let few = |rows: &[Row]| {
        rows.iter()
            .take(5)
            .map(|r| format!("\n    {r:?}"))
            .collect::<String>()
    };
    assert!(
        difference == Difference::default(),
        "{} rows expected, {} found\n  {} missing{}\n  {} extra{}\n  {} doubled{}",
        expected.len(),
        found.len(),
        missing.len(),
        few(missing),
        extra.len(),
        few(extra),
        doubled.len(),
        few(doubled),
    );
}

#[cfg(test)]
mod tests {
    use super::{Difference, Row, compare};

    fn row(text: &str) -> Row {
        vec![Some(text.to_owned())]
    }

    #[test]
    fn the_oracle_sees_what_is_missing_extra_and_doubled() {
        let expected = [row("a"), row("b"), row("c")];
        let found = [row("c"), row("b"), row("b"), row("d")];
        let difference = Difference {
            missing: vec![row("a")],
            extra: vec![row("d")],
            doubled: vec![row("b")],
        };
        assert_eq!(compare(&expected, &found), difference);
        assert_eq!(compare(&found, &found), Difference::default());
    }
}
