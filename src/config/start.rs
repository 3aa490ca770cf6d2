//! `start`: where a topic begins that has no position yet.

use super::reader::{Reader, kind};
use super::settings::Start;
use super::spec::Kind;
use super::suggest::nearest;
use super::text::Text;
use super::values::misread;
use toml::de::DeValue;

const HOW: &str = "it can be \"earliest\", \"latest\", an RFC 3339 time such as \
                   \"2026-01-31T08:00:00Z\", or { group = \"connect-orders\" }";

/// Reads `start`; `None` if it is wrong.
pub(super) fn read(reader: &Reader<'_, '_>) -> Option<Start> {
    let (setting, value) = reader.find("start");
    let Some(value) = value else {
        return Some(Start::Earliest);
    };
    let place = reader.place_of("start");
    match value.get_ref() {
        DeValue::String(_) => {
            let text = reader.string(&place, value, "a string")?;
            match text.value.as_str() {
                "earliest" => Some(Start::Earliest),
                "latest" => Some(Start::Latest),
                time => read_time(reader, &text, time),
            }
        }
        DeValue::Datetime(time) => {
            let time = time.to_string();
            let text = Text::plain(time.clone(), value.span(), &place);
            read_time(reader, &text, &time)
        }
        DeValue::Table(_) => {
            let Kind::Start(inner) = setting.kind else {
                misread(setting);
            };
            let table = reader.as_table(inner, place, value.span(), value)?;
            let group = table.text("group");
            table.finish();
            group.map(|group| Start::Group(group.value))
        }
        other @ (DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Array(_)) => {
            reader.fault_at(
                &place,
                &value.span(),
                format!("must be a start, not {}", kind(other)),
                HOW,
            );
            None
        }
    }
}

fn read_time(reader: &Reader<'_, '_>, text: &Text, time: &str) -> Option<Start> {
    let Ok(instant) = time.parse::<jiff::Timestamp>() else {
        let (what, hint) = if time.parse::<jiff::civil::DateTime>().is_ok() {
            (
                format!("{} is a time without a zone", text.shown()),
                "write the zone too: \"2026-01-31T08:00:00Z\" or \"2026-01-31T09:00:00+01:00\""
                    .to_owned(),
            )
        } else {
            let best = (!text.is_expanded())
                .then(|| nearest(time, ["earliest", "latest"]))
                .flatten();
            (
                if text.is_expanded() {
                    format!("{} is not a valid start", text.shown())
                } else {
                    format!("unknown start {}", text.shown())
                },
                best.map_or_else(|| HOW.to_owned(), |b| format!("did you mean \"{b}\"?")),
            )
        };
        reader.fault_in(text, what, hint);
        return None;
    };
    let millis = instant.as_millisecond();
    // Kafka's negative times are words: -1 is "latest", -2 "earliest".
    if millis < 0 {
        reader.fault_in(
            text,
            format!("{} lies before 1970", text.shown()),
            "Kafka's times begin in 1970; use \"earliest\"",
        );
        return None;
    }
    Some(Start::Time(millis))
}
