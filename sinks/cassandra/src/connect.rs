//! The session with the cluster.

use crate::error::of_session;
use crate::plan::halt;
use crate::settings::{CassandraSettings, Consistency as Level};
use plimsoll_sink_api::SinkError;
use plimsoll_tls::Tls;
use rustls::ClientConfig;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::load_balancing::DefaultPolicy;
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::statement::{Consistency, SerialConsistency};
use std::sync::Arc;
use std::time::Duration;

/// How long connecting may take. A cluster that needs longer is as good as away,
/// and the service tries again with backoff.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Between two signs that a silent connection is still there: a broken one must
/// be noticed well within the time that `rewind` covers.
const KEEPALIVE: Duration = Duration::from_secs(3);

/// Of writes, and of reads where a level is one for reads.
pub(crate) fn write_level(level: Level) -> Consistency {
    match level {
        Level::One => Consistency::One,
        Level::LocalOne => Consistency::LocalOne,
        Level::Two => Consistency::Two,
        Level::Three => Consistency::Three,
        Level::Quorum => Consistency::Quorum,
        Level::LocalQuorum => Consistency::LocalQuorum,
        Level::EachQuorum => Consistency::EachQuorum,
        Level::All => Consistency::All,
    }
}

/// EACH_QUORUM is for writes alone; what it has written, LOCAL_QUORUM reads.
pub(crate) fn read_level(level: Level) -> Consistency {
    match level {
        Level::EachQuorum => Consistency::LocalQuorum,
        other => write_level(other),
    }
}

/// Claims are agreed on as widely as rows are written.
pub(crate) fn serial_level(level: Level) -> SerialConsistency {
    match level {
        Level::LocalOne | Level::LocalQuorum => SerialConsistency::LocalSerial,
        Level::One | Level::Two | Level::Three | Level::Quorum | Level::EachQuorum | Level::All => {
            SerialConsistency::Serial
        }
    }
}

/// Opens a session; it keeps its connections from then on.
pub(crate) async fn open(settings: &CassandraSettings) -> Result<Session, SinkError> {
    let mut policy = DefaultPolicy::builder().token_aware(true);
    if let Some(datacenter) = &settings.local_datacenter {
        policy = policy
            .prefer_datacenter(datacenter.clone())
            .permit_dc_failover(false);
    }
    let profile = ExecutionProfile::builder()
        .consistency(write_level(settings.consistency))
        .serial_consistency(Some(serial_level(settings.consistency)))
        .request_timeout(Some(settings.call_timeout))
        // What to repeat, and when, is decided by `retry`, which knows that every
        // write is safe to repeat.
        .retry_policy(Arc::new(FallthroughRetryPolicy::new()))
        .speculative_execution_policy(None)
        .load_balancing_policy(policy.build())
        .build();
    let mut builder = SessionBuilder::new()
        .known_nodes(&settings.contact_points)
        .default_execution_profile_handle(profile.into_handle())
        .connection_timeout(CONNECT_LIMIT)
        .keepalive_interval(KEEPALIVE)
        .keepalive_timeout(KEEPALIVE)
        .tcp_nodelay(true);
    if let Some(login) = &settings.login {
        builder = builder.user(&login.username, login.password.reveal());
    }
    if let Some(tls) = &settings.tls {
        builder = builder.tls_context(Some(client_config(tls)?));
    }
    if settings.contact_points.is_empty() {
        return Err(halt("contact_points is empty").hint("name a node: [\"127.0.0.1:9042\"]"));
    }
    match tokio::time::timeout(CONNECT_LIMIT * 2, builder.build()).await {
        Ok(Ok(session)) => Ok(session),
        Ok(Err(error)) => Err(of_session(&error, &settings.contact_points)),
        Err(_) => Err(SinkError::new(
            plimsoll_protocol::Class::Unavailable,
            format!(
                "no connection to {} within 20 s",
                settings.contact_points.join(", ")
            ),
        )),
    }
}
/// The driver's settings of TLS.
fn client_config(tls: &Tls) -> Result<Arc<ClientConfig>, SinkError> {
    match tls.client_config() {
        Ok(config) => Ok(Arc::new(config)),
        Err(error) => Err(halt(error.to_string()).hint(error.hint())),
    }
}
