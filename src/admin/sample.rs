//! `check --sample`: real records, decoded as the service decodes them, and tried on the
//! database, where nothing of them stays.

use super::error::AdminError;
use super::fields::Fields;
use super::naming;
use crate::config::{Config, Sink as Settings, UnknownFields};
use crate::error::KafkaFault;
use crate::kafka::{Cluster, LogReader, Reads, SAMPLE, ShortLog, cluster_config};
use crate::propose::Bad;
use plimsoll_protocol::{
    Claim, Class, Epoch, Owner, Position, Question, Span, Then, TopicPartition, then,
};
use plimsoll_record::{
    Arena, Chunk, Decoded, Decoder, Formats, Items, RouteReader, Unavailable, Unrouted,
};
use plimsoll_sink_api::{
    Batch, Inspect, Marks, Prepared, Route, Routing, Rows, SinkError, TableRows,
};
use std::time::Instant;

/// The database is not asked for more bad records: it takes some transactions to find each.
const FOUND: usize = 100;

/// Reads the last `wanted` records, shared among the partitions.
pub(super) fn read(
    config: &Config,
    settings: &Settings,
    cluster: &Cluster,
    partitions: &[TopicPartition],
    wanted: usize,
) -> Result<Vec<(TopicPartition, Chunk)>, KafkaFault> {
    let spans = spans(cluster, partitions, wanted)?;
    read_spans(config, settings, spans, wanted)
}

/// Reads spans of partitions, up to so many records.
pub(super) fn read_spans(
    config: &Config,
    settings: &Settings,
    spans: Vec<(TopicPartition, Span)>,
    wanted: usize,
) -> Result<Vec<(TopicPartition, Chunk)>, KafkaFault> {
    if spans.is_empty() {
        return Ok(Vec::new());
    }
    let client = cluster_config(&config.kafka, &super::client_name());
    let group = &settings.group_id;
    let mut reader = LogReader::new(client, group, Reads::Stretches, ShortLog::EndsSpan)?;
    reader.begin(spans)?;
    let deadline = Instant::now() + SAMPLE;
    let mut pieces = Vec::new();
    while reader.open().next().is_some()
        && reader.taken() < wanted
        && !reader.is_full()
        && Instant::now() < deadline
    {
        pieces.extend(reader.step()?);
    }
    pieces.extend(reader.rest());
    pieces.retain(|piece| !piece.chunk.is_empty());
    pieces.sort_by(|a, b| a.tp.cmp(&b.tp));
    let read = pieces.into_iter().map(|piece| (piece.tp, piece.chunk));
    Ok(read.collect())
}

/// The last records of each partition that has any.
fn spans(
    cluster: &Cluster,
    partitions: &[TopicPartition],
    wanted: usize,
) -> Result<Vec<(TopicPartition, Span)>, KafkaFault> {
    let first = cluster.earliest(partitions)?;
    let last = cluster.latest(partitions)?;
    let filled: Vec<(TopicPartition, Span)> = partitions
        .iter()
        .zip(first.into_iter().zip(last))
        .filter_map(|(tp, (first, last))| Some((tp.clone(), Span::new(first?, last?)?)))
        .collect();
    let share = wanted.div_ceil(filled.len().max(1));
    let share = i64::try_from(share).unwrap_or(i64::MAX);
    Ok(filled
        .into_iter()
        .filter_map(|(tp, all)| {
            let from = (all.to().offset() - share).max(all.from().offset());
            Some((tp, Span::new(Position::new(from).ok()?, all.to())?))
        })
        .collect())
}

/// What became of the sample of one topic.
pub(super) struct Tried {
    /// Field → column → type.
    pub(super) fields: Vec<String>,
    /// What is wrong with all of them.
    pub(super) faults: Vec<String>,
    /// What may be meant, if anything.
    pub(super) hint: Option<String>,
    /// Records read.
    pub(super) records: usize,
    /// Rows that were taken.
    pub(super) rows: u64,
    /// Records that the table's filter rules out.
    pub(super) filtered: usize,
    /// What is bad, without any value.
    pub(super) bad: Bad,
    /// Rows that stand in each other's way.
    pub(super) together: Vec<String>,
}

/// Decodes the records of one topic, and tries their rows.
pub(super) async fn try_out<S: Inspect>(
    sink: &S,
    settings: &Settings,
    formats: &Formats,
    (topic, route): (&str, Option<&Route>),
    prepared: &Prepared<S::Plan>,
    chunks: &[(TopicPartition, Chunk)],
) -> Result<Tried, AdminError> {
    let mut fields = Fields::new(&prepared.table);
    let mut of_items = Fields::of_items(&prepared.table);
    let mut tried = Tried {
        fields: Vec::new(),
        faults: Vec::new(),
        hint: None,
        records: 0,
        rows: 0,
        filtered: 0,
        bad: Bad::default(),
        together: Vec::new(),
    };
    for (tp, chunk) in chunks.iter().filter(|(tp, _)| &*tp.topic == topic) {
        let own = own(settings, formats, (tp, route), chunk).await?;
        tried.records += own.len();
        let dry_run = DryRun {
            sink,
            tp,
            chunk,
            own,
            prepared,
            decoder: Decoder::new(&prepared.table, topic, tp.partition, formats),
            items: Items::of(&prepared.table, topic, tp.partition, formats),
        };
        let good = dry_run.decode(&mut fields, &mut tried).await?;
        if let Some(of_items) = &mut of_items {
            dry_run.look_at_items(of_items);
        }
        dry_run
            .run(&good, &mut tried)
            .await
            .map_err(AdminError::sink(&settings.name))?;
    }
    let rejected = settings.unknown_fields == UnknownFields::Reject;
    let all = || std::iter::once(&fields).chain(&of_items);
    tried.fields = all().flat_map(|fields| fields.lines(rejected)).collect();
    tried.faults = all().flat_map(Fields::faults).collect();
    let pairs: Vec<_> = all().flat_map(Fields::pairs).collect();
    tried.hint = (!pairs.is_empty()).then(|| naming::hint(&pairs));
    Ok(tried)
}

/// The records of a chunk that are a table's, by their index.
async fn own(
    settings: &Settings,
    formats: &Formats,
    (tp, route): (&TopicPartition, Option<&Route>),
    chunk: &Chunk,
) -> Result<Vec<usize>, Unavailable> {
    let table = settings.backend.table(&tp.topic);
    let routing = table.and_then(|table| table.routing.as_ref());
    let (Some(route), Some(routing)) = (route, routing) else {
        return Ok((0..chunk.len()).collect());
    };
    let reader = RouteReader::new(&routing.by, &tp.topic, tp.partition, formats);
    let mut own = Vec::new();
    for i in 0..chunk.len() {
        let said = reader.read_when_ready(&chunk.record(i)).await?;
        if said.as_ref() == Ok(route) {
            own.push(i);
        }
    }
    Ok(own)
}

/// What is wrong with the records of a topic that are no table's, as far as these are known.
pub(super) async fn unrouted(
    routing: &Routing,
    known: &[&Route],
    formats: &Formats,
    topic: &str,
    chunks: &[(TopicPartition, Chunk)],
) -> Result<Bad, Unavailable> {
    let mut bad = Bad::default();
    for (tp, chunk) in chunks.iter().filter(|(tp, _)| &*tp.topic == topic) {
        let reader = RouteReader::new(&routing.by, topic, tp.partition, formats);
        for i in 0..chunk.len() {
            let record = chunk.record(i);
            let what = match reader.read_when_ready(&record).await? {
                Ok(route) if known.contains(&&route) => continue,
                Ok(_) => reader.unrouted(Unrouted::NoTable),
                Err(bad) => bad,
            };
            bad.add(tp, record.offset, &what.to_string());
        }
    }
    Ok(bad)
}

/// Whether an error may be about single records.
fn of_records(error: &SinkError) -> bool {
    then(Question::Sample, error.class) == Then::Refused
}

struct DryRun<'a, S: Inspect> {
    sink: &'a S,
    tp: &'a TopicPartition,
    chunk: &'a Chunk,
    /// The records that are the table's, by their index.
    own: Vec<usize>,
    prepared: &'a Prepared<S::Plan>,
    decoder: Decoder,
    /// Of a table with a row for every element of an array.
    items: Option<Items>,
}

impl<S: Inspect> DryRun<'_, S> {
    /// Which records can be rows, by their index.
    async fn decode(
        &self,
        fields: &mut Fields<'_>,
        tried: &mut Tried,
    ) -> Result<Vec<usize>, Unavailable> {
        let mut good = Vec::with_capacity(self.own.len());
        for &i in &self.own {
            let arena = Arena::new();
            let mut scratch = Rows::with_capacity(self.prepared.table.columns.len(), 1);
            let record = self.chunk.record(i);
            let decoded = self
                .decoder
                .decode_when_ready(&record, &arena, &mut scratch);
            match decoded.await? {
                Ok(Decoded::Rows | Decoded::PassedOver) => good.push(i),
                Ok(Decoded::Filtered) => tried.filtered += 1,
                Err(bad) => self.bad(i, &bad.to_string(), tried),
            }
            // What is wrong with it has been told.
            let described = self
                .decoder
                .describe(&record, &|path| fields.leads_further(path));
            fields.add(described.unwrap_or_default());
        }
        Ok(good)
    }

    /// What the elements of the records hold, which were decoded before.
    fn look_at_items(&self, fields: &mut Fields<'_>) {
        for &i in &self.own {
            let record = self.chunk.record(i);
            let into = |path: &[String]| fields.leads_further(path);
            let items = self.items.as_ref();
            let described = items.map(|items| items.describe(&record, &into));
            for described in described.into_iter().flatten() {
                fields.add(described);
            }
        }
    }

    async fn run(&self, good: &[usize], tried: &mut Tried) -> Result<(), SinkError> {
        if good.is_empty() {
            return Ok(());
        }
        let whole = match self.write(good).await {
            Ok(rows) => {
                tried.rows += rows;
                return Ok(());
            }
            Err(error) if of_records(&error) => error,
            Err(error) => return Err(error),
        };
        // Halves, to find which: the order of the log is kept.
        let (before, written) = (tried.bad.records(), tried.rows);
        let mut todo = vec![good];
        while let Some(part) = todo.pop() {
            if tried.bad.records() > FOUND {
                break;
            }
            match (self.write(part).await, part) {
                (Ok(rows), _) => tried.rows += rows,
                (Err(error), &[only]) if of_records(&error) => {
                    self.bad(only, &error.to_string(), tried);
                }
                (Err(error), _) if of_records(&error) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    todo.extend([second, first]);
                }
                (Err(error), _) => return Err(error),
            }
        }
        if whole.class == Class::Suspect && tried.rows == written {
            // Not one is taken: it is the table, or a right.
            return Err(whole);
        }
        if tried.bad.records() == before {
            // Each goes by itself: they stand in each other's way.
            tried
                .together
                .push(format!("{}: together: {whole}", self.tp));
        }
        Ok(())
    }

    fn bad(&self, i: usize, what: &str, tried: &mut Tried) {
        let offset = self.chunk.record(i).offset;
        tried.bad.add(self.tp, offset, what);
    }

    async fn write(&self, records: &[usize]) -> Result<u64, SinkError> {
        let arena = Arena::new();
        let mut rows = Rows::with_capacity(self.prepared.table.columns.len(), records.len());
        for &i in records {
            // It was decoded before.
            let record = self.chunk.record(i);
            if let Err(undecoded) = self.decoder.decode(&record, &arena, &mut rows) {
                return Err(SinkError::new(Class::Rejected, undecoded.to_string()));
            }
        }
        let batch = batch(self.tp, self.chunk, self.prepared, &rows);
        self.sink.dry_run(&batch).await.map(|done| done.rows)
    }
}

/// Rows to be tried.
pub(super) fn batch<'b, P>(
    tp: &'b TopicPartition,
    chunk: &Chunk,
    prepared: &'b Prepared<P>,
    rows: &'b Rows<'b>,
) -> Batch<'b, P> {
    Batch {
        topic: &tp.topic,
        partition: tp.partition,
        // Nobody's: a dry run moves no position.
        claim: Claim {
            epoch: Epoch(0),
            owner: Owner(0),
        },
        span: chunk.span(),
        tables: TableRows::only(prepared, rows),
        dead: &[],
        marks: Marks::default(),
    }
}
