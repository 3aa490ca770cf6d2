//! The writer of one partition: chunk by chunk, in order, until it is told to
//! end or has to begin anew.

mod build;
mod commit;
mod compare;
mod confirm;
mod fetch;
mod grow;
mod trouble;
mod ways;

pub use self::build::Built;

use self::build::{How, Part, Stop, Stopped, build, marks};
use self::trouble::{Done, Tried, Trouble, Written};
use self::ways::{Aims, Routes, Said};
use crate::config::OnBadRecord;
use crate::engine::assignment::{Generation, Leased};
use crate::engine::commits::Decoded;
use crate::engine::control::{Control, FENCED_WAIT, HALT_RETRY};
use crate::engine::lane::Lane;
use crate::health::{About, Halt, Until};
use crate::kafka::{Looked, epoch_fell};
use crate::metrics::PartitionMetrics;
use plimsoll_protocol::{Assignment, Claim, EpochFell, LeaderEpochs, TopicPartition};
use plimsoll_record::{BadRecord, Chunk, Decoder, Envelope, Undecoded};
use plimsoll_sink_api::{Batch, Claimed, Prepared, Route, Sink, SinkError, TableRows};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;
use tracing::{debug, error};

/// How often a change event is tried that other rows are in the way of, before its partition
/// halts, to begin again a minute later: with waits that double, over some half a minute. The
/// records that wait behind it take memory that the partition may need which is waited for.
const MOST_WAITS: u64 = 10;

/// The writer of one partition, for one generation.
pub struct Writer<S: Sink> {
    lane: Arc<Lane<S>>,
    tp: TopicPartition,
    generation: Generation,
    leased: Leased,
    claim: Claim,
    /// They never fall along one log.
    epochs: LeaderEpochs,
    /// Of the topic that the position is about; brokers before 2.8 tell none.
    topic_id: Option<String>,
    /// Under way for the chunk at hand, until they are answered.
    looks: Vec<oneshot::Receiver<Looked>>,
    metrics: PartitionMetrics,
    /// By their routes; `None`: the one of all records.
    targets: HashMap<Option<Route>, Arc<Target<S>>>,
    /// Where records go into several tables: what tells which.
    routes: Option<Routes>,
    /// What the records of the chunk at hand say, once they were asked.
    said: Option<Arc<[Said]>>,
    moved: bool,
    /// Columns that were added for the chunk at hand: none is twice.
    grown: BTreeSet<String>,
    /// So many commits are to be of this partition alone.
    alone: u8,
    /// Partitions of the table that were made for it, by their starts: none is twice.
    partitioned: BTreeSet<i64>,
}

struct Target<S: Sink> {
    table: Arc<Prepared<S::Plan>>,
    decoder: Decoder,
    read: Instant,
}

impl<S: Sink> Writer<S> {
    /// For a partition that was just claimed.
    pub fn new(
        lane: Arc<Lane<S>>,
        tp: TopicPartition,
        generation: Generation,
        leased: Leased,
        claimed: &Claimed,
    ) -> Self {
        let metrics = PartitionMetrics::new(&lane.name, &tp);
        let routes = Self::routes(&lane, &tp);
        Self {
            lane,
            tp,
            generation,
            leased,
            claim: claimed.claim,
            epochs: LeaderEpochs::begin(claimed.reached, claimed.leader_epoch),
            topic_id: claimed.topic_id.clone(),
            looks: Vec::new(),
            metrics,
            targets: HashMap::new(),
            routes,
            said: None,
            moved: false,
            grown: BTreeSet::new(),
            alone: 0,
            partitioned: BTreeSet::new(),
        }
    }

    /// Commits chunks until the assignment ends or the partition must begin
    /// anew, then says so.
    pub async fn run(mut self, mut chunks: Receiver<Chunk>) {
        let end = loop {
            let chunk = tokio::select! {
                biased;
                () = self.leased.ending() => break Done::Drop,
                chunk = chunks.recv() => match chunk {
                    Some(chunk) => chunk,
                    None => break Done::Drop,
                },
            };
            match self.commit_chunk(&Arc::new(chunk)).await {
                Done::GoOn => {}
                end => break end,
            }
        };
        drop(chunks);
        let (tp, generation) = (self.tp.clone(), self.generation);
        match end {
            Done::GoOn | Done::Drop => {
                self.release().await;
                self.lane.tell(Control::Ended { tp, generation });
            }
            Done::Restart(reason) => {
                self.lane.tell(Control::Restart {
                    tp,
                    generation,
                    reason,
                    after: FENCED_WAIT,
                });
            }
            Done::Halt(halt) => {
                error!(
                    sink = self.lane.name, topic = %tp.topic, partition = tp.partition,
                    offset = halt.offset, column = halt.column,
                    "halted: {}; tried again in {} s", halt.reason, HALT_RETRY.as_secs(),
                );
                self.lane.tell(Control::Halt {
                    tp,
                    generation,
                    halt,
                    after: HALT_RETRY,
                });
            }
        }
    }

    /// Gives the claim back when the partition leaves in good order, so that
    /// nobody takes a name for an owner that is none.
    async fn release(&self) {
        if self.leased.now() == Assignment::Gone {
            return;
        }
        if let Err(error) = self.lane.sink.release(&self.tp, self.claim).await {
            debug!(sink = self.lane.name, topic = %self.tp.topic, partition = self.tp.partition, "claim not given back: {error}");
        }
    }

    /// All parts of a chunk, lowest first.
    async fn commit_chunk(&mut self, chunk: &Arc<Chunk>) -> Done {
        if let Some(halt) = self.older_log(chunk) {
            return Done::Halt(Box::new(halt));
        }
        // Its records have all arrived. The answer is waited for behind the decoding.
        self.look(chunk);
        self.said = None;
        self.grown.clear();
        self.partitioned.clear();
        let mut todo = vec![Part::whole(chunk)];
        let mut tried = Tried::default();
        while let Some(mut part) = todo.pop() {
            // The partition is another's: no further part is begun.
            if self.leased.now() == Assignment::Gone {
                return Done::Drop;
            }
            let trouble = match self.commit_part(chunk, &mut part, &mut todo, &tried).await {
                Ok(()) => {
                    tried = Tried::default();
                    continue;
                }
                // A dead letter that is refused itself, or a commit without
                // any record: nothing is left to set aside.
                Err(Trouble::BadRecord(error) | Trouble::Suspect(error))
                    if part.refused.is_some() || part.records.is_empty() =>
                {
                    return self.halt_at(chunk, &part, &error);
                }
                Err(Trouble::BadRecord(error)) if self.may_fit_later(&error) => {
                    self.wait_for_rows(&error, &mut tried).await
                }
                Err(Trouble::Suspect(error)) => {
                    self.suspected(chunk, &part, error, &mut tried).await
                }
                Err(trouble) => trouble,
            };
            match trouble {
                Trouble::Bisect { reread } => {
                    let part = Part { reread, ..part };
                    todo.extend(part.halves(chunk).into_iter().rev());
                }
                Trouble::Again => todo.push(part),
                Trouble::BadRecord(error) => match self.lane.on_bad_record {
                    OnBadRecord::DeadLetter => todo.push(Part {
                        refused: Some(error),
                        ..part
                    }),
                    OnBadRecord::Halt => return self.halt_at(chunk, &part, &error),
                },
                Trouble::Suspect(error) => return self.halt_at(chunk, &part, &error),
                Trouble::End(done) => return done,
            }
        }
        Done::GoOn
    }

    /// A record whose leader epoch is below that of one before it is of another
    /// log: nothing of the chunk is written.
    fn older_log(&mut self, chunk: &Chunk) -> Option<Halt> {
        let EpochFell { before, found } = self.follow(chunk).err()?;
        Some(Halt {
            offset: (!chunk.is_empty()).then(|| chunk.record(0).offset),
            column: None,
            reason: epoch_fell(&self.lane.name, &self.tp, before, found),
            until: Until::Committed,
        })
    }

    fn follow(&mut self, chunk: &Chunk) -> Result<(), EpochFell> {
        for i in 0..chunk.len() {
            if let Some(epoch) = chunk.leader_epoch(i) {
                self.epochs.follow(chunk.record(i).offset, epoch)?;
            }
        }
        Ok(())
    }

    /// The offset is told where it is certain which record it is about.
    fn halt_at(&self, chunk: &Chunk, part: &Part, error: &SinkError) -> Done {
        let offset = match part.records.len() {
            1 => Some(chunk.record(part.records.start).offset),
            _ => None,
        };
        Done::Halt(Box::new(Halt {
            offset,
            column: error.detail.column.clone(),
            reason: error.to_string(),
            until: Until::Committed,
        }))
    }

    /// Decodes and commits one part. Where decoding has to stop in it, the part ends
    /// there, and what lies behind is put back on `todo`.
    async fn commit_part(
        &mut self,
        chunk: &Arc<Chunk>,
        part: &mut Part,
        todo: &mut Vec<Part>,
        tried: &Tried,
    ) -> Result<(), Trouble> {
        let mut reread = Vec::new();
        loop {
            let records = part.records.clone();
            let aims = self.aims(!reread.is_empty(), chunk, records).await?;
            let grows = |target: &Arc<Target<S>>| target.table.table.evolve.is_some();
            let how = How {
                keep_bad: self.lane.on_bad_record == OnBadRecord::DeadLetter,
                enough: self.lane.max_rows,
                grows: aims.targets.iter().any(grows),
            };
            let decoded = Decoded::of(chunk.clone(), |chunk, arena| {
                build(&aims.ways(), how, chunk, part, arena)
            });
            let decoded = Arc::new(decoded);
            if let Some(stopped) = &decoded.built().stopped {
                match part.cut(chunk, stopped.at) {
                    (Some(before), behind) => {
                        *part = before;
                        todo.extend(behind);
                    }
                    (None, _) => {
                        self.stopped(chunk, &aims, stopped).await?;
                        continue;
                    }
                }
            }
            self.confirm(chunk).await?;
            let written = self.commit_decoded(&aims, chunk, part, &decoded, &mut reread);
            match written.await {
                Ok(Written::Committed(committed)) => {
                    self.acknowledge(chunk, part, decoded.built(), committed);
                    return Ok(());
                }
                // What comes next is another attempt, or none. To wait for other rows is one
                // trouble, however often it is tried.
                Ok(Written::RereadFirst) if tried.waits > 0 => {}
                Ok(Written::RereadFirst) => self.retried(),
                Err(Trouble::BadRecord(error)) if self.may_fit_later(&error) => {
                    return Err(Trouble::BadRecord(error));
                }
                Err(trouble) => {
                    self.retried();
                    return Err(trouble);
                }
            }
        }
    }

    /// Whether a record that is refused now may be taken later: a database has sent it,
    /// where it did fit, and partitions have no common order. Another one may have yet to
    /// bring a row that it refers to, or to take one away that it collides with.
    fn may_fit_later(&self, error: &SinkError) -> bool {
        error.detail.between_rows && self.lane.formats.envelope != Envelope::None
    }

    /// Waits for what other partitions write, unless this one is to be left meanwhile.
    async fn wait_for_rows(&self, error: &SinkError, tried: &mut Tried) -> Trouble {
        let error = error.clone().hint(
            "another partition may have yet to write a row that it refers to, or to delete one \
             that it collides with: it is tried until it fits; a constraint that the source does \
             not have, or that it checks at a transaction's end, has to be dropped here",
        );
        if tried.waits == MOST_WAITS {
            self.retried();
            return Trouble::Suspect(error);
        }
        tried.waits += 1;
        self.note_retrying(tried.waits, &error);
        self.count_retry(error.class);
        tokio::select! {
            biased;
            () = self.leased.ending() => {
                self.retried();
                Trouble::End(Done::Drop)
            }
            () = tokio::time::sleep(tried.backoff.next_wait()) => Trouble::Again,
        }
    }

    /// Gets what the first record of a part cannot be decoded without; or it halts the
    /// partition.
    async fn stopped(
        &mut self,
        chunk: &Chunk,
        aims: &Aims<S>,
        stopped: &Stopped,
    ) -> Result<(), Trouble> {
        let (column, reason) = match &stopped.why {
            // Nothing is full before the first record.
            Stop::Full => return Ok(()),
            Stop::Unrouted { column, reason } => (column.as_deref(), reason.clone()),
            Stop::Undecoded(at, Undecoded::Bad(BadRecord::UnknownField { field }))
                if aims.targets[*at].table.table.evolve.is_some() =>
            {
                let target = &aims.targets[*at];
                let record = chunk.record(stopped.at);
                let (table, decoder) = (&target.table.table, &target.decoder);
                self.add_columns(table, decoder, &record, field).await?;
                self.read_anew().await;
                return Ok(());
            }
            Stop::Undecoded(_, Undecoded::Bad(bad)) => {
                (bad.column(), format!("{}: {bad}", bad.condition()))
            }
            Stop::Undecoded(_, Undecoded::Unusable(why)) => (None, why.to_string()),
            Stop::Undecoded(at, Undecoded::Needs(need)) => {
                let target = &aims.targets[*at];
                match self.fetch(&target.decoder, need).await? {
                    Ok(()) => return Ok(()),
                    Err(why) => (None, why.to_string()),
                }
            }
        };
        let halt = Halt {
            offset: Some(chunk.record(stopped.at).offset),
            column: column.map(str::to_owned),
            reason,
            until: Until::Committed,
        };
        Err(Trouble::End(Done::Halt(Box::new(halt))))
    }

    fn retried(&self) {
        let retrying = About::Retrying(self.tp.clone());
        self.lane.health.over(&self.lane.name, &retrying);
    }

    /// What the database is given of a part.
    fn batch<'b>(
        &'b self,
        aims: &'b Aims<S>,
        chunk: &'b Chunk,
        part: &Part,
        built: &'b Built<'b>,
    ) -> Batch<'b, S::Plan> {
        let tables = aims.targets.iter().zip(&built.tables);
        let tables = tables.map(|(target, rows)| TableRows {
            table: &*target.table,
            rows,
        });
        Batch {
            topic: &self.tp.topic,
            partition: self.tp.partition,
            claim: self.claim,
            span: part.span,
            tables: tables.collect(),
            dead: &built.dead,
            marks: marks(chunk, part),
        }
    }

    /// Waits, unless the partition is lost meanwhile.
    async fn wait(&self, how_long: Duration) -> Result<(), Trouble> {
        tokio::select! {
            () = self.leased.gone() => Err(Trouble::End(Done::Drop)),
            () = tokio::time::sleep(how_long) => Ok(()),
        }
    }
}
