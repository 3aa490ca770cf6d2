//! What a client of Kafka tells of its own accord: why it reaches no broker. The
//! answer to a question says only that there is none.

use crate::error::KafkaFault;
use rdkafka::error::RDKafkaErrorCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// librdkafka repeats an error that lasts every 30 s; what is older than this is
/// over.
const MEMORY: Duration = Duration::from_secs(45);

/// The last words of a client.
#[derive(Debug, Default)]
pub struct Hearing(Mutex<Heard>);

#[derive(Debug, Default)]
struct Heard {
    last: Option<(KafkaFault, Instant)>,
    /// Since when no broker of all is reached.
    alone: Option<Instant>,
    /// Why the last certificate was refused, which the error does not say.
    certificate: Option<&'static str>,
}

impl Hearing {
    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An error, in librdkafka's words.
    pub fn error(&self, code: RDKafkaErrorCode, words: &str) -> KafkaFault {
        let mut heard = self.lock();
        let mut words = without_time(words).to_owned();
        if code == RDKafkaErrorCode::SSL
            && let Some(why) = heard.certificate.take()
        {
            words = format!("{words}; {why}");
        }
        let fault = KafkaFault::told(code, words);
        let now = Instant::now();
        if code == RDKafkaErrorCode::AllBrokersDown {
            heard.alone.get_or_insert(now);
            // It says less than what led to it.
            if heard.last.as_ref().is_some_and(|(_, at)| fresh(*at, now)) {
                return fault;
            }
        }
        heard.last = Some((fault.clone(), now));
        fault
    }

    /// A connection that a broker has closed, which is no error by itself: it explains
    /// one that follows.
    pub(super) fn closed(&self, words: &str) {
        let code = RDKafkaErrorCode::BrokerTransportFailure;
        let fault = KafkaFault::told(code, without_time(words));
        self.lock().last = Some((fault, Instant::now()));
    }

    /// Why a certificate is refused; the error follows.
    pub(super) fn certificate(&self, why: &'static str) {
        self.lock().certificate = Some(why);
    }

    /// A question was answered: brokers are reached.
    pub(super) fn answered(&self) {
        let mut heard = self.lock();
        if heard.alone.take().is_some() {
            heard.last = None;
        }
    }

    /// What was said last, if it may still hold: of a client that asks, whose answers
    /// take it back.
    pub(super) fn last(&self) -> Option<KafkaFault> {
        let alone = self.lock().alone.is_some();
        self.within(|at| alone || fresh(at, Instant::now()))
    }

    /// What was said lately.
    pub fn lately(&self) -> Option<KafkaFault> {
        self.within(|at| fresh(at, Instant::now()))
    }

    fn within(&self, holds: impl Fn(Instant) -> bool) -> Option<KafkaFault> {
        let heard = self.lock();
        let (fault, _) = heard.last.as_ref().filter(|(_, at)| holds(*at))?;
        Some(fault.clone())
    }

    /// The same, if no broker at all is reached.
    pub(super) fn alone(&self) -> Option<KafkaFault> {
        self.lock().alone?;
        self.last()
    }
}

fn fresh(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) < MEMORY
}

/// Without librdkafka's ` (after 3ms in state CONNECT, 2 identical error(s)
/// suppressed)`: the same error has the same words each time.
pub(super) fn without_time(words: &str) -> &str {
    match words.rfind(" (after ") {
        Some(at) if words.ends_with(')') => &words[..at],
        _ => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_kept_before_what_follows_from_it() {
        let hearing = Hearing::default();
        hearing.error(
            RDKafkaErrorCode::Resolve,
            "nowhere:9092/bootstrap: Failed to resolve 'nowhere:9092' (after 3ms in state CONNECT)",
        );
        assert_eq!(hearing.alone(), None);
        hearing.error(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down");
        let alone = hearing.alone().unwrap();
        assert_eq!(
            alone.to_string(),
            "nowhere:9092/bootstrap: Failed to resolve 'nowhere:9092'"
        );
        assert_eq!(alone.code(), Some(RDKafkaErrorCode::Resolve));
        hearing.answered();
        assert_eq!((hearing.alone(), hearing.last()), (None, None));
    }

    #[test]
    fn a_closed_connection_explains_that_no_broker_is_reached() {
        let hearing = Hearing::default();
        hearing.closed("kafka:9092: Disconnected: see security.protocol (after 1ms in state UP)");
        assert_eq!(hearing.alone(), None);
        hearing.error(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down");
        assert_eq!(
            hearing.alone().unwrap().to_string(),
            "kafka:9092: Disconnected: see security.protocol"
        );
    }

    #[test]
    fn an_answer_of_one_broker_does_not_hide_the_fault_of_another() {
        let hearing = Hearing::default();
        hearing.error(RDKafkaErrorCode::BrokerTransportFailure, "two: refused");
        hearing.answered();
        assert_eq!(hearing.last().unwrap().to_string(), "two: refused");
    }

    #[test]
    fn why_a_certificate_was_refused_stands_beside_the_error() {
        let hearing = Hearing::default();
        hearing.certificate("it has expired");
        hearing.error(RDKafkaErrorCode::BrokerTransportFailure, "refused");
        hearing.error(RDKafkaErrorCode::SSL, "handshake failed");
        hearing.error(RDKafkaErrorCode::SSL, "closed");
        assert_eq!(hearing.last().unwrap().to_string(), "closed");
        hearing.certificate("it has expired");
        let told = hearing.error(RDKafkaErrorCode::SSL, "handshake failed");
        assert_eq!(told.to_string(), "handshake failed; it has expired");
    }
}
