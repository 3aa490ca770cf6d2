//! One table: its rows and the records of its topics, cut into buckets of
//! hashes, and compared bucket by bucket.

use crate::compare::{self, ByPartition, Doubts, How, bucket};
use crate::entry::{self, Buckets, Entry, Op};
use crate::error::Error;
use crate::log::{Log, Piece, Reading};
use crate::passed::Passed;
use crate::report::{PartitionReport, TableReport};
use crate::share::Whose;
use crate::sink::{Group, OneSink};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use plimsoll_protocol::{Position, Span, TopicPartition};
use plimsoll_record::{Arena, Decoder};
use plimsoll_sink_api::snapshot::hash;
use plimsoll_sink_api::snapshot::{
    Canonical, Place, Snapshot, SnapshotTable, Standing, Texts, Unreadable,
};
use plimsoll_sink_api::{Cell, Missing, Mode, Op as RowOp, Rows, Source};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Files that may be open at once: half of the 1,024 that a process usually has.
const BUCKETS: u64 = 256;
/// Bytes of a record in memory beside its hashes: the hash table's slot, with room
/// to grow, and two allocations. Measured: 460 with five columns.
const ENTRY_OVERHEAD: u64 = 440;

/// What a comparison needs.
pub struct Comparing<'c, L> {
    pub sink: &'c OneSink<'c, L>,
    pub group: &'c Group,
    pub letters: &'c HashSet<Place>,
}

/// One partition, and how far the log still tells of it.
struct Part {
    tp: TopicPartition,
    /// Kafka has no such partition, and no record of it is expected.
    gone: bool,
    /// Where the sink began.
    start: i64,
    /// The first offset that the log still has.
    low: i64,
    position: i64,
    /// How far the log is read: up to the position, or, where rows and positions
    /// are not of one snapshot, to whatever a row that was seen can be of.
    until: i64,
    compacted: bool,
    passed_over: Passed,
    records: u64,
    passed: u64,
    dead: u64,
    skipped: u64,
    dropped: u64,
    /// Records whose row nobody can name: its key, or all that there is to know it by,
    /// was read off the clock.
    unknown: u64,
}

impl Part {
    /// Where reading begins.
    fn from(&self) -> i64 {
        self.start.max(self.low).min(self.position)
    }

    /// Offsets that retention took.
    fn gone(&self) -> u64 {
        u64::try_from(self.from() - self.start).unwrap_or_default()
    }
}

/// The partitions as the comparison asks them.
struct Parts<'p> {
    parts: &'p [Part],
    how: How,
    /// Every element of an array is a row.
    exploded: bool,
    /// Records of its topics go into other tables, too.
    routed: bool,
    /// See [`SnapshotTable::changed`].
    changed: &'p [Option<u32>],
}

impl Doubts for Parts<'_> {
    fn is_silent(&self, coordinate: Option<(u32, i64)>) -> bool {
        // Of a key the last record is left, which makes its row: but not those of elements
        // that only an earlier record had, and its row in this table, where it is of another.
        let needs_all = self.exploded || self.routed || self.how == How::Content;
        let compacted = |part: &Part| needs_all && part.compacted;
        let silent = |part: &Part| {
            let foreign = part.passed_over.foreign_below > 0;
            part.gone() > 0 || part.unknown > 0 || foreign || compacted(part)
        };
        match coordinate {
            None => self.parts.iter().any(silent),
            Some((at, offset)) => self.parts.get(at as usize).is_some_and(|part| {
                offset < part.position
                    && (part.compacted || (part.start..part.low).contains(&offset))
                    || offset < part.passed_over.foreign_below
            }),
        }
    }

    fn is_foreign(&self, partition: u32, offset: i64) -> bool {
        let part = self.parts.get(partition as usize);
        part.is_some_and(|part| (0..part.passed_over.foreign_below).contains(&offset))
    }

    fn is_late(&self, partition: u32, offset: i64) -> bool {
        self.parts
            .get(partition as usize)
            .is_some_and(|part| offset >= part.position)
    }

    fn is_older(&self, column: usize, age: u32) -> bool {
        let changed = |column: usize| self.changed.get(column).copied().flatten();
        // What is as old as a change was written by it: the table was, anew.
        let rewritten = || self.changed.iter().flatten().any(|change| *change == age);
        age > 0 && changed(column).is_some_and(|change| age >= change || rewritten())
    }
}

/// Where a row tells its coordinate.
struct Coordinate {
    topic: Option<usize>,
    partition: usize,
    offset: usize,
    /// Where every element of an array is a row: its place there.
    index: Option<usize>,
}

/// What tells a row from all others: its record, and of that, where every element of an
/// array is a row, which element.
#[derive(Debug)]
struct RowPlace {
    record: Place,
    index: Option<i64>,
}

impl<L: Log> Comparing<'_, L> {
    /// Compares.
    pub async fn run<S: Snapshot>(&self, snapshot: &mut S) -> Result<TableReport, Error> {
        let feed = &self.group.feed;
        let topic = self.topic();
        let share = self.group.shares.get(topic);
        let route = share.map(|share| &share.own);
        let table = snapshot.table(feed, topic, route).await?;
        let mut parts = self.parts().await?;
        let bar = self.bar(&parts);
        let width = feed.table.columns.len();
        let count = self.buckets(&parts, width);
        let sides = Sides {
            how: self.how(),
            places: places(&self.group.standings),
            skipped: table.defaults().iter().map(Option::is_none).collect(),
            defaults: default_hashes(&table),
            changed: table.changed(),
            index: self.coordinate().and_then(|coordinate| coordinate.index),
        };
        bar.set_message("reading rows");
        let mut found = Buckets::new(count, width)?;
        let rows = self
            .read_rows(&sides, snapshot, &table, &mut found, &bar)
            .await?;
        if !snapshot.is_of_one_moment() {
            self.read_on(&mut parts)?;
        }
        bar.set_message("reading the log");
        let mut expected = Buckets::new(count, width)?;
        self.read_log(&sides, snapshot, &table, &mut parts, &mut expected, &bar)
            .await?;
        bar.set_message("comparing");
        let mut findings = ByPartition::new();
        let doubts = Parts {
            parts: &parts,
            how: sides.how,
            exploded: feed.table.explode.is_some(),
            routed: !self.group.shares.is_empty(),
            changed: sides.changed,
        };
        let both = expected.into_readers()?.into_iter();
        for (expected, found) in both.zip(found.into_readers()?) {
            let (how, defaults) = (sides.how, &sides.defaults);
            bucket(how, defaults, &doubts, expected, found, &mut findings)?;
        }
        bar.finish_and_clear();
        Ok(self.report(&sides, &parts, &findings, rows))
    }

    fn how(&self) -> How {
        let feed = &self.group.feed;
        match (feed.table.mode, self.coordinate()) {
            (Mode::Upsert, _) => How::Key {
                keep: feed.missing == Missing::Keep,
            },
            (_, Some(_)) => How::Coordinate,
            (_, None) => How::Content,
        }
    }

    /// Puts all rows into their buckets; says how many there are.
    async fn read_rows<S: Snapshot>(
        &self,
        sides: &Sides<'_>,
        snapshot: &mut S,
        table: &S::Table,
        found: &mut Buckets,
        bar: &ProgressBar,
    ) -> Result<u64, Error> {
        let mut rows = 0;
        let (coordinate, only_topic) = (self.coordinate(), self.only_topic());
        snapshot
            .rows(table, |canonical, texts| {
                rows += 1;
                bar.tick();
                let place = coordinate
                    .as_ref()
                    .and_then(|c| c.of_row(texts, only_topic));
                let entry = sides.found(canonical, place);
                match self.sink.sample.takes(entry.identity) {
                    true => found.push(&entry),
                    false => Ok(()),
                }
            })
            .await?;
        Ok(rows)
    }

    /// Puts all records into their buckets.
    async fn read_log<S: Snapshot>(
        &self,
        sides: &Sides<'_>,
        snapshot: &mut S,
        table: &S::Table,
        parts: &mut [Part],
        expected: &mut Buckets,
        bar: &ProgressBar,
    ) -> Result<(), Error> {
        let spans: Vec<(TopicPartition, Span)> = parts
            .iter()
            .filter_map(|part| {
                let from = Position::new(part.from()).ok()?;
                let to = Position::new(part.until).ok()?;
                Some((part.tp.clone(), Span::new(from, to)?))
            })
            .collect();
        let mut reading = self.sink.log.read(&spans)?;
        while let Some(piece) = reading.next()? {
            let at = sides.places.get(&(&*piece.tp.topic, piece.tp.partition));
            let Some(&at) = at else { continue };
            bar.inc(piece.passed);
            let part = &mut parts[at as usize];
            let judged = Judged {
                comparing: self,
                sides,
                at,
                position: part.position,
                table,
            };
            judged.piece(&piece, snapshot, part, expected).await?;
        }
        Ok(())
    }

    /// The columns that tell a row's coordinate, where there are such.
    fn coordinate(&self) -> Option<Coordinate> {
        let of = |source: &Source| {
            let columns = &self.group.feed.table.columns;
            columns.iter().position(|c| c.take.is(source))
        };
        let topic = of(&Source::Topic);
        if topic.is_none() && self.only_topic().is_none() {
            return None;
        }
        let index = match self.group.feed.table.explode {
            None => None,
            Some(_) => Some(of(&Source::Index)?),
        };
        Some(Coordinate {
            topic,
            partition: of(&Source::Partition)?,
            offset: of(&Source::Offset)?,
            index,
        })
    }

    /// One of those that feed the table.
    fn topic(&self) -> &str {
        self.group.standings.first().map_or("", |s| &s.topic)
    }

    fn only_topic(&self) -> Option<&str> {
        let topics: BTreeSet<&str> = self
            .group
            .standings
            .iter()
            .map(|s| s.topic.as_str())
            .collect();
        match topics.len() {
            1 => topics.first().copied(),
            _ => None,
        }
    }

    async fn parts(&self) -> Result<Vec<Part>, Error> {
        let standings = &self.group.standings;
        let tps: Vec<TopicPartition> = standings
            .iter()
            .map(|s| TopicPartition::new(s.topic.as_str(), s.partition))
            .collect();
        let mut known = HashSet::new();
        for topic in tps.chunk_by(|a, b| a.topic == b.topic) {
            known.extend(self.sink.log.partitions_of(&topic[0].topic)?);
        }
        // Reset, for the topic was made again with fewer partitions: it is of no record,
        // and there is nobody to ask.
        let gone = |(standing, tp): &(&Standing, &TopicPartition)| {
            standing.position <= standing.start.unwrap_or(0) && !known.contains(*tp)
        };
        let gone: Vec<bool> = standings.iter().zip(&tps).map(|pair| gone(&pair)).collect();
        let there = tps.iter().zip(&gone).filter(|(_, gone)| !**gone);
        let there: Vec<TopicPartition> = there.map(|(tp, _)| tp.clone()).collect();
        let mut lows = self.sink.log.earliest(&there)?.into_iter();
        let mut compacted: HashMap<&str, bool> = HashMap::new();
        for standing in standings {
            if !compacted.contains_key(standing.topic.as_str()) {
                let is = self.sink.log.is_compacted(&standing.topic).await?;
                compacted.insert(&standing.topic, is);
            }
        }
        let part = |((standing, tp), gone): ((&Standing, TopicPartition), bool)| Part {
            tp,
            gone,
            start: standing.start.unwrap_or(0),
            low: match gone {
                true => standing.position,
                false => lows.next().flatten().map_or(0, Position::offset),
            },
            position: standing.position,
            until: standing.position,
            compacted: compacted.get(standing.topic.as_str()).copied() == Some(true),
            passed_over: Passed::of(standing.start, standing.position, &standing.acts),
            records: 0,
            passed: 0,
            dead: 0,
            skipped: 0,
            dropped: 0,
            unknown: 0,
        };
        Ok(standings.iter().zip(tps).zip(gone).map(part).collect())
    }

    /// Rows were read while the service wrote: none of them is of a record that
    /// came later than now.
    fn read_on(&self, parts: &mut [Part]) -> Result<(), Error> {
        let mut parts: Vec<&mut Part> = parts.iter_mut().filter(|part| !part.gone).collect();
        let tps: Vec<TopicPartition> = parts.iter().map(|part| part.tp.clone()).collect();
        for (part, end) in parts.iter_mut().zip(self.sink.log.latest(&tps)?) {
            part.until = end.map_or(part.position, |end| end.offset().max(part.position));
        }
        Ok(())
    }

    /// So many that the records of one, and its rows, fit into memory.
    fn buckets(&self, parts: &[Part], width: usize) -> usize {
        let records: i64 = parts.iter().map(|p| p.position - p.from()).sum();
        let bytes = u64::try_from(records).unwrap_or_default() / self.sink.sample.of()
            * (ENTRY_OVERHEAD + 8 * width as u64);
        let count = bytes.div_ceil(self.sink.memory).clamp(1, BUCKETS);
        usize::try_from(count).unwrap_or(1)
    }

    fn bar(&self, parts: &[Part]) -> ProgressBar {
        let records: i64 = parts.iter().map(|p| p.position - p.from()).sum();
        let length = u64::try_from(records).unwrap_or_default();
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(
            "{spinner} [{elapsed}] {wide_bar} {human_pos}/{human_len} {msg}",
        ) {
            bar.set_style(style);
        }
        bar
    }

    fn report(
        &self,
        sides: &Sides<'_>,
        parts: &[Part],
        findings: &ByPartition,
        rows: u64,
    ) -> TableReport {
        let table = &self.group.feed.table;
        let names: Vec<String> = table.columns.iter().map(|c| c.name.clone()).collect();
        let empty = compare::Findings::default();
        let of = |at: u32| findings.get(&at).unwrap_or(&empty);
        let mut partitions: Vec<PartitionReport> = parts
            .iter()
            .zip(0..)
            .map(|(part, at)| {
                let mut report = PartitionReport::empty();
                report.topic = Some(part.tp.topic.to_string());
                report.partition = Some(part.tp.partition);
                (report.from, report.to) = (part.from(), part.position);
                report.records = part.records;
                let below = u64::try_from(part.position - part.from()).unwrap_or_default();
                report.offsets_without_record = part.passed.min(below).saturating_sub(part.records);
                report.dead_letters = part.dead;
                report.passed_over = part.skipped;
                report.dead_letters_dropped = part.dropped;
                report.gone = part.gone();
                report.fill(of(at), &names);
                report.unverifiable.count += part.unknown;
                report
            })
            .collect();
        if *of(u32::MAX) != empty {
            let mut report = PartitionReport::empty();
            report.fill(of(u32::MAX), &names);
            partitions.push(report);
        }
        TableReport {
            sink: self.sink.name.to_owned(),
            table: table.name.clone(),
            mode: table.mode.as_str(),
            compared_by: match sides.how {
                How::Coordinate => "coordinate",
                How::Content => "content",
                How::Key { .. } => "key",
            },
            columns_not_compared: names
                .into_iter()
                .zip(&sides.skipped)
                .filter_map(|(name, skipped)| skipped.then_some(name))
                .collect(),
            rows,
            sample: self.sink.sample.of(),
            partitions,
        }
    }
}

impl Coordinate {
    fn of_row(&self, text: Texts<'_>, only_topic: Option<&str>) -> Option<RowPlace> {
        let record = Place {
            topic: match self.topic {
                Some(column) => text(column)?,
                None => only_topic?.to_owned(),
            },
            partition: whole(&text(self.partition)?)?.try_into().ok()?,
            offset: whole(&text(self.offset)?)?,
        };
        let index = match self.index {
            None => None,
            Some(column) => Some(whole(&text(column)?)?),
        };
        Some(RowPlace { record, index })
    }
}

/// A whole number, in a column that shows places behind the point, too.
fn whole(text: &str) -> Option<i64> {
    let (number, fraction) = text.split_once('.').unwrap_or((text, ""));
    let nothing = fraction.bytes().all(|digit| digit == b'0');
    nothing.then(|| number.parse().ok())?
}

fn by_place(place: &RowPlace) -> u128 {
    let RowPlace { record, index } = place;
    let (partition, offset) = (record.partition.to_string(), record.offset.to_string());
    let index = index.map(|index| index.to_string());
    let record = [record.topic.as_str(), &partition, &offset].map(Some);
    let parts = record.into_iter().chain(index.as_deref().map(Some));
    hash::identity(parts.map(|part| part.map(str::as_bytes)))
}

/// The partitions' places in the list, by topic and number.
fn places(standings: &[Standing]) -> HashMap<(&str, i32), u32> {
    let places = standings.iter().zip(0..);
    places
        .map(|(s, at)| ((s.topic.as_str(), s.partition), at))
        .collect()
}

/// What stands for a missing field, with a word for what is not compared.
fn default_hashes(table: &impl SnapshotTable) -> Vec<u64> {
    let defaults = table.defaults().iter();
    defaults.map(|d| d.unwrap_or(hash::SKIPPED)).collect()
}

fn skip(columns: &mut [u64], skipped: &[bool]) {
    for (column, skipped) in columns.iter_mut().zip(skipped) {
        if *skipped {
            *column = hash::SKIPPED;
        }
    }
}

/// What rows and records have in common on their way to entries.
struct Sides<'t> {
    how: How,
    places: HashMap<(&'t str, i32), u32>,
    /// Columns whose default is another thing in each row.
    skipped: Vec<bool>,
    defaults: Vec<u64>,
    /// See [`SnapshotTable::changed`].
    changed: &'t [Option<u32>],
    /// See [`Coordinate::index`].
    index: Option<usize>,
}

impl Sides<'_> {
    /// Which element of its record a row is made of.
    fn index_of(&self, cells: &[Cell<'_>]) -> Option<i64> {
        match cells[self.index?] {
            Cell::Int(index) => Some(index),
            _ => None,
        }
    }

    /// The identity of a row by its content: by the columns that were there, and what
    /// they are, when the first row was written.
    fn content(&self, columns: &[u64]) -> u128 {
        let changed = |i: usize| self.changed.get(i).copied().flatten();
        entry::identity_of_content(columns, |i| changed(i).is_none())
    }

    /// A row of the table.
    fn found(&self, canonical: Canonical, place: Option<RowPlace>) -> Entry {
        let Canonical {
            key,
            age,
            mut columns,
        } = canonical;
        if self.how == How::Content {
            skip(&mut columns, &self.skipped);
        }
        let known = place
            .as_ref()
            .map(|place| &place.record)
            .and_then(|p| self.places.get(&(p.topic.as_str(), p.partition)));
        Entry {
            identity: match (self.how, &place) {
                (How::Key { .. }, _) => key.unwrap_or_default(),
                (How::Coordinate, Some(place)) => by_place(place),
                (How::Coordinate, None) | (How::Content, _) => self.content(&columns),
            },
            partition: known.copied().unwrap_or(u32::MAX),
            offset: place.map_or(-1, |place| place.record.offset),
            op: Op::Put,
            age,
            columns,
        }
    }
}

/// The records of one partition, on their way to entries.
struct Judged<'j, L, T> {
    comparing: &'j Comparing<'j, L>,
    sides: &'j Sides<'j>,
    at: u32,
    position: i64,
    table: &'j T,
}

impl<L: Log, T: SnapshotTable> Judged<'_, L, T> {
    async fn piece(
        &self,
        piece: &Piece,
        snapshot: &mut impl Snapshot<Table = T>,
        part: &mut Part,
        expected: &mut Buckets,
    ) -> Result<(), Error> {
        let table = &self.comparing.group.feed.table;
        let Piece { tp, chunk, passed } = piece;
        part.passed += passed;
        let applied = (0..chunk.len()).filter(|&i| chunk.record(i).offset < part.position);
        part.records += applied.count() as u64;
        let formats = &self.comparing.sink.formats;
        let decoder = Decoder::new(table, &tp.topic, tp.partition, formats);
        let arena = Arena::new();
        let mut rows = Rows::with_capacity(table.columns.len(), chunk.len());
        let mut bad = Vec::new();
        let share = self.comparing.group.shares.get(&*tp.topic);
        let share = share.map(|share| (share, share.reader(tp, formats)));
        for i in 0..chunk.len() {
            let record = chunk.record(i);
            let place = self.place(tp, record.offset);
            let whose = match &share {
                None => Whose::Own,
                Some((share, reader)) => share.whose(reader, &record).await?,
            };
            if whose == Whose::NotOwn {
                continue;
            }
            if self.comparing.letters.contains(&place) {
                part.dead += 1;
            } else if part.passed_over.dropped.contains(record.offset) {
                part.dropped += 1;
            } else if whose == Whose::Nobodys {
                bad.push(record.offset);
            } else {
                let decoded = decoder.decode_when_ready(&record, &arena, &mut rows);
                if decoded.await?.is_err() {
                    bad.push(record.offset);
                }
            }
        }
        let (puts, deletes): (Vec<usize>, Vec<usize>) =
            (0..rows.len()).partition(|&i| rows.row(i).0.op == RowOp::Put);
        // Each with its row's place, which tells the order within a record.
        let mut entries: Vec<(usize, Entry)> = bad
            .iter()
            .map(|&offset| (0, self.bad(tp, offset)))
            .collect();
        for (wanted, key_only) in [(puts, false), (deletes, true)] {
            part.unknown += self
                .canonical(tp, &rows, &wanted, key_only, snapshot, &mut entries)
                .await?;
        }
        let skipped = |offset: i64| part.passed_over.skipped.contains(offset);
        part.skipped += (0..chunk.len())
            .filter(|&i| skipped(chunk.record(i).offset))
            .count() as u64;
        // It was not even tried.
        entries.retain(|(_, entry)| entry.op != Op::Bad || !skipped(entry.offset));
        // The order of the log.
        entries.sort_by_key(|(row, entry)| (entry.offset, *row));
        for (_, mut entry) in entries {
            if skipped(entry.offset) {
                entry.op = entry.op.skipped();
            }
            if self.comparing.sink.sample.takes(entry.identity) {
                expected.push(&entry)?;
            }
        }
        Ok(())
    }

    fn place(&self, tp: &TopicPartition, offset: i64) -> Place {
        Place {
            topic: tp.topic.to_string(),
            partition: tp.partition,
            offset,
        }
    }

    /// A record that can be no row, and whose key nobody knows.
    fn bad(&self, tp: &TopicPartition, offset: i64) -> Entry {
        let record = self.place(tp, offset);
        Entry {
            identity: by_place(&RowPlace {
                record,
                index: None,
            }),
            partition: self.at,
            offset,
            op: Op::Bad,
            age: 0,
            columns: vec![hash::SKIPPED; self.sides.skipped.len()],
        }
    }

    /// Asks the database, in halves where one of the values is none. Says of how many
    /// records below the position nobody can tell the row.
    async fn canonical(
        &self,
        tp: &TopicPartition,
        rows: &Rows<'_>,
        wanted: &[usize],
        key_only: bool,
        snapshot: &mut impl Snapshot<Table = T>,
        entries: &mut Vec<(usize, Entry)>,
    ) -> Result<u64, Error> {
        let mut unknown = 0;
        let mut todo = vec![wanted];
        while let Some(part) = todo.pop() {
            if part.is_empty() {
                continue;
            }
            let cells: Vec<&[Cell<'_>]> = part.iter().map(|&i| rows.row(i).1).collect();
            match (snapshot.canonical(self.table, &cells, key_only).await, part) {
                (Ok(all), _) => {
                    for (canonical, &i) in all.into_iter().zip(part) {
                        let op = if key_only { Op::Delete } else { Op::Put };
                        let (row, cells) = rows.row(i);
                        let (offset, index) = (row.offset, self.sides.index_of(cells));
                        match self.entry(tp, (offset, index), op, canonical) {
                            Some(entry) => entries.push((i, entry)),
                            None => unknown += u64::from(offset < self.position),
                        }
                    }
                }
                (Err(Unreadable::Failed(error)), _) => return Err(error.into()),
                (Err(Unreadable::Value), &[only]) => {
                    let (row, all_cells) = rows.row(only);
                    let (offset, index) = (row.offset, self.sides.index_of(all_cells));
                    let key = match (self.sides.how, key_only) {
                        (How::Key { .. }, false) => {
                            snapshot.canonical(self.table, &cells, true).await
                        }
                        _ => Err(Unreadable::Value),
                    };
                    let entry = match key {
                        // A later record of its key may supersede it.
                        Ok(all) => all
                            .into_iter()
                            .next()
                            .and_then(|canonical| {
                                self.entry(tp, (offset, index), Op::Bad, canonical)
                            })
                            .unwrap_or_else(|| self.bad(tp, offset)),
                        Err(Unreadable::Value) => self.bad(tp, offset),
                        Err(Unreadable::Failed(error)) => {
                            return Err(error.into());
                        }
                    };
                    entries.push((only, entry));
                }
                (Err(Unreadable::Value), _) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    todo.extend([second, first]);
                }
            }
        }
        Ok(unknown)
    }

    /// `None`: nobody can say which row it is. `index`: see [`RowPlace`].
    fn entry(
        &self,
        tp: &TopicPartition,
        (offset, index): (i64, Option<i64>),
        op: Op,
        canonical: Canonical,
    ) -> Option<Entry> {
        let Canonical {
            key, mut columns, ..
        } = canonical;
        if self.sides.how == How::Content {
            for (column, default) in columns.iter_mut().zip(&self.sides.defaults) {
                if *column == hash::ABSENT {
                    *column = *default;
                }
            }
            let unknown = |(column, skipped): (&u64, &bool)| *column == hash::SKIPPED && !skipped;
            if columns.iter().zip(&self.sides.skipped).any(unknown) {
                return None;
            }
            skip(&mut columns, &self.sides.skipped);
        }
        Some(Entry {
            identity: match self.sides.how {
                How::Key { .. } => key?,
                How::Coordinate => by_place(&RowPlace {
                    record: self.place(tp, offset),
                    index,
                }),
                How::Content => self.sides.content(&columns),
            },
            partition: self.at,
            offset,
            op,
            age: 0,
            columns,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All of it is there, but for what compaction took.
    fn compacted() -> Part {
        Part {
            tp: TopicPartition::new("t", 0),
            gone: false,
            start: 0,
            low: 0,
            position: 10,
            until: 10,
            compacted: true,
            passed_over: Passed::default(),
            records: 10,
            passed: 10,
            dead: 0,
            skipped: 0,
            dropped: 0,
            unknown: 0,
        }
    }

    #[test]
    fn a_compacted_log_does_not_tell_all_that_earlier_records_of_a_key_wrote() {
        let parts = [compacted()];
        let silent = |how, exploded, routed| {
            let parts = Parts {
                parts: &parts,
                how,
                exploded,
                routed,
                changed: &[],
            };
            parts.is_silent(None)
        };
        let by_key = How::Key { keep: false };
        assert!(silent(by_key, true, false) && !silent(by_key, false, false));
        assert!(silent(by_key, false, true));
        assert!(silent(How::Content, true, false) && silent(How::Content, false, false));
    }

    #[test]
    fn a_row_is_of_its_record_and_of_its_element() {
        let place = |offset, index| {
            by_place(&RowPlace {
                record: Place {
                    topic: "t".to_owned(),
                    partition: 0,
                    offset,
                },
                index,
            })
        };
        let all = [
            place(1, None),
            place(1, Some(0)),
            place(1, Some(1)),
            place(11, Some(0)),
        ];
        assert_eq!(HashSet::from(all).len(), all.len());
        assert_eq!(place(1, Some(1)), place(1, Some(1)));
    }
}
