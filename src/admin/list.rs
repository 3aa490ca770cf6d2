//! `positions list`.

use super::error::AdminError;
use super::kafka::Kafka;
use super::standing::{Logs, Standing, State, join, logs, lost};
use super::text::{Side, age, align};
use super::told::Told;
use super::{block_on, client_name};
use crate::backends::with_backend;
use crate::config::Config;
use crate::exit::Exit;
use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::{Backend, Positions, SinkError, StoredPosition};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::Duration;

/// Prints where each partition of each sink stands.
///
/// # Errors
/// A database did not answer, or nobody takes the output.
pub fn list_positions(
    config: &Config,
    json: bool,
    out: &mut impl Write,
) -> Result<Exit, AdminError> {
    let mut faults = Vec::new();
    // Positions are worth seeing without Kafka too.
    let kafka = Kafka::reach(config)
        .inspect_err(|fault| faults.push(fault.to_string()))
        .ok();
    let told = Told::ask(config.listen);
    let mut standings = Vec::new();
    for settings in &config.sinks {
        let (stored, lost) = block_on(async {
            with_backend!(&settings.backend, |of| seen(of).await)
                .map_err(AdminError::sink(&settings.name))
        })?;
        let found = match &kafka {
            Some(kafka) => {
                let (found, wrong) = logs(kafka, settings, &stored);
                let wrong = wrong.iter();
                faults.extend(wrong.map(|fault| format!("sinks.{}: {fault}", settings.name)));
                found
            }
            None => Logs::new(),
        };
        let cluster_id = kafka.as_ref().map(|kafka| kafka.id.as_str());
        let told = told.as_ref().and_then(|told| told.of(&settings.name));
        standings.extend(join(
            &settings.name,
            cluster_id,
            (stored, lost),
            found,
            told,
        ));
    }
    if json {
        serde_json::to_writer_pretty(&mut *out, &standings)
            .map_err(|error| AdminError::Output(error.into()))?;
        writeln!(out)?;
    } else {
        print(&standings, out)?;
    }
    for fault in &faults {
        writeln!(io::stderr(), "{fault}")?;
    }
    Ok(if faults.is_empty() {
        Exit::Ok
    } else {
        Exit::Unreachable
    })
}

/// What the sink stores, and which of it is gone.
async fn seen<B: Backend>(
    backend: &B,
) -> Result<(Vec<StoredPosition>, BTreeSet<TopicPartition>), SinkError> {
    let sink = backend.open(&client_name())?;
    Ok((sink.positions().await?, lost(backend, &sink).await?))
}

fn print(standings: &[Standing], out: &mut impl Write) -> io::Result<()> {
    const COLUMNS: [(&str, Side); 11] = [
        ("SINK", Side::Left),
        ("TOPIC", Side::Left),
        ("PARTITION", Side::Right),
        ("POSITION", Side::Right),
        ("END", Side::Right),
        ("LAG", Side::Right),
        ("STATE", Side::Left),
        ("EPOCH", Side::Right),
        ("OWNER", Side::Left),
        ("HEARTBEAT", Side::Right),
        ("MOVED", Side::Right),
    ];
    let number = |n: Option<i64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let ago =
        |ms: Option<u64>| ms.map_or_else(|| "-".to_owned(), |ms| age(Duration::from_millis(ms)));
    let mut rows = vec![COLUMNS.map(|(head, _)| head.to_owned()).to_vec()];
    rows.extend(standings.iter().map(|s| {
        vec![
            s.sink.clone(),
            s.topic.clone(),
            s.partition.to_string(),
            number(s.position),
            number(s.high_watermark),
            number(s.lag),
            s.state.as_str().to_owned(),
            number(s.epoch),
            s.owner.clone().unwrap_or_else(|| "-".to_owned()),
            ago(s.heartbeat_age_ms),
            ago(s.moved_age_ms),
        ]
    }));
    for line in align(&rows, &COLUMNS.map(|(_, side)| side)) {
        writeln!(out, "{line}")?;
    }
    for standing in standings {
        if let Some(why) = &standing.why {
            writeln!(out, "{}", explained(standing, why))?;
        }
    }
    Ok(())
}

/// Why a partition does not move, in a line of its own.
pub(super) fn explained(standing: &Standing, why: &str) -> String {
    let Standing {
        sink,
        topic,
        partition,
        state,
        ..
    } = standing;
    let state = match state {
        State::Halted => "is halted",
        State::Stuck => "is stuck",
        State::Ok | State::Unowned | State::Unknown => "does not move",
    };
    format!("sinks.{sink}: {topic}[{partition}] {state}: {why}")
}

#[cfg(test)]
mod tests {
    use super::super::standing::{ending, stored};
    use super::*;
    use plimsoll_protocol::TopicPartition;
    use std::collections::BTreeSet;

    #[test]
    fn positions_and_ends_meet_and_neither_hides_the_other() {
        let ends = Logs::from([
            (TopicPartition::new("orders", 0), ending(130)),
            (TopicPartition::new("orders", 2), ending(5)),
        ]);
        let standings = join(
            "orders",
            None,
            (vec![stored(1, 7), stored(0, 123)], BTreeSet::new()),
            ends,
            None,
        );
        let mut text = Vec::new();
        print(&standings, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        insta::assert_snapshot!(text, @r"
        SINK    TOPIC   PARTITION  POSITION  END  LAG  STATE    EPOCH  OWNER   HEARTBEAT  MOVED
        orders  orders          0       123  130    7  stuck        3  host-1        2 s      -
        orders  orders          1         7    -    -  ?            3  host-1        2 s      -
        orders  orders          2         -    5    -  unowned      -  -               -      -
        sinks.orders: orders[0] is stuck: it has never moved, and records older than 60 s wait from offset 123 to 130; hint: /readyz of its owner, host-1, says why
        ");
    }
}
