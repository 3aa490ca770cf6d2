//! Errors of the service itself.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::fmt;

/// Kafka did not do what was asked; ask again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaFault {
    code: Option<RDKafkaErrorCode>,
    words: String,
}

impl KafkaFault {
    /// In words.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            code: None,
            words: what.into(),
        }
    }

    /// In the words of librdkafka or of a broker, with their code.
    pub fn told(code: RDKafkaErrorCode, words: impl Into<String>) -> Self {
        Self {
            code: Some(code),
            words: words.into(),
        }
    }

    /// The same of one thing.
    #[must_use]
    pub fn of(self, what: &str) -> Self {
        let words = format!("{what}: {}", self.words);
        Self { words, ..self }
    }

    /// Kafka's or librdkafka's code, where there is one.
    #[must_use]
    pub fn code(&self) -> Option<RDKafkaErrorCode> {
        self.code
    }

    /// Whether it says only that there was no answer.
    #[must_use]
    pub fn is_unreached(&self) -> bool {
        use RDKafkaErrorCode as Code;
        matches!(
            self.code,
            Some(
                Code::BrokerTransportFailure
                    | Code::AllBrokersDown
                    | Code::Resolve
                    | Code::OperationTimedOut
                    | Code::TimedOutQueue
                    | Code::WaitingForCoordinator
                    | Code::Authentication
                    | Code::SSL
                    | Code::BrokerDestroy
            )
        )
    }

    /// The code in a word; empty where there is none.
    #[must_use]
    pub fn code_word(&self) -> String {
        self.code
            .map_or_else(String::new, |code| format!("{code:?}"))
    }

    /// Where to look.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        use RDKafkaErrorCode as Code;
        match self.code {
            Some(Code::SSL) => {
                "see ssl.ca.location, security.protocol and the host names of \
                 kafka.bootstrap_servers; `openssl s_client -connect HOST:PORT` shows what the \
                 broker presents"
            }
            Some(Code::Authentication | Code::SaslAuthenticationFailed) => {
                "see sasl.mechanism, sasl.username and sasl.password in [kafka.properties]"
            }
            Some(Code::BrokerTransportFailure) if self.words.contains("Disconnected") => {
                "does that port speak security.protocol, and does it want SASL?"
            }
            Some(Code::Resolve) => "is the name in kafka.bootstrap_servers right?",
            Some(Code::UnknownTopicOrPartition) => "create it, or correct its name",
            Some(Code::TopicAuthorizationFailed) => {
                "allow the operation READ on the topic to this principal (kafka-acls.sh)"
            }
            Some(Code::GroupAuthorizationFailed) => {
                "allow the operation READ on the group to this principal (kafka-acls.sh)"
            }
            _ => "is kafka.bootstrap_servers right, and may this machine reach it?",
        }
    }
}

impl fmt::Display for KafkaFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for KafkaFault {}

impl From<KafkaError> for KafkaFault {
    fn from(error: KafkaError) -> Self {
        match error.rdkafka_error_code() {
            Some(code) => Self::told(code, format!("Kafka: {code}")),
            None => Self::new(format!("Kafka: {error}")),
        }
    }
}
