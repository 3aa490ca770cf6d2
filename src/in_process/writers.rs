//! A writer without any Kafka: it is given batches.

use super::lanes::lane;
use crate::config::OnBadRecord;
use crate::engine::{Control, Generation, Lane, Writer, lease};
use crate::kafka::Looks;
use plimsoll_memory::MemorySink;
use plimsoll_protocol::{Position, Span, StartRule, TopicPartition};
use plimsoll_record::{Budget, Chunk, Filling, Incoming};
use plimsoll_sink_api::{NewPosition, Sink};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Instant;

/// Records from an offset on, each with the broker that served it.
pub(super) fn chunk(from: i64, records: &[(&str, i32)]) -> Chunk {
    let mut filling = Filling::new(Budget::new(1 << 20));
    for (offset, (value, broker)) in (from..).zip(records) {
        let record = Incoming {
            offset,
            timestamp: None,
            key: None,
            value: Some(value.as_bytes()),
        };
        filling.push(&record, std::iter::empty(), None, Instant::now());
        filling.served_by(*broker);
    }
    let at = |offset| Position::new(offset).unwrap();
    let to = from + records.len() as i64;
    filling.seal(Span::new(at(from), at(to)).unwrap())
}

/// Settles a partition at the topic `old`, if need be, and lets a new writer of it
/// have one batch, which begins where the partition stands.
pub(super) async fn write(
    sink: &MemorySink,
    tp: TopicPartition,
    on_bad_record: OnBadRecord,
    looks: Looks,
    records: &[(&str, i32)],
) -> Control {
    let (control, controls) = channel();
    let lane = Lane {
        on_bad_record,
        ..lane(sink, looks, control)
    };
    write_by(lane, sink, tp, records).await;
    controls.recv().unwrap()
}

/// The same by a lane of the test's own.
pub(super) async fn write_by(
    lane: Lane<MemorySink>,
    sink: &MemorySink,
    tp: TopicPartition,
    records: &[(&str, i32)],
) {
    let (member, identity) = (&lane.member, &lane.identity);
    let start = NewPosition {
        tp: tp.clone(),
        position: Position::ZERO,
        topic_id: Some("old".into()),
        high_watermark: Position::ZERO,
    };
    let rule = StartRule::FirstRecord;
    sink.settle(identity, rule, &[start]).await.unwrap();
    let claimed = sink.claim(member, identity, &tp).await.unwrap();
    let batch = chunk(claimed.position.offset(), records);
    let (_lease, leased) = lease();
    let writer = Writer::new(Arc::new(lane), tp, Generation(1), leased, &claimed);
    let (batches, receiver) = tokio::sync::mpsc::channel(1);
    batches.try_send(batch).unwrap();
    drop(batches);
    writer.run(receiver).await;
}
