//! Where settings are at home.

use super::{Kind, ROOT, Setting, Table};

/// One step on the way to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Step {
    /// A table's own name.
    Is(&'static str),
    /// Whatever name the user gives.
    Name,
    /// An entry of the list of tables of this name.
    Entry(&'static str),
}

/// A setting, and the way to the table that has it.
pub(in crate::config) struct Home {
    pub(in crate::config) way: Vec<Step>,
    /// Its place in the docs.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests hold the docs to it"))]
    pub(in crate::config) place: &'static str,
    /// The backend that it is part of.
    pub(in crate::config) backend: Option<&'static str>,
    pub(in crate::config) setting: &'static Setting,
}

/// Every setting of the config, in order.
pub(in crate::config) fn homes() -> Vec<Home> {
    let mut found = Vec::new();
    walk(&ROOT, &[], None, &mut found);
    found
}

fn walk(table: &'static Table, way: &[Step], backend: Option<&'static str>, found: &mut Vec<Home>) {
    let settings = table.groups.iter().flat_map(|group| {
        let with = |setting| (group.place, setting);
        group.settings.iter().map(with)
    });
    for (place, setting) in settings {
        let name = setting.name;
        found.push(Home {
            way: way.to_vec(),
            place,
            backend,
            setting,
        });
        match setting.kind {
            Kind::Table(inner) | Kind::Start(inner) => {
                walk(inner, &[way, &[Step::Is(name)]].concat(), backend, found);
            }
            Kind::Tables(inner) => {
                walk(inner, &[way, &[Step::Entry(name)]].concat(), backend, found);
            }
            Kind::Named(inner) | Kind::Columns(inner) => {
                let way = [way, &[Step::Is(name), Step::Name]].concat();
                walk(inner, &way, backend, found);
            }
            Kind::Backend(inner, _) => {
                let way = [way, &[Step::Is(name)]].concat();
                walk(inner, &way, Some(name), found);
            }
            Kind::Text(_)
            | Kind::Parsed(_)
            | Kind::Boolean
            | Kind::Integer(..)
            | Kind::Size(_)
            | Kind::Choice(_)
            | Kind::Texts(_)
            | Kind::Literal
            | Kind::Properties => {}
        }
    }
}
