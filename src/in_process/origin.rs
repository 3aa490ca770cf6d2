//! A writer is given a batch, and brokers say which topic it was fetched from.

use super::tests::{offsets, tp};
use super::writers::write;
use crate::config::OnBadRecord;
use crate::engine::{Control, RestartReason};
use crate::error::KafkaFault;
use crate::kafka::{Looked, Looks};
use plimsoll_memory::MemorySink;
use std::sync::Arc;

/// What the writer of a position of the topic `old` makes of three records, served
/// by two brokers: an election came in between.
async fn written(answer: impl Fn(Option<i32>) -> Looked + Send + 'static) -> (Vec<i64>, Control) {
    let sink = MemorySink::default();
    let records = [1, 1, 2].map(|broker| ("{\"n\":1}", broker));
    let looks = Looks::answered(answer);
    let told = write(&sink, tp(0), OnBadRecord::Halt, looks, &records).await;
    (sink.offsets(&tp(0)), told)
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
