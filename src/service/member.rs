//! Who this process is, to the sinks.

use plimsoll_protocol::Owner;
use plimsoll_sink_api::Member;
use uuid::Uuid;

/// A new member: a random id, and a name that people can find.
#[must_use]
pub fn member() -> Member {
    let id = Uuid::new_v4();
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy();
    let short = &id.simple().to_string()[..8];
    Member {
        owner: Owner(id.as_u128()),
        name: format!("{}-{}-{short}", host, std::process::id()),
    }
}
