//! Dead letters: kept, listed, replayed, dropped.

use crate::acts;
use crate::claims::{self, execute};
use crate::error::Failure;
use crate::positions::{self, rows};
use crate::state::State;
use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::{
    Act, DeadLetter, KeptLetter, LetterFilter, LetterPage, Payload, Secret, SinkError, islands,
};
use scylla::value::CqlTimestamp;

/// Keeps a letter. One that stands there already is of an earlier passage over
/// the same record.
pub(crate) async fn bury(
    state: &State,
    tp: &TopicPartition,
    letter: &DeadLetter<'_>,
) -> Result<(), Failure> {
    let bytes = letter.key.map_or(0, <[u8]>::len) + letter.value.map_or(0, <[u8]>::len);
    let values = (
        &state.sink,
        &*tp.topic,
        tp.partition,
        letter.offset,
        letter.timestamp,
        letter.key,
        letter.value,
        &letter.headers,
        i64::try_from(bytes).unwrap_or(i64::MAX),
        &letter.condition,
        &letter.code,
        &letter.column,
        &letter.text,
    );
    execute(state, &state.statements.bury, &values).await?;
    Ok(())
}

/// As selected: offset, timestamp, when it was kept, condition, code, column,
/// bytes.
type Selected = (
    i64,
    Option<i64>,
    Option<CqlTimestamp>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<i64>,
);

/// Key, value, headers, message.
type Record = (
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Option<Vec<(String, Option<Vec<u8>>)>>,
    Option<String>,
);

/// One page, in the order of topic, partition and offset.
pub(crate) async fn list(
    state: &State,
    filter: &LetterFilter,
    page: &LetterPage,
) -> Result<Vec<KeptLetter>, SinkError> {
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    for tp in partitions(state, filter).await? {
        let mut after = match &page.after {
            Some((last, _)) if tp < *last => continue,
            Some((last, offset)) if tp == *last => *offset,
            Some(_) | None => -1,
        };
        while found.len() < limit {
            let want = i32::try_from(limit - found.len()).unwrap_or(i32::MAX);
            let values = (&state.sink, &*tp.topic, tp.partition, after, want);
            let letters: Vec<Selected> =
                rows(execute(state, &state.statements.letters, &values).await?)?;
            let Some(last) = letters.last() else { break };
            after = last.0;
            for letter in letters {
                if filter.offsets.is_empty() || filter.offsets.contains(&letter.0) {
                    found.push(kept(state, &tp, letter, page.payloads).await?);
                }
            }
        }
    }
    Ok(found)
}

/// The partitions that a filter is about.
async fn partitions(state: &State, filter: &LetterFilter) -> Result<Vec<TopicPartition>, Failure> {
    let mut all: Vec<TopicPartition> = claims::list(state)
        .await?
        .iter()
        .map(claims::Row::tp)
        .filter(|tp| {
            filter
                .topic
                .as_deref()
                .is_none_or(|topic| *topic == *tp.topic)
        })
        .filter(|tp| {
            filter
                .partition
                .is_none_or(|partition| partition == tp.partition)
        })
        .collect();
    all.sort();
    Ok(all)
}

async fn kept(
    state: &State,
    tp: &TopicPartition,
    letter: Selected,
    payloads: bool,
) -> Result<KeptLetter, SinkError> {
    let (offset, timestamp, failed_at, condition, code, column, bytes) = letter;
    let payload = match payloads {
        true => record(state, tp, offset).await?,
        false => None,
    };
    Ok(KeptLetter {
        tp: tp.clone(),
        offset,
        timestamp,
        kept_at: failed_at.map_or(0, |at| at.0),
        condition: condition.unwrap_or_default(),
        code,
        column,
        bytes: bytes
            .and_then(|bytes| u64::try_from(bytes).ok())
            .unwrap_or(0),
        payload,
    })
}

async fn record(
    state: &State,
    tp: &TopicPartition,
    offset: i64,
) -> Result<Option<Payload>, SinkError> {
    let values = (&state.sink, &*tp.topic, tp.partition, offset);
    let found: Vec<Record> = rows(execute(state, &state.statements.letter, &values).await?)?;
    Ok(found
        .into_iter()
        .next()
        .map(|(key, value, headers, text)| Payload {
            key,
            value,
            headers: headers.unwrap_or_default(),
            text: Secret::new(text.unwrap_or_default()),
        }))
}

/// Whether all letters of these offsets are there.
pub(crate) async fn all_there(
    state: &State,
    tp: &TopicPartition,
    offsets: &[i64],
) -> Result<bool, SinkError> {
    for &offset in offsets {
        if record(state, tp, offset).await?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Removes letters; says how many.
pub(crate) async fn remove(state: &State, filter: &LetterFilter) -> Result<u64, SinkError> {
    let mut removed = 0;
    loop {
        let page = LetterPage {
            after: None,
            limit: 1_000,
            payloads: false,
        };
        let letters = list(state, filter, &page).await?;
        if letters.is_empty() {
            return Ok(removed);
        }
        note(state, &letters).await?;
        for letter in letters {
            exhume(state, &letter.tp, letter.offset).await?;
            removed += 1;
        }
    }
}

/// Notes that letters go, before they do: twice accounted for is no harm.
async fn note(state: &State, letters: &[KeptLetter]) -> Result<(), Failure> {
    for of_one in letters.chunk_by(|a, b| a.tp == b.tp) {
        let tp = &of_one[0].tp;
        let Some(row) = claims::read(state, tp).await? else {
            continue;
        };
        let stored = positions::read(state, tp, row.generation).await?;
        let stood_at = stored
            .map_or(row.floor(), |stored| stored.position)
            .offset();
        let offsets: Vec<i64> = of_one.iter().map(|letter| letter.offset).collect();
        for (from, to) in islands(&offsets) {
            let act = Act::Dropped {
                stood_at: Some(stood_at),
                from,
                to,
            };
            acts::note(state, tp, row.generation, act).await?;
        }
    }
    Ok(())
}

/// Removes one letter.
pub(crate) async fn exhume(state: &State, tp: &TopicPartition, offset: i64) -> Result<(), Failure> {
    let values = (&state.sink, &*tp.topic, tp.partition, offset);
    execute(state, &state.statements.exhume, &values).await?;
    Ok(())
}
