//! What the sampled records of a topic hold, where there is no table to hold against them:
//! fields, their types, and what their keys are. Names and kinds only: no value is kept.

use super::bad::Bad;
use crate::text::{Side as Edge, align, in_how_many};
use plimsoll_protocol::TopicPartition;
use plimsoll_record::{
    Arena, BadRecord, Chunk, Decoder, Described, DescribedField, Formats, Items, LookInto, Record,
    Side, Unavailable, Undecoded, UnknownFields,
};
use plimsoll_sink_api::canonical::{Wanted, written};
use plimsoll_sink_api::{Cell, Column, Holds, Kind, Mode, Path, Rows, Shape, Source, Table, Take};
use std::borrow::Borrow;
use std::collections::BTreeSet;

/// Objects used as maps have a field per key; nobody reads more lines.
pub(crate) const FIELDS_LIMIT: usize = 200;

/// A topic has one for each version of its schema; the last records have a few of them.
pub(crate) const SCHEMAS_LIMIT: usize = 10;

/// What was seen of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) path: Vec<String>,
    /// The format's own words.
    words: BTreeSet<String>,
    /// What holds all of its values; `None`: it was null alone.
    pub(crate) typed: Option<Kind>,
    /// Whether its own fields are seen, too.
    pub(crate) opened: bool,
    pub(crate) records: usize,
}

/// Fields in the order in which they were met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SeenFields(Vec<Seen>);

impl SeenFields {
    /// Takes a field; whether there was room for it.
    fn add(&mut self, field: DescribedField) -> bool {
        let DescribedField {
            path,
            kind,
            typed,
            opened,
        } = field;
        let Some(at) = self.0.iter().position(|seen| seen.path == path) else {
            let room = self.0.len() < FIELDS_LIMIT;
            if room {
                self.0.push(Seen {
                    path,
                    words: BTreeSet::from([kind]),
                    typed,
                    opened,
                    records: 1,
                });
            }
            return room;
        };
        let seen = &mut self.0[at];
        seen.words.insert(kind);
        seen.typed = match (seen.typed, typed) {
            (Some(one), Some(other)) => Some(one.with(other)),
            (one, other) => one.or(other),
        };
        seen.opened |= opened;
        seen.records += 1;
        true
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Seen> {
        self.0.iter()
    }

    pub(crate) fn at(&self, path: &[String]) -> Option<&Seen> {
        self.iter().find(|seen| seen.path == path)
    }
}

/// What was seen of a topic.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) records: usize,
    /// Records without a value.
    pub(crate) tombstones: usize,
    schemas: BTreeSet<String>,
    pub(crate) fields: SeenFields,
    /// The fields of the elements of which rows are made, and how many elements there were.
    pub(crate) items: SeenFields,
    elements: usize,
    /// There are more fields than anybody reads.
    pub(crate) more: bool,
    /// Records with a key.
    pub(crate) keyed: usize,
    /// The key's own fields; one with an empty path: it is a value without fields.
    pub(crate) key: SeenFields,
    /// The fields of the value that were, in each record, what its whole key was.
    pub(crate) same_as_key: Vec<String>,
    /// What could not be read.
    pub(crate) bad: Bad,
}

/// Who looks at the records of one topic.
pub(crate) struct Surveyor<'a> {
    pub(crate) formats: &'a Formats,
    pub(crate) topic: &'a str,
    /// What the config says of where columns come from.
    pub(crate) named: &'a [(String, Take)],
    /// The array of which every element is a row.
    pub(crate) explode: Option<&'a Path>,
}

impl Surveyor<'_> {
    /// Looks at all records of the topic.
    ///
    /// # Errors
    /// What reading them needs cannot be had.
    pub(crate) async fn look<C: Borrow<Chunk>>(
        &self,
        chunks: &[(TopicPartition, C)],
    ) -> Result<Survey, Unavailable> {
        let mut survey = Survey::default();
        for (tp, chunk) in chunks.iter().filter(|(tp, _)| *tp.topic == *self.topic) {
            let table = Table {
                explode: self.explode.cloned(),
                ..self.table(self.named.iter().cloned())
            };
            let decoder = self.decoder(&table, tp.partition);
            let items = Items::of(&table, self.topic, tp.partition, self.formats);
            let chunk = chunk.borrow();
            for i in 0..chunk.len() {
                let record = chunk.record(i);
                self.take(&mut survey, tp, &decoder, &record).await?;
                if let Some(items) = &items {
                    survey.take_items(items.describe(&record, &|path| self.leads_into(path)));
                }
            }
        }
        survey.same_as_key = self.same_as_key(&survey, chunks).await?;
        Ok(survey)
    }

    /// One that takes these, and no key: none of its rows is written.
    fn table(&self, columns: impl IntoIterator<Item = (String, Take)>) -> Table {
        let column = |(name, take): (String, Take)| Column {
            name,
            take,
            shape: Shape::Scalar,
            key: false,
            type_name: String::new(),
            holds: Holds::Other,
        };
        Table {
            name: self.topic.to_owned(),
            mode: Mode::Append,
            columns: columns.into_iter().map(column).collect(),
            filter: None,
            explode: None,
            evolve: None,
        }
    }

    fn decoder(&self, table: &Table, partition: i32) -> Decoder {
        // A field is no fault here: it is what is looked for.
        let formats = Formats {
            unknown: UnknownFields::Ignore,
            ..self.formats.clone()
        };
        Decoder::new(table, self.topic, partition, &formats)
    }

    async fn take(
        &self,
        survey: &mut Survey,
        tp: &TopicPartition,
        decoder: &Decoder,
        record: &Record<'_>,
    ) -> Result<(), Unavailable> {
        survey.records += 1;
        if let Some(key) = record.key {
            survey.keyed += 1;
            let described = self.describe_key(record, key).await?;
            for field in described.fields {
                survey.key.add(field);
            }
        }
        if record.value.is_none() {
            survey.tombstones += 1;
            return Ok(());
        }
        if let Err(bad) = ready(decoder, record, self.named.len()).await? {
            survey.bad.add(tp, record.offset, &bad.to_string());
            return Ok(());
        }
        let into = |path: &[String]| self.leads_further(path);
        // What it needs is here: it was read with it.
        let described = decoder.describe(record, &into).unwrap_or_default();
        if survey.schemas.len() < SCHEMAS_LIMIT {
            survey.schemas.extend(described.schema);
        }
        let own = self.formats.envelope.own_fields();
        let is_own = |field: &DescribedField| matches!(field.path.as_slice(), [name] if own.contains(&name.as_str()));
        for field in described.fields.into_iter().filter(|field| !is_own(field)) {
            survey.more |= !survey.fields.add(field);
        }
        Ok(())
    }

    /// Whether a column takes something from below the path.
    fn leads_further(&self, path: &[String]) -> bool {
        let taken = self.named.iter().flat_map(|(_, take)| take.sources());
        let mut paths = taken.flat_map(Source::value_paths);
        paths.any(|Path(p)| p.len() > path.len() && p.starts_with(path))
    }

    /// The same, of an element.
    fn leads_into(&self, path: &[String]) -> bool {
        let taken = self.named.iter().flat_map(|(_, take)| take.sources());
        let mut paths = taken.flat_map(Source::item_paths);
        paths.any(|Path(p)| p.len() > path.len() && p.starts_with(path))
    }

    async fn describe_key(
        &self,
        record: &Record<'_>,
        key: &[u8],
    ) -> Result<Described, Unavailable> {
        let format = &self.formats.key;
        let into: LookInto<'_> = &|_| false;
        let described = loop {
            match format.describe(Side::Key, record, key, into) {
                Ok(described) => break described,
                Err(Undecoded::Needs(need)) => format.fetch(&need).await?,
                Err(Undecoded::Unusable(why)) => return Err(why),
                Err(Undecoded::Bad(_)) => break Described::default(),
            }
        };
        match described.fields.is_empty() {
            true => Ok(bare(key)),
            false => Ok(described),
        }
    }

    /// The fields of the value that are what the whole key is.
    async fn same_as_key<C: Borrow<Chunk>>(
        &self,
        survey: &Survey,
        chunks: &[(TopicPartition, C)],
    ) -> Result<Vec<String>, Unavailable> {
        let whole = survey.key.at(&[]).is_some();
        let alone = survey.key.iter().count() == 1;
        if !(whole && alone && survey.keyed == survey.records) {
            return Ok(Vec::new());
        }
        let may_be = |seen: &&Seen| match seen.typed {
            Some(Kind::Integer | Kind::BigInteger | Kind::Text | Kind::Uuid) => {
                seen.path.len() == 1 && !seen.opened
            }
            _ => false,
        };
        let names = survey.fields.iter().filter(may_be);
        let names: Vec<String> = names.map(|seen| seen.path[0].clone()).collect();
        let mut compared = Compared {
            same: vec![true; names.len()],
            rows: 0,
        };
        for (tp, chunk) in chunks.iter().filter(|(tp, _)| *tp.topic == *self.topic) {
            let value = |name: &String| {
                let source = Source::Value(Path(vec![name.clone()]));
                (name.clone(), source.into())
            };
            let key = (String::new(), Source::Key(Path::default()).into());
            let columns = names.iter().map(value).chain([key]);
            let decoder = self.decoder(&self.table(columns), tp.partition);
            let chunk = chunk.borrow();
            for i in 0..chunk.len() {
                let record = chunk.record(i);
                if record.value.is_none() {
                    continue;
                }
                let width = names.len() + 1;
                let _ = ready(&decoder, &record, width).await?;
                let arena = Arena::new();
                let mut rows = Rows::with_capacity(width, 1);
                // What it needs is here; what is bad has been told.
                if decoder.decode(&record, &arena, &mut rows).is_ok() {
                    rows.iter().for_each(|(_, cells)| compared.take(cells));
                }
            }
        }
        Ok(compared.names(names))
    }
}

/// Gets what reading a record needs; what is wrong with the record is told within. Nothing
/// that was read lives on while it waits: others go on meanwhile, on other threads.
async fn ready(
    decoder: &Decoder,
    record: &Record<'_>,
    width: usize,
) -> Result<Result<(), BadRecord>, Unavailable> {
    loop {
        let decoded = {
            let (arena, mut rows) = (Arena::new(), Rows::with_capacity(width, 1));
            decoder.decode(record, &arena, &mut rows)
        };
        match decoded {
            Ok(_) => return Ok(Ok(())),
            Err(Undecoded::Bad(bad)) => return Ok(Err(bad)),
            Err(Undecoded::Needs(need)) => decoder.fetch(&need).await?,
            Err(Undecoded::Unusable(why)) => return Err(why),
        }
    }
}

/// Which fields were the same as the key behind them.
struct Compared {
    same: Vec<bool>,
    rows: usize,
}

impl Compared {
    fn take(&mut self, cells: &[Cell<'_>]) {
        let Some((key, cells)) = cells.split_last() else {
            return;
        };
        let key = told(key);
        for (same, cell) in self.same.iter_mut().zip(cells) {
            *same &= key.is_some() && told(cell) == key;
        }
        self.rows += 1;
    }

    fn names(self, names: Vec<String>) -> Vec<String> {
        let same = names.into_iter().zip(self.same);
        let same = same.filter(|(_, same)| *same && self.rows > 0);
        same.map(|(name, _)| name).collect()
    }
}

/// A value as text, to compare it.
fn told(cell: &Cell<'_>) -> Option<String> {
    match cell {
        Cell::Absent | Cell::Unchanged | Cell::Null => None,
        cell => written(Wanted::Text, cell).ok(),
    }
}

/// A key that is not of its format: a text that is no JSON, say.
fn bare(key: &[u8]) -> Described {
    let (kind, typed) = match std::str::from_utf8(key) {
        Ok(text) => ("text", Kind::of_text(text)),
        Err(_) => ("bytes", Kind::Bytes),
    };
    let field = DescribedField {
        path: Vec::new(),
        kind: kind.to_owned(),
        typed: Some(typed),
        opened: false,
    };
    Described {
        schema: None,
        fields: vec![field],
    }
}

impl Survey {
    /// The names of a value's own fields.
    pub(crate) fn own_names(&self) -> impl Iterator<Item = &str> {
        let own = self.fields.iter().filter(|seen| seen.path.len() == 1);
        own.map(|seen| seen.path[0].as_str())
    }

    fn take_items(&mut self, items: Vec<Described>) {
        self.elements += items.len();
        for field in items.into_iter().flat_map(|item| item.fields) {
            self.more |= !self.items.add(field);
        }
    }

    /// Whether nothing is known of any value.
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.iter().next().is_none()
    }

    /// `by schema 7 shop.Order`, a line per schema; `value.id  number, in 9 of 10`, a line
    /// per field; and what the keys are.
    pub(crate) fn lines(&self) -> Vec<String> {
        let row = |head: fn(Path) -> Source, of: usize| {
            move |seen: &Seen| {
                let words: Vec<&str> = seen.words.iter().map(String::as_str).collect();
                let words = in_how_many(words.join(" or "), seen.records, of);
                vec![head(Path(seen.path.clone())).to_string(), words]
            }
        };
        let keys = self.key.iter().map(row(Source::Key, self.records));
        let values = self.fields.iter();
        let values = values.map(row(Source::Value, self.records - self.tombstones));
        let items = self.items.iter().map(row(Source::Item, self.elements));
        let rows: Vec<Vec<String>> = keys.chain(values).chain(items).collect();
        let schemas = self.schemas.iter().map(|schema| format!("by {schema}"));
        let mut lines: Vec<String> = schemas.collect();
        lines.extend(align(&rows, &[Edge::Left; 2]));
        if self.more {
            lines.push(format!("and more than {FIELDS_LIMIT} fields, not shown"));
        }
        lines
    }
}
