//! `/metrics`, `/healthz`, `/readyz`.

use crate::health::Health;
use crate::metrics::publish_build;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;

#[derive(Clone)]
struct Shared {
    health: Arc<Health>,
    metrics: PrometheusHandle,
}

/// The routes.
pub fn router(health: Arc<Health>, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/metrics", get(serve_metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(serve_ready))
        .with_state(Shared { health, metrics })
}

async fn serve_metrics(State(shared): State<Shared>) -> impl IntoResponse {
    publish_build();
    shared.health.publish();
    shared.metrics.run_upkeep();
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        shared.metrics.render(),
    )
}

async fn serve_ready(State(shared): State<Shared>, RawQuery(query): RawQuery) -> impl IntoResponse {
    let report = shared.health.report();
    let strict = query.is_some_and(|q| {
        q.split('&')
            .any(|part| part == "strict" || part.starts_with("strict="))
    });
    let good = report.ready && (!strict || report.undisturbed);
    let status = if good {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(report))
}
