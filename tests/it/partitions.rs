//! Tables whose partitions are made when a row needs them.

use crate::harness::feed::Feed;
use crate::harness::kafka::Message;
use crate::harness::process::{Process, plimsoll};
use crate::harness::wait;

const APPEND: &str = "CREATE TABLE {s}.t (id int, at timestamptz) PARTITION BY RANGE (at)";

const LOG: &str = "CREATE TABLE {s}.t (kafka_topic varchar(255), kafka_partition int,
    kafka_offset bigint, event_data jsonb, at timestamptz,
    PRIMARY KEY (kafka_topic, kafka_partition, kafka_offset, at)) PARTITION BY RANGE (at)";

/// A topic whose table has a partition for each day.
fn by_day(test: &str, mode: &str, partitions: i32) -> Feed {
    let create = if mode == "log" { LOG } else { APPEND };
    let mut case = Feed::with_partitions(test, create, mode, "", partitions);
    case.service.of_postgres = "create_partitions = \"day\"\n".to_owned();
    case.service.columns = "at = \"value.at\"\n".to_owned();
    case
}

fn record(partition: i32, id: usize, at: &str) -> Message {
    Message::of(partition, &format!("{{\"id\":{id},\"at\":\"{at}\"}}"))
}

/// Records of January and February, in no order of days.
fn two_months(partition: i32) -> Vec<Message> {
    let at = |id: usize| {
        let day = id * 7 % 59;
        let (month, day) = (1 + day / 31, 1 + day % 31);
        record(
            partition,
            id,
            &format!("2023-{month:02}-{day:02}T23:30:00-01:00"),
        )
    };
    (0..177).map(at).collect()
}

fn partitions(case: &Feed) -> Vec<String> {
    case.rows(
        "SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid \
         WHERE i.inhparent = '{s}.t'::regclass ORDER BY 1",
    )
}

fn rows(case: &Feed) -> i64 {
    case.database.number("SELECT count(*) FROM {s}.t")
}

#[test]
fn days_in_any_order_find_their_partitions_at_any_batch_size_under_sigkills() {
    for (mode, batch) in [("append", 1), ("append", 500), ("log", 1), ("log", 500)] {
        let mut case = by_day("partitions_days", mode, 1);
        case.service.batch = format!("max_records = {batch}\nlinger_ms = 20");
        let events = two_months(0);
        case.send(&events);
        let process = Process::start(&case.service);
        // In the middle of it, where there is one.
        wait::until("partitions are made", || match partitions(&case).len() {
            0 => Err("none"),
            _ => Ok(()),
        });
        process.kill();
        let process = Process::start_ready(&case.service);
        case.wait();
        assert_eq!(rows(&case), 177, "{mode}, {batch} at a time");
        let made = partitions(&case);
        assert_eq!(made.len(), 59, "{mode}, {batch} at a time");
        // 23:30 at an hour west of Greenwich is the next day there.
        assert_eq!(made.first().map(String::as_str), Some("t_p20230102"));
        assert_eq!(made.last().map(String::as_str), Some("t_p20230301"));
        assert_eq!(case.bad(), Vec::<String>::new());
        case.verify();
        assert!(process.drain().success());
    }
}

#[test]
fn a_log_that_is_written_again_has_each_row_once_and_its_partitions_back() {
    let case = by_day("partitions_again", "log", 1);
    case.send(&two_months(0));
    let process = Process::start_ready(&case.service);
    case.wait();
    case.verify();
    case.database.execute("DROP TABLE {s}.t_p20230102");
    assert_eq!(rows(&case), 174);
    // Whoever runs has the position: it is taken from it, and it begins anew.
    case.service.set_position(&case.topic, "earliest");
    case.wait();
    wait::until("all rows are back", || match rows(&case) {
        177 => Ok(()),
        other => Err(other),
    });
    case.wait();
    assert_eq!(partitions(&case).len(), 59);
    case.verify();
    assert!(process.drain().success());
}

#[test]
fn several_instances_make_each_partition_once() {
    let case = by_day("partitions_many", "append", 4);
    let events: Vec<Message> = (0..4).flat_map(two_months).collect();
    case.send(&events);
    let all: Vec<Process> = (0..3).map(|_| Process::start(&case.service)).collect();
    case.wait();
    assert_eq!(rows(&case), 4 * 177);
    assert_eq!(partitions(&case).len(), 59);
    assert_eq!(case.bad(), Vec::<String>::new());
    case.verify();
    for process in all {
        assert!(process.drain().success());
    }
}

#[test]
fn a_partition_that_is_dropped_while_it_runs_comes_back_for_a_record_of_its_day() {
    let case = by_day("partitions_dropped", "append", 1);
    let (old, new) = ("2023-01-05T12:00:00Z", "2023-01-06T12:00:00Z");
    case.send(&[record(0, 1, old), record(0, 2, new)]);
    let process = Process::start_ready(&case.service);
    case.wait();
    // Rows that go on while somebody drops, and one that is late.
    case.database.execute("DROP TABLE {s}.t_p20230105");
    case.send(&[record(0, 3, new), record(0, 4, old)]);
    case.wait();
    let found = case.rows("SELECT id::text FROM {s}.t ORDER BY id");
    assert_eq!(found, ["2", "3", "4"]);
    assert_eq!(partitions(&case), ["t_p20230105", "t_p20230106"]);
    // Detached, its rows are kept, and its name is taken.
    case.database
        .execute("ALTER TABLE {s}.t DETACH PARTITION {s}.t_p20230105");
    case.send(&[record(0, 5, new), record(0, 6, old)]);
    wait::until("it halts", || match process.report() {
        Some(report) if report.to_string().contains("something else has that name") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    case.database
        .execute("ALTER TABLE {s}.t_p20230105 RENAME TO kept");
    assert!(process.drain().success());
    let process = Process::start_ready(&case.service);
    case.wait();
    let found = case.rows("SELECT id::text FROM {s}.t ORDER BY id");
    assert_eq!(found, ["2", "3", "5", "6"]);
    assert!(process.drain().success());
}

#[test]
fn a_poisoned_time_makes_no_partition_and_its_record_is_set_aside() {
    for batch in [1, 500] {
        let mut case = by_day("partitions_poison", "append", 1);
        case.service.batch = format!("max_records = {batch}\nlinger_ms = 20");
        case.send(&[
            record(0, 1, "2023-01-05T12:00:00Z"),
            record(0, 2, "9999-12-31T23:59:59Z"),
            record(0, 3, "2023-01-06T12:00:00Z"),
            Message::of(0, "{\"id\":4,\"at\":null}"),
            record(0, 5, "1970-01-01T00:00:00Z"),
            record(0, 6, "2023-01-07T12:00:00Z"),
        ]);
        let process = Process::start_ready(&case.service);
        case.wait();
        let bad = case.bad();
        assert_eq!(bad, ["partition_too_far_ahead", "partition_key_is_null"]);
        let found = case.rows("SELECT id::text FROM {s}.t ORDER BY id");
        assert_eq!(found, ["1", "3", "5", "6"], "{batch} at a time");
        // One record makes one, however old it is.
        let made = partitions(&case);
        assert_eq!(
            made,
            ["t_p19700101", "t_p20230105", "t_p20230106", "t_p20230107"]
        );
        case.verify();
        assert!(process.drain().success());
    }
}

#[test]
fn a_poisoned_time_halts_where_bad_records_do() {
    let mut case = by_day("partitions_halt", "append", 1);
    case.service.of_sink = "on_bad_record = \"halt\"\n".to_owned();
    case.send(&[
        record(0, 1, "2023-01-05T12:00:00Z"),
        record(0, 2, "9999-12-31T00:00:00Z"),
    ]);
    let process = Process::start(&case.service);
    let halted = wait::until("it halts", || match process.report() {
        Some(report) if report.to_string().contains("partition_too_far_ahead") => {
            Ok(report.to_string())
        }
        other => Err(format!("{other:?}")),
    });
    assert!(
        halted.contains("hint: partitions are made for up to 366 days"),
        "{halted}"
    );
    assert_eq!(partitions(&case), ["t_p20230105"]);
    assert_eq!(rows(&case), 1);
    assert!(process.drain().success());
}

#[test]
fn check_says_how_a_table_is_divided_and_what_run_would_make() {
    let case = by_day("partitions_check", "append", 1);
    case.send(&two_months(0));
    let arguments = ["check", "--connect", "--sample", "200"];
    let output = plimsoll(&case.service.config(), &arguments);
    let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    assert!(output.status.success(), "{said}");
    assert!(said.contains("partitioned by RANGE (at)"), "{said}");
    assert!(said.contains("PARTITION OF"), "{said}");
    // The rows were tried with the partitions that run makes.
    assert!(said.contains("177 rows"), "{said}");
    assert_eq!(partitions(&case), Vec::<String>::new());
    case.database
        .execute("CREATE TABLE {s}.rest PARTITION OF {s}.t DEFAULT");
    let refused = plimsoll(&case.service.config(), &["check", "--connect"]);
    let said = String::from_utf8([refused.stdout, refused.stderr].concat()).expect("text");
    assert!(!refused.status.success(), "{said}");
    assert!(said.contains("default partition"), "{said}");
}
