//! `[sinks.NAME]`.

use super::backend;
use super::reader::{At, Reader};
use super::settings::{BatchLimits, OnBadRecord, Sink, Start, UnknownFields};
use super::size::read_size;
use super::start;
use super::topics;
use std::collections::BTreeMap;
use std::time::Duration;

/// It stands in metric labels, in group ids and in the key of every position.
const NAME_LENGTH: usize = 100;

/// Kafka keeps a group's name in a string of 16-bit length; nobody wants more
/// than this.
const GROUP_LENGTH: usize = 249;

/// One transaction of a million rows is as large as a batch should ever get.
const RECORDS: std::ops::RangeInclusive<u64> = 1..=1_000_000;
const RECORDS_DEFAULT: u64 = 10_000;

/// Below the size of one small record a limit has no meaning; above 256 MiB one
/// batch would outgrow what a database takes in one message.
const BYTES: std::ops::RangeInclusive<u64> = (1 << 10)..=(256 << 20);
const BYTES_DEFAULT: u64 = 8 << 20;

/// A minute is as stale as a table should ever be.
const LINGER_MS: std::ops::RangeInclusive<u64> = 0..=60_000;
const LINGER_MS_DEFAULT: u64 = 100;

/// What all sinks' tables have to agree on.
#[derive(Default)]
pub(super) struct Groups(BTreeMap<String, String>);

/// Reads one sink.
pub(super) fn read(
    mut reader: Reader<'_, '_>,
    name: &str,
    name_at: &At,
    memory_limit: u64,
    groups: &mut Groups,
) -> Option<Sink> {
    let name_fits = check_name(&reader, name, name_at);
    let topics = topics::read(&mut reader);
    let group_id = read_group(&mut reader, name, groups);
    let _ = reader.choice("format", "format", &[("json", ())]);
    let start = start::read(&mut reader).unwrap_or(Start::Earliest);
    let on_bad_record = reader
        .choice(
            "on_bad_record",
            "way with bad records",
            &[
                ("halt", OnBadRecord::Halt),
                ("dead_letter", OnBadRecord::DeadLetter),
            ],
        )
        .unwrap_or(OnBadRecord::Halt);
    let unknown_fields = reader
        .choice(
            "unknown_fields",
            "way with unknown fields",
            &[
                ("ignore", UnknownFields::Ignore),
                ("reject", UnknownFields::Reject),
            ],
        )
        .unwrap_or(UnknownFields::Ignore);
    let batch = read_batch(&mut reader, memory_limit);
    let backend = backend::read(&mut reader, name, topics.as_ref());
    reader.finish();
    name_fits.then_some(())?;
    Some(Sink {
        name: name.to_owned(),
        topics: topics?.topics,
        group_id: group_id?,
        start,
        on_bad_record,
        unknown_fields,
        batch: batch?,
        backend: backend?,
    })
}

fn check_name(reader: &Reader<'_, '_>, name: &str, at: &At) -> bool {
    let fits = !name.is_empty()
        && name.len() <= NAME_LENGTH
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if !fits {
        reader.fault_at(
            reader.place(),
            at,
            "is no name for a sink",
            "a name has 1 to 100 of the characters a-z, A-Z, 0-9, '_' and '-'",
        );
    }
    fits
}

fn read_group(reader: &mut Reader<'_, '_>, name: &str, groups: &mut Groups) -> Option<String> {
    let group = match reader.filled("group_id") {
        Some(text) if text.value.len() > GROUP_LENGTH => {
            reader.fault_in(
                &text,
                format!("{} is longer than {GROUP_LENGTH} bytes", text.shown()),
                format!("leave it out to use \"plimsoll-{name}\""),
            );
            return None;
        }
        Some(text) => {
            if let Some(other) = groups.0.get(&text.value) {
                reader.fault_in(
                    &text,
                    format!("{} is the group of {other} too", text.shown()),
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
                    format!("its group, \"{group}\", is that of {other} too"),
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

fn read_batch(reader: &mut Reader<'_, '_>, memory_limit: u64) -> Option<BatchLimits> {
    let (mut records, mut bytes, mut linger) = (None, None, None);
    if let Some(mut batch) = reader.table("batch") {
        records = batch.integer(
            "max_records",
            RECORDS,
            "a batch is one transaction; the default is 10000",
        );
        bytes = read_size(
            &mut batch,
            "max_bytes",
            BYTES,
            "a batch is one transaction; the default is \"8MiB\"",
        );
        linger = batch.integer(
            "linger_ms",
            LINGER_MS,
            "how old the first record of a batch may get; the default is 100",
        );
        // Two batches per partition, and librdkafka's queues, share the limit.
        if let Some(bytes) = bytes
            && bytes > memory_limit / 4
        {
            batch.fault_of(
                "max_bytes",
                "is more than a quarter of memory_limit, so no batch would ever reach it",
                "raise memory_limit, or lower this",
            );
        }
        batch.finish();
    }
    Some(BatchLimits {
        max_records: usize::try_from(records.unwrap_or(RECORDS_DEFAULT)).ok()?,
        max_bytes: usize::try_from(bytes.unwrap_or(BYTES_DEFAULT)).ok()?,
        linger: Duration::from_millis(linger.unwrap_or(LINGER_MS_DEFAULT)),
    })
}
