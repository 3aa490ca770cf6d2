//! One session with the server: how it is opened, and what is set in it.

use crate::error::{away, halt, late, on_connect};
use crate::named::Named;
use crate::{PostgresSettings, nagle, url};
use plimsoll_sink_api::SinkError;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long connecting may take. A server that needs longer is as good as away,
/// and the service tries again with backoff.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Postgres cuts an application name here.
const NAME_LIMIT: usize = 63;

/// Bytes of a sink's name that an application name shows in full; the rest is
/// for the member.
const SINK_LIMIT: usize = 36;

/// What a session is for; settles how long it may wait for a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Rows and positions. Waits for locks as long as the call may take.
    Writer,
    /// Claims, heartbeats, catalogue.
    Control,
    /// Looks for stale writers; waits for nothing.
    Sweeper,
}

/// The server processes of the sessions that this process holds right now: never
/// taken for a stale writer's.
#[derive(Debug, Default)]
pub(crate) struct Live(Mutex<HashSet<i32>>);

impl Live {
    pub(crate) fn has(&self, pid: i32) -> bool {
        self.lock().contains(&pid)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<i32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session. Dropping it closes the socket; the server rolls back what was
/// open.
pub(crate) struct Session {
    /// The connection.
    pub(crate) conn: PgConnection,
    /// The server's process.
    pub(crate) pid: i32,
    /// Reused from batch to batch.
    pub(crate) buffer: Vec<u8>,
    /// What is prepared by name.
    pub(crate) named: Named,
    live: Arc<Live>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.live.lock().remove(&self.pid);
    }
}

/// All that is needed to open a session.
pub(crate) struct Dialer {
    options: Result<PgConnectOptions, String>,
    place: String,
    call_timeout: Duration,
    /// Begins the application name of every plimsoll of this sink.
    pub(crate) name_prefix: String,
    pub(crate) live: Arc<Live>,
}

impl Dialer {
    pub(crate) fn new(settings: &PostgresSettings, member: &str) -> Self {
        let name_prefix = name_prefix(&settings.sink);
        let name = application_name(&name_prefix, member);
        let options = url::options(settings.url.reveal())
            // Statements can hold values.
            .map(|o| o.application_name(&name).disable_statement_logging());
        let place = options.as_ref().map_or_else(|_| String::new(), place);
        Self {
            options,
            place,
            call_timeout: settings.call_timeout,
            name_prefix,
            live: Arc::default(),
        }
    }

    pub(crate) async fn connect(&self, role: Role) -> Result<Session, SinkError> {
        let options = self.options.as_ref().map_err(|e| halt(e.clone()))?;
        let limit = CONNECT_LIMIT.min(self.call_timeout);
        tokio::time::timeout(limit, self.dial(options, role))
            .await
            .unwrap_or_else(|_| {
                let mut error = late(limit);
                error.detail.condition = format!(
                    "cannot connect: {} ({})",
                    error.detail.condition, self.place
                );
                Err(error)
            })
    }

    async fn dial(&self, options: &PgConnectOptions, role: Role) -> Result<Session, SinkError> {
        let failed = |e| on_connect(&self.place, e);
        let mut conn = options.connect().await.map_err(failed)?;
        nagle::turn_off(options.get_port());
        let rows = sqlx::raw_sql(AssertSqlSafe(self.session_settings(role)))
            .fetch_all(&mut conn)
            .await
            .map_err(failed)?;
        let pid = rows
            .last()
            .and_then(|row| row.try_get::<i32, _>(0).ok())
            .ok_or_else(|| away("the server does not tell its process id"))?;
        self.live.lock().insert(pid);
        Ok(Session {
            conn,
            pid,
            buffer: Vec::new(),
            named: Named::default(),
            live: Arc::clone(&self.live),
        })
    }

    /// What each session sets, in one message; the last row is the server's
    /// process id. Names that a server does not know are left out.
    fn session_settings(&self, role: Role) -> String {
        let call = self.call_timeout.as_millis().max(1);
        let lock = match role {
            Role::Writer => 0,
            Role::Control => lock_limit(self.call_timeout).as_millis().max(1),
            Role::Sweeper => 1000,
        };
        let settings = [
            // A COMMIT that waits for a synchronous replica and is cancelled
            // answers success: no server-side deadline but a dropped connection.
            ("statement_timeout", "0".to_owned()),
            ("transaction_timeout", "0".to_owned()),
            ("lock_timeout", lock.to_string()),
            // Nobody waits for this session any more by then.
            ("idle_in_transaction_session_timeout", call.to_string()),
            ("idle_session_timeout", "0".to_owned()),
            // At this level an UPDATE rechecks its predicate on the newest
            // version of the row: the fence fails closed.
            ("default_transaction_isolation", "read committed".to_owned()),
            ("default_transaction_deferrable", "off".to_owned()),
            ("standard_conforming_strings", "on".to_owned()),
            // Notices can hold values, and sqlx would log them.
            ("client_min_messages", "error".to_owned()),
            // A peer that vanished without a word is noticed within a minute.
            ("tcp_keepalives_idle", "20".to_owned()),
            ("tcp_keepalives_interval", "10".to_owned()),
            ("tcp_keepalives_count", "3".to_owned()),
            ("tcp_user_timeout", call.to_string()),
        ];
        let mut sql =
            String::from("SELECT pg_catalog.set_config(v.name, v.value, false) FROM (VALUES ");
        for (i, (name, value)) in settings.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            sql.push_str(&format!("{comma}('{name}', '{value}')"));
        }
        sql.push_str(
            ") AS v(name, value) JOIN pg_catalog.pg_settings AS s ON s.name = v.name; \
             SELECT pg_catalog.pg_backend_pid()",
        );
        sql
    }
}

/// Where the server is, for people.
pub(crate) fn place(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(path) => path.display().to_string(),
        None if options.get_host().contains(':') => {
            format!("[{}]:{}", options.get_host(), options.get_port())
        }
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// How long a claim waits for a row lock: shorter than a call, so that the
/// server's answer comes first; longer than any commit that is still alive.
pub(crate) fn lock_limit(call_timeout: Duration) -> Duration {
    Duration::from_secs(8).min(call_timeout / 2)
}

/// The part of the application name by which sessions of one sink know each
/// other. A long name is cut, and told apart by a hash.
fn name_prefix(sink: &str) -> String {
    if sink.len() <= SINK_LIMIT {
        return format!("plimsoll/{sink}/");
    }
    // FNV-1a: the same in every build, unlike the standard library's hasher.
    let hash = sink.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    let cut = floor(sink, SINK_LIMIT - 9);
    format!("plimsoll/{}~{:08x}/", &sink[..cut], hash >> 32)
}

fn application_name(prefix: &str, member: &str) -> String {
    let mut name = format!("{prefix}{member}");
    name.truncate(floor(&name, NAME_LIMIT));
    name
}

/// The largest character boundary at or below `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|&i| text.is_char_boundary(i))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_name_fits_and_shows_sink_and_member() {
        let prefix = name_prefix("orders");
        assert_eq!(
            application_name(&prefix, "host-1"),
            "plimsoll/orders/host-1"
        );
        let long = "a".repeat(60);
        let prefix = name_prefix(&long);
        assert!(prefix.len() <= NAME_LIMIT - 16, "{prefix}");
        assert_ne!(prefix, name_prefix(&format!("{long}b")));
        assert!(application_name(&prefix, &"ü".repeat(60)).len() <= NAME_LIMIT);
    }
}
