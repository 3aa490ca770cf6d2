//! A producer of transactions.

use super::Fault;
use crate::halt::Halt;
use crate::outbox::Event;
use crate::record::SEQ_HEADER;
use crate::settings::{Kafka, SourceSettings};
use plimsoll_protocol::source::CommitSaid;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing::{debug, warn};

/// How long the coordinator is waited for. It has to decide the transaction that a
/// predecessor left open.
const INIT: Duration = Duration::from_secs(30);

/// How long the answer to a commit is waited for.
const COMMIT: Duration = Duration::from_secs(30);

/// How long the abort of what will never be committed may take; the next producer of the
/// same id decides it in any case.
const ABORT: Duration = Duration::from_secs(5);

/// librdkafka's pause before it repeats a request. Every commit that takes nearly as long
/// costs a producer, so it is longer than what commits take on a busy cluster.
const RETRY_MS: u64 = 500;

/// Bytes that wait for the brokers. More makes a large transaction no faster.
const QUEUE_KBYTES: &str = "16384";

/// How often deliveries are looked at. Polling for less than a millisecond spins, and the
/// client's own waits come in slices of 100 ms.
const LOOK: Duration = Duration::from_micros(300);

/// Notes the first record that Kafka refused.
pub(crate) struct Deliveries {
    source: String,
    refused: Mutex<Option<(String, KafkaError)>>,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let source = &self.source;
        match level {
            // A client for both ways shares one set of properties.
            _ if facility == "CONFWARN" => {
                debug!(target: "librdkafka", source, facility, "{message}");
            }
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => {
                warn!(target: "librdkafka", source, facility, "{message}");
            }
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                debug!(target: "librdkafka", source, facility, "{message}");
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(source = self.source, "Kafka client: {error}: {reason}");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): Self::DeliveryOpaque) {
        let Err((error, message)) = result else {
            return;
        };
        let mut first = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        // Those behind it are refused because of it.
        first.get_or_insert_with(|| (message.topic().to_owned(), error.clone()));
    }
}

/// Why an event cannot be sent.
pub(crate) enum Refused {
    /// Another event may be.
    Event(Halt),
    /// None can.
    All(Fault),
}

/// The producer of one life of a source.
pub(crate) struct Producer {
    inner: BaseProducer<Deliveries>,
    source: String,
}

impl Producer {
    /// Makes one, and fences all earlier ones of the source: what they left open is
    /// decided when this returns. Blocks.
    pub(crate) fn fence(kafka: &Kafka, settings: &SourceSettings) -> Result<Self, Fault> {
        let timeout = settings.transaction_timeout.as_millis().to_string();
        let mut config = kafka.0.clone();
        config
            .set("transactional.id", settings.transactional_id())
            .set("transaction.timeout.ms", timeout.as_str())
            // A transaction's messages may not live longer than it.
            .set("message.timeout.ms", timeout)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // Where Java's producers put a key.
            .set("partitioner", "murmur2_random")
            .set("retry.backoff.ms", RETRY_MS.to_string())
            .set("retry.backoff.max.ms", (2 * RETRY_MS).to_string())
            .set("linger.ms", "1")
            .set("queue.buffering.max.kbytes", QUEUE_KBYTES)
            // A topic that was just made is unknown to some brokers for a moment.
            .set("topic.metadata.propagation.max.ms", "5000")
            .set("delivery.report.only.error", "true");
        let context = Deliveries {
            source: settings.name.clone(),
            refused: Mutex::default(),
        };
        let inner: BaseProducer<Deliveries> = config.create_with_context(context)?;
        inner.init_transactions(INIT)?;
        let source = settings.name.clone();
        Ok(Self { inner, source })
    }

    /// The pause after which the client repeats a request.
    pub(crate) const fn retry_ms() -> u64 {
        RETRY_MS
    }

    /// Begins a transaction.
    pub(crate) fn begin(&self) -> Result<(), Fault> {
        Ok(self.inner.begin_transaction()?)
    }

    /// Hands an event of this number to the client. Waits where its queue is full.
    pub(crate) fn send(&self, event: &Event, seq: u64) -> Result<(), Refused> {
        let seq = seq.to_string();
        let mut headers = OwnedHeaders::new_with_capacity(event.headers.len() + 1);
        for (key, value) in &event.headers {
            let value = value.as_deref();
            headers = headers.insert(Header { key, value });
        }
        let headers = headers.insert(Header {
            key: SEQ_HEADER,
            value: Some(seq.as_str()),
        });
        let mut record = BaseRecord::to(&event.topic)
            .key(&event.key[..])
            .headers(headers);
        if let Some(value) = &event.value {
            record = record.payload(&value[..]);
        }
        self.put(record)
    }

    /// Hands the record of the position to the client.
    pub(crate) fn send_position(&self, topic: &str, record: &[u8]) -> Result<(), Fault> {
        let record = BaseRecord::to(topic)
            .partition(0)
            .key(self.source.as_bytes())
            .payload(record);
        self.put(record).map_err(|refused| match refused {
            Refused::Event(halt) => Fault::Halt(halt),
            Refused::All(fault) => fault,
        })
    }

    fn put(&self, mut record: BaseRecord<'_, [u8], [u8]>) -> Result<(), Refused> {
        loop {
            let Err((error, back)) = self.inner.send(record) else {
                return Ok(());
            };
            match error.rdkafka_error_code() {
                Some(Code::QueueFull) => {
                    self.faultless().map_err(Refused::All)?;
                    self.inner.poll(Duration::from_millis(1));
                    record = back;
                }
                Some(Code::MessageSizeTooLarge) => {
                    return Err(Refused::Event(Halt::new(
                        format!(
                            "an event for {} is larger than message.max.bytes",
                            back.topic
                        ),
                        "raise it in [kafka.properties], and max.message.bytes of the topic",
                    )));
                }
                Some(_) | None => return Err(Refused::All(self.because(error))),
            }
        }
    }

    /// What has gone wrong so far.
    fn faultless(&self) -> Result<(), Fault> {
        if let Some((code, said)) = self.inner.client().fatal_error() {
            return Err(match code {
                Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch => Fault::Fenced,
                _ => Fault::Away(format!("Kafka's client gave up: {said}")),
            });
        }
        let refused = &self.inner.context().refused;
        let refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
        match &*refused {
            None => Ok(()),
            Some((topic, error)) => Err(of_delivery(topic, error)),
        }
    }

    /// The first thing that went wrong; else this.
    fn because(&self, error: KafkaError) -> Fault {
        self.inner.poll(Duration::ZERO);
        self.faultless().err().unwrap_or_else(|| error.into())
    }

    /// Waits until the brokers have all that was sent. Blocks.
    fn drain(&self) -> Result<(), Fault> {
        while self.inner.in_flight_count() > 0 {
            self.inner.poll(Duration::ZERO);
            self.faultless()?;
            std::thread::sleep(LOOK);
        }
        self.inner.poll(Duration::ZERO);
        self.faultless()
    }

    /// Ends the transaction. The client's own commit waits in slices of 100 ms for what
    /// the brokers do not have yet; so nothing is left of that when it is called. Blocks.
    pub(crate) fn commit(&self) -> Result<CommitSaid, Fault> {
        self.drain()?;
        let begun = Instant::now();
        let Err(error) = self.inner.commit_transaction(COMMIT) else {
            let took = begun.elapsed().as_millis();
            let took_ms = u64::try_from(took).unwrap_or(u64::MAX);
            return Ok(CommitSaid::Done { took_ms });
        };
        let said = match &error {
            KafkaError::Transaction(error) if error.txn_requires_abort() => CommitSaid::Abortable,
            _ => CommitSaid::Unknown,
        };
        match self.because(error) {
            Fault::Fenced => Ok(CommitSaid::Fenced),
            Fault::Halt(halt) => Err(Fault::Halt(halt)),
            Fault::Away(why) => {
                debug!(source = self.source, "commit: {why}");
                Ok(said)
            }
        }
    }

    /// Ends what will not be committed, so that no reader waits for it. A failure does
    /// not matter: the next producer of this id aborts it.
    pub(crate) fn abort(self) {
        if let Err(error) = self.inner.abort_transaction(ABORT) {
            debug!(source = self.source, "abort: {error}");
        }
    }
}

/// What a record that Kafka refused means.
fn of_delivery(topic: &str, error: &KafkaError) -> Fault {
    let code = error.rdkafka_error_code();
    let halt = |what: String, hint: &str| Fault::Halt(Halt::new(what, hint));
    match code {
        Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition) => halt(
            format!("the topic {topic} does not exist"),
            "make it, with as many partitions as its readers want (kafka-topics.sh --create)",
        ),
        Some(Code::TopicAuthorizationFailed) => halt(
            format!("Kafka refuses writing to {topic}"),
            "allow the operation WRITE on the topic to this principal (kafka-acls.sh)",
        ),
        Some(Code::MessageSizeTooLarge | Code::InvalidMessageSize) => halt(
            format!("an event is larger than the topic {topic} takes"),
            "raise max.message.bytes of the topic, and message.max.bytes in [kafka.properties]",
        ),
        Some(Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch) => Fault::Fenced,
        Some(_) | None => Fault::Away(format!("Kafka: {topic}: {error}")),
    }
}
