//! A plain consumer: librdkafka's own client, which reads the same load and keeps
//! nothing. It runs in a process of its own, which is this program again.

use crate::paced::{Spread, now_us};
use crate::process::Process;
use crate::{Bench, Failed, Result, kafka};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A consumer that says nothing for so long has failed.
const TIMEOUT: Duration = Duration::from_secs(900);
/// How long one poll waits.
const POLL: Duration = Duration::from_millis(100);
/// Place, offset and time of a receipt: three numbers of eight bytes.
const RECEIPT_BYTES: usize = 24;

/// What makes a plain consumer of many partitions fastest. All else is fastest as it is by
/// default: a fetch names every partition, and is answered with the first record that
/// comes. To wait for more (`fetch.min.bytes`, with a short `fetch.wait.max.ms`) saves half
/// of the processor's time, and doubles the latency.
const FASTEST: [(&str, &str); 1] = [("fetch.queue.backoff.ms", "1")];

/// The same, and then what was asked for.
#[must_use]
pub fn fastest(asked: &[(String, String)]) -> BTreeMap<String, String> {
    let own = FASTEST.map(|(name, value)| (name.to_owned(), value.to_owned()));
    own.into_iter().chain(asked.iter().cloned()).collect()
}

/// What it shall do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plain {
    /// Kafka.
    pub bootstrap: String,
    /// What is read, from the first offset on.
    pub spread: Spread,
    /// Records before those that are measured.
    pub warm: u64,
    /// Records that are measured.
    pub records: u64,
    /// Of librdkafka, besides its defaults.
    pub properties: BTreeMap<String, String>,
    /// Whether each topic has a consumer of its own. Only the first one's records count.
    pub apart: bool,
    /// Where it writes down when it received what.
    pub receipts: Option<PathBuf>,
}

/// What was seen of it, from the last warm record to the last of all.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Read {
    /// Records read.
    pub records_per_s: f64,
    /// User and system time, in seconds.
    pub processor_s: f64,
    /// The most memory that the process ever had in the machine.
    pub peak_bytes: u64,
}

/// One record, as it was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Its partition.
    pub place: u64,
    /// Its offset.
    pub offset: u64,
    /// When.
    pub at_us: u64,
}

/// The process itself: prints `ready` after the warm records, and its figures at the end.
///
/// # Errors
/// Kafka's, and those of files.
pub fn run(spec: &Path) -> Result<String> {
    let plain: Plain = serde_json::from_slice(&std::fs::read(spec)?)?;
    let mut receipts = plain.receipts.as_ref().map(File::create).transpose()?;
    let mut receipts = receipts.as_mut().map(BufWriter::new);
    let mut topics = match plain.apart {
        false => vec![plain.spread.topics.as_slice()],
        true => plain.spread.topics.chunks(1).collect(),
    }
    .into_iter()
    .map(|topics| consumer(&plain, topics))
    .collect::<Result<Vec<_>>>()?;
    let consumer = topics.swap_remove(0);
    for other in topics {
        std::thread::spawn(move || {
            loop {
                let _ = other.poll(POLL);
            }
        });
    }
    let me = Process(std::process::id());
    let mut next = || loop {
        match consumer.poll(POLL) {
            None | Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(Ok(message)) => {
                if let Some(file) = &mut receipts {
                    file.write_all(&receipt(&plain.spread, &message)?)?;
                }
                return Ok::<(), Failed>(());
            }
            Some(Err(error)) => return Err(error.into()),
        }
    };
    // The first record at the least: a process that starts is not measured.
    let warm = plain.warm.max(1);
    for _ in 0..warm {
        next()?;
    }
    writeln!(std::io::stdout(), "ready")?;
    let (began, before) = (Instant::now(), me.processor()?);
    let records = (plain.warm + plain.records).saturating_sub(warm);
    for _ in 0..records {
        next()?;
    }
    let read = Read {
        records_per_s: records as f64 / began.elapsed().as_secs_f64().max(1e-9),
        processor_s: (me.processor()? - before).as_secs_f64(),
        peak_bytes: me.peak_bytes()?,
    };
    if let Some(mut file) = receipts {
        file.flush()?;
    }
    Ok(serde_json::to_string(&read)?)
}

fn consumer(plain: &Plain, topics: &[String]) -> Result<BaseConsumer> {
    let mut config = kafka::client(&plain.bootstrap);
    config
        .set("group.id", "plain")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "error");
    for (name, value) in &plain.properties {
        config.set(name, value);
    }
    let consumer: BaseConsumer = config.create()?;
    let mut list = TopicPartitionList::new();
    for topic in topics {
        for partition in 0..i32::try_from(plain.spread.partitions).unwrap_or(i32::MAX) {
            list.add_partition_offset(topic, partition, Offset::Offset(0))?;
        }
    }
    consumer.assign(&list)?;
    Ok(consumer)
}

fn receipt(spread: &Spread, message: &BorrowedMessage<'_>) -> Result<[u8; RECEIPT_BYTES]> {
    let place = spread.place(message.topic(), message.partition());
    let place = place.ok_or_else(|| Failed::new("a record of another topic"))?;
    let offset = message.offset().cast_unsigned();
    let mut bytes = [0; RECEIPT_BYTES];
    for (to, number) in bytes.chunks_exact_mut(8).zip([place, offset, now_us()]) {
        to.copy_from_slice(&number.to_le_bytes());
    }
    Ok(bytes)
}

/// The receipts that such a process wrote down.
pub fn receipts(file: &Path) -> Result<Vec<Receipt>> {
    let bytes = std::fs::read(file)?;
    let (all, rest) = bytes.as_chunks::<RECEIPT_BYTES>();
    if !rest.is_empty() {
        return Err(Failed::new("the last receipt was not written to its end"));
    }
    let number = |b: &[u8; RECEIPT_BYTES], at: usize| {
        let bytes = b[at * 8..][..8].try_into().unwrap_or_default();
        u64::from_le_bytes(bytes)
    };
    Ok(all
        .iter()
        .map(|b| Receipt {
            place: number(b, 0),
            offset: number(b, 1),
            at_us: number(b, 2),
        })
        .collect())
}

/// Such a process, seen from outside.
pub struct Reading {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Bench {
    /// Starts one.
    pub fn plain(&self, plain: &Plain) -> Result<Reading> {
        let spec = self.folder.path().join("plain.json");
        std::fs::write(&spec, serde_json::to_vec(plain)?)?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--plain")
            .arg(&spec)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take();
        let stdout = stdout.ok_or_else(|| Failed::new("the plain consumer has no output"))?;
        Ok(Reading {
            child,
            lines: BufReader::new(stdout).lines(),
        })
    }
}

impl Reading {
    /// What Linux tells of it.
    pub fn process(&self) -> Result<Process> {
        let id = self.child.id();
        id.map(Process)
            .ok_or_else(|| Failed::new("the plain consumer ended"))
    }

    /// Waits until it has all warm records.
    pub async fn ready(&mut self) -> Result<()> {
        match self.line().await?.as_str() {
            "ready" => Ok(()),
            other => Err(Failed::new(format!("the plain consumer said {other}"))),
        }
    }

    /// Waits until it has all records.
    pub async fn finish(mut self) -> Result<Read> {
        let line = self.line().await?;
        let status = self.child.wait().await?;
        match status.success() {
            true => Ok(serde_json::from_str(&line)?),
            false => Err(Failed::new(format!("the plain consumer: {status}"))),
        }
    }

    async fn line(&mut self) -> Result<String> {
        let line = tokio::time::timeout(TIMEOUT, self.lines.next_line()).await;
        line.map_err(|_| Failed::new("the plain consumer: no word in time"))??
            .ok_or_else(|| Failed::new("the plain consumer ended"))
    }
}
