//! Tests against a real Postgres, whose URL stands in `PLIMSOLL_TEST_POSTGRES`;
//! each test has schemas of its own.

mod binary;
mod commits;
mod conformance;
mod dead_letters;
mod lasting;
mod migrations;
mod partitions;
mod positions;
mod proof;
mod roundtrip;
mod routes;
mod shapes;
mod stale;
mod together;
pub(crate) mod typed_cells;
mod types;
mod world;
