//! `[sinks.NAME]`.

use super::backend;
use super::formats;
use super::judge::At;
use super::reader::Reader;
use super::settings::{BatchLimits, OnBadRecord, Sink, UnknownFields};
use super::spec::{SINK_NAME, words};
use super::start;
use super::text::Text;
use super::topics;
use std::collections::BTreeMap;
use std::time::Duration;

const BAD_RECORD: [(&str, OnBadRecord); 2] = [
    ("halt", OnBadRecord::Halt),
    ("dead_letter", OnBadRecord::DeadLetter),
];
pub(super) const BAD_RECORD_WORDS: [&str; 2] = words(&BAD_RECORD);

const UNKNOWN_FIELDS: [(&str, UnknownFields); 2] = [
    ("ignore", UnknownFields::Ignore),
    ("reject", UnknownFields::Reject),
];
pub(super) const UNKNOWN_FIELDS_WORDS: [&str; 2] = words(&UNKNOWN_FIELDS);

/// What all sinks' tables have to agree on.
#[derive(Default)]
pub(super) struct Groups(BTreeMap<String, String>);

/// What all sinks share.
#[derive(Clone, Copy)]
pub(super) struct Shared {
    pub(super) memory_limit: u64,
    /// There is a registry in the config, which may be a wrong one.
    pub(super) has_registry: bool,
}

/// Reads one sink.
pub(super) fn read(
    mut reader: Reader<'_, '_>,
    name: &str,
    name_at: &At,
    shared: Shared,
    groups: &mut Groups,
) -> Option<Sink> {
    check_name(&reader, name, name_at);
    let topics = topics::read(&reader);
    let group_id = read_group(&reader, name, groups);
    let reads = formats::read(&mut reader, shared.has_registry);
    let start = start::read(&reader);
    let on_bad_record = reader.choice("on_bad_record", &BAD_RECORD);
    let unknown_fields = reader.choice("unknown_fields", &UNKNOWN_FIELDS);
    let batch = read_batch(&reader, shared.memory_limit);
    let backend = backend::read(&reader, name, topics.as_ref());
    if let (Some(reads), Some(backend)) = (&reads, &backend) {
        formats::check_modes(&reader, &reads.envelope, &backend.modes());
        formats::check_sources(&reader, reads, backend);
        formats::check_explode(&reader, reads, backend);
        formats::check_changes(&reader, reads, unknown_fields, backend);
    }
    reader.finish();
    Some(Sink {
        name: name.to_owned(),
        topics: topics?.topics,
        group_id: group_id?,
        start: start?,
        on_bad_record: on_bad_record?,
        unknown_fields: unknown_fields?,
        reads: reads?,
        batch: batch?,
        backend: backend?,
    })
}

pub(super) fn check_name(reader: &Reader<'_, '_>, name: &str, at: &At) {
    let text = Text::plain(name.to_owned(), at.clone(), reader.place());
    if let Some((what, hint)) = text.fails(&[SINK_NAME]) {
        reader.fault_in(&text, what, hint.unwrap_or_default());
    }
}

fn read_group(reader: &Reader<'_, '_>, name: &str, groups: &mut Groups) -> Option<String> {
    let group = match reader.text("group_id") {
        Some(text) => {
            if let Some(other) = groups.0.get(&text.value) {
                reader.fault_in(
                    &text,
                    format!("{} is also the group of {other}", text.shown()),
                    "each sink needs a group of its own, or each would get only some of the \
                     partitions",
                );
                return None;
            }
            text.value
        }
        None if reader.has("group_id") => return None,
        None => {
            let group = format!("plimsoll-{name}");
            if let Some(other) = groups.0.get(&group) {
                reader.fault(
                    format!("its group, \"{group}\", is also that of {other}"),
                    "each sink needs a group of its own; set group_id",
                );
                return None;
            }
            group
        }
    };
    groups.0.insert(group.clone(), format!("sinks.{name}"));
    Some(group)
}

fn read_batch(reader: &Reader<'_, '_>, memory_limit: u64) -> Option<BatchLimits> {
    let batch = reader.table_or_empty("batch")?;
    let max_records = batch.integer("max_records");
    let max_bytes = batch.size("max_bytes");
    let linger_ms = batch.integer("linger_ms");
    // Two batches per partition, and librdkafka's queues, share the limit.
    if batch.has("max_bytes") && max_bytes.is_some_and(|bytes| bytes > memory_limit / 4) {
        batch.fault_of(
            "max_bytes",
            "is more than a quarter of memory_limit, so no batch would ever reach it",
            "raise memory_limit, or lower this",
        );
    }
    batch.finish();
    Some(BatchLimits {
        max_records: usize::try_from(max_records?).ok()?,
        max_bytes: usize::try_from(max_bytes?).ok()?,
        linger: Duration::from_millis(linger_ms?),
    })
}
