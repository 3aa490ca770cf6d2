//! A writer is given a batch, and brokers say which topic it was fetched from.

use super::memory::MemorySink;
use super::tests::{offsets, tp};
use crate::batch::{Budget, Chunk, Filling, Incoming};
use crate::commit::{Lane, Writer};
use crate::config::{OnBadRecord, UnknownFields};
use crate::consume::{Control, Generation, Looked, Looks, RestartReason, lease};
use crate::error::KafkaFault;
use crate::health::Health;
use crate::route::Router;
use crate::service::member;
use plimsoll_protocol::{Position, Span, StartRule};
use plimsoll_sink_api::{Identity, NewPosition, Sink};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Instant;

/// Three records, served by two brokers: an election came in between.
fn chunk() -> Chunk {
    let mut filling = Filling::new(Budget::new(1 << 20));
    for (offset, broker) in [(0, 1), (1, 1), (2, 2)] {
        let record = Incoming {
            offset,
            timestamp: None,
            key: None,
            value: Some(b"{\"n\":1}"),
        };
        filling.push(&record, std::iter::empty(), None, Instant::now());
        filling.served_by(broker);
    }
    let to = Position::new(3).unwrap();
    filling.seal(Span::new(Position::ZERO, to).unwrap())
}

/// What the writer of a position of the topic `old` makes of the batch.
async fn written(answer: impl Fn(Option<i32>) -> Looked + Send + 'static) -> (Vec<i64>, Control) {
    let sink = MemorySink::default();
    let identity = Identity {
        group_id: "g".into(),
        cluster_id: "c".into(),
    };
    let start = NewPosition {
        tp: tp(0),
        position: Position::ZERO,
        topic_id: Some("old".into()),
        high_watermark: Position::ZERO,
    };
    let rule = StartRule::Configured;
    sink.settle(&identity, rule, &[start]).await.unwrap();
    let member = member();
    let claimed = sink.claim(&member, &identity, &tp(0)).await.unwrap();
    let (control, controls) = channel();
    let lane = Lane {
        name: "rehearsal".into(),
        sink: Arc::new(sink.clone()),
        router: Router::new(Arc::new(sink.clone())),
        member,
        identity,
        on_bad_record: OnBadRecord::Halt,
        unknown_fields: UnknownFields::Ignore,
        looks: Looks::answered(answer),
        health: Arc::new(Health::default()),
        control,
    };
    let (_lease, leased) = lease();
    let writer = Writer::new(Arc::new(lane), tp(0), Generation(1), leased, &claimed);
    let (batches, receiver) = tokio::sync::mpsc::channel(1);
    batches.try_send(chunk()).unwrap();
    drop(batches);
    writer.run(receiver).await;
    (sink.offsets(&tp(0)), controls.recv().unwrap())
}

#[tokio::test]
async fn a_batch_is_committed_once_each_broker_that_served_it_has_named_its_topic() {
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = asked.clone();
    let (rows, told) = written(move |broker| {
        heard.lock().unwrap().push(broker);
        Ok(Some("old".into()))
    })
    .await;
    assert_eq!(*asked.lock().unwrap(), [Some(1), Some(2)]);
    assert_eq!(rows, offsets(0..3));
    assert!(matches!(told, Control::Committed { .. }), "{told:?}");
}

#[tokio::test]
async fn nothing_of_another_topic_is_committed_whichever_broker_names_it() {
    for liar in [1, 2] {
        let answer = move |broker| {
            let id = if broker == Some(liar) { "new" } else { "old" };
            Ok(Some(id.to_owned()))
        };
        let (rows, told) = written(answer).await;
        assert!(rows.is_empty());
        let Control::Halt { halt, .. } = told else {
            panic!("{told:?}")
        };
        assert!(
            halt.reason
                .contains("topic id old, and the topic's id is new")
        );
    }
}

#[tokio::test]
async fn a_batch_whose_topic_is_not_named_is_not_committed_and_fetched_again() {
    let untold: [fn() -> Looked; 2] = [|| Ok(None), || Err(KafkaFault::new("away"))];
    for answer in untold {
        let second = move |broker| match broker {
            Some(2) => answer(),
            _ => Ok(Some("old".to_owned())),
        };
        let (rows, told) = written(second).await;
        assert!(rows.is_empty());
        let reason = RestartReason::Unconfirmed;
        assert!(
            matches!(told, Control::Restart { reason: r, .. } if r == reason),
            "{told:?}"
        );
    }
}
