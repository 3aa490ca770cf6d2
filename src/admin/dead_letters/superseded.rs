//! Which dead letters a later record of the same key has superseded: an old one
//! must not overwrite a newer row.

use super::keys::{Form, form, may_be_equal};
use crate::admin::AdminError;
use crate::error::KafkaFault;
use crate::kafka::LogReader;
use plimsoll_protocol::{Position, Span, TopicPartition};
use plimsoll_record::{Arena, Chunk, Decoder, RouteReader};
use plimsoll_sink_api::{Column, Route, Rows};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Letters of one partition, and how far the log behind them was looked at.
pub(super) struct Superseded<'a> {
    tp: &'a TopicPartition,
    columns: &'a [Column],
    decoder: &'a Decoder,
    /// Where records go into several tables: what tells which, and which is this one.
    share: Option<(&'a RouteReader, &'a Route)>,
    /// By offset.
    letters: BTreeMap<i64, Letter>,
    /// Kept as dead letters: not applied, so they supersede nothing.
    kept: BTreeSet<i64>,
    /// All below this was looked at.
    looked: Option<Position>,
    /// What lay below this is gone from the log.
    gone_below: Position,
}

/// What the log behind a letter says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Newer {
    /// No later record has its key.
    None,
    /// This one may have.
    At(i64),
    /// Retention removed what lay behind it, up to this offset.
    Unknown(Position),
}

impl Newer {
    /// Why a letter is not replayed; `None`: it may be.
    pub(super) fn said(self) -> Option<String> {
        match self {
            Self::None => None,
            Self::At(by) => Some(format!(
                "superseded by offset {by}, which has the same key, as far as can be told; hint: \
                 `plimsoll dead-letters drop`"
            )),
            Self::Unknown(first) => Some(format!(
                "not replayed: the log behind it is gone up to {first}, so nobody can tell whether \
                 a later record has its key; hint: produce it again, then `plimsoll dead-letters \
                 drop`"
            )),
        }
    }
}

/// Keys of one record, which may be thousands.
struct Keys {
    exact: HashSet<Form>,
    /// Those with a part of which nobody knows the form.
    vague: Vec<Form>,
}

impl Keys {
    fn of(all: Vec<Form>) -> Self {
        let (vague, exact): (Vec<Form>, Vec<Form>) = all.into_iter().partition(is_vague);
        Self {
            exact: exact.into_iter().collect(),
            vague,
        }
    }

    fn may_have(&self, key: &Form) -> bool {
        let meets = |other: &Form| may_be_equal(key, other);
        match is_vague(key) {
            true => self.exact.iter().any(meets) || self.vague.iter().any(meets),
            false => self.exact.contains(key) || self.vague.iter().any(meets),
        }
    }
}

fn is_vague(form: &Form) -> bool {
    form.iter().any(String::is_empty)
}

struct Letter {
    /// Of all rows that it would write.
    keys: Vec<Form>,
    by: Option<i64>,
}

impl<'a> Superseded<'a> {
    /// Of letters with a key; `kept` are the offsets of all letters of the
    /// partition.
    pub(super) fn new(
        tp: &'a TopicPartition,
        columns: &'a [Column],
        decoder: &'a Decoder,
        share: Option<(&'a RouteReader, &'a Route)>,
        kept: BTreeSet<i64>,
    ) -> Self {
        Self {
            tp,
            columns,
            decoder,
            share,
            letters: BTreeMap::new(),
            kept,
            looked: None,
            gone_below: Position::ZERO,
        }
    }

    /// Adds a letter by its decoded rows.
    pub(super) fn add(&mut self, offset: i64, rows: &Rows<'_>) {
        let keys = self.keys(rows);
        self.letters.insert(offset, Letter { keys, by: None });
    }

    fn keys(&self, rows: &Rows<'_>) -> Vec<Form> {
        let keys = rows.iter().map(|(_, cells)| form(self.columns, cells));
        keys.collect()
    }

    /// Reads the log from the first letter, or from where the last look ended,
    /// up to a position.
    pub(super) async fn look(
        &mut self,
        reader: &mut LogReader,
        position: Position,
    ) -> Result<(), AdminError> {
        let Some((&first, _)) = self.letters.first_key_value() else {
            return Ok(());
        };
        let from = match self.looked {
            Some(looked) => looked,
            None => Position::new(first).map_err(|e| KafkaFault::new(e.to_string()))?,
        };
        let log_begins = reader.first(self.tp)?;
        if log_begins > from {
            self.gone_below = self.gone_below.max(log_begins);
        }
        if let Some(span) = Span::new(from.max(log_begins), position) {
            reader.begin([(self.tp.clone(), span)])?;
            while let Some(piece) = reader.next().map_err(KafkaFault::from)? {
                self.compare(&piece.chunk).await?;
            }
        }
        self.looked = Some(from.max(position));
        Ok(())
    }

    async fn compare(&mut self, chunk: &Chunk) -> Result<(), AdminError> {
        for i in 0..chunk.len() {
            let record = chunk.record(i);
            if self.kept.contains(&record.offset) {
                continue;
            }
            // A record of another table has no row here, whatever its key.
            if let Some((reader, own)) = self.share
                && reader.read_when_ready(&record).await?.as_ref() != Ok(own)
            {
                continue;
            }
            let arena = Arena::new();
            let mut rows = Rows::with_capacity(self.columns.len(), 1);
            let decoded = self.decoder.decode_when_ready(&record, &arena, &mut rows);
            // What cannot be decoded was not applied either.
            if decoded.await?.is_err() {
                continue;
            }
            let later = Keys::of(self.keys(&rows));
            let meets = |key| later.may_have(key);
            for (_, letter) in self.letters.range_mut(..record.offset) {
                if letter.by.is_none() && letter.keys.iter().any(meets) {
                    letter.by = Some(record.offset);
                }
            }
        }
        Ok(())
    }

    /// What is known of a letter, as far as was looked.
    pub(super) fn newer(&self, offset: i64) -> Newer {
        match self.letters.get(&offset).and_then(|letter| letter.by) {
            Some(by) => Newer::At(by),
            // The record itself need not be there any more.
            None if self.gone_below.offset() > offset + 1 => Newer::Unknown(self.gone_below),
            None => Newer::None,
        }
    }
}
