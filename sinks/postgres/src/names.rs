//! The names of plimsoll's own tables in SQL, and the call of the fence.

use crate::text::{ident, literal};
use plimsoll_protocol::Owner;
use plimsoll_sink_api::Batch;

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
            migrations: format!("{schema}.migrations"),
            advance: format!("{schema}.advance"),
            schema,
        }
    }

    /// The fence with its arguments in the text, for a message that carries
    /// COMMIT as well: such a message takes no parameters.
    pub(crate) fn advance_text<P>(&self, sink: &str, batch: &Batch<'_, P>) -> String {
        let number = |n: Option<i64>| n.map_or_else(|| "NULL".to_owned(), |n| format!("'{n}'"));
        let marks = batch.marks;
        format!(
            "SELECT {}({}, {}, '{}', '{}', '{}', '{}', '{}', {}, {}, {}) AS moved",
            self.advance,
            literal(sink),
            literal(batch.topic),
            batch.partition,
            batch.span.from(),
            batch.span.to(),
            batch.claim.epoch,
            uuid(batch.claim.owner),
            number(marks.fingerprint.map(|f| f.offset)),
            number(marks.fingerprint.map(|f| f.hash)),
            number(marks.leader_epoch.map(i64::from)),
        )
    }
}

/// An owner in a form that Postgres reads as a uuid.
pub(crate) fn uuid(owner: Owner) -> String {
    format!("{:032x}", owner.0)
}
