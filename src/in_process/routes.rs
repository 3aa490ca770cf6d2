//! Records of one partition that go into several tables, under faults.

use super::lanes::lane;
use super::tests::tp;
use super::writers::write_by;
use crate::config::OnBadRecord;
use crate::engine::{Control, Lane};
use crate::kafka::Looks;
use plimsoll_memory::{Fault, MemorySink};
use plimsoll_sink_api::{Mode, Routing, TableRule, TableSettings, UnknownRoute};
use std::sync::mpsc::channel;

fn rules(unknown: UnknownRoute) -> Vec<TableRule> {
    let routing = Routing {
        by: "value.type".parse().unwrap(),
        max_tables: 64,
        unknown,
    };
    vec![TableRule {
        topics: Vec::new(),
        settings: TableSettings {
            routing: Some(routing),
            ..TableSettings::new("e_{route}", Mode::Append)
        },
    }]
}

fn sink(unknown: UnknownRoute, tables: &[&str]) -> MemorySink {
    let sink = MemorySink::default().with_rules(rules(unknown));
    tables.iter().for_each(|name| sink.create_plain(name));
    sink
}

/// Lets a new writer have the records from where partition 0 stands; says what it ended with.
async fn write(
    sink: &MemorySink,
    unknown: UnknownRoute,
    on_bad_record: OnBadRecord,
    records: &[String],
) -> Control {
    let (control, controls) = channel();
    let looks = Looks::answered(|_| Ok(Some("old".into())));
    let lane = Lane {
        on_bad_record,
        tables: rules(unknown),
        ..lane(sink, looks, control)
    };
    let from = sink.position(&tp(0)).unwrap_or_default();
    let left = &records[usize::try_from(from).unwrap()..];
    let left: Vec<(&str, i32)> = left.iter().map(|record| (record.as_str(), 1)).collect();
    write_by(lane, sink, tp(0), &left).await;
    controls.try_iter().last().unwrap()
}

fn record(route: &str, n: &str) -> String {
    format!("{{\"type\":\"{route}\",\"n\":\"{n}\"}}")
}

/// The column `n` of a table, in the order of writing.
fn found(sink: &MemorySink, table: &str) -> Vec<String> {
    let rows = sink.rows(table, &["n"]).into_iter();
    rows.map(|row| format!("{:?}", row[0])).collect()
}

fn expected(records: impl IntoIterator<Item = usize>) -> Vec<String> {
    let kept = |n: usize| format!("{:?}", plimsoll_memory::Kept::text(&n.to_string()));
    records.into_iter().map(kept).collect()
}

fn halted(control: &Control) -> (Option<i64>, String) {
    match control {
        Control::Halt { halt, .. } => (halt.offset, halt.reason.clone()),
        _ => panic!("no halt"),
    }
}

#[tokio::test]
async fn rows_of_one_batch_reach_each_table_once_whatever_the_fault() {
    let faults = [
        Fault::AppliedAnswerLost,
        Fault::NotAppliedAnswerLost,
        Fault::Altered,
        Fault::Deadlock,
        Fault::ClaimedByAnother,
    ];
    let records: Vec<String> = (0..30)
        .map(|n| record(["a", "b", "c"][n % 3], &n.to_string()))
        .collect();
    for fault in faults {
        let unknown = UnknownRoute::default();
        let sink = sink(unknown, &["e_a", "e_b", "e_c"]);
        sink.script(&[fault]);
        while sink.position(&tp(0)) != Some(30) {
            write(&sink, unknown, OnBadRecord::Halt, &records).await;
        }
        assert_eq!(sink.happened(), [fault]);
        for (place, table) in ["e_a", "e_b", "e_c"].into_iter().enumerate() {
            let own = (0..30).filter(|n| n % 3 == place);
            assert_eq!(found(&sink, table), expected(own), "{fault:?} {table}");
        }
    }
}

#[tokio::test]
async fn a_bad_record_among_several_tables_is_found_alone() {
    let unknown = UnknownRoute::default();
    let mut records: Vec<String> = (0..30)
        .map(|n| record(["a", "b"][n % 2], &n.to_string()))
        .collect();
    records[7] = record("b", "bad");
    records[8] = record("a", "odd");
    let sink = sink(unknown, &["e_a", "e_b"]);
    write(&sink, unknown, OnBadRecord::DeadLetter, &records).await;
    assert_eq!(sink.dead(&tp(0)), [7, 8]);
    assert_eq!(sink.position(&tp(0)), Some(30));
    let good = |place: usize| (0..30).filter(move |n| n % 2 == place && *n != 7 && *n != 8);
    assert_eq!(found(&sink, "e_a"), expected(good(0)));
    assert_eq!(found(&sink, "e_b"), expected(good(1)));
}

/// What is wrong with the odd ones: their routes are missing, null, no text, empty, or no
/// table's.
fn odd() -> Vec<String> {
    [
        "{\"n\":\"1\"}",
        "{\"type\":null,\"n\":\"2\"}",
        "{\"type\":7,\"n\":\"3\"}",
        "{\"type\":\"\",\"n\":\"4\"}",
        "{\"type\":\"A\",\"n\":\"5\"}",
        "{\"type\":\"secret\",\"n\":\"6\"}",
    ]
    .map(str::to_owned)
    .to_vec()
}

#[tokio::test]
async fn an_unknown_route_does_what_its_policy_says() {
    let mut records = vec![record("a", "0")];
    records.extend(odd());
    records.push(record("a", "7"));
    for (unknown, policy) in [
        (UnknownRoute::DeadLetter, OnBadRecord::Halt),
        (UnknownRoute::AsBadRecord, OnBadRecord::DeadLetter),
    ] {
        let sink = sink(unknown, &["e_a"]);
        write(&sink, unknown, policy, &records).await;
        assert_eq!(sink.dead(&tp(0)), [1, 2, 3, 4, 5, 6]);
        assert_eq!(found(&sink, "e_a"), expected([0, 7]));
        assert_eq!(sink.position(&tp(0)), Some(8));
    }
    let unknown = UnknownRoute::Skip;
    let skipping = sink(unknown, &["e_a"]);
    write(&skipping, unknown, OnBadRecord::Halt, &records).await;
    assert!(skipping.dead(&tp(0)).is_empty());
    assert_eq!(found(&skipping, "e_a"), expected([0, 7]));
    assert_eq!(skipping.position(&tp(0)), Some(8));
    for (unknown, policy) in [
        (UnknownRoute::Halt, OnBadRecord::DeadLetter),
        (UnknownRoute::AsBadRecord, OnBadRecord::Halt),
    ] {
        for (at, wrong) in odd().into_iter().enumerate() {
            let records = [record("a", "0"), wrong, record("a", "2")];
            let sink = sink(unknown, &["e_a"]);
            let ended = write(&sink, unknown, policy, &records).await;
            let (offset, reason) = halted(&ended);
            assert_eq!(offset, Some(1), "{at}");
            assert!(reason.contains("\"value.type\""), "{reason}");
            assert!(!reason.contains("secret"), "{reason}");
            // What lies before it is written.
            assert_eq!(found(&sink, "e_a"), expected([0]));
            assert_eq!(sink.position(&tp(0)), Some(1));
        }
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_a_bad_one_and_never_skipped() {
    let records = [record("a", "0"), "{".to_owned(), record("a", "2")];
    let unknown = UnknownRoute::Skip;
    let kept = sink(unknown, &["e_a"]);
    write(&kept, unknown, OnBadRecord::DeadLetter, &records).await;
    assert_eq!(kept.dead(&tp(0)), [1]);
    assert_eq!(found(&kept, "e_a"), expected([0, 2]));
    let halts = sink(unknown, &["e_a"]);
    let ended = write(&halts, unknown, OnBadRecord::Halt, &records).await;
    assert_eq!(halted(&ended).0, Some(1));
}

#[tokio::test]
async fn one_table_too_many_halts_the_partition_whatever_the_policy() {
    for unknown in [UnknownRoute::DeadLetter, UnknownRoute::Skip] {
        let names: Vec<String> = (0..65).map(|n| format!("e_{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let sink = sink(unknown, &names);
        let records: Vec<String> = (0..65)
            .map(|n| record(&n.to_string(), &n.to_string()))
            .collect();
        let ended = write(&sink, unknown, OnBadRecord::DeadLetter, &records).await;
        let (offset, reason) = halted(&ended);
        assert_eq!(offset, Some(64));
        assert!(reason.contains("max_tables, 64"), "{reason}");
        assert_eq!(sink.position(&tp(0)), Some(64));
        for n in 0..64 {
            assert_eq!(found(&sink, &format!("e_{n}")), expected([n]));
        }
    }
}
