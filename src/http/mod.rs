//! What the process answers: metrics and health, each sink as its tools and people want to
//! see it, and, on a listener of its own, what changes something.

mod api;
mod connect;
mod error;
mod guard;

use crate::config::Access;
use crate::fleet::Fleet;
use crate::formats::SharedRegistry;
use crate::health::Health;
use crate::metrics::{publish_build, publish_process, publish_schemas};
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use error::Refused;
use guard::Guard;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use tokio::sync::watch;

#[derive(Clone)]
struct Shared {
    health: Arc<Health>,
    registry: watch::Receiver<SharedRegistry>,
    metrics: PrometheusHandle,
}

/// A body that changes something names partitions, of a thousand at most.
const LARGEST_BODY: usize = 128 << 10;

/// The routes of the listener that only reads.
pub fn router(
    health: Arc<Health>,
    registry: watch::Receiver<SharedRegistry>,
    metrics: PrometheusHandle,
    (fleet, hosts): (Arc<Fleet>, Arc<[String]>),
) -> Router {
    // Probes and scrapes come by whatever name a cluster gives to the process, and a page
    // could learn nothing from them but numbers: they are not asked for theirs.
    let probes = Router::new()
        .route("/metrics", get(serve_metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(serve_ready))
        .with_state(Shared {
            health,
            registry,
            metrics,
        });
    let guard = Guard { hosts, admin: None };
    probes.merge(guarded(fleet, guard))
}

/// The routes of the listener that changes what is wanted.
pub fn admin_router(fleet: Arc<Fleet>, hosts: Arc<[String]>, access: Access) -> Router {
    let admin = Some(Arc::new(access));
    guarded(fleet, Guard { hosts, admin })
}

fn guarded(fleet: Arc<Fleet>, guard: Guard) -> Router {
    connect::routes()
        .merge(api::routes())
        .method_not_allowed_fallback(|| async {
            Refused::new(StatusCode::METHOD_NOT_ALLOWED, "not with this method")
        })
        .fallback(|| async { Refused::not_found("HTTP 404 Not Found") })
        .with_state(fleet)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn_with_state(guard, guard::guard))
}

async fn serve_metrics(State(shared): State<Shared>) -> impl IntoResponse {
    publish_build();
    publish_process();
    if let Some(kept) = shared.registry.borrow().kept() {
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
