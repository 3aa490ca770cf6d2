//! What reading costs without a database: the service with a sink that throws
//! rows away, beside a bare loop over librdkafka's own client. Each run is a
//! process of its own: this program again, as [`Child`].

use crate::load::{Keys, Load};
use crate::stats::Series;
use crate::wire::Wire;
use crate::{Bench, Failed, Result, kafka};
use plimsoll_protocol::{Claim, Class, Epoch, Position, StartRule, TopicPartition};
use plimsoll_sink_api::{
    Batch, Claimed, Column, Committed, Grouping, Holds, Identity, Member, Mode, NewCommand,
    NewPosition, PositionChange, Positions, Prepared, Refusal, Reported, Route, SetOutcome,
    Settled, Shape, Sink, SinkError, Source, StoredPosition, Table, TableChange, Wanted,
};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Child {
    /// `poll` until all records came.
    BareLoop,
    /// The service, decoding into eight columns that nobody takes.
    Discard,
}

/// What one run read in a second.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Read {
    records_per_s: f64,
}

/// The service beside the loop.
#[derive(Debug, Clone, Serialize)]
pub struct Consuming {
    /// Records of one run.
    pub records: u64,
    /// Records a second, the loop.
    pub bare: Series,
    /// Records a second, the service.
    pub service: Series,
    /// Both of one alternation, divided.
    pub ratio: Series,
}

impl Bench {
    /// Alternates the two over the same topic.
    pub async fn consuming(&mut self, records: u64) -> Result<Consuming> {
        let load = Load {
            records,
            ids: (records / 3).max(1),
            keys: Keys::Uniform,
            partitions: 4,
            bytes: 200,
            wire: Wire::Json,
        };
        let topic = self.topic("consume");
        self.progress(&format!("consume: producing {records} records"));
        self.publish(&topic, load).await?;
        let (mut bare, mut service) = (Vec::new(), Vec::new());
        // The first of each is not counted: caches.
        for round in 0..=self.rounds {
            let one = self.child(Child::BareLoop, &topic, records)?;
            let other = self.child(Child::Discard, &topic, records)?;
            if round > 0 {
                self.progress(&format!(
                    "consume: round {round}: {:.0} records/s, the loop {:.0}",
                    other.records_per_s, one.records_per_s
                ));
                bare.push(one.records_per_s);
                service.push(other.records_per_s);
            }
        }
        kafka::delete(&self.bootstrap, &[&topic]).await?;
        let (bare, service) = (Series::new(bare), Series::new(service));
        Ok(Consuming {
            records,
            ratio: service.ratio(&bare),
            bare,
            service,
        })
    }

    fn child(&self, child: Child, topic: &str, records: u64) -> Result<Read> {
        let name = match child {
            Child::BareLoop => "bare-loop",
            Child::Discard => "discard",
        };
        let ended = Command::new(std::env::current_exe()?)
            .args(["--child", name, "--topic", topic])
            .args(["--bootstrap", &self.bootstrap])
            .args(["--records", &records.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()?;
        serde_json::from_slice(&ended.stdout)
            .map_err(|e| Failed::new(format!("{name}: {}: {e}", ended.status)))
    }
}

/// Runs one of the two; its figure is printed as JSON.
pub fn run(child: Child, bootstrap: &str, topic: &str, records: u64) -> Result<String> {
    let read = match child {
        Child::BareLoop => bare_loop(bootstrap, topic, records)?,
        Child::Discard => discard(bootstrap, topic, records)?,
    };
    Ok(serde_json::to_string(&read)?)
}

/// As the documentation of librdkafka shows it, with its own settings but one:
/// with the default, a loop whose queue was full looks again after a second,
/// and runs would differ by how often that happened.
fn bare_loop(bootstrap: &str, topic: &str, records: u64) -> Result<Read> {
    let consumer: BaseConsumer = kafka::client(bootstrap)
        .set("group.id", format!("{topic}.bare"))
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("fetch.queue.backoff.ms", "10")
        .create()?;
    let found = consumer.fetch_metadata(Some(topic), Duration::from_secs(30))?;
    let partitions = found.topics().first().map_or(0, |t| t.partitions().len());
    let mut list = TopicPartitionList::new();
    for partition in 0..i32::try_from(partitions).unwrap_or_default() {
        list.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    let (mut count, mut bytes, mut began) = (0, 0, None);
    while count < records {
        match consumer.poll(Duration::from_millis(100)) {
            None => {}
            Some(Ok(message)) => {
                began.get_or_insert_with(Instant::now);
                count += 1;
                bytes += message.payload_len();
            }
            Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(Err(error)) => return Err(error.into()),
        }
    }
    let seconds = began.map_or(0.0, |began| began.elapsed().as_secs_f64());
    if bytes == 0 {
        return Err(Failed::new("nothing was read"));
    }
    Ok(Read {
        records_per_s: records as f64 / seconds.max(1e-9),
    })
}

fn discard(bootstrap: &str, topic: &str, records: u64) -> Result<Read> {
    // The backend is asked for nothing but its name.
    let text = format!(
        "[kafka]\nbootstrap_servers = \"{bootstrap}\"\n[http]\nlisten = \"off\"\n\
         [sinks.discard]\ntopics = [\"{topic}\"]\ngroup_id = \"{topic}.discard\"\n\
         [sinks.discard.sqlite]\npath = \"unused\"\ntable = \"unused\"\nmode = \"append\"\n"
    );
    let folder = tempfile::tempdir()?;
    let file: PathBuf = folder.path().join("plimsoll.toml");
    std::fs::write(&file, text)?;
    let config = plimsoll::config::load(Path::new(&file))
        .map_err(|faults| Failed::new(format!("{faults:?}")))?;
    let sink = Discard(Arc::new(Shared {
        wanted: records,
        first: Mutex::new(None),
        seen: AtomicU64::new(0),
    }));
    plimsoll::service::run_with(config, sink.clone()).map_err(|e| Failed::new(e.to_string()))?;
    let first = sink.0.first.lock().map_err(|_| Failed::new("poisoned"))?;
    let (at, before, last) = first.ok_or_else(|| Failed::new("nothing was read"))?;
    let seconds = last.duration_since(at).as_secs_f64();
    Ok(Read {
        records_per_s: (records - before) as f64 / seconds.max(1e-9),
    })
}

struct Shared {
    wanted: u64,
    /// When the first batch came, of how many records it was, and when the last
    /// one came.
    first: Mutex<Option<(Instant, u64, Instant)>>,
    seen: AtomicU64,
}

/// A sink that takes everything and keeps nothing.
#[derive(Clone)]
struct Discard(Arc<Shared>);

fn not_asked<T>() -> std::result::Result<T, SinkError> {
    Err(SinkError::new(Class::Halt, "nothing is kept"))
}

impl Sink for Discard {
    type Plan = ();

    async fn migrate(&self) -> std::result::Result<(), SinkError> {
        Ok(())
    }

    async fn prepare_for(
        &self,
        _: &str,
        _: Option<&Route>,
    ) -> std::result::Result<Arc<Prepared<()>>, SinkError> {
        let column = |name: &str| Column {
            name: name.to_owned(),
            take: Source::Value(plimsoll_sink_api::Path(vec![name.to_owned()])).into(),
            shape: Shape::Scalar,
            key: false,
            type_name: "text".to_owned(),
            holds: Holds::Other,
        };
        let names = [
            "id",
            "customer",
            "status",
            "amount",
            "quantity",
            "note",
            "created_at",
            "seq",
        ];
        Ok(Arc::new(Prepared {
            table: Table {
                name: "nothing".to_owned(),
                mode: Mode::Append,
                columns: names.into_iter().map(column).collect(),
                filter: None,
                explode: None,
                evolve: None,
            },
            plan: (),
        }))
    }

    async fn change_table(
        &self,
        _: &TopicPartition,
        _: Claim,
        _: &TableChange,
    ) -> std::result::Result<(), SinkError> {
        Ok(())
    }

    async fn settled(&self) -> std::result::Result<Vec<Settled>, SinkError> {
        Ok(Vec::new())
    }

    async fn settle(
        &self,
        _: &Identity,
        _: StartRule,
        _: &[NewPosition],
    ) -> std::result::Result<(), SinkError> {
        Ok(())
    }

    async fn claim(
        &self,
        member: &Member,
        _: &Identity,
        _: &TopicPartition,
    ) -> std::result::Result<Claimed, SinkError> {
        Ok(Claimed {
            claim: Claim {
                epoch: Epoch(1),
                owner: member.owner,
            },
            position: Position::ZERO,
            reached: Position::ZERO,
            fingerprint: None,
            leader_epoch: None,
            topic_id: None,
            terminated: 0,
        })
    }

    fn grouping(&self) -> Grouping {
        Grouping {
            batches: 1_000,
            commits: 4,
        }
    }

    async fn commit(
        &self,
        batches: &[Batch<'_, ()>],
    ) -> std::result::Result<Vec<Committed>, Refusal> {
        let rows: u64 = batches.iter().map(|batch| batch.rows() as u64).sum();
        let now = Instant::now();
        if let Ok(mut first) = self.0.first.lock() {
            first.get_or_insert((now, rows, now)).2 = now;
        }
        let seen = self.0.seen.fetch_add(rows, Ordering::SeqCst) + rows;
        if seen == self.0.wanted {
            // Drain, as a user would end it.
            let _ = rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::TERM,
            );
        }
        let sizes: Vec<usize> = batches.iter().map(Batch::rows).collect();
        let done = Committed {
            rows,
            ..Committed::default()
        };
        Ok(done.parted(&sizes))
    }

    async fn takes(&self, _: &Batch<'_, ()>) -> std::result::Result<(), SinkError> {
        Ok(())
    }

    async fn release(&self, _: &TopicPartition, _: Claim) -> std::result::Result<(), SinkError> {
        Ok(())
    }

    async fn heartbeat(&self, _: &Member) -> std::result::Result<(), SinkError> {
        not_asked()
    }

    async fn remember_topic(
        &self,
        _: &TopicPartition,
        _: Claim,
        _: &str,
    ) -> std::result::Result<(), SinkError> {
        Ok(())
    }
}

impl Positions for Discard {
    async fn positions(&self) -> std::result::Result<Vec<StoredPosition>, SinkError> {
        not_asked()
    }

    async fn set_position(&self, _: &PositionChange) -> std::result::Result<SetOutcome, SinkError> {
        not_asked()
    }

    async fn holds_rows(
        &self,
        _: &Prepared<()>,
        _: &TopicPartition,
    ) -> std::result::Result<bool, SinkError> {
        Ok(false)
    }
}

impl plimsoll_sink_api::Shared for Discard {
    async fn report(&self, _: &Member, _: &str) -> std::result::Result<Wanted, SinkError> {
        Ok(Wanted::default())
    }

    async fn farewell(&self, _: &Member) -> std::result::Result<(), SinkError> {
        Ok(())
    }

    async fn wanted(&self) -> std::result::Result<Wanted, SinkError> {
        Ok(Wanted::default())
    }

    async fn reports(&self) -> std::result::Result<Vec<Reported>, SinkError> {
        Ok(Vec::new())
    }

    async fn command(&self, _: &NewCommand) -> std::result::Result<Wanted, SinkError> {
        not_asked()
    }

    async fn commands(
        &self,
        _: i64,
    ) -> std::result::Result<Vec<plimsoll_sink_api::Command>, SinkError> {
        Ok(Vec::new())
    }
}
