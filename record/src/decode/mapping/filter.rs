//! A filter's condition, judged by the cells of a record.

use super::digits::Digits;
use super::part::Part;
use crate::Arena;
use jiff::civil;
use jiff::tz::TimeZone;
use plimsoll_sink_api::canonical::{Wanted, written};
use plimsoll_sink_api::{Cell, Clock, Comparison, Condition, Literal, Shape, Source, Timestamp};
use std::borrow::Cow;
use std::cmp::Ordering;

/// A condition over cells.
#[derive(Debug)]
pub(super) enum Judge {
    All(Vec<Judge>),
    Any(Vec<Judge>),
    Not(Box<Judge>),
    Exists(Asked),
    Compare(Asked, Comparison, Compared),
    In(Asked, Vec<Compared>),
}

/// What is asked of a record.
#[derive(Debug)]
pub(super) struct Asked {
    part: Part,
    /// A record without a value cannot tell it.
    of_value: bool,
}

/// A literal, and what it can be compared as.
#[derive(Debug)]
pub(super) enum Compared {
    /// With the same in 64 bits, where they hold it.
    Number(Digits, Option<i64>),
    Boolean(bool),
    Text(String, Option<Moment>),
}

/// The time that a text tells: billionths of a second since the epoch, of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(i128, Clock);

impl Judge {
    /// `slot`: where a source is read into.
    pub(super) fn of(condition: &Condition, slot: &mut impl FnMut(&Source) -> Part) -> Self {
        let all =
            |all: &[Condition], slot: &mut _| all.iter().map(|one| Self::of(one, slot)).collect();
        let asked = |source: &Source, slot: &mut dyn FnMut(&Source) -> Part| Asked {
            part: slot(source),
            of_value: source.is_of_value(),
        };
        match condition {
            Condition::All(conditions) => Self::All(all(conditions, slot)),
            Condition::Any(conditions) => Self::Any(all(conditions, slot)),
            Condition::Not(one) => Self::Not(Box::new(Self::of(one, slot))),
            Condition::Exists(source) => Self::Exists(asked(source, slot)),
            Condition::Compare(source, comparison, literal) => {
                Self::Compare(asked(source, slot), *comparison, Compared::of(literal))
            }
            Condition::In(source, literals) => Self::In(
                asked(source, slot),
                literals.iter().map(Compared::of).collect(),
            ),
        }
    }

    /// Whether a record passes. What a record cannot tell rules nothing out, be it without a
    /// value, or a change event that did not send one: a delete of a row that was never
    /// written does nothing.
    pub(super) fn passes(&self, cells: &[Cell<'_>], value: bool) -> bool {
        self.judge(cells, value) != Some(false)
    }

    /// `None`: the record cannot tell (Kleene's logic of three values).
    fn judge(&self, cells: &[Cell<'_>], value: bool) -> Option<bool> {
        let told = |asked: &Asked| value || !asked.of_value;
        match self {
            Self::All(all) => joined(all.iter().map(|one| one.judge(cells, value)), false),
            Self::Any(any) => joined(any.iter().map(|one| one.judge(cells, value)), true),
            Self::Not(one) => one.judge(cells, value).map(|is| !is),
            Self::Exists(asked) => told(asked)
                .then(|| asked.with(cells, |cell| !matches!(cell, Cell::Absent | Cell::Null))),
            Self::Compare(asked, ..) | Self::In(asked, _)
                if asked.with(cells, |cell| matches!(cell, Cell::Unchanged)) =>
            {
                None
            }
            Self::Compare(asked, comparison, with) => told(asked).then(|| {
                let order = asked.with(cells, |cell| with.order(cell));
                order.is_some_and(|order| comparison.holds(order))
            }),
            Self::In(asked, any) => told(asked).then(|| {
                let is = |cell: &Cell<'_>, one: &Compared| one.order(cell) == Some(Ordering::Equal);
                asked.with(cells, |cell| any.iter().any(|one| is(cell, one)))
            }),
        }
    }
}

/// The first that decides; else what is left open.
fn joined(all: impl Iterator<Item = Option<bool>>, decides: bool) -> Option<bool> {
    let mut open = false;
    for one in all {
        match one {
            Some(is) if is == decides => return Some(decides),
            Some(_) => {}
            None => open = true,
        }
    }
    (!open).then_some(!decides)
}

impl Asked {
    fn with<R>(&self, cells: &[Cell<'_>], tell: impl FnOnce(&Cell<'_>) -> R) -> R {
        match &self.part {
            Part::Cell(at) => tell(&cells[*at]),
            part => {
                let arena = Arena::new();
                // What has a broken escape is no value to compare.
                let taken = part.take(cells, Shape::Scalar, &arena);
                tell(&taken.unwrap_or(Cell::Absent))
            }
        }
    }
}

impl Compared {
    fn of(literal: &Literal) -> Self {
        match literal {
            Literal::Boolean(is) => Self::Boolean(*is),
            Literal::Text(text) => Self::Text(text.clone(), moment(text)),
            // The grammar of filters takes no other numbers.
            Literal::Number(number) => match Digits::of(number) {
                Some(digits) => Self::Number(digits, number.parse().ok()),
                None => Self::Text(number.clone(), None),
            },
        }
    }

    /// How a value stands to it; `None`: they cannot be compared.
    fn order(&self, cell: &Cell<'_>) -> Option<Ordering> {
        match self {
            Self::Number(number, small) => match small.zip(small_of(cell)) {
                Some((small, value)) => Some(value.cmp(&small)),
                None => Some(number_of(cell)?.cmp(number)),
            },
            Self::Boolean(is) => Some(boolean_of(cell)?.cmp(is)),
            Self::Text(text, moment) => match (moment_of(cell), moment) {
                (Some(Moment(at, clock)), Some(Moment(other, of))) if clock == *of => {
                    Some(at.cmp(other))
                }
                _ => Some(text_of(cell)?.as_bytes().cmp(text.as_bytes())),
            },
        }
    }
}

/// A whole number of 64 bits, as most are.
fn small_of(cell: &Cell<'_>) -> Option<i64> {
    match cell {
        Cell::Int(number) => Some(*number),
        // Neither a plus sign nor zeros in front are JSON's.
        Cell::Number(text) => text.parse().ok(),
        _ => None,
    }
}

fn number_of(cell: &Cell<'_>) -> Option<Digits> {
    match cell {
        Cell::Number(text) | Cell::Text(text) => Digits::of(text),
        Cell::Int(_)
        | Cell::Unsigned(_)
        | Cell::Float(_)
        | Cell::Decimal { .. }
        | Cell::Timestamp(_)
        | Cell::Date(_)
        | Cell::Time(_) => Digits::of(&written(Wanted::Number, cell).ok()?),
        Cell::Absent
        | Cell::Unchanged
        | Cell::Null
        | Cell::Bool(_)
        | Cell::Json(_)
        | Cell::Bytes(_)
        | Cell::Uuid(_)
        | Cell::Interval(_) => None,
    }
}

fn boolean_of(cell: &Cell<'_>) -> Option<bool> {
    match cell {
        Cell::Bool(is) => Some(*is),
        Cell::Text("true") => Some(true),
        Cell::Text("false") => Some(false),
        _ => None,
    }
}

fn text_of<'c>(cell: &Cell<'c>) -> Option<Cow<'c, str>> {
    match cell {
        Cell::Text(text) | Cell::Number(text) | Cell::Json(text) => Some(Cow::Borrowed(text)),
        Cell::Absent | Cell::Unchanged | Cell::Null => None,
        Cell::Bytes(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        typed => written(Wanted::Text, typed).ok().map(Cow::Owned),
    }
}

fn moment_of(cell: &Cell<'_>) -> Option<Moment> {
    match cell {
        Cell::Timestamp(Timestamp { value, unit, clock }) => {
            let nanos = 1_000_000_000 / i128::from(unit.per_second());
            Some(Moment(i128::from(*value) * nanos, *clock))
        }
        Cell::Date(days) => Some(Moment(i128::from(*days) * DAY, Clock::Local)),
        _ => None,
    }
}

const DAY: i128 = 86_400 * 1_000_000_000;

/// The time that a text tells, with an offset or without; a date is its midnight.
fn moment(text: &str) -> Option<Moment> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(Moment(at.as_nanosecond(), Clock::Utc));
    }
    let local: civil::DateTime = text.parse().ok()?;
    let at = TimeZone::UTC.to_timestamp(local).ok()?;
    Some(Moment(at.as_nanosecond(), Clock::Local))
}
