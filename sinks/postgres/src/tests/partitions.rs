//! Partitions that are made when a row needs them.

use super::world::*;
use crate::{PostgresSettings, PostgresSink};
use plimsoll_protocol::{Claim, Class};
use plimsoll_sink_api::{
    Cell, Committed, Inspect, Mode, Period, PositionChange, Positions, Sink, SinkError, TableChange,
};
use std::time::Duration;

const APPEND: &str = "CREATE TABLE t (id int, at timestamptz) PARTITION BY RANGE (at)";

const LOG: &str = "CREATE TABLE t (kafka_topic varchar(255), kafka_partition int, \
                   kafka_offset bigint, event_data jsonb, at timestamptz DEFAULT now(), \
                   PRIMARY KEY (kafka_topic, kafka_partition, kafka_offset, at)) \
                   PARTITION BY RANGE (at)";

fn by(world: &World, mode: Mode, period: Period) -> PostgresSettings {
    let mut settings = world.settings(mode, "t");
    settings.tables[0].settings.create_partitions = Some(period);
    settings
}

fn row(offset: i64, at: &'static str) -> Record {
    put(offset, vec![Cell::Int(offset), text(at)])
}

/// Names and bounds of the partitions of `t`, in their order.
async fn partitions(world: &mut World) -> Vec<String> {
    world.run("SET TimeZone = 'UTC'").await;
    let query = "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits AS i \
                 JOIN pg_class AS c ON c.oid = i.inhrelid \
                 WHERE i.inhparent = 't'::regclass ORDER BY 1";
    world.rows(query).await
}

async fn names(world: &mut World) -> Vec<String> {
    let name = |line: String| line.split('|').next().unwrap_or_default().to_owned();
    partitions(world).await.into_iter().map(name).collect()
}

/// What the refusal of a batch asks for.
fn lacks(refused: Result<Committed, SinkError>) -> TableChange {
    let error = refused.expect_err("no partition takes it");
    error
        .detail
        .lacks
        .clone()
        .unwrap_or_else(|| panic!("{error}"))
}

async fn change(sink: &PostgresSink, claim: Claim, change: &TableChange) -> Result<(), SinkError> {
    sink.change_table(&tp(), claim, change).await
}

/// Commits, and makes what is lacking, once.
async fn commit(writer: &mut Writer<'_>, records: &[Record]) -> Result<Committed, SinkError> {
    let refused = match writer.commit(records).await {
        Err(error) if error.detail.lacks.is_some() => Err(error),
        other => return other,
    };
    change(writer.sink, writer.claim, &lacks(refused)).await?;
    writer.table = writer.sink.prepare("orders").await?;
    writer.commit(records).await
}

#[tokio::test]
async fn partitions_are_of_utc_and_half_open_whatever_tells_the_time() {
    for (n, period, typ, value, made) in [
        (
            0,
            Period::Hour,
            "timestamptz",
            "2024-02-29T23:30:00-01:00",
            "t_p2024030100|FOR VALUES FROM ('2024-03-01 00:00:00+00') TO ('2024-03-01 01:00:00+00')",
        ),
        (
            1,
            Period::Day,
            "timestamptz",
            "2024-02-29T23:59:59.999999Z",
            "t_p20240229|FOR VALUES FROM ('2024-02-29 00:00:00+00') TO ('2024-03-01 00:00:00+00')",
        ),
        (
            2,
            Period::Day,
            "timestamp",
            "2024-02-29T00:00:00",
            "t_p20240229|FOR VALUES FROM ('2024-02-29 00:00:00') TO ('2024-03-01 00:00:00')",
        ),
        (
            3,
            Period::Day,
            "date",
            "2024-02-29",
            "t_p20240229|FOR VALUES FROM ('2024-02-29') TO ('2024-03-01')",
        ),
        (
            4,
            Period::Week,
            "date",
            "2027-01-02",
            "t_p2026w53|FOR VALUES FROM ('2026-12-28') TO ('2027-01-04')",
        ),
        (
            5,
            Period::Month,
            "timestamp(0)",
            "2023-12-31T23:59:59.7",
            "t_p202401|FOR VALUES FROM ('2024-01-01 00:00:00') TO ('2024-02-01 00:00:00')",
        ),
        (
            6,
            Period::Month,
            "timestamptz",
            "1969-12-31T23:59:59Z",
            "t_p196912|FOR VALUES FROM ('1969-12-01 00:00:00+00') TO ('1970-01-01 00:00:00+00')",
        ),
    ] {
        let name = ["pt_utc", "pt_utc_small"][n % 2];
        let table = format!("CREATE TABLE t (id int, at {typ}) PARTITION BY RANGE (at)");
        let mut world = World::new(name, &table).await;
        let mut settings = by(&world, Mode::Append, period);
        // The bounds are those of UTC wherever the session is.
        settings.url = plimsoll_sink_api::Secret::new(format!(
            "{}?options=-c%20TimeZone%3DAsia/Kathmandu%20-c%20DateStyle%3DGerman",
            url()
        ));
        let sink = world.sink(settings, "m").await;
        let mut writer = Writer::claim(&sink, &member(1)).await;
        let committed = commit(&mut writer, &[row(0, value)]).await.expect(value);
        assert_eq!(committed.rows, 1);
        assert_eq!(partitions(&mut world).await, [made], "{value}");
        // There it is.
        commit(&mut writer, &[row(1, value)]).await.expect("again");
        assert_eq!(partitions(&mut world).await.len(), 1);
    }
}

#[tokio::test]
async fn all_that_a_batch_needs_is_made_at_once_and_two_years_of_days_pass() {
    let mut world = World::new("pt_all", APPEND).await;
    let sink = world.sink(by(&world, Mode::Append, Period::Day), "m").await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    let day = |n: i64| -> &'static str { at_utc(1_640_995_200 + n * 86_400).leak() };
    let records: Vec<Record> = (0..730).map(|n| row(n, day(n * 7 % 730))).collect();
    let committed = commit(&mut writer, &records)
        .await
        .expect("one change is enough");
    assert_eq!(committed.rows, 730);
    assert_eq!(partitions(&mut world).await.len(), 730);
    // More than that at once are no history.
    let records: Vec<Record> = (730..1731).map(|n| row(n, day(-n))).collect();
    let error = commit(&mut writer, &records).await.expect_err("too many");
    assert_eq!(error.class, Class::Halt, "{error}");
    assert!(error.to_string().contains("1001 new partitions"), "{error}");
    assert_eq!(partitions(&mut world).await.len(), 730);
}

/// Seconds since 1970 as a text.
fn at_utc(seconds: i64) -> String {
    let days = seconds.div_euclid(86_400);
    // Howard Hinnant's days from civil, the other way round.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (d, m) = (
        doy - (153 * mp + 2) / 5 + 1,
        if mp < 10 { mp + 3 } else { mp - 9 },
    );
    let y = yoe + era * 400 + i64::from(m <= 2);
    format!("{y:04}-{m:02}-{d:02}T12:00:00Z")
}

#[tokio::test]
async fn a_default_tells_the_partition_where_no_field_does() {
    let mut world = World::new(
        "pt_default",
        "CREATE TABLE t (id int, at timestamptz DEFAULT now()) PARTITION BY RANGE (at)",
    )
    .await;
    for (left_out, absent) in [(false, true), (true, false)] {
        let mut settings = by(&world, Mode::Append, Period::Month);
        if left_out {
            settings.tables[0].settings.pairs =
                plimsoll_sink_api::Pairs::Only(vec!["id".to_owned()]);
        }
        let sink = world.sink(settings, "m").await;
        let mut writer = Writer::claim(&sink, &member(1)).await;
        let mut cells = vec![Cell::Int(1)];
        if absent {
            cells.push(Cell::Absent);
        }
        let at = writer.at;
        commit(&mut writer, &[put(at, cells)]).await.expect("now");
        let name = world
            .text("SELECT to_char(now() AT TIME ZONE 'UTC', '\"t_p\"YYYYMM')")
            .await;
        assert_eq!(names(&mut world).await, std::slice::from_ref(&name));
        world.run(&format!("DROP TABLE {name}")).await;
    }
}

#[tokio::test]
async fn a_time_that_is_none_makes_no_partition_and_its_record_is_bad() {
    let mut world = World::new("pt_bad", APPEND).await;
    let sink = world.sink(by(&world, Mode::Append, Period::Day), "m").await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    for (value, condition) in [
        (text("9999-12-31T23:59:59Z"), "partition_too_far_ahead"),
        (text("infinity"), "partition_too_far_ahead"),
        (text("294276-12-31T23:59:59Z"), "partition_too_far_ahead"),
        (text("-infinity"), "partition_too_early"),
        (text("0044-03-15 BC"), "partition_too_early"),
        (Cell::Null, "partition_key_is_null"),
    ] {
        let bad = put(1, vec![Cell::Int(1), value]);
        let error = commit(&mut writer, std::slice::from_ref(&bad))
            .await
            .expect_err(condition);
        assert_eq!(error.class, Class::Rejected, "{error}");
        assert_eq!(error.detail.condition, condition);
        assert_eq!(error.detail.column.as_deref(), Some("at"));
        assert!(error.detail.hint.is_some(), "{error}");
        assert_eq!(names(&mut world).await, Vec::<String>::new());
        // Beside a good one that one has its partition first: then it alone is refused.
        let both = [row(0, "2024-02-29Z"), bad];
        let error = commit(&mut writer, &both).await.expect_err(condition);
        assert_eq!(error.detail.condition, condition);
        assert_eq!(names(&mut world).await, ["t_p20240229"]);
        world.run("DROP TABLE t_p20240229").await;
    }
    // A value that is no time at all is what it always was.
    let error = commit(&mut writer, &[row(0, "2024-02-29Z"), row(1, "yesteryear")]).await;
    let error = error.expect_err("no time");
    assert_eq!((error.class, error.detail.lacks), (Class::Rejected, None));
}

/// All that tells two partitions apart but their names and bounds.
async fn told(world: &mut World, name: &str) -> Vec<String> {
    let of = format!("'{name}'::regclass");
    let mut all = Vec::new();
    for query in [
        format!(
            "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, \
             a.attgenerated, a.attstorage, a.attislocal, a.attinhcount, pg_get_expr(d.adbin, d.adrelid) \
             FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum) \
             WHERE a.attrelid = {of} AND a.attnum > 0 ORDER BY a.attnum"
        ),
        format!(
            "SELECT replace(pg_get_indexdef(i.indexrelid), '{name}', '@'), i.indisprimary, i.indisvalid, \
             EXISTS (SELECT FROM pg_inherits WHERE inhrelid = i.indexrelid) AS attached \
             FROM pg_index AS i WHERE i.indrelid = {of} ORDER BY 1"
        ),
        format!(
            "SELECT replace(conname, '{name}', '@'), contype, pg_get_constraintdef(oid), conislocal, \
             coninhcount FROM pg_constraint WHERE conrelid = {of} ORDER BY 1"
        ),
        format!(
            "SELECT tgname, tgenabled, tgisinternal FROM pg_trigger WHERE tgrelid = {of} \
             AND NOT tgisinternal ORDER BY 1"
        ),
        format!(
            "SELECT relowner::regrole, relacl, reltablespace, relam, relpersistence, relrowsecurity, \
             reloptions FROM pg_class WHERE oid = {of}"
        ),
        format!("SELECT count(*) FROM pg_statistic_ext WHERE stxrelid = {of}"),
        format!("SELECT count(*) FROM pg_description WHERE objoid = {of}"),
    ] {
        all.extend(world.rows(&query).await);
    }
    all
}

#[tokio::test]
async fn a_partition_is_what_partition_of_would_have_made() {
    let mut world = World::new(
        "pt_like",
        "CREATE TABLE other (n int PRIMARY KEY); INSERT INTO other VALUES (1);
         CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN NEW.touched := true; RETURN NEW; END';
         CREATE TABLE t (id int NOT NULL DEFAULT 7 CHECK (id < 1000), at timestamptz,
             twice int GENERATED ALWAYS AS (id * 2) STORED, note varchar(5) COLLATE \"C\",
             one int DEFAULT 1 REFERENCES other, touched bool, PRIMARY KEY (id, at),
             CONSTRAINT named CHECK (note <> 'x')) PARTITION BY RANGE (at);
         ALTER TABLE t ALTER note SET STORAGE EXTERNAL;
         CREATE INDEX by_note ON t (note DESC) WHERE id > 1;
         CREATE UNIQUE INDEX ON t (at, note);
         CREATE STATISTICS of_t ON id, note FROM t;
         CREATE TRIGGER touch BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION touched();
         COMMENT ON TABLE t IS 'of mine'; COMMENT ON COLUMN t.id IS 'its own';
         CREATE TABLE t_p20240228 PARTITION OF t
             FOR VALUES FROM ('2024-02-28 00:00+00') TO ('2024-02-29 00:00+00')",
    )
    .await;
    let sink = world.sink(by(&world, Mode::Append, Period::Day), "m").await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    let cells = vec![
        Cell::Int(3),
        text("2024-02-29Z"),
        text("a"),
        Cell::Absent,
        Cell::Absent,
    ];
    commit(&mut writer, &[put(0, cells)]).await.expect("a row");
    let by_hand = told(&mut world, "t_p20240228").await;
    let made = told(&mut world, "t_p20240229").await;
    assert_eq!(made, by_hand);
    let row = "SELECT id, twice, note, one, touched FROM t_p20240229";
    assert_eq!(world.rows(row).await, ["3|6|a|1|true"]);
}

#[tokio::test]
async fn an_identity_column_counts_on_over_partitions() {
    let mut world = World::new(
        "pt_identity",
        "CREATE TABLE t (seq bigint GENERATED ALWAYS AS IDENTITY, id int, at timestamptz) \
         PARTITION BY RANGE (at)",
    )
    .await;
    let sink = world.sink(by(&world, Mode::Append, Period::Day), "m").await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    let records = [
        row(0, "2024-02-28Z"),
        row(1, "2024-02-29Z"),
        row(2, "2024-02-28Z"),
    ];
    commit(&mut writer, &records).await.expect("rows");
    let seen = world
        .rows("SELECT count(DISTINCT seq), count(seq) FROM t")
        .await;
    assert_eq!(seen, ["3|3"]);
}

#[tokio::test]
async fn two_instances_at_once_make_each_partition_once() {
    let mut world = World::new("pt_race", APPEND).await;
    let settings = || by(&world, Mode::Append, Period::Day);
    let one = world.sink(settings(), "one").await;
    let other = world.sink(settings(), "other").await;
    let start = plimsoll_sink_api::NewPosition {
        tp: plimsoll_protocol::TopicPartition::new("orders", 1),
        position: at(0),
        topic_id: None,
        high_watermark: at(0),
    };
    let rule = plimsoll_protocol::StartRule::FirstRecord;
    one.settle(&identity(), rule, &[start]).await.unwrap();
    let mut a = Writer::claim(&one, &member(1)).await;
    let mut b = Writer::claim_partition(&other, &member(2), 1).await;
    for n in 0..8_i64 {
        let day = |n: i64| -> &'static str { at_utc(1_700_000_000 + n * 86_400).leak() };
        let records = [row(2 * n, day(2 * n)), row(2 * n + 1, day(2 * n + 1))];
        let (of_a, of_b) = (
            lacks(a.commit(&records).await),
            lacks(b.commit(&records).await),
        );
        assert_eq!(of_a, of_b);
        let b_tp = plimsoll_protocol::TopicPartition::new("orders", 1);
        let a_tp = tp();
        let (made_a, made_b) = tokio::join!(
            one.change_table(&a_tp, a.claim, &of_a),
            other.change_table(&b_tp, b.claim, &of_b)
        );
        for error in [made_a.err(), made_b.err()].into_iter().flatten() {
            assert_eq!(error.class, Class::Transient, "{error}");
        }
        a.table = one.prepare("orders").await.unwrap();
        b.table = other.prepare("orders").await.unwrap();
        a.commit(&records).await.expect("there");
        b.commit(&records).await.expect("there, too");
    }
    assert_eq!(partitions(&mut world).await.len(), 16);
}

#[tokio::test]
async fn who_was_overtaken_makes_no_partition() {
    let mut world = World::new("pt_zombie", APPEND).await;
    let sink = world.sink(by(&world, Mode::Append, Period::Day), "m").await;
    let mut zombie = Writer::claim(&sink, &member(1)).await;
    let asked = lacks(zombie.commit(&[row(0, "2024-02-29Z")]).await);
    let _owner = Writer::claim(&sink, &member(2)).await;
    let error = change(&sink, zombie.claim, &asked)
        .await
        .expect_err("fenced");
    assert_eq!(error.class, Class::Fenced, "{error}");
    assert_eq!(names(&mut world).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_reader_and_a_writer_are_not_in_the_way_and_a_locked_table_is_waited_for() {
    let mut world = World::new("pt_lock", APPEND).await;
    world.run("CREATE TABLE t_p20240101 PARTITION OF t FOR VALUES FROM ('2024-01-01Z') TO ('2024-01-02Z')").await;
    let sink = world.sink(by(&world, Mode::Append, Period::Day), "m").await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    world
        .run("BEGIN; SELECT count(*) FROM t; INSERT INTO t VALUES (1, '2024-01-01 12:00Z')")
        .await;
    commit(&mut writer, &[row(0, "2024-02-28Z")])
        .await
        .expect("beside them");
    world.run("COMMIT").await;
    let asked = lacks(writer.commit(&[row(1, "2024-02-29Z")]).await);
    world
        .run("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        .await;
    let error = change(&sink, writer.claim, &asked)
        .await
        .expect_err("locked");
    // Asked again later, and not for the others' sake.
    assert!(
        matches!(error.class, Class::Transient | Class::Unavailable),
        "{error}"
    );
    let hint = error.detail.hint.unwrap_or_default();
    assert!(!hint.contains("a role that may"), "{hint}");
    world.run("COMMIT").await;
    change(&sink, writer.claim, &asked).await.expect("free");
    assert_eq!(
        names(&mut world).await,
        ["t_p20240101", "t_p20240228", "t_p20240229"]
    );
}

#[tokio::test]
async fn what_stands_in_the_way_is_named() {
    let mut world = World::new("pt_way", APPEND).await;
    let sink = world.sink(by(&world, Mode::Append, Period::Day), "m").await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    let wanted = [row(0, "2024-02-29T18:00Z")];
    for (there, gone, said) in [
        (
            "CREATE TABLE half PARTITION OF t FOR VALUES FROM ('2024-02-29 00:00Z') TO ('2024-02-29 12:00Z')",
            "DROP TABLE half",
            "\"pt_way.half\" FOR VALUES FROM",
        ),
        (
            "CREATE TABLE t_p20240229 (n int)",
            "DROP TABLE t_p20240229",
            "something else has that name",
        ),
        (
            "CREATE VIEW t_p20240229 AS SELECT 1",
            "DROP VIEW t_p20240229",
            "something else has that name",
        ),
        (
            "CREATE TABLE rest PARTITION OF t DEFAULT",
            "DROP TABLE rest",
            "default partition \"pt_way.rest\"",
        ),
    ] {
        let asked = lacks(writer.commit(&wanted).await);
        world.run(there).await;
        let error = change(&sink, writer.claim, &asked).await.expect_err(there);
        assert_eq!(error.class, Class::Halt, "{error}");
        assert!(error.to_string().contains(said), "{error}");
        assert!(error.detail.hint.is_some(), "{error}");
        world.run(gone).await;
    }
    // Another tool has made one that takes the row: nothing is missing.
    let asked = lacks(writer.commit(&wanted).await);
    world
        .run("CREATE TABLE month PARTITION OF t FOR VALUES FROM ('2024-02-01Z') TO ('2024-03-01Z')")
        .await;
    change(&sink, writer.claim, &asked)
        .await
        .expect("it is there");
    writer.table = sink.prepare("orders").await.unwrap();
    writer.commit(&wanted).await.expect("taken");
    assert_eq!(names(&mut world).await, ["month"]);
    // Rows that have a partition ask for none, whatever its bounds are.
    let both = [row(1, "2024-02-10T01:00Z"), row(2, "2024-03-01Z")];
    commit(&mut writer, &both).await.expect("one is made");
    assert_eq!(names(&mut world).await, ["month", "t_p20240301"]);
}

#[tokio::test]
async fn a_table_whose_partitions_cannot_be_made_is_refused_with_the_reason() {
    let long = "l".repeat(54);
    let long = format!("ALTER TABLE t RENAME TO {long}");
    for (table, period, said) in [
        (
            "CREATE TABLE t (id int, at date)",
            Period::Day,
            "has no partitions",
        ),
        (
            "CREATE TABLE t (id int) PARTITION BY LIST (id)",
            Period::Day,
            "partitioned by LIST (id)",
        ),
        (
            "CREATE TABLE t (at date) PARTITION BY LIST (at)",
            Period::Day,
            "partitioned by LIST (at)",
        ),
        (
            "CREATE TABLE t (id int) PARTITION BY HASH (id)",
            Period::Day,
            "partitioned by HASH (id)",
        ),
        (
            "CREATE TABLE t (id int) PARTITION BY RANGE (id)",
            Period::Day,
            "partitioned by RANGE (id)",
        ),
        (
            "CREATE TABLE t (at date, id int) PARTITION BY RANGE (at, id)",
            Period::Day,
            "partitioned by RANGE (at, id)",
        ),
        (
            "CREATE TABLE t (at timestamp) PARTITION BY RANGE (date_trunc('day', at))",
            Period::Day,
            "partitioned by RANGE (date_trunc(",
        ),
        (
            "CREATE TABLE t (at date) PARTITION BY RANGE (at)",
            Period::Hour,
            "has no hours",
        ),
        (
            "CREATE TABLE t (at date) PARTITION BY RANGE (at); CREATE TABLE rest PARTITION OF t DEFAULT",
            Period::Day,
            "default partition \"pt_kind.rest\"",
        ),
        (
            &format!("CREATE TABLE t (at date) PARTITION BY RANGE (at); {long}"),
            Period::Day,
            "names of 64 bytes",
        ),
        (
            "SELECT 1",
            Period::Day,
            "makes partitions, but no table for them",
        ),
    ] {
        let world = World::new("pt_kind", table).await;
        let mut settings = by(&world, Mode::Append, period);
        if table.contains("RENAME") {
            settings.tables[0].settings.table = format!("pt_kind.{}", "l".repeat(54));
        }
        let sink = PostgresSink::open(settings, "m").unwrap();
        let error = sink.prepare("orders").await.expect_err(table);
        assert_eq!(error.class, Class::Halt, "{error}");
        assert!(error.to_string().contains(said), "{error}");
        assert!(error.detail.hint.is_some(), "{error}");
    }
}

/// Sets the position back.
async fn back(sink: &PostgresSink, to: i64) {
    let change: PositionChange =
        super::world::change(identity(), &tp(), at(to), true, Duration::ZERO);
    sink.set_position(&change).await.unwrap();
}

fn event(offset: i64, at: Cell<'static>) -> Record {
    let cells = vec![
        text("orders"),
        Cell::Int(0),
        Cell::Int(offset),
        Cell::Json("{}"),
        at,
    ];
    put(offset, cells)
}

#[tokio::test]
async fn a_log_is_told_apart_by_its_coordinates_in_partitions_too() {
    for name in ["pt_log", "pt_log_small"] {
        let mut world = World::new(name, LOG).await;
        let mut settings = by(&world, Mode::Log, Period::Day);
        columns(&mut settings, &[("at", "timestamp")]);
        let sink = world.sink(settings, "m").await;
        let mut writer = Writer::claim(&sink, &member(1)).await;
        let events = [
            event(0, text("2024-02-28T01:00:00Z")),
            event(1, text("2024-02-29T01:00:00Z")),
        ];
        assert_eq!(commit(&mut writer, &events).await.expect("new").rows, 2);
        // Written again: nothing doubles, also where some of it is new, and its partition.
        back(&sink, 0).await;
        let mut writer = Writer::claim(&sink, &member(2)).await;
        let mut more = events.to_vec();
        more.push(event(2, text("2024-03-01T01:00:00Z")));
        let committed = commit(&mut writer, &more).await.expect("again");
        assert_eq!((committed.rows, committed.already_there), (1, 2));
        assert_eq!(world.one("SELECT count(*) FROM t").await, "3");
        // A partition that was dropped comes back with its rows.
        world.run("DROP TABLE t_p20240228").await;
        back(&sink, 0).await;
        let mut writer = Writer::claim(&sink, &member(3)).await;
        let committed = commit(&mut writer, &more).await.expect("once more");
        assert_eq!((committed.rows, committed.already_there), (1, 2));
        assert_eq!(world.one("SELECT count(*) FROM t").await, "3");
        // The default would be another key at each time.
        let error = commit(&mut writer, &[event(3, Cell::Absent)])
            .await
            .expect_err("no time");
        assert_eq!(error.class, Class::Rejected, "{error}");
        assert_eq!(error.detail.condition, "partition_key_is_null", "{error}");
    }
}

#[tokio::test]
async fn a_log_whose_key_has_a_default_in_it_is_refused() {
    let mut world = World::new("pt_log_default", LOG).await;
    let settings = by(&world, Mode::Log, Period::Day);
    let sink = PostgresSink::open(settings, "m").unwrap();
    let error = sink.prepare("orders").await.expect_err("now() is no key");
    assert!(
        error.to_string().contains("would be there twice"),
        "{error}"
    );
    // Nor is a key with anything else in it the log's.
    world
        .run(
            "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD x int; \
             ALTER TABLE t ADD PRIMARY KEY (kafka_topic, kafka_partition, kafka_offset, at, x)",
        )
        .await;
    let error = sink.prepare("orders").await.expect_err("x");
    assert!(
        error.to_string().contains("has no primary key over"),
        "{error}"
    );
}

#[tokio::test]
async fn a_role_that_may_not_is_told_and_gets_the_statement() {
    let mut world = World::new("pt_role", APPEND).await;
    world
        .run(
            "DROP ROLE IF EXISTS pt_role_w; CREATE ROLE pt_role_w LOGIN PASSWORD 'secret'; \
             GRANT USAGE ON SCHEMA pt_role TO pt_role_w; GRANT INSERT ON t TO pt_role_w; \
             CREATE SCHEMA pt_role_state AUTHORIZATION pt_role_w",
        )
        .await;
    let mut settings = by(&world, Mode::Append, Period::Day);
    let url = url();
    let place = url
        .rsplit_once('@')
        .map_or(url.as_str(), |(_, place)| place);
    settings.url = plimsoll_sink_api::Secret::new(format!("postgres://pt_role_w:secret@{place}"));
    let sink = world.sink(settings, "m").await;
    let lacking = sink.missing_privileges("orders", None).await.unwrap();
    assert!(
        lacking
            .iter()
            .any(|l| l.contains("CREATE on SCHEMA pt_role")),
        "{lacking:?}"
    );
    assert!(
        lacking.iter().any(|l| l.contains("ownership of TABLE")),
        "{lacking:?}"
    );
    let mut writer = Writer::claim(&sink, &member(1)).await;
    let error = commit(&mut writer, &[row(0, "2024-02-29Z")])
        .await
        .expect_err("no right");
    assert_eq!(error.class, Class::Halt, "{error}");
    assert!(
        error
            .to_string()
            .contains("CREATE TABLE \"pt_role\".\"t_p20240229\""),
        "{error}"
    );
    assert!(error.to_string().contains("ATTACH PARTITION"), "{error}");
    world
        .run("GRANT CREATE ON SCHEMA pt_role TO pt_role_w; ALTER TABLE t OWNER TO pt_role_w")
        .await;
    assert_eq!(
        sink.missing_privileges("orders", None).await.unwrap(),
        Vec::<String>::new()
    );
    commit(&mut writer, &[row(0, "2024-02-29Z")])
        .await
        .expect("it may now");
    let notes = sink.notes(&writer.table).await.unwrap();
    assert!(notes[0].contains("partitioned by RANGE (at)"), "{notes:?}");
    // The example is a statement that runs.
    world.run(notes[1].trim_end_matches(';')).await;
    assert_eq!(names(&mut world).await.len(), 2);
}

#[tokio::test]
async fn a_dry_run_makes_partitions_for_its_rows_and_takes_them_back() {
    let mut world = World::new("pt_dry", APPEND).await;
    let sink = world.sink(by(&world, Mode::Append, Period::Day), "m").await;
    let writer = Writer::claim(&sink, &member(1)).await;
    let rows = [row(0, "2024-02-28Z"), row(1, "2024-02-29Z")];
    let tried = writer.dry_run(&rows).await.expect("both are taken");
    assert_eq!(tried.rows, 2);
    assert_eq!(names(&mut world).await, Vec::<String>::new());
    // Beside a good one it is not told apart yet: whoever tries a sample halves it.
    let both = [row(0, "2024-02-28Z"), row(1, "9999-02-28Z")];
    let error = writer.dry_run(&both).await.expect_err("a broken clock");
    assert_eq!(error.class, Class::Rejected, "{error}");
    let error = writer.dry_run(&both[1..]).await.expect_err("the one");
    assert_eq!(error.detail.condition, "partition_too_far_ahead", "{error}");
    assert_eq!(names(&mut world).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_log_that_is_not_there_is_not_made_whole_and_the_statement_for_it_runs() {
    let mut world = World::new("pt_log_new", "SELECT 1").await;
    let mut settings = by(&world, Mode::Log, Period::Week);
    columns(&mut settings, &[("kafka_timestamp", "timestamp")]);
    let sink = world.sink(settings, "m").await;
    let topics = ["orders".to_owned()];
    sink.make_log_tables(&topics)
        .await
        .expect("nothing to make");
    assert_eq!(sink.log_tables(&topics), Vec::<String>::new());
    let error = sink.prepare("orders").await.expect_err("it is not there");
    assert!(error.detail.no_table, "{error}");
    let hint = error.detail.hint.unwrap_or_default();
    let (statement, _) = hint.split_once(", with columns").expect("a statement");
    world.run(statement).await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    let event = event(0, text("2024-12-30T01:00:00Z"));
    commit(&mut writer, &[event]).await.expect("a row");
    assert_eq!(names(&mut world).await, ["t_p2025w01"]);
}

#[tokio::test]
async fn a_log_table_that_is_to_be_divided_and_is_not_there_is_told_and_not_made() {
    let mut world = World::new("pt_told", "SELECT").await;
    let sink = world.sink(by(&world, Mode::Log, Period::Day), "m").await;
    let topics = ["orders".to_owned()];
    sink.make_log_tables(&topics).await.unwrap();
    let told = sink.missing_tables_of_users(&topics).await.unwrap();
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("\"pt_told.t\" does not exist"), "{told:?}");
    assert!(told[0].contains("PARTITION BY RANGE"), "{told:?}");
    // What it tells to make is what it wants.
    let (_, hint) = told[0].split_once("; hint: ").unwrap();
    let (create, _) = hint.split_once(", with columns").unwrap();
    world.run(create).await;
    assert!(
        sink.missing_tables_of_users(&topics)
            .await
            .unwrap()
            .is_empty()
    );
}
