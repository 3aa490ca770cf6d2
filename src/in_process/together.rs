//! Writers of several partitions, whose batches are committed together.

use super::lanes::{commits, lane};
use super::writers::chunk;
use crate::config::OnBadRecord;
use crate::engine::{Commits, Control, GATHER, Generation, Lane, Writer, lease};
use crate::health::Halt;
use crate::kafka::Looks;
use plimsoll_memory::{Fault, MemorySink};
use plimsoll_protocol::{Position, StartRule, TopicPartition};
use plimsoll_sink_api::{NewPosition, Sink};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;
use tokio::task::JoinSet;

const GOOD: &str = r#"{"n":"good"}"#;
const BAD: &str = r#"{"n":"bad"}"#;

fn tp(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

/// One partition of many: its log, which is consumed in batches of so many records.
struct Log {
    partition: i32,
    records: Vec<&'static str>,
    batch: usize,
}

/// The sink, and what its partitions share.
struct Rig {
    sink: MemorySink,
    commits: Arc<Commits<MemorySink>>,
    on_bad_record: OnBadRecord,
}

impl Rig {
    fn new(sink: MemorySink, on_bad_record: OnBadRecord) -> Self {
        // So long that batches come meanwhile.
        sink.set_slow(Duration::from_millis(5));
        Self {
            commits: commits(&sink, GATHER),
            sink,
            on_bad_record,
        }
    }

    /// Settles all partitions, and consumes them beside each other; which halt, and why.
    async fn consume(self: &Arc<Self>, logs: Vec<Log>) -> Vec<(i32, Halt)> {
        let identity = self.lane(channel().0).identity;
        let start = |log: &Log| NewPosition {
            tp: tp(log.partition),
            position: Position::ZERO,
            topic_id: Some("old".into()),
            high_watermark: Position::ZERO,
        };
        let starts: Vec<_> = logs.iter().map(start).collect();
        let settled = self.sink.settle(&identity, StartRule::FirstRecord, &starts);
        settled.await.expect("settle");
        let mut lives = JoinSet::new();
        for log in logs {
            let rig = Arc::clone(self);
            lives.spawn(async move { Some((log.partition, rig.live(&log).await?)) });
        }
        lives.join_all().await.into_iter().flatten().collect()
    }

    fn lane(&self, control: std::sync::mpsc::Sender<Control>) -> Lane<MemorySink> {
        Lane {
            commits: self.commits.clone(),
            on_bad_record: self.on_bad_record,
            ..lane(
                &self.sink,
                Looks::answered(|_| Ok(Some("old".into()))),
                control,
            )
        }
    }

    /// Consumes a partition to its end, life after life; or says why it halts.
    async fn live(&self, log: &Log) -> Option<Halt> {
        loop {
            let (control, controls) = channel();
            let lane = Arc::new(self.lane(control));
            let claimed = self
                .sink
                .claim(&lane.member, &lane.identity, &tp(log.partition))
                .await
                .expect("claim");
            let (_lease, leased) = lease();
            let at = usize::try_from(claimed.position.offset()).unwrap();
            let writer = Writer::new(lane, tp(log.partition), Generation(1), leased, &claimed);
            let (batches, receiver) = tokio::sync::mpsc::channel(1);
            let feed = async move {
                let parts = log.records[at..].chunks(log.batch);
                for (i, part) in parts.enumerate() {
                    let records: Vec<(&str, i32)> = part.iter().map(|r| (*r, 1)).collect();
                    let from = (at + i * log.batch) as i64;
                    if batches.send(chunk(from, &records)).await.is_err() {
                        break;
                    }
                }
            };
            tokio::join!(feed, writer.run(receiver));
            let mut again = false;
            for told in controls.try_iter() {
                match told {
                    Control::Halt { halt, .. } => return Some(*halt),
                    Control::Restart { .. } => again = true,
                    _ => {}
                }
            }
            if !again {
                return None;
            }
        }
    }
}

fn logs(all: &[&[&'static str]], batch: usize) -> Vec<Log> {
    let log = |(partition, records): (i32, &&[&'static str])| Log {
        partition,
        records: records.to_vec(),
        batch,
    };
    (0..).zip(all).map(log).collect()
}

/// Every record once: a good one as a row, a bad one as a dead letter.
fn assert_once(sink: &MemorySink, partition: i32, records: &[&str]) {
    let of = |what: &str| -> Vec<i64> {
        let all = (0..).zip(records);
        all.filter(|(_, r)| **r == what).map(|(o, _)| o).collect()
    };
    let tp = tp(partition);
    assert_eq!(sink.offsets(&tp), of(GOOD), "{tp}");
    assert_eq!(sink.dead(&tp), of(BAD), "{tp}");
    assert_eq!(sink.position(&tp), Some(records.len() as i64), "{tp}");
}

#[tokio::test]
async fn batches_that_come_together_are_committed_together() {
    let rig = Arc::new(Rig::new(MemorySink::default(), OnBadRecord::Halt));
    let records = [GOOD; 10];
    let halted = rig.consume(logs(&[&records[..]; 50], 2)).await;
    assert!(halted.is_empty());
    (0..50).for_each(|partition| assert_once(&rig.sink, partition, &records));
    // 250 batches: the first one goes alone.
    let commits = rig.sink.commits();
    assert_eq!(commits.iter().sum::<usize>(), 250);
    assert!(commits.len() < 20, "{commits:?}");
}

#[tokio::test]
async fn a_bad_record_halts_its_own_partition_alone() {
    let rig = Arc::new(Rig::new(MemorySink::default(), OnBadRecord::Halt));
    let good = [GOOD; 6];
    let bad = [GOOD, GOOD, GOOD, BAD, GOOD, GOOD];
    let all: Vec<&[&str]> = (0..20)
        .map(|i| if i == 7 { &bad[..] } else { &good })
        .collect();
    let halted = rig.consume(logs(&all, 2)).await;
    let [(7, halt)] = halted.as_slice() else {
        panic!("{halted:?}");
    };
    assert_eq!(halt.offset, Some(3));
    assert!(halt.reason.contains("check_violation"), "{}", halt.reason);
    assert_eq!(rig.sink.position(&tp(7)), Some(3));
    (0..20)
        .filter(|&partition| partition != 7)
        .for_each(|partition| assert_once(&rig.sink, partition, &good));
}

/// It goes alone from then on, so that the others are not refused with it again.
#[tokio::test]
async fn what_breaks_a_commit_goes_alone_for_a_while() {
    let rig = Arc::new(Rig::new(MemorySink::default(), OnBadRecord::DeadLetter));
    let good = [GOOD; 12];
    let bad = [BAD; 12];
    let halted = rig.consume(logs(&[&good, &bad, &good, &good], 1)).await;
    assert!(halted.is_empty());
    assert_once(&rig.sink, 1, &bad);
    let commits = rig.sink.commits();
    // The halves of the first commit that it broke; then it has no company.
    let of_others = commits.iter().filter(|&&batches| batches > 1);
    let least = 3 * good.len() / 4;
    assert!(of_others.count() <= least + 6, "{commits:?}");
}

#[tokio::test]
async fn whoever_was_overtaken_begins_again_and_the_others_go_on() {
    let rig = Arc::new(Rig::new(MemorySink::default(), OnBadRecord::Halt));
    rig.sink.script(&[Fault::Altered, Fault::ClaimedByAnother]);
    let records = [GOOD; 4];
    let halted = rig.consume(logs(&[&records[..]; 8], 2)).await;
    assert!(halted.is_empty());
    assert_eq!(
        rig.sink.happened(),
        [Fault::Altered, Fault::ClaimedByAnother]
    );
    (0..8).for_each(|partition| assert_once(&rig.sink, partition, &records));
    let claims: Vec<i64> = (0..8)
        .map(|partition| rig.sink.claims(&tp(partition)))
        .collect();
    assert_eq!(
        claims.iter().filter(|&&claims| claims == 1).count(),
        7,
        "{claims:?}"
    );
}

/// A partition that is another's before its commit has begun.
#[tokio::test]
async fn what_is_lost_while_it_waits_is_not_begun() {
    let sink = MemorySink::default();
    let rig = Arc::new(Rig {
        // Nothing goes before it is taken away.
        commits: commits(&sink, Duration::from_millis(300)),
        ..Rig::new(sink, OnBadRecord::Halt)
    });
    assert!(rig.consume(logs(&[&[GOOD], &[]], 1)).await.is_empty());
    let (control, _controls) = channel();
    let lane = Arc::new(rig.lane(control));
    let claimed = rig.sink.claim(&lane.member, &lane.identity, &tp(1)).await;
    let (lease, leased) = lease();
    let writer = Writer::new(lane, tp(1), Generation(1), leased, &claimed.expect("claim"));
    let (batches, receiver) = tokio::sync::mpsc::channel(1);
    batches.try_send(chunk(0, &[(GOOD, 1)])).unwrap();
    let writing = tokio::spawn(writer.run(receiver));
    while rig.commits.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    drop(lease);
    writing.await.expect("it ends");
    assert_eq!(rig.commits.waiting(), 0);
    assert_eq!(rig.sink.commits(), [1]);
    assert!(rig.sink.offsets(&tp(1)).is_empty());
}

/// Each partition asks for itself what became of it.
#[tokio::test]
async fn a_lost_answer_is_judged_partition_by_partition() {
    for fault in [Fault::AppliedAnswerLost, Fault::NotAppliedAnswerLost] {
        let rig = Arc::new(Rig::new(MemorySink::default(), OnBadRecord::Halt));
        // The first commit is of one partition, and this the second.
        rig.sink.script(&[Fault::Deadlock, fault]);
        let records = [GOOD; 2];
        let halted = rig.consume(logs(&[&records[..]; 6], 2)).await;
        assert!(halted.is_empty());
        (0..6).for_each(|partition| assert_once(&rig.sink, partition, &records));
        assert_eq!(rig.sink.happened(), [Fault::Deadlock, fault]);
        let together = rig.sink.commits()[1];
        assert!(together > 1, "{:?}", rig.sink.commits());
        let claims = (0..6).map(|partition| rig.sink.claims(&tp(partition)));
        assert_eq!(claims.filter(|&claims| claims == 2).count(), together);
    }
}

proptest! {
    // What was lost is asked for a tenth of a second later: few cases.
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Invariants 1 and 2 for commits of several partitions: whatever happens to some of
    /// them, each record of each is written once, in its order.
    #[test]
    fn each_record_is_written_once_whatever_happens(
        all in prop::collection::vec(
            prop::collection::vec(prop::sample::select(vec![GOOD, GOOD, GOOD, BAD]), 0..12),
            1..8,
        ),
        batch in 1_usize..5,
        script in prop::collection::vec(prop::sample::select(vec![
            Fault::AppliedAnswerLost,
            Fault::NotAppliedAnswerLost,
            Fault::Altered,
            Fault::Deadlock,
            Fault::ClaimedByAnother,
            Fault::SetToZero,
        ]), 0..5),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let rig = Arc::new(Rig::new(MemorySink::default(), OnBadRecord::DeadLetter));
            rig.sink.script(&script);
            let slices: Vec<&[&str]> = all.iter().map(Vec::as_slice).collect();
            let halted = rig.consume(logs(&slices, batch)).await;
            assert!(halted.is_empty(), "{halted:?}");
            for (partition, records) in (0..).zip(&all) {
                assert_once(&rig.sink, partition, records);
            }
        });
    }
}
