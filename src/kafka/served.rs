//! A client that is asked questions and reads no record, and the thread that
//! serves it: without it librdkafka's errors would never be heard.

use super::certificate::tell_why;
use super::context::Context;
use super::request::text;
use super::tokens::keep_tokens;
use crate::error::KafkaFault;
use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::bindings::{
    RD_KAFKA_EVENT_ERROR, RD_KAFKA_EVENT_LOG, rd_kafka_conf_set_events, rd_kafka_event_destroy,
    rd_kafka_event_error, rd_kafka_event_error_string, rd_kafka_event_log, rd_kafka_event_t,
    rd_kafka_event_type, rd_kafka_queue_destroy, rd_kafka_queue_get_main, rd_kafka_queue_poll,
};
use rdkafka::client::Client;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaType;
use std::ptr::null;
use std::sync::{Arc, Weak};

/// How long one wait for an event lasts: so long, at most, a client lives on that
/// nobody has any more.
const WAIT_MS: i32 = 200;

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
        // SAFETY: the client lives through the call; the queue and each event are
        // destroyed once, and nothing of them is read afterwards.
        unsafe {
            let queue = rd_kafka_queue_get_main(client.native_ptr());
            let event = rd_kafka_queue_poll(queue, WAIT_MS);
            if !event.is_null() {
                read(event, client.context());
                rd_kafka_event_destroy(event);
            }
            rd_kafka_queue_destroy(queue);
        }
    }
}

/// # Safety
/// The event is alive.
unsafe fn read(event: *mut rd_kafka_event_t, context: &Context) {
    // SAFETY: strings of an event are NUL-terminated and live as long as it does.
    unsafe {
        match rd_kafka_event_type(event) {
            RD_KAFKA_EVENT_ERROR => {
                let error = KafkaError::Global(rd_kafka_event_error(event).into());
                context.error(error, &text(rd_kafka_event_error_string(event)));
            }
            RD_KAFKA_EVENT_LOG => {
                let (mut facility, mut words, mut level) = (null(), null(), 0);
                if rd_kafka_event_log(event, &raw mut facility, &raw mut words, &raw mut level) == 0
                {
                    context.log(severity(level), &text(facility), &text(words));
                }
            }
            // None is asked for.
            _ => {}
        }
    }
}

/// A syslog(3) level.
fn severity(level: i32) -> RDKafkaLogLevel {
    match level {
        ..=3 => RDKafkaLogLevel::Error,
        4 => RDKafkaLogLevel::Warning,
        5 | 6 => RDKafkaLogLevel::Info,
        7.. => RDKafkaLogLevel::Debug,
    }
}
