//! The statements over plimsoll's own tables, prepared once.

use crate::connect::{read_level, serial_level};
use crate::error::of_prepare;
use crate::settings::Consistency as Level;
use plimsoll_protocol::Class;
use plimsoll_sink_api::text::ident;
use plimsoll_sink_api::{FORGOTTEN_AFTER, SinkError};
use scylla::client::session::Session;
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::{Consistency, SerialConsistency};

/// All of them.
#[derive(Debug)]
pub(crate) struct Statements {
    pub(crate) claim_row: PreparedStatement,
    pub(crate) claim_rows: PreparedStatement,
    pub(crate) settle: PreparedStatement,
    pub(crate) note_start: PreparedStatement,
    pub(crate) note_position: PreparedStatement,
    pub(crate) start: PreparedStatement,
    pub(crate) starts: PreparedStatement,
    pub(crate) claim: PreparedStatement,
    pub(crate) release: PreparedStatement,
    pub(crate) remember_topic: PreparedStatement,
    pub(crate) set: PreparedStatement,
    pub(crate) position: PreparedStatement,
    pub(crate) latest_generation: PreparedStatement,
    pub(crate) advance: PreparedStatement,
    pub(crate) heartbeat: PreparedStatement,
    pub(crate) heartbeats: PreparedStatement,
    pub(crate) insert: PreparedStatement,
    pub(crate) letters: PreparedStatement,
    pub(crate) letters_at: PreparedStatement,
    pub(crate) letter: PreparedStatement,
    pub(crate) remove_one: PreparedStatement,
    pub(crate) remove_pieces: PreparedStatement,
    pub(crate) act: PreparedStatement,
    pub(crate) acts: PreparedStatement,
    pub(crate) reached: PreparedStatement,
    pub(crate) report: PreparedStatement,
    pub(crate) farewell: PreparedStatement,
    pub(crate) reports: PreparedStatement,
    pub(crate) wanted: PreparedStatement,
    pub(crate) want: PreparedStatement,
    pub(crate) note_command: PreparedStatement,
    pub(crate) commands: PreparedStatement,
}

const CLAIM_COLUMNS: &str = "topic, partition, epoch, owner, owner_name, group_id, cluster_id, \
                             topic_id, generation, base, floor_offset, start_offset";

const LETTER_COLUMNS: &str =
    "kafka_offset, timestamp_ms, failed_at, condition, code, column_name, bytes";

const ONE: &str = "sink = ? AND topic = ? AND partition = ?";

impl Statements {
    /// Prepares all.
    pub(crate) async fn prepare(
        session: &Session,
        keyspace: &str,
        level: Level,
    ) -> Result<Self, SinkError> {
        let k = ident(keyspace);
        let read = read_level(level);
        let serial = match serial_level(level) {
            SerialConsistency::Serial => Consistency::Serial,
            SerialConsistency::LocalSerial => Consistency::LocalSerial,
        };
        let make = async |cql: String, level: Option<Consistency>| {
            let mut statement = session.prepare(cql).await.map_err(|error| {
                let error = SinkError::from(of_prepare(&error));
                match error.class {
                    Class::Unavailable | Class::Transient => error,
                    _ => error.hint(format!(
                        "are plimsoll's tables in keyspace \"{keyspace}\"? \"plimsoll migrate\" makes them"
                    )),
                }
            })?;
            statement.set_is_idempotent(true);
            if let Some(level) = level {
                statement.set_consistency(level);
            }
            Ok::<_, SinkError>(statement)
        };
        Ok(Self {
            // What a claim reads is what the last one wrote.
            claim_row: make(
                format!("SELECT {CLAIM_COLUMNS} FROM {k}.claims WHERE {ONE}"),
                Some(serial),
            )
            .await?,
            claim_rows: make(
                format!("SELECT {CLAIM_COLUMNS} FROM {k}.claims WHERE sink = ?"),
                Some(read),
            )
            .await?,
            settle: make(
                format!(
                    "INSERT INTO {k}.claims (sink, topic, partition, epoch, group_id, cluster_id, \
                     topic_id, generation, base, floor_offset, start_offset) \
                     VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS"
                ),
                None,
            )
            .await?,
            note_start: make(
                format!("INSERT INTO {k}.starts (sink, topic, partition) VALUES (?, ?, ?)"),
                None,
            )
            .await?,
            note_position: make(
                format!("UPDATE {k}.starts USING TIMESTAMP ? SET positioned = ? WHERE {ONE}"),
                None,
            )
            .await?,
            start: make(
                format!("SELECT positioned FROM {k}.starts WHERE {ONE}"),
                Some(read),
            )
            .await?,
            starts: make(
                format!("SELECT topic, partition FROM {k}.starts WHERE sink = ?"),
                Some(read),
            )
            .await?,
            claim: make(
                format!(
                    "UPDATE {k}.claims SET epoch = ?, owner = ?, owner_name = ?, \
                     claimed_at = toTimestamp(now()) WHERE {ONE} IF epoch = ?"
                ),
                None,
            )
            .await?,
            release: make(
                format!(
                    "UPDATE {k}.claims SET owner = null, owner_name = null WHERE {ONE} \
                     IF epoch = ? AND owner = ?"
                ),
                None,
            )
            .await?,
            remember_topic: make(
                format!(
                    "UPDATE {k}.claims SET topic_id = ? WHERE {ONE} \
                     IF epoch = ? AND owner = ? AND topic_id = null"
                ),
                None,
            )
            .await?,
            set: make(
                format!(
                    "UPDATE {k}.claims SET epoch = ?, owner = null, owner_name = null, \
                     group_id = ?, cluster_id = ?, topic_id = ?, generation = ?, base = ?, \
                     floor_offset = ?, start_offset = ? WHERE {ONE} IF epoch = ?"
                ),
                None,
            )
            .await?,
            position: make(
                format!(
                    "SELECT next_offset, marks, fingerprint_offset, fingerprint_hash, \
                     leader_epoch, moved_at, toTimestamp(now()) \
                     FROM {k}.positions WHERE {ONE} AND generation = ?"
                ),
                Some(read),
            )
            .await?,
            // The latest comes first: see the table's order.
            latest_generation: make(
                format!("SELECT generation FROM {k}.positions WHERE {ONE} LIMIT 1"),
                Some(read),
            )
            .await?,
            advance: make(
                format!(
                    "INSERT INTO {k}.positions (sink, topic, partition, generation, next_offset, \
                     marks, fingerprint_offset, fingerprint_hash, leader_epoch, moved_at) \
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, toTimestamp(now())) USING TIMESTAMP ?"
                ),
                None,
            )
            .await?,
            heartbeat: make(
                format!(
                    "INSERT INTO {k}.heartbeats (sink, owner, at) \
                     VALUES (?, ?, toTimestamp(now())) USING TTL 3600"
                ),
                None,
            )
            .await?,
            heartbeats: make(
                format!("SELECT owner, at, toTimestamp(now()) FROM {k}.heartbeats WHERE sink = ?"),
                Some(read),
            )
            .await?,
            insert: make(
                format!(
                    "INSERT INTO {k}.dead_letters (sink, topic, partition, kafka_offset, \
                     timestamp_ms, key, value, headers, bytes, condition, code, column_name, \
                     message, failed_at) \
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, toTimestamp(now()))"
                ),
                None,
            )
            .await?,
            letters: make(
                format!(
                    "SELECT {LETTER_COLUMNS} FROM {k}.dead_letters \
                     WHERE {ONE} AND kafka_offset > ? LIMIT ?"
                ),
                Some(read),
            )
            .await?,
            letters_at: make(
                format!(
                    "SELECT {LETTER_COLUMNS} FROM {k}.dead_letters \
                     WHERE {ONE} AND kafka_offset IN ?"
                ),
                Some(read),
            )
            .await?,
            letter: make(
                format!(
                    "SELECT key, value, headers, message FROM {k}.dead_letters \
                     WHERE {ONE} AND kafka_offset = ?"
                ),
                Some(read),
            )
            .await?,
            remove_one: make(
                format!("DELETE FROM {k}.dead_letters WHERE {ONE} AND kafka_offset = ?"),
                None,
            )
            .await?,
            remove_pieces: make(
                format!(
                    "DELETE FROM {k}.dead_letters \
                     WHERE {ONE} AND kafka_offset >= ? AND kafka_offset <= ?"
                ),
                None,
            )
            .await?,
            act: make(
                format!(
                    "INSERT INTO {k}.acts (sink, topic, partition, generation, kind, from_offset, \
                     stood_at, began_at, to_offset, at) \
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, toTimestamp(now()))"
                ),
                None,
            )
            .await?,
            acts: make(
                format!(
                    "SELECT generation, kind, from_offset, stood_at, began_at, to_offset \
                     FROM {k}.acts WHERE {ONE}"
                ),
                Some(read),
            )
            .await?,
            reached: make(
                format!("SELECT generation, next_offset FROM {k}.positions WHERE {ONE}"),
                Some(read),
            )
            .await?,
            report: make(
                format!(
                    "INSERT INTO {k}.members (sink, owner, name, report, seen_at) \
                     VALUES (?, ?, ?, ?, toTimestamp(now())) USING TTL {}",
                    FORGOTTEN_AFTER.as_secs()
                ),
                None,
            )
            .await?,
            farewell: make(
                format!("DELETE FROM {k}.members WHERE sink = ? AND owner = ?"),
                None,
            )
            .await?,
            reports: make(
                format!(
                    "SELECT name, report, seen_at, toTimestamp(now()) FROM {k}.members \
                     WHERE sink = ?"
                ),
                Some(read),
            )
            .await?,
            // What the last transaction left.
            wanted: make(
                format!("SELECT state, last_seq FROM {k}.commands WHERE sink = ? LIMIT 1"),
                Some(serial),
            )
            .await?,
            want: make(
                format!(
                    "UPDATE {k}.commands SET last_seq = ?, state = ? WHERE sink = ? \
                     IF last_seq = ?"
                ),
                None,
            )
            .await?,
            note_command: make(
                format!(
                    "INSERT INTO {k}.commands (sink, seq, verb, topic, partition, given_by, \
                     given_at) VALUES (?, ?, ?, ?, ?, ?, toTimestamp(now()))"
                ),
                None,
            )
            .await?,
            commands: make(
                format!(
                    "SELECT seq, verb, topic, partition, given_by, given_at, toTimestamp(now()) \
                     FROM {k}.commands WHERE sink = ? AND seq > ? LIMIT ?"
                ),
                Some(read),
            )
            .await?,
        })
    }
}
