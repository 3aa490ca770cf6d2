//! Rows of several tables in one batch, where records name their table.

use super::record::{self, Place};
use super::world::{TOPIC, World, at, identity, letter, member, span, start, tp};
use super::{Harness, Kept, Record, Said, TableSpec, Tables, Type, column};
use plimsoll_protocol::{Claim, Class, StartRule};
use plimsoll_sink_api::{
    Batch, Committed, DeadLetter, Marks, Positions, Prepared, Route, Routing, Rows, Sink,
    SinkError, TableRows, TableRule, UnknownRoute,
};
use std::sync::Arc;

fn spec() -> TableSpec {
    TableSpec::upsert([column("id", Type::Int).key(), column("b", Type::Bytes)])
}

fn rule<H: Harness>(world: &World<H>) -> TableRule {
    let mut rule = spec().rule(world.harness.table("rows_{route}"));
    rule.settings.routing = Some(Routing {
        by: "headers.type".parse().expect("a source"),
        max_tables: 8,
        unknown: UnknownRoute::default(),
    });
    rule
}

fn route(text: &str) -> Route {
    Route::of(text).expect("a route")
}

fn put(id: i64) -> Record {
    Record::put([("id", Said::number(&id.to_string()))])
}

fn row(id: i64) -> Vec<Kept> {
    vec![Kept::number(&id.to_string()), Kept::Null]
}

/// A process, its claim on partition 0, and the tables of routes `a` and `b`.
struct Routed<H: Harness> {
    world: World<H>,
    sink: H::Sink,
    claim: Claim,
    tables: [Arc<Prepared<<H::Sink as Sink>::Plan>>; 2],
}

/// `None` where there is no such thing, and that is said.
async fn routed<H: Harness>() -> Option<Routed<H>> {
    let world = World::<H>::without_table(spec()).await;
    for table in ["rows_a", "rows_b"] {
        world.harness.create(table, &world.spec).await;
    }
    let sink = world.harness.open("process-1", vec![rule(&world)]).await;
    sink.migrate().await.expect("migrate");
    let a = match sink.prepare_for(TOPIC, Some(&route("a"))).await {
        Ok(a) => a,
        Err(error) => {
            assert_eq!(H::CAPABILITIES.tables, Tables::MergingUpserts, "{error}");
            assert_eq!(error.class, Class::Halt, "{error}");
            return None;
        }
    };
    let b = sink.prepare_for(TOPIC, Some(&route("b"))).await.expect("b");
    let rule = StartRule::FirstRecord;
    let settled = sink.settle(&identity(), rule, &[start(0, 0)]).await;
    settled.expect("settle");
    let claimed = sink.claim(&member(1), &identity(), &tp(0)).await;
    Some(Routed {
        claim: claimed.expect("claim").claim,
        tables: [a, b],
        world,
        sink,
    })
}

impl<H: Harness> Routed<H> {
    /// Commits records of each table, from this offset on, with letters behind them.
    async fn commit(
        &self,
        from: i64,
        of: [&[Record]; 2],
        dead: &[DeadLetter<'_>],
    ) -> Result<Committed, SinkError> {
        let mut offset = from;
        let mut all = Vec::new();
        for (table, records) in self.tables.iter().zip(of) {
            let mut rows = Rows::with_capacity(table.table.columns.len(), 0);
            for record in records {
                let place = Place {
                    topic: TOPIC,
                    partition: 0,
                    offset,
                };
                record::push(&mut rows, &table.table, record, &place);
                offset += 1;
            }
            all.push(rows);
        }
        let tables = self.tables.iter().zip(&all);
        let tables = tables.map(|(table, rows)| TableRows { table, rows });
        let batch = Batch {
            topic: TOPIC,
            partition: 0,
            claim: self.claim,
            span: span(from, offset + dead.len() as i64),
            tables: tables.collect(),
            dead,
            marks: Marks::default(),
        };
        self.sink.takes(&batch).await?;
        self.sink.commit_one(&batch).await
    }

    async fn stands(&self) -> i64 {
        let all = self.sink.positions().await.expect("positions");
        all[0].position.offset()
    }

    async fn rows(&self, table: &str) -> Vec<Vec<Kept>> {
        let types = self.world.spec.types();
        let mut rows = self.world.harness.rows(table, &types).await;
        rows.sort();
        rows
    }
}

pub async fn rows_of_several_tables_are_written_with_one_position<H: Harness>() {
    let Some(it) = routed::<H>().await else {
        return;
    };
    let of = [[put(1), put(2), put(1)], [put(1), put(7), put(8)]];
    let of = of.each_ref().map(|records| &records[..]);
    let done = it.commit(0, of, &[letter(6)]).await.expect("commit");
    // A database may count a key that comes twice as two.
    assert!((5..=6).contains(&done.rows), "{}", done.rows);
    assert_eq!(it.rows("rows_a").await, [row(1), row(2)]);
    assert_eq!(it.rows("rows_b").await, [row(1), row(7), row(8)]);
    assert_eq!(it.stands().await, 7);
    // A table that gets nothing is no hindrance, nor is none that gets any.
    it.commit(7, [&[put(3)], &[]], &[]).await.expect("commit");
    let gone = [Record::tombstone([("id", Said::number("1"))])];
    it.commit(8, [&[], &gone], &[]).await.expect("commit");
    it.commit(9, [&[], &[]], &[letter(9)])
        .await
        .expect("commit");
    assert_eq!(it.rows("rows_a").await, [row(1), row(2), row(3)]);
    assert_eq!(it.rows("rows_b").await, [row(7), row(8)]);
    assert_eq!(it.stands().await, 10);
}

pub async fn a_row_that_one_table_refuses_leaves_nothing_in_the_other<H: Harness>() {
    let Some(it) = routed::<H>().await else {
        return;
    };
    let bad = || put(2).and("b", Said::number("1"));
    for of in [[vec![put(1)], vec![bad()]], [vec![bad()], vec![put(1)]]] {
        let of = of.each_ref().map(Vec::as_slice);
        let error = it.commit(0, of, &[letter(2)]).await.expect_err("no bytes");
        assert_eq!(error.class, Class::Rejected, "{error}");
    }
    assert!(it.rows("rows_a").await.is_empty());
    assert!(it.rows("rows_b").await.is_empty());
    assert_eq!(it.stands().await, 0);
    let other = it.sink.claim(&member(2), &identity(), &tp(0)).await;
    assert_eq!(other.expect("claim").position, at(0));
    let of = [&[put(1)][..], &[put(1)]];
    let error = it.commit(0, of, &[]).await.expect_err("fenced");
    assert_eq!(error.class, Class::Fenced, "{error}");
    assert!(it.rows("rows_a").await.is_empty());
    assert!(it.rows("rows_b").await.is_empty());
}

pub async fn routes_are_those_of_the_tables_that_are_there<H: Harness>() {
    let Some(it) = routed::<H>().await else {
        return;
    };
    let found = it.sink.routes(TOPIC).await.expect("routes");
    assert_eq!(found, [route("a"), route("b")]);
    for text in ["c", "A", "a\"", "a;b", "ä"] {
        let missing = it.sink.prepare_for(TOPIC, Some(&route(text))).await;
        let error = missing.expect_err("no such table");
        assert!(error.detail.no_table, "{error}");
    }
    let error = it.sink.prepare(TOPIC).await.expect_err("which one?");
    assert_eq!(error.class, Class::Halt);
    assert!(!error.detail.no_table, "{error}");
}
