//! What Kafka Connect's API has no word for: each sink as a whole.

use super::error::Refused;
use crate::fleet::{Fleet, SinkStatus};
use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The routes.
pub fn routes() -> Router<Arc<Fleet>> {
    Router::new()
        .route("/api/sinks", get(all))
        .route("/api/sinks/{name}", get(one))
}

/// By name: how each stands, or why that cannot be told.
async fn all(State(fleet): State<Arc<Fleet>>) -> Json<Value> {
    let mut all = Map::new();
    for name in fleet.names() {
        let Some(sink) = fleet.sink(&name) else {
            continue;
        };
        let told = match sink.status().await {
            Ok(status) => json!(*status),
            Err(error) => json!({ "sink": name, "away": error.to_string() }),
        };
        all.insert(name, told);
    }
    Json(Value::Object(all))
}

async fn one(
    State(fleet): State<Arc<Fleet>>,
    Path(name): Path<String>,
) -> Result<Json<SinkStatus>, Refused> {
    let sink = fleet.sink(&name);
    let sink = sink.ok_or_else(|| Refused::not_found(format!("there is no sink \"{name}\"")))?;
    let status = sink.status().await;
    let status = status.map_err(|error| Refused::away(&error))?;
    Ok(Json((*status).clone()))
}
