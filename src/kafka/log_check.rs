//! What Kafka tells of logs, compared with what positions remember, and what an operator
//! is told where they disagree.

use plimsoll_protocol::{Agreement, KnownLog, Position, SeenLog, TopicPartition, agreement};
use plimsoll_sink_api::Claimed;

/// What was found of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Kafka's id of the topic.
    pub topic_id: Option<String>,
    /// The first offset of the log.
    pub first: Option<Position>,
    /// Its end.
    pub end: Option<Position>,
    /// The hash of the record at the offset of the last one applied.
    pub hash: Option<i64>,
}

/// What is known of a claimed partition, and what was found.
#[derive(Debug)]
pub struct Compared<'a> {
    /// The cluster that the position belongs to.
    pub cluster_id: &'a str,
    /// The cluster that answers.
    pub seen_cluster: Option<&'a str>,
    /// What the position row says.
    pub claimed: &'a Claimed,
    /// What Kafka says.
    pub found: &'a Found,
}

impl Compared<'_> {
    /// Whether it is the same log.
    #[must_use]
    pub fn agreement(&self) -> Agreement {
        let known = KnownLog {
            cluster_id: self.cluster_id,
            topic_id: self.claimed.topic_id.as_deref(),
            position: self.claimed.reached,
            hash: self.claimed.fingerprint.map(|f| f.hash),
        };
        let seen = SeenLog {
            cluster_id: self.seen_cluster,
            topic_id: self.found.topic_id.as_deref(),
            first: self.found.first,
            end: self.found.end,
            hash: self.found.hash,
        };
        agreement(known, seen)
    }
}

/// Why a partition halts: what is stored, what was found, and the command that
/// settles it. `None` where it may go on.
#[must_use]
pub fn disagreement(sink: &str, tp: &TopicPartition, compared: &Compared<'_>) -> Option<String> {
    let Compared { claimed, found, .. } = compared;
    let position = claimed.reached;
    let command = |what: &str| command(sink, tp, what);
    let shown = |at: Option<Position>| at.map_or_else(|| "?".to_owned(), |at| at.to_string());
    let either = either(sink, tp);
    Some(match compared.agreement() {
        Agreement::Agree | Agreement::Unknown => return None,
        Agreement::OtherCluster => format!(
            "the position {position} of {tp} belongs to cluster {}, and cluster {} answers; {either}",
            compared.cluster_id,
            compared.seen_cluster.unwrap_or("?")
        ),
        Agreement::Recreated => recreated(
            sink,
            tp,
            position,
            claimed.topic_id.as_deref().unwrap_or("?"),
            found.topic_id.as_deref().unwrap_or("?"),
        ),
        Agreement::Truncated => format!(
            "position {position} lies behind {}, the end of the topic: it was truncated or \
             recreated; hint: look at what the topic holds now; to begin it anew {}; to go on \
             elsewhere {}",
            shown(found.end),
            command("reset"),
            command("set --to latest")
        ),
        Agreement::OvertakenByRetention => format!(
            "position {position} lies before {}, the first offset that the topic still has: \
             retention was faster; hint: look at what is missing, then {}",
            shown(found.first),
            command("set --to earliest")
        ),
        Agreement::OtherRecord => format!(
            "another record stands at offset {} of {tp} than the one that was applied: the topic \
             was recreated, or its log rewritten; {either}",
            claimed.fingerprint.map_or(-1, |f| f.offset)
        ),
    })
}

fn command(sink: &str, tp: &TopicPartition, what: &str) -> String {
    format!(
        "`plimsoll positions {what} --sink {sink} --topic {} --partition {} --force`",
        tp.topic, tp.partition
    )
}

/// The two ways out of a log that is another one.
fn either(sink: &str, tp: &TopicPartition) -> String {
    format!(
        "hint: look at what the topic holds now; to begin it anew {}; if it is the same log after \
         all {}",
        command(sink, tp, "reset"),
        command(sink, tp, "adopt")
    )
}

/// Why a topic that has another id than its position halts the partition.
#[must_use]
pub fn recreated(
    sink: &str,
    tp: &TopicPartition,
    position: Position,
    known: &str,
    found: &str,
) -> String {
    format!(
        "the topic was recreated: the position {position} of {tp} belongs to topic id {known}, and \
         the topic's id is {found}; {}",
        either(sink, tp)
    )
}

/// Why a record whose leader epoch fell halts its partition.
#[must_use]
pub fn epoch_fell(sink: &str, tp: &TopicPartition, applied: i32, found: i32) -> String {
    format!(
        "a record of leader epoch {found} lies behind one of epoch {applied} that was applied: the \
         topic was recreated, or its log rewritten; hint: to begin it anew `plimsoll positions \
         reset --sink {sink} --topic {} --partition {} --force`; if it is the same log after all \
         `plimsoll positions adopt --sink {sink} --topic {} --partition {} --force`",
        tp.topic, tp.partition, tp.topic, tp.partition
    )
}
