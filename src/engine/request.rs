//! What the poll thread asks of the claimer.

use super::assignment::{Generation, Leased};
use plimsoll_protocol::TopicPartition;

/// A partition that wants to be claimed.
#[derive(Debug)]
pub struct ClaimRequest {
    /// Which.
    pub tp: TopicPartition,
    /// Of which life.
    pub generation: Generation,
    /// Whether it still wants to be.
    pub leased: Leased,
    /// Why it is halted, where Kafka refused to give records out.
    pub refused: Option<String>,
}
