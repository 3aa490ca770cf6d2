//! What the sampled records of a topic hold, where there is no table to hold against them:
//! fields, their types, and what their keys are. Names and kinds only: no value is kept.

use super::bad::Bad;
use super::fields::{FIELDS_LIMIT, SCHEMAS_LIMIT};
use super::text::{Side as Edge, align, in_how_many};
use plimsoll_protocol::TopicPartition;
use plimsoll_record::{
    Arena, Chunk, Decoder, Described, DescribedField, Formats, LookInto, Record, Side, Unavailable,
    Undecoded, UnknownFields,
};
use plimsoll_sink_api::canonical::{Wanted, written};
use plimsoll_sink_api::{Cell, Column, Holds, Kind, Mode, Path, Rows, Shape, Source, Table};
use std::collections::BTreeSet;

/// What was seen of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) path: Vec<String>,
    /// The format's own words.
    words: BTreeSet<String>,
    /// What holds all of its values; `None`: it was null alone.
    pub(super) typed: Option<Kind>,
    /// Whether its own fields are seen, too.
    pub(super) opened: bool,
    pub(super) records: usize,
}

/// Fields in the order in which they were met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SeenFields(Vec<Seen>);

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

    pub(super) fn iter(&self) -> impl Iterator<Item = &Seen> {
        self.0.iter()
    }

    pub(super) fn at(&self, path: &[String]) -> Option<&Seen> {
        self.iter().find(|seen| seen.path == path)
    }
}

/// What was seen of a topic.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) records: usize,
    /// Records without a value.
    pub(super) tombstones: usize,
    schemas: BTreeSet<String>,
    pub(super) fields: SeenFields,
    /// There are more fields than anybody reads.
    pub(super) more: bool,
    /// Records with a key.
    pub(super) keyed: usize,
    /// The key's own fields; one with an empty path: it is a value without fields.
    pub(super) key: SeenFields,
    /// The fields of the value that were, in each record, what its whole key was.
    pub(super) same_as_key: Vec<String>,
    /// What could not be read.
    pub(super) bad: Bad,
}

/// Who looks at the records of one topic.
pub(super) struct Surveyor<'a> {
    pub(super) formats: &'a Formats,
    pub(super) topic: &'a str,
    /// What the config says of where columns come from.
    pub(super) named: &'a [(String, Source)],
}

impl Surveyor<'_> {
    /// Looks at all records of the topic.
    ///
    /// # Errors
    /// What reading them needs cannot be had.
    pub(super) async fn look(
        &self,
        chunks: &[(TopicPartition, Chunk)],
    ) -> Result<Survey, Unavailable> {
        let mut survey = Survey::default();
        for (tp, chunk) in chunks.iter().filter(|(tp, _)| *tp.topic == *self.topic) {
            let decoder = self.decoder(self.named.iter().cloned(), tp.partition);
            for i in 0..chunk.len() {
                let record = chunk.record(i);
                self.take(&mut survey, tp, &decoder, &record).await?;
            }
        }
        survey.same_as_key = self.same_as_key(&survey, chunks).await?;
        Ok(survey)
    }

    /// Of a table that takes these, and no key: none of its rows is written.
    fn decoder(
        &self,
        columns: impl IntoIterator<Item = (String, Source)>,
        partition: i32,
    ) -> Decoder {
        let column = |(name, source): (String, Source)| Column {
            name,
            source,
            shape: Shape::Scalar,
            key: false,
            type_name: String::new(),
            holds: Holds::Other,
        };
        let table = Table {
            name: self.topic.to_owned(),
            mode: Mode::Append,
            columns: columns.into_iter().map(column).collect(),
        };
        // A field is no fault here: it is what is looked for.
        let formats = Formats {
            unknown: UnknownFields::Ignore,
            ..self.formats.clone()
        };
        Decoder::new(&table, self.topic, partition, &formats)
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
        let arena = Arena::new();
        let mut rows = Rows::with_capacity(self.named.len(), 1);
        if let Err(bad) = decoder.decode_when_ready(record, &arena, &mut rows).await? {
            survey.bad.add(tp, record.offset, &bad.to_string());
            return Ok(());
        }
        let into = |path: &[String]| self.leads_further(path);
        // What it needs is here: it was read with it.
        let described = decoder.describe(record, &into).unwrap_or_default();
        if survey.schemas.len() < SCHEMAS_LIMIT {
            survey.schemas.extend(described.schema);
        }
        for field in described.fields {
            survey.more |= !survey.fields.add(field);
        }
        Ok(())
    }

    /// Whether a column takes something from below the path.
    fn leads_further(&self, path: &[String]) -> bool {
        self.named.iter().any(|(_, source)| match source {
            Source::Value(Path(p)) => p.len() > path.len() && p.starts_with(path),
            _ => false,
        })
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
    async fn same_as_key(
        &self,
        survey: &Survey,
        chunks: &[(TopicPartition, Chunk)],
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
            let value = |name: &String| (name.clone(), Source::Value(Path(vec![name.clone()])));
            let key = (String::new(), Source::Key(Path::default()));
            let columns = names.iter().map(value).chain([key]);
            let decoder = self.decoder(columns, tp.partition);
            for i in 0..chunk.len() {
                let record = chunk.record(i);
                let arena = Arena::new();
                let mut rows = Rows::with_capacity(names.len() + 1, 1);
                if record.value.is_some()
                    && let Ok(()) = decoder
                        .decode_when_ready(&record, &arena, &mut rows)
                        .await?
                {
                    rows.iter().for_each(|(_, cells)| compared.take(cells));
                }
            }
        }
        Ok(compared.names(names))
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
    pub(super) fn own_names(&self) -> impl Iterator<Item = &str> {
        let own = self.fields.iter().filter(|seen| seen.path.len() == 1);
        own.map(|seen| seen.path[0].as_str())
    }

    /// Whether nothing is known of any value.
    pub(super) fn is_empty(&self) -> bool {
        self.fields.iter().next().is_none()
    }

    /// `by schema 7 shop.Order`, a line per schema; `value.id  number, in 9 of 10`, a line
    /// per field; and what the keys are.
    pub(super) fn lines(&self) -> Vec<String> {
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
        let rows: Vec<Vec<String>> = keys.chain(values).collect();
        let schemas = self.schemas.iter().map(|schema| format!("by {schema}"));
        let mut lines: Vec<String> = schemas.collect();
        lines.extend(align(&rows, &[Edge::Left; 2]));
        if self.more {
            lines.push(format!("and more than {FIELDS_LIMIT} fields, not shown"));
        }
        lines
    }
}
