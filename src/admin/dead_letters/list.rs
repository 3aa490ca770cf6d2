//! `dead-letters list`.

use super::Which;
use crate::admin::error::AdminError;
use crate::admin::positions::find_sink;
use crate::admin::text::{Side, align};
use crate::admin::{block_on, with_sink};
use crate::cli::ConfigArg;
use crate::exit::Exit;
use clap::Args;
use plimsoll_sink_api::{DeadLetterPage, DeadLetters, KeptDeadLetter, SinkError};
use serde::Serialize;
use std::io::{self, Write};

/// Letters asked for at once: those with payloads may hold megabytes each.
const PAGE: u32 = 1_000;
const PAGE_OF_PAYLOADS: u32 = 16;

/// `plimsoll dead-letters list`
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    which: Which,
    /// Print an object of JSON per line
    #[arg(long)]
    json: bool,
    /// Show keys, values, headers and the database's text too: they hold what
    /// the records hold. Prints JSON, with or without --json
    #[arg(long)]
    show_payload: bool,
}

/// One letter, as `--json` prints it. Bytes that are no UTF-8 are shown as
/// `\x` and hexadecimal digits.
#[derive(Debug, Serialize)]
struct Shown<'l> {
    topic: &'l str,
    partition: i32,
    offset: i64,
    timestamp_ms: Option<i64>,
    kept_at_ms: i64,
    condition: &'l str,
    code: Option<&'l str>,
    column: Option<&'l str>,
    bytes: u64,
    #[serde(flatten)]
    payload: Option<ShownPayload>,
}

#[derive(Debug, Serialize)]
struct ShownPayload {
    key: Option<String>,
    value: Option<String>,
    headers: Vec<(String, Option<String>)>,
    message: String,
}

/// Prints dead letters, a page at a time, so that any number of them fits.
///
/// # Errors
/// The database did not answer, or nobody takes the output.
pub fn list(args: &ListArgs, out: &mut impl Write) -> Result<Exit, AdminError> {
    let config = args.config.load()?;
    let settings = find_sink(&config, &args.which.sink)?;
    block_on(async {
        with_sink!(settings, |sink| Ok(print_all(&sink, args, out).await))
            .map_err(AdminError::sink(&settings.name))?
            .map_err(|failed| failed.of(&settings.name))
    })?;
    Ok(Exit::Ok)
}

/// Either side may fail.
enum Failed {
    Sink(SinkError),
    Output(io::Error),
}

impl Failed {
    fn of(self, sink: &str) -> AdminError {
        match self {
            Self::Sink(error) => AdminError::sink(sink)(error),
            Self::Output(error) => AdminError::Output(error),
        }
    }
}

async fn print_all<S: DeadLetters>(
    sink: &S,
    args: &ListArgs,
    out: &mut impl Write,
) -> Result<(), Failed> {
    let filter = args.which.filter();
    let mut page = DeadLetterPage {
        after: None,
        limit: if args.show_payload {
            PAGE_OF_PAYLOADS
        } else {
            PAGE
        },
        payloads: args.show_payload,
    };
    let mut first = true;
    loop {
        let letters = sink
            .dead_letters(&filter, &page)
            .await
            .map_err(Failed::Sink)?;
        if args.json || args.show_payload {
            print_json(&letters, out).map_err(Failed::Output)?;
        } else if first || !letters.is_empty() {
            print(&letters, out).map_err(Failed::Output)?;
        }
        first = false;
        match letters.last() {
            Some(last) if letters.len() >= page.limit as usize => {
                page.after = Some((last.tp.clone(), last.offset));
            }
            _ => return Ok(()),
        }
    }
}

fn print_json(letters: &[KeptDeadLetter], out: &mut impl Write) -> io::Result<()> {
    for letter in letters {
        let shown = Shown {
            topic: &letter.tp.topic,
            partition: letter.tp.partition,
            offset: letter.offset,
            timestamp_ms: letter.timestamp,
            kept_at_ms: letter.kept_at,
            condition: &letter.condition,
            code: letter.code.as_deref(),
            column: letter.column.as_deref(),
            bytes: letter.bytes,
            payload: letter.payload.as_ref().map(|p| ShownPayload {
                key: p.key.as_deref().map(text),
                value: p.value.as_deref().map(text),
                headers: p
                    .headers
                    .iter()
                    .map(|(name, value)| (name.clone(), value.as_deref().map(text)))
                    .collect(),
                message: p.text.reveal().to_owned(),
            }),
        };
        serde_json::to_writer(&mut *out, &shown)?;
        writeln!(out)?;
    }
    Ok(())
}

fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("\\x{}", hex::encode(bytes)),
    }
}

fn print(letters: &[KeptDeadLetter], out: &mut impl Write) -> io::Result<()> {
    const SIDES: [Side; 8] = [
        Side::Left,
        Side::Right,
        Side::Right,
        Side::Left,
        Side::Left,
        Side::Left,
        Side::Left,
        Side::Right,
    ];
    let head = [
        "TOPIC",
        "PARTITION",
        "OFFSET",
        "KEPT",
        "CONDITION",
        "CODE",
        "COLUMN",
        "BYTES",
    ];
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(letters.iter().map(|l| {
        vec![
            l.tp.topic.to_string(),
            l.tp.partition.to_string(),
            l.offset.to_string(),
            time(l.kept_at),
            l.condition.clone(),
            or_none(&l.code),
            or_none(&l.column),
            l.bytes.to_string(),
        ]
    }));
    for line in align(&rows, &SIDES) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// To the second: a list is for people.
fn time(millis: i64) -> String {
    jiff::Timestamp::from_second(millis.div_euclid(1_000))
        .map_or_else(|_| millis.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_protocol::TopicPartition;

    #[test]
    fn a_list_shows_no_payload() {
        let letter = KeptDeadLetter {
            tp: TopicPartition::new("orders", 1),
            offset: 42,
            timestamp: None,
            kept_at: 1_769_846_400_999,
            condition: "not_null_violation".into(),
            code: Some("23502".into()),
            column: Some("n".into()),
            bytes: 120,
            payload: None,
        };
        let mut shown = Vec::new();
        print(&[letter], &mut shown).unwrap();
        insta::assert_snapshot!(String::from_utf8(shown).unwrap(), @r"
        TOPIC   PARTITION  OFFSET  KEPT                  CONDITION           CODE   COLUMN  BYTES
        orders          1      42  2026-01-31T08:00:00Z  not_null_violation  23502  n         120
        ");
    }

    #[test]
    fn bytes_are_shown_as_text_where_they_are() {
        assert_eq!(text("李".as_bytes()), "李");
        assert_eq!(text(b"\xff\x00"), "\\xff00");
    }
}
