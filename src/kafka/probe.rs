//! Whether a log holds a record where a consumer says that there is none.

use super::cluster::Cluster;
use super::log::{LogReader, Reads, ShortLog};
use super::timeouts::SAMPLE;
use crate::error::KafkaFault;
use plimsoll_protocol::{Span, TopicPartition};
use std::time::Instant;

/// Whether another client finds a record there. Blocks, for [`SAMPLE`] at most.
///
/// # Errors
/// It cannot be told.
pub fn holds_record(
    cluster: &Cluster,
    group_id: &str,
    tp: &TopicPartition,
    span: Span,
) -> Result<bool, KafkaFault> {
    let config = cluster.config().clone();
    let mut reader = LogReader::new(config, group_id, Reads::Single, ShortLog::EndsSpan)?;
    reader.begin([(tp.clone(), span)])?;
    let deadline = Instant::now() + SAMPLE;
    while reader.taken() == 0 && reader.open().next().is_some() {
        if Instant::now() >= deadline {
            return Err(KafkaFault::new("the log is silent"));
        }
        reader.step()?;
    }
    Ok(reader.taken() > 0)
}
