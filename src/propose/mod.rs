//! From the records of a topic to a table for them: what fields they have, and what would
//! hold these. `check`, `init` and the service ask.

mod bad;
mod proposal;
mod survey;

pub(crate) use bad::Bad;
pub(crate) use proposal::{Proposal, propose};
pub(crate) use survey::{FIELDS_LIMIT, SCHEMAS_LIMIT, Survey, Surveyor};
