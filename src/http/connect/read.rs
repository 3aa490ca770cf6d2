//! What is only looked at.

use super::super::error::Refused;
use super::shape::{self, Info, Status, Task};
use super::{Fleets, asked, found, not_found};
use axum::Json;
use axum::extract::{Path, RawQuery};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

pub async fn root(fleet: Fleets) -> Json<Value> {
    Json(json!({
        "version": shape::VERSION,
        "commit": env!("CARGO_PKG_VERSION"),
        "kafka_cluster_id": fleet.cluster_id(),
    }))
}

pub async fn health() -> Json<Value> {
    Json(json!({
        "status": "healthy",
        "message": "the process answers; /readyz says whether its sinks work",
    }))
}

pub async fn plugins() -> Json<Value> {
    let all = shape::CLASSES.iter().map(
        |class| json!({ "class": class, "type": "sink", "version": env!("CARGO_PKG_VERSION") }),
    );
    Json(all.collect())
}

/// Names, or with `expand` what is asked of each.
pub async fn list(fleet: Fleets, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let expands = |what: &str| {
        let mut parts = query
            .split('&')
            .filter_map(|part| part.strip_prefix("expand="));
        parts.any(|value| value == what)
    };
    let (with_status, with_info) = (expands("status"), expands("info"));
    if !with_status && !with_info {
        return Json(fleet.names()).into_response();
    }
    let mut all = Map::new();
    for name in fleet.names() {
        let Some(sink) = fleet.sink(&name) else {
            continue;
        };
        let stands = sink.status().await;
        let mut one = Map::new();
        if with_status {
            let told = match &stands {
                Ok(status) => shape::status(status),
                Err(error) => shape::away(&name, fleet.address(), error.to_string()),
            };
            one.insert("status".to_owned(), json!(told));
        }
        if with_info {
            let info = shape::info(&sink.settings, stands.as_deref().ok());
            one.insert("info".to_owned(), json!(info));
        }
        all.insert(name, Value::Object(one));
    }
    Json(all).into_response()
}

pub async fn info(fleet: Fleets, Path(name): Path<String>) -> Result<Json<Info>, Refused> {
    let sink = found(&fleet, &name, not_found)?;
    let status = sink.status().await.ok();
    Ok(Json(shape::info(&sink.settings, status.as_deref())))
}

pub async fn config(fleet: Fleets, Path(name): Path<String>) -> Result<Response, Refused> {
    let sink = found(&fleet, &name, not_found)?;
    let status = sink.status().await.ok();
    Ok(Json(shape::config(&sink.settings, status.as_deref())).into_response())
}

pub async fn status(fleet: Fleets, Path(name): Path<String>) -> Result<Json<Status>, Refused> {
    let none = |name: &str| format!("No status found for connector {name}");
    let sink = found(&fleet, &name, none)?;
    Ok(Json(match sink.status().await {
        Ok(status) => shape::status(&status),
        Err(error) => shape::away(&name, fleet.address(), error.to_string()),
    }))
}

pub async fn topics(fleet: Fleets, Path(name): Path<String>) -> Result<Json<Value>, Refused> {
    let (_, status) = asked(&fleet, &name, not_found).await?;
    let mut topics: Vec<&str> = status.partitions.iter().map(|p| p.topic.as_str()).collect();
    topics.dedup();
    Ok(Json(json!({ name: { "topics": topics } })))
}

pub async fn tasks(fleet: Fleets, Path(name): Path<String>) -> Result<Json<Value>, Refused> {
    let (sink, status) = asked(&fleet, &name, not_found).await?;
    let info = shape::info(&sink.settings, Some(&status));
    let tasks = info.tasks.iter().zip(&status.partitions).map(|(id, part)| {
        let mut config = json!(info.config);
        config["plimsoll.topic"] = json!(part.topic);
        config["plimsoll.partition"] = json!(part.partition.to_string());
        json!({ "id": id, "config": config })
    });
    Ok(Json(tasks.collect()))
}

pub async fn task(
    fleet: Fleets,
    Path((name, id)): Path<(String, String)>,
) -> Result<Json<Task>, Refused> {
    let (_, status) = asked(&fleet, &name, |name| {
        format!("No status found for connector {name}")
    })
    .await?;
    let tasks = shape::status(&status).tasks;
    let found = id
        .parse()
        .ok()
        .and_then(|id: usize| tasks.into_iter().nth(id));
    let none = || Refused::not_found(format!("No status found for task {name}-{id}"));
    found.map(Json).ok_or_else(none)
}

pub async fn offsets(fleet: Fleets, Path(name): Path<String>) -> Result<Json<Value>, Refused> {
    let (_, status) = asked(&fleet, &name, not_found).await?;
    let offsets = status.partitions.iter().filter_map(|part| {
        Some(json!({
            "partition": { "kafka_topic": part.topic, "kafka_partition": part.partition },
            "offset": { "kafka_offset": part.position? },
        }))
    });
    Ok(Json(json!({ "offsets": offsets.collect::<Vec<_>>() })))
}
