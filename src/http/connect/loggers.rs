//! How much is logged: shown, and set at the start only.

use super::super::error::Refused;
use axum::Json;
use axum::extract::Path;
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;

fn root() -> Value {
    json!({ "level": LevelFilter::current().to_string().to_uppercase(), "last_modified": null })
}

pub async fn all() -> Json<Value> {
    Json(json!({ "root": root() }))
}

pub async fn one(Path(name): Path<String>) -> Result<Json<Value>, Refused> {
    match name.as_str() {
        "root" => Ok(Json(root())),
        _ => Err(Refused::not_found(format!("Logger {name} not found."))),
    }
}
