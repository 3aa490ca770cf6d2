//! What the sink writes is what is expected here, and what it refuses cannot be read:
//! two implementations of the documented rules, held to each other.

use crate::{SqliteSettings, SqliteSink, SqliteSnapshot};
use plimsoll_protocol::{Class, Owner, Position, Span, StartRule, TopicPartition};
use plimsoll_sink_api::snapshot::{Snapshot, Unreadable};
use plimsoll_sink_api::{
    Batch, Cell, Clock, Float, Identity, Interval, Marks, Member, Mode, NewPosition, Op, Row, Rows,
    Sink, TableRows, TableRule, TableSettings, TimeOfDay, Timestamp, Unit,
};
use std::path::Path;

fn cells() -> Vec<Cell<'static>> {
    let mut cells = vec![
        Cell::Null,
        Cell::Bool(true),
        Cell::Json("{\"a\": [1]}"),
        Cell::Json("\"a\""),
        Cell::Bytes(b"\xff\xfe"),
        Cell::Int(7),
    ];
    for text in [
        "",
        "abc",
        "aGVsbG8",
        "aGVsbG8=",
        "_w==",
        "12345678901234567890",
        "12",
        " 1.5 ",
        "1e400",
        "1e-400",
        "{\"a\":1}",
        "true",
    ] {
        cells.push(Cell::Text(text));
    }
    for number in [
        "1",
        "-1.50",
        "0e-400",
        "1e-400",
        "1e400",
        "123456789012345678901",
    ] {
        cells.push(Cell::Number(number));
    }
    for millis in [0, -1, 1_700_000_000_123, -62_135_596_800_001, i64::MAX] {
        cells.push(Cell::millis(millis));
    }
    cells.extend(typed());
    cells
}

/// What formats with types say.
fn typed() -> Vec<Cell<'static>> {
    let decimal = |unscaled, scale| Cell::Decimal { unscaled, scale };
    let timestamp = |value, unit, clock| Cell::Timestamp(Timestamp { value, unit, clock });
    let time = |value, unit| Cell::Time(TimeOfDay { value, unit });
    let mut cells = vec![
        Cell::Unsigned(7),
        Cell::Unsigned(u64::MAX),
        decimal(&[], 0),
        decimal(&[0x04, 0xce], 2),
        decimal(&[0xff], 1),
        decimal(&[7], -3),
        decimal(&[7], -400),
        decimal(&[7], 400),
        decimal(&[0x7f; 20], 5),
        decimal(&[1; 5_000], 0),
        Cell::Date(0),
        Cell::Date(-1),
        Cell::Date(i32::MAX),
        time(0, Unit::Millis),
        time(86_400_000_000, Unit::Micros),
        time(-1, Unit::Nanos),
        timestamp(-1, Unit::Micros, Clock::Local),
        timestamp(i64::MAX, Unit::Micros, Clock::Utc),
        timestamp(i64::MAX, Unit::Nanos, Clock::Utc),
        Cell::Uuid(*b"0123456789abcdef"),
    ];
    for number in [
        0.0,
        -0.0,
        0.1,
        1e16,
        -1e300,
        f64::NAN,
        f64::INFINITY,
        f64::MIN_POSITIVE,
    ] {
        cells.push(Cell::Float(Float::Double(number)));
        cells.push(Cell::Float(Float::Single(number as f32)));
    }
    for (months, days, nanos) in [(0, 0, 0), (14, -3, -500_000_000), (0, 1, 1)] {
        cells.push(Cell::Interval(Interval {
            months,
            days,
            nanos,
        }));
    }
    cells
}

async fn sink(path: &Path, declared: &str, source: &str) -> (SqliteSink, SqliteSettings) {
    let settings = TableSettings {
        columns: vec![("c".into(), source.parse().unwrap())],
        ..TableSettings::new("t", Mode::Append)
    };
    let settings = SqliteSettings {
        sink: "s".into(),
        path: path.into(),
        auto_migrate: true,
        tables: vec![TableRule {
            topics: vec![],
            settings,
        }],
    };
    let sink = SqliteSink::open(settings.clone()).unwrap();
    sink.migrate().await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut file = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let create = format!("CREATE TABLE t (c {declared})");
    let create = sqlx::raw_sql(sqlx::AssertSqlSafe(create));
    create.execute(&mut file).await.unwrap();
    (sink, settings)
}

/// Commits each cell as a row of its own; says which were refused.
async fn refused(sink: &SqliteSink) -> Vec<bool> {
    let tp = TopicPartition::new("topic", 0);
    let identity = Identity {
        group_id: "g".into(),
        cluster_id: "c".into(),
    };
    let start = NewPosition {
        tp: tp.clone(),
        position: Position::ZERO,
        topic_id: None,
        high_watermark: Position::ZERO,
    };
    let rule = StartRule::FirstRecord;
    sink.settle(&identity, rule, &[start]).await.unwrap();
    let member = Member {
        owner: Owner(1),
        name: "m".into(),
    };
    let claim = sink.claim(&member, &identity, &tp).await.unwrap().claim;
    let table = sink.prepare("topic").await.unwrap();
    let (mut at, mut refused) = (Position::ZERO, Vec::new());
    for cell in cells() {
        let to = Position::new(at.offset() + 1).unwrap();
        let mut rows = Rows::with_capacity(1, 1);
        let (offset, op) = (at.offset(), Op::Put);
        rows.push(Row { offset, op })[0] = cell;
        let batch = Batch {
            topic: "topic",
            partition: 0,
            claim,
            span: Span::new(at, to).unwrap(),
            tables: TableRows::only(&table, &rows),
            dead: &[],
            marks: Marks::default(),
        };
        match sink.commit_one(&batch).await {
            Ok(_) => at = to,
            Err(error) => assert_eq!(error.class, Class::Rejected, "{error}"),
        }
        refused.push(at != to);
    }
    refused
}

#[tokio::test]
async fn each_cell_is_expected_as_it_is_written_and_refused_where_it_is_refused() {
    let (mut kept, mut bad) = (0, 0);
    for declared in [
        "INTEGER",
        "REAL",
        "DECIMAL(20, 5)",
        "TIMESTAMP",
        "BOOLEAN",
        "TEXT",
        "BLOB",
        "JSON",
        "",
    ] {
        for source in ["value.c", "headers.c", "timestamp"] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("t.db");
            let (sink, settings) = sink(&path, declared, source).await;
            let refused = refused(&sink).await;
            let mut verify = SqliteSnapshot::open(&settings).await.unwrap();
            let feed = verify.feed("topic", None).await.unwrap();
            let lite = verify.table(&feed, "topic", None).await.unwrap();
            let mut written = Vec::new();
            verify
                .rows(&lite, |row, _| {
                    written.push(row.columns);
                    Ok(())
                })
                .await
                .unwrap();
            let mut written = written.into_iter();
            for (cell, refused) in cells().iter().zip(refused) {
                let what = format!("{cell:?} from {source} in {declared:?}");
                let expected = verify
                    .canonical(&lite, &[std::slice::from_ref(cell)], false)
                    .await;
                match (expected, refused) {
                    (Ok(expected), false) => {
                        assert_eq!(
                            Some(&expected[0].columns),
                            written.next().as_ref(),
                            "{what}"
                        );
                        kept += 1;
                    }
                    (Err(Unreadable::Value), true) => bad += 1,
                    (expected, refused) => panic!("{what}: refused: {refused}, {expected:?}"),
                }
            }
            assert_eq!(written.next(), None);
        }
    }
    assert!(kept > 100 && bad > 100, "{kept} {bad}");
}
