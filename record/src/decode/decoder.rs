//! One record → one row; none for an event that is about no row, several for one that is
//! about several.

mod changes;
mod elements;
#[cfg(test)]
mod tests;

use self::changes::Changes;
use self::elements::Elements;
use super::connect;
use super::envelope::{Change, Envelope, Events};
use super::format::{Field, Format, Held, Need, Reader, Side, Unavailable, Undecoded, Wanted};
use super::json::Json;
use super::mapping::{Mapping, lifted};
use super::{BadRecord, Described, LookInto, UnknownFields};
use crate::{Arena, Record};
use plimsoll_sink_api::{
    Cell, Column, Epoch, Literal, Mode, Op, Path, Row, Rows, Shape, Source, Table,
};
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
    /// What numbers count that go from values into columns of times; `None`: what the
    /// format or the database makes of them.
    pub unit: Option<Epoch>,
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
            unit: None,
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
    mapping: Mapping,
    value: Box<dyn Reader>,
    around: Around,
    /// What makes a row of every element of an array.
    elements: Option<Elements>,
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
    item: Vec<Field<'t>>,
    own: Vec<usize>,
}

/// The ways to a column's fields.
#[derive(Default)]
struct Paths {
    /// Into the value.
    value: Vec<Path>,
    /// Into the key of a tombstone, which has no value.
    tombstone: Vec<Path>,
    /// Into an element of an array.
    item: Vec<Path>,
}

impl Paths {
    fn of(column: &Column) -> Self {
        let value = column.take.source.value_paths();
        let mut tombstone = Vec::new();
        if column.key {
            // A tombstone's key column is looked for in the record's key, under the value's
            // path and under its own name.
            tombstone.clone_from(&value);
            let own = Path(vec![column.name.clone()]);
            if !value.is_empty() && !value.contains(&own) {
                tombstone.push(own);
            }
        }
        let item = column.take.source.item_paths();
        Self {
            value,
            tombstone,
            item,
        }
    }
}

impl<'t> Sorted<'t> {
    fn of(mapping: &'t Mapping, paths: &'t [Paths]) -> Self {
        let mut it = Self::default();
        for (cell, column) in mapping.read() {
            let field = |path| Field { path, cell, column };
            match &column.take.source {
                Source::Key(path) => it.key.push(field(path)),
                source if source.is_of_item() => {
                    it.item.extend(paths[cell].item.iter().map(field));
                }
                source if source.is_of_value() => {
                    it.value.extend(paths[cell].value.iter().map(field));
                    it.tombstone.extend(paths[cell].tombstone.iter().map(field));
                }
                _ => it.own.push(cell),
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
        Self::with(table, topic, partition, formats, false)
    }

    /// The same, for who gives columns to fields of the row that have none: a record with
    /// such a field is a bad one, [`BadRecord::UnknownField`], until that is done.
    #[must_use]
    pub fn growing(table: &Table, topic: &str, partition: i32, formats: &Formats) -> Self {
        let mut formats = formats.clone();
        if table.evolve.is_some() && formats.unknown == UnknownFields::Ignore {
            formats.unknown = UnknownFields::RejectOwn;
        }
        Self::with(table, topic, partition, &formats, table.evolve.is_some())
    }

    fn with(table: &Table, topic: &str, partition: i32, formats: &Formats, grows: bool) -> Self {
        let mapping = Mapping::of(table, formats.unit, grows);
        let paths: Vec<Paths> = mapping.columns.iter().map(Paths::of).collect();
        let sorted = Sorted::of(&mapping, &paths);
        let key_columns: Vec<usize> = (0..table.columns.len())
            .filter(|&i| table.columns[i].key)
            .collect();
        // Of one column: the way of its own that is tried first.
        let bare = match key_columns.as_slice() {
            [_] => sorted.tombstone.first(),
            _ => None,
        };
        let around = Around::of(formats, &sorted.value, mapping.cells());
        let elements = Elements::new(&mapping, &sorted.item, formats.unknown);
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
            value,
            unusable: of_value.and(keys_judged.unwrap_or(Ok(()))).err(),
            plain: formats.value.is_untyped(),
            around,
            elements,
            key,
            tombstone,
            whole_value: whole(&sorted.value),
            whole_key: whole(&sorted.key),
            own: sorted.own,
            key_columns,
            mapping,
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
    ) -> Result<Result<Decoded, BadRecord>, Unavailable> {
        loop {
            match self.decode(record, arena, rows) {
                Ok(decoded) => return Ok(Ok(decoded)),
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
    ) -> Result<Decoded, Undecoded> {
        if let Err(why) = self.judge() {
            return Err(Undecoded::Unusable(why.clone()));
        }
        match &self.around {
            Around::Nothing => {}
            Around::Event(events) => return self.event(events, record, arena, rows),
            Around::Rows(changes) => return self.rows_of_event(changes, record, arena, rows),
        }
        let added = match record.value {
            None => Added::Nothing,
            Some(value) => self.add(record, Op::Put, arena, rows, |cells| {
                match self.value.read(record, value, arena, cells)? {
                    Held::Value => self.beside(record, arena, cells),
                    Held::Null => Ok(Held::Null),
                }
            })?,
        };
        match added {
            Added::Row => Ok(Decoded::Rows),
            Added::Filtered => Ok(Decoded::Filtered),
            Added::Nothing => self.null(record, arena, rows),
        }
    }

    /// Adds the row of a record without a value.
    fn null<'c>(
        &self,
        record: &Record<'c>,
        arena: &'c Arena,
        rows: &mut Rows<'c>,
    ) -> Result<Decoded, Undecoded> {
        if self.elements.is_some() {
            // It tells no elements.
            return Ok(Decoded::PassedOver);
        }
        let op = match self.mode {
            Mode::Append if !self.mapping.filters() => return Err(BadRecord::Tombstone.into()),
            Mode::Upsert => Op::Delete,
            Mode::Append | Mode::Log => Op::Put,
        };
        let added = self.add(record, op, arena, rows, |cells| match op {
            Op::Delete => {
                // No key at all is one that is missing.
                let _ = self.key_of_row(record, arena, cells)?;
                Ok(Held::Value)
            }
            // An event without a value.
            Op::Put => {
                self.whole_value.iter().for_each(|&i| cells[i] = Cell::Null);
                self.beside(record, arena, cells)
            }
        })?;
        match (added, self.mode) {
            (Added::Row, Mode::Append) => {
                rows.truncate(rows.len() - 1);
                Err(BadRecord::Tombstone.into())
            }
            (Added::Row, Mode::Upsert | Mode::Log) => Ok(Decoded::Rows),
            (Added::Filtered, _) => Ok(Decoded::Filtered),
            (Added::Nothing, _) => Ok(Decoded::PassedOver),
        }
    }

    /// Adds the row of a change event.
    fn event<'c>(
        &self,
        events: &Events,
        record: &Record<'c>,
        arena: &'c Arena,
        rows: &mut Rows<'c>,
    ) -> Result<Decoded, Undecoded> {
        let mut told: SmallVec<[Cell<'c>; 64]> = smallvec![Cell::Absent; events.cells()];
        let held = match record.value {
            None => Held::Null,
            Some(value) => self.value.read(record, value, arena, &mut told)?,
        };
        if held == Held::Null {
            return self.tombstone(events, record, arena, rows);
        }
        let delete = |rows: &mut Rows<'c>| {
            self.add(record, Op::Delete, arena, rows, |cells| {
                // Without a key, the event tells the row.
                let _ = self.key_of_row(record, arena, cells)?;
                events.fill_key(&told, cells);
                self.read_plain(events, arena, cells)?;
                Ok(Held::Value)
            })
        };
        let put = |stood: bool, rows: &mut Rows<'c>| {
            self.add(record, Op::Put, arena, rows, |cells| {
                cells.copy_from_slice(&told[..cells.len()]);
                let columns = &self.mapping.columns;
                events.mark_unchanged(cells, stood).map_err(|i| {
                    let column = columns[i].name.clone();
                    BadRecord::ValueUnavailable { column }
                })?;
                self.read_plain(events, arena, cells)?;
                events.spell_infinities(columns, cells);
                self.beside(record, arena, cells)
            })
        };
        let before = rows.len();
        let added = match events.change(&told)? {
            Change::Nothing => Added::Nothing,
            Change::Delete => delete(rows)?,
            Change::Put { stood: true } if record.key.is_none() && events.moves(&told) => {
                let _ = delete(rows)?;
                put(true, rows).inspect_err(|_| rows.truncate(before))?
            }
            Change::Put { stood } => put(stood, rows)?,
        };
        Ok(decoded(rows.len() > before, added == Added::Filtered))
    }

    /// Behind a change event that deleted a row: the same again.
    fn tombstone<'c>(
        &self,
        events: &Events,
        record: &Record<'c>,
        arena: &'c Arena,
        rows: &mut Rows<'c>,
    ) -> Result<Decoded, Undecoded> {
        let added = self.add(record, Op::Delete, arena, rows, |cells| {
            let held = self.key_of_row(record, arena, cells)?;
            // Of a table without a key, whose deletes tell their rows themselves.
            if held == Held::Value {
                self.read_plain(events, arena, cells)?;
            }
            Ok(held)
        })?;
        Ok(decoded(added == Added::Row, added == Added::Filtered))
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
        let read = events.read_plain(&self.mapping.columns, arena, cells);
        read.map_err(|i| {
            let column = self.mapping.columns[i].name.clone();
            BadRecord::Ambiguous { column }
        })
    }

    /// The cells of a row that stand beside its value.
    fn beside<'c>(
        &self,
        record: &Record<'c>,
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<Held, Undecoded> {
        // A row may have no key of its record.
        let _ = self.key(record, arena, cells)?;
        self.own(record, arena, cells);
        Ok(Held::Value)
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
        for (column, cell) in self.mapping.of_table().iter().zip(cells) {
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
            let column = &self.mapping.columns[i];
            cells[i] = match &column.take.source {
                Source::Topic => Cell::Text(arena.text(&self.topic)),
                Source::Partition => Cell::Int(i64::from(self.partition)),
                Source::Offset => Cell::Int(record.offset),
                Source::Timestamp => record.timestamp.map_or(Cell::Null, Cell::millis),
                Source::Header(name) => {
                    match record.headers().rev().find(|(n, _)| *n == name.as_bytes()) {
                        None => Cell::Absent,
                        Some((_, None)) => Cell::Null,
                        Some((_, Some(bytes))) => text_or_bytes(bytes, column.shape),
                    }
                }
                Source::Constant(literal) => {
                    let cell = match literal {
                        Literal::Text(text) => Cell::Text(arena.text(text)),
                        Literal::Number(number) => Cell::Number(arena.text(number)),
                        Literal::Boolean(is) => Cell::Bool(*is),
                    };
                    lifted(cell, column.shape, arena)
                }
                // Sorted elsewhere in `new`.
                Source::Value(_)
                | Source::Spelled(_)
                | Source::Key(_)
                | Source::Inside(_)
                | Source::Rest
                | Source::Item(_)
                | Source::SpelledItem(_)
                | Source::Index => continue,
            };
        }
    }

    /// Adds a row whose cells are filled, and mapped; none if they cannot be, if the filter
    /// rules it out, or if what was to fill them held nothing. Where every element of an
    /// array is a row, adds those.
    fn add<'c>(
        &self,
        record: &Record<'c>,
        op: Op,
        arena: &'c Arena,
        rows: &mut Rows<'c>,
        fill: impl FnOnce(&mut [Cell<'c>]) -> Result<Held, Undecoded>,
    ) -> Result<Added, Undecoded> {
        let offset = record.offset;
        if let Some(elements) = &self.elements {
            return match op {
                Op::Put => self.explode(elements, record, arena, rows, fill),
                // It tells no elements.
                Op::Delete => Ok(Added::Nothing),
            };
        }
        if self.mapping.is_plain() {
            let cells = rows.push(Row { offset, op });
            let added = self.fill(record, op, arena, cells, fill);
            if !matches!(added, Ok(Added::Row)) {
                rows.truncate(rows.len() - 1);
            }
            return added;
        }
        let mut cells: SmallVec<[Cell<'c>; 64]> = smallvec![Cell::Absent; self.mapping.cells()];
        let added = self.fill(record, op, arena, &mut cells, fill)?;
        if added == Added::Row {
            let row = rows.push(Row { offset, op });
            row.copy_from_slice(&cells[..row.len()]);
        }
        Ok(added)
    }

    fn fill<'c>(
        &self,
        record: &Record<'c>,
        op: Op,
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
        fill: impl FnOnce(&mut [Cell<'c>]) -> Result<Held, Undecoded>,
    ) -> Result<Added, Undecoded> {
        if fill(cells)? == Held::Null {
            return Ok(Added::Nothing);
        }
        self.finish(record, op, arena, cells)
    }

    /// Maps cells that are filled.
    fn finish<'c>(
        &self,
        record: &Record<'c>,
        op: Op,
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<Added, Undecoded> {
        if !self.mapping.passes(cells, op == Op::Put) {
            return Ok(Added::Filtered);
        }
        self.mapping.finish(op, arena, cells)?;
        self.check_key(record, cells)?;
        Ok(Added::Row)
    }

    /// All rows of a record have its place in the order of the log, so that a key may come
    /// but once: the last of those from `from` on stays.
    fn keep_last_of_each_key(&self, from: usize, rows: &mut Rows<'_>) {
        if self.mode == Mode::Upsert && rows.len() > from + 1 {
            let last = rows.last_of_each_key(from, &self.key_columns);
            rows.keep(from, &last);
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
                column: self.mapping.columns[i].name.clone(),
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

/// What became of a record, or of one of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Added {
    Row,
    /// The filter ruled it out.
    Filtered,
    /// There was nothing to add.
    Nothing,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded {
    /// It has rows.
    Rows,
    /// It is about no row, or about those of another table.
    PassedOver,
    /// The table's filter ruled it out.
    Filtered,
}

const fn decoded(rows: bool, filtered: bool) -> Decoded {
    match (rows, filtered) {
        (true, _) => Decoded::Rows,
        (false, true) => Decoded::Filtered,
        (false, false) => Decoded::PassedOver,
    }
}

/// Bytes as they came, where the column takes bytes or they are no text.
pub(super) fn text_or_bytes(bytes: &[u8], shape: Shape) -> Cell<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) if shape != Shape::Bytes => Cell::Text(text),
        Ok(_) | Err(_) => Cell::Bytes(bytes),
    }
}
