//! The three modes, dead letters, and errors of a commit.

use super::world::*;
use plimsoll_protocol::{Class, StartRule, TopicPartition};
use plimsoll_sink_api::{Cell, DeadLetter, Inspect, Missing, Mode, NewPosition, Positions, Sink};
use std::time::Duration;

const N: Cell<'static> = Cell::Null;
const A: Cell<'static> = Cell::Absent;

#[tokio::test]
async fn append_writes_a_row_per_record_and_moves_the_position() {
    for name in ["t_append", "t_small_append"] {
        let mut world = World::new(
            name,
            "CREATE TABLE orders (id int, note text, at timestamptz DEFAULT '2000-01-01Z')",
        )
        .await;
        let sink = world
            .sink(world.settings(Mode::Append, "orders"), "m")
            .await;
        let mut writer = Writer::claim(&sink, &member(1)).await;
        let done = writer
            .commit(&[
                put(
                    0,
                    vec![
                        number("1"),
                        text("tab\t, back\\slash, line\nend\r\\N"),
                        text("2024-05-06T07:08:09.123456Z"),
                    ],
                ),
                put(3, vec![number("1"), N, A]),
                put(5, vec![A, text(""), N]),
            ])
            .await
            .unwrap();
        assert_eq!((done.rows, done.already_there, done.terminated), (3, 0, 0));
        assert_eq!(
            world
                .rows("SELECT id, note, at FROM orders ORDER BY id, note NULLS FIRST")
                .await,
            [
                "1|NULL|2000-01-01T00:00:00+00:00",
                "1|tab\t, back\\slash, line\nend\r\\N|2024-05-06T07:08:09.123456+00:00",
                "NULL||NULL",
            ]
        );
        assert_eq!(
            world
                .one("SELECT next_offset, epoch FROM t_append_state.positions")
                .await,
            "6|1"
        );
    }
}

#[tokio::test]
async fn rows_without_any_field_take_all_defaults() {
    for name in ["t_empty", "t_small_empty"] {
        let mut world =
            World::new(name, "CREATE TABLE o (id int DEFAULT 7, n int DEFAULT 8)").await;
        let sink = world.sink(world.settings(Mode::Append, "o"), "m").await;
        let mut writer = Writer::claim(&sink, &member(1)).await;
        writer
            .commit(&[put(0, vec![A, A]), put(1, vec![A, A])])
            .await
            .unwrap();
        assert_eq!(world.rows("SELECT * FROM o").await, ["7|8", "7|8"]);
    }
}

#[tokio::test]
async fn a_fenced_commit_writes_nothing() {
    for (name, mode) in [
        ("t_fence_append", Mode::Append),
        ("t_fence_small", Mode::Append),
        ("t_fence_upsert", Mode::Upsert),
        ("t_fence_log", Mode::Log),
    ] {
        let create = match mode {
            Mode::Log => "",
            _ => "CREATE TABLE o (id int PRIMARY KEY)",
        };
        let mut world = World::new(name, create).await;
        let first = world.sink(world.settings(mode, "o"), "first").await;
        let second = world.sink(world.settings(mode, "o"), "second").await;
        let record = |offset| match mode {
            Mode::Log => put(
                offset,
                vec![text("orders"), Cell::Int(0), Cell::Int(offset), N],
            ),
            _ => put(offset, vec![Cell::Int(offset)]),
        };
        let mut zombie = Writer::claim(&first, &member(1)).await;
        zombie.commit(&[record(0)]).await.unwrap();
        let mut owner = Writer::claim(&second, &member(2)).await;
        assert_eq!(owner.at, 1);
        let dead = letter(2);
        let refused = zombie.commit_with(&[record(1)], &[dead]).await.unwrap_err();
        assert_eq!(refused.class, Class::Fenced, "{mode:?}: {refused}");
        assert_eq!(zombie.commit(&[]).await.unwrap_err().class, Class::Fenced);
        owner.commit(&[record(1)]).await.unwrap();
        // The right owner, but not where the position stands.
        owner.at = 0;
        assert_eq!(
            owner.commit(&[record(9)]).await.unwrap_err().class,
            Class::Fenced
        );
        assert_eq!(world.one("SELECT count(*) FROM o").await, "2", "{mode:?}");
        let letters = format!("SELECT count(*) FROM {name}_state.dead_letters");
        assert_eq!(world.one(&letters).await, "0");
    }
}

#[tokio::test]
async fn an_older_claim_of_the_same_process_is_fenced() {
    let world = World::new("t_fence_same", "CREATE TABLE o (id int)").await;
    let sink = world.sink(world.settings(Mode::Append, "o"), "m").await;
    let mut older = Writer::claim(&sink, &member(1)).await;
    let mut newer = Writer::claim(&sink, &member(1)).await;
    let record = [put(0, vec![number("1")])];
    assert_eq!(
        older.commit(&record).await.unwrap_err().class,
        Class::Fenced
    );
    newer.commit(&record).await.unwrap();
}

#[tokio::test]
async fn another_owner_of_the_same_epoch_is_fenced() {
    let mut world = World::new("t_fence_epoch", "CREATE TABLE o (id int)").await;
    let sink = world.sink(world.settings(Mode::Append, "o"), "m").await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    // As a failover that lost the first claim's bump would leave it.
    world
        .run("UPDATE t_fence_epoch_state.positions SET owner = gen_random_uuid()")
        .await;
    let error = writer
        .commit(&[put(0, vec![number("1")])])
        .await
        .unwrap_err();
    assert_eq!(error.class, Class::Fenced);
    assert_eq!(error.detail.condition, "position_moved");
}

#[tokio::test]
async fn dead_letters_are_kept_whole_in_every_mode_and_replaced_by_a_second_rejection() {
    for (name, mode) in [
        ("t_dead_append", Mode::Append),
        ("t_dead_small", Mode::Append),
        ("t_dead_upsert", Mode::Upsert),
    ] {
        let mut world = World::new(name, "CREATE TABLE o (id int PRIMARY KEY)").await;
        let sink = world.sink(world.settings(mode, "o"), "m").await;
        let mut writer = Writer::claim(&sink, &member(1)).await;
        writer
            .commit_with(&[put(0, vec![number("1")])], &[letter(1)])
            .await
            .unwrap();
        writer.commit_with(&[], &[letter(2)]).await.unwrap();
        writer.at = 3;
        let mut set = Writer::claim(&sink, &member(1)).await;
        assert_eq!(set.at, 3);
        set.commit_with(
            &[],
            &[DeadLetter {
                offset: 3,
                condition: "again".to_owned(),
                ..letter(3)
            }],
        )
        .await
        .unwrap();
        let all = format!(
            "SELECT kafka_offset, key, value, header_names, header_values, condition, sqlstate, \
             column_name, message, kafka_timestamp FROM {name}_state.dead_letters ORDER BY 1"
        );
        let rows = world.rows(&all).await;
        assert_eq!(rows.len(), 3);
        assert_eq!(
            rows[0],
            "1|\\x6b00|\\xff00|[\"h\",\"n\"]|[\"\\\\x01225c\",null]|decode|22P02|id|it said \u{fffd} \"x\"|2023-11-14T22:13:20.123+00:00"
        );
        let tp = tp();
        sink.set_position(&change(identity(), &tp, at(1), true, Duration::ZERO))
            .await
            .unwrap();
        let mut again = Writer::claim(&sink, &member(1)).await;
        let second = DeadLetter {
            condition: "second".to_owned(),
            ..letter(1)
        };
        again.commit_with(&[], &[second]).await.unwrap();
        assert!(world.rows(&all).await[0].contains("|second|"));
    }
}

#[tokio::test]
async fn upsert_keeps_the_last_record_of_each_key_as_the_database_sees_it() {
    let mut world = World::new(
        "t_upsert",
        "CREATE TABLE o (id uuid, n numeric, v text, d int DEFAULT 5, PRIMARY KEY (id, n))",
    )
    .await;
    let sink = world.sink(world.settings(Mode::Upsert, "o"), "m").await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    let low = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    let up = "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11";
    let all = "SELECT id, n::text, v, d FROM o ORDER BY n";
    writer
        .commit(&[
            put(0, vec![text(low), number("1"), text("first"), number("1")]),
            put(1, vec![text(up), number("1.0"), text("last"), A]),
            put(2, vec![text(up), number("2"), text("kept"), N]),
            put(3, vec![text(up), number("3"), text("gone"), N]),
            delete(4, vec![text(low), number("3.00"), A, A]),
        ])
        .await
        .unwrap();
    assert_eq!(
        world.rows(all).await,
        [format!("{low}|1.0|last|5"), format!("{low}|2|kept|NULL")]
    );
    let done = writer
        .commit(&[
            delete(5, vec![text(up), number("1.00"), A, A]),
            put(6, vec![text(up), number("2.0"), A, A]),
            delete(7, vec![text(up), number("9"), A, A]),
        ])
        .await
        .unwrap();
    assert_eq!(done.rows, 2);
    assert_eq!(world.rows(all).await, [format!("{low}|2.0|NULL|5")]);
}

#[tokio::test]
async fn keys_are_compared_as_their_columns_store_them() {
    // A rounded numeric, a padded text, a time, a domain, a collation without case.
    let mut world = World::new(
        "t_keys",
        "CREATE DOMAIN cents AS numeric(8,2); \
         CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
         CREATE TABLE o (c cents, s varchar(3), b char(3), t timestamp(0), i text COLLATE nocase, \
         v int, PRIMARY KEY (c, s, b, t, i))",
    )
    .await;
    let sink = world.sink(world.settings(Mode::Upsert, "o"), "m").await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    let key =
        |c, s, b, t, i, v: i64| vec![number(c), text(s), text(b), text(t), text(i), Cell::Int(v)];
    writer
        .commit(&[
            put(
                0,
                key("1.001", "abc", "x", "2024-01-01 00:00:00.2", "KEY", 0),
            ),
            put(1, key("1.00", "abc  ", "x  ", "2024-01-01", "key", 1)),
            put(2, key("2.004", "abc", "x", "2024-01-01", "key", 2)),
            delete(3, key("2", "abc ", "x", "2023-12-31 23:59:59.9", "Key", 0)),
        ])
        .await
        .unwrap();
    assert_eq!(
        world.one("SELECT c, s, b, i, v FROM o").await,
        "1.00|abc|x  |key|1"
    );
    // Too long for its column: refused, not cut.
    let bad = writer
        .commit(&[put(4, key("1", "abcd", "x", "2024-01-01", "k", 0))])
        .await
        .unwrap_err();
    assert_eq!(
        (bad.class, bad.detail.column.as_deref()),
        (Class::Rejected, Some("s")),
        "{bad}"
    );
    assert_eq!(world.one("SELECT count(*) FROM o").await, "1");
}

#[tokio::test]
async fn keep_merges_field_by_field_and_starts_afresh_at_a_tombstone() {
    let mut world = World::new(
        "t_keep",
        "CREATE EXTENSION IF NOT EXISTS citext SCHEMA public; \
         CREATE TABLE o (id citext PRIMARY KEY, a int DEFAULT 1, b text, c int[])",
    )
    .await;
    let mut settings = world.settings(Mode::Upsert, "o");
    settings.tables[0].settings.missing = Missing::Keep;
    let sink = world.sink(settings, "m").await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    let all = "SELECT id, a, b, c::text FROM o ORDER BY id";
    writer
        .commit(&[
            put(0, vec![text("x"), number("10"), A, Cell::Json("[1,2]")]),
            put(1, vec![text("X"), A, text("b1"), A]),
            put(2, vec![text("y"), number("20"), text("b2"), A]),
            delete(3, vec![text("Y"), A, A, A]),
            put(4, vec![text("y"), A, text("b3"), A]),
            put(5, vec![text("z"), number("30"), A, A]),
            delete(6, vec![text("z"), A, A, A]),
        ])
        .await
        .unwrap();
    assert_eq!(world.rows(all).await, ["X|10|b1|{1,2}", "y|1|b3|NULL"]);
    writer
        .commit(&[
            put(7, vec![text("x"), N, A, A]),
            put(8, vec![text("y"), number("21"), A, A]),
            put(9, vec![text("w"), A, A, A]),
        ])
        .await
        .unwrap();
    assert_eq!(
        world.rows(all).await,
        ["w|1|NULL|NULL", "x|NULL|b1|{1,2}", "y|21|b3|NULL"]
    );
}

#[tokio::test]
async fn two_merging_writers_lose_no_field_of_a_new_key() {
    let mut world = World::new(
        "t_merge_race",
        "CREATE TABLE o (id int PRIMARY KEY, a int, b int)",
    )
    .await;
    let mut settings = world.settings(Mode::Upsert, "o");
    settings.tables[0].settings.missing = Missing::Keep;
    let sink = world.sink(settings, "m").await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    // Another session has inserted the key and not committed: the writer's
    // statement does not see the row, waits for it, and then must merge.
    world.run("BEGIN; INSERT INTO o VALUES (1, 1, NULL)").await;
    let records = [put(0, vec![number("1"), A, number("2")])];
    let commit = writer.commit(&records);
    let release = async {
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                     AND application_name = 'plimsoll/t_merge_race/m'";
        while world.one(waits).await == "0" {
            tokio::time::sleep(Duration::from_millis(10)).await;
            world.run("SELECT pg_stat_clear_snapshot()").await;
        }
        world.run("COMMIT").await;
    };
    let (done, ()) = tokio::join!(commit, release);
    done.unwrap();
    assert_eq!(world.rows("SELECT * FROM o").await, ["1|1|2"]);
}

#[tokio::test]
async fn log_makes_its_table_counts_equal_rows_and_halts_at_different_ones() {
    let mut world = World::new("t_log", "").await;
    let mut settings = world.settings(Mode::Log, "\"log_{topic}\"");
    settings.tables[0].settings.table = "t_log.\"Log {topic}\"".to_owned();
    let sink = world.sink(settings, "m").await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    let event = |offset, json| {
        put(
            offset,
            vec![
                text("orders"),
                Cell::Int(0),
                Cell::Int(offset),
                Cell::Json(json),
            ],
        )
    };
    writer
        .commit(&[event(0, "{\"a\": 1.50}"), event(1, "null"), event(2, "[1]")])
        .await
        .unwrap();
    let force = |to| {
        let sink = &sink;
        async move {
            sink.set_position(&change(identity(), &tp(), at(to), true, Duration::ZERO))
                .await
        }
    };
    force(1).await.unwrap();
    let mut again = Writer::claim(&sink, &member(1)).await;
    let done = again
        .commit(&[event(1, "null"), event(2, "[ 1 ]"), event(3, "3")])
        .await
        .unwrap();
    assert_eq!((done.rows, done.already_there), (1, 2));
    assert_eq!(
        world
            .rows("SELECT kafka_offset, event_data::text FROM \"Log orders\" ORDER BY 1")
            .await,
        ["0|{\"a\": 1.50}", "1|null", "2|[1]", "3|3"]
    );
    force(2).await.unwrap();
    let mut other = Writer::claim(&sink, &member(1)).await;
    let error = other
        .commit(&[event(2, "[2]"), event(4, "4")])
        .await
        .unwrap_err();
    assert_eq!(error.class, Class::Halt, "{error}");
    assert!(
        error.detail.condition.contains("orders[0] offset 2"),
        "{error}"
    );
    assert_eq!(
        world
            .one("SELECT next_offset FROM t_log_state.positions")
            .await,
        "2"
    );
    assert_eq!(world.one("SELECT count(*) FROM \"Log orders\"").await, "4");
}

#[tokio::test]
async fn a_check_plans_for_a_log_table_that_it_does_not_make() {
    let mut world = World::new("t_log_check", "").await;
    let open = || world.sink(world.settings(Mode::Log, "log_{topic}"), "m");
    let check = open().await.read_only();
    let writer = Writer::claim(&check, &member(1)).await;
    let names: Vec<_> = writer
        .table
        .table
        .columns
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "kafka_topic",
            "kafka_partition",
            "kafka_offset",
            "event_data"
        ]
    );
    let record = put(
        0,
        vec![text("orders"), Cell::Int(0), Cell::Int(0), Cell::Json("{}")],
    );
    assert_eq!(
        writer
            .dry_run(std::slice::from_ref(&record))
            .await
            .unwrap()
            .rows,
        1
    );
    assert!(
        check
            .missing_privileges("orders", None)
            .await
            .unwrap()
            .is_empty()
    );
    // Two members of the service make it at the same moment.
    let (first, second) = (open().await, open().await);
    let absent = "SELECT to_regclass('t_log_check.log_orders') IS NULL";
    assert_eq!(world.one(absent).await, "true");
    let (x, y) = tokio::join!(first.prepare("orders"), second.prepare("orders"));
    assert_eq!(x.unwrap().table, y.unwrap().table);
    let mut writer = Writer::claim(&first, &member(1)).await;
    writer.commit(&[record]).await.unwrap();
    assert_eq!(world.one("SELECT event_data FROM log_orders").await, "{}");
}

#[tokio::test]
async fn two_partitions_with_the_same_keys_do_not_deadlock() {
    let mut world = World::new("t_deadlock", "CREATE TABLE o (id int PRIMARY KEY, v int)").await;
    let sink = world.sink(world.settings(Mode::Upsert, "o"), "m").await;
    let start = NewPosition {
        tp: TopicPartition::new("orders", 1),
        position: at(0),
        topic_id: None,
        high_watermark: plimsoll_protocol::Position::ZERO,
    };
    sink.settle(&identity(), StartRule::FirstRecord, &[start])
        .await
        .unwrap();
    let run = async |partition: i32| {
        let mut writer = Writer::claim_partition(&sink, &member(1), partition).await;
        for round in 0..20_i64 {
            let key = |i: i64| if partition == 0 { i } else { 999 - i };
            let records: Vec<_> = (0..1000)
                .map(|i| put(round * 1000 + i, vec![Cell::Int(key(i)), Cell::Int(round)]))
                .collect();
            writer.commit(&records).await.unwrap();
        }
    };
    tokio::join!(run(0), run(1));
    assert_eq!(
        world.one("SELECT count(*), min(v), max(v) FROM o").await,
        "1000|19|19"
    );
}

#[tokio::test]
async fn a_tombstone_in_append_mode_is_a_bad_record() {
    let mut world = World::new("t_tombstone", "CREATE TABLE o (id int)").await;
    let sink = world.sink(world.settings(Mode::Append, "o"), "m").await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    let error = writer
        .commit(&[put(0, vec![number("1")]), delete(1, vec![N])])
        .await
        .unwrap_err();
    assert_eq!(error.class, Class::Rejected);
    assert_eq!(world.one("SELECT count(*) FROM o").await, "0");
}

#[tokio::test]
async fn another_unique_key_of_a_log_table_rejects_the_record() {
    let mut world = World::new("t_log_other", "").await;
    let mut settings = world.settings(Mode::Log, "log");
    columns(&mut settings, &[("id", "value.id")]);
    world
        .run(
            "CREATE TABLE log (kafka_topic varchar(255), kafka_partition int, kafka_offset bigint, \
             event_data jsonb, id int UNIQUE, PRIMARY KEY (kafka_topic, kafka_partition, kafka_offset))",
        )
        .await;
    let sink = world.sink(settings, "m").await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    let event = |offset| {
        put(
            offset,
            vec![
                text("orders"),
                Cell::Int(0),
                Cell::Int(offset),
                N,
                number("7"),
            ],
        )
    };
    let error = writer.commit(&[event(0), event(1)]).await.unwrap_err();
    assert_eq!(error.class, Class::Rejected, "{error}");
    assert_eq!(world.one("SELECT count(*) FROM log").await, "0");
}

/// SQLSTATE, cells, condition, column and constraint.
type Case = (
    &'static str,
    Vec<Cell<'static>>,
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
);

#[tokio::test]
async fn a_bad_record_names_condition_and_column_and_hides_its_value() {
    for (name, mode) in [
        ("t_bad_append", Mode::Append),
        ("t_bad_small", Mode::Append),
        ("t_bad_upsert", Mode::Upsert),
    ] {
        let mut world = World::new(
            name,
            "CREATE DOMAIN short AS varchar(3) CHECK (VALUE <> 'no'); \
             CREATE TABLE o (id int PRIMARY KEY, n smallint, s varchar(4), d short, e int NOT NULL DEFAULT 0, \
             CONSTRAINT small CHECK (n < 100))",
        )
        .await;
        let sink = world.sink(world.settings(mode, "o"), "m").await;
        let mut writer = Writer::claim(&sink, &member(1)).await;
        let cases: [Case; 8] = [
            (
                "22P02",
                vec![number("1"), text("hunter2"), N, N, A],
                "invalid_text_representation",
                Some("n"),
                None,
            ),
            (
                "22003",
                vec![number("1"), number("99999"), N, N, A],
                "numeric_value_out_of_range",
                Some("n"),
                None,
            ),
            (
                "22001",
                vec![number("1"), N, text("hunter2"), N, A],
                "string_data_right_truncation",
                Some("s"),
                None,
            ),
            (
                "22001",
                vec![number("1"), N, N, text("hunter2"), A],
                "string_data_right_truncation",
                Some("d"),
                None,
            ),
            (
                "23514",
                vec![number("1"), N, N, text("no"), A],
                "check_violation",
                Some("d"),
                Some("short_check"),
            ),
            (
                "23514",
                vec![number("1"), number("100"), N, N, A],
                "check_violation",
                None,
                Some("small"),
            ),
            (
                "23502",
                vec![number("1"), N, N, N, N],
                "not_null_violation",
                Some("e"),
                None,
            ),
            (
                "22021",
                vec![number("1"), N, text("a\0b"), N, A],
                "character_not_in_repertoire",
                None,
                None,
            ),
        ];
        for (code, cells, condition, column, constraint) in cases {
            let error = writer.commit(&[put(0, cells)]).await.unwrap_err();
            let d = &error.detail;
            assert_eq!(error.class, Class::Rejected, "{mode:?} {error}");
            assert_eq!(
                (d.code.as_deref(), d.condition.as_str()),
                (Some(code), condition)
            );
            if code != "22021" {
                assert_eq!(d.column.as_deref(), column, "{mode:?} {error}");
            }
            assert_eq!(d.constraint.as_deref(), constraint, "{mode:?} {error}");
            assert!(!d.text.reveal().is_empty());
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        writer
            .commit(&[put(0, vec![number("1"), N, N, N, A])])
            .await
            .unwrap();
        assert_eq!(world.one("SELECT id, e FROM o").await, "1|0");
    }
}

#[tokio::test]
async fn a_deferred_constraint_that_fails_at_commit_rejects_and_writes_nothing() {
    for (name, mode) in [
        ("t_defer_append", Mode::Append),
        ("t_defer_small", Mode::Append),
        ("t_defer_upsert", Mode::Upsert),
    ] {
        let mut world = World::new(
            name,
            "CREATE TABLE p (id int PRIMARY KEY); \
             CREATE TABLE o (id int PRIMARY KEY, p int REFERENCES p DEFERRABLE INITIALLY DEFERRED)",
        )
        .await;
        let sink = world.sink(world.settings(mode, "o"), "m").await;
        let mut writer = Writer::claim(&sink, &member(1)).await;
        let records = [put(0, vec![number("1"), number("7")])];
        let tried = writer.dry_run(&records).await.unwrap_err();
        assert_eq!(tried.detail.condition, "foreign_key_violation");
        let error = writer.commit(&records).await.unwrap_err();
        assert_eq!(
            (error.class, error.detail.constraint.as_deref()),
            (Class::Rejected, Some("o_p_fkey"))
        );
        let positions = format!("SELECT next_offset FROM {name}_state.positions");
        assert_eq!(world.one(&positions).await, "0");
        world.run("INSERT INTO p VALUES (7)").await;
        assert_eq!(writer.dry_run(&records).await.unwrap().rows, 1);
        assert_eq!(
            world.one("SELECT count(*) FROM o").await,
            "0",
            "a dry run left rows"
        );
        writer.commit(&records).await.unwrap();
        assert_eq!(world.one("SELECT * FROM o").await, "1|7");
    }
}

#[tokio::test]
async fn keys_made_equal_by_a_trigger_are_told_apart_by_bisection() {
    let mut world = World::new(
        "t_trigger",
        "CREATE TABLE o (id text PRIMARY KEY); \
         CREATE FUNCTION low() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id = lower(NEW.id); RETURN NEW; END $$; \
         CREATE TRIGGER low BEFORE INSERT ON o FOR EACH ROW EXECUTE FUNCTION low()",
    )
    .await;
    world.run("ALTER TABLE o ADD v int").await;
    let sink = world.sink(world.settings(Mode::Upsert, "o"), "m").await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    let (one, two) = (
        put(0, vec![text("A"), number("1")]),
        put(1, vec![text("a"), number("2")]),
    );
    let error = writer
        .commit(&[one.clone(), two.clone()])
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.detail.code.as_deref()),
        (Class::Rejected, Some("21000"))
    );
    writer.commit(&[one]).await.unwrap();
    writer.commit(&[two]).await.unwrap();
    assert_eq!(world.one("SELECT * FROM o").await, "a|2");
}

#[tokio::test]
async fn a_changed_table_is_stale_and_a_new_plan_takes_it_up() {
    let mut world = World::new("t_stale", "CREATE TABLE o (id int PRIMARY KEY, v int)").await;
    for mode in [Mode::Append, Mode::Upsert] {
        let sink = world.sink(world.settings(mode, "o"), "m").await;
        let mut writer = Writer::claim(&sink, &member(1)).await;
        let next = writer.at;
        let unchanged = sink.prepare("orders").await.unwrap();
        assert!(std::sync::Arc::ptr_eq(&unchanged, &writer.table));
        writer
            .commit(&[put(next, vec![Cell::Int(next), number("1")])])
            .await
            .unwrap();
        world.run("ALTER TABLE o RENAME v TO w").await;
        let error = writer
            .commit(&[put(next + 1, vec![Cell::Int(next + 1), number("1")])])
            .await
            .unwrap_err();
        assert_eq!(
            (error.class, error.detail.code.as_deref()),
            (Class::Suspect, Some("42703")),
            "{error}"
        );
        writer.table = sink.prepare("orders").await.unwrap();
        writer
            .commit(&[put(next + 1, vec![Cell::Int(next + 1), number("2")])])
            .await
            .unwrap();
        world.run("ALTER TABLE o ALTER w TYPE bigint").await;
        // A cached plan or an old one: either way nothing is lost.
        if let Err(error) = writer
            .commit(&[put(next + 2, vec![Cell::Int(next + 2), number("3")])])
            .await
        {
            assert!(
                matches!(error.class, Class::Stale | Class::Suspect),
                "{error}"
            );
        }
        world
            .run("ALTER TABLE o ALTER w TYPE int; ALTER TABLE o RENAME w TO v")
            .await;
    }
}

#[tokio::test]
async fn a_type_that_refuses_a_value_in_its_own_way_is_suspect_and_its_column_is_named() {
    let mut world = World::new(
        "t_small_own_way",
        "CREATE EXTENSION IF NOT EXISTS hstore SCHEMA public; \
         CREATE TABLE o (id int PRIMARY KEY, h hstore, w tsvector)",
    )
    .await;
    let good = || vec![number("1"), text("a=>1"), text("a cat")];
    let bad = [(1, text("a=>")), (2, text("'a cat"))];
    for (column, value) in bad {
        for mode in [Mode::Append, Mode::Upsert] {
            let sink = world.sink(world.settings(mode, "o"), "m").await;
            let mut writer = Writer::claim(&sink, &member(1)).await;
            let mut cells = good();
            cells[column] = value;
            let error = writer.commit(&[put(0, cells)]).await.unwrap_err();
            assert_eq!(error.class, Class::Suspect, "{error}");
            let named = error.detail.column.clone();
            assert_eq!(named.as_deref(), [None, Some("h"), Some("w")][column]);
        }
    }
    assert_eq!(world.one("SELECT count(*) FROM o").await, "0");
}

#[tokio::test]
async fn the_servers_words_are_shown_where_they_can_hold_no_value() {
    let mut world = World::new(
        "t_small_words",
        "CREATE TABLE o (id int PRIMARY KEY, r regclass, n int)",
    )
    .await;
    let sink = world.sink(world.settings(Mode::Append, "o"), "m").await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    let row = |r, n| put(0, vec![number("1"), text(r), n]);
    let secret = writer.commit(&[row("secret", number("1"))]).await;
    let error = secret.unwrap_err();
    assert_eq!(error.detail.code.as_deref(), Some("42P01"));
    assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    assert!(error.detail.text.reveal().contains("secret"));
    let secret = writer.commit(&[row("o", text("secret"))]).await;
    assert!(!secret.unwrap_err().to_string().contains("secret"));
    world.run("ALTER TABLE o RENAME n TO m").await;
    let gone = writer.commit(&[row("o", number("1"))]).await;
    let said = gone.unwrap_err().to_string();
    let words = "undefined_column (SQLSTATE 42703): column \"n\" of relation \"o\" does not exist";
    assert!(said.starts_with(words), "{said}");
}

#[tokio::test]
async fn asking_whether_rows_are_taken_writes_none_and_moves_nothing() {
    let mut world = World::new("t_small_takes", "CREATE TABLE o (id int PRIMARY KEY)").await;
    for mode in [Mode::Append, Mode::Upsert] {
        let sink = world.sink(world.settings(mode, "o"), "m").await;
        let writer = Writer::claim(&sink, &member(1)).await;
        writer.takes(&[put(0, vec![number("1")])]).await.unwrap();
        let refused = writer.takes(&[put(0, vec![text("one")])]).await;
        assert_eq!(refused.unwrap_err().class, Class::Rejected);
        assert_eq!(world.one("SELECT count(*) FROM o").await, "0");
        let stands = "SELECT next_offset FROM t_small_takes_state.positions";
        assert_eq!(world.one(stands).await, "0");
    }
}

/// Table, mode, key columns, columns, and words of the error.
type Prepare = (
    &'static str,
    Mode,
    &'static [&'static str],
    &'static [(&'static str, &'static str)],
    &'static str,
);

#[tokio::test]
async fn errors_in_preparing_say_what_to_do() {
    let mut world = World::new(
        "t_prepare",
        "CREATE TABLE nokey (id int, v int); CREATE VIEW view AS SELECT 1 AS id; \
         CREATE TABLE gen (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v int); \
         CREATE TABLE late (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED); \
         CREATE TABLE part (id int, v int); CREATE UNIQUE INDEX ON part (id) WHERE v > 0; \
         CREATE TABLE log (kafka_topic text, kafka_partition int, kafka_offset int8, event_data jsonb)",
    )
    .await;
    world.run("SELECT 1").await;
    let cases: [Prepare; 10] = [
        (
            "nowhere",
            Mode::Append,
            &[],
            &[],
            "table \"t_prepare.nowhere\" does not exist",
        ),
        (
            "nokeys",
            Mode::Append,
            &[],
            &[],
            "table \"t_prepare.nokeys\" does not exist; hint: did you mean \"t_prepare.nokey\"?",
        ),
        (
            "view",
            Mode::Append,
            &[],
            &[],
            "\"t_prepare.view\" is a view; hint: name the table below it",
        ),
        ("nokey", Mode::Upsert, &[], &[], "has no primary key"),
        (
            "nokey",
            Mode::Upsert,
            &["id"],
            &[],
            "has no unique index over exactly (\"id\")",
        ),
        (
            "part",
            Mode::Upsert,
            &["id"],
            &[],
            "has no unique index over exactly (\"id\")",
        ),
        (
            "gen",
            Mode::Upsert,
            &[],
            &[],
            "key column \"id\" of table \"t_prepare.gen\" is generated and cannot be written",
        ),
        ("late", Mode::Upsert, &[], &[], "deferrable key"),
        (
            "nokey",
            Mode::Append,
            &[],
            &[("idd", "value.x")],
            "column \"idd\" is not in table \"t_prepare.nokey\"; hint: did you mean \"id\"?",
        ),
        (
            "log",
            Mode::Log,
            &[],
            &[],
            "has no primary key over kafka_topic",
        ),
    ];
    for (table, mode, keys, named, words) in cases {
        let mut settings = world.settings(mode, table);
        settings.tables[0].settings.key_columns = keys.iter().map(|k| (*k).to_owned()).collect();
        columns(&mut settings, named);
        let sink = world.sink(settings, "m").await;
        let error = sink.prepare("orders").await.unwrap_err();
        assert_eq!(error.class, Class::Halt);
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.detail.hint.is_some(), "{error}");
    }
}
