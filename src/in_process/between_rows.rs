//! Change events that other rows are in the way of.

use super::lanes::lane;
use super::writers::write_by;
use crate::config::{OnBadRecord, UnknownFields};
use crate::engine::{Control, Lane};
use crate::kafka::Looks;
use plimsoll_memory::MemorySink;
use plimsoll_protocol::TopicPartition;
use plimsoll_record::{Connector, Envelope, Formats};
use std::sync::mpsc::channel;

/// It takes the waits of a writer, some half a minute.
#[tokio::test]
async fn one_that_waits_for_long_halts_its_partition_and_is_no_dead_letter() {
    let sink = MemorySink::default();
    let tp = TopicPartition::new("t", 0);
    let looks = Looks::answered(|_| Ok(Some("old".into())));
    let (control, controls) = channel();
    let lane = Lane {
        on_bad_record: OnBadRecord::DeadLetter,
        formats: Formats {
            envelope: Envelope::Debezium(Connector::default()),
            ..Formats::json(UnknownFields::Ignore)
        },
        ..lane(&sink, looks, control)
    };
    let event = |n: &str| format!("{{\"op\":\"c\",\"after\":{{\"n\":\"{n}\"}}}}");
    let events = ["good", "bad", "lone", "good"].map(event);
    let records: Vec<(&str, i32)> = events.iter().map(|event| (event.as_str(), 1)).collect();
    write_by(lane, &sink, tp.clone(), &records).await;
    let halt = loop {
        match controls.recv().unwrap() {
            Control::Halt { halt, .. } => break halt,
            Control::Committed { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(halt.offset, Some(2));
    let reason = &halt.reason;
    assert!(reason.contains("foreign_key_violation"), "{reason}");
    assert!(reason.contains("another partition"), "{reason}");
    // All before it is written; what is bad by itself is set aside.
    assert_eq!((sink.offsets(&tp), sink.dead(&tp)), (vec![0], vec![1]));
    assert_eq!(sink.position(&tp), Some(2));
}
