//! What Kafka does not allow and would have to.

use crate::config::{Sink as Settings, Topics};
use crate::error::KafkaFault;
use crate::kafka::{Cluster, Right};
use plimsoll_protocol::TopicPartition;
use rdkafka::error::RDKafkaErrorCode;
use std::collections::BTreeSet;

/// The rights that lack, each in words with its remedy. A broker that is too old to
/// tell is believed to allow what is asked of it.
///
/// # Errors
/// Kafka did not answer.
pub(super) fn lacking(
    cluster: &Cluster,
    settings: &Settings,
    partitions: &[TopicPartition],
) -> Result<Vec<String>, KafkaFault> {
    let mut lacking = Vec::new();
    let names: BTreeSet<&str> = match &settings.topics {
        Topics::Named(names) => names.iter().map(String::as_str).collect(),
        Topics::Pattern(_) => partitions.iter().map(|tp| &*tp.topic).collect(),
    };
    let names: Vec<&str> = names.into_iter().collect();
    if !names.is_empty() {
        for (topic, told) in cluster.told_topics(&names)? {
            let refused = RDKafkaErrorCode::TopicAuthorizationFailed;
            let rights = told.map(|told| told.rights).map_err(|fault| fault.code());
            if lacks_read(rights, refused) {
                lacking.push(words("topic", &topic));
            }
        }
    }
    let group = cluster.group(&settings.group_id, &names);
    let rights = group
        .map(|group| group.rights)
        .map_err(|fault| fault.code());
    if lacks_read(rights, RDKafkaErrorCode::GroupAuthorizationFailed) {
        lacking.push(words("group", &settings.group_id));
    }
    Ok(lacking)
}

/// READ holds DESCRIBE: who may not even look may not read either.
fn lacks_read(
    rights: Result<Option<Vec<Right>>, Option<RDKafkaErrorCode>>,
    refused: RDKafkaErrorCode,
) -> bool {
    match rights {
        Ok(Some(rights)) => !rights.contains(&Right::Read),
        Ok(None) => false,
        Err(code) => code == Some(refused),
    }
}

fn words(what: &str, name: &str) -> String {
    format!(
        "the right to READ {what} \"{name}\" lacks; hint: kafka-acls.sh --add --allow-principal \
         User:NAME --operation READ --{what} \"{name}\""
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_lacks_where_it_is_told_and_not_where_nothing_is() {
        let refused = RDKafkaErrorCode::GroupAuthorizationFailed;
        assert!(lacks_read(Ok(Some(vec![Right::Describe])), refused));
        assert!(lacks_read(Ok(Some(vec![])), refused));
        assert!(lacks_read(Err(Some(refused)), refused));
        assert!(!lacks_read(
            Ok(Some(vec![Right::Describe, Right::Read])),
            refused
        ));
        assert!(!lacks_read(Ok(None), refused));
        assert!(!lacks_read(
            Err(Some(RDKafkaErrorCode::UnsupportedVersion)),
            refused
        ));
    }
}
