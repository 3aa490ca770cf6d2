//! Logs, read once more by spans: by a client that is a member of no group and commits
//! nothing.
//!
//! A span is read when its last offset is, or when the consumer has passed it: markers
//! of transactions, aborted records and the gaps of compaction give no record.

use super::context::Context;
use super::event::{Event, Events, Kind};
use super::message::{Message, push};
use super::timeouts::{ANSWER, POLL, SILENCE};
use super::tokens::keep_tokens;
use crate::error::KafkaFault;
use plimsoll_protocol::{Position, Span, TopicPartition};
use plimsoll_record::{Budget, Chunk, Filling};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

/// Records that are handed over at a time: few round trips of who judges them, and
/// little memory.
const PIECE_RECORDS: usize = 2_000;
/// Bytes of them, where records are large.
const PIECE_BYTES: usize = 4 << 20;
/// Bytes of all partitions' records that wait to be handed over.
const HELD_BYTES: usize = 64 << 20;
/// What librdkafka may hold beside them.
const QUEUE_KIB: usize = 16 << 10;
/// Bytes fetched per partition where one record of it is wanted; a broker sends a whole
/// batch at least.
const SINGLE_BYTES: usize = 16 << 10;

/// What a reader is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// Many records of each partition.
    Stretches,
    /// One of each, as soon as it can be had.
    Single,
}

/// What becomes of a span when the log ends before it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShortLog {
    /// It has ended, too: what is not there cannot be read.
    EndsSpan,
    /// It is waited for: all of the span was there once, so a leader may not know yet
    /// how far its log goes.
    IsAwaited,
}

/// Some records of one partition, in their order.
#[derive(Debug)]
pub struct Piece {
    /// Which.
    pub tp: TopicPartition,
    /// The records; none, where a span ends without one.
    pub chunk: Chunk,
    /// Offsets that were passed since the piece before, records or not.
    pub passed: u64,
}

/// Why something was not read.
#[derive(Debug, Clone)]
pub struct Unread {
    /// The one partition that it is about, whose span is given up; `None`: none of them
    /// can be told.
    pub tp: Option<TopicPartition>,
    /// Why.
    pub fault: KafkaFault,
}

impl From<Unread> for KafkaFault {
    fn from(unread: Unread) -> Self {
        unread.fault
    }
}

struct Part {
    span: Span,
    filling: Filling,
    /// Where the next piece begins.
    from: Position,
    /// Behind the last record that was taken.
    next: Position,
    /// Nothing of the span is still to come.
    done: bool,
}

/// A consumer that is assigned by hand. Its queue goes before it.
pub struct LogReader {
    events: Events,
    consumer: BaseConsumer<Context>,
    short_log: ShortLog,
    parts: BTreeMap<TopicPartition, Part>,
    /// Those whose piece is full, or whose span is done.
    ready: VecDeque<TopicPartition>,
    budget: Arc<Budget>,
    /// Records taken of the spans so far.
    taken: usize,
    /// When something came last.
    heard: Instant,
}

impl LogReader {
    /// With the settings of a [`super::cluster_config`].
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn new(
        mut config: ClientConfig,
        group_id: &str,
        reads: Reads,
        short_log: ShortLog,
    ) -> Result<Self, KafkaFault> {
        config
            // Needed for an assignment by hand; without a subscription nobody joins the
            // group, and nothing is committed.
            .set("group.id", group_id)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .set("queued.max.messages.kbytes", QUEUE_KIB.to_string());
        if reads == Reads::Single {
            config
                .set("fetch.message.max.bytes", SINGLE_BYTES.to_string())
                .set("fetch.wait.max.ms", "10");
        }
        let context = Context::silent("of a log that is read");
        let consumer: BaseConsumer<Context> = config.create_with_context(context)?;
        keep_tokens(consumer.client());
        // SAFETY: the queue goes before the consumer.
        let events = unsafe { Events::consumer(consumer.client().native_ptr()) };
        Ok(Self {
            events: events.ok_or_else(|| KafkaFault::new("no queue for records"))?,
            consumer,
            short_log,
            parts: BTreeMap::new(),
            ready: VecDeque::new(),
            budget: Budget::new(HELD_BYTES),
            taken: 0,
            heard: Instant::now(),
        })
    }

    /// The first offset that the log still has.
    ///
    /// # Errors
    /// Kafka did not answer.
    pub fn first(&self, tp: &TopicPartition) -> Result<Position, KafkaFault> {
        let (first, _) = self
            .consumer
            .fetch_watermarks(&tp.topic, tp.partition, ANSWER)?;
        Position::new(first).map_err(|e| KafkaFault::new(e.to_string()))
    }

    /// Begins to read spans; what was begun before is forgotten.
    ///
    /// # Errors
    /// Kafka refuses.
    pub fn begin(
        &mut self,
        spans: impl IntoIterator<Item = (TopicPartition, Span)>,
    ) -> Result<(), KafkaFault> {
        self.parts.clear();
        self.ready.clear();
        self.taken = 0;
        let mut list = TopicPartitionList::new();
        for (tp, span) in spans {
            let from = Offset::Offset(span.from().offset());
            list.add_partition_offset(&tp.topic, tp.partition, from)?;
            let part = Part {
                span,
                filling: Filling::new(self.budget.clone()),
                from: span.from(),
                next: span.from(),
                done: false,
            };
            self.parts.insert(tp, part);
        }
        self.consumer.assign(&list)?;
        self.heard = Instant::now();
        Ok(())
    }

    /// The spans that are not read to their ends.
    pub fn open(&self) -> impl Iterator<Item = &TopicPartition> {
        self.parts.keys()
    }

    /// Records taken of the spans so far, handed over or not.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// Whether as much is held as may be, here or by who was given pieces.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.budget.spent()
    }

    /// The next piece of any partition; `None` when all are read.
    ///
    /// # Errors
    /// Kafka fails, or is silent for too long.
    pub fn next(&mut self) -> Result<Option<Piece>, Unread> {
        // What happened since the last piece was no time of Kafka's.
        self.heard = Instant::now();
        loop {
            if let Some(piece) = self.step()? {
                return Ok(Some(piece));
            }
            let Some(tp) = self.parts.keys().next() else {
                return Ok(None);
            };
            if self.heard.elapsed() > SILENCE {
                let silent = format!("no record of {tp} came for {} s", SILENCE.as_secs());
                return Err(Unread {
                    tp: None,
                    fault: KafkaFault::new(silent),
                });
            }
        }
    }

    /// Waits a little, for something to come; the piece that it completes, if it does.
    ///
    /// # Errors
    /// Kafka fails.
    pub fn step(&mut self) -> Result<Option<Piece>, Unread> {
        if self.ready.is_empty() && !self.parts.is_empty() {
            match self.events.poll(POLL) {
                Some(event) => self.take(event)?,
                None => self.look_at_positions()?,
            }
        }
        Ok(self.ready.pop_front().and_then(|tp| self.seal(&tp)))
    }

    /// What has come of all spans that are still open, which are given up.
    pub fn rest(&mut self) -> Vec<Piece> {
        let open: Vec<TopicPartition> = self.parts.keys().cloned().collect();
        let rest = open.iter().filter_map(|tp| self.seal(tp));
        let rest = rest.filter(|piece| !piece.chunk.is_empty()).collect();
        self.parts.clear();
        self.ready.clear();
        rest
    }

    fn take(&mut self, mut event: Event) -> Result<(), Unread> {
        match event.kind() {
            Kind::Records => {
                self.heard = Instant::now();
                while let Some(record) = event.next_record() {
                    self.record(record);
                }
                Ok(())
            }
            Kind::Error => self.error(&event),
            Kind::Log => {
                event.tell(self.consumer.context());
                Ok(())
            }
            Kind::Other => Ok(()),
        }
    }

    fn error(&mut self, event: &Event) -> Result<(), Unread> {
        let place = event.place();
        if event.code() == RDKafkaErrorCode::PartitionEOF {
            self.heard = Instant::now();
            if let Some((tp, end)) = place {
                self.log_ends(&tp, end);
            }
            return Ok(());
        }
        let tp = place.map(|(tp, _)| tp);
        if let Some(tp) = &tp {
            // What comes behind a span is nobody's.
            if self.parts.get(tp).is_none_or(|part| part.done) {
                return Ok(());
            }
            self.parts.remove(tp);
            self.let_go(tp);
        }
        let fault = event.error().into();
        Err(Unread { tp, fault })
    }

    fn record(&mut self, record: Message<'_>) {
        let tp = TopicPartition::new(record.topic(), record.partition());
        let (Some(part), Ok(at)) = (self.parts.get_mut(&tp), Position::new(record.offset())) else {
            return;
        };
        // What an earlier assignment asked for may still come.
        if part.done || at < part.next {
            return;
        }
        if at < part.span.to() {
            push(&mut part.filling, record, self.heard);
            part.next = behind(at);
            self.taken += 1;
        }
        part.done = behind(at) >= part.span.to();
        let full = part.filling.len() >= PIECE_RECORDS || part.filling.bytes() >= PIECE_BYTES;
        if part.done || full {
            self.hand_over(tp);
        } else if self.budget.spent() {
            let some = |(_, part): &(&TopicPartition, &Part)| !part.filling.is_empty();
            let held = self.parts.iter().filter(some).map(|(tp, _)| tp.clone());
            let held: Vec<TopicPartition> = held.collect();
            held.into_iter().for_each(|tp| self.hand_over(tp));
        }
    }

    fn hand_over(&mut self, tp: TopicPartition) {
        if !self.ready.contains(&tp) {
            self.ready.push_back(tp);
        }
    }

    fn log_ends(&mut self, tp: &TopicPartition, end: i64) {
        let Some(part) = self.parts.get_mut(tp) else {
            return;
        };
        let short = end < part.span.to().offset();
        let stale = end < part.next.offset();
        if part.done || stale || (short && self.short_log == ShortLog::IsAwaited) {
            return;
        }
        part.done = true;
        self.hand_over(tp.clone());
    }

    /// A consumer's position moves over markers, also where the log's end does not come
    /// to rest.
    fn look_at_positions(&mut self) -> Result<(), Unread> {
        let positions = self.consumer.position().map_err(|error| Unread {
            tp: None,
            fault: error.into(),
        })?;
        for (tp, part) in &mut self.parts {
            let at = positions.find_partition(&tp.topic, tp.partition);
            if let Some(Offset::Offset(at)) = at.map(|found| found.offset())
                && at >= part.span.to().offset()
            {
                part.done = true;
                // Nothing is ready when nothing came.
                self.ready.push_back(tp.clone());
            }
        }
        Ok(())
    }

    fn seal(&mut self, tp: &TopicPartition) -> Option<Piece> {
        let part = self.parts.get_mut(tp)?;
        let to = match part.done {
            true => part.span.to(),
            false => part.next,
        };
        let passed = to.offset() - part.from.offset();
        part.from = to;
        let piece = Piece {
            tp: tp.clone(),
            chunk: part.filling.seal(part.span),
            passed: u64::try_from(passed).unwrap_or_default(),
        };
        if part.done {
            self.parts.remove(tp);
            self.let_go(tp);
        }
        Some(piece)
    }

    /// Nothing more of it is fetched. What comes all the same is not taken.
    fn let_go(&self, tp: &TopicPartition) {
        let mut list = TopicPartitionList::new();
        list.add_partition(&tp.topic, tp.partition);
        let _ = self
            .consumer
            .incremental_unassign(&list)
            .or_else(|_| self.consumer.pause(&list));
    }
}

/// The position behind a record.
fn behind(at: Position) -> Position {
    Position::new(at.offset().saturating_add(1)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
    use std::time::Duration;

    /// Longer than the mock needs, on a machine that is busy.
    const TIMEOUT: Duration = Duration::from_secs(60);

    struct Rig {
        _kafka: MockCluster<'static, DefaultProducerContext>,
        client: ClientConfig,
    }

    impl Rig {
        /// Topics of one partition, with so many records each.
        fn with(topics: &[(&str, usize)]) -> Self {
            let kafka = MockCluster::new(1).unwrap();
            let mut client = ClientConfig::new();
            client.set("bootstrap.servers", kafka.bootstrap_servers());
            let producer: BaseProducer = client.create().unwrap();
            for (topic, records) in topics {
                kafka.create_topic(topic, 1, 1).unwrap();
                for i in 0..*records {
                    let value = i.to_string();
                    let record = BaseRecord::<(), str>::to(topic)
                        .partition(0)
                        .payload(&value);
                    producer.send(record).map_err(|(e, _)| e).unwrap();
                }
            }
            producer.flush(TIMEOUT).unwrap();
            Self {
                _kafka: kafka,
                client,
            }
        }

        fn reader(&self, short_log: ShortLog) -> LogReader {
            LogReader::new(self.client.clone(), "g", Reads::Single, short_log).unwrap()
        }
    }

    fn span(topic: &str, from: i64, to: i64) -> (TopicPartition, Span) {
        let at = |offset| Position::new(offset).unwrap();
        let span = Span::new(at(from), at(to)).unwrap();
        (TopicPartition::new(topic, 0), span)
    }

    /// The offsets of all spans, and how far they were passed.
    fn all(reader: &mut LogReader) -> Vec<(TopicPartition, Vec<i64>, u64)> {
        let mut read = Vec::new();
        while let Some(Piece { tp, chunk, passed }) = reader.next().unwrap() {
            let offsets = (0..chunk.len()).map(|i| chunk.record(i).offset);
            read.push((tp, offsets.collect(), passed));
        }
        read.sort();
        read
    }

    #[test]
    fn spans_are_read_to_their_ends_and_no_further_and_again_from_elsewhere() {
        let rig = Rig::with(&[("a", 5), ("b", 3)]);
        let mut reader = rig.reader(ShortLog::IsAwaited);
        reader.begin([span("a", 1, 4), span("b", 0, 3)]).unwrap();
        let (a, b) = (span("a", 0, 1).0, span("b", 0, 1).0);
        let read = all(&mut reader);
        assert_eq!(read, [(a.clone(), vec![1, 2, 3], 3), (b, vec![0, 1, 2], 3)]);
        reader.begin([span("a", 0, 2)]).unwrap();
        assert_eq!(all(&mut reader), [(a, vec![0, 1], 2)]);
    }

    #[test]
    fn a_span_ends_where_the_log_ends_before_its_first_record() {
        let rig = Rig::with(&[("a", 5)]);
        let mut reader = rig.reader(ShortLog::EndsSpan);
        let a = span("a", 0, 1).0;
        reader.begin([span("a", 5, 6)]).unwrap();
        assert_eq!(all(&mut reader), [(a.clone(), vec![], 1)]);
        reader.begin([span("a", 3, 9)]).unwrap();
        assert_eq!(all(&mut reader), [(a, vec![3, 4], 6)]);
    }

    #[test]
    fn the_end_of_one_topics_log_ends_no_span_of_another() {
        let rig = Rig::with(&[("a", 0), ("b", 300)]);
        let mut reader = rig.reader(ShortLog::EndsSpan);
        reader.begin([span("a", 0, 1), span("b", 0, 300)]).unwrap();
        let read = all(&mut reader);
        let counts: Vec<usize> = read.iter().map(|(_, offsets, _)| offsets.len()).collect();
        assert_eq!(counts, [0, 300]);
    }

    #[test]
    fn a_log_that_is_shorter_than_its_span_may_be_awaited() {
        let rig = Rig::with(&[("a", 5)]);
        let mut reader = rig.reader(ShortLog::IsAwaited);
        reader.begin([span("a", 3, 6)]).unwrap();
        while reader.taken() < 2 {
            assert!(reader.step().unwrap().is_none());
        }
        let producer: BaseProducer = rig.client.create().unwrap();
        let record = BaseRecord::<(), str>::to("a").partition(0).payload("late");
        producer.send(record).map_err(|(e, _)| e).unwrap();
        producer.flush(TIMEOUT).unwrap();
        assert_eq!(all(&mut reader), [(span("a", 0, 1).0, vec![3, 4, 5], 3)]);
    }

    #[test]
    fn what_one_log_refuses_is_told_of_it_alone() {
        let rig = Rig::with(&[("a", 2), ("b", 2)]);
        let mut reader = rig.reader(ShortLog::EndsSpan);
        // Behind the end of the log, where there is no offset to begin at.
        reader.begin([span("a", 7, 9), span("b", 0, 2)]).unwrap();
        let (mut refused, mut read) = (Vec::new(), Vec::new());
        while reader.open().next().is_some() {
            match reader.step() {
                Ok(piece) => read.extend(piece.map(|piece| piece.tp)),
                Err(unread) => refused.push(unread.tp),
            }
        }
        assert_eq!(refused, [Some(span("a", 0, 1).0)]);
        assert_eq!(read, [span("b", 0, 1).0]);
    }

    #[test]
    fn what_has_come_of_open_spans_is_had_when_it_is_wanted() {
        let rig = Rig::with(&[("a", 3)]);
        let mut reader = rig.reader(ShortLog::IsAwaited);
        reader.begin([span("a", 0, 9)]).unwrap();
        while reader.taken() < 3 {
            assert!(reader.step().unwrap().is_none());
        }
        let rest = reader.rest();
        let counts: Vec<usize> = rest.iter().map(|piece| piece.chunk.len()).collect();
        assert_eq!((counts, reader.open().count()), (vec![3], 0));
    }
}
