//! Records, and the cells that the decoder makes of them.

use plimsoll_sink_api::{Cell, Mode, Op, Path, Row, Rows, Shape, Source, Table};

/// A value that a record says of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// As JSON writes it.
    json: String,
    plain: Plain,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Plain {
    Null,
    Bool(bool),
    Number,
    Text(String),
    Nested,
    Unsent,
}

impl Said {
    /// An explicit null.
    #[must_use]
    pub fn null() -> Self {
        let json = "null".to_owned();
        let plain = Plain::Null;
        Self { json, plain }
    }

    /// That it is what it was.
    #[must_use]
    pub fn unsent() -> Self {
        let json = String::new();
        let plain = Plain::Unsent;
        Self { json, plain }
    }

    /// A string.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self {
            json: serde_json::Value::from(text).to_string(),
            plain: Plain::Text(text.to_owned()),
        }
    }

    /// A number, as it is written.
    #[must_use]
    pub fn number(digits: &str) -> Self {
        Self {
            json: digits.to_owned(),
            plain: Plain::Number,
        }
    }

    /// A truth value.
    #[must_use]
    pub fn bool(yes: bool) -> Self {
        Self {
            json: yes.to_string(),
            plain: Plain::Bool(yes),
        }
    }

    /// An object or an array.
    #[must_use]
    pub fn nested(json: &str) -> Self {
        Self {
            json: json.to_owned(),
            plain: Plain::Nested,
        }
    }

    /// The text of a string.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.plain {
            Plain::Text(text) => Some(text),
            Plain::Null | Plain::Bool(_) | Plain::Number | Plain::Nested | Plain::Unsent => None,
        }
    }

    fn cell(&self, shape: Shape) -> Cell<'_> {
        match (&self.plain, shape) {
            (Plain::Null, _) => Cell::Null,
            (Plain::Unsent, _) => Cell::Unchanged,
            (_, Shape::Json) | (Plain::Nested, _) => Cell::Json(&self.json),
            (Plain::Bool(yes), _) => Cell::Bool(*yes),
            (Plain::Number, _) => Cell::Number(&self.json),
            (Plain::Text(text), _) => Cell::Text(text),
        }
    }
}

/// A record, its value as fields or whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    op: Op,
    fields: Vec<(&'static str, Said)>,
    event: Option<String>,
    key: Option<Vec<u8>>,
    headers: Vec<(&'static str, Option<Vec<u8>>)>,
    timestamp: Option<i64>,
    index: Option<i64>,
}

impl Record {
    fn new(op: Op, fields: Vec<(&'static str, Said)>) -> Self {
        Self {
            op,
            fields,
            event: None,
            key: None,
            headers: Vec::new(),
            timestamp: None,
            index: None,
        }
    }

    /// One with these fields.
    #[must_use]
    pub fn put(fields: impl IntoIterator<Item = (&'static str, Said)>) -> Self {
        Self::new(Op::Put, fields.into_iter().collect())
    }

    /// One whose value is wanted whole.
    #[must_use]
    pub fn event(json: &str) -> Self {
        Self {
            event: Some(json.to_owned()),
            ..Self::new(Op::Put, Vec::new())
        }
    }

    /// A tombstone, and the fields of its key.
    #[must_use]
    pub fn tombstone(key: impl IntoIterator<Item = (&'static str, Said)>) -> Self {
        Self::new(Op::Delete, key.into_iter().collect())
    }

    /// The same with one more field.
    #[must_use]
    pub fn and(mut self, name: &'static str, said: Said) -> Self {
        self.fields.push((name, said));
        self
    }

    /// The same with a key.
    #[must_use]
    pub fn key(mut self, key: &[u8]) -> Self {
        self.key = Some(key.to_vec());
        self
    }

    /// The same with a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: Option<&[u8]>) -> Self {
        self.headers.push((name, value.map(<[u8]>::to_vec)));
        self
    }

    /// The same with a time.
    #[must_use]
    pub fn at(mut self, millis: i64) -> Self {
        self.timestamp = Some(millis);
        self
    }

    /// The element at this place of an array, instead of a whole record.
    #[must_use]
    pub fn element(mut self, index: i64) -> Self {
        self.index = Some(index);
        self
    }

    /// What it says of a field.
    #[must_use]
    pub fn said(&self, name: &str) -> Option<&Said> {
        let mut fields = self.fields.iter();
        fields.find(|(n, _)| *n == name).map(|(_, said)| said)
    }

    /// Whether it deletes.
    #[must_use]
    pub fn deletes(&self) -> bool {
        self.op == Op::Delete
    }

    fn cell<'r>(&'r self, source: &Source, shape: Shape, place: &Place<'r>) -> Cell<'r> {
        match source {
            Source::Value(Path(path)) | Source::Item(Path(path)) if path.is_empty() => {
                self.event.as_deref().map_or(Cell::Null, Cell::Json)
            }
            Source::Value(Path(path)) | Source::Item(Path(path)) | Source::Key(Path(path))
                if !path.is_empty() =>
            {
                self.said(&path.join("."))
                    .map_or(Cell::Absent, |said| said.cell(shape))
            }
            Source::Value(_) | Source::Item(_) => Cell::Absent,
            Source::Index => self.index.map_or(Cell::Absent, Cell::Int),
            Source::Key(_) => match &self.key {
                None => Cell::Null,
                Some(key) => whole_key(key, shape),
            },
            Source::Header(name) => match self.headers.iter().rfind(|(n, _)| n == name) {
                None => Cell::Absent,
                Some((_, None)) => Cell::Null,
                Some((_, Some(bytes))) => text_or_bytes(bytes, shape),
            },
            // The decoder's own: they become what these here are before a sink sees them.
            Source::Spelled(_)
            | Source::Inside(_)
            | Source::Rest
            | Source::SpelledItem(_)
            | Source::Constant(_) => Cell::Absent,
            Source::Topic => Cell::Text(place.topic),
            Source::Partition => Cell::Int(place.partition.into()),
            Source::Offset => Cell::Int(place.offset),
            Source::Timestamp => self.timestamp.map_or(Cell::Null, Cell::millis),
        }
    }
}

/// Where a record stands.
#[derive(Debug, Clone, Copy)]
pub struct Place<'p> {
    /// Its topic.
    pub topic: &'p str,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
}

fn text_or_bytes(bytes: &[u8], shape: Shape) -> Cell<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) if shape != Shape::Bytes => Cell::Text(text),
        Ok(_) | Err(_) => Cell::Bytes(bytes),
    }
}

fn whole_key(key: &[u8], shape: Shape) -> Cell<'_> {
    let Ok(text) = std::str::from_utf8(key) else {
        return Cell::Bytes(key);
    };
    match (shape, plimsoll_sink_api::canonical::json(text)) {
        (Shape::Json, Ok(json)) => Cell::Json(json),
        (Shape::Scalar, Ok(_)) if text.starts_with('"') => {
            Cell::Text(serde_json::from_str::<&str>(text).unwrap_or(text))
        }
        _ => text_or_bytes(key, shape),
    }
}

/// Adds the row of a record, as the decoder does.
pub fn push<'r>(rows: &mut Rows<'r>, table: &Table, record: &'r Record, place: &Place<'r>) {
    // In a log a tombstone is an event without a value.
    let op = match table.mode {
        Mode::Log => Op::Put,
        Mode::Append | Mode::Upsert => record.op,
    };
    let offset = place.offset;
    let cells = rows.push(Row { offset, op });
    for (cell, column) in cells.iter_mut().zip(&table.columns) {
        if op == Op::Put || column.key {
            *cell = record.cell(&column.take.source, column.shape, place);
        }
    }
}
