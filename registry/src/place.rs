//! Where a schema stands in a registry.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use plimsoll_record::SchemaId;
use std::fmt;

/// Where a schema stands in a registry. What stands there never changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// Where records say that it stands.
    Id(SchemaId),
    /// Where Confluent's references say it.
    Version { subject: String, version: i64 },
    /// Where Apicurio's references say it.
    Artifact {
        /// `None`: the one without a name.
        group: Option<String>,
        artifact: String,
        version: String,
    },
}

/// Apicurio's name of the group that has none.
pub(crate) const NO_GROUP: &str = "default";

/// All but what RFC 3986 leaves alone: a subject may hold slashes.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A name as a part of a path.
pub(crate) fn encoded(name: &str) -> String {
    utf8_percent_encode(name, RESERVED).to_string()
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Version { subject, version } => {
                write!(f, "subject \"{subject}\", version {version}")
            }
            Self::Artifact {
                group,
                artifact,
                version,
            } => {
                if let Some(group) = group {
                    write!(f, "group \"{group}\", ")?;
                }
                write!(f, "artifact \"{artifact}\", version {version}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_part_of_a_path() {
        assert_eq!(encoded("shop.orders-value_1~"), "shop.orders-value_1~");
        assert_eq!(encoded("a/b c?d#e%2F"), "a%2Fb%20c%3Fd%23e%252F");
        assert_eq!(encoded(":.ctx:é"), "%3A.ctx%3A%C3%A9");
    }
}
