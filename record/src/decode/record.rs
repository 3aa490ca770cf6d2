//! One record → one row.

use super::fields::Fields;
use super::json::{self, ObjectReader};
use super::{BadRecord, UnknownFields};
use crate::Record;
use plimsoll_sink_api::{Cell, Column, Mode, Op, Path, Row, Rows, Shape, Source, Table};
use std::borrow::Cow;

/// Turns records into rows of one table. Built when the table is prepared,
/// then shared by nobody: it is cheap.
#[derive(Debug)]
pub struct Decoder {
    topic: String,
    partition: i32,
    mode: Mode,
    columns: Vec<Column>,
    value: Fields,
    whole_value: Vec<usize>,
    key: Fields,
    whole_key: Vec<usize>,
    own: Vec<usize>,
    tombstone_key: Fields,
    key_columns: Vec<usize>,
    reject_unknown: bool,
}

impl Decoder {
    /// For the records of one partition into one table.
    #[must_use]
    pub fn new(table: &Table, topic: &str, partition: i32, unknown: UnknownFields) -> Self {
        let mut it = Self {
            topic: topic.to_owned(),
            partition,
            mode: table.mode,
            columns: table.columns.clone(),
            value: Fields::default(),
            whole_value: Vec::new(),
            key: Fields::default(),
            whole_key: Vec::new(),
            own: Vec::new(),
            tombstone_key: Fields::default(),
            key_columns: Vec::new(),
            reject_unknown: unknown == UnknownFields::Reject,
        };
        for (i, column) in table.columns.iter().enumerate() {
            if column.key {
                it.key_columns.push(i);
            }
            match &column.source {
                Source::Value(Path(path)) if path.is_empty() => it.whole_value.push(i),
                Source::Value(Path(path)) => it.value.insert(path, i),
                Source::Key(Path(path)) if path.is_empty() => it.whole_key.push(i),
                Source::Key(Path(path)) => it.key.insert(path, i),
                Source::Header(_)
                | Source::Topic
                | Source::Partition
                | Source::Offset
                | Source::Timestamp => {
                    it.own.push(i);
                }
            }
            // A tombstone has no value: its key column is looked for in the
            // record's key, under the value's path and under its own name.
            if let (true, Source::Value(Path(path))) = (column.key, &column.source) {
                it.tombstone_key.insert(path, i);
                if path.as_slice() != [column.name.as_str()] {
                    it.tombstone_key
                        .insert(std::slice::from_ref(&column.name), i);
                }
            }
        }
        it
    }

    /// Adds the record's row.
    ///
    /// # Errors
    /// [`BadRecord`]; nothing is added then.
    pub fn decode<'c>(&self, record: &Record<'c>, rows: &mut Rows<'c>) -> Result<(), BadRecord> {
        let op = match (record.value, self.mode) {
            (None, Mode::Append) => return Err(BadRecord::Tombstone),
            (None, Mode::Upsert) => Op::Delete,
            (None, Mode::Log) | (Some(_), _) => Op::Put,
        };
        let cells = rows.push(Row {
            offset: record.offset,
            op,
        });
        let filled = match op {
            Op::Put => self.put(record, cells),
            Op::Delete => self.delete(record, cells),
        }
        .and_then(|()| self.check_key(cells));
        if filled.is_err() {
            rows.pop();
        }
        filled
    }

    fn put<'c>(&self, record: &Record<'c>, cells: &mut [Cell<'c>]) -> Result<(), BadRecord> {
        match record.value {
            Some(value) => self.value(value, cells)?,
            // In `log` mode a tombstone is an event without a value.
            None => self.whole_value.iter().for_each(|&i| cells[i] = Cell::Null),
        }
        self.key(record, cells)?;
        self.own(record, cells)
    }

    fn delete<'c>(&self, record: &Record<'c>, cells: &mut [Cell<'c>]) -> Result<(), BadRecord> {
        self.key(record, cells)?;
        self.own(record, cells)?;
        if let Some(key) = record.key
            && !self.tombstone_key.is_empty()
        {
            match (std::str::from_utf8(key), self.key_columns.as_slice()) {
                (Ok(text), _) if text.trim_start().starts_with('{') => {
                    self.object(&self.tombstone_key, text, cells, false, || {
                        BadRecord::KeyNotObject
                    })?;
                }
                (_, &[only]) => cells[only] = bare_key(key, self.columns[only].shape),
                _ => return Err(BadRecord::KeyNotObject),
            }
        }
        for (i, column) in self.columns.iter().enumerate() {
            if !column.key {
                cells[i] = Cell::Absent;
            }
        }
        Ok(())
    }

    fn value<'c>(&self, value: &'c [u8], cells: &mut [Cell<'c>]) -> Result<(), BadRecord> {
        let text = std::str::from_utf8(value).map_err(|e| BadRecord::ValueNotJson {
            at: e.valid_up_to(),
        })?;
        let raw = if self.value.is_empty() && !self.reject_unknown {
            json::whole(text).map_err(|at| BadRecord::ValueNotJson { at })?
        } else {
            let broken = || match json::whole(text) {
                Ok(_) => BadRecord::ValueNotObject,
                Err(at) => BadRecord::ValueNotJson { at },
            };
            self.object(&self.value, text, cells, self.reject_unknown, broken)?;
            text.trim_ascii()
        };
        for &i in &self.whole_value {
            let column = &self.columns[i];
            let bad = || BadRecord::BadString {
                column: column.name.clone(),
            };
            cells[i] = match column.shape {
                // A payload of `null` is an event; only a tombstone is NULL.
                Shape::Json => Cell::Json(raw),
                Shape::Scalar | Shape::Bytes => json::cell(raw, column.shape).ok_or_else(bad)?,
            };
        }
        Ok(())
    }

    fn object<'c>(
        &self,
        fields: &Fields,
        text: &'c str,
        cells: &mut [Cell<'c>],
        reject_unknown: bool,
        broken: impl FnOnce() -> BadRecord,
    ) -> Result<(), BadRecord> {
        let mut reader = ObjectReader {
            columns: &self.columns,
            cells,
            reject_unknown,
            bad: None,
        };
        reader.read(fields, text).map_err(|_| broken())?;
        reader.bad.map_or(Ok(()), Err)
    }

    fn key<'c>(&self, record: &Record<'c>, cells: &mut [Cell<'c>]) -> Result<(), BadRecord> {
        for &i in &self.whole_key {
            cells[i] = record
                .key
                .map_or(Cell::Null, |key| bare_key(key, self.columns[i].shape));
        }
        if self.key.is_empty() {
            return Ok(());
        }
        let Some(key) = record.key else { return Ok(()) };
        let text = std::str::from_utf8(key).map_err(|_| BadRecord::KeyNotObject)?;
        self.object(&self.key, text, cells, false, || BadRecord::KeyNotObject)
    }

    fn own<'c>(&self, record: &Record<'c>, cells: &mut [Cell<'c>]) -> Result<(), BadRecord> {
        for &i in &self.own {
            cells[i] = match &self.columns[i].source {
                Source::Topic => Cell::Text(Cow::Owned(self.topic.clone())),
                Source::Partition => Cell::Int(i64::from(self.partition)),
                Source::Offset => Cell::Int(record.offset),
                Source::Timestamp => record.timestamp.map_or(Cell::Null, Cell::Millis),
                Source::Header(name) => {
                    match record.headers().rev().find(|(n, _)| *n == name.as_bytes()) {
                        None => Cell::Absent,
                        Some((_, None)) => Cell::Null,
                        Some((_, Some(bytes))) => text_or_bytes(bytes, self.columns[i].shape),
                    }
                }
                // Sorted elsewhere in `new`.
                Source::Value(_) | Source::Key(_) => continue,
            };
        }
        Ok(())
    }

    fn check_key(&self, cells: &[Cell<'_>]) -> Result<(), BadRecord> {
        if self.mode != Mode::Upsert {
            return Ok(());
        }
        match self
            .key_columns
            .iter()
            .find(|&&i| matches!(cells[i], Cell::Absent | Cell::Null))
        {
            None => Ok(()),
            Some(&i) => Err(BadRecord::KeyMissing {
                column: self.columns[i].name.clone(),
            }),
        }
    }
}

/// Bytes as they came, where the column takes bytes or they are no text.
fn text_or_bytes(bytes: &[u8], shape: Shape) -> Cell<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) if shape != Shape::Bytes => Cell::Text(Cow::Borrowed(text)),
        Ok(_) | Err(_) => Cell::Bytes(bytes),
    }
}

/// A key that is one value: a JSON string loses its quotes, anything else is
/// taken as it stands. A column of bytes takes all of it: with the quotes gone,
/// two keys would be one.
fn bare_key(key: &[u8], shape: Shape) -> Cell<'_> {
    let plain = text_or_bytes(key, shape);
    let Cell::Text(Cow::Borrowed(text)) = plain else {
        return plain;
    };
    match (shape, json::whole(text)) {
        (Shape::Json, Ok(raw)) => json::cell(raw, shape).unwrap_or(plain),
        (Shape::Scalar, Ok(raw)) if raw.starts_with('"') => json::cell(raw, shape).unwrap_or(plain),
        _ => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budget, Filling, Incoming};
    use plimsoll_protocol::{Position, Span};
    use std::time::Instant;

    fn table(mode: Mode, columns: &[(&str, &str, bool, Shape)]) -> Table {
        let column = |&(name, source, key, shape): &(&str, &str, bool, Shape)| Column {
            name: name.to_owned(),
            source: source.parse().unwrap(),
            shape,
            key,
            type_name: String::new(),
        };
        Table {
            name: "t".to_owned(),
            mode,
            columns: columns.iter().map(column).collect(),
        }
    }

    fn decode_with(
        table: &Table,
        unknown: UnknownFields,
        key: Option<&str>,
        value: Option<&str>,
        check: impl FnOnce(Result<(Op, Vec<Cell<'_>>), BadRecord>),
    ) {
        let mut filling = Filling::new(Budget::new(1 << 20));
        let incoming = Incoming {
            offset: 7,
            timestamp: Some(1234),
            key: key.map(str::as_bytes),
            value: value.map(str::as_bytes),
        };
        let headers: [(&[u8], Option<&[u8]>); 3] = [
            (b"trace", Some(b"abc")),
            (b"raw", Some(b"\xff")),
            (b"nil", None),
        ];
        filling.push(&incoming, headers.into_iter(), None, Instant::now());
        let span = Span::new(Position::new(7).unwrap(), Position::new(8).unwrap()).unwrap();
        let chunk = filling.seal(span);
        let mut rows = Rows::with_capacity(table.columns.len(), 1);
        let decoder = Decoder::new(table, "orders", 3, unknown);
        match decoder.decode(&chunk.record(0), &mut rows) {
            Ok(()) => {
                let (row, cells) = rows.row(0);
                check(Ok((row.op, cells.to_vec())));
            }
            Err(bad) => {
                assert!(rows.is_empty(), "a bad record left a row behind");
                check(Err(bad));
            }
        }
    }

    fn decode(
        table: &Table,
        key: Option<&str>,
        value: Option<&str>,
        check: impl FnOnce(Result<(Op, Vec<Cell<'_>>), BadRecord>),
    ) {
        decode_with(table, UnknownFields::Ignore, key, value, check);
    }

    const S: Shape = Shape::Scalar;

    #[test]
    fn a_whole_key_reaches_a_column_of_bytes_as_its_bytes() {
        let table = table(
            Mode::Upsert,
            &[("k", "key", true, Shape::Bytes), ("v", "value.v", false, S)],
        );
        for key in ["abc", "\"abc\"", "1", "{\"k\":1}", " abc ", ""] {
            for value in [Some(r#"{"v":1}"#), None] {
                decode(&table, Some(key), value, |decoded| {
                    let (_, cells) = decoded.unwrap();
                    assert_eq!(cells[0], Cell::Bytes(key.as_bytes()));
                });
            }
        }
    }

    #[test]
    fn a_header_reaches_a_column_of_bytes_as_its_bytes() {
        let columns = [
            ("trace", "headers.trace", false, Shape::Bytes),
            ("raw", "headers.raw", false, Shape::Bytes),
        ];
        decode(
            &table(Mode::Append, &columns),
            None,
            Some("{}"),
            |decoded| {
                let (_, cells) = decoded.unwrap();
                assert_eq!(cells, [Cell::Bytes(b"abc"), Cell::Bytes(b"\xff")]);
            },
        );
    }

    #[test]
    fn of_two_fields_of_one_name_the_last_one_counts_whole() {
        let table = table(
            Mode::Append,
            &[
                ("x", "value.a.x", false, S),
                ("y", "value.a.y", false, S),
                ("z", "value.a.b.z", false, S),
                ("all", "value.a", false, Shape::Json),
            ],
        );
        let (one, two) = (Cell::Number("1"), Cell::Number("2"));
        let none = Cell::Absent;
        for (text, x, y, z) in [
            (r#"{"a":{"x":1},"a":{"y":2}}"#, &none, &two, &none),
            (r#"{"a":{"b":{"z":1}},"a":{"y":2}}"#, &none, &two, &none),
            (r#"{"a":{"x":1,"y":2},"a":3}"#, &none, &none, &none),
            (r#"{"a":{"x":1,"b":{"z":2},"b":{}}}"#, &one, &none, &none),
            (r#"{"a":3,"a":{"x":1,"x":2}}"#, &two, &none, &none),
        ] {
            decode(&table, None, Some(text), |decoded| {
                let (_, cells) = decoded.unwrap();
                assert_eq!([&cells[0], &cells[1], &cells[2]], [x, y, z], "{text}");
            });
        }
    }

    #[test]
    fn every_json_value_keeps_its_text() {
        let table = table(
            Mode::Append,
            &[
                ("a", "value.a", false, S),
                ("b", "value.b", false, S),
                ("c", "value.c", false, S),
                ("d", "value.d", false, S),
                ("e", "value.e", false, S),
                ("f", "value.f", false, Shape::Json),
                ("g", "value.g", false, S),
            ],
        );
        let value = r#"{"x":[1,{"a":9}], "a":123456789012345678901234567890.10, "b":"q\"\u00e9", "c":true,
            "d":null, "e":{"k": [1]}, "f":"text"}"#;
        decode(&table, None, Some(value), |row| {
            let (op, cells) = row.unwrap();
            assert_eq!(op, Op::Put);
            assert_eq!(
                cells,
                [
                    Cell::Number("123456789012345678901234567890.10"),
                    Cell::Text("q\"é".into()),
                    Cell::Bool(true),
                    Cell::Null,
                    Cell::Json(r#"{"k": [1]}"#),
                    Cell::Json(r#""text""#),
                    Cell::Absent,
                ]
            );
        });
    }

    #[test]
    fn a_string_without_escapes_is_borrowed() {
        let table = table(Mode::Append, &[("a", "value.a", false, S)]);
        decode(&table, None, Some(r#"{"a":"plain"}"#), |row| {
            assert!(matches!(
                &row.unwrap().1[0],
                Cell::Text(Cow::Borrowed("plain"))
            ));
        });
    }

    #[test]
    fn paths_lead_into_nested_objects_and_past_missing_ones() {
        let table = table(
            Mode::Append,
            &[
                ("name", "value.customer.fullName", false, S),
                ("all", "value.customer", false, Shape::Json),
                ("dots", "value.\"a.b\"", false, S),
                ("none", "value.ship.city", false, S),
            ],
        );
        decode(
            &table,
            None,
            Some(r#"{"customer":{"fullName":"Ann"},"a.b":1,"ship":3}"#),
            |row| {
                assert_eq!(
                    row.unwrap().1,
                    [
                        Cell::Text("Ann".into()),
                        Cell::Json(r#"{"fullName":"Ann"}"#),
                        Cell::Number("1"),
                        Cell::Absent
                    ]
                );
            },
        );
    }

    #[test]
    fn coordinates_keys_and_headers_are_sources() {
        let table = table(
            Mode::Append,
            &[
                ("t", "topic", false, S),
                ("p", "partition", false, S),
                ("o", "offset", false, S),
                ("ts", "timestamp", false, S),
                ("k", "key.id", false, S),
                ("h", "headers.trace", false, S),
                ("r", "headers.raw", false, S),
                ("n", "headers.nil", false, S),
                ("m", "headers.missing", false, S),
                ("w", "value", false, Shape::Json),
            ],
        );
        decode(&table, Some(r#"{"id":5}"#), Some("{}"), |row| {
            assert_eq!(
                row.unwrap().1,
                [
                    Cell::Text("orders".into()),
                    Cell::Int(3),
                    Cell::Int(7),
                    Cell::Millis(1234),
                    Cell::Number("5"),
                    Cell::Text("abc".into()),
                    Cell::Bytes(b"\xff"),
                    Cell::Null,
                    Cell::Absent,
                    Cell::Json("{}"),
                ]
            );
        });
    }

    #[test]
    fn a_tombstone_deletes_by_the_records_key() {
        let table = table(
            Mode::Upsert,
            &[
                ("id", "value.orderId", true, S),
                ("note", "value.note", false, S),
            ],
        );
        for key in ["42", r#"{"orderId":42}"#, r#"{"id":42,"more":1}"#] {
            decode(&table, Some(key), None, |row| {
                let (op, cells) = row.unwrap();
                assert_eq!(op, Op::Delete);
                assert!(
                    matches!(
                        &cells[0],
                        Cell::Number("42") | Cell::Text(Cow::Borrowed("42"))
                    ),
                    "{key}"
                );
                assert_eq!(cells[1], Cell::Absent);
            });
        }
        decode(&table, Some(r#""a b""#), None, |row| {
            assert_eq!(row.unwrap().1[0], Cell::Text("a b".into()));
        });
    }

    #[test]
    fn a_tombstone_whose_key_does_not_fit_is_bad() {
        let one = table(Mode::Upsert, &[("id", "value.id", true, S)]);
        let two = table(
            Mode::Upsert,
            &[("a", "value.a", true, S), ("b", "value.b", true, S)],
        );
        let missing = |column: &str| BadRecord::KeyMissing {
            column: column.to_owned(),
        };
        decode(&one, None, None, |row| {
            assert_eq!(row.unwrap_err(), missing("id"))
        });
        decode(&one, Some(r#"{"x":1}"#), None, |row| {
            assert_eq!(row.unwrap_err(), missing("id"))
        });
        decode(&one, Some(r#"{"id":null}"#), None, |row| {
            assert_eq!(row.unwrap_err(), missing("id"))
        });
        decode(&two, Some(r#"{"a":1}"#), None, |row| {
            assert_eq!(row.unwrap_err(), missing("b"))
        });
        decode(&two, Some("1"), None, |row| {
            assert_eq!(row.unwrap_err(), BadRecord::KeyNotObject)
        });
    }

    #[test]
    fn a_tombstone_is_an_event_in_a_log_and_bad_in_append() {
        let log = table(
            Mode::Log,
            &[
                ("event_data", "value", false, Shape::Json),
                ("x", "value.x", false, S),
            ],
        );
        decode(&log, None, None, |row| {
            assert_eq!(row.unwrap(), (Op::Put, vec![Cell::Null, Cell::Absent]))
        });
        let whole = table(Mode::Log, &[("event_data", "value", false, Shape::Json)]);
        for (value, raw) in [("null", "null"), (" [1, 2]\n", "[1, 2]"), ("7", "7")] {
            decode(&whole, None, Some(value), |row| {
                assert_eq!(row.unwrap(), (Op::Put, vec![Cell::Json(raw)]))
            });
        }
        let append = table(Mode::Append, &[("x", "value.x", false, S)]);
        decode(&append, None, None, |row| {
            assert_eq!(row.unwrap_err(), BadRecord::Tombstone)
        });
    }

    #[test]
    fn an_upsert_without_its_key_is_bad() {
        let table = table(Mode::Upsert, &[("id", "value.id", true, S)]);
        for value in ["{}", r#"{"id":null}"#] {
            decode(&table, None, Some(value), |row| {
                assert_eq!(
                    row.unwrap_err(),
                    BadRecord::KeyMissing {
                        column: "id".into()
                    }
                );
            });
        }
    }

    #[test]
    fn broken_values_are_told_apart_and_located() {
        let table = table(Mode::Append, &[("x", "value.x", false, S)]);
        let cases = [
            (r#"{"x":}"#, BadRecord::ValueNotJson { at: 6 }),
            ("{\"x\":1,\n\"y\":tru}", BadRecord::ValueNotJson { at: 16 }),
            (r#"{"x":1} {}"#, BadRecord::ValueNotJson { at: 9 }),
            ("", BadRecord::ValueNotJson { at: 0 }),
            ("[1]", BadRecord::ValueNotObject),
            ("7", BadRecord::ValueNotObject),
            (
                r#"{"x":"\ud800"}"#,
                BadRecord::BadString { column: "x".into() },
            ),
        ];
        for (value, bad) in cases {
            decode(&table, None, Some(value), |row| {
                assert_eq!(row.unwrap_err(), bad, "{value}")
            });
        }
    }

    #[test]
    fn a_field_without_a_column_is_bad_only_where_that_is_asked() {
        let table = table(Mode::Append, &[("x", "value.x", false, S)]);
        decode(&table, None, Some(r#"{"x":1,"y":2}"#), |row| {
            assert!(row.is_ok())
        });
        decode_with(
            &table,
            UnknownFields::Reject,
            None,
            Some(r#"{"x":1,"y":2}"#),
            |row| {
                assert_eq!(
                    row.unwrap_err(),
                    BadRecord::UnknownField { field: "y".into() }
                );
            },
        );
    }
}
