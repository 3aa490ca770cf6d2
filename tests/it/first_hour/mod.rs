//! From a topic to a first useful table: what a new user is told.

mod check;
mod init;

use crate::harness::process::plimsoll;
use std::path::Path;

/// `plimsoll …`: its exit code, and what was printed.
fn said(config: &Path, line: &[&str]) -> (i32, String) {
    let output = plimsoll(config, line);
    let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    (output.status.code().expect("no signal"), text)
}

/// The statement that was printed, as somebody copies it.
fn create_table(text: &str) -> &str {
    let from = text.find("\nCREATE TABLE ").expect(text) + 1;
    let length = text[from..].find(");").expect(text) + 2;
    &text[from..from + length]
}

/// A line with its blanks as one.
fn has_line(text: &str, wanted: &str) -> bool {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().any(|line| words(line) == wanted)
}
