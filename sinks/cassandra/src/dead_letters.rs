//! Dead letters: kept, listed, replayed, dropped.

use crate::acts;
use crate::claims::{self, execute};
use crate::error::Failure;
use crate::pieces;
use crate::positions::{self, rows};
use crate::starts;
use crate::state::State;
use plimsoll_protocol::{Class, TopicPartition};
use plimsoll_sink_api::{
    Act, DeadLetter, DeadLetterFilter, DeadLetterPage, KeptDeadLetter, Payload, Secret, SinkError,
    islands,
};
use scylla::value::CqlTimestamp;

/// Keeps a letter. One that stands there already is of an earlier passage over
/// the same record.
pub(crate) async fn keep(
    state: &State,
    tp: &TopicPartition,
    letter: &DeadLetter<'_>,
) -> Result<(), Failure> {
    let bytes = letter.key.map_or(0, <[u8]>::len) + letter.value.map_or(0, <[u8]>::len);
    let headers = letter.headers.iter();
    let mut row = Row {
        offset: letter.offset,
        timestamp: letter.timestamp,
        key: letter.key,
        value: letter.value,
        headers: headers.map(|(name, value)| (&**name, *value)).collect(),
        bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
        condition: &letter.condition,
        code: letter.code.as_deref(),
        column: letter.column.as_deref(),
        text: &letter.text,
    };
    if let Some(pieces) = pieces::of(letter) {
        for (place, piece) in &pieces {
            insert(state, tp, &Row::piece(*place, piece)).await?;
        }
        row.key = None;
        row.value = Some(pieces::ELSEWHERE);
        row.headers.clear();
    }
    insert(state, tp, &row).await
}

/// One row of the table: a letter, or a piece of one.
#[derive(Default)]
struct Row<'r> {
    offset: i64,
    timestamp: Option<i64>,
    key: Option<&'r [u8]>,
    value: Option<&'r [u8]>,
    headers: Vec<(&'r str, Option<&'r [u8]>)>,
    bytes: i64,
    condition: &'r str,
    code: Option<&'r str>,
    column: Option<&'r str>,
    text: &'r str,
}

impl<'r> Row<'r> {
    fn piece(place: i64, piece: &'r [u8]) -> Self {
        Self {
            offset: place,
            value: Some(piece),
            ..Self::default()
        }
    }
}

async fn insert(state: &State, tp: &TopicPartition, row: &Row<'_>) -> Result<(), Failure> {
    let values = (
        &state.sink,
        &*tp.topic,
        tp.partition,
        row.offset,
        row.timestamp,
        row.key,
        row.value,
        &row.headers,
        row.bytes,
        row.condition,
        row.code,
        row.column,
        row.text,
    );
    execute(state, &state.statements.insert, &values).await?;
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
    filter: &DeadLetterFilter,
    page: &DeadLetterPage,
) -> Result<Vec<KeptDeadLetter>, SinkError> {
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let mut wanted = filter.offsets.clone();
    wanted.sort_unstable();
    wanted.dedup();
    let mut found = Vec::new();
    for tp in partitions(state, filter).await? {
        let after = match &page.after {
            Some((last, _)) if tp < *last => continue,
            Some((last, offset)) if tp == *last => *offset,
            Some(_) | None => -1,
        };
        let want = limit - found.len();
        let letters = match wanted.is_empty() {
            true => behind(state, &tp, after, want).await?,
            false => {
                let first = wanted.partition_point(|offset| *offset <= after);
                at(state, &tp, &wanted[first..], want).await?
            }
        };
        for letter in letters {
            found.push(kept(state, &tp, letter, page.payloads).await?);
        }
        if found.len() >= limit {
            break;
        }
    }
    Ok(found)
}

/// The letters of a partition behind an offset, so many at most.
async fn behind(
    state: &State,
    tp: &TopicPartition,
    after: i64,
    want: usize,
) -> Result<Vec<Selected>, Failure> {
    let want = i32::try_from(want).unwrap_or(i32::MAX);
    let values = (&state.sink, &*tp.topic, tp.partition, after, want);
    rows(execute(state, &state.statements.letters, &values).await?)
}

/// Offsets that one request asks for: they lie on one replica, and the answers are
/// small.
const ASKED_AT_ONCE: usize = 100;

/// The letters of a partition at these offsets, which are in their order; so many at
/// most.
async fn at(
    state: &State,
    tp: &TopicPartition,
    offsets: &[i64],
    want: usize,
) -> Result<Vec<Selected>, Failure> {
    let mut found: Vec<Selected> = Vec::new();
    for some in offsets.chunks(ASKED_AT_ONCE) {
        let values = (&state.sink, &*tp.topic, tp.partition, some);
        let letters = execute(state, &state.statements.letters_at, &values).await?;
        found.extend(rows::<Selected>(letters)?);
        if found.len() >= want {
            found.truncate(want);
            break;
        }
    }
    Ok(found)
}

/// The partitions that a filter is about: all that were ever given a start, whether
/// their positions stand or not.
async fn partitions(
    state: &State,
    filter: &DeadLetterFilter,
) -> Result<Vec<TopicPartition>, Failure> {
    if let (Some(topic), Some(partition)) = (&filter.topic, filter.partition) {
        return Ok(vec![TopicPartition::new(topic, partition)]);
    }
    let wanted = |tp: &TopicPartition| {
        filter
            .topic
            .as_deref()
            .is_none_or(|topic| *topic == *tp.topic)
            && filter
                .partition
                .is_none_or(|partition| partition == tp.partition)
    };
    let settled = starts::settled(state).await?.into_iter();
    Ok(settled.map(|settled| settled.tp).filter(wanted).collect())
}

async fn kept(
    state: &State,
    tp: &TopicPartition,
    letter: Selected,
    payloads: bool,
) -> Result<KeptDeadLetter, SinkError> {
    let (offset, timestamp, failed_at, condition, code, column, bytes) = letter;
    let payload = match payloads {
        true => record(state, tp, offset).await?,
        false => None,
    };
    Ok(KeptDeadLetter {
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
    let Some((key, value, headers, text)) = row(state, tp, offset).await? else {
        return Ok(None);
    };
    let text = text.unwrap_or_default();
    if key.is_none()
        && value.as_deref() == Some(pieces::ELSEWHERE)
        && let Some(whole) = whole(state, tp, offset).await?
    {
        return match pieces::read(&whole, text) {
            Some(payload) => Ok(Some(payload)),
            None => Err(torn(tp, offset)),
        };
    }
    Ok(Some(Payload {
        key,
        value,
        headers: headers.unwrap_or_default(),
        text: Secret::new(text),
    }))
}

async fn row(state: &State, tp: &TopicPartition, at: i64) -> Result<Option<Record>, SinkError> {
    let values = (&state.sink, &*tp.topic, tp.partition, at);
    let found: Vec<Record> = rows(execute(state, &state.statements.letter, &values).await?)?;
    Ok(found.into_iter().next())
}

/// The pieces of a letter, one behind the other. `None`: there are none, so the
/// record really had that value.
async fn whole(
    state: &State,
    tp: &TopicPartition,
    offset: i64,
) -> Result<Option<Vec<u8>>, SinkError> {
    let Some((_, first)) = pieces::places(offset) else {
        return Ok(None);
    };
    let Some((_, piece, _, _)) = row(state, tp, first).await? else {
        return Ok(None);
    };
    let mut whole = piece.unwrap_or_default();
    let count = pieces::count(&whole).ok_or_else(|| torn(tp, offset))?;
    for i in 1..count {
        let piece = row(state, tp, first - i).await?;
        let piece = piece.and_then(|(_, piece, _, _)| piece);
        whole.extend(piece.ok_or_else(|| torn(tp, offset))?);
    }
    Ok(Some(whole))
}

fn torn(tp: &TopicPartition, offset: i64) -> SinkError {
    let what = format!("pieces are missing of the dead letter of {tp} offset {offset}");
    SinkError::new(Class::Halt, what)
}

/// Whether all letters of these offsets, which rise, are there.
pub(crate) async fn all_there(
    state: &State,
    tp: &TopicPartition,
    offsets: &[i64],
) -> Result<bool, SinkError> {
    let found = at(state, tp, offsets, offsets.len()).await?;
    Ok(found.len() == offsets.len())
}

/// Removes letters; says how many.
pub(crate) async fn remove(state: &State, filter: &DeadLetterFilter) -> Result<u64, SinkError> {
    let mut removed = 0;
    loop {
        let page = DeadLetterPage {
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
            remove_one(state, &letter.tp, letter.offset).await?;
            removed += 1;
        }
    }
}

/// Notes that letters go, before they do: twice accounted for is no harm.
async fn note(state: &State, letters: &[KeptDeadLetter]) -> Result<(), Failure> {
    for of_one in letters.chunk_by(|a, b| a.tp == b.tp) {
        let tp = &of_one[0].tp;
        let (generation, stood_at) = match claims::read(state, tp).await? {
            Some(row) => {
                let stored = positions::read(state, tp, row.generation).await?;
                let stood_at = stored.map_or(row.floor(), |stored| stored.position);
                (row.generation, Some(stood_at.offset()))
            }
            // The position is lost: its next generation comes behind all that are known.
            None => {
                let noted = starts::noted(state, tp).await?;
                (starts::latest_generation(state, tp, noted).await?, None)
            }
        };
        let offsets: Vec<i64> = of_one.iter().map(|letter| letter.offset).collect();
        for (from, to) in islands(&offsets) {
            let act = Act::Dropped { stood_at, from, to };
            acts::note(state, tp, generation, act).await?;
        }
    }
    Ok(())
}

/// Removes one letter.
pub(crate) async fn remove_one(
    state: &State,
    tp: &TopicPartition,
    offset: i64,
) -> Result<(), Failure> {
    let values = (&state.sink, &*tp.topic, tp.partition, offset);
    execute(state, &state.statements.remove_one, &values).await?;
    if let Some((last, first)) = pieces::places(offset) {
        let values = (&state.sink, &*tp.topic, tp.partition, last, first);
        execute(state, &state.statements.remove_pieces, &values).await?;
    }
    Ok(())
}
