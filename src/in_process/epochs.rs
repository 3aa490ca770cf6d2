//! Logs whose leaders change: which batches a writer takes.

use super::lanes::lane;
use crate::engine::{Control, Generation, Writer, lease};
use crate::kafka::Looks;
use plimsoll_memory::MemorySink;
use plimsoll_protocol::{Position, Span, StartRule, TopicPartition};
use plimsoll_record::{Budget, Chunk, Filling, Incoming};
use plimsoll_sink_api::{Claimed, NewPosition, Sink};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Instant;

fn at(offset: i64) -> Position {
    Position::new(offset).unwrap()
}

/// Records from offset 0 on, each of a leader epoch.
fn chunk(epochs: &[i32]) -> Chunk {
    let mut filling = Filling::new(Budget::new(1 << 20));
    for (offset, epoch) in (0..).zip(epochs) {
        let record = Incoming {
            offset,
            timestamp: None,
            key: None,
            value: Some(br#"{"n":"x"}"#),
        };
        filling.push(&record, std::iter::empty(), Some(*epoch), Instant::now());
    }
    filling.seal(Span::new(Position::ZERO, at(epochs.len() as i64)).unwrap())
}

/// What comes of a batch from offset 0 on, where all below `reached` was applied
/// before, under leaders up to epoch 2.
async fn write(reached: i64, epochs: &[i32]) -> Control {
    let (sink, tp) = (MemorySink::default(), TopicPartition::new("t", 0));
    let (control, controls) = channel();
    let lane = lane(&sink, Looks::answered(|_| Ok(None)), control);
    let (member, identity) = (&lane.member, &lane.identity);
    let start = NewPosition {
        tp: tp.clone(),
        position: Position::ZERO,
        topic_id: None,
        high_watermark: Position::ZERO,
    };
    let rule = StartRule::FirstRecord;
    sink.settle(identity, rule, &[start]).await.unwrap();
    let claimed = Claimed {
        reached: at(reached),
        leader_epoch: Some(2),
        ..sink.claim(member, identity, &tp).await.unwrap()
    };
    let (_lease, leased) = lease();
    let writer = Writer::new(Arc::new(lane), tp, Generation(1), leased, &claimed);
    let (batches, receiver) = tokio::sync::mpsc::channel(1);
    batches.try_send(chunk(epochs)).unwrap();
    drop(batches);
    writer.run(receiver).await;
    controls.recv().unwrap()
}

#[tokio::test]
async fn what_earlier_leaders_wrote_is_read_again_and_what_comes_behind_it_is_of_the_last_one() {
    for (reached, epochs) in [
        (0, &[2, 2, 3][..]),
        (9, &[0, 0, 1]),
        (3, &[0, 1, 2]),
        (3, &[0, 1, 2, 2, 4]),
    ] {
        let told = write(reached, epochs).await;
        assert!(
            matches!(told, Control::Committed { .. }),
            "{reached}: {told:?}"
        );
    }
    for (reached, epochs) in [
        (0, &[1][..]),
        (9, &[0, 1, 0]),
        (3, &[0, 1, 2, 1]),
        (3, &[0, 1, 1, 1, 2]),
    ] {
        match write(reached, epochs).await {
            Control::Halt { halt, .. } => {
                assert!(halt.reason.contains("leader epoch"), "{}", halt.reason);
            }
            told => panic!("{reached}, {epochs:?}: {told:?}"),
        }
    }
}
