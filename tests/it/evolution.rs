//! Tables that are made, and grow, by the schemas of their records.

use crate::avro::{EVENTS, events};
use crate::harness::feed::Feed;
use crate::harness::kafka::Message;
use crate::harness::process::{Process, plimsoll};
use crate::harness::registry::Registry;
use crate::harness::{servers, wait};

const GROWS: &str = "create = true\nevolve = \"add_columns\"\n";

/// A topic without a table, whose table is to be made, and to grow.
fn without_table(test: &str, registry: &Registry, partitions: i32) -> Feed {
    let mut case = Feed::with_partitions(test, "SELECT 1", "upsert", EVENTS, partitions);
    case.service.top = format!("[schema_registry]\nurl = [\"{}\"]\n", registry.url());
    case.service.of_postgres = GROWS.to_owned();
    case
}

/// The columns of the table, with their types.
fn columns(case: &Feed) -> Vec<String> {
    case.rows(
        "SELECT concat_ws(' ', column_name, data_type, CASE is_nullable WHEN 'NO' THEN 'key' END) \
         FROM information_schema.columns WHERE table_name = 't' AND table_schema = '{s}' ORDER BY 1",
    )
}

#[test]
fn a_table_is_made_and_grows_with_its_schema_at_any_batch_size_under_sigkills() {
    let registry = Registry::shared();
    let events = events(&registry, "evolve");
    for batch in [1, 2, 500] {
        let mut case = without_table("evolution", &registry, 1);
        case.service.batch = format!("max_records = {batch}\nlinger_ms = 20");
        let (first, second) = events.split_at(2);
        case.send(first);
        let process = Process::start_ready(&case.service);
        case.wait();
        process.kill();
        case.send(second);
        let process = Process::start_ready(&case.service);
        case.wait();
        // `v` was renamed to `w`, which is another column; `n` was dropped in the end.
        let expected = ["id bigint key", "n bigint", "v text", "w text"];
        assert_eq!(columns(&case), expected, "{batch} at a time");
        let rows = case.rows("SELECT concat_ws(' ', id, v, w) FROM {s}.t ORDER BY id");
        assert_eq!(rows, ["1 w1", "2 v2", "3 v3", "4 w4"], "{batch} at a time");
        assert_eq!(case.bad(), Vec::<String>::new());
        let changes = process.metric("plimsoll_table_changes_total", &[]);
        assert!(changes >= 1.0, "{changes}");
        case.verify();
        assert!(process.drain().success());
    }
}

#[test]
fn several_instances_make_one_table() {
    let registry = Registry::shared();
    let case = without_table("evolution_many", &registry, 4);
    let events = events(&registry, "evolve");
    let spread = (0..4).flat_map(|partition| {
        let to = move |event: &Message| Message {
            partition,
            ..event.clone()
        };
        events.iter().map(to).collect::<Vec<_>>()
    });
    case.send(&spread.collect::<Vec<_>>());
    let all: Vec<Process> = (0..3).map(|_| Process::start(&case.service)).collect();
    case.wait();
    assert_eq!(
        columns(&case),
        ["id bigint key", "n bigint", "v text", "w text"]
    );
    let rows = case.rows("SELECT concat_ws(' ', id, v, w) FROM {s}.t ORDER BY id");
    assert_eq!(rows, ["1 w1", "2 v2", "3 v3", "4 w4"]);
    assert_eq!(case.bad(), Vec::<String>::new());
    for process in all {
        assert!(process.drain().success());
    }
}

#[test]
fn a_table_that_is_in_use_is_waited_for_and_nobody_waits_for_the_change() {
    let registry = Registry::shared();
    let case = without_table("evolution_lock", &registry, 1);
    let events = events(&registry, "evolve");
    case.send(&events[..1]);
    let process = Process::start_ready(&case.service);
    case.wait();
    // A reader in a transaction: columns are not added meanwhile.
    let reader = case.database.again();
    reader.execute("BEGIN");
    reader.execute("SELECT count(*) FROM {s}.t");
    case.send(&events[1..]);
    wait::until("the change is refused, and tried again", || {
        match process.report().map(|report| report.to_string()) {
            Some(report) if report.contains("retrying") && report.contains("55P03") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    assert_eq!(columns(&case), ["id bigint key", "v text"]);
    reader.execute("COMMIT");
    case.wait();
    assert_eq!(columns(&case).len(), 4);
    case.verify();
    assert!(process.drain().success());
}

#[test]
fn what_cannot_be_added_halts_with_the_statement_to_run() {
    let registry = Registry::shared();
    let mut case = without_table("evolution_right", &registry, 1);
    let events = events(&registry, "evolve");
    // Its owner is another.
    case.database
        .execute("CREATE TABLE {s}.t (id int PRIMARY KEY, v text)");
    let (role, state) = (case.database.schema.clone(), case.database.state_schema());
    case.database.execute(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'secret'; GRANT USAGE ON SCHEMA {{s}} TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON {{s}}.t TO {role};
         CREATE SCHEMA {state} AUTHORIZATION {role}"
    ));
    let url = servers::postgres();
    let place = url
        .rsplit_once('@')
        .map_or(url.as_str(), |(_, place)| place);
    case.service.url = format!("postgres://{role}:secret@{place}");
    case.send(&events);
    let process = Process::start(&case.service);
    let halted = wait::until("it halts", || {
        match process.report().map(|report| report.to_string()) {
            Some(report) if report.contains("ALTER TABLE") => Ok(report),
            other => Err(format!("{other:?}")),
        }
    });
    assert!(halted.contains("ADD n"), "{halted}");
    assert!(process.drain().success());
    case.database
        .execute("ALTER TABLE {s}.t ADD n bigint, ADD w text");
    let process = Process::start_ready(&case.service);
    case.wait();
    case.verify();
    assert!(process.drain().success());
}

#[test]
fn what_is_left_out_gets_no_column() {
    let registry = Registry::shared();
    let mut case = without_table("evolution_out", &registry, 1);
    case.database.execute("CREATE TABLE {s}.t (id int PRIMARY KEY, v text, n int GENERATED ALWAYS AS (7) STORED, w text)");
    case.service.of_postgres = "evolve = \"add_columns\"\nexclude = [\"w\"]\n".to_owned();
    case.send(&events(&registry, "evolve"));
    let process = Process::start_ready(&case.service);
    case.wait();
    assert_eq!(columns(&case).len(), 4);
    let rows = case.rows("SELECT concat_ws(' ', id, v, n, w) FROM {s}.t ORDER BY id");
    assert_eq!(rows, ["1 7", "2 v2 7", "3 v3 7", "4 7"]);
    case.verify();
    assert!(process.drain().success());
}

#[test]
fn fields_that_go_elsewhere_get_no_column_and_those_of_a_filter_do() {
    let registry = Registry::shared();
    let mut case = without_table("evolution_else", &registry, 1);
    case.database
        .execute("CREATE TABLE {s}.t (id int PRIMARY KEY, v text)");
    // `w` is never to be there, `v` takes something else, and `n` only the filter asks for.
    case.service.of_postgres = "evolve = \"add_columns\"\nexclude = [\"w\"]\nwhere = \"exists \
                                value.n or not exists value.n\"\n"
        .to_owned();
    case.service.columns = "v = \"topic\"\n".to_owned();
    case.send(&events(&registry, "evolve"));
    let process = Process::start_ready(&case.service);
    case.wait();
    assert_eq!(columns(&case), ["id integer key", "n bigint", "v text"]);
    let rows = case.rows("SELECT concat_ws(' ', id, v = $$@$$) FROM {s}.t ORDER BY id");
    assert_eq!(rows, ["1 f", "2 f", "3 f", "4 f"]);
    assert_eq!(case.bad(), Vec::<String>::new());
    case.verify();
    assert!(process.drain().success());
}

#[test]
fn a_key_without_fields_needs_a_column_of_its_own() {
    let registry = Registry::shared();
    let schema = r#"{"type": "record", "name": "o", "fields": [
        {"name": "order_no", "type": "long"}, {"name": "customer_id", "type": "long"}]}"#;
    let id = registry.register(schema);
    let formats = "value = { format = \"avro\", framing = \"confluent\" }\n";
    let mut case = Feed::with_partitions("evolution_key", "SELECT 1", "upsert", formats, 1);
    case.service.top = format!("[schema_registry]\nurl = [\"{}\"]\n", registry.url());
    case.service.of_postgres = GROWS.to_owned();
    // Both fields are what the key is, as it happens.
    let value = [&[0][..], &id.to_be_bytes(), &[2, 2]].concat();
    let message = Message {
        key: Some(b"1".to_vec()),
        value: Some(value),
        ..Message::default()
    };
    case.send(&[message]);
    let process = Process::start(&case.service);
    wait::until("it halts", || match process.report() {
        Some(report) if report.to_string().contains("key = \\\"key\\\"") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert!(process.drain().success());
    assert_eq!(columns(&case), Vec::<String>::new());
    case.service.columns = "key = \"key\"\n".to_owned();
    let process = Process::start_ready(&case.service);
    case.wait();
    let expected = ["customer_id bigint", "key text key", "order_no bigint"];
    assert!(
        columns(&case)
            .iter()
            .zip(expected)
            .all(|(a, b)| a.split(' ').next() == b.split(' ').next())
    );
    case.verify();
    assert!(process.drain().success());
}

#[test]
fn check_says_which_table_run_makes() {
    let registry = Registry::shared();
    let case = without_table("evolution_check", &registry, 1);
    case.send(&events(&registry, "evolve")[..1]);
    let output = plimsoll(
        &case.service.config(),
        &["check", "--connect", "--sample", "10"],
    );
    let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    assert!(output.status.success(), "{said}");
    assert!(said.contains("run makes it"), "{said}");
    assert!(said.contains("CREATE TABLE"), "{said}");
    assert!(said.contains("PRIMARY KEY (id)"), "{said}");
    assert_eq!(columns(&case), Vec::<String>::new());
}
