//! The way back: what a database commits → Kafka, each event exactly once.
//!
//! A source reads an outbox of Postgres by logical decoding and sends its events in
//! transactions of Kafka. Each of those carries the source's position, in a topic of its
//! own. What is decided stands in `plimsoll_protocol::source`; here it is done.
//!
//! Walk with an event: [`postgres`] holds the session that streams the database's log,
//! [`outbox`] makes events of its changes, [`kafka`] sends them and keeps the position,
//! and [`life`] is the loop between them, from the claim to the end.

mod halt;
mod kafka;
mod life;
mod outbox;
mod postgres;
mod record;
mod settings;
mod template;
mod watch;

pub use halt::Halt;
pub use life::{Stop, adopt, run, stop};
pub use postgres::{Found, Wrong, check_url, look};
pub use record::SEQ_HEADER;
pub use settings::{
    Boundary, Columns, Kafka, OnBadRow, Outbox, PostgresSettings, SourceSettings, TableName,
};
pub use template::{BadTemplate, Template};
pub use watch::{Committed, Side, Watch};
