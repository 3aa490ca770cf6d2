//! What to say about a setting that a table does not have: what it was meant
//! to be, or where it belongs.

use super::reader::join;
use super::spec::{COMMON, Home, Kind, NOT_THERE, Setting, Step, Table, homes};
use super::suggest::{listed, nearest};
use toml::de::{DeTable, DeValue};

/// What an unknown setting of a table is, which stands at `place` in a file whose
/// sinks are these, and what to do.
pub(super) fn judge(word: &str, table: &Table, place: &str, sinks: &Sinks<'_>) -> (String, String) {
    let backends: Vec<_> = table
        .settings()
        .filter(is_backend)
        .map(|s| s.name)
        .collect();
    if NOT_THERE.contains(&word) && !backends.is_empty() {
        let hint = format!("the supported backends are {}", listed(backends, "and"));
        return ("is not a supported backend".to_owned(), hint);
    }
    let hint = hint(word, table, place, sinks);
    ("unknown setting".to_owned(), hint)
}

fn is_backend(setting: &&'static Setting) -> bool {
    matches!(setting.kind, Kind::Backend(..))
}

fn hint(word: &str, table: &Table, place: &str, sinks: &Sinks<'_>) -> String {
    let here = Here::of(place, sinks);
    // Nobody who writes about a sink means a source.
    let is_meant = |home: &Home| {
        let of_source = home.way.first() == Some(&Step::Is("sources"));
        let is_sources = home.way.is_empty() && home.setting.name == "sources";
        !place.starts_with("sinks.") || !(of_source || is_sources)
    };
    let elsewhere = |word: &str| {
        let mut homes = homes();
        homes.retain(|home| home.setting.name == word && is_meant(home));
        let foreign = table.foreign.iter();
        let mut instead = foreign.filter(|(words, _)| words.contains(&word));
        match (instead.next(), homes.as_slice()) {
            (_, []) => None,
            (Some((_, why)), _) => Some(format!("it is a setting of {}; {why}", owners(&homes))),
            (None, _) => Some(here.belongs(&homes)),
        }
    };
    if let Some(hint) = elsewhere(word) {
        return hint;
    }
    if COMMON.contains(&word) {
        return "it belongs in [kafka.properties]".to_owned();
    }
    if let Some(best) = nearest(word, table.names()) {
        return format!("did you mean \"{best}\"?");
    }
    // Words that name tables are too short to be near to anything by a slip.
    let settings = homes();
    // A column's settings are read only within a column.
    let of_column = |home: &&Home| home.way.contains(&Step::Is("columns"));
    let settings = settings
        .iter()
        .filter(|home| is_meant(home) && !of_column(home));
    let settings = settings.map(|home| home.setting);
    let all = settings.filter(|setting| !is_table(&setting.kind));
    let all: Vec<&str> = all.map(|setting| setting.name).collect();
    if let Some(best) = nearest(word, all)
        && let Some(hint) = elsewhere(best)
    {
        return format!("did you mean \"{best}\"? {hint}");
    }
    let names: Vec<_> = table.names().collect();
    format!("the settings here are {}", names.join(", "))
}

/// The sinks of a file, and where each writes.
#[derive(Default)]
pub(super) struct Sinks<'d>(Vec<(&'d str, Vec<&'static str>)>);

impl<'d> Sinks<'d> {
    pub(super) fn of(file: &'d DeTable<'d>) -> Self {
        let Some(DeValue::Table(sinks)) = file.get("sinks").map(|sinks| sinks.get_ref()) else {
            return Self::default();
        };
        let backends: Vec<&str> = homes()
            .iter()
            .map(|home| home.setting)
            .filter(is_backend)
            .map(|setting| setting.name)
            .collect();
        let sinks = sinks.iter().map(|(name, sink)| {
            let has = |backend: &&str| match sink.get_ref() {
                DeValue::Table(sink) => sink.contains_key(*backend),
                _ => false,
            };
            let present = backends.iter().copied().filter(has).collect();
            let name: &str = name.get_ref();
            (name, present)
        });
        Self(sinks.collect())
    }
}

/// Where a setting was found that does not belong there.
struct Here<'a> {
    /// The sink that it is part of, or the only one of the file.
    sink: Option<&'a str>,
    /// Where that sink writes.
    backends: &'a [&'static str],
}

impl<'a> Here<'a> {
    fn of(place: &'a str, sinks: &'a Sinks<'_>) -> Self {
        let mut parts = place.split('.');
        let within = match (parts.next(), parts.next()) {
            (Some("sinks"), Some(name)) => Some(name),
            _ => None,
        };
        let found = match within {
            Some(name) => sinks.0.iter().find(|(sink, _)| *sink == name),
            None => Some(&sinks.0)
                .filter(|sinks| sinks.len() == 1)
                .and_then(|s| s.first()),
        };
        let backends = found.map_or(&[][..], |(_, backends)| backends);
        Self {
            sink: within.or(found.map(|(name, _)| *name)),
            backends,
        }
    }

    fn belongs(&self, homes: &[Home]) -> String {
        let in_use = |home: &&Home| match home.backend {
            Some(backend) => self.backends.contains(&backend),
            None => true,
        };
        let mut fitting: Vec<&Home> = homes.iter().filter(in_use).collect();
        if fitting.is_empty() {
            if !self.backends.is_empty() {
                return format!("it is a setting of {}", owners(homes));
            }
            fitting = homes.iter().collect();
        }
        // What a backend's own table has, the entries of its list need not tell.
        let outer = |home: &&&Home| match home.way.split_last() {
            Some((Step::Entry(_), table)) => !homes.iter().any(|other| other.way == table),
            _ => true,
        };
        let places = fitting.iter().filter(outer).map(|home| self.place_of(home));
        let places: Vec<String> = places.collect();
        if homes.iter().all(|home| is_table(&home.setting.kind)) {
            return format!("its place is {}", listed(places, "or"));
        }
        format!("it belongs {}", listed(places, "or"))
    }

    /// `in [sinks.orders.batch]`; of a table: `[sinks.orders.batch]`.
    fn place_of(&self, home: &Home) -> String {
        let mut way = String::new();
        let mut of_list = false;
        for step in &home.way {
            if !way.is_empty() {
                way.push('.');
            }
            of_list = false;
            match step {
                Step::Is(name) => way.push_str(name),
                // A sink, and below it a column.
                Step::Name if way == "sinks." => way.push_str(self.sink.unwrap_or("NAME")),
                Step::Name => way.push_str("NAME"),
                Step::Entry(name) => {
                    way.push_str(name);
                    of_list = true;
                }
            }
        }
        match &home.setting.kind {
            Kind::Tables(_) => format!("[[{}]]", join(&way, home.setting.name)),
            kind if is_table(kind) => format!("[{}]", join(&way, home.setting.name)),
            _ if way.is_empty() => "at the top of the file".to_owned(),
            _ if of_list => format!("in [[{way}]]"),
            _ => format!("in [{way}]"),
        }
    }
}

fn is_table(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Table(_)
            | Kind::Tables(_)
            | Kind::Named(_)
            | Kind::Backend(..)
            | Kind::Columns(_)
            | Kind::Properties
    )
}

/// The backends that have a setting.
fn owners(homes: &[Home]) -> String {
    let mut owners: Vec<&str> = homes.iter().filter_map(|home| home.backend).collect();
    owners.dedup();
    listed(owners, "and")
}
