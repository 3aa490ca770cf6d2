//! `dead-letters replay`: the stored bytes go the way of every record: decoded,
//! built, written; and the letter goes in the same transaction.

use super::Which;
use super::superseded::Superseded;
use crate::admin::error::AdminError;
use crate::admin::positions::find_sink;
use crate::admin::{block_on, client_name, with_sink};
use crate::cli::ConfigArg;
use crate::config::{Config, Sink as Settings};
use crate::exit::Exit;
use crate::formats::{SharedRegistry, formats};
use crate::kafka::{LogReader, Reads, ShortLog, cluster_config};
use clap::Args;
use plimsoll_protocol::{Position, Question, Span, Then, TopicPartition, then};
use plimsoll_record::{
    Arena, Budget, Chunk, Decoder, Filling, Formats, Incoming, RouteReader, Unrouted,
};
use plimsoll_sink_api::{
    DeadLetterFilter, DeadLetterPage, DeadLetters, KeptDeadLetter, Mode, Positions, Prepared,
    Replay, Route, Rows, SinkError,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::Instant;

/// Letters of one run; what is left is told. Their offsets and keys are kept in
/// memory, their payloads one at a time.
const LIMIT: usize = 10_000;
/// Letters listed at once.
const PAGE: u32 = 1_000;
/// How often a letter is tried whose partition moves on between the look at the
/// log and the write. A busy service moves it about every 20 ms, and both take
/// less.
const ATTEMPTS: u32 = 50;

/// `plimsoll dead-letters replay`
#[derive(Debug, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    which: Which,
}

/// What came of all letters.
#[derive(Debug, Default)]
struct Tally {
    replayed: usize,
    bad: usize,
    superseded: usize,
    gone: usize,
    busy: usize,
}

/// Writes dead letters after all.
///
/// # Errors
/// Kafka or the database did not answer.
pub fn replay(args: &ReplayArgs, out: &mut impl Write) -> Result<Exit, AdminError> {
    let config = args.config.load()?;
    let settings = find_sink(&config, &args.which.sink)?;
    let replaying = Replaying {
        config: &config,
        settings,
        formats: formats(settings, &SharedRegistry::of(&config)),
        filter: args.which.filter(),
    };
    let (tally, more) = block_on(async {
        with_sink!(settings, |sink| Ok(replaying.run(&sink, out).await))
            .map_err(AdminError::sink(&settings.name))?
    })?;
    writeln!(
        out,
        "{}: {} replayed, {} still bad, {} superseded, {} gone meanwhile, {} not tried for a busy \
         partition",
        settings.name, tally.replayed, tally.bad, tally.superseded, tally.gone, tally.busy
    )?;
    if more {
        writeln!(
            out,
            "{}: there are more than {LIMIT}: run it again",
            settings.name
        )?;
    }
    Ok(if tally.bad + tally.superseded + tally.busy == 0 {
        Exit::Ok
    } else {
        Exit::Failed
    })
}

struct Replaying<'c> {
    config: &'c Config,
    settings: &'c Settings,
    formats: Formats,
    filter: DeadLetterFilter,
}

/// All letters of one partition.
struct Lane<'a, S: Positions + DeadLetters> {
    sink: &'a S,
    tp: &'a TopicPartition,
    prepared: &'a Prepared<S::Plan>,
    decoder: &'a Decoder,
    /// Where records go into several tables: what tells which, and which is this one.
    share: Option<(&'a RouteReader, &'a Route)>,
}

impl Replaying<'_> {
    fn failed(&self) -> impl FnOnce(SinkError) -> AdminError {
        AdminError::sink(&self.settings.name)
    }

    async fn run<S: Positions + DeadLetters>(
        &self,
        sink: &S,
        out: &mut impl Write,
    ) -> Result<(Tally, bool), AdminError> {
        let (wanted, more) = self.offsets(sink, &self.filter).await?;
        let mut tally = Tally::default();
        for (tp, offsets) in &wanted {
            let backend = &self.settings.backend;
            let routing = backend
                .table(&tp.topic)
                .and_then(|table| table.routing.as_ref());
            let Some(routing) = routing else {
                let prepared = sink.prepare(&tp.topic).await.map_err(self.failed())?;
                self.table((sink, tp), (&prepared, None), offsets, &mut tally, out)
                    .await?;
                continue;
            };
            let reader = RouteReader::new(&routing.by, &tp.topic, tp.partition, &self.formats);
            let (by_route, told) = self
                .by_route((sink, tp), &reader, offsets, &mut tally)
                .await?;
            for said in told {
                writeln!(out, "{tp} {said}")?;
            }
            for (route, offsets) in &by_route {
                match sink.prepare_for(&tp.topic, Some(route)).await {
                    Ok(prepared) => {
                        let table = (&*prepared, Some((&reader, route)));
                        self.table((sink, tp), table, offsets, &mut tally, out)
                            .await?;
                    }
                    Err(error) if error.detail.no_table => {
                        let bad = reader.unrouted(Unrouted::NoTable);
                        tally.bad += offsets.len();
                        for offset in offsets {
                            let said = format!("still bad: {}: {bad}", bad.condition());
                            writeln!(out, "{tp} offset {offset}: {said}")?;
                        }
                    }
                    Err(error) => return Err(self.failed()(error)),
                }
            }
        }
        Ok((tally, more))
    }

    /// The letters of a partition by what they say of their table; and what is told of those
    /// that say nothing, or are gone.
    async fn by_route<S: Positions + DeadLetters>(
        &self,
        (sink, tp): (&S, &TopicPartition),
        reader: &RouteReader,
        offsets: &BTreeSet<i64>,
        tally: &mut Tally,
    ) -> Result<(BTreeMap<Route, BTreeSet<i64>>, Vec<String>), AdminError> {
        let mut found: BTreeMap<Route, BTreeSet<i64>> = BTreeMap::new();
        let mut told = Vec::new();
        for &offset in offsets {
            let Some(chunk) = self.fetch(sink, tp, offset).await? else {
                tally.gone += 1;
                told.push(format!("offset {offset}: gone meanwhile"));
                continue;
            };
            match reader.read_when_ready(&chunk.record(0)).await? {
                Ok(route) => {
                    found.entry(route).or_default().insert(offset);
                }
                Err(bad) => {
                    tally.bad += 1;
                    let condition = bad.condition();
                    told.push(format!("offset {offset}: still bad: {condition}: {bad}"));
                }
            }
        }
        Ok((found, told))
    }

    /// The letters of one table.
    async fn table<S: Positions + DeadLetters>(
        &self,
        (sink, tp): (&S, &TopicPartition),
        (prepared, share): (&Prepared<S::Plan>, Option<(&RouteReader, &Route)>),
        offsets: &BTreeSet<i64>,
        tally: &mut Tally,
        out: &mut impl Write,
    ) -> Result<(), AdminError> {
        let decoder = Decoder::growing(&prepared.table, &tp.topic, tp.partition, &self.formats);
        let lane = Lane {
            sink,
            tp,
            prepared,
            decoder: &decoder,
            share,
        };
        self.partition(&lane, offsets, tally, out).await
    }

    /// Offsets by partition, in their order; and whether there are more.
    async fn offsets<S: Positions + DeadLetters>(
        &self,
        sink: &S,
        filter: &DeadLetterFilter,
    ) -> Result<(BTreeMap<TopicPartition, BTreeSet<i64>>, bool), AdminError> {
        let mut found: BTreeMap<TopicPartition, BTreeSet<i64>> = BTreeMap::new();
        let mut page = DeadLetterPage {
            after: None,
            limit: PAGE,
            payloads: false,
        };
        let mut all = 0;
        loop {
            let letters = sink
                .dead_letters(filter, &page)
                .await
                .map_err(self.failed())?;
            all += letters.len();
            let last = letters.last().map(|l| (l.tp.clone(), l.offset));
            let full = letters.len() >= PAGE as usize;
            for letter in letters {
                found.entry(letter.tp).or_default().insert(letter.offset);
            }
            if !full || all >= LIMIT {
                return Ok((found, full));
            }
            page.after = last;
        }
    }

    async fn partition<S: Positions + DeadLetters>(
        &self,
        lane: &Lane<'_, S>,
        offsets: &BTreeSet<i64>,
        tally: &mut Tally,
        out: &mut impl Write,
    ) -> Result<(), AdminError> {
        let table = &lane.prepared.table;
        // In an append or log table no record touches another's row.
        let mut guard = match table.mode {
            Mode::Append | Mode::Log => None,
            Mode::Upsert => {
                let kept = DeadLetterFilter {
                    topic: Some(lane.tp.topic.to_string()),
                    partition: Some(lane.tp.partition),
                    offsets: Vec::new(),
                };
                let (mut kept, _) = self.offsets(lane.sink, &kept).await?;
                let kept = kept.remove(lane.tp).unwrap_or_default();
                let mut guard =
                    Superseded::new(lane.tp, &table.columns, lane.decoder, lane.share, kept);
                for &offset in offsets {
                    if let Some(chunk) = self.fetch(lane.sink, lane.tp, offset).await? {
                        let arena = Arena::new();
                        let mut rows = Rows::with_capacity(table.columns.len(), 1);
                        let record = chunk.record(0);
                        let decoded = lane.decoder.decode_when_ready(&record, &arena, &mut rows);
                        if decoded.await?.is_ok() {
                            guard.add(offset, &rows);
                        }
                    }
                }
                let config = cluster_config(&self.config.kafka, &client_name());
                let group = &self.settings.group_id;
                let reader = LogReader::new(config, group, Reads::Stretches, ShortLog::EndsSpan)?;
                Some((guard, reader))
            }
        };
        for &offset in offsets {
            let said = self.one(lane, offset, guard.as_mut(), tally).await?;
            writeln!(out, "{} offset {offset}: {said}", lane.tp)?;
        }
        Ok(())
    }

    /// The letter's record; `None` when it is gone.
    async fn fetch<S: Positions + DeadLetters>(
        &self,
        sink: &S,
        tp: &TopicPartition,
        offset: i64,
    ) -> Result<Option<Chunk>, AdminError> {
        let filter = DeadLetterFilter {
            topic: Some(tp.topic.to_string()),
            partition: Some(tp.partition),
            offsets: vec![offset],
        };
        let page = DeadLetterPage {
            after: None,
            limit: 1,
            payloads: true,
        };
        let found = sink.dead_letters(&filter, &page).await;
        let found = found.map_err(self.failed())?;
        Ok(found.first().and_then(chunk_of))
    }

    async fn position<S: Positions + DeadLetters>(
        &self,
        lane: &Lane<'_, S>,
    ) -> Result<Position, AdminError> {
        let rows = lane.sink.positions().await.map_err(self.failed())?;
        rows.into_iter()
            .find(|row| row.tp == *lane.tp)
            .map(|row| row.position)
            .ok_or_else(|| {
                AdminError::Refused(format!(
                    "{} has no position in this sink: whether its letters may be written is not \
                     known; hint: start the service, which gives it one, or `plimsoll \
                     dead-letters drop`",
                    lane.tp
                ))
            })
    }

    /// One letter; says what became of it, without any value.
    async fn one<S: Positions + DeadLetters>(
        &self,
        lane: &Lane<'_, S>,
        offset: i64,
        mut guard: Option<&mut (Superseded<'_>, LogReader)>,
        tally: &mut Tally,
    ) -> Result<String, AdminError> {
        for _ in 0..ATTEMPTS {
            let Some(chunk) = self.fetch(lane.sink, lane.tp, offset).await? else {
                tally.gone += 1;
                return Ok("gone meanwhile".to_owned());
            };
            let arena = Arena::new();
            let mut rows = Rows::with_capacity(lane.prepared.table.columns.len(), 1);
            let record = chunk.record(0);
            let decoded = lane.decoder.decode_when_ready(&record, &arena, &mut rows);
            if let Err(bad) = decoded.await? {
                tally.bad += 1;
                return Ok(format!("still bad: {}: {bad}", bad.condition()));
            }
            let position = self.position(lane).await?;
            if position.offset() <= offset {
                tally.busy += 1;
                return Ok(format!(
                    "not tried: the position {position} lies before it, so the service meets the \
                     record again"
                ));
            }
            let stands_at = match &mut guard {
                None => None,
                Some((superseded, reader)) => {
                    superseded.look(reader, position).await?;
                    if let Some(said) = superseded.newer(offset).said() {
                        tally.superseded += 1;
                        return Ok(said);
                    }
                    Some(position)
                }
            };
            let replay = Replay {
                letters: &[offset],
                topic: &lane.tp.topic,
                partition: lane.tp.partition,
                table: lane.prepared,
                rows: &rows,
                stands_at,
            };
            match lane.sink.replay(&replay).await {
                Ok(_) => {
                    tally.replayed += 1;
                    return Ok("replayed".to_owned());
                }
                Err(error) => match then(Question::Replay, error.class) {
                    Then::LookAgain => {}
                    Then::Refused => {
                        tally.bad += 1;
                        return Ok(format!("still bad: {error}"));
                    }
                    Then::Halt | Then::AskAgain | Then::Settle | Then::Restart => {
                        return Err(self.failed()(error));
                    }
                },
            }
        }
        tally.busy += 1;
        Ok(format!(
            "not replayed: the partition moved on between look and write {ATTEMPTS} times; hint: \
             try again, or stop the service meanwhile"
        ))
    }
}

/// The record as it came.
fn chunk_of(letter: &KeptDeadLetter) -> Option<Chunk> {
    let payload = letter.payload.as_ref()?;
    let from = Position::new(letter.offset).ok()?;
    let span = Span::new(from, Position::new(letter.offset + 1).ok()?)?;
    let mut filling = Filling::new(Budget::new(usize::MAX));
    let incoming = Incoming {
        offset: letter.offset,
        timestamp: letter.timestamp,
        key: payload.key.as_deref(),
        value: payload.value.as_deref(),
    };
    let headers = payload
        .headers
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_deref()));
    filling.push(&incoming, headers, None, Instant::now());
    Some(filling.seal(span))
}
