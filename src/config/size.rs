//! Sizes in bytes: `8MiB`, or a plain number.

use super::reader::{Reader, kind};
use std::ops::RangeInclusive;
use toml::de::DeValue;

/// Binary units as memory is counted, and decimal ones as disks are sold. No
/// `K` or `M` alone: they mean one thing to some and another to others.
const UNITS: &[(&str, u64)] = &[
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

/// The bytes that a text names, or `None`.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let unit = unit.trim_start();
    let factor = if unit.is_empty() {
        1
    } else {
        UNITS.iter().find(|(name, _)| *name == unit)?.1
    };
    number.checked_mul(factor)
}

/// Bytes in the largest unit that divides them.
pub(super) fn show_size(bytes: u64) -> String {
    for (name, factor) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes >= factor && bytes.is_multiple_of(factor) {
            return format!("{}{name}", bytes / factor);
        }
    }
    format!("{bytes}B")
}

/// Reads a size within bounds; `why` says why there are bounds.
pub(super) fn read_size(
    reader: &mut Reader<'_, '_>,
    key: &'static str,
    bounds: RangeInclusive<u64>,
    why: &str,
) -> Option<u64> {
    const HOW: &str = "a number of bytes, or a text such as \"8MiB\"; the units are KiB, MiB, \
                       GiB, kB, MB and GB";
    let value = reader.raw(key)?;
    let place = reader.place_of(key);
    let (bytes, shown) = match value.get_ref() {
        DeValue::Integer(integer) => (
            u64::from_str_radix(integer.as_str(), integer.radix()).ok(),
            integer.to_string(),
        ),
        DeValue::String(_) => {
            let text = reader.text(&place, value, "a size")?;
            (parse_size(&text.value), text.shown())
        }
        other => {
            reader.fault_at(
                &place,
                &value.span(),
                format!("must be a size, not {}", kind(other)),
                HOW,
            );
            return None;
        }
    };
    match bytes {
        None => {
            reader.fault_at(&place, &value.span(), format!("{shown} is no size"), HOW);
            None
        }
        Some(bytes) if !bounds.contains(&bytes) => {
            reader.fault_at(
                &place,
                &value.span(),
                format!(
                    "{shown} is not within {} and {}",
                    show_size(*bounds.start()),
                    show_size(*bounds.end())
                ),
                why,
            );
            None
        }
        bytes => bytes,
    }
}
