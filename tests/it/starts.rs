//! Where a sink begins.

use crate::harness::case::Case;
use crate::harness::kafka::{Message, Record};
use crate::harness::oracle::{self, Mode};
use crate::harness::process::Process;
use crate::harness::{unique, wait};

/// The table holds exactly what the log holds at or behind these offsets.
#[track_caller]
fn assert_from(case: &Case, starts: &[i64]) {
    case.wait_caught_up();
    let behind = |r: &Record| r.offset >= starts[r.message.partition as usize];
    let log: Vec<_> = case
        .kafka
        .log(&case.topic)
        .into_iter()
        .filter(behind)
        .collect();
    oracle::assert_rows(
        &oracle::expected(case.mode, &log),
        &oracle::found(&case.database, case.mode),
    );
}

#[test]
fn latest_begins_behind_the_last_record_for_all_partitions_at_once() {
    let mut case = Case::new("start_latest", Mode::Append, 3);
    case.service.of_sink = "start = \"latest\"".to_owned();
    case.produce(300);
    let starts = case.kafka.ends(&case.topic);
    let process = Process::start_ready(&case.service);
    case.produce(300);
    assert_from(&case, &starts);
    // A second life begins at the positions, not at the end.
    assert!(process.drain().success());
    case.produce(300);
    let process = Process::start_ready(&case.service);
    assert_from(&case, &starts);
    assert!(process.drain().success());
}

#[test]
fn a_time_begins_at_the_first_record_of_that_time() {
    let mut case = Case::new("start_time", Mode::Append, 2);
    case.service.of_sink = "start = \"2026-01-31T09:00:00.500+01:00\"".to_owned();
    let at = 1_769_846_400_500;
    let mut messages: Vec<Message> = case.orders.take(60);
    for (i, message) in messages.iter_mut().enumerate() {
        // All of partition 1 is older: it begins at its end.
        let late = i >= 30 && message.partition == 0;
        message.timestamp = Some(if late {
            at + i as i64 - 30
        } else {
            at - 1_000 + i as i64
        });
    }
    case.producer.send_all(&case.topic, &messages);
    let log = case.kafka.log(&case.topic);
    let first = log
        .iter()
        .find(|r| r.message.partition == 0 && r.message.timestamp >= Some(at));
    let starts = [
        first.expect("a late record").offset,
        case.kafka.ends(&case.topic)[1],
    ];
    assert!(starts[0] > 0 && starts[1] > 0);
    let process = Process::start_ready(&case.service);
    case.produce(100);
    assert_from(&case, &starts);
    assert!(process.drain().success());
}

#[test]
fn a_group_begins_where_another_group_stands() {
    let mut case = Case::new("start_group", Mode::Append, 3);
    let other = unique("connect-orders");
    case.service.of_sink = format!("start = {{ group = \"{other}\" }}");
    case.produce(300);
    case.kafka
        .set_group_offsets(&other, &case.topic, &[10, 0, 25]);
    let process = Process::start_ready(&case.service);
    case.produce(100);
    assert_from(&case, &[10, 0, 25]);
    assert!(process.drain().success());
}

#[test]
fn a_group_that_committed_nothing_begins_nothing() {
    let mut case = Case::new("start_no_group", Mode::Append, 1);
    case.service.of_sink = format!("start = {{ group = \"{}\" }}", unique("typo"));
    case.produce(10);
    let process = Process::start(&case.service);
    wait::until("the missing group is named", || {
        let log = process.log();
        if log.contains("has committed nothing for") {
            Ok(())
        } else {
            Err(log)
        }
    });
    assert_eq!(
        case.database
            .number("SELECT count(*) FROM {s}_state.positions"),
        0
    );
    assert!(process.drain().success());
}

#[test]
fn what_the_group_committed_is_never_read_back() {
    let mut case = Case::new("start_own_group", Mode::Append, 2);
    case.produce(300);
    // A lie, told before the first start.
    let ends = case.kafka.ends(&case.topic);
    case.kafka
        .set_group_offsets(&case.service.group, &case.topic, &ends);
    let process = Process::start_ready(&case.service);
    assert_from(&case, &[0, 0]);
    assert!(process.drain().success());
}

#[test]
fn a_pattern_takes_topics_that_appear_later_from_their_first_record() {
    let mut case = Case::new("start_pattern", Mode::Append, 1);
    let prefix = unique("pattern");
    case.service.topics = format!("topics_regex = \"^{prefix}\"");
    case.service.of_sink = "start = \"latest\"".to_owned();
    let (first, second) = (format!("{prefix}.first"), format!("{prefix}.second"));
    case.kafka.create_topic(&first, 1);
    case.producer.send_all(&first, &case.orders.take(50));
    let process = Process::start_ready(&case.service);
    case.kafka.create_topic(&second, 1);
    case.producer.send_all(&second, &case.orders.take(50));
    case.producer.send_all(&first, &case.orders.take(50));
    case.database.wait_caught_up(&case.kafka, &first);
    case.database.wait_caught_up(&case.kafka, &second);
    let mut log = case.kafka.log(&first).split_off(50);
    log.extend(case.kafka.log(&second));
    assert_eq!(log.len(), 100);
    oracle::assert_rows(
        &oracle::expected(case.mode, &log),
        &oracle::found(&case.database, case.mode),
    );
    assert!(process.drain().success());
}

#[test]
fn a_pattern_leaves_out_the_topics_that_kafka_keeps_for_itself() {
    for protocol in ["", "group_protocol = \"consumer\""] {
        let mut case = Case::new("start_internal", Mode::Append, 2);
        // The group's own offsets stand in the topic that the pattern would match.
        case.kafka
            .set_group_offsets(&unique("anybody"), &case.topic, &[0, 0]);
        case.service.topics = format!("topics_regex = \"^(_.consumer_offsets|{})$\"", case.topic);
        case.service.kafka = protocol.to_owned();
        if !protocol.is_empty() {
            case.service.properties.retain(|(name, _)| {
                !name.ends_with("timeout.ms") && !name.starts_with("heartbeat")
            });
        }
        case.produce(100);
        let process = Process::start_ready(&case.service);
        case.produce(100);
        case.assert_exact();
        let owned = process.metric("plimsoll_partitions_assigned", &[]);
        assert_eq!(owned, 2.0);
        let settled = case
            .database
            .number("SELECT count(*) FROM {s}_state.positions");
        assert_eq!(settled, 2);
        assert!(process.drain().success());
    }
}
