//! One record → one row; none for an event that is about no row, several for one that is
//! about several.

mod changes;

use self::changes::Changes;
use super::connect;
use super::envelope::{Change, Envelope, Events};
use super::format::{Field, Format, Held, Need, Reader, Side, Unavailable, Undecoded, Wanted};
use super::json::Json;
use super::{BadRecord, Described, LookInto, UnknownFields};
use crate::{Arena, Record};
use plimsoll_sink_api::{Cell, Column, Mode, Op, Path, Row, Rows, Shape, Source, Table};
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// How the keys and values of a sink's records are read.
#[derive(Debug, Clone)]
pub struct Formats {
    /// Of keys.
    pub key: Arc<dyn Format>,
    /// Of values.
    pub value: Arc<dyn Format>,
    /// What a field of a value does that has no column.
    pub unknown: UnknownFields,
    /// What stands around the row in a value.
    pub envelope: Envelope,
}

impl Formats {
    /// JSON in keys and values; a key may be a bare text.
    #[must_use]
    pub fn json(unknown: UnknownFields) -> Self {
        Self {
            key: Arc::new(Json),
            value: Arc::new(Json),
            unknown,
            envelope: Envelope::None,
        }
    }
}

/// Turns records into rows of one table. Built when the table is prepared,
/// then shared by nobody: it is cheap.
#[derive(Debug)]
pub struct Decoder {
    formats: Formats,
    topic: String,
    partition: i32,
    mode: Mode,
    columns: Vec<Column>,
    value: Box<dyn Reader>,
    around: Around,
    /// Why no record can be read, where that is known before any comes.
    unusable: Option<Unavailable>,
    /// Whether nothing tells the types of values.
    plain: bool,
    key: Option<Box<dyn Reader>>,
    tombstone: Option<Box<dyn Reader>>,
    /// Columns that take the whole value, or the whole key: null where there is none.
    whole_value: Vec<usize>,
    whole_key: Vec<usize>,
    own: Vec<usize>,
    key_columns: Vec<usize>,
}

/// What stands around the row in a value.
#[derive(Debug)]
enum Around {
    Nothing,
    /// An event about one row at most.
    Event(Events),
    /// An event about any number of rows.
    Rows(Changes),
}

/// The fields that a table's columns take, by the bytes that hold them.
#[derive(Default)]
struct Sorted<'t> {
    value: Vec<Field<'t>>,
    key: Vec<Field<'t>>,
    tombstone: Vec<Field<'t>>,
    own: Vec<usize>,
}

impl<'t> Sorted<'t> {
    fn of(table: &'t Table, names: &'t [Path]) -> Self {
        let mut it = Self::default();
        for (cell, (column, name)) in table.columns.iter().zip(names).enumerate() {
            let field = |path| Field { path, cell, column };
            match &column.source {
                Source::Value(path) => {
                    it.value.push(field(path));
                    // A tombstone has no value: its key column is looked for in the
                    // record's key, under the value's path and under its own name.
                    if column.key {
                        it.tombstone.push(field(path));
                        if path != name {
                            it.tombstone.push(field(name));
                        }
                    }
                }
                Source::Key(path) => it.key.push(field(path)),
                Source::Header(_)
                | Source::Topic
                | Source::Partition
                | Source::Offset
                | Source::Timestamp => it.own.push(cell),
            }
        }
        it
    }
}

fn whole(fields: &[Field<'_>]) -> Vec<usize> {
    let whole = |field: &&Field<'_>| field.path.0.is_empty();
    fields
        .iter()
        .filter(whole)
        .map(|field| field.cell)
        .collect()
}

impl Around {
    fn of(formats: &Formats, fields: &[Field<'_>], width: usize) -> Self {
        let envelope = &formats.envelope;
        if let Some(events) = Events::new(envelope, fields, width) {
            return Self::Event(events);
        }
        let changes = Changes::new(envelope, fields, formats.unknown);
        changes.map_or(Self::Nothing, Self::Rows)
    }

    /// Where the row stands in a value.
    fn root(&self) -> Path {
        match self {
            Self::Event(events) => events.root(),
            Self::Nothing | Self::Rows(_) => Path::default(),
        }
    }
}

/// A reader of these fields, and why it will never find them, where that is known.
type Judged = (Box<dyn Reader>, Result<(), Unavailable>);

fn judged(format: &Arc<dyn Format>, wanted: &Wanted<'_>) -> Judged {
    (format.reader(wanted), format.judge(wanted))
}

fn value_reader(formats: &Formats, fields: &[Field<'_>], around: &Around) -> Judged {
    let events = match around {
        Around::Nothing => {
            let wanted = Wanted {
                side: Side::Value,
                fields: fields.to_vec(),
                bare: None,
                unknown: formats.unknown,
                root: Path::default(),
            };
            return judged(&formats.value, &wanted);
        }
        Around::Rows(changes) => return judged(&formats.value, &changes.wanted()),
        Around::Event(events) => events,
    };
    let paths = events.inside(fields);
    let inside = fields.iter().zip(&paths);
    let inside = inside.map(|(field, path)| Field { path, ..*field });
    let wanted = Wanted {
        side: Side::Value,
        fields: inside.chain(events.own()).collect(),
        bare: None,
        unknown: formats.unknown,
        root: events.root(),
    };
    judged(&formats.value, &wanted)
}

impl Decoder {
    /// For the records of one partition into one table.
    #[must_use]
    pub fn new(table: &Table, topic: &str, partition: i32, formats: &Formats) -> Self {
        let names: Vec<Path> = table
            .columns
            .iter()
            .map(|column| Path(vec![column.name.clone()]))
            .collect();
        let sorted = Sorted::of(table, &names);
        let key_columns: Vec<usize> = (0..table.columns.len())
            .filter(|&i| table.columns[i].key)
            .collect();
        let bare = match key_columns.as_slice() {
            &[only] => sorted.tombstone.iter().find(|field| field.cell == only),
            _ => None,
        };
        let around = Around::of(formats, &sorted.value, table.columns.len());
        let (value, of_value) = value_reader(formats, &sorted.value, &around);
        let of_key = |side, fields: &[Field<'_>]| {
            let wanted = Wanted {
                side,
                fields: fields.to_vec(),
                bare: bare.copied().filter(|_| side == Side::Tombstone),
                unknown: UnknownFields::Ignore,
                root: Path::default(),
            };
            let any = !fields.is_empty();
            any.then(|| judged(&formats.key, &wanted)).unzip()
        };
        let (key, keys_judged) = of_key(Side::Key, &sorted.key);
        // What a tombstone's key lacks is told of the tombstone: other records are good.
        let (tombstone, _) = of_key(Side::Tombstone, &sorted.tombstone);
        Self {
            formats: formats.clone(),
            topic: topic.to_owned(),
            partition,
            mode: table.mode,
            columns: table.columns.clone(),
            value,
            unusable: of_value.and(keys_judged.unwrap_or(Ok(()))).err(),
            plain: formats.value.is_untyped(),
            around,
            key,
            tombstone,
            whole_value: whole(&sorted.value),
            whole_key: whole(&sorted.key),
            own: sorted.own,
            key_columns,
        }
    }

    /// Whether records can have what the columns take, as far as the config alone tells.
    ///
    /// # Errors
    /// No record will be read.
    pub fn judge(&self) -> Result<(), &Unavailable> {
        self.unusable.as_ref().map_or(Ok(()), Err)
    }

    /// What a record's value holds, by the paths that columns name.
    ///
    /// # Errors
    /// [`Undecoded`]
    pub fn describe(
        &self,
        record: &Record<'_>,
        into: LookInto<'_>,
    ) -> Result<Described, Undecoded> {
        let Some(value) = record.value else {
            return Ok(Described::default());
        };
        if let Around::Rows(changes) = &self.around {
            return changes.describe(self, record, into);
        }
        let root = self.around.root();
        let inside = |path: &[String]| match path.strip_prefix(root.0.as_slice()) {
            Some(path) => path.is_empty() || into(path),
            None => root.0.starts_with(path),
        };
        let format = &self.formats.value;
        let all = format.describe(Side::Value, record, value, &inside)?;
        Ok(all.below(&root.0))
    }

    /// Gets what [`Self::decode`] needs.
    ///
    /// # Errors
    /// It cannot be had now.
    pub async fn fetch(&self, need: &Need) -> Result<(), Unavailable> {
        match need.side {
            Side::Value => self.formats.value.fetch(need).await,
            Side::Key | Side::Tombstone => self.formats.key.fetch(need).await,
        }
    }

    /// Adds the record's rows, when all that it needs is there.
    ///
    /// # Errors
    /// What it needs cannot be had now. The record alone is no error: what is wrong with
    /// it is told within.
    pub async fn decode_when_ready<'c>(
        &self,
        record: &Record<'c>,
        arena: &'c Arena,
        rows: &mut Rows<'c>,
    ) -> Result<Result<(), BadRecord>, Unavailable> {
        loop {
            match self.decode(record, arena, rows) {
                Ok(()) => return Ok(Ok(())),
                Err(Undecoded::Bad(bad)) => return Ok(Err(bad)),
                Err(Undecoded::Needs(need)) => self.fetch(&need).await?,
                Err(Undecoded::Unusable(why)) => return Err(why),
            }
        }
    }

    /// Adds the record's rows.
    ///
    /// # Errors
    /// [`Undecoded`]; nothing is added then.
    pub fn decode<'c>(
        &self,
        record: &Record<'c>,
        arena: &'c Arena,
        rows: &mut Rows<'c>,
    ) -> Result<(), Undecoded> {
        if let Err(why) = self.judge() {
            return Err(Undecoded::Unusable(why.clone()));
        }
        match &self.around {
            Around::Nothing => {}
            Around::Event(events) => return self.event(events, record, arena, rows),
            Around::Rows(changes) => return self.rows_of_event(changes, record, arena, rows),
        }
        let held = match record.value {
            None => Held::Null,
            Some(value) => add_if(record, Op::Put, rows, |cells| {
                let held = self.value.read(record, value, arena, cells)?;
                if held == Held::Value {
                    self.beside(record, arena, cells)?;
                }
                Ok(held)
            })?,
        };
        match (held, self.mode) {
            (Held::Value, _) => Ok(()),
            (Held::Null, Mode::Append) => Err(BadRecord::Tombstone.into()),
            (Held::Null, Mode::Upsert) => add(record, Op::Delete, rows, |cells| {
                // No key at all is one that is missing.
                let _ = self.key_of_row(record, arena, cells)?;
                self.check_key(record, cells)
            }),
            // An event without a value.
            (Held::Null, Mode::Log) => add(record, Op::Put, rows, |cells| {
                self.whole_value.iter().for_each(|&i| cells[i] = Cell::Null);
                self.beside(record, arena, cells)
            }),
        }
    }

    /// Adds the row of a change event.
    fn event<'c>(
        &self,
        events: &Events,
        record: &Record<'c>,
        arena: &'c Arena,
        rows: &mut Rows<'c>,
    ) -> Result<(), Undecoded> {
        let mut told: SmallVec<[Cell<'c>; 64]> = smallvec![Cell::Absent; events.cells()];
        let held = match record.value {
            None => Held::Null,
            Some(value) => self.value.read(record, value, arena, &mut told)?,
        };
        if held == Held::Null {
            return self.tombstone(events, record, arena, rows);
        }
        let delete = |rows: &mut Rows<'c>| {
            add(record, Op::Delete, rows, |cells| {
                // Without a key, the event tells the row.
                let _ = self.key_of_row(record, arena, cells)?;
                events.fill_key(&told, cells);
                self.read_plain(events, arena, cells)?;
                self.check_key(record, cells)
            })
        };
        let put = |stood: bool, rows: &mut Rows<'c>| {
            add(record, Op::Put, rows, |cells| {
                cells.copy_from_slice(&told[..cells.len()]);
                events.mark_unchanged(cells, stood).map_err(|i| {
                    let column = self.columns[i].name.clone();
                    BadRecord::ValueUnavailable { column }
                })?;
                self.read_plain(events, arena, cells)?;
                events.spell_infinities(&self.columns, cells);
                self.beside(record, arena, cells)
            })
        };
        match events.change(&told)? {
            Change::Nothing => Ok(()),
            Change::Delete => delete(rows),
            Change::Put { stood: true } if record.key.is_none() && events.moves(&told) => {
                let before = rows.len();
                delete(rows)?;
                put(true, rows).inspect_err(|_| rows.truncate(before))
            }
            Change::Put { stood } => put(stood, rows),
        }
    }

    /// Behind a change event that deleted a row: the same again.
    fn tombstone<'c>(
        &self,
        events: &Events,
        record: &Record<'c>,
        arena: &'c Arena,
        rows: &mut Rows<'c>,
    ) -> Result<(), Undecoded> {
        let deleted = add_if(record, Op::Delete, rows, |cells| {
            let held = self.key_of_row(record, arena, cells)?;
            // Of a table without a key, whose deletes tell their rows themselves.
            if held == Held::Value {
                self.read_plain(events, arena, cells)?;
                self.check_key(record, cells)?;
            }
            Ok(held)
        });
        deleted.map(|_| ())
    }

    /// Reads what a change event tells without a schema: also of a key, which must be the
    /// one that its row was written under.
    fn read_plain<'c>(
        &self,
        events: &Events,
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<(), BadRecord> {
        if !self.plain {
            return Ok(());
        }
        let read = events.read_plain(&self.columns, arena, cells);
        read.map_err(|i| {
            let column = self.columns[i].name.clone();
            BadRecord::Ambiguous { column }
        })
    }

    /// The cells of a row that stand beside its value.
    fn beside<'c>(
        &self,
        record: &Record<'c>,
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<(), Undecoded> {
        // A row may have no key of its record.
        let _ = self.key(record, arena, cells)?;
        self.own(record, arena, cells);
        self.check_key(record, cells)
    }

    /// The cells of the table's key, as far as a record's key and its place tell them;
    /// whether there is a key.
    fn key_of_row<'c>(
        &self,
        record: &Record<'c>,
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<Held, Undecoded> {
        let mut held = self.key(record, arena, cells)?;
        self.own(record, arena, cells);
        if let (Some(key), Some(reader)) = (record.key, &self.tombstone) {
            held = reader.read(record, key, arena, cells)?;
        }
        self.only_key(cells);
        Ok(held)
    }

    fn only_key(&self, cells: &mut [Cell<'_>]) {
        for (column, cell) in self.columns.iter().zip(cells) {
            if !column.key {
                *cell = Cell::Absent;
            }
        }
    }

    fn key<'c>(
        &self,
        record: &Record<'c>,
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<Held, Undecoded> {
        let held = match (record.key, &self.key) {
            (Some(key), Some(reader)) => reader.read(record, key, arena, cells)?,
            (Some(_), None) => Held::Value,
            (None, _) => Held::Null,
        };
        if held == Held::Null {
            self.whole_key.iter().for_each(|&i| cells[i] = Cell::Null);
        }
        Ok(held)
    }

    fn own<'c>(&self, record: &Record<'c>, arena: &'c Arena, cells: &mut [Cell<'c>]) {
        for &i in &self.own {
            cells[i] = match &self.columns[i].source {
                Source::Topic => Cell::Text(arena.text(&self.topic)),
                Source::Partition => Cell::Int(i64::from(self.partition)),
                Source::Offset => Cell::Int(record.offset),
                Source::Timestamp => record.timestamp.map_or(Cell::Null, Cell::millis),
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
    }

    fn check_key(&self, record: &Record<'_>, cells: &[Cell<'_>]) -> Result<(), Undecoded> {
        if self.mode != Mode::Upsert {
            return Ok(());
        }
        match self
            .key_columns
            .iter()
            .find(|&&i| matches!(cells[i], Cell::Absent | Cell::Unchanged | Cell::Null))
        {
            None => Ok(()),
            Some(&i) => Err(Undecoded::Bad(BadRecord::KeyMissing {
                column: self.columns[i].name.clone(),
                brings_schema: self.brings_schema(record),
            })),
        }
    }

    /// Whose bytes bring a schema that nobody has asked for.
    fn brings_schema(&self, record: &Record<'_>) -> Option<Side> {
        let sides = [
            (Side::Value, record.value, &self.formats.value),
            (Side::Key, record.key, &self.formats.key),
        ];
        let brings = |bytes: Option<&[u8]>| bytes.is_some_and(connect::brings_schema);
        let mut sides = sides.into_iter();
        let found = sides.find(|(_, bytes, format)| format.is_untyped() && brings(*bytes));
        found.map(|(side, ..)| side)
    }
}

/// Adds a row whose cells are filled; none if they cannot be.
fn add<'c>(
    record: &Record<'c>,
    op: Op,
    rows: &mut Rows<'c>,
    fill: impl FnOnce(&mut [Cell<'c>]) -> Result<(), Undecoded>,
) -> Result<(), Undecoded> {
    let fill = |cells: &mut [Cell<'c>]| fill(cells).map(|()| Held::Value);
    add_if(record, op, rows, fill).map(|_| ())
}

/// The same; none either where what was to fill them held nothing.
fn add_if<'c>(
    record: &Record<'c>,
    op: Op,
    rows: &mut Rows<'c>,
    fill: impl FnOnce(&mut [Cell<'c>]) -> Result<Held, Undecoded>,
) -> Result<Held, Undecoded> {
    let cells = rows.push(Row {
        offset: record.offset,
        op,
    });
    let filled = fill(cells);
    if !matches!(filled, Ok(Held::Value)) {
        rows.truncate(rows.len() - 1);
    }
    filled
}

/// Bytes as they came, where the column takes bytes or they are no text.
pub(super) fn text_or_bytes(bytes: &[u8], shape: Shape) -> Cell<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) if shape != Shape::Bytes => Cell::Text(text),
        Ok(_) | Err(_) => Cell::Bytes(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budget, Filling, Incoming};
    use plimsoll_protocol::{Position, Span};
    use plimsoll_sink_api::Holds;
    use std::time::Instant;

    fn table(mode: Mode, columns: &[(&str, &str, bool, Shape)]) -> Table {
        let column = |&(name, source, key, shape): &(&str, &str, bool, Shape)| Column {
            name: name.to_owned(),
            source: source.parse().unwrap(),
            shape,
            key,
            type_name: String::new(),
            holds: Holds::Other,
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
        let decoder = Decoder::new(table, "orders", 3, &Formats::json(unknown));
        let arena = Arena::new();
        match decoder.decode(&chunk.record(0), &arena, &mut rows) {
            Ok(()) => {
                let (row, cells) = rows.row(0);
                check(Ok((row.op, cells.to_vec())));
            }
            Err(Undecoded::Bad(bad)) => {
                assert!(rows.is_empty(), "a bad record left a row behind");
                check(Err(bad));
            }
            Err(other) => panic!("JSON needs nothing: {other}"),
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
                    Cell::Text("q\"é"),
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
            assert!(matches!(&row.unwrap().1[0], Cell::Text("plain")));
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
                        Cell::Text("Ann"),
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
                    Cell::Text("orders"),
                    Cell::Int(3),
                    Cell::Int(7),
                    Cell::millis(1234),
                    Cell::Number("5"),
                    Cell::Text("abc"),
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
                    matches!(&cells[0], Cell::Number("42") | Cell::Text("42")),
                    "{key}"
                );
                assert_eq!(cells[1], Cell::Absent);
            });
        }
        decode(&table, Some(r#""a b""#), None, |row| {
            assert_eq!(row.unwrap().1[0], Cell::Text("a b"));
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
            brings_schema: None,
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
                        column: "id".into(),
                        brings_schema: None,
                    }
                );
            });
        }
    }

    #[test]
    fn a_missing_key_says_whose_bytes_bring_a_schema() {
        let table = table(Mode::Upsert, &[("id", "value.id", true, S)]);
        let brings = r#"{"schema":{"type":"struct","fields":[]},"payload":{"id":1}}"#;
        let other = r#"{"schema":"public","payload":1}"#;
        let more = r#"{"schema":{},"payload":{},"id":null}"#;
        let cases = [
            (None, Some(brings), Some(Side::Value)),
            (Some("1"), Some(brings), Some(Side::Value)),
            (Some(brings), Some("{}"), Some(Side::Key)),
            (Some(brings), None, Some(Side::Key)),
            (None, Some(other), None),
            (None, Some(more), None),
        ];
        for (key, value, side) in cases {
            decode(&table, key, value, |row| {
                let bad = row.unwrap_err();
                let column = "id".to_owned();
                let missing = BadRecord::KeyMissing {
                    column,
                    brings_schema: side,
                };
                assert_eq!(bad, missing, "{key:?} {value:?}");
                let hint = side.map(|side| format!("{} = {{ format = \"connect_", side.as_str()));
                let told = bad.to_string();
                assert!(hint.is_none_or(|hint| told.contains(&hint)), "{told}");
            });
        }
    }

    fn not_json(at: usize) -> BadRecord {
        BadRecord::ValueNotJson { at, looks: None }
    }

    #[test]
    fn a_value_of_another_format_tells_which() {
        let table = table(Mode::Append, &[("x", "value.x", false, S)]);
        let cases = [
            (
                "\0\0\0\0\u{1}{\"x\":1}",
                "format = \"avro\", framing = \"confluent\"",
            ),
            ("\u{3}\0", "framing = \"glue\""),
            ("Obj\u{1}", "a whole file of Avro"),
        ];
        for (value, hint) in cases {
            decode(&table, None, Some(value), |row| {
                let bad = row.unwrap_err();
                assert_eq!(bad.condition(), "value_not_json");
                assert!(bad.to_string().contains(hint), "{bad}");
            });
        }
    }

    #[test]
    fn broken_values_are_told_apart_and_located() {
        let table = table(Mode::Append, &[("x", "value.x", false, S)]);
        let cases = [
            (r#"{"x":}"#, not_json(6)),
            ("{\"x\":1,\n\"y\":tru}", not_json(16)),
            (r#"{"x":1} {}"#, not_json(9)),
            ("", not_json(0)),
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
