//! Stale writers: sessions of a process that was stopped, or whose network was
//! cut, and that hold locks with nobody behind them. Only
//! `pg_terminate_backend` ends a session that waits inside COPY.

use crate::blocked::{Holder, Waiter};
use crate::connect::{Dialer, Live, Role, Session};
use crate::error::from_sqlx;
use plimsoll_sink_api::SinkError;
use sqlx::Row;
use sqlx::postgres::PgRow;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Between two looks. Short against a takeover, long against a look's cost.
const PAUSE: Duration = Duration::from_millis(500);

/// How long one look may take; the answer of the watched call waits for it.
const LOOK_LIMIT: Duration = Duration::from_secs(2);

/// Who is blocked. A claim means that the group gave the partition away: whoever
/// holds its row is on the way out. A commit's rows may also wait for a peer that
/// is only busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Claim,
    Commit,
    /// A heartbeat, or a look at the catalogue: it ends nobody.
    Other,
}

impl Purpose {
    /// How long the call may wait before anybody looks.
    const fn pause(self) -> Duration {
        match self {
            Self::Claim | Self::Other => Duration::from_secs(1),
            Self::Commit => Duration::from_secs(2),
        }
    }

    /// Looks that must find a session waiting for its client, in the same
    /// statement, before it counts as stale; `None`: it is left alone.
    const fn looks_idle(self) -> Option<u32> {
        match self {
            Self::Claim => Some(1),
            // A live peer's COPY makes progress in less than this; if it does
            // not, it loses nothing but time.
            Self::Commit => Some(3),
            Self::Other => None,
        }
    }

    /// The same for a session that is at work; `None`: it is left alone.
    const fn looks_busy(self) -> Option<u32> {
        match self {
            // 5 s: a commit that is merely slow may end by itself.
            Self::Claim => Some(10),
            Self::Commit | Self::Other => None,
        }
    }
}

/// A session at the root of the waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Blocker {
    pid: i32,
    /// With the pid, tells sessions apart for good.
    started: String,
    /// Role, database and sink are ours.
    ours: bool,
    application: String,
    /// Waits for a lock itself: not the root.
    blocked: bool,
    /// Waits for its client, inside a transaction or a COPY.
    idle: bool,
    /// Changes when the session does something.
    doing: String,
    /// Whose it is, what it does and since when; empty where this role may not
    /// know.
    person: String,
    state: String,
    since: String,
}

impl Blocker {
    fn holder(&self) -> Holder {
        if self.pid == 0 {
            return Holder {
                who: "a prepared transaction".to_owned(),
                pid: None,
            };
        }
        let mut who = format!("session {} (application \"{}\"", self.pid, self.application);
        for (word, fact) in [
            ("user", &self.person),
            ("", &self.state),
            ("in a transaction since", &self.since),
        ] {
            if !fact.is_empty() {
                let space = if word.is_empty() { "" } else { " " };
                who.push_str(&format!(", {word}{space}{fact}"));
            }
        }
        who.push(')');
        Holder {
            who,
            pid: Some(self.pid),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Terminate,
    Wait,
    Foreign,
}

fn verdict(purpose: Purpose, live: bool, blocker: &Blocker, looks: u32) -> Verdict {
    if blocker.blocked || live {
        return Verdict::Wait;
    }
    if !blocker.ours {
        return Verdict::Foreign;
    }
    let needed = match blocker.idle {
        true => purpose.looks_idle(),
        false => purpose.looks_busy(),
    };
    match needed {
        Some(needed) if looks >= needed => Verdict::Terminate,
        _ => Verdict::Wait,
    }
}

/// Runs `work`, whose statement runs in the server process `pid`, and clears
/// stale writers out of its way when it takes long; says how many it terminated.
pub(crate) async fn watch<T>(
    dialer: &Arc<Dialer>,
    pid: i32,
    purpose: Purpose,
    waiter: &Waiter,
    work: impl Future<Output = T>,
) -> (T, u32) {
    let mut work = pin!(work);
    let mut sweep = Sweep {
        dialer: Arc::clone(dialer),
        session: None,
        pid,
        purpose,
        seen: HashMap::new(),
        terminated: 0,
        in_the_way: None,
    };
    let mut pause = purpose.pause();
    loop {
        tokio::select! {
            done = &mut work => return (done, sweep.terminated),
            () = sleep(pause) => {}
        }
        pause = PAUSE;
        // A look is finished even when the work ends meanwhile: it may be the
        // very reason, and is to be counted.
        let mut done = None;
        {
            let mut look = pin!(sweep.look());
            loop {
                tokio::select! {
                    result = &mut work, if done.is_none() => done = Some(result),
                    () = &mut look => break,
                }
            }
        }
        if let Some(done) = done {
            return (done, sweep.terminated);
        }
        waiter.found(sweep.in_the_way.take());
    }
}

struct Sweep {
    dialer: Arc<Dialer>,
    session: Option<Session>,
    pid: i32,
    purpose: Purpose,
    /// By pid and start: what it was doing, and how many looks found it so.
    seen: HashMap<(i32, String), (String, u32)>,
    terminated: u32,
    /// Somebody else's session, as the last look found it.
    in_the_way: Option<Holder>,
}

const BLOCKERS: &str = r#"
WITH RECURSIVE chain(pid) AS (
    SELECT unnest(pg_catalog.pg_blocking_pids($1))
    UNION
    SELECT unnest(pg_catalog.pg_blocking_pids(chain.pid)) FROM chain WHERE chain.pid <> 0
)
SELECT chain.pid, a.backend_start::text AS started,
    coalesce(a.usename = current_user AND a.datname = current_database(), false) AS ours,
    coalesce(a.application_name, '') AS application,
    coalesce(a.usename::text, '') AS person, coalesce(a.state, '') AS state,
    coalesce(to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), '') AS since,
    cardinality(pg_catalog.pg_blocking_pids(chain.pid)) > 0 AS blocked,
    coalesce(a.state LIKE 'idle in transaction%' OR a.wait_event_type = 'Client', false) AS idle,
    concat_ws(' ', a.state, a.xact_start, a.query_start, a.wait_event, c.bytes_processed) AS doing
FROM chain LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = chain.pid
LEFT JOIN pg_catalog.pg_stat_progress_copy AS c ON c.pid = chain.pid"#;

const TERMINATE: &str = "SELECT pg_catalog.pg_terminate_backend(pid) AS done \
     FROM pg_catalog.pg_stat_activity WHERE pid = $1 AND backend_start::text = $2";

impl Sweep {
    /// One look. What goes wrong is forgotten: the call that is watched has its
    /// own deadline.
    async fn look(&mut self) {
        let Ok(Ok(())) = timeout(LOOK_LIMIT, self.try_look()).await else {
            self.session = None;
            return;
        };
    }

    async fn try_look(&mut self) -> Result<(), SinkError> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.dialer.connect(Role::Sweeper).await?,
        };
        let rows = sqlx::query(BLOCKERS)
            .bind(self.pid)
            .fetch_all(&mut session.conn)
            .await
            .map_err(from_sqlx)?;
        for row in &rows {
            let blocker = blocker(row, &self.dialer.name_prefix).map_err(from_sqlx)?;
            if self.judge(&blocker, &self.dialer.live.clone()) != Verdict::Terminate {
                continue;
            }
            let done = sqlx::query(TERMINATE)
                .bind(blocker.pid)
                .bind(&blocker.started)
                .fetch_optional(&mut session.conn)
                .await
                .map_err(from_sqlx)?;
            if done.is_some_and(|row| row.try_get("done").unwrap_or(false)) {
                self.terminated += 1;
                tracing::warn!(
                    application = blocker.application,
                    pid = blocker.pid,
                    "terminated the session of a stale writer that was in the way"
                );
            }
        }
        self.session = Some(session);
        Ok(())
    }

    fn judge(&mut self, blocker: &Blocker, live: &Live) -> Verdict {
        let key = (blocker.pid, blocker.started.clone());
        let seen = self.seen.entry(key).or_default();
        if seen.0 == blocker.doing {
            seen.1 += 1;
        } else {
            // A session at work changes its waits all the time; for it only the
            // time counts.
            let looks = if blocker.idle { 1 } else { seen.1 + 1 };
            *seen = (blocker.doing.clone(), looks);
        }
        let looks = seen.1;
        let verdict = verdict(self.purpose, live.has(blocker.pid), blocker, looks);
        if verdict == Verdict::Foreign {
            self.in_the_way = Some(blocker.holder());
        }
        verdict
    }
}

fn blocker(row: &PgRow, prefix: &str) -> sqlx::Result<Blocker> {
    let application: String = row.try_get("application")?;
    Ok(Blocker {
        pid: row.try_get("pid")?,
        started: row
            .try_get::<Option<String>, _>("started")?
            .unwrap_or_default(),
        ours: row.try_get::<bool, _>("ours")? && application.starts_with(prefix),
        application,
        blocked: row.try_get("blocked")?,
        idle: row.try_get("idle")?,
        doing: row.try_get("doing")?,
        person: row.try_get("person")?,
        state: row.try_get("state")?,
        since: row.try_get("since")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocker(ours: bool, blocked: bool, idle: bool) -> Blocker {
        Blocker {
            pid: 1,
            started: String::new(),
            ours,
            application: String::new(),
            blocked,
            idle,
            doing: String::new(),
            person: String::new(),
            state: String::new(),
            since: String::new(),
        }
    }

    #[test]
    fn a_stranger_is_shown_as_far_as_the_role_may_know_it() {
        let mut stranger = blocker(false, false, true);
        "psql".clone_into(&mut stranger.application);
        assert_eq!(stranger.holder().who, "session 1 (application \"psql\")");
        "bob".clone_into(&mut stranger.person);
        "idle in transaction".clone_into(&mut stranger.state);
        "2026-01-31T08:00:00Z".clone_into(&mut stranger.since);
        assert_eq!(
            stranger.holder().who,
            "session 1 (application \"psql\", user bob, idle in transaction, in a transaction \
             since 2026-01-31T08:00:00Z)"
        );
    }

    #[test]
    fn only_roots_of_this_sink_that_are_not_live_are_terminated() {
        use Purpose::{Claim, Commit, Other};
        let idle = blocker(true, false, true);
        let busy = blocker(true, false, false);
        assert_eq!(verdict(Claim, false, &idle, 1), Verdict::Terminate);
        assert_eq!(verdict(Claim, true, &idle, 9), Verdict::Wait);
        assert_eq!(verdict(Claim, false, &busy, 9), Verdict::Wait);
        assert_eq!(verdict(Claim, false, &busy, 10), Verdict::Terminate);
        assert_eq!(verdict(Commit, false, &idle, 2), Verdict::Wait);
        assert_eq!(verdict(Commit, false, &idle, 3), Verdict::Terminate);
        assert_eq!(verdict(Commit, false, &busy, 99), Verdict::Wait);
        assert_eq!(verdict(Other, false, &idle, 99), Verdict::Wait);
        assert_eq!(
            verdict(Claim, false, &blocker(false, false, true), 99),
            Verdict::Foreign
        );
        assert_eq!(
            verdict(Claim, false, &blocker(true, true, true), 99),
            Verdict::Wait
        );
    }
}
