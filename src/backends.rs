//! The one file that names all databases. A new one is a crate and a line here; the
//! config's keys stand in `config::backend`.

use plimsoll_cassandra::{CassandraSettings, Ttl};
use plimsoll_postgres::PostgresSettings;
use plimsoll_sink_api::{Backend as _, Mode, Source, TableRule, TableSettings, rule_for};
use plimsoll_sqlite::SqliteSettings;

/// Makes [`Backend`], and `with_backend!`, which does the same with any of them. `$`: a
/// dollar sign, for the macro that is made.
macro_rules! backends {
    ($d:tt $($name:ident($settings:ty)),+ $(,)?) => {
        /// Where a sink writes.
        #[derive(Debug, Clone)]
        pub enum Backend {
            $(
                #[doc = concat!("See [`", stringify!($settings), "`].")]
                $name($settings),
            )+
        }

        impl Backend {
            /// Whether plimsoll's own tables are the same ones.
            #[must_use]
            pub fn shares_state(&self, other: &Self) -> bool {
                match (self, other) {
                    $((Self::$name(one), Self::$name(other)) => one.shares_state(other),)+
                    $((Self::$name(_), _) => false,)+
                }
            }
        }

        macro_rules! with_backend {
            ($d backend:expr, |$d of:ident| $d body:expr) => {
                match $d backend {
                    $($crate::backends::Backend::$name($d of) => $d body,)+
                }
            };
        }
        pub(crate) use with_backend;
    };
}

backends!($ Postgres(PostgresSettings), Sqlite(SqliteSettings), Cassandra(CassandraSettings));

impl Backend {
    /// The modes of its tables.
    #[must_use]
    pub fn modes(&self) -> Vec<Mode> {
        let modes = |tables: &[TableRule]| tables.iter().map(|t| t.settings.mode).collect();
        match self {
            Self::Postgres(settings) => modes(&settings.tables),
            Self::Sqlite(settings) => modes(&settings.tables),
            Self::Cassandra(_) => vec![Mode::Upsert],
        }
    }

    /// What the config says of where columns come from, by their names; and of how long a
    /// row lives.
    #[must_use]
    pub fn sources(&self) -> Vec<(&str, &Source)> {
        fn of(rule: &TableRule) -> impl Iterator<Item = (&str, &Source)> {
            let columns = rule.settings.columns.iter();
            columns.map(|(name, source)| (name.as_str(), source))
        }
        fn life(ttl: &Option<Ttl>) -> Option<(&str, &Source)> {
            match ttl {
                Some(Ttl::Source(source)) => Some(("ttl", source)),
                Some(Ttl::Fixed(_)) | None => None,
            }
        }
        match self {
            Self::Postgres(settings) => settings.tables.iter().flat_map(of).collect(),
            Self::Sqlite(settings) => settings.tables.iter().flat_map(of).collect(),
            Self::Cassandra(settings) => {
                let tables = settings.tables.iter();
                let sources = tables.flat_map(|table| of(&table.rule).chain(life(&table.ttl)));
                sources.collect()
            }
        }
    }

    /// What the config says of a topic's table.
    #[must_use]
    pub fn table(&self, topic: &str) -> Option<&TableSettings> {
        match self {
            Self::Postgres(settings) => rule_for(&settings.tables, topic),
            Self::Sqlite(settings) => rule_for(&settings.tables, topic),
            Self::Cassandra(settings) => {
                let mut tables = settings.tables.iter().map(|table| &table.rule);
                let rule = tables.find(|rule| rule.covers(topic));
                rule.map(|rule| &rule.settings)
            }
        }
    }

    /// Its name in a config.
    #[must_use]
    pub fn name(&self) -> &'static str {
        fn first<B: plimsoll_sink_api::Backend>(_: &B) -> &'static str {
            B::NAMES.first().copied().unwrap_or_default()
        }
        with_backend!(self, |of| first(of))
    }
}
