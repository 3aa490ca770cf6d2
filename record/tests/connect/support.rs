//! Records through a decoder of Kafka Connect's JSON, and what is shown of its rows.

pub use plimsoll_format_testing::fault as bad;
use plimsoll_format_testing::{one, shown};
use plimsoll_record::{
    Arena, BadRecord, ConnectJson, Connector, Decoder, Envelope, Formats, Undecoded, UnknownFields,
};
use plimsoll_sink_api::canonical;
use plimsoll_sink_api::{Cell, Column, Holds, Mode, Op, Path, Rows, Shape, Source, Table};
use serde_json::Value;
use std::sync::Arc;

/// A column.
#[derive(Clone)]
pub struct Want(Column);

/// One that takes a field of the value: `a.b`; all of it: ``. Its name is the path.
pub fn want(path: &str) -> Want {
    let parts = path.split('.').filter(|part| !part.is_empty());
    let source = Source::Value(Path(parts.map(str::to_owned).collect()));
    Want(Column {
        name: path.to_owned(),
        take: source.into(),
        shape: Shape::Scalar,
        key: false,
        type_name: "text".to_owned(),
        holds: Holds::named("text"),
    })
}

impl Want {
    pub fn json(mut self) -> Self {
        self.0.shape = Shape::Json;
        self
    }

    pub fn bytes(mut self) -> Self {
        self.0.shape = Shape::Bytes;
        self
    }

    pub fn key(mut self) -> Self {
        self.0.key = true;
        self
    }

    /// Of the record's key.
    pub fn of_key(mut self) -> Self {
        if let Source::Value(path) = &self.0.take.source {
            self.0.take = Source::Key(path.clone()).into();
        }
        self
    }

    pub fn typed(mut self, name: &str) -> Self {
        self.0.type_name = name.to_owned();
        self
    }
}

/// A message, as the converter writes it.
pub fn message(schema: &Value, payload: &str) -> String {
    format!("{{\"schema\":{schema},\"payload\":{payload}}}")
}

/// A row, each cell with its kind.
pub type Shown = (Op, Vec<String>);

pub fn row(op: Op, cells: &[&str]) -> Shown {
    (op, cells.iter().map(|&cell| cell.to_owned()).collect())
}

fn decoder(wants: &[Want], mode: Mode, unknown: UnknownFields, envelope: Envelope) -> Decoder {
    let table = Table {
        name: "t".to_owned(),
        mode,
        columns: wants.iter().map(|want| want.0.clone()).collect(),
        filter: None,
        explode: None,
        evolve: None,
    };
    let formats = Formats {
        key: Arc::new(ConnectJson),
        value: Arc::new(ConnectJson),
        unknown,
        unit: None,
        envelope,
    };
    Decoder::new(&table, "orders", 3, &formats)
}

fn decoded(
    decoder: &Decoder,
    columns: usize,
    key: Option<&str>,
    value: Option<&str>,
) -> Result<Option<Shown>, BadRecord> {
    let chunk = one(7, key.map(str::as_bytes), value.map(str::as_bytes));
    let (arena, mut rows) = (Arena::new(), Rows::with_capacity(columns, 1));
    match decoder.decode(&chunk.record(0), &arena, &mut rows) {
        Ok(_) => {
            let first = rows.iter().next();
            Ok(first.map(|(row, cells)| (row.op, cells.iter().map(shown).collect())))
        }
        Err(Undecoded::Bad(bad)) => {
            assert!(rows.is_empty(), "a bad record left a row behind");
            Err(bad)
        }
        Err(other) => panic!("it needs nothing: {other}"),
    }
}

/// The row of a record.
pub fn decode(
    wants: &[Want],
    mode: Mode,
    key: Option<&str>,
    value: Option<&str>,
) -> Result<Shown, BadRecord> {
    let decoder = decoder(wants, mode, UnknownFields::Ignore, Envelope::None);
    let row = decoded(&decoder, wants.len(), key, value)?;
    Ok(row.expect("a row"))
}

/// The row of a change event, or none.
pub fn event(
    wants: &[Want],
    key: Option<&str>,
    value: Option<&str>,
) -> Result<Option<Shown>, BadRecord> {
    let envelope = Envelope::Debezium(Connector::default());
    let decoder = decoder(wants, Mode::Upsert, UnknownFields::Ignore, envelope);
    decoded(&decoder, wants.len(), key, value)
}

/// The cells of several values, by one decoder.
pub fn decode_by(
    wants: &[Want],
    mode: Mode,
    values: &[&str],
) -> Vec<Result<Vec<String>, BadRecord>> {
    let decoder = decoder(wants, mode, UnknownFields::Ignore, Envelope::None);
    let rows = values.iter().map(|value| {
        let row = decoded(&decoder, wants.len(), None, Some(value))?;
        Ok(row.expect("a row").1)
    });
    rows.collect()
}

/// The cells of a value.
pub fn read(wants: &[Want], value: &str) -> Result<Vec<String>, BadRecord> {
    read_with(wants, UnknownFields::Ignore, value)
}

pub fn read_with(
    wants: &[Want],
    unknown: UnknownFields,
    value: &str,
) -> Result<Vec<String>, BadRecord> {
    let decoder = decoder(wants, Mode::Append, unknown, Envelope::None);
    let row = decoded(&decoder, wants.len(), None, Some(value))?;
    Ok(row.expect("a row").1)
}

pub fn base64(bytes: &[u8]) -> String {
    canonical::to_base64(bytes)
}

/// A day as its date.
pub fn date(days: i32) -> String {
    shown(&Cell::Date(days))
}

/// So many cents as a decimal.
pub fn cents(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let digits = cents.unsigned_abs();
    format!("{sign}{}.{:02}", digits / 100, digits % 100)
}
