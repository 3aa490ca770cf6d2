//! Whether a topic is compacted.

use super::timeouts::ANSWER;
use crate::error::KafkaFault;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Asks. A broker before 0.11 tells no settings: there a topic may be compacted.
///
/// # Errors
/// Kafka did not answer.
pub async fn is_compacted(config: &ClientConfig, topic: &str) -> Result<bool, KafkaFault> {
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let options = AdminOptions::new().request_timeout(Some(ANSWER));
    let asked = [ResourceSpecifier::Topic(topic)];
    let answers = match admin.describe_configs(&asked, &options).await {
        Err(KafkaError::AdminOp(RDKafkaErrorCode::UnsupportedFeature)) => return Ok(true),
        answered => answered?,
    };
    let policy = answers
        .iter()
        .flatten()
        .find_map(|config| config.entry_map().get("cleanup.policy").copied())
        .and_then(|entry| entry.value.as_ref());
    Ok(policy.is_some_and(|policy| policy.contains("compact")))
}
