//! The names of plimsoll's own tables in SQL.

use crate::text::ident;
use plimsoll_protocol::Owner;

/// Quoted and qualified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    /// As the config has it.
    pub(crate) shown: String,
    pub(crate) schema: String,
    pub(crate) positions: String,
    pub(crate) starts: String,
    pub(crate) dead_letters: String,
    pub(crate) acts: String,
    pub(crate) sinks: String,
    pub(crate) commands: String,
    pub(crate) members: String,
    pub(crate) migrations: String,
    pub(crate) advance: String,
}

impl Names {
    pub(crate) fn new(shown: &str) -> Self {
        let schema = ident(shown);
        Self {
            shown: shown.to_owned(),
            positions: format!("{schema}.positions"),
            starts: format!("{schema}.starts"),
            dead_letters: format!("{schema}.dead_letters"),
            acts: format!("{schema}.acts"),
            sinks: format!("{schema}.sinks"),
            commands: format!("{schema}.commands"),
            members: format!("{schema}.members"),
            migrations: format!("{schema}.migrations"),
            advance: format!("{schema}.advance_all"),
            schema,
        }
    }
}

/// An owner in a form that Postgres reads as a uuid.
pub(crate) fn uuid(owner: Owner) -> String {
    format!("{:032x}", owner.0)
}
