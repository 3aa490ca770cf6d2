//! Rows on their way: many requests at once, those of one partition key
//! together.
//!
//! The order in which they arrive does not matter: each carries the timestamp of
//! its offset, and the largest wins.

use crate::error::{Failure, of_execution};
use crate::plan::CassandraPlan;
use crate::retry::counted;
use crate::rows::{Bound, Encoded};
use futures_util::{StreamExt, TryStreamExt, stream};
use plimsoll_sink_api::Op;
use scylla::client::session::Session;
use scylla::statement::batch::{Batch, BatchType};
use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Bytes of rows in one unlogged batch: the server warns at 5 KiB
/// (`batch_size_warn_threshold`), and counts more than the cells.
const BATCH_BYTES: usize = 4 << 10;
/// Rows of one, for rows of a few bytes each cost the server more than that.
const BATCH_ROWS: usize = 64;

/// How rows are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way<'s> {
    pub(crate) session: &'s Session,
    /// Requests under way at once, all partitions of the sink together.
    pub(crate) in_flight: &'s Semaphore,
    /// How many that are.
    pub(crate) max_in_flight: usize,
    /// Rows of one partition key together.
    pub(crate) batches: bool,
    pub(crate) call_timeout: Duration,
}

/// What it took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sent {
    pub(crate) requests: u64,
    /// Sent again to a busy server.
    pub(crate) repeated: u64,
}

/// Writes all rows; the first error ends it, and what is on its way is left to
/// the server.
pub(crate) async fn rows(
    way: Way<'_>,
    plan: &CassandraPlan,
    encoded: &Encoded,
) -> Result<Sent, Failure> {
    let requests = requests(encoded, way.batches);
    let (count, repeated) = (requests.len() as u64, AtomicU64::new(0));
    stream::iter(requests)
        .map(|request| send(way, plan, encoded, request, &repeated))
        .buffer_unordered(way.max_in_flight)
        .try_collect::<()>()
        .await?;
    Ok(Sent {
        requests: count,
        repeated: repeated.into_inner(),
    })
}

async fn send(
    way: Way<'_>,
    plan: &CassandraPlan,
    encoded: &Encoded,
    request: Vec<usize>,
    repeated: &AtomicU64,
) -> Result<(), Failure> {
    // Never closed.
    let _permit = way.in_flight.acquire().await;
    counted(way.call_timeout, repeated, || {
        attempt(way, plan, encoded, &request)
    })
    .await
}

async fn attempt(
    way: Way<'_>,
    plan: &CassandraPlan,
    encoded: &Encoded,
    request: &[usize],
) -> Result<(), Failure> {
    let statement = |row: &Bound<'_>| match row.op {
        Op::Put => &plan.insert,
        Op::Delete => &plan.delete,
    };
    let done = match request {
        [only] => {
            let row = encoded.row(*only);
            way.session.execute_unpaged(statement(&row), row).await
        }
        many => {
            let rows: Vec<Bound<'_>> = many.iter().map(|&i| encoded.row(i)).collect();
            let mut batch = Batch::new(BatchType::Unlogged);
            batch.set_is_idempotent(true);
            for row in &rows {
                batch.append_statement(statement(row).clone());
            }
            way.session.batch(&batch, rows).await
        }
    };
    done.map(|_| ()).map_err(|error| of_execution(&error))
}

/// Which rows travel together, in the order of their first.
fn requests(encoded: &Encoded, batches: bool) -> Vec<Vec<usize>> {
    if !batches {
        return (0..encoded.len()).map(|i| vec![i]).collect();
    }
    struct Open {
        request: usize,
        bytes: usize,
    }
    let mut requests: Vec<Vec<usize>> = Vec::new();
    let mut open: HashMap<&[u8], Open> = HashMap::new();
    for i in 0..encoded.len() {
        let bytes = encoded.size(i);
        match open.get_mut(encoded.partition(i)) {
            Some(at)
                if at.bytes + bytes <= BATCH_BYTES && requests[at.request].len() < BATCH_ROWS =>
            {
                at.bytes += bytes;
                requests[at.request].push(i);
            }
            _ => {
                let request = requests.len();
                requests.push(vec![i]);
                open.insert(encoded.partition(i), Open { request, bytes });
            }
        }
    }
    requests
}
