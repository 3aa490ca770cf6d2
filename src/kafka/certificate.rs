//! Why a broker's certificate is refused. librdkafka says only that it is, and
//! guesses at the authority.

use super::context::Context;
use rdkafka::bindings::{rd_kafka_conf_set_ssl_cert_verify_cb, rd_kafka_t};
use rdkafka::config::NativeClientConfig;
use std::ffi::{c_char, c_int, c_void};

/// Lets a client tell why. To be called before it is made, and only for one whose
/// opaque is a [`Context`].
pub(super) fn tell_why(config: &NativeClientConfig) {
    // SAFETY: the config is alive. What is called reads a context, which lives as
    // long as its client.
    unsafe { rd_kafka_conf_set_ssl_cert_verify_cb(config.ptr(), Some(judged)) };
}

/// OpenSSL has judged a certificate of a broker's chain; its verdict stands.
unsafe extern "C" fn judged(
    _: *mut rd_kafka_t,
    _: *const c_char,
    _: i32,
    verdict: *mut c_int,
    _: c_int,
    _: *const c_char,
    _: usize,
    _: *mut c_char,
    _: usize,
    opaque: *mut c_void,
) -> c_int {
    // SAFETY: librdkafka passes its own verdict, and what its client was made with.
    let (verdict, context) = unsafe { (*verdict, &*opaque.cast::<Context>()) };
    if verdict == 0 {
        return 1;
    }
    context.hearing().certificate(words(verdict));
    0
}

/// OpenSSL's `X509_V_ERR_…`, in words that say what to do.
fn words(verdict: c_int) -> &'static str {
    match verdict {
        2 | 18..=21 => {
            "the broker's certificate is signed by an authority that is not in ssl.ca.location"
        }
        9 => "the broker's certificate is not valid yet",
        10 => "the broker's certificate has expired",
        23 => "the broker's certificate was revoked",
        62 => "the broker's certificate is for another host name than the one it is reached by",
        64 => "the broker's certificate is for another address than the one it is reached by",
        _ => "the broker's certificate is not valid",
    }
}
