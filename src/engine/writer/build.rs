//! A part of a chunk → rows and dead letters.

use plimsoll_protocol::{Position, Span};
use plimsoll_record::{Arena, BadRecord, Chunk, Decoded, Decoder, Record, Undecoded, fingerprint};
use plimsoll_sink_api::{DeadLetter, Marks, Rows, SinkError};
use std::ops::Range;

/// A stretch of a chunk that is committed as one: records by their index, and
/// the span that they stand for.
#[derive(Debug, Clone)]
pub struct Part {
    /// What the commit moves the position over.
    pub span: Span,
    /// Which records.
    pub records: Range<usize>,
    /// The database refused the only record: it goes to the dead letters.
    pub refused: Option<SinkError>,
    /// The catalogue was read anew for a larger part, of which this is one, after a
    /// refusal that may be the table's.
    pub reread: bool,
}

impl Part {
    /// All of a chunk.
    #[must_use]
    pub fn whole(chunk: &Chunk) -> Self {
        Self {
            span: chunk.span(),
            records: 0..chunk.len(),
            refused: None,
            reread: false,
        }
    }

    /// One record, by its index, and nothing of the gaps around it.
    #[must_use]
    pub fn only(chunk: &Chunk, index: usize) -> Self {
        let from = chunk.position_of(index);
        let behind = Position::new(from.offset().saturating_add(1)).unwrap_or(from);
        Self {
            span: Span::new(from, behind).unwrap_or(chunk.span()),
            records: index..index + 1,
            refused: None,
            reread: false,
        }
    }

    /// Cuts the part before record `at`. The first is `None` when nothing lies
    /// before that record.
    #[must_use]
    pub fn cut(&self, chunk: &Chunk, at: usize) -> (Option<Self>, Option<Self>) {
        let position = chunk.position_of(at);
        let part = |span: Option<Span>, records| {
            span.map(|span| Self {
                span,
                records,
                refused: None,
                reread: self.reread,
            })
        };
        (
            part(
                Span::new(self.span.from(), position),
                self.records.start..at,
            ),
            part(
                Span::new(position.max(self.span.from()), self.span.to()),
                at..self.records.end,
            ),
        )
    }

    /// Two halves of a part with more than one record.
    #[must_use]
    pub fn halves(&self, chunk: &Chunk) -> Vec<Self> {
        let middle = self.records.start + self.records.len() / 2;
        let (first, second) = self.cut(chunk, middle);
        first.into_iter().chain(second).collect()
    }
}

/// What decoding made of a part.
#[derive(Debug)]
pub struct Built<'c> {
    /// The rows, by tables: as [`Ways::decoders`] has them.
    pub tables: Vec<Rows<'c>>,
    /// The dead letters.
    pub dead: Vec<DeadLetter<'c>>,
    /// Events that are about no row, or about those of another table.
    pub passed_over: u64,
    /// Records that the table's filter rules out.
    pub filtered: u64,
    /// Records that no table is known for, which are passed over on purpose.
    pub unrouted: u64,
    /// Where decoding had to stop.
    pub stopped: Option<Stopped>,
}

impl Built<'_> {
    /// How many rows there are, of all tables.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.tables.iter().map(Rows::len).sum()
    }
}

/// What reads the records of a part, and for which table.
#[derive(Debug, Clone)]
pub struct Ways<'t> {
    /// What reads those of each table, and the columns of that.
    pub decoders: Vec<(&'t Decoder, usize)>,
    /// Of each record, from this one on; empty where all go into the first table.
    pub ways: &'t [Way],
    /// A record, by its index.
    pub from: usize,
}

/// What a record says of its table, and what becomes of it.
#[derive(Debug, Clone)]
pub enum Way {
    /// It goes into this one, by its place.
    Into(usize),
    /// No table is known, and it is passed over.
    Skipped,
    /// No table is known, and it is kept as a dead letter.
    Letter(BadRecord),
    /// No table is known, or it cannot be written to: the partition stops before it.
    Halts {
        /// The column concerned.
        column: Option<String>,
        /// Why, without a value of the record.
        reason: String,
    },
}

impl Ways<'_> {
    fn of(&self, at: usize) -> Option<&Way> {
        const ONE: &Way = &Way::Into(0);
        match self.ways.is_empty() {
            true => Some(ONE),
            false => self.ways.get(at.checked_sub(self.from)?),
        }
    }
}

/// Where decoding a part had to stop, and why.
#[derive(Debug)]
pub struct Stopped {
    /// The record that was not decoded, by its index.
    pub at: usize,
    /// Why.
    pub why: Stop,
}

/// Why decoding had to stop before a record.
#[derive(Debug)]
pub enum Stop {
    /// Those before it have as many rows as a commit may write.
    Full,
    /// It cannot be decoded, or not now, for the table at this place.
    Undecoded(usize, Undecoded),
    /// No table is known for it.
    Unrouted {
        /// The column concerned.
        column: Option<String>,
        /// Why.
        reason: String,
    },
}

/// How parts are decoded.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// A bad record becomes a dead letter; or decoding stops before it.
    pub keep_bad: bool,
    /// Decoding stops where there are so many rows: a record may have several, and a
    /// commit is to write no more of them than a batch has records.
    pub enough: usize,
    /// Decoding stops before a record with a field that has no column: it gets one.
    pub grows: bool,
}

impl How {
    /// Whether a record that is bad now is a good one when the table has grown.
    fn grows_for(self, bad: &BadRecord) -> bool {
        self.grows && matches!(bad, BadRecord::UnknownField { .. })
    }
}

/// Decodes a part.
#[must_use]
pub fn build<'c>(
    ways: &Ways<'_>,
    how: How,
    chunk: &'c Chunk,
    part: &Part,
    arena: &'c Arena,
) -> Built<'c> {
    let share = part.records.len() / ways.decoders.len().max(1);
    let rows = |(_, width): &(&Decoder, usize)| Rows::with_capacity(*width, share);
    let mut built = Built {
        tables: ways.decoders.iter().map(rows).collect(),
        dead: Vec::new(),
        passed_over: 0,
        filtered: 0,
        unrouted: 0,
        stopped: None,
    };
    for at in part.records.clone() {
        let record = chunk.record(at);
        if let Some(error) = &part.refused {
            built.dead.push(refused(&record, error));
            continue;
        }
        if built.rows() >= how.enough {
            let why = Stop::Full;
            built.stopped = Some(Stopped { at, why });
            break;
        }
        let table = match ways.of(at) {
            Some(Way::Into(table)) => *table,
            Some(Way::Skipped) => {
                built.unrouted += 1;
                continue;
            }
            Some(Way::Letter(bad)) => {
                built.dead.push(undecodable(&record, bad));
                continue;
            }
            other => {
                let why = unrouted(other);
                built.stopped = Some(Stopped { at, why });
                break;
            }
        };
        let (decoder, _) = ways.decoders[table];
        match decoder.decode(&record, arena, &mut built.tables[table]) {
            Ok(Decoded::Rows) => {}
            Ok(Decoded::PassedOver) => built.passed_over += 1,
            Ok(Decoded::Filtered) => built.filtered += 1,
            Err(Undecoded::Bad(bad)) if how.keep_bad && !how.grows_for(&bad) => {
                built.dead.push(undecodable(&record, &bad));
            }
            Err(why) => {
                let why = Stop::Undecoded(table, why);
                built.stopped = Some(Stopped { at, why });
                break;
            }
        }
    }
    built
}

/// Why a part ends before a record without a way.
fn unrouted(way: Option<&Way>) -> Stop {
    match way {
        Some(Way::Halts { column, reason }) => Stop::Unrouted {
            column: column.clone(),
            reason: reason.clone(),
        },
        // Nothing is asked of what lies behind one that halts.
        Some(Way::Into(_) | Way::Skipped | Way::Letter(_)) | None => Stop::Unrouted {
            column: None,
            reason: "it lies behind a record whose table is not known".to_owned(),
        },
    }
}

/// What the position row remembers of a part's last record.
#[must_use]
pub fn marks(chunk: &Chunk, part: &Part) -> Marks {
    let last = part.records.clone().next_back();
    Marks {
        fingerprint: last.map(|i| fingerprint(&chunk.record(i))),
        leader_epoch: last.and_then(|i| chunk.leader_epoch(i)),
    }
}

fn letter<'c>(record: &Record<'c>) -> DeadLetter<'c> {
    DeadLetter {
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key,
        value: record.value,
        headers: record
            .headers()
            .map(|(name, value)| (String::from_utf8_lossy(name), value))
            .collect(),
        condition: String::new(),
        code: None,
        column: None,
        text: String::new(),
    }
}

fn undecodable<'c>(record: &Record<'c>, bad: &BadRecord) -> DeadLetter<'c> {
    DeadLetter {
        condition: bad.condition().to_owned(),
        column: bad.column().map(str::to_owned),
        text: bad.to_string(),
        ..letter(record)
    }
}

fn refused<'c>(record: &Record<'c>, error: &SinkError) -> DeadLetter<'c> {
    let detail = &error.detail;
    DeadLetter {
        condition: detail.condition.clone(),
        code: detail.code.clone(),
        column: detail.column.clone(),
        text: detail.text.reveal().to_owned(),
        ..letter(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_record::{
        Budget, Envelope, Filling, Formats, Incoming, SourceTables, UnknownFields,
    };
    use plimsoll_sink_api::{Column, Holds, Mode, Shape, Table};
    use proptest::prelude::*;
    use std::time::Instant;

    fn position(offset: i64) -> Position {
        Position::new(offset).unwrap()
    }

    fn chunk(from: i64, offsets: &[i64], to: i64) -> Chunk {
        let mut filling = Filling::new(Budget::new(1 << 20));
        for &offset in offsets {
            let incoming = Incoming {
                offset,
                timestamp: None,
                key: None,
                value: Some(b"{}"),
            };
            filling.push(
                &incoming,
                std::iter::empty::<(&[u8], Option<&[u8]>)>(),
                None,
                Instant::now(),
            );
        }
        filling.seal(Span::new(position(from), position(to)).unwrap())
    }

    #[test]
    fn nothing_lies_before_the_first_record_of_a_span_that_begins_with_it() {
        let chunk = chunk(5, &[5, 6], 7);
        let (before, from) = Part::whole(&chunk).cut(&chunk, 0);
        assert!(before.is_none());
        assert_eq!(from.unwrap().span, chunk.span());
    }

    #[test]
    fn a_gap_before_the_first_record_is_a_part_of_its_own() {
        let chunk = chunk(5, &[8, 9], 12);
        let (before, from) = Part::whole(&chunk).cut(&chunk, 0);
        let before = before.unwrap();
        assert_eq!((before.span.to().offset(), before.records.len()), (8, 0));
        assert_eq!(from.unwrap().records, 0..2);
    }

    #[test]
    fn a_null_and_an_empty_value_have_different_fingerprints() {
        let mut filling = Filling::new(Budget::new(1 << 20));
        for value in [None, Some(b"".as_slice())] {
            let incoming = Incoming {
                offset: 1,
                timestamp: None,
                key: None,
                value,
            };
            filling.push(
                &incoming,
                std::iter::empty::<(&[u8], Option<&[u8]>)>(),
                None,
                Instant::now(),
            );
        }
        let chunk = filling.seal(Span::new(position(0), position(9)).unwrap());
        assert_ne!(fingerprint(&chunk.record(0)), fingerprint(&chunk.record(1)));
    }

    /// One event of Canal for each number, of so many rows.
    fn events(rows: &[u8]) -> Chunk {
        let mut filling = Filling::new(Budget::new(1 << 20));
        let mut id = 0;
        for (offset, &rows) in (0..).zip(rows) {
            let row = || {
                id += 1;
                format!("{{\"id\":\"{id}\"}}")
            };
            let data: Vec<String> = std::iter::repeat_with(row).take(rows.into()).collect();
            // One without rows is about none.
            let kind = if data.is_empty() { "QUERY" } else { "INSERT" };
            let event = format!("{{\"type\":\"{kind}\",\"data\":[{}]}}", data.join(","));
            let incoming = Incoming {
                offset,
                timestamp: None,
                key: None,
                value: Some(event.as_bytes()),
            };
            let headers = std::iter::empty::<(&[u8], Option<&[u8]>)>();
            filling.push(&incoming, headers, None, Instant::now());
        }
        let to = position(rows.len() as i64);
        filling.seal(Span::new(position(0), to).unwrap())
    }

    fn canal() -> Decoder {
        let column = Column {
            name: "id".into(),
            take: "value.id".parse().unwrap(),
            shape: Shape::Scalar,
            key: true,
            type_name: "integer".into(),
            holds: Holds::Numbers,
        };
        let table = Table {
            name: "t".into(),
            mode: Mode::Upsert,
            columns: vec![column],
            filter: None,
            explode: None,
            evolve: None,
        };
        let formats = Formats {
            envelope: Envelope::Canal(SourceTables::default()),
            ..Formats::json(UnknownFields::Ignore)
        };
        Decoder::new(&table, "t", 0, &formats)
    }

    proptest! {
        /// A record has all of its rows in one commit, and a commit no more of them than
        /// it may, but for those of its last record.
        #[test]
        fn parts_end_where_they_have_enough_rows(
            rows in prop::collection::vec(0_u8..6, 1..40), enough in 1_usize..8,
        ) {
            let chunk = events(&rows);
            let decoder = canal();
            let how = How { keep_bad: false, enough, grows: false };
            let ways = Ways { decoders: vec![(&decoder, 1)], ways: &[], from: 0 };
            let mut todo = vec![Part::whole(&chunk)];
            let (mut next, mut seen, mut passed_over) = (chunk.span().from(), 0, 0);
            while let Some(mut part) = todo.pop() {
                let arena = Arena::new();
                let built = build(&ways, how, &chunk, &part, &arena);
                if let Some(stopped) = &built.stopped {
                    prop_assert!(matches!(stopped.why, Stop::Full));
                    let (before, behind) = part.cut(&chunk, stopped.at);
                    part = before.expect("records that have enough rows");
                    todo.extend(behind);
                }
                prop_assert_eq!(part.span.from(), next);
                next = part.span.to();
                let last = part.records.end - 1;
                let before_last: usize = rows[part.records.start..last].iter().map(|&n| usize::from(n)).sum();
                prop_assert!(before_last < enough);
                prop_assert_eq!(built.rows(), before_last + usize::from(rows[last]));
                seen += built.rows();
                passed_over += built.passed_over;
            }
            prop_assert_eq!(next, chunk.span().to());
            prop_assert_eq!(seen, rows.iter().map(|&n| usize::from(n)).sum::<usize>());
            prop_assert_eq!(passed_over, rows.iter().filter(|&&n| n == 0).count() as u64);
        }

        /// Invariants 1 and 2, for bisection: the parts tile the span and the
        /// records, whatever gaps there are.
        #[test]
        fn halves_tile_the_span(gaps in prop::collection::vec(1i64..5, 2..60), lead in 0i64..4, tail in 1i64..4) {
            let mut at = lead;
            let offsets: Vec<i64> = gaps.iter().map(|g| { let o = at; at += g; o }).collect();
            let last = *offsets.last().unwrap();
            let chunk = chunk(0, &offsets, last + tail);
            let mut todo = vec![Part::whole(&chunk)];
            let (mut next, mut seen) = (chunk.span().from(), 0);
            while let Some(part) = todo.pop() {
                if part.records.len() > 1 {
                    todo.extend(part.halves(&chunk).into_iter().rev());
                    continue;
                }
                prop_assert_eq!(part.span.from(), next);
                next = part.span.to();
                for i in part.records.clone() {
                    prop_assert_eq!(i, seen);
                    prop_assert!(part.span.contains(offsets[i]));
                    seen += 1;
                }
            }
            prop_assert_eq!(next, chunk.span().to());
            prop_assert_eq!(seen, offsets.len());
        }
    }
}
