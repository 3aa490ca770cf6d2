//! All metrics: names, units, labels. docs/METRICS.md says the same in prose.

mod of_sink;

pub use of_sink::begin;

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;
use plimsoll_protocol::TopicPartition;
use plimsoll_registry::Size;
use std::time::Duration;

/// Records that entered a batch.
pub const RECORDS: &str = "plimsoll_records_consumed_total";
/// Bytes of keys, values and headers that entered a batch.
pub const BYTES: &str = "plimsoll_consumed_bytes_total";
/// Messages that the guard dropped.
pub const DROPPED: &str = "plimsoll_messages_dropped_total";
/// Rows written.
pub const ROWS: &str = "plimsoll_rows_written_total";
/// Rows of a `log` table that stood there already, equal.
pub const ALREADY_THERE: &str = "plimsoll_rows_already_there_total";
/// Events that are about no row of the sink's tables.
pub const PASSED_OVER: &str = "plimsoll_events_passed_over_total";
/// Records that the filter of their table rules out.
pub const FILTERED: &str = "plimsoll_records_filtered_total";
/// Records without a known table, which are passed over on purpose.
pub const UNROUTED: &str = "plimsoll_records_unrouted_total";
/// Tables made and columns added.
pub const TABLE_CHANGES: &str = "plimsoll_table_changes_total";
/// Dead letters written.
pub const DEAD_LETTERS: &str = "plimsoll_dead_letters_total";
/// Records compared with others because the database's code could mean the table.
pub const COMPARED: &str = "plimsoll_records_compared_total";
/// Commits that the database acknowledged.
pub const COMMITS: &str = "plimsoll_commits_total";
/// Commits found applied although their answer was lost.
pub const COMMITS_JUDGED: &str = "plimsoll_commits_judged_total";
/// Commits that the fence refused.
pub const FENCED: &str = "plimsoll_commits_fenced_total";
/// How long a commit takes, decoding excluded.
pub const COMMIT_SECONDS: &str = "plimsoll_commit_duration_seconds";
/// Partitions whose positions one commit moves.
pub const COMMIT_PARTITIONS: &str = "plimsoll_commit_partitions";
/// Records of a batch.
pub const BATCH_RECORDS: &str = "plimsoll_batch_records";
/// Bytes of a batch.
pub const BATCH_BYTES: &str = "plimsoll_batch_bytes";
/// The next offset to consume.
pub const POSITION: &str = "plimsoll_position";
/// The end of the log, as far as it may be read.
pub const HIGH_WATERMARK: &str = "plimsoll_high_watermark";
/// High watermark − position.
pub const LAG: &str = "plimsoll_lag";
/// Whether the config file holds, as it was read last.
pub const RELOADED: &str = "plimsoll_config_last_reload_successful";
/// What is wanted of a sink.
pub const WANTED: &str = "plimsoll_sink_wanted";
/// How old the oldest record is that is not applied.
pub const LAG_SECONDS: &str = "plimsoll_lag_seconds";
/// When the ends of all logs were last read.
pub const END_READ: &str = "plimsoll_end_read_timestamp_seconds";
/// Partitions that the sink's topics have.
pub const PARTITIONS_KNOWN: &str = "plimsoll_partitions_known";
/// Whether the sink has claimed what it was first given, and does not drain: 1, or 0.
pub const READY: &str = "plimsoll_ready";
/// Claims made.
pub const CLAIMS: &str = "plimsoll_claims_total";
/// Stale writers' sessions terminated.
pub const TERMINATED: &str = "plimsoll_sessions_terminated_total";
/// Requests that rows travelled in, where they travel in many.
pub const REQUESTS: &str = "plimsoll_requests_total";
/// Requests sent again because the server was busy.
pub const REPEATED: &str = "plimsoll_requests_repeated_total";
/// Attempts that are made again.
pub const RETRIES: &str = "plimsoll_retries_total";
/// Restarts of a partition at the stored position.
pub const RESTARTS: &str = "plimsoll_partition_restarts_total";
/// Comparisons of a position with its log.
pub const LOG_CHECKS: &str = "plimsoll_log_checks_total";
/// Partitions halted now.
pub const HALTED: &str = "plimsoll_partitions_halted";
/// Partitions this process consumes now.
pub const ASSIGNED: &str = "plimsoll_partitions_assigned";
/// Partitions paused now, for want of room.
pub const PAUSED: &str = "plimsoll_partitions_paused";
/// Pauses: each throws away what was prefetched.
pub const PAUSES: &str = "plimsoll_partition_pauses_total";
/// Whether the database is away now.
pub const DATABASE_AWAY: &str = "plimsoll_database_away";
/// Whether Kafka does not answer as it should: 1, or 0.
pub const KAFKA_AWAY: &str = "plimsoll_kafka_away";
/// Whether nothing is assigned that should be, or a topic cannot be read: 1, or 0.
pub const UNASSIGNED: &str = "plimsoll_unassigned";
/// Partitions assigned, and for long not claimed.
pub const CLAIMING: &str = "plimsoll_partitions_claiming";
/// Partitions of which Kafka's client brings no record, although their logs go on.
pub const STALLED: &str = "plimsoll_partitions_stalled";
/// Whether somebody else is in the sink's group: 1, or 0.
pub const GROUP_SHARED: &str = "plimsoll_group_shared";
/// Partitions whose commit waits for somebody else's lock.
pub const BLOCKED: &str = "plimsoll_partitions_blocked";
/// How long a commit is tried again, of the one that is for longest.
pub const RETRYING: &str = "plimsoll_retrying_seconds";
/// Bytes held between Kafka and the commit.
pub const BUFFERED: &str = "plimsoll_buffered_bytes";
/// The bound of that.
pub const BUFFER_LIMIT: &str = "plimsoll_buffer_limit_bytes";
/// Errors that the Kafka client reported.
pub const KAFKA_ERRORS: &str = "plimsoll_kafka_errors_total";
/// Schemas of the registry that are kept.
pub const SCHEMAS: &str = "plimsoll_registry_schemas";
/// The bound of that.
pub const SCHEMAS_LIMIT: &str = "plimsoll_registry_schemas_limit";
/// Bytes of their texts.
pub const SCHEMA_BYTES: &str = "plimsoll_registry_schema_bytes";
/// The bound of that.
pub const SCHEMA_LIMIT: &str = "plimsoll_registry_schema_limit_bytes";
/// Events that sources have sent.
pub const SOURCE_EVENTS: &str = "plimsoll_source_events_total";
/// Transactions of databases in them.
pub const SOURCE_TRANSACTIONS: &str = "plimsoll_source_transactions_total";
/// How long sources' commits take.
pub const SOURCE_COMMIT_SECONDS: &str = "plimsoll_source_commit_duration_seconds";
/// Transactions that a database sent again.
pub const SOURCE_SEEN: &str = "plimsoll_source_transactions_seen_total";
/// Rows that made no event.
pub const SOURCE_LEFT_OUT: &str = "plimsoll_source_rows_left_out_total";
/// Times that a newer producer had a source's place.
pub const SOURCE_FENCED: &str = "plimsoll_source_fenced_total";
/// Commits so slow that their producer was given up.
pub const SOURCE_DOUBTFUL: &str = "plimsoll_source_commits_doubtful_total";
/// Whether this process sends a source's events.
pub const SOURCE_LIVE: &str = "plimsoll_source_live";
/// Whether a source is halted.
pub const SOURCE_HALTED: &str = "plimsoll_source_halted";
/// The log between a source's position and what the server has sent.
pub const SOURCE_LAG_BYTES: &str = "plimsoll_source_lag_bytes";
/// What runs.
pub const BUILD_INFO: &str = "plimsoll_build_info";

/// A gauge that nobody has set for that long is forgotten: the lag of a partition
/// that another process has by now must not stand here for ever. All that is
/// ours is set every few seconds.
const GAUGE_LIFE: Duration = Duration::from_secs(60);

/// Installs the recorder; once per process.
///
/// # Errors
/// When there is one already.
pub fn install() -> Result<PrometheusHandle, metrics_exporter_prometheus::BuildError> {
    let seconds = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    ];
    let records = [
        1.0,
        10.0,
        100.0,
        500.0,
        1_000.0,
        2_500.0,
        5_000.0,
        10_000.0,
        50_000.0,
        1_000_000.0,
    ];
    let partitions = [
        1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0,
    ];
    let bytes = [1e3, 1e4, 1e5, 5e5, 1e6, 2.5e6, 5e6, 1e7, 5e7, 2.5e8];
    let builder = PrometheusBuilder::new()
        .idle_timeout(MetricKindMask::GAUGE, Some(GAUGE_LIFE))
        .set_buckets_for_metric(Matcher::Full(COMMIT_SECONDS.into()), &seconds)?
        .set_buckets_for_metric(Matcher::Full(SOURCE_COMMIT_SECONDS.into()), &seconds)?
        .set_buckets_for_metric(Matcher::Full(COMMIT_PARTITIONS.into()), &partitions)?
        .set_buckets_for_metric(Matcher::Full(BATCH_RECORDS.into()), &records)?
        .set_buckets_for_metric(Matcher::Full(BATCH_BYTES.into()), &bytes)?;
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    // A second service in one process (tests) keeps the first recorder.
    let _ = metrics::set_global_recorder(recorder);
    describe();
    metrics_process::Collector::default().describe();
    publish_build();
    Ok(handle)
}

/// Says which version runs; again at each scrape, or it would be forgotten.
pub fn publish_build() {
    gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// Says how many schemas are kept, and how many may be; again at each scrape.
pub fn publish_schemas(kept: Size) {
    gauge!(SCHEMAS).set(kept.schemas as f64);
    gauge!(SCHEMAS_LIMIT).set(Size::LIMIT.schemas as f64);
    gauge!(SCHEMA_BYTES).set(kept.bytes as f64);
    gauge!(SCHEMA_LIMIT).set(Size::LIMIT.bytes as f64);
}

/// Says what the process takes of the machine, by the names that all Prometheus clients
/// use (`process_cpu_seconds_total` …); again at each scrape.
pub fn publish_process() {
    metrics_process::Collector::default().collect();
}

/// What a metric is.
#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// What stands beside each name on `/metrics`.
#[rustfmt::skip]
const DESCRIPTIONS: &[(Kind, &str, Unit, &str)] = &[
    (Kind::Counter, RECORDS, Unit::Count, "Records that entered a batch"),
    (Kind::Counter, BYTES, Unit::Bytes, "Bytes of keys, values and headers that entered a batch"),
    (Kind::Counter, DROPPED, Unit::Count, "Messages dropped by the guard: delivered twice, or of a partition not live"),
    (Kind::Counter, ROWS, Unit::Count, "Rows inserted, replaced or deleted"),
    (Kind::Counter, ALREADY_THERE, Unit::Count, "Rows of a log table that stood there already, equal"),
    (Kind::Counter, LOG_CHECKS, Unit::Count, "Comparisons of a position with the log behind it, by what was found"),
    (Kind::Counter, COMPARED, Unit::Count, "Refused records that were compared with others, by finding"),
    (Kind::Counter, TABLE_CHANGES, Unit::Count, "Tables made, and columns and partitions added to them"),
    (Kind::Counter, FILTERED, Unit::Count, "Records that the filter of their table rules out"),
    (Kind::Counter, UNROUTED, Unit::Count, "Records that no table is known for, passed over by on_unknown_route"),
    (Kind::Counter, PASSED_OVER, Unit::Count, "Events that are about no row of the sink's tables"),
    (Kind::Counter, DEAD_LETTERS, Unit::Count, "Records kept as dead letters"),
    (Kind::Counter, COMMITS, Unit::Count, "Commits acknowledged by the database"),
    (Kind::Counter, COMMITS_JUDGED, Unit::Count, "Commits whose answer was lost, by what a claim found"),
    (Kind::Counter, FENCED, Unit::Count, "Commits refused by the fence: nothing was written"),
    (Kind::Histogram, COMMIT_SECONDS, Unit::Seconds, "Duration of a commit, decoding excluded"),
    (Kind::Histogram, COMMIT_PARTITIONS, Unit::Count, "Partitions whose positions one commit moves"),
    (Kind::Histogram, BATCH_RECORDS, Unit::Count, "Records of a batch"),
    (Kind::Histogram, BATCH_BYTES, Unit::Bytes, "Bytes of keys, values and headers of a batch"),
    (Kind::Gauge, POSITION, Unit::Count, "The next offset to consume, as stored in the sink"),
    (Kind::Counter, CLAIMS, Unit::Count, "Claims of partitions in the sink"),
    (Kind::Counter, TERMINATED, Unit::Count, "Sessions of stale writers that were terminated"),
    (Kind::Counter, REQUESTS, Unit::Count, "Requests that rows of committed batches travelled in"),
    (Kind::Counter, REPEATED, Unit::Count, "Requests sent again because the server was busy"),
    (Kind::Counter, RETRIES, Unit::Count, "Attempts made again, by reason"),
    (Kind::Counter, RESTARTS, Unit::Count, "Partitions begun again at the stored position, by reason"),
    (Kind::Gauge, HALTED, Unit::Count, "Partitions halted now"),
    (Kind::Gauge, RELOADED, Unit::Count, "1 where the config file holds, as it was read last; 0: it has a fault, and the one before goes on"),
    (Kind::Gauge, WANTED, Unit::Count, "What is wanted of a sink: 1 for its state, 0 for the others"),
    (Kind::Gauge, ASSIGNED, Unit::Count, "Partitions consumed by this process now"),
    (Kind::Gauge, PAUSED, Unit::Count, "Partitions paused now for want of room"),
    (Kind::Counter, PAUSES, Unit::Count, "Pauses of partitions for want of room"),
    (Kind::Gauge, READY, Unit::Count, "1 once the sink has claimed what it was first given, until it drains"),
    (Kind::Gauge, DATABASE_AWAY, Unit::Count, "1 while the database does not answer"),
    (Kind::Gauge, KAFKA_AWAY, Unit::Count, "1 while Kafka does not answer as it should"),
    (Kind::Gauge, UNASSIGNED, Unit::Count, "1 while nothing is assigned that should be, or a topic cannot be read"),
    (Kind::Gauge, CLAIMING, Unit::Count, "Partitions assigned for 10 s and not claimed"),
    (Kind::Gauge, STALLED, Unit::Count, "Partitions of which no record comes for 10 s, although another reader finds one"),
    (Kind::Gauge, GROUP_SHARED, Unit::Count, "1 while the group has members that are not of this sink"),
    (Kind::Gauge, BLOCKED, Unit::Count, "Partitions whose commit waits for somebody else's lock"),
    (Kind::Gauge, RETRYING, Unit::Seconds, "How long a commit is tried again; 0 while none is"),
    (Kind::Gauge, BUFFERED, Unit::Bytes, "Bytes of records between Kafka and the commit"),
    (Kind::Gauge, BUFFER_LIMIT, Unit::Bytes, "Bound of plimsoll_buffered_bytes"),
    (Kind::Gauge, SCHEMAS, Unit::Count, "Schemas of the registry that are kept"),
    (Kind::Gauge, SCHEMAS_LIMIT, Unit::Count, "Bound of plimsoll_registry_schemas"),
    (Kind::Gauge, SCHEMA_BYTES, Unit::Bytes, "Bytes of the schemas that are kept"),
    (Kind::Gauge, SCHEMA_LIMIT, Unit::Bytes, "Bound of plimsoll_registry_schema_bytes"),
    (Kind::Counter, KAFKA_ERRORS, Unit::Count, "Errors reported by the Kafka client, by code"),
    (Kind::Counter, SOURCE_EVENTS, Unit::Count, "Events in committed transactions of a source"),
    (Kind::Counter, SOURCE_TRANSACTIONS, Unit::Count, "Transactions of the database in them"),
    (Kind::Histogram, SOURCE_COMMIT_SECONDS, Unit::Seconds, "Duration of a source's commit"),
    (Kind::Counter, SOURCE_SEEN, Unit::Count, "Transactions of the database sent again, and passed over"),
    (Kind::Counter, SOURCE_LEFT_OUT, Unit::Count, "Rows that made no event and were left out"),
    (Kind::Counter, SOURCE_FENCED, Unit::Count, "Times that a newer producer had the source's place"),
    (Kind::Counter, SOURCE_DOUBTFUL, Unit::Count, "Commits so slow that their producer was given up"),
    (Kind::Gauge, SOURCE_LIVE, Unit::Count, "1 while this process sends the source's events"),
    (Kind::Gauge, SOURCE_HALTED, Unit::Count, "1 while the source is halted"),
    (Kind::Gauge, SOURCE_LAG_BYTES, Unit::Bytes, "Log between the position and what the server has sent"),
    (Kind::Gauge, BUILD_INFO, Unit::Count, "1; the label says which version runs"),
];

fn describe() {
    for &(kind, name, unit, text) in DESCRIPTIONS {
        match kind {
            Kind::Counter => describe_counter!(name, unit, text),
            Kind::Gauge => describe_gauge!(name, unit, text),
            Kind::Histogram => describe_histogram!(name, unit, text),
        }
    }
}

/// The metrics of one partition, looked up once.
#[derive(Clone)]
pub struct PartitionMetrics {
    /// [`RECORDS`]
    pub records: Counter,
    /// [`BYTES`]
    pub bytes: Counter,
    /// [`ROWS`]
    pub rows: Counter,
    /// [`ALREADY_THERE`]
    pub already_there: Counter,
    /// [`COMMITS`]
    pub commits: Counter,
    /// [`FENCED`]
    pub fenced: Counter,
    /// [`DEAD_LETTERS`]
    pub dead_letters: Counter,
    /// [`PASSED_OVER`]
    pub passed_over: Counter,
    /// [`FILTERED`]
    pub filtered: Counter,
    /// [`UNROUTED`]
    pub unrouted: Counter,
    /// [`POSITION`]
    pub position: Gauge,
    /// [`BATCH_RECORDS`]
    pub batch_records: Histogram,
    /// [`BATCH_BYTES`]
    pub batch_bytes: Histogram,
}

impl PartitionMetrics {
    /// Looks them up.
    #[must_use]
    pub fn new(sink: &str, tp: &TopicPartition) -> Self {
        let sink = sink.to_owned();
        let labels = [
            ("sink", sink.clone()),
            ("topic", tp.topic.to_string()),
            ("partition", tp.partition.to_string()),
        ];
        Self {
            records: counter!(RECORDS, &labels),
            bytes: counter!(BYTES, &labels),
            rows: counter!(ROWS, &labels),
            already_there: counter!(ALREADY_THERE, &labels),
            commits: counter!(COMMITS, &labels),
            fenced: counter!(FENCED, &labels),
            dead_letters: counter!(DEAD_LETTERS, &labels),
            passed_over: counter!(PASSED_OVER, &labels),
            filtered: counter!(FILTERED, &labels),
            unrouted: counter!(UNROUTED, &labels),
            position: gauge!(POSITION, &labels),
            batch_records: histogram!(BATCH_RECORDS, "sink" => sink.clone()),
            batch_bytes: histogram!(BATCH_BYTES, "sink" => sink),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> impl Iterator<Item = &'static str> {
        include_str!("metrics.rs").split('"').filter(|text| {
            let name = text.strip_prefix("plimsoll_");
            name.is_some_and(|name| !name.is_empty() && !name.contains(char::is_whitespace))
        })
    }

    #[test]
    fn every_metric_has_one_description() {
        for name in names() {
            let described = DESCRIPTIONS.iter().filter(|(_, of, ..)| *of == name);
            // What is known of logs is written with a description of its own.
            let of_logs = [HIGH_WATERMARK, LAG, LAG_SECONDS, END_READ, PARTITIONS_KNOWN];
            let wanted = usize::from(!of_logs.contains(&name));
            assert_eq!(described.count(), wanted, "{name}");
        }
    }

    #[test]
    fn every_metric_stands_in_the_docs() {
        let docs = include_str!("../docs/METRICS.md");
        for name in names() {
            assert!(docs.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn the_process_says_what_it_takes() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, publish_process);
        let told = handle.render();
        let docs = include_str!("../docs/METRICS.md");
        for name in [
            "process_cpu_seconds_total",
            "process_max_fds",
            "process_open_fds",
            "process_resident_memory_bytes",
            "process_start_time_seconds",
            "process_threads",
            "process_virtual_memory_bytes",
            "process_virtual_memory_max_bytes",
        ] {
            assert!(told.contains(&format!("\n{name} ")), "{name}: {told}");
            assert!(docs.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn every_metric_of_an_alert_is_one() {
        let names = include_str!("metrics.rs");
        let alerts = include_str!("../deploy/alerts.yml");
        let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
        let words = alerts.split(|c| !is_part(c));
        let named: Vec<&str> = words.filter(|word| word.starts_with("plimsoll_")).collect();
        assert!(named.len() > 10, "{named:?}");
        for name in named {
            assert!(names.contains(&format!("\"{name}\"")), "{name}");
        }
    }
}
