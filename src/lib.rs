//! Plimsoll: what is in Kafka into a database, each event exactly once, and
//! able to prove it.
//!
//! The position (the next offset to consume) lives in the user's database
//! beside the rows and moves only with them. The data flows one way, and the
//! modules show it:
//!
//! ```text
//!  Kafka ──► poll ─────► batch ──► decode ──► route ──► commit ──► database
//!           one thread,  a chunk   in the     topic →   rows, position,
//!           pauses, never per      partition's table    fence: all or
//!           blocks       partition writer               nothing
//!              ▲                                          │
//!              │ claim: the position, from the database   │ acknowledge
//!              └──────────────────────────────────────────┘
//! ```
//!
//! `kafka` talks to librdkafka; `engine` holds the way from poll to commit.
//!
//! The promise and its invariants stand in [`plimsoll_protocol`].

mod admin;
pub mod backends;
pub mod cli;
pub mod config;
pub mod demo;
mod engine;
mod error;
pub mod exit;
mod fleet;
mod formats;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod health;
mod http;
#[cfg(test)]
mod in_process;
mod kafka;
mod logging;
mod metrics;
mod pace;
mod propose;
mod route;
pub mod service;
mod text;
mod toml_text;
mod verify;
