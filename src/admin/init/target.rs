//! Where rows are to go, as the command line says, and as a config says it. Pure.

use crate::admin::toml_text::{quoted, string};
use plimsoll_sink_api::Mode;

/// A database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Postgres { url: String },
    Sqlite { path: String },
    Cassandra { address: String, keyspace: String },
}

impl Target {
    /// `HOST:PORT/KEYSPACE`
    pub(super) fn cassandra(given: &str) -> Result<Self, String> {
        let parts = given.split_once('/');
        let (address, keyspace) = parts
            .filter(|(address, keyspace)| address.contains(':') && !keyspace.is_empty())
            .ok_or("HOST:PORT/KEYSPACE is wanted: 127.0.0.1:9042/shop")?;
        Ok(Self::Cassandra {
            address: address.to_owned(),
            keyspace: keyspace.to_owned(),
        })
    }

    /// The same where a URL with a password becomes the name of the variable that holds
    /// it. `variables`: those of the environment.
    pub(super) fn without_password(
        self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let Self::Postgres { url } = &self else {
            return self;
        };
        if !has_password(url) {
            return self;
        }
        let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let mut variables = variables.into_iter();
        match variables.find(|(name, value)| value == url && name.chars().all(plain)) {
            Some((name, _)) => Self::Postgres {
                url: format!("${{{name}}}"),
            },
            None => self,
        }
    }

    /// Whether a config of it holds a password.
    pub(super) fn has_password(&self) -> bool {
        match self {
            Self::Postgres { url } => has_password(url),
            Self::Sqlite { .. } | Self::Cassandra { .. } => false,
        }
    }

    /// Its table in a config.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Postgres { .. } => "postgres",
            Self::Sqlite { .. } => "sqlite",
            Self::Cassandra { .. } => "cassandra",
        }
    }

    /// The modes that it has, if not all.
    pub(super) const fn only_mode(&self) -> Option<Mode> {
        match self {
            Self::Cassandra { .. } => Some(Mode::Upsert),
            Self::Postgres { .. } | Self::Sqlite { .. } => None,
        }
    }

    /// The table's full name, where only its own was given.
    pub(super) fn table(&self, name: &str) -> String {
        match self {
            Self::Postgres { .. } if !name.contains('.') => format!("public.{name}"),
            Self::Cassandra { keyspace, .. } if !name.contains('.') => {
                format!("{keyspace}.{name}")
            }
            Self::Postgres { .. } | Self::Sqlite { .. } | Self::Cassandra { .. } => name.to_owned(),
        }
    }

    /// Lines of its table in a config.
    pub(super) fn lines(&self, table: &str, mode: Mode) -> Vec<String> {
        let table = format!("table = {}", string(table));
        let mode = format!("mode = \"{}\"", mode.as_str());
        match self {
            // What it may hold of ${NAME} is meant so.
            Self::Postgres { url } => vec![format!("url = {}", quoted(url)), table, mode],
            Self::Sqlite { path } => vec![format!("path = {}", string(path)), table, mode],
            Self::Cassandra { address, keyspace } => vec![
                format!("contact_points = [{}]", string(address)),
                "# Plimsoll's own tables; a keyspace of their own keeps them apart.".to_owned(),
                format!("state_keyspace = {}", string(keyspace)),
                table,
            ],
        }
    }
}

/// Whether a URL holds a password that stands there as it is.
fn has_password(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return url.contains("password=") && !url.contains("${");
    };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let user = place.rsplit_once('@').map_or("", |(user, _)| user);
    let password = user.split_once(':').map_or("", |(_, password)| password);
    let asked = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("password="));
    let is_literal = |text: &str| !text.is_empty() && !text.starts_with("${");
    is_literal(password) || asked.is_some_and(is_literal)
}

/// The name of a sink and of a table for a topic: one that needs no quotes anywhere.
pub(super) fn plain_name(topic: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    let name: String = topic.chars().map(plain).collect();
    match name.starts_with(|c: char| c.is_ascii_lowercase()) {
        true => name,
        false => format!("t_{}", name.trim_start_matches('_')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postgres(url: &str) -> Target {
        let url = url.to_owned();
        Target::Postgres { url }
    }

    #[test]
    fn a_password_is_seen_wherever_a_url_holds_it() {
        for (url, has) in [
            ("postgres://app:hunter2@db/shop", true),
            ("postgres://db/shop?user=app&password=hunter2", true),
            ("postgres://app@db/shop", false),
            ("postgres://app:${PGPASSWORD}@db/shop", false),
            ("${DATABASE_URL}", false),
            ("postgres://db:5432/shop", false),
            ("postgres://app:p@ss@db/shop", true),
        ] {
            assert_eq!(postgres(url).has_password(), has, "{url}");
        }
    }

    #[test]
    fn a_url_that_a_variable_holds_becomes_its_name() {
        let url = "postgres://app:hunter2@db/shop";
        let variables = |name: &str| [(name.to_owned(), url.to_owned())];
        let named = postgres(url).without_password(variables("DATABASE_URL"));
        assert_eq!(named, postgres("${DATABASE_URL}"));
        assert_eq!(
            postgres(url).without_password(variables("a b")),
            postgres(url)
        );
        let plain = postgres("postgres://db/shop");
        let same = [("X".to_owned(), "postgres://db/shop".to_owned())];
        assert_eq!(plain.clone().without_password(same), plain);
    }

    #[test]
    fn a_topic_has_a_plain_name() {
        for (topic, name) in [
            ("orders", "orders"),
            ("Shop.Orders-v1", "shop_orders_v1"),
            ("2026", "t_2026"),
            ("_x", "t_x"),
        ] {
            assert_eq!(plain_name(topic), name);
        }
    }

    #[test]
    fn an_address_of_cassandra_has_its_port_and_a_keyspace() {
        assert!(Target::cassandra("127.0.0.1:9042/shop").is_ok());
        for wrong in ["127.0.0.1:9042", "localhost/shop", "localhost:9042/"] {
            assert!(Target::cassandra(wrong).is_err(), "{wrong}");
        }
    }
}
