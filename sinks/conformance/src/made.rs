//! Tables that a sink makes for what records hold.

use super::world::{TABLE, TOPIC, World, identity, member, start, tp};
use super::{Changes, Harness, Kept, Record, Said, TableSpec, Type, column};
use plimsoll_protocol::{Claim, Class, StartRule};
use plimsoll_sink_api::{Inspect, Kind, NewColumn, NewTable, Sink, TableChange};

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

/// A process that owns partition 0 and has no table yet.
async fn owner<H: Harness>(world: &World<H>, number: u128) -> (H::Sink, Claim) {
    let member = member(number);
    let sink = world.open(&member.name).await;
    let start = [start(0, 0)];
    let settled = sink
        .settle(&identity(), StartRule::FirstRecord, &start)
        .await;
    settled.expect("settle");
    let claimed = sink.claim(&member, &identity(), &tp(0)).await;
    (sink, claimed.expect("claim").claim)
}

pub async fn a_table_is_made_and_grows_only_for_who_has_the_claim<H: Harness>() {
    let (world, table) = world::<H>().await;
    let create = TableChange::Create(table);
    let add = |name: &str, kind| TableChange::Add {
        topic: TOPIC.to_owned(),
        columns: vec![NewColumn {
            name: name.to_owned(),
            kind,
            key: false,
        }],
    };
    let (old, overtaken) = owner(&world, 1).await;
    if H::CAPABILITIES.changes == Changes::Refused {
        let refused = old.change_table(&tp(0), overtaken, &create).await;
        let error = refused.expect_err("nobody changes it");
        assert_eq!(error.class, Class::Halt, "{error}");
        return;
    }
    let (new, claim) = owner(&world, 2).await;
    let late = old.change_table(&tp(0), overtaken, &create).await;
    assert_eq!(late.expect_err("it was overtaken").class, Class::Fenced);
    let missing = new.prepare(TOPIC).await.expect_err("nothing was made");
    assert!(missing.detail.no_table, "{missing}");
    // Twice: the owner of another partition has done so meanwhile.
    for _ in 0..2 {
        new.change_table(&tp(0), claim, &create)
            .await
            .expect("made");
    }
    let mut p = world.process(3).await;
    let row = |id: &str| {
        Record::put([
            ("id", Said::number(id)),
            (name(Kind::Text), Said::text("x")),
        ])
    };
    p.commit(&[row("1")]).await.expect("a row");
    let grow = add("group", Kind::Integer);
    let late = new.change_table(&tp(0), claim, &grow).await;
    assert_eq!(late.expect_err("it was overtaken").class, Class::Fenced);
    for _ in 0..2 {
        let added = p.sink.change_table(&tp(0), p.claim(), &grow).await;
        added.expect("added");
    }
    let mut p = world.process(4).await;
    let columns = &p.table.table.columns;
    assert!(columns.iter().any(|c| c.name == "group"), "{columns:?}");
    let both = row("2").and("group", Said::number("7"));
    p.commit(&[both]).await.expect("a row with the new column");
    world
        .assert_rows([
            vec![Kept::number("1"), Kept::text("x")],
            vec![Kept::number("2"), Kept::text("x")],
        ])
        .await;
}
