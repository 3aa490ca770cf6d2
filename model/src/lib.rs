//! A model of the position protocol, searched exhaustively within bounds.
//!
//! The decisions are the service's own: the models call the crate
//! `plimsoll_protocol` and keep nothing of it in a copy. What they add is the
//! world: Kafka's coordinator, processes that stop, requests that are lost or
//! late, databases that fail over. `docs/MODEL.md` says what is modelled, and
//! what is not.

pub mod cassandra;
mod faults;
pub mod fetches;
pub mod lives;
pub mod postgres;
pub mod report;
pub mod starts;
mod topic;
