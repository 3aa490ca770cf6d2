//! Commits: batches of many partitions, in few transactions. Each partition's writer offers
//! what it has decoded, one batch at a time, and is told what became of it.

mod decoded;
mod queue;

pub use self::decoded::Decoded;
pub use self::queue::{BURST, GATHER, Limits};

use self::queue::{Next, Queue, Size};
use super::assignment::Leased;
use crate::metrics::{COMMIT_PARTITIONS, COMMIT_SECONDS};
use metrics::{Histogram, histogram};
use plimsoll_protocol::{
    Assignment, Claim, Class, GroupStep, RefusedGroup, Span, TopicPartition, group_step,
};
use plimsoll_sink_api::{Batch, Committed, Marks, Prepared, Refusal, Sink, SinkError, TableRows};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// What a writer has to commit.
pub struct Offer<S: Sink> {
    /// The partition.
    pub tp: TopicPartition,
    /// The right to move its position.
    pub claim: Claim,
    /// How far it moves.
    pub span: Span,
    /// What the position row is to remember.
    pub marks: Marks,
    /// The tables, as they were when the rows were decoded, in the order of those.
    pub tables: Vec<Arc<Prepared<S::Plan>>>,
    /// Rows and dead letters.
    pub decoded: Arc<Decoded>,
    /// Its records.
    pub records: usize,
    /// Bytes of their keys, values and headers.
    pub bytes: usize,
    /// It is to have no company.
    pub alone: bool,
    /// Whether the partition is still ours.
    pub leased: Leased,
}

impl<S: Sink> Offer<S> {
    fn size(&self) -> Size {
        // A commit is bounded by what it writes, too: a record may have many rows.
        Size {
            records: self.records.max(self.decoded.built().rows()),
            bytes: self.bytes,
            alone: self.alone,
        }
    }

    fn batch(&self) -> Batch<'_, S::Plan> {
        let built = self.decoded.built();
        let tables = self.tables.iter().zip(&built.tables);
        let tables = tables.map(|(table, rows)| TableRows { table, rows });
        Batch {
            topic: &self.tp.topic,
            partition: self.tp.partition,
            claim: self.claim,
            span: self.span,
            tables: tables.collect(),
            dead: &built.dead,
            marks: self.marks,
        }
    }
}

/// What became of an offer.
pub type Answer = Result<Committed, SinkError>;

struct Waiting<S: Sink> {
    offer: Offer<S>,
    answer: oneshot::Sender<Answer>,
}

impl<S: Sink> Waiting<S> {
    /// Whoever waits no more is gone, as its partition is.
    fn tell(self, answer: Answer) {
        let _ = self.answer.send(answer);
    }
}

/// The commits of one sink.
pub struct Commits<S: Sink> {
    sink: Arc<S>,
    queue: Mutex<Queue<Waiting<S>>>,
    /// When the queue is looked at next, if that is arranged.
    alarm: Mutex<Option<Instant>>,
    seconds: Histogram,
    partitions: Histogram,
}

impl<S: Sink> Commits<S> {
    /// Nothing is under way. `name`: the sink's.
    pub fn new(name: &str, sink: Arc<S>, limits: Limits) -> Arc<Self> {
        let sink_name = name.to_owned();
        Arc::new(Self {
            sink,
            queue: Mutex::new(Queue::new(limits)),
            alarm: Mutex::new(None),
            seconds: histogram!(COMMIT_SECONDS, "sink" => sink_name.clone()),
            partitions: histogram!(COMMIT_PARTITIONS, "sink" => sink_name),
        })
    }

    /// Commits a batch, with others or alone. `None`: the partition is another's, and
    /// nothing was begun.
    pub async fn commit(self: &Arc<Self>, offer: Offer<S>) -> Option<Answer> {
        let leased = offer.leased.clone();
        let (answer, answered) = oneshot::channel();
        self.lock().push(offer.size(), Waiting { offer, answer });
        self.go_on();
        match answered.await {
            Ok(answer) => Some(answer),
            Err(_) if leased.now() == Assignment::Gone => None,
            // Nobody knows how far it came.
            Err(_) => Some(Err(SinkError::new(
                Class::Unavailable,
                "the commit ended without an answer",
            ))),
        }
    }

    /// How many offers wait.
    #[cfg(test)]
    pub fn waiting(&self) -> usize {
        self.lock().waiting()
    }

    fn lock(&self) -> MutexGuard<'_, Queue<Waiting<S>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins what may begin.
    fn go_on(self: &Arc<Self>) {
        // There is none any more when the service ends.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        loop {
            let next = self.lock().next(Instant::now());
            match next {
                Next::Commit(group) => {
                    runtime.spawn(UnderWay(Arc::clone(self)).commit(group));
                }
                Next::At(at) => return self.wake(&runtime, at),
                Next::Nothing => return,
            }
        }
    }

    /// Looks again at this time.
    fn wake(self: &Arc<Self>, runtime: &Handle, at: Instant) {
        let mut alarm = self.alarm.lock().unwrap_or_else(PoisonError::into_inner);
        if alarm.is_some_and(|set| set <= at) {
            return;
        }
        *alarm = Some(at);
        let this = Arc::clone(self);
        runtime.spawn(async move {
            tokio::time::sleep_until(at.into()).await;
            {
                let mut alarm = this.alarm.lock().unwrap_or_else(PoisonError::into_inner);
                if *alarm == Some(at) {
                    *alarm = None;
                }
            }
            this.go_on();
        });
    }
}

/// A commit that counts as under way until this is dropped.
struct UnderWay<S: Sink>(Arc<Commits<S>>);

impl<S: Sink> Drop for UnderWay<S> {
    fn drop(&mut self) {
        self.0.lock().ended();
        self.0.go_on();
    }
}

impl<S: Sink> UnderWay<S> {
    /// Commits batches, all of them or, where one is in the way, by and by.
    async fn commit(self, group: Vec<Waiting<S>>) {
        let mut todo = vec![group];
        while let Some(mut group) = todo.pop() {
            // What is another's now is not begun; its writer sees so itself.
            group.retain(|waiting| waiting.offer.leased.now() != Assignment::Gone);
            if group.is_empty() {
                continue;
            }
            match self.attempt(&group).await {
                Ok(done) => {
                    let each = group.into_iter().zip(done);
                    each.for_each(|(waiting, committed)| waiting.tell(Ok(committed)));
                }
                Err(refusal) => todo.extend(refused(group, &refusal)),
            }
        }
    }

    async fn attempt(&self, group: &[Waiting<S>]) -> Result<Vec<Committed>, Refusal> {
        let began = Instant::now();
        let batches: Vec<_> = group.iter().map(|waiting| waiting.offer.batch()).collect();
        let done = self.0.sink.commit(&batches).await?;
        self.0.seconds.record(began.elapsed());
        self.0.partitions.record(batches.len() as f64);
        Ok(done)
    }
}

/// Tells whom it concerns; what is to be tried again, the last one first.
fn refused<S: Sink>(mut group: Vec<Waiting<S>>, refusal: &Refusal) -> Vec<Vec<Waiting<S>>> {
    let Refusal { error, fenced, .. } = refusal;
    let step = group_step(RefusedGroup {
        class: error.class,
        batches: group.len(),
        tables: tables(&group),
        fenced: fenced.len(),
        locked: refusal.locked,
    });
    match step {
        GroupStep::Tell => {
            let each = group.into_iter();
            each.for_each(|waiting| waiting.tell(Err(error.clone())));
            Vec::new()
        }
        GroupStep::WithoutFenced => {
            let mut others = Vec::new();
            for (place, waiting) in group.into_iter().enumerate() {
                match fenced.contains(&place) {
                    true => waiting.tell(Err(error.clone())),
                    false => others.push(waiting),
                }
            }
            vec![others]
        }
        GroupStep::Halve => {
            let second = group.split_off(group.len() / 2);
            vec![second, group]
        }
        GroupStep::ByTable => by_table(group),
    }
}

/// Whether two batches are for one and the same table. One that is for several, or for none,
/// has no company: it waits for its own tables, and nobody waits for them with it.
fn is_same_table<S: Sink>(one: &Waiting<S>, other: &Waiting<S>) -> bool {
    match (one.offer.tables.as_slice(), other.offer.tables.as_slice()) {
        ([one], [other]) => Arc::ptr_eq(one, other),
        _ => false,
    }
}

/// How many groups [`by_table`] makes of these batches.
fn tables<S: Sink>(group: &[Waiting<S>]) -> usize {
    let is_first = |(place, waiting): &(usize, &Waiting<S>)| {
        let before = &group[..*place];
        !before.iter().any(|other| is_same_table(other, waiting))
    };
    group.iter().enumerate().filter(is_first).count()
}

/// One group for each table.
fn by_table<S: Sink>(group: Vec<Waiting<S>>) -> Vec<Vec<Waiting<S>>> {
    let mut tables: Vec<Vec<Waiting<S>>> = Vec::new();
    for waiting in group {
        let same = |of: &&mut Vec<Waiting<S>>| {
            let first = of.first();
            first.is_some_and(|first| is_same_table(first, &waiting))
        };
        match tables.iter_mut().find(same) {
            Some(table) => table.push(waiting),
            None => tables.push(vec![waiting]),
        }
    }
    tables
}
