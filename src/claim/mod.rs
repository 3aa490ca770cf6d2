//! Claim: from an assignment to a position, which is recovered from the sink
//! and never from Kafka's committed offsets.

mod starts;
mod task;

pub use task::{ClaimRequest, claim_loop};
