//! The topic that is read.

use crate::load::{Load, Orders};
use crate::{Failed, Result};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a broker may take for anything.
const TIMEOUT: Duration = Duration::from_secs(120);
/// The largest record of a load is 1 MiB; the defaults of broker and client are less,
/// with what stands around it.
const MESSAGE_BYTES: &str = "2097152";

/// Kafka's default: so many bytes of a log are an entry of its index.
const INDEX_EVERY: &str = "4096";

/// Makes a topic. A name that is new each time: its offsets begin at 0.
pub async fn create(bootstrap: &str, topic: &str, partitions: u64) -> Result<()> {
    create_indexed(bootstrap, topic, partitions, INDEX_EVERY).await
}

/// The same, with an entry of the index for so many bytes.
pub async fn create_indexed(
    bootstrap: &str,
    topic: &str,
    partitions: u64,
    index_every: &str,
) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = client(bootstrap).create()?;
    let partitions = i32::try_from(partitions).map_err(|_| Failed::new("partitions"))?;
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1))
        .set("max.message.bytes", MESSAGE_BYTES)
        .set("index.interval.bytes", index_every);
    let options = AdminOptions::new().operation_timeout(Some(TIMEOUT));
    for made in admin.create_topics(&[new], &options).await? {
        made.map_err(|(topic, code)| Failed::new(format!("{topic}: {code}")))?;
    }
    Ok(())
}

/// Waits until the broker has the log of every partition of a topic: that of the last of
/// a thousand is there some time after the topic.
pub async fn await_logs(bootstrap: &str, topic: &str, partitions: u64) -> Result<()> {
    let consumer: BaseConsumer = client(bootstrap).create()?;
    let topic = topic.to_owned();
    let asking = tokio::task::spawn_blocking(move || -> Result<()> {
        let began = Instant::now();
        for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
            while let Err(error) = consumer.fetch_watermarks(&topic, partition, TIMEOUT) {
                if began.elapsed() > TIMEOUT {
                    return Err(error.into());
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Ok(())
    });
    asking.await?
}

/// Removes topics, so that the disk does not fill.
pub async fn delete(bootstrap: &str, topics: &[&str]) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = client(bootstrap).create()?;
    admin.delete_topics(topics, &AdminOptions::new()).await?;
    Ok(())
}

/// Makes a producer that waits for every acknowledgement.
fn producer(bootstrap: &str) -> Result<ThreadedProducer<DefaultProducerContext>> {
    Ok(client(bootstrap)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("linger.ms", "20")
        .set("message.max.bytes", MESSAGE_BYTES)
        .set("batch.size", "500000")
        .set("queue.buffering.max.kbytes", "65536")
        .create()?)
}

/// Publishes a load, and writes the same rows into a file for COPY.
pub fn produce(bootstrap: &str, topic: &str, load: Load, file: &Path) -> Result<()> {
    let producer = producer(bootstrap)?;
    let mut lines = BufWriter::with_capacity(1 << 20, File::create(file)?);
    let mut orders = Orders::new(load);
    while let Some(order) = orders.next() {
        lines.write_all(order.line.as_bytes())?;
        let partition = i32::try_from(order.id % load.partitions).unwrap_or_default();
        let key = order.id.to_string();
        let mut record = BaseRecord::to(topic)
            .partition(partition)
            .key(&key)
            .payload(&order.value);
        while let Err((error, back)) = producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            std::thread::sleep(Duration::from_millis(5));
            record = back;
        }
    }
    lines.flush()?;
    producer.flush(TIMEOUT)?;
    Ok(())
}

/// Settings that every client has.
pub fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config
}
