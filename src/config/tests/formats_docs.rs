//! What docs/FORMATS.md tells people to write is a config; and so is what docs/MAPPING.md
//! shows as one, where it shows more than a table's settings.

use super::World;
use crate::config::parse;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/FORMATS.md");
const MAPPING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/MAPPING.md");

/// The blocks of a language.
fn blocks<'d>(docs: &'d str, language: &str) -> Vec<&'d str> {
    let fence = format!("```{language}\n");
    let behind = docs.split(fence.as_str()).skip(1);
    behind
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

/// What others of the docs' blocks have.
const KAFKA: &str = "[kafka]\nbootstrap_servers = \"kafka:9092\"\n";
const REGISTRY: &str = "[schema_registry]\nurl = [\"https://registry:8081\"]\n";
const SINK: &str = "[sinks.orders]\ntopics = [\"orders\"]\n";
const POSTGRES: &str = "\n[sinks.orders.postgres]\nurl = \"postgres://db/shop\"\ntable = \
                        \"public.orders\"\nmode = \"upsert\"\n";

/// A whole config around what a block shows of it.
fn whole(block: &str) -> String {
    let lacks = |text: &str| !block.contains(text);
    let parts = [
        (lacks("[kafka]"), KAFKA),
        (lacks("[schema_registry]"), REGISTRY),
        (lacks("[sinks."), SINK),
        (true, block),
        (lacks(".postgres]"), POSTGRES),
    ];
    let needed = parts.into_iter().filter(|(needed, _)| *needed);
    needed.map(|(_, text)| text).collect()
}

#[test]
fn every_config_in_the_docs_of_formats_is_a_good_one() {
    let docs = std::fs::read_to_string(DOCS).unwrap();
    let mapping = std::fs::read_to_string(MAPPING).unwrap();
    let whole_ones = blocks(&mapping, "toml");
    let whole_ones = whole_ones
        .into_iter()
        .filter(|block| block.contains("[sinks."));
    let whole_ones: Vec<&str> = whole_ones.collect();
    assert!(!whole_ones.is_empty());
    let blocks = blocks(&docs, "toml");
    assert!(blocks.len() > 10, "{}", blocks.len());
    for block in blocks.into_iter().chain(whole_ones) {
        let config = whole(block);
        if let Err(faults) = parse(&config, &World::new()) {
            panic!("{faults}\n{config}");
        }
    }
}

#[test]
fn connectors_in_the_docs_of_formats_are_settings_as_connect_takes_them() {
    let docs = std::fs::read_to_string(DOCS).unwrap();
    let recipes = docs.split_once("## Recipes").unwrap().1;
    let blocks = blocks(recipes, "json");
    assert!(blocks.len() > 4, "{}", blocks.len());
    for block in blocks {
        let settings: serde_json::Value = serde_json::from_str(block).expect(block);
        let settings = settings.as_object().expect(block);
        assert!(
            settings.values().all(serde_json::Value::is_string),
            "{block}"
        );
    }
}
