//! The session that streams a Postgres' log, and what it is asked before.

mod error;
mod session;
mod url;

pub(crate) use error::of_error;
pub use session::{Found, Wrong, look};
pub(crate) use session::{Looked, Session};
pub use url::check_url;
