//! A client that is asked questions and reads no record, and the thread that
//! serves it: without it librdkafka's errors would never be heard.

use super::certificate::tell_why;
use super::context::Context;
use super::event::Events;
use super::tokens::keep_tokens;
use crate::error::KafkaFault;
use rdkafka::ClientConfig;
use rdkafka::bindings::{RD_KAFKA_EVENT_ERROR, RD_KAFKA_EVENT_LOG, rd_kafka_conf_set_events};
use rdkafka::client::Client;
use rdkafka::types::RDKafkaType;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How long one wait for an event lasts: so long, at most, a client lives on that
/// nobody has any more.
const WAIT: Duration = Duration::from_millis(200);

/// A client, and its thread, which ends with it.
pub(super) fn serve(
    config: &ClientConfig,
    context: Context,
) -> Result<Arc<Client<Context>>, KafkaFault> {
    let native = config.create_native_config()?;
    // SAFETY: the config is alive.
    unsafe { rd_kafka_conf_set_events(native.ptr(), RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG) };
    tell_why(&native);
    // A consumer, for only such a one may ask where logs end.
    let client = Client::new(config, native, RDKafkaType::RD_KAFKA_CONSUMER, context)?;
    keep_tokens(&client);
    let client = Arc::new(client);
    let served = Arc::downgrade(&client);
    std::thread::Builder::new()
        .name("kafka-questions".to_owned())
        .spawn(move || hear(&served))
        .map_err(|error| KafkaFault::new(format!("no thread: {error}")))?;
    Ok(client)
}

fn hear(client: &Weak<Client<Context>>) {
    while let Some(client) = client.upgrade() {
        // SAFETY: the client lives longer than the queue, which is declared behind it.
        let events = unsafe { Events::main(client.native_ptr()) };
        if let Some(event) = events.and_then(|events| events.poll(WAIT)) {
            event.tell(client.context());
        }
    }
}
