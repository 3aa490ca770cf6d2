//! What is made of a value on its way into a column: a time of a number, a time of a text
//! without an offset, a value of another kind.

use super::digits::Digits;
use crate::Arena;
use crate::decode::json::cell as json_cell;
use crate::json_text::quote;
use jiff::civil;
use jiff::tz::TimeZone;
use plimsoll_sink_api::canonical::{self, Wanted, written};
use plimsoll_sink_api::{Cast, Cell, Clock, Epoch, Make, Shape, Timestamp, Unit};

/// What a value could not be made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmade {
    /// A point in time, of a number that counts this.
    Time(Epoch),
    /// A point in time, of a text of a date and time.
    ZonedTime,
    /// This.
    Cast(Cast),
}

impl Unmade {
    /// The word for logs, metrics and dead letters.
    #[must_use]
    pub const fn condition(self) -> &'static str {
        match self {
            Self::Time(_) => "invalid_epoch",
            Self::ZonedTime => "invalid_local_time",
            Self::Cast(_) => "invalid_cast",
        }
    }

    /// What the value is not, in words.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Time(Epoch::Seconds) => "is not a number of seconds since 1970",
            Self::Time(Epoch::Parts(Unit::Millis)) => "is not a number of milliseconds since 1970",
            Self::Time(Epoch::Parts(Unit::Micros)) => "is not a number of microseconds since 1970",
            Self::Time(Epoch::Parts(Unit::Nanos)) => "is not a number of nanoseconds since 1970",
            Self::ZonedTime => "is not a date and time such as 2024-05-06T07:08:09",
            Self::Cast(Cast::Text) => "has no text",
            Self::Cast(Cast::Json) => "is not JSON",
            Self::Cast(Cast::Number) => "is not a number",
            Self::Cast(Cast::Boolean) => "is not a boolean",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Time(_) => "look at unit; digits beyond nanoseconds are not dropped",
            Self::ZonedTime => "time_zone is for texts of a date and time without an offset",
            Self::Cast(Cast::Text) => "bytes that are not UTF-8 go into a column of bytes",
            Self::Cast(Cast::Json) => "as = \"json\" reads texts that hold JSON",
            Self::Cast(Cast::Number) => "as = \"number\" reads numbers as JSON writes them: -1.5e3",
            Self::Cast(Cast::Boolean) => "as = \"boolean\" reads true, yes, on, 1 and the like",
        }
    }
}

/// What a column makes of its values.
#[derive(Debug)]
pub(super) struct Maker {
    epoch: Option<Epoch>,
    zone: Option<TimeZone>,
    cast: Option<Cast>,
}

impl Maker {
    /// `None`: values are taken as they are.
    pub(super) fn of(make: &Make) -> Option<Self> {
        if *make == Make::default() {
            return None;
        }
        // Its name was looked up when the config was read.
        let zone = |name: &String| TimeZone::get(name).unwrap_or(TimeZone::UTC);
        Some(Self {
            epoch: make.epoch,
            zone: make.time_zone.as_ref().map(zone),
            cast: make.cast,
        })
    }

    /// What becomes of a value. One that is not there, is null, or stays as it is, stays
    /// so.
    pub(super) fn make<'c>(
        &self,
        cell: Cell<'c>,
        shape: Shape,
        arena: &'c Arena,
    ) -> Result<Cell<'c>, Unmade> {
        if matches!(cell, Cell::Absent | Cell::Null | Cell::Unchanged) {
            return Ok(cell);
        }
        let mut made = lowered(cell, arena);
        if let Some(unit) = self.epoch {
            made = time_of(made, unit).ok_or(Unmade::Time(unit))?;
        }
        if let Some(zone) = &self.zone {
            made = zoned(made, zone).ok_or(Unmade::ZonedTime)?;
        }
        if let Some(cast) = self.cast {
            made = turned(made, cast, arena).ok_or(Unmade::Cast(cast))?;
        }
        Ok(lifted(made, shape, arena))
    }
}

/// A scalar that stands as JSON, as what it is.
fn lowered<'c>(cell: Cell<'c>, arena: &'c Arena) -> Cell<'c> {
    match cell {
        Cell::Json(raw) => json_cell(raw, Shape::Scalar, arena).unwrap_or(cell),
        other => other,
    }
}

/// A value as a column of this shape takes it.
pub fn lifted<'c>(cell: Cell<'c>, shape: Shape, arena: &'c Arena) -> Cell<'c> {
    match (shape, cell) {
        (Shape::Json, Cell::Text(text)) => {
            let mut json = String::with_capacity(text.len() + 2);
            quote(text, &mut json);
            Cell::Json(arena.text(&json))
        }
        (Shape::Json, Cell::Number(raw)) => Cell::Json(raw),
        (Shape::Json, Cell::Bool(is)) => Cell::Json(if is { "true" } else { "false" }),
        (Shape::Bytes, Cell::Text(text)) => Cell::Bytes(text.as_bytes()),
        (_, other) => other,
    }
}

fn time_of(cell: Cell<'_>, counts: Epoch) -> Option<Cell<'_>> {
    let digits = match cell {
        Cell::Timestamp(_) => return Some(cell),
        Cell::Number(text) | Cell::Text(text) => Digits::of(text)?,
        Cell::Int(_) | Cell::Unsigned(_) | Cell::Float(_) | Cell::Decimal { .. } => {
            Digits::of(&written(Wanted::Number, &cell).ok()?)?
        }
        _ => return None,
    };
    let places = match counts {
        Epoch::Seconds => 0,
        Epoch::Parts(unit) => u32::try_from(unit.digits()).ok()?,
    };
    // The coarsest unit that keeps every digit.
    let units = [Unit::Millis, Unit::Micros, Unit::Nanos];
    let mut fitting = units
        .into_iter()
        .filter(|unit| unit.digits() as u32 >= places);
    fitting.find_map(|unit| {
        let value = digits.scaled(unit.digits() as u32 - places)?;
        Some(Cell::Timestamp(Timestamp {
            value,
            unit,
            clock: Clock::Utc,
        }))
    })
}

fn zoned<'c>(cell: Cell<'c>, zone: &TimeZone) -> Option<Cell<'c>> {
    let local = match cell {
        Cell::Text(text) => match text.parse::<jiff::Timestamp>() {
            // It says where it was told.
            Ok(_) => return Some(cell),
            Err(_) => text.parse::<civil::DateTime>().ok()?,
        },
        Cell::Timestamp(at) if at.clock == Clock::Utc => return Some(cell),
        Cell::Timestamp(_) => {
            let text = written(Wanted::Text, &cell).ok()?;
            text.parse().ok()?
        }
        _ => return None,
    };
    // Of the two times that a clock shows when it is put back, the first one; of those
    // that it leaves out when it is put forward, what it would have shown (RFC 5545).
    let at = zone.to_timestamp(local).ok()?;
    let micros = at.as_microsecond();
    let exact = at.subsec_nanosecond() % 1_000 == 0;
    let (value, unit) = match exact {
        true => (micros, Unit::Micros),
        false => (i64::try_from(at.as_nanosecond()).ok()?, Unit::Nanos),
    };
    Some(Cell::Timestamp(Timestamp {
        value,
        unit,
        clock: Clock::Utc,
    }))
}

fn turned<'c>(cell: Cell<'c>, cast: Cast, arena: &'c Arena) -> Option<Cell<'c>> {
    match cast {
        Cast::Text => match cell {
            Cell::Text(_) => Some(cell),
            Cell::Number(text) | Cell::Json(text) => Some(Cell::Text(text)),
            Cell::Bytes(bytes) => std::str::from_utf8(bytes).ok().map(Cell::Text),
            typed => {
                let text = written(Wanted::Text, &typed).ok()?;
                Some(Cell::Text(arena.text(&text)))
            }
        },
        Cast::Json => match cell {
            Cell::Json(_) => Some(cell),
            Cell::Text(text) => canonical::json(text).ok().map(Cell::Json),
            Cell::Bytes(bytes) => {
                let text = std::str::from_utf8(bytes).ok()?;
                canonical::json(text).ok().map(Cell::Json)
            }
            typed => {
                let json = written(Wanted::Json, &typed).ok()?;
                Some(Cell::Json(arena.text(&json)))
            }
        },
        Cast::Number => match cell {
            Cell::Text(text) => Digits::of(text).map(|_| Cell::Number(text)),
            Cell::Bool(is) => Some(Cell::Int(is.into())),
            Cell::Number(_)
            | Cell::Int(_)
            | Cell::Unsigned(_)
            | Cell::Float(_)
            | Cell::Decimal { .. } => Some(cell),
            Cell::Timestamp(_) | Cell::Date(_) | Cell::Time(_) => {
                let digits = written(Wanted::Number, &cell).ok()?;
                Some(Cell::Number(arena.text(&digits)))
            }
            _ => None,
        },
        Cast::Boolean => boolean(&cell).map(Cell::Bool),
    }
}

/// The words that Postgres reads as booleans, and the numbers 1 and 0.
fn boolean(cell: &Cell<'_>) -> Option<bool> {
    let word = match cell {
        Cell::Bool(is) => return Some(*is),
        Cell::Text(text) | Cell::Number(text) => text.to_ascii_lowercase(),
        Cell::Int(_) | Cell::Unsigned(_) => written(Wanted::Number, cell).ok()?,
        _ => return None,
    };
    match word.as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Some(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Some(false),
        _ => None,
    }
}
