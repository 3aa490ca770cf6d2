//! docs/CONFIG.md and plimsoll.example.toml say what the table of settings says.

use crate::config::size::show_size;
use crate::config::spec::{Absent, Check, Choice, Home, Kind, REFUSED, Step, Texts, Unit, homes};
use std::collections::BTreeSet;
use std::fmt::Write as _;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/CONFIG.md");
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/plimsoll.example.toml");

/// Where a generated part begins and ends.
const BEGINS: &str = "<!-- settings: ";
const ENDS: &str = "<!-- end -->";

/// Tables have headings of their own in the docs.
fn has_a_row(home: &Home) -> bool {
    !matches!(
        home.setting.kind,
        Kind::Table(_) | Kind::Named(_) | Kind::Backend(..) | Kind::Properties
    )
}

/// One row for each setting of a place, and the backends that have it.
fn rows(place: &str) -> Vec<(Home, Vec<&'static str>)> {
    let mut rows: Vec<(Home, Vec<&str>)> = Vec::new();
    for home in homes() {
        if home.place != place || !has_a_row(&home) {
            continue;
        }
        let backend = home.backend;
        let known = rows
            .iter_mut()
            .find(|(row, _)| row.setting.name == home.setting.name);
        match known {
            Some((row, backends)) => {
                assert_eq!(row.setting.doc, home.setting.doc, "{}", home.setting.name);
                backends.extend(backend.filter(|backend| !backends.contains(backend)));
            }
            None => rows.push((home, backend.into_iter().collect())),
        }
    }
    rows
}

fn all_backends() -> Vec<&'static str> {
    let is_backend = |home: &Home| matches!(home.setting.kind, Kind::Backend(..));
    let backends = homes().into_iter().filter(is_backend);
    backends.map(|home| home.setting.name).collect()
}

fn bounds(home: &Home) -> String {
    let longest = |checks: &[Check]| {
        let bytes = checks.iter().find_map(|check| match check {
            Check::Longest(bytes) => Some(format!("{bytes} bytes")),
            Check::Matches(..) | Check::MatchesNot(..) => None,
        });
        bytes.unwrap_or_default()
    };
    let own = match home.setting.kind {
        Kind::Integer(bounds, _) => format!("{} to {}", bounds.least, bounds.most),
        Kind::Size(bounds) => {
            format!("{} to {}", show_size(bounds.least), show_size(bounds.most))
        }
        Kind::Choice(Choice { words, .. }) => format!("`{}`", words.join("`, `")),
        Kind::Text(checks) | Kind::Texts(Texts { checks, .. }) => longest(checks),
        _ => String::new(),
    };
    let parts = [own.as_str(), home.setting.also];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("; ")
}

fn default(home: &Home) -> String {
    match home.setting.absent {
        Absent::Required { unless: [] } => "required".to_owned(),
        Absent::Required { unless } => format!("this or `{}`", unless.join("` or `")),
        Absent::Default(value) => format!("`{value}`"),
        Absent::Nothing(told) => told.to_owned(),
    }
}

/// The table of one place, in Markdown.
fn markdown(place: &str) -> String {
    let rows = rows(place);
    assert!(!rows.is_empty(), "no setting stands {place}");
    // Where not all have the same backends, each says which.
    let differ = rows.iter().any(|(_, backends)| *backends != rows[0].1);
    let (head, line) = if differ {
        (" in |", " --- |")
    } else {
        ("", "")
    };
    let mut page = format!(
        "| setting | default | bounds |{head} meaning |\n| --- | --- | --- |{line} --- |\n"
    );
    for (home, backends) in &rows {
        let within = if differ {
            let all = *backends == all_backends();
            let told = if all { "all" } else { &backends.join(", ") };
            format!(" {told} |")
        } else {
            String::new()
        };
        let row = format!(
            "| `{}` | {} | {} |{within} {} |",
            home.setting.name,
            default(home),
            bounds(home),
            home.setting.doc
        );
        writeln!(page, "{}", row.replace("|  |", "| |")).unwrap();
    }
    page
}

fn refused() -> String {
    let mut page = "| property | why | instead |\n| --- | --- | --- |\n".to_owned();
    for refused in REFUSED {
        let names = refused.names.join("`, `");
        writeln!(page, "| `{names}` | {} | {} |", refused.why, refused.hint).unwrap();
    }
    page
}

/// The docs with their generated parts as they should be, and the places of
/// these.
fn generated(docs: &str) -> (String, Vec<String>) {
    let mut page = String::new();
    let mut places = Vec::new();
    let mut within = false;
    for line in docs.lines() {
        if line == ENDS {
            within = false;
        }
        if within {
            continue;
        }
        writeln!(page, "{line}").unwrap();
        if let Some(place) = line.strip_prefix(BEGINS) {
            let place = place.strip_suffix(" -->").expect("the end of the comment");
            page.push_str(&markdown(place));
            places.push(place.to_owned());
            within = true;
        } else if line == "<!-- refused properties -->" {
            page.push_str(&refused());
            within = true;
        }
    }
    assert!(!within, "a generated part does not end");
    (page, places)
}

/// With `UPDATE_DOCS` set, it writes what it wants to see.
#[test]
fn the_docs_tell_every_setting_as_the_table_has_it() {
    let docs = std::fs::read_to_string(DOCS).unwrap();
    let (wanted, places) = generated(&docs);
    for home in homes().iter().filter(|home| has_a_row(home)) {
        let place = home.place;
        let told = places.iter().filter(|told| *told == place).count();
        // What `start` takes is told with it.
        let times = usize::from(place != "sinks.NAME.start");
        assert_eq!(told, times, "{place}, for {}", home.setting.name);
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(DOCS, &wanted).unwrap();
    } else {
        assert!(
            docs == wanted,
            "docs/CONFIG.md is not as src/config/spec has it; UPDATE_DOCS=1 writes it anew"
        );
    }
}

#[test]
fn the_docs_name_every_table() {
    let docs = std::fs::read_to_string(DOCS).unwrap();
    let mut told = BTreeSet::new();
    for home in homes() {
        // Scylla's are those of Cassandra.
        let name = match home.setting.kind {
            Kind::Table(table) | Kind::Named(table) => table.name,
            Kind::Backend(..) | Kind::Properties => home.setting.name,
            _ => continue,
        };
        let steps = home.way.iter().map(|step| match step {
            Step::Is(name) | Step::Entry(name) => *name,
            Step::Name => "NAME",
        });
        let mut path: Vec<&str> = steps.chain([home.setting.name]).collect();
        if path == ["sinks"] || path == ["sources"] {
            path.push("NAME");
        }
        let place = format!("[{}]", path.join("."));
        if told.insert(name) {
            assert!(
                docs.contains(&place),
                "docs/CONFIG.md does not name {place}"
            );
        }
    }
}

/// A line of the example that sets this, or does so when its `#` goes.
fn sets(example: &str, name: &str, value: Option<&str>) -> bool {
    example.lines().any(|line| {
        let line = line.trim_start_matches('#').trim_start();
        let Some((key, rest)) = line.split_once(" = ") else {
            return false;
        };
        key == name && value.is_none_or(|value| rest == value)
    })
}

#[test]
fn the_example_holds_every_setting_and_its_default() {
    let example = std::fs::read_to_string(EXAMPLE).unwrap();
    for home in homes().iter().filter(|home| has_a_row(home)) {
        let setting = home.setting;
        match setting.default_text() {
            Some(default) => assert!(
                sets(&example, setting.name, Some(&default)),
                "the example lacks {} = {default}",
                setting.name
            ),
            None => assert!(
                example.contains(&format!("{} = ", setting.name))
                    || example.contains(&format!(".{}]", setting.name)),
                "the example lacks {}",
                setting.name
            ),
        }
    }
}

#[test]
fn names_carry_their_units() {
    for home in homes() {
        let Kind::Integer(_, unit) = home.setting.kind else {
            continue;
        };
        let name = home.setting.name;
        let told = match name.rsplit_once('_') {
            Some((_, "ms")) => Unit::Milliseconds,
            Some((_, "s")) => Unit::Seconds,
            _ => Unit::Count,
        };
        assert_eq!(told, unit, "{name}");
    }
}
