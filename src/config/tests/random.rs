//! Arbitrary text: no panic, and every refusal says why.

use super::{SAMPLE, World};
use crate::config::parse;
use proptest::prelude::*;

fn judge(text: &str) -> Result<(), TestCaseError> {
    if let Err(faults) = parse(text, &World::new()) {
        prop_assert!(!faults.list.is_empty(), "refused without a reason");
        for fault in &faults.list {
            prop_assert!(!fault.what.is_empty());
            prop_assert!(!fault.place.is_empty() || fault.line.is_some());
        }
        prop_assert!(
            !faults.to_string().contains("hunter2"),
            "shows a secret: {}",
            faults
        );
    }
    Ok(())
}

/// Pieces that make text look like a config.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("[".to_owned()),
        Just("]\n".to_owned()),
        Just("[[sinks.a.postgres.tables]]\n".to_owned()),
        Just("[sinks.a]\n".to_owned()),
        Just(" = ".to_owned()),
        Just("\n".to_owned()),
        Just("\"".to_owned()),
        Just("${MODE}".to_owned()),
        Just("${file:/run/secrets/password}".to_owned()),
        Just("$${".to_owned()),
        Just("topics = [\"t\"]\n".to_owned()),
        Just("topics_regex = \"${MODE}\"\n".to_owned()),
        Just("start = \"${MODE}\"\n".to_owned()),
        Just("group_id = 3\n".to_owned()),
        "[a-zA-Zäß_.0-9]{1,6}",
        "[0-9]{1,30}",
        any::<char>().prop_map(String::from),
    ]
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        judge(&text)?;
    }

    #[test]
    fn text_that_looks_like_a_config_never_panics(pieces in prop::collection::vec(piece(), 0..40)) {
        judge(&pieces.concat())?;
    }

    #[test]
    fn a_mutated_sample_never_panics(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, piece()), 1..5),
    ) {
        let mut chars: Vec<char> = SAMPLE.chars().collect();
        for (at, length, new) in cuts {
            let from = at.index(chars.len() + 1);
            let to = (from + length).min(chars.len());
            chars.splice(from..to, new.chars());
        }
        judge(&chars.into_iter().collect::<String>())?;
    }

    #[test]
    fn a_value_swapped_in_the_sample_never_panics(
        line in 0_usize..40,
        value in prop_oneof![
            Just("\"${MODE}\""), Just("3"), Just("-1"), Just("true"), Just("[]"),
            Just("[[], 1, \"x\"]"), Just("{}"), Just("{ a = 1 }"), Just("1.5"), Just("inf"),
            Just("2026-01-31T08:00:00Z"), Just("08:00:00"), Just("\"\""), Just("\"\\u0000\""),
        ],
    ) {
        let swapped: Vec<String> = SAMPLE
            .lines()
            .enumerate()
            .map(|(i, text)| match text.split_once('=') {
                Some((key, _)) if i == line => format!("{key}= {value}"),
                _ => text.to_owned(),
            })
            .collect();
        judge(&swapped.join("\n"))?;
    }
}
