//! The one file that names all databases. A new one is a crate and a line here; the
//! config's keys stand in `config::backend`.

use plimsoll_cassandra::{CassandraSettings, Ttl};
use plimsoll_postgres::PostgresSettings;
use plimsoll_sink_api::{Backend as _, Filter, Mode, Source, TableRule, TableSettings};
use plimsoll_sqlite::SqliteSettings;

/// Makes [`Backend`], and `with_backend!`, which does the same with any of them. `$`: a
/// dollar sign, for the macro that is made.
macro_rules! backends {
    ($d:tt $($name:ident($settings:ty)),+ $(,)?) => {
        /// Where a sink writes.
        #[derive(Debug, Clone, PartialEq, Eq)]
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

    /// What the config says of tables.
    #[must_use]
    pub fn rules(&self) -> Vec<&TableRule> {
        match self {
            Self::Postgres(settings) => settings.tables.iter().collect(),
            Self::Sqlite(settings) => settings.tables.iter().collect(),
            Self::Cassandra(settings) => settings.tables.iter().map(|table| &table.rule).collect(),
        }
    }

    /// Whether tables are made or changed while the service runs.
    #[must_use]
    pub fn changes_tables(&self) -> bool {
        let changes = |rule: &TableRule| rule.settings.create || rule.settings.evolve;
        self.rules().into_iter().any(changes)
    }

    /// What the config says of where columns come from, by their names; of what filters ask
    /// for, and of how long a row lives.
    #[must_use]
    pub fn sources(&self) -> Vec<(&str, &Source)> {
        fn of(rule: &TableRule) -> impl Iterator<Item = (&str, &Source)> {
            let columns = rule.settings.columns.iter();
            let taken = columns.flat_map(|(name, take)| {
                let sources = take.sources();
                sources.map(|source| (name.as_str(), source))
            });
            let asked = rule.settings.filter.iter().flat_map(Filter::sources);
            let asked = asked.map(|source| ("where", source));
            let routed = rule.settings.routing.iter();
            let routed = routed.map(|routing| ("route", &routing.by));
            taken.chain(asked).chain(routed)
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
        let mut rules = self.rules().into_iter();
        let rule = rules.find(|rule| rule.covers(topic));
        rule.map(|rule| &rule.settings)
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
