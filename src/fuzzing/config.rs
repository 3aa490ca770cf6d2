//! Arbitrary text as a config.

use crate::config::{Environment, parse};
use std::io;

/// Every variable and every file holds a secret.
struct Secrets;

const SECRET: &str = "hunter2";

impl Environment for Secrets {
    fn var(&self, name: &str) -> Option<String> {
        (name != "MISSING").then(|| SECRET.to_owned())
    }

    fn file(&self, _: &str) -> io::Result<String> {
        Ok(SECRET.to_owned())
    }
}

/// Judges a text.
///
/// # Panics
/// Where a refusal has no reason or place, or shows a secret; where what was
/// accepted is no TOML, or has no sink.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    // In the text itself it would be no secret.
    if text.contains(SECRET) {
        return;
    }
    match parse(text, &Secrets) {
        Ok(config) => {
            assert!(toml::from_str::<toml::Table>(text).is_ok(), "no TOML");
            assert!(!config.sinks.is_empty(), "no sink");
        }
        Err(faults) => {
            assert!(!faults.list.is_empty(), "refused without a reason");
            for fault in &faults.list {
                assert!(!fault.what.is_empty(), "a reason");
                assert!(!fault.place.is_empty() || fault.line.is_some(), "a place");
            }
            assert!(!faults.to_string().contains(SECRET), "shows a secret");
        }
    }
}
