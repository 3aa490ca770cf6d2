//! What the tasks of one sink share.

use super::commits::Commits;
use super::control::Control;
use crate::config::OnBadRecord;
use crate::health::Health;
use crate::kafka::Looks;
use crate::metrics as names;
use crate::route::Router;
use metrics::counter;
use plimsoll_protocol::TopicPartition;
use plimsoll_record::Formats;
use plimsoll_sink_api::{Identity, Member, Sink, SinkError, TableRule, TableSettings, rule_for};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use tracing::{debug, warn};

/// What the tasks of one sink share.
pub struct Lane<S: Sink> {
    /// The sink's name.
    pub name: String,
    /// The database.
    pub sink: Arc<S>,
    /// Its tables.
    pub router: Router<S>,
    /// What is committed together.
    pub commits: Arc<Commits<S>>,
    /// Who claims.
    pub member: Member,
    /// Whose the positions are.
    pub identity: Identity,
    /// What a bad record does.
    pub on_bad_record: OnBadRecord,
    /// How records are read.
    pub formats: Formats,
    /// What the config says of tables.
    pub tables: Vec<TableRule>,
    /// Rows of one commit, and those of one more record at most: as many as a batch has
    /// records.
    pub max_rows: usize,
    /// Where it is asked what a batch was fetched from.
    pub looks: Looks,
    /// Told about halts and outages.
    pub health: Arc<Health>,
    /// The poll thread's ear.
    pub control: Sender<Control>,
}

impl<S: Sink> Lane<S> {
    /// What the config says of a topic's table.
    pub fn settings(&self, topic: &str) -> Option<&TableSettings> {
        rule_for(&self.tables, topic)
    }

    /// Tells the poll thread; it is gone only when the service is.
    pub fn tell(&self, control: Control) {
        if self.control.send(control).is_err() {
            debug!(sink = self.name, "the poll thread has ended");
        }
    }

    /// Notes that the database did not do its part for a partition, and why.
    pub fn note_away(&self, tp: Option<&TopicPartition>, error: &SinkError) {
        counter!(names::RETRIES, "sink" => self.name.clone(), "reason" => error.class.as_str())
            .increment(1);
        self.health.database(&self.name, tp, error);
    }
}

/// Counts a claim, and what it had to end.
pub fn note_claim(sink: &str, terminated: u32) {
    counter!(names::CLAIMS, "sink" => sink.to_owned()).increment(1);
    if terminated > 0 {
        counter!(names::TERMINATED, "sink" => sink.to_owned()).increment(terminated.into());
        warn!(
            sink,
            terminated, "sessions of a stale writer were in the way and were terminated"
        );
    }
}
