//! `/metrics`, `/healthz`, `/readyz`.

use crate::formats::SharedRegistry;
use crate::health::Health;
use crate::metrics::{publish_build, publish_process, publish_schemas};
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;

#[derive(Clone)]
struct Shared {
    health: Arc<Health>,
    registry: SharedRegistry,
    metrics: PrometheusHandle,
}

/// The routes.
pub fn router(health: Arc<Health>, registry: SharedRegistry, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/metrics", get(serve_metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(serve_ready))
        .with_state(Shared {
            health,
            registry,
            metrics,
        })
}

async fn serve_metrics(State(shared): State<Shared>) -> impl IntoResponse {
    publish_build();
    publish_process();
    if let Some(kept) = shared.registry.kept() {
        publish_schemas(kept);
    }
    shared.health.publish();
    shared.metrics.run_upkeep();
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        shared.metrics.render() + &shared.health.render_logs(),
    )
}

async fn serve_ready(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let strict = match strict(query.as_deref().unwrap_or_default()) {
        Ok(strict) => strict,
        Err(words) => return (StatusCode::BAD_REQUEST, words).into_response(),
    };
    let report = shared.health.report();
    let good = report.ready && (!strict || report.undisturbed);
    let status = if good {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(report)).into_response()
}

/// Whether a query asks for the strict answer. A value that is not understood is
/// refused: a probe that means something else must not pass for healthy.
fn strict(query: &str) -> Result<bool, &'static str> {
    let mut strict = false;
    for part in query.split('&') {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        if name != "strict" {
            continue;
        }
        strict = match value {
            "" | "1" | "true" => true,
            "0" | "false" => false,
            _ => return Err("strict is neither true nor false; hint: /readyz?strict=true\n"),
        };
    }
    Ok(strict)
}

#[cfg(test)]
mod tests {
    use super::strict;

    #[test]
    fn strict_is_what_its_value_says() {
        for query in ["strict", "strict=", "strict=1", "a=b&strict=true"] {
            assert_eq!(strict(query), Ok(true), "{query}");
        }
        for query in ["", "strict=0", "strict=false", "strictly=1"] {
            assert_eq!(strict(query), Ok(false), "{query}");
        }
        assert!(strict("strict=maybe").is_err());
    }
}
