//! `[sources.NAME]`.

use super::World;
use crate::config::parse;
use plimsoll_source::{Boundary, Outbox};

const HEAD: &str = "kafka.bootstrap_servers = \"k:9092\"\n";

fn faults(text: &str) -> String {
    let config = format!("{HEAD}{text}");
    parse(&config, &World::new()).unwrap_err().to_string()
}

#[test]
fn a_config_may_have_sources_alone_and_their_defaults_are_debezium_s() {
    let text = format!("{HEAD}[sources.my-Shop.postgres]\nurl = \"postgres://u@h/d\"");
    let config = parse(&text, &World::new()).unwrap();
    assert!(config.sinks.is_empty());
    let [source] = config.sources.as_slice() else {
        panic!("{:?}", config.sources);
    };
    assert_eq!(source.boundary, Boundary::Poll);
    assert_eq!(source.positions_topic, "plimsoll-source-my-Shop");
    assert_eq!(source.postgres.slot, "plimsoll_my_shop");
    assert_eq!(source.postgres.publication, "plimsoll_my_shop");
    let Outbox::Table { table, columns } = &source.postgres.outbox else {
        panic!("{:?}", source.postgres.outbox);
    };
    assert_eq!(table.to_string(), "public.outbox");
    assert_eq!(columns.topic.to_string(), "outbox.event.{aggregatetype}");
    assert_eq!((&*columns.key, &*columns.value), ("aggregateid", "payload"));
    assert_eq!(columns.headers.len(), 2);
}

#[test]
fn what_two_sources_may_not_share_is_refused() {
    let said = faults(
        "[sources.a.postgres]\nurl = \"postgres://u@h/d\"\nslot = \"s\"\n\
         [sources.b]\npositions_topic = \"plimsoll-source-a\"\n\
         [sources.b.postgres]\nurl = \"postgres://u@h/d\"\nslot = \"s\"",
    );
    assert!(
        said.contains("\"s\" is also that of sources.a.postgres"),
        "{said}"
    );
    assert!(
        said.contains("\"plimsoll-source-a\" is also that of sources.a"),
        "{said}"
    );
}

#[test]
fn a_property_that_carries_a_producer_s_promise_is_refused_beside_a_source() {
    let said = faults(
        "kafka.properties = { acks = \"1\" }\n\
         [sources.a.postgres]\nurl = \"postgres://u@h/d\"",
    );
    assert!(
        said.contains("acks of kafka.properties is refused"),
        "{said}"
    );
}

#[test]
fn what_is_wrong_with_a_source_is_told_without_its_url() {
    let said = faults(
        "[sources.a.postgres]\nurl = \"mysql://u:hunter2@h/d\"\nmessages = \"outbox:\"\nkey = \"k\"",
    );
    assert!(said.contains("not a Postgres URL"), "{said}");
    assert!(said.contains("does not go with messages"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}
