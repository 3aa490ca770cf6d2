//! Tables that a sink makes for what records hold.

use super::world::{TABLE, TOPIC, World};
use super::{Harness, Kept, Record, Said, TableSpec, Type, column};
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Inspect, Kind, NewColumn, NewTable};

/// A name for the column of each kind: what SQL reads as something else without quotes is
/// among them.
const fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Boolean => "boolean",
        Kind::Integer => "order",
        Kind::BigInteger => "bigInteger",
        Kind::Decimal => "a decimal",
        Kind::Float => "a\"float",
        Kind::Text => "select",
        Kind::Bytes => "1st",
        Kind::Date => "date",
        Kind::Time => "time",
        Kind::Timestamp => "timestamp",
        Kind::LocalTimestamp => "local.time",
        Kind::Interval => "größe",
        Kind::Uuid => "_uuid",
        Kind::Json => "from",
    }
}

fn said(kind: Kind) -> Said {
    match kind {
        Kind::Boolean => Said::bool(true),
        Kind::Integer => Said::number("-9223372036854775808"),
        Kind::BigInteger => Said::number("18446744073709551615"),
        Kind::Decimal => Said::number("12.50"),
        Kind::Float => Said::number("0.1"),
        Kind::Text => Said::text("grüße"),
        Kind::Bytes => Said::text("AP8="),
        Kind::Date => Said::text("2024-02-29"),
        Kind::Time => Said::text("07:08:09.5"),
        Kind::Timestamp => Said::text("2024-05-06T07:08:09.123Z"),
        Kind::LocalTimestamp => Said::text("2024-05-06T07:08:09"),
        Kind::Interval => Said::text("P1DT2H"),
        Kind::Uuid => Said::text("936da01f-9abd-4d9d-80c7-02af85c822a8"),
        Kind::Json => Said::nested("{\"a\":[1]}"),
    }
}

async fn world<H: Harness>() -> (World<H>, NewTable) {
    let id = column("id", Type::Int).key();
    let spec = TableSpec::merging([id, column(name(Kind::Text), Type::Text)]);
    let world = World::<H>::without_table(spec).await;
    let new = |name: &str, kind, key| NewColumn {
        name: name.to_owned(),
        kind,
        key,
    };
    let kinds = Kind::ALL.iter().map(|&kind| new(name(kind), kind, false));
    let table = NewTable {
        topic: TOPIC.to_owned(),
        columns: [new("id", Kind::Integer, true)]
            .into_iter()
            .chain(kinds)
            .collect(),
    };
    (world, table)
}

pub async fn a_table_that_is_made_takes_a_row_of_every_kind<H: Harness>() {
    let (world, table) = world::<H>().await;
    let sink = world.open("makes").await;
    let statement = sink.create_table(&table).expect("a statement");
    assert!(statement.starts_with("CREATE TABLE "), "{statement}");
    sink.make_table(&table).await.expect("made");
    let mut p = world.process(1).await;
    let columns = &p.table.table.columns;
    assert_eq!(columns.len(), table.columns.len());
    let key: Vec<&str> = columns
        .iter()
        .filter(|c| c.key)
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(key, ["id"]);
    let id = Record::put([("id", Said::number("1"))]);
    let full = Kind::ALL
        .iter()
        .fold(id, |record, &kind| record.and(name(kind), said(kind)));
    let empty = Record::put([("id", Said::number("2"))]);
    let committed = p.commit(&[full, empty]).await.expect("both are taken");
    assert_eq!(committed.rows, 2);
    world
        .assert_rows([
            vec![Kept::number("1"), Kept::text("grüße")],
            vec![Kept::number("2"), Kept::Null],
        ])
        .await;
}

pub async fn a_table_that_is_there_is_not_made_again<H: Harness>() {
    let (world, table) = world::<H>().await;
    world.harness.create(TABLE, &world.spec).await;
    let sink = world.open("makes").await;
    let error = sink.make_table(&table).await.expect_err("it is there");
    assert_ne!(error.class, Class::Unavailable, "{error}");
    let mut p = world.process(1).await;
    let record = Record::put([("id", Said::number("1"))]);
    p.commit(&[record]).await.expect("it is as it was");
}
