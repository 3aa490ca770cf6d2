//! What schemas refer to.

use super::fake::{Fake, Reply};
use super::{get, refused, registry};
use plimsoll_protocol::Class;
use plimsoll_record::{SchemaId, SchemaKind, Schemas};
use serde_json::{Value, json};

/// A schema, with a reference to version 1 of each subject.
fn refers(text: &str, subjects: &[&str]) -> Reply {
    let reference = |subject: &&str| json!({"name": subject, "subject": subject, "version": 1});
    let references: Vec<Value> = subjects.iter().map(reference).collect();
    Reply::Json(json!({"schema": text, "schemaType": "PROTOBUF", "references": references}))
}

fn version(subject: &str) -> String {
    format!("/subjects/{subject}/versions/1")
}

#[tokio::test]
async fn references_are_followed_to_their_end_each_once() {
    let fake = Fake::start(|asked| match &*asked.path {
        "/schemas/ids/7" => refers("top", &["a/b.proto", "c.proto"]),
        "/subjects/a%2Fb.proto/versions/1" => refers("middle", &["c.proto"]),
        "/subjects/c.proto/versions/1" => refers("leaf", &[]),
        _ => refers("other", &["c.proto"]),
    })
    .await;
    let registry = registry(&fake.url());
    let got = get(&registry, 7).await.expect("a schema");
    assert_eq!(got.kind, SchemaKind::Protobuf);
    let all = got.dependencies().into_iter();
    let all: Vec<_> = all.map(|it| (&*it.name, &*it.schema.text)).collect();
    assert_eq!(all, [("c.proto", "leaf"), ("a/b.proto", "middle")]);
    let middle = &got.references[0].schema;
    assert_eq!(middle.id, None);
    assert_eq!(middle.origin, "subject \"a/b.proto\", version 1");
    assert_eq!(registry.kept().schemas, 3);
    // Another schema's references are here already.
    drop(get(&registry, 8).await.expect("a schema"));
    let want = [
        "/schemas/ids/7",
        "/subjects/a%2Fb.proto/versions/1",
        "/subjects/c.proto/versions/1",
        "/schemas/ids/8",
    ];
    assert_eq!(fake.paths(), want);
}

#[tokio::test]
async fn what_was_found_before_a_failure_is_not_asked_for_again() {
    let fake = Fake::start(|asked| match &*asked.path {
        "/schemas/ids/7" => refers("top", &["a", "b"]),
        "/subjects/a/versions/1" => refers("leaf", &[]),
        _ => Reply::Fault(429, 42901),
    })
    .await;
    let registry = registry(&fake.url());
    refused(get(&registry, 7).await, Class::Unavailable);
    assert_eq!(registry.get(Some(SchemaId::Id(7))), None);
    fake.answer(|asked| match &*asked.path {
        "/schemas/ids/7" => refers("top", &["a", "b"]),
        _ => refers("leaf", &[]),
    });
    drop(get(&registry, 7).await.expect("a schema"));
    let of = |subject: &str| {
        let path = version(subject);
        fake.paths().iter().filter(|asked| **asked == path).count()
    };
    assert_eq!((of("a"), of("b")), (1, 2));
}

#[tokio::test]
async fn a_reference_that_is_gone_halts_and_says_who_refers_to_it() {
    let fake = Fake::start(|asked| match &*asked.path {
        "/schemas/ids/7" => refers("top", &["a"]),
        _ => Reply::Fault(404, 40402),
    })
    .await;
    let said = refused(get(&registry(&fake.url()), 7).await, Class::Halt);
    let want = "schema 7 refers to \"a\": the registry does not know subject \"a\", version 1 (";
    assert!(said.starts_with(want), "{said}");
}

#[tokio::test]
async fn a_circle_of_references_is_refused() {
    let fake = Fake::start(|asked| match &*asked.path {
        "/schemas/ids/7" => refers("top", &["a"]),
        "/subjects/a/versions/1" => refers("a", &["b"]),
        _ => refers("b", &["a"]),
    })
    .await;
    let said = refused(get(&registry(&fake.url()), 7).await, Class::Halt);
    let want = "the references of schema 7 lead in a circle, by subject \"a\", version 1";
    assert!(said.contains(want), "{said}");
    assert_eq!(fake.paths().len(), 3);
}

#[tokio::test]
async fn references_are_bounded_in_depth() {
    for (depth, fits) in [(32, true), (33, false)] {
        let fake = Fake::start(move |asked| {
            let here = asked.path.split('/').nth(2).and_then(|it| it.parse().ok());
            match here.unwrap_or(0) {
                here if here == depth => refers("leaf", &[]),
                here => refers("chain", &[&(here + 1).to_string()]),
            }
        })
        .await;
        match get(&registry(&fake.url()), 7).await {
            Ok(got) if fits => assert_eq!(got.dependencies().len(), depth),
            got => {
                let said = refused(got, Class::Halt);
                assert!(!fits && said.contains("deeper than 32"), "{said}");
            }
        }
    }
}

#[tokio::test]
async fn references_are_bounded_in_number() {
    for (count, fits) in [(1_000, true), (1_001, false)] {
        let fake = Fake::start(move |asked| {
            let subjects: Vec<String> = (0..count).map(|i| i.to_string()).collect();
            let subjects: Vec<&str> = subjects.iter().map(String::as_str).collect();
            match asked.path.starts_with("/schemas") {
                true => refers("top", &subjects),
                false => refers("leaf", &[]),
            }
        })
        .await;
        match get(&registry(&fake.url()), 7).await {
            Ok(got) if fits => assert_eq!(got.references.len(), count),
            got => {
                let said = refused(got, Class::Halt);
                assert!(!fits && said.contains("more than 1000"), "{said}");
            }
        }
    }
}
