//! Who this process is, to the sinks.

use plimsoll_protocol::Owner;
use plimsoll_sink_api::Member;
use uuid::Uuid;

/// A new member: a random id, and a name that people can find.
#[must_use]
pub fn member() -> Member {
    let id = Uuid::new_v4();
    let host =
        std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "host".to_owned());
    let short = &id.simple().to_string()[..8];
    Member {
        owner: Owner(id.as_u128()),
        name: format!("{}-{}-{short}", host.trim(), std::process::id()),
    }
}
