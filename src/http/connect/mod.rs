//! A subset of Kafka Connect's REST API (KIP-26, KIP-745, KIP-875), so that its tools show
//! and steer sinks as they are: a sink is a connector, a partition a task.
//!
//! Sinks stay in the config file: making one here would be a second truth.

mod change;
mod loggers;
mod read;
mod shape;
#[cfg(test)]
mod tests;

use super::error::Refused;
use crate::fleet::{Fleet, OfSink, SinkStatus};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use std::sync::Arc;

type Fleets = axum::extract::State<Arc<Fleet>>;

/// The routes. Who may use them is decided before.
pub fn routes() -> Router<Arc<Fleet>> {
    Router::new()
        .route("/", get(read::root))
        .route("/connectors", get(read::list).post(in_the_file))
        .route("/connectors/", get(read::list).post(in_the_file))
        .route("/connectors/{name}", get(read::info).delete(in_the_file))
        .route(
            "/connectors/{name}/config",
            get(read::config).put(in_the_file).patch(in_the_file),
        )
        .route("/connectors/{name}/status", get(read::status))
        .route("/connectors/{name}/topics", get(read::topics))
        .route("/connectors/{name}/tasks", get(read::tasks))
        .route("/connectors/{name}/tasks/{id}/status", get(read::task))
        .route("/connectors/{name}/pause", put(change::pause))
        .route("/connectors/{name}/resume", put(change::resume))
        .route("/connectors/{name}/stop", put(change::stop))
        .route("/connectors/{name}/restart", post(change::restart))
        .route("/connectors/{name}/tasks/{id}/restart", post(change::task))
        .route(
            "/connectors/{name}/offsets",
            get(read::offsets)
                .patch(change::offsets)
                .delete(change::no_reset),
        )
        .route("/admin/loggers", get(loggers::all))
        .route("/admin/loggers/{name}", get(loggers::one))
        .route("/connector-plugins", get(read::plugins))
        .route("/health", get(read::health))
}

async fn in_the_file() -> Refused {
    Refused::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "sinks stand in plimsoll's config file, and are made, changed and removed there",
    )
}

/// One sink, and how it stands.
async fn asked(
    fleet: &Fleet,
    name: &str,
    unknown: impl FnOnce(&str) -> String,
) -> Result<(Arc<OfSink>, Arc<SinkStatus>), Refused> {
    let sink = found(fleet, name, unknown)?;
    let status = sink.status().await;
    let status = status.map_err(|error| Refused::away(&error))?;
    Ok((sink, status))
}

fn found(
    fleet: &Fleet,
    name: &str,
    unknown: impl FnOnce(&str) -> String,
) -> Result<Arc<OfSink>, Refused> {
    let sink = fleet.sink(name);
    sink.ok_or_else(|| Refused::not_found(unknown(name)))
}

fn not_found(name: &str) -> String {
    format!("Connector {name} not found")
}

fn unknown(name: &str) -> String {
    format!("Unknown connector {name}")
}
