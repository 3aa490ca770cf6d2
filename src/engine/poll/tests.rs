//! The lives of a partition, step by step, beside a Kafka in the process: what
//! depends on the moment is brought about here, not waited for.

use super::earlier::STOP_RETRY;
use super::{Poll, Setup};

use super::partition::{Live, Partition, Phase};
use crate::config::{BatchLimits, GroupProtocol, Isolation, Kafka};
use crate::engine::control::{Control, RestartReason};
use crate::engine::request::ClaimRequest;
use crate::engine::standing::Standing;
use crate::health::{End, Ends};
use crate::in_process::lane;
use crate::kafka::{Hearing, Held, Looks, MemoryShare, Window, consumer_config};
use plimsoll_memory::MemorySink;
use plimsoll_protocol::{Claim, Epoch, Owner, Position, Span, TopicPartition};
use plimsoll_record::Budget;
use plimsoll_sink_api::Claimed;
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Longer than the mock's group needs to form, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A loop that goes no step by itself, and the claims that it asks for.
struct Driven {
    poll: Poll<MemorySink>,
    claims: UnboundedReceiver<ClaimRequest>,
    producer: BaseProducer,
    _kafka: MockCluster<'static, DefaultProducerContext>,
    /// Where the writers run.
    _runtime: tokio::runtime::Runtime,
}

fn at(offset: i64) -> Position {
    Position::new(offset).unwrap()
}

fn tp() -> TopicPartition {
    TopicPartition::new("t", 0)
}

impl Driven {
    fn start() -> Self {
        let kafka = MockCluster::new(1).unwrap();
        kafka.create_topic("t", 1, 1).unwrap();
        let servers = kafka.bootstrap_servers();
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &servers)
            .create()
            .unwrap();
        let settings = Kafka {
            bootstrap_servers: servers,
            properties: BTreeMap::new(),
            isolation_level: Isolation::ReadCommitted,
            group_protocol: GroupProtocol::Classic,
            group_instance_id: None,
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (control, controls) = channel();
        let looks = runtime.block_on(async { Looks::answered(|_| Ok(None)) });
        let (claims, asked) = unbounded_channel();
        let setup = Setup {
            client: consumer_config(&settings, "g", "me", MemoryShare::of(64 << 20, 1)),
            subscription: vec!["t".to_owned()],
            lane: Arc::new(lane(&MemorySink::default(), looks, control)),
            // No batch is closed by itself.
            limits: BatchLimits {
                max_records: 1_000,
                max_bytes: 1 << 20,
                linger: Duration::from_secs(3_600),
            },
            budget: Budget::new(32 << 20),
            claims,
            controls,
            runtime: runtime.handle().clone(),
            standing: Standing::default(),
            drain: Duration::from_secs(5),
            heard: Arc::new(Hearing::default()),
            held: false,
        };
        Self {
            poll: Poll::new(setup).unwrap(),
            claims: asked,
            producer,
            _kafka: kafka,
            _runtime: runtime,
        }
    }

    /// Serves what comes beside records, until something is there.
    #[track_caller]
    fn until<T>(&mut self, what: &str, look: impl Fn(&mut Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.poll.serve().unwrap();
            if let Some(found) = look(self) {
                return found;
            }
            assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn stands(&self) -> Option<Position> {
        self.poll.member.position(&tp())
    }

    /// Claims the partition, whose wait is over, and begins it.
    #[track_caller]
    fn begin(&mut self, position: Position) {
        self.until("it wants to be claimed", |driven| {
            driven.poll.claim_due(Instant::now());
            driven.claims.try_recv().ok()
        });
        self.claimed(position);
    }

    #[track_caller]
    fn part(&self) -> &Partition {
        let parts = &self.poll.partitions;
        parts.get(parts.id_of(&tp()).unwrap()).unwrap()
    }

    /// A claim comes back.
    fn claimed(&mut self, position: Position) {
        let claimed = Claimed {
            claim: Claim {
                epoch: Epoch(1),
                owner: Owner(1),
            },
            position,
            reached: position,
            fingerprint: None,
            leader_epoch: None,
            topic_id: None,
            terminated: 0,
        };
        let generation = self.part().generation;
        self.poll.control(Control::Claimed {
            tp: tp(),
            generation,
            claimed: Box::new(claimed),
        });
    }

    /// Ends its life, to be claimed at once.
    fn restart(&mut self) {
        let reason = RestartReason::OutOfStep;
        let id = self.poll.partitions.id_of(&tp()).unwrap();
        self.poll.restart(id, reason, Duration::ZERO);
    }

    #[track_caller]
    fn live(&self) -> &Live {
        match &self.part().phase {
            Phase::Live(live) => live,
            Phase::BackingOff(_) | Phase::Claiming | Phase::Draining => panic!("it is not live"),
        }
    }

    fn is_backing_off(&self) -> bool {
        matches!(self.part().phase, Phase::BackingOff(_))
    }

    fn produce(&self, count: usize) {
        for _ in 0..count {
            let record = BaseRecord::<(), str>::to("t").partition(0).payload("{}");
            self.producer.send(record).map_err(|(e, _)| e).unwrap();
        }
        self.producer.flush(PATIENCE).unwrap();
    }

    /// Takes records until the next expected is this one.
    #[track_caller]
    fn take_until(&mut self, next: i64) {
        self.until("the records come", |driven| {
            let mut window = Window::new();
            driven.poll.pop(&mut window);
            driven.poll.take_all(&mut window).unwrap();
            (driven.live().guard.next() == at(next)).then_some(())
        });
    }
}

impl Drop for Driven {
    /// Or closing waits for a revocation to be granted.
    fn drop(&mut self) {
        self.poll.member.grant_all();
    }
}

/// A record that was being handed out while its partition stopped moves librdkafka's
/// position behind the stop, and it stays there.
#[test]
fn a_position_that_a_late_record_brings_back_begins_no_life_and_is_cleared_by_a_stop() {
    let mut driven = Driven::start();
    driven.begin(at(0));
    driven.produce(5);
    driven.take_until(1);
    assert_eq!(driven.stands(), Some(at(1)));
    let late = driven.until("a record comes", |driven| driven.poll.member.hold());
    driven.restart();
    driven.until("it is stopped", |driven| {
        driven.stands().is_none().then_some(())
    });
    Held::hand_out(late);
    assert_eq!(driven.stands(), Some(at(2)));
    // A claim that was under way meanwhile is not used.
    let id = driven.poll.partitions.id_of(&tp()).unwrap();
    driven.poll.partitions.get_mut(id).unwrap().phase = Phase::Claiming;
    driven.claimed(at(1));
    assert!(
        driven.is_backing_off(),
        "it began while another life is known"
    );
    // None is asked for either, as long as nobody stops it again.
    let mut now = Instant::now() + STOP_RETRY;
    for _ in 1..20 {
        driven.poll.claim_due(now);
        assert!(driven.claims.try_recv().is_err(), "it is claimed too early");
        assert_eq!(driven.stands(), Some(at(2)), "it is forgotten by itself");
        now += STOP_RETRY;
    }
    driven.poll.claim_due(now);
    driven.until("it is forgotten", |driven| {
        driven.stands().is_none().then_some(())
    });
    now += STOP_RETRY;
    driven.poll.claim_due(now);
    assert!(driven.claims.try_recv().is_ok(), "it is not claimed");
    driven.claimed(at(1));
    driven.take_until(5);
    assert_eq!(driven.live().filling.len(), 4);
}

/// While a batch is waited for, the partition may end and begin: what is left of the
/// window is of the life before.
#[test]
fn what_is_left_of_a_window_is_not_taken_by_a_life_that_began_meanwhile() {
    let mut driven = Driven::start();
    driven.begin(at(0));
    driven.produce(1);
    driven.take_until(1);
    driven.produce(3);
    let mut window = Window::new();
    let deadline = Instant::now() + PATIENCE;
    while window.is_empty() {
        assert!(Instant::now() < deadline, "no record comes");
        driven.poll.pop(&mut window);
    }
    driven.restart();
    driven.until("it is stopped", |driven| {
        driven.stands().is_none().then_some(())
    });
    driven.begin(at(1));
    driven.poll.take_all(&mut window).unwrap();
    assert_eq!(driven.live().guard.next(), at(1));
    assert_eq!(driven.live().filling.len(), 0);
    driven.take_until(4);
    assert_eq!(driven.live().filling.len(), 3);
}

/// A client that brings nothing is left, and another begins where the sink stands.
#[test]
fn another_client_joins_where_no_record_comes_of_a_log_that_goes_on() {
    let mut driven = Driven::start();
    driven.begin(at(0));
    driven.produce(5);
    driven.take_until(5);
    // As if there were more, and none of it came.
    let end = End {
        position: at(0),
        end: at(9),
        since: None,
    };
    let ends = Ends::from([(tp(), end)]);
    let look = |driven: &mut Driven| driven.poll.look_for_stalls(&ends);
    (0..100).for_each(|_| look(&mut driven));
    assert!(driven.poll.stalled.is_none(), "nobody has found a record");
    let (asked, span) = driven.poll.setup.standing.take_suspect().unwrap();
    assert_eq!((&asked, span), (&tp(), Span::new(at(5), at(9)).unwrap()));
    driven.poll.note_probe(&asked, span, false);
    (0..100).for_each(|_| look(&mut driven));
    assert!(driven.poll.stalled.is_none(), "there is none");
    driven.poll.note_probe(&asked, span, true);
    look(&mut driven);
    let told = |driven: &Driven| {
        let report = driven.poll.setup.lane.health.report();
        serde_json::to_string(&report).unwrap().contains("stalled")
    };
    assert!(told(&driven));
    driven.poll.look_for_stalls(&Ends::new());
    assert!(told(&driven), "what is not known of the log ends it");
    let stalled = driven.poll.stalled.take().unwrap();
    driven.poll.rejoin(&stalled).unwrap();
    assert!(driven.poll.partitions.is_empty());
    driven.begin(at(2));
    driven.take_until(5);
    assert_eq!(driven.live().filling.len(), 3);
    // It goes on: all is well.
    let ends = Ends::from([(tp(), End { end: at(5), ..end })]);
    (0..100).for_each(|_| driven.poll.look_for_stalls(&ends));
    assert!(driven.poll.setup.standing.take_suspect().is_none());
}
