//! What a registry says of a schema. Pure.

use crate::place::Place;
use plimsoll_record::SchemaKind;
use serde::Deserialize;

/// A schema as it came, with the names of what it refers to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) kind: SchemaKind,
    pub(crate) text: String,
    pub(crate) references: Vec<(String, Place)>,
}

pub(crate) fn kind(word: &str) -> SchemaKind {
    match word {
        "AVRO" => SchemaKind::Avro,
        "PROTOBUF" => SchemaKind::Protobuf,
        "JSON" => SchemaKind::Json,
        other => SchemaKind::Other(other.to_owned()),
    }
}

#[derive(Deserialize)]
struct Confluent {
    schema: String,
    #[serde(rename = "schemaType")]
    kind: Option<String>,
    references: Option<Vec<ConfluentReference>>,
}

#[derive(Deserialize)]
struct ConfluentReference {
    name: String,
    subject: String,
    version: i64,
}

/// By Confluent's interface, where a schema without a kind is Avro's.
pub(crate) fn confluent(body: &[u8]) -> Result<Document, serde_json::Error> {
    let it: Confluent = serde_json::from_slice(body)?;
    let references = it.references.unwrap_or_default().into_iter();
    Ok(Document {
        kind: it.kind.map_or(SchemaKind::Avro, |word| kind(&word)),
        text: it.schema,
        references: references
            .map(|it| {
                let (subject, version) = (it.subject, it.version);
                (it.name, Place::Version { subject, version })
            })
            .collect(),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApicurioReference {
    name: String,
    group_id: Option<String>,
    artifact_id: String,
    version: String,
}

/// A schema's references by Apicurio's own interface.
pub(crate) fn apicurio_references(body: &[u8]) -> Result<Vec<(String, Place)>, serde_json::Error> {
    let all: Vec<ApicurioReference> = serde_json::from_slice(body)?;
    let place = |it: ApicurioReference| {
        let place = Place::Artifact {
            group: it.group_id,
            artifact: it.artifact_id,
            version: it.version,
        };
        (it.name, place)
    };
    Ok(all.into_iter().map(place).collect())
}

#[derive(Deserialize)]
struct Found {
    artifacts: Vec<Artifact>,
}

#[derive(Deserialize)]
struct Artifact {
    #[serde(rename = "type")]
    kind: String,
}

/// The kind of an id's artifacts, where all have the same.
pub(crate) fn apicurio_kind(body: &[u8]) -> Result<SchemaKind, serde_json::Error> {
    let found: Found = serde_json::from_slice(body)?;
    let mut words = found.artifacts.iter().map(|it| it.kind.as_str());
    Ok(match words.next() {
        Some(first) if words.all(|word| word == first) => kind(first),
        Some(_) | None => SchemaKind::Untold,
    })
}

/// What Apicurio says of an artifact's version.
#[derive(Deserialize)]
pub(crate) struct ApicurioVersion {
    #[serde(rename = "globalId")]
    pub(crate) global: i64,
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_without_a_kind_is_avros_and_may_refer_to_nothing() {
        let plain = Document {
            kind: SchemaKind::Avro,
            text: "\"long\"".to_owned(),
            references: Vec::new(),
        };
        for body in [
            r#"{"schema":"\"long\""}"#,
            r#"{"schema":"\"long\"","schemaType":null,"references":null}"#,
            r#"{"schema":"\"long\"","schemaType":"AVRO","references":[],"guid":"x","ts":1}"#,
        ] {
            assert_eq!(confluent(body.as_bytes()).expect(body), plain);
        }
        for body in ["{}", "[]", "<html>", "", r#"{"schema":{"type":"long"}}"#] {
            assert!(confluent(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn references_keep_their_order_and_kinds_their_words() {
        let body = r#"{"schema":"x","schemaType":"THRIFT","references":[
            {"name":"b","subject":"s/b","version":2},{"name":"a","subject":"s/a","version":1}]}"#;
        let read = confluent(body.as_bytes()).expect(body);
        assert_eq!(read.kind, SchemaKind::Other("THRIFT".to_owned()));
        let version = |subject: &str, version| Place::Version {
            subject: subject.to_owned(),
            version,
        };
        let want = [
            ("b".to_owned(), version("s/b", 2)),
            ("a".to_owned(), version("s/a", 1)),
        ];
        assert_eq!(read.references, want);
    }

    #[test]
    fn a_kind_counts_only_where_all_artifacts_agree() {
        let read = |body: &str| apicurio_kind(body.as_bytes()).expect(body);
        let two = |a: &str, b: &str| {
            read(&format!(
                r#"{{"artifacts":[{{"type":"{a}"}},{{"type":"{b}"}}],"count":2}}"#
            ))
        };
        assert_eq!(read(r#"{"artifacts":[],"count":0}"#), SchemaKind::Untold);
        assert_eq!(two("PROTOBUF", "PROTOBUF"), SchemaKind::Protobuf);
        assert_eq!(two("AVRO", "JSON"), SchemaKind::Untold);
    }
}
