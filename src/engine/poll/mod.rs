//! The poll loop: the one thread that talks to the consumer, and the one owner
//! of the partitions' state.

mod backpressure;
mod dues;
mod earlier;
mod failures;
mod handover;
mod life;
mod orders;
mod partition;
mod partitions;
mod rejoin;
mod stall;
mod unapplied;

#[cfg(test)]
mod tests;

use self::dues::Dues;
use self::partition::{Partition, Phase};
use self::partitions::{PartitionId, Partitions};
use self::stall::Remedy;
use super::assignment::Generation;
use super::control::{Control, FENCED_WAIT, HALT_RETRY, RestartReason};
use super::lane::Lane;
use super::request::ClaimRequest;
use super::standing::Standing;
use crate::config::BatchLimits;
use crate::kafka::{Context, Hearing, Member, Message, Source, Told, Window, push};
use crate::metrics as names;
use metrics::{counter, gauge};
use plimsoll_protocol::lifecycle::{Act, Heard, Said};
use plimsoll_protocol::{Admission, Position, TopicPartition};
use plimsoll_record::{Budget, Fill};
use plimsoll_sink_api::Sink;
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;
use tracing::{debug, error, warn};

/// How long the loop may wait: what controls wait at most when nothing comes.
const WAIT: Duration = Duration::from_millis(10);
/// How often limits are looked at while messages flow.
const TICK: Duration = Duration::from_millis(1);
/// How often partitions are looked through for one that is to be claimed, or whose life met
/// an error: such waits take a quarter of a second at least.
const LOOK: Duration = Duration::from_millis(10);
/// How long a full partition is waited for before it is paused. A pause throws
/// away what was prefetched, and a commit takes about this long; so long, at
/// most, the other partitions wait too.
const GRACE: Duration = Duration::from_millis(100);
/// How often idle partitions are asked whether their position moved over
/// markers.
const IDLE_LOOK: Duration = Duration::from_millis(250);
/// How often Kafka is told where the sink stands, for lag tools.
const COURTESY: Duration = Duration::from_secs(5);
/// How long a refused local assignment waits.
const ASSIGN_RETRY: Duration = Duration::from_secs(1);
/// Batches that wait for a writer beside the one in flight.
const QUEUED_BATCHES: usize = 1;

/// The client gave up for good; the process must end and be started anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Kafka's client failed for good: {0}")]
pub struct Fatal(pub String);

/// What a poll loop is made of.
pub struct Setup<S: Sink> {
    /// Settings of the consumer.
    pub client: ClientConfig,
    /// Topics, or one pattern that begins with `^`.
    pub subscription: Vec<String>,
    /// What the writers share.
    pub lane: Arc<Lane<S>>,
    /// When a batch is closed.
    pub limits: BatchLimits,
    /// What may be held.
    pub budget: Arc<Budget>,
    /// The claims' task.
    pub claims: UnboundedSender<ClaimRequest>,
    /// What this loop is told.
    pub controls: Receiver<Control>,
    /// Where writers run.
    pub runtime: tokio::runtime::Handle,
    /// Read by the watcher.
    pub standing: Standing,
    /// How long a hand-over may take.
    pub drain: Duration,
    /// What the group's member is told.
    pub heard: Arc<Hearing>,
    /// Whether the sink is paused already.
    pub held: bool,
}

impl<S: Sink> Setup<S> {
    fn context(&self) -> Context {
        Context::heard_by(&self.lane.name, self.heard.clone())
    }
}

struct Revocation {
    partitions: Vec<TopicPartition>,
    deadline: Instant,
}

/// The loop's state.
pub struct Poll<S: Sink> {
    setup: Setup<S>,
    partitions: Partitions,
    dues: Dues,
    member: Member,
    /// Records are popped that are not taken yet.
    in_window: bool,
    /// Windows popped so far.
    windows: u64,
    generations: u64,
    revocations: Vec<Revocation>,
    budget_paused: bool,
    /// The sink is paused: nothing is fetched.
    held: bool,
    assigned_once: bool,
    stopping: Option<Instant>,
    /// A partition of which the client brings nothing.
    stalled: Option<TopicPartition>,
    remedy: Remedy,
    /// Looks for such partitions so far.
    looks: u64,
    next_tick: Instant,
    next_look: Instant,
    next_idle_look: Instant,
    next_courtesy: Instant,
}

impl<S: Sink> Poll<S> {
    /// Makes the consumer and subscribes.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn new(setup: Setup<S>) -> Result<Self, KafkaError> {
        let this = std::thread::current();
        let member = Member::new(&setup.client, setup.context(), &this)?;
        member.subscribe(&setup.subscription)?;
        let now = Instant::now();
        let held = setup.held;
        Ok(Self {
            held,
            setup,
            partitions: Partitions::default(),
            dues: Dues::default(),
            member,
            in_window: false,
            windows: 0,
            generations: 0,
            revocations: Vec::new(),
            budget_paused: false,
            assigned_once: false,
            stopping: None,
            stalled: None,
            remedy: Remedy::default(),
            looks: 0,
            next_tick: now,
            next_look: now,
            next_idle_look: now + IDLE_LOOK,
            next_courtesy: now + COURTESY,
        })
    }

    /// Polls until told to stop, then drains and leaves the group. To be called
    /// on the thread that made it.
    ///
    /// # Errors
    /// [`Fatal`], when the client cannot go on.
    pub fn run(mut self) -> Result<(), Fatal> {
        let ended = self.until_drained();
        match ended {
            Ok(()) => self.leave(),
            Err(_) => self.abandon(),
        }
        ended
    }

    fn until_drained(&mut self) -> Result<(), Fatal> {
        let wait = self.setup.limits.linger.clamp(TICK, WAIT);
        let mut window = Window::new();
        while !self.drained() {
            self.pop(&mut window);
            let empty = window.is_empty();
            self.take_all(&mut window)?;
            let idle = self.serve()? && empty;
            let now = Instant::now();
            if now >= self.next_tick {
                self.next_tick = now + TICK;
                self.tick(now);
            }
            // Between two windows: a record that is held keeps its client alive.
            if let Some(stalled) = self.stalled.take()
                && self.stopping.is_none()
            {
                self.rejoin(&stalled)?;
            }
            if idle {
                std::thread::park_timeout(wait);
            }
        }
        Ok(())
    }

    /// Takes a window's messages from the queue.
    fn pop(&mut self, window: &mut Window) {
        self.member.pop(window);
        self.windows += 1;
    }

    /// What came beside records: errors, and rebalances. True: nothing.
    fn serve(&mut self) -> Result<bool, Fatal> {
        let told = self.member.serve();
        let mut nothing = matches!(told, Told::Nothing);
        match told {
            Told::Nothing => {}
            Told::Record(TopicPartition { topic, partition }) => {
                return Err(Fatal(format!(
                    "a record of {topic} [{partition}] came by the queue for events"
                )));
            }
            Told::Error(error) => self.note_error(&error)?,
        }
        while let Some(rebalance) = self.member.next_rebalance() {
            nothing = false;
            self.rebalance(rebalance);
        }
        Ok(nothing)
    }

    /// Takes a window's messages, each into its partition's batch.
    fn take_all(&mut self, window: &mut Window) -> Result<(), Fatal> {
        let mut run = None;
        self.in_window = true;
        while let Some(message) = window.next() {
            match message.error() {
                None => {
                    if let Some(full) = self.take(message, &mut run) {
                        self.make_room(full);
                        // Partitions may have moved meanwhile.
                        run = None;
                    }
                }
                Some(code) => {
                    self.failed(message, code)?;
                    run = None;
                }
            }
        }
        self.in_window = false;
        self.budget();
        Ok(())
    }

    /// Copies a message into its partition's batch, if the guard lets it in.
    /// `Some`: that partition's batch is full now.
    fn take(
        &mut self,
        message: Message<'_>,
        run: &mut Option<(Source, PartitionId)>,
    ) -> Option<PartitionId> {
        let setup = &self.setup;
        let drop_it = |why: &'static str| {
            counter!(names::DROPPED, "sink" => setup.lane.name.clone(), "reason" => why)
                .increment(1);
            None
        };
        // Messages come in runs of one partition.
        let id = match *run {
            Some((source, id)) if source == message.source() => Some(id),
            Some(_) | None => {
                let tp = TopicPartition::new(message.topic(), message.partition());
                let id = self.partitions.id_of(&tp);
                *run = id.map(|id| (message.source(), id));
                id
            }
        };
        let Some((id, part)) = id.and_then(|id| Some((id, self.partitions.get_mut(id)?))) else {
            return drop_it("not_assigned");
        };
        let Phase::Live(live) = &mut part.phase else {
            return drop_it("not_live");
        };
        let Ok(offset) = Position::new(message.offset()) else {
            return drop_it("no_offset");
        };
        if live.born == self.windows {
            return drop_it("not_live");
        }
        match live.guard.admit(offset) {
            Admission::Take => {}
            Admission::Seen => return drop_it("seen"),
            Admission::AfterError => return drop_it("after_error"),
        }
        let now = live.filling.since().unwrap_or_else(|| {
            let now = Instant::now();
            self.dues.begins(now, id);
            now
        });
        push(&mut live.filling, message, now);
        live.filling.served_by(message.broker());
        let filled = setup
            .limits
            .fill(live.filling.len(), live.filling.bytes(), Some(now), now);
        match filled {
            // What is left of a window after a pause is little.
            Fill::Full if !live.paused => Some(id),
            Fill::Full | Fill::Empty | Fill::Waiting(_) | Fill::Due => None,
        }
    }

    fn note_error(&self, error: &KafkaError) -> Result<(), Fatal> {
        let sink = &self.setup.lane.name;
        match error {
            KafkaError::MessageConsumptionFatal(code) => return Err(Fatal(code.to_string())),
            _ => debug!(sink, "Kafka: {error}"),
        }
        Ok(())
    }

    fn tick(&mut self, now: Instant) {
        while let Ok(control) = self.setup.controls.try_recv() {
            self.control(control);
        }
        self.seal_due(now);
        self.budget();
        if now >= self.next_look {
            self.next_look = now + LOOK;
            self.end_failed(now);
            self.claim_due(now);
        }
        self.finish_revocations(now);
        if now >= self.next_idle_look {
            self.next_idle_look = now + IDLE_LOOK;
            self.forward();
            self.pass_markers();
            self.publish();
            self.note_claimed();
        }
        if now >= self.next_courtesy {
            self.next_courtesy = now + COURTESY;
            self.tell_kafka();
        }
    }

    /// Does what the lifecycle's table says of it.
    fn control(&mut self, control: Control) {
        match control {
            Control::Claimed {
                tp,
                generation,
                claimed,
            } => {
                if let Some((id, Act::Consume)) = self.told(&tp, generation, Said::Claimed) {
                    self.begin(id, &claimed);
                }
            }
            Control::Committed { tp, generation, to } => {
                if let Some((id, Act::Acknowledge)) = self.told(&tp, generation, Said::Committed) {
                    self.acknowledge(id, to);
                }
            }
            Control::Restart {
                tp,
                generation,
                reason,
                after,
            } => match self.told(&tp, generation, Said::GaveUp) {
                Some((id, Act::BackOff)) => self.restart(id, reason, after),
                Some((id, Act::Forget)) => self.forget(id),
                Some(_) | None => {}
            },
            Control::Halt {
                tp,
                generation,
                halt,
                after,
            } => match self.told(&tp, generation, Said::GaveUp) {
                Some((id, Act::BackOff)) => self.halt(id, *halt, after),
                Some((id, Act::Forget)) => self.forget(id),
                Some(_) | None => {}
            },
            Control::OtherLog { tp, halt } => {
                if let Some((id, Act::BackOff)) = self.heard(&tp, Heard::Refuted) {
                    error!(
                        sink = self.setup.lane.name, topic = %tp.topic, partition = tp.partition,
                        "halted: {}", halt.reason,
                    );
                    self.halt(id, *halt, HALT_RETRY);
                }
            }
            Control::Overtaken { tp } => {
                if let Some((id, Act::BackOff)) = self.heard(&tp, Heard::Refuted) {
                    warn!(
                        sink = self.setup.lane.name, topic = %tp.topic, partition = tp.partition,
                        "overtaken: claimed anew",
                    );
                    self.restart(id, RestartReason::Overtaken, FENCED_WAIT);
                }
            }
            Control::Ended { tp, generation } => {
                if let Some((id, Act::Forget)) = self.told(&tp, generation, Said::Ended) {
                    self.forget(id);
                }
            }
            Control::Retry { tp } => {
                if let Some((id, Act::Hasten)) = self.heard(&tp, Heard::Retry)
                    && let Some(part) = self.partitions.get_mut(id)
                {
                    part.phase = Phase::BackingOff(Instant::now());
                }
            }
            Control::BeginAnew { tp } => self.begin_anew(tp.as_ref()),
            Control::Hold(held) => self.hold(held),
            Control::Tell(to) => {
                // Whoever asked may have gone.
                let _ = to.send(self.parts());
            }
            Control::LogEnds(ends) => self.look_for_stalls(&ends),
            Control::Probed { tp, span, record } => self.note_probe(&tp, span, record),
            Control::Stop => self.stop(),
        }
    }

    fn acknowledge(&mut self, id: PartitionId, to: Position) {
        let Some(part) = self.partitions.get_mut(id) else {
            return;
        };
        part.committed = Some(to);
        part.failures = 0;
        if let Phase::Live(live) = &mut part.phase {
            live.committed = to;
            live.unapplied.committed(to);
            if live.due {
                self.dues.has_room(id);
            }
        }
        self.setup.standing.set(&part.tp, to);
    }

    /// A courtesy to lag tools: asynchronous, after the sink's commit, never
    /// read back.
    fn tell_kafka(&mut self) {
        let mut behind = Vec::new();
        for part in self
            .partitions
            .iter_mut()
            .filter(|part| part.told != part.committed)
        {
            behind.extend(part.committed.map(|to| (part.tp.clone(), to)));
            part.told = part.committed;
        }
        if !behind.is_empty()
            && let Err(error) = self.member.tell(&behind)
        {
            debug!(sink = self.setup.lane.name, "Kafka not told: {error}");
        }
    }

    fn publish(&self) {
        let sink = self.setup.lane.name.clone();
        let live = |paused: bool| {
            let is =
                |p: &&Partition| matches!(&p.phase, Phase::Live(live) if !paused || live.paused);
            self.partitions.iter().filter(is).count() as f64
        };
        gauge!(names::ASSIGNED, "sink" => sink.clone()).set(live(false));
        gauge!(names::PAUSED, "sink" => sink.clone()).set(live(true));
        self.note_claiming();
        self.note_waiting();
        self.setup.lane.health.polls(&sink);
        gauge!(names::BUFFERED, "sink" => sink.clone()).set(self.setup.budget.used() as f64);
        gauge!(names::BUFFER_LIMIT, "sink" => sink).set(self.setup.budget.limit() as f64);
    }

    /// When the oldest records were written that are taken and not applied.
    fn note_waiting(&self) {
        let oldest = |part: &Partition| match &part.phase {
            Phase::Live(live) => {
                let oldest = live.unapplied.oldest(live.filling.first_timestamp())?;
                Some((part.tp.clone(), oldest))
            }
            Phase::BackingOff(_) | Phase::Claiming | Phase::Draining => None,
        };
        let waiting = self.partitions.iter().filter_map(oldest).collect();
        self.setup.standing.note_waiting(waiting);
    }

    /// What is to be done about something that is said of a partition.
    fn heard(&self, tp: &TopicPartition, heard: Heard) -> Option<(PartitionId, Act)> {
        let id = self.partitions.id_of(tp)?;
        Some((id, self.partitions.get(id)?.act(heard)))
    }

    /// What is to be done about what a task says.
    fn told(&self, tp: &TopicPartition, of: Generation, said: Said) -> Option<(PartitionId, Act)> {
        let id = self.partitions.id_of(tp)?;
        let part = self.partitions.get(id)?;
        let present = part.generation == of;
        Some((id, part.act(Heard::Task { present, said })))
    }
}
