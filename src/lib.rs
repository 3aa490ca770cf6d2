//! Plimsoll: what is in Kafka into a database, each event exactly once, and
//! able to prove it.
//!
//! The position (the next offset to consume) lives in the user's database
//! beside the rows and moves only with them. The data flows one way, and the
//! modules show it:
//!
//! ```text
//!  Kafka ──► consume ──► batch ──► decode ──► route ──► commit ──► database
//!           poll thread  a chunk   in the     topic →   rows, position,
//!           pauses, never per      partition's table    fence: all or
//!           blocks       partition writer               nothing
//!              ▲                                          │
//!              │ claim: the position, from the database   │ acknowledge
//!              └──────────────────────────────────────────┘
//! ```
//!
//! The promise and its invariants stand in [`plimsoll_protocol`].

mod admin;
pub mod backends;
mod claim;
pub mod cli;
mod commit;
pub mod config;
mod consume;
pub mod demo;
mod error;
pub mod exit;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod health;
mod http;
mod kafka;
mod logging;
mod metrics;
#[cfg(test)]
mod rehearsal;
mod route;
pub mod service;
mod verify;
