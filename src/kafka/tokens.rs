//! Tokens of SASL OAUTHBEARER, which are renewed before they expire. librdkafka
//! asks for that by an event, which rust-rdkafka takes from the queue and drops; a
//! thread of librdkafka's own, which only works for such events, does it right.

use rdkafka::ClientConfig;
use rdkafka::bindings::{rd_kafka_error_destroy, rd_kafka_sasl_background_callbacks_enable};
use rdkafka::client::{Client, ClientContext};

/// Both are names of one property.
const MECHANISMS: [&str; 2] = ["sasl.mechanism", "sasl.mechanisms"];

/// Gives such events a queue of their own. To be called before the client is made.
pub(super) fn prepare_tokens(config: &mut ClientConfig) {
    let uses_tokens = MECHANISMS
        .iter()
        .filter_map(|name| config.get(name))
        .any(|mechanism| mechanism.eq_ignore_ascii_case("OAUTHBEARER"));
    if uses_tokens {
        config.set("enable_sasl_queue", "true");
    }
}

/// Lets librdkafka's own thread renew them, where the client uses tokens.
pub(super) fn keep_tokens<C: ClientContext>(client: &Client<C>) {
    // SAFETY: the client is alive; the error is destroyed once. It says that the
    // client uses none.
    unsafe {
        let error = rd_kafka_sasl_background_callbacks_enable(client.native_ptr());
        if !error.is_null() {
            rd_kafka_error_destroy(error);
        }
    }
}
