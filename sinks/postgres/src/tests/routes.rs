//! Tables whose names records have a share in.

use super::world::*;
use crate::{PgPlan, PostgresSettings, PostgresSink};
use plimsoll_protocol::{Claim, Class, Span};
use plimsoll_sink_api::{
    Batch, Marks, Mode, Op, Prepared, Route, Routing, Row, Rows, Sink, TableRows, UnknownRoute,
};
use std::sync::Arc;

fn route(text: &str) -> Route {
    Route::of(text).unwrap()
}

fn settings(world: &World, table: &str) -> PostgresSettings {
    let mut settings = world.settings(Mode::Append, "");
    let table_settings = &mut settings.tables[0].settings;
    table_settings.table = table.to_owned();
    table_settings.routing = Some(Routing {
        by: "headers.type".parse().unwrap(),
        max_tables: 8,
        unknown: UnknownRoute::default(),
    });
    settings
}

#[tokio::test]
async fn records_name_no_table_of_the_server_or_of_plimsoll() {
    let name = "t_routes_own";
    let world = World::new(name, "CREATE TABLE \"Mine\" (n int)").await;
    let anywhere = world.sink(settings(&world, "{route}"), "m").await;
    for system in ["pg_class", "pg_authid"] {
        let error = anywhere.prepare_for("orders", Some(&route(system))).await;
        let error = error.unwrap_err();
        assert!(error.detail.no_table && error.detail.bad_name, "{error}");
        assert!(!error.to_string().contains(system), "{error}");
    }
    let any_schema = world.sink(settings(&world, "{route}.positions"), "m").await;
    let state = route(&format!("{name}_state"));
    let error = any_schema.prepare_for("orders", Some(&state)).await;
    assert!(error.unwrap_err().detail.bad_name);
    let found = any_schema.routes("orders").await.unwrap();
    assert!(!found.contains(&state), "its own tables are none");
    let ours = world
        .sink(settings(&world, &format!("{name}.{{route}}")), "m")
        .await;
    assert_eq!(ours.routes("orders").await.unwrap(), [route("Mine")]);
    assert!(
        ours.prepare_for("orders", Some(&route("Mine")))
            .await
            .is_ok()
    );
    let folded = ours.prepare_for("orders", Some(&route("mine"))).await;
    let error = folded.unwrap_err();
    assert!(error.detail.no_table && !error.detail.bad_name, "{error}");
    // Postgres would cut it, and find another table.
    let long = ours
        .prepare_for("orders", Some(&route(&"x".repeat(64))))
        .await;
    assert!(long.unwrap_err().detail.bad_name);
}

struct Two {
    sink: PostgresSink,
    claim: Claim,
    tables: [Arc<Prepared<PgPlan>>; 2],
}

async fn two(world: &World) -> Two {
    let table = format!("{}.e_{{route}}", world.name);
    let sink = world.sink(settings(world, &table), "m").await;
    let claimed = sink.claim(&member(1), &identity(), &tp()).await.unwrap();
    let table = async |name| {
        sink.prepare_for("orders", Some(&route(name)))
            .await
            .unwrap()
    };
    let tables = [table("a").await, table("b").await];
    Two {
        claim: claimed.claim,
        tables,
        sink,
    }
}

impl Two {
    /// One row of each table.
    async fn commit(
        &self,
        a: &'static str,
        b: &'static str,
    ) -> Result<u64, plimsoll_sink_api::SinkError> {
        let rows = |offset, value| {
            let mut rows = Rows::with_capacity(1, 1);
            let op = Op::Put;
            rows.push(Row { offset, op })[0] = text(value);
            rows
        };
        let rows = [rows(0, a), rows(1, b)];
        let tables = self.tables.iter().zip(&rows);
        let tables = tables.map(|(table, rows)| TableRows { table, rows });
        let batch = Batch {
            topic: "orders",
            partition: 0,
            claim: self.claim,
            span: Span::new(at(0), at(2)).unwrap(),
            tables: tables.collect(),
            dead: &[],
            marks: Marks::default(),
        };
        self.sink.commit_one(&batch).await.map(|done| done.rows)
    }
}

#[tokio::test]
async fn a_refusal_of_one_of_several_tables_names_it() {
    let create = "CREATE TABLE e_a (n int); CREATE TABLE e_b (n int)";
    let mut world = World::new("t_routes_named", create).await;
    let it = two(&world).await;
    for (a, b, table) in [("x", "1", "e_a"), ("1", "x", "e_b")] {
        let error = it.commit(a, b).await.unwrap_err();
        assert_eq!(error.class, Class::Rejected, "{error}");
        let named = error.detail.table.as_deref();
        assert_eq!(named, Some(format!("t_routes_named.{table}").as_str()));
    }
    assert_eq!(world.one("SELECT count(*) FROM e_a").await, "0");
    assert_eq!(it.commit("1", "2").await.unwrap(), 2);
}

#[tokio::test]
async fn a_batch_of_several_tables_waits_for_a_locked_one_like_any_other() {
    let create = "CREATE TABLE e_a (n int); CREATE TABLE e_b (n int)";
    let mut world = World::new("t_routes_locked", create).await;
    let it = two(&world).await;
    world.run("BEGIN; LOCK TABLE e_b IN SHARE MODE").await;
    let unlock = async {
        // Longer than commits of several partitions wait.
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
        world.run("COMMIT").await;
    };
    let (done, ()) = tokio::join!(it.commit("1", "2"), unlock);
    assert_eq!(done.unwrap(), 2);
}
