//! The one file that names all databases. A new one is a crate and a line here; the
//! config's keys stand in `config::backend`.

use plimsoll_cassandra::CassandraSettings;
use plimsoll_postgres::PostgresSettings;
use plimsoll_sink_api::{Backend as _, Mode, TableRule};
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

    /// Its name in a config.
    #[must_use]
    pub fn name(&self) -> &'static str {
        fn first<B: plimsoll_sink_api::Backend>(_: &B) -> &'static str {
            B::NAMES.first().copied().unwrap_or_default()
        }
        with_backend!(self, |of| first(of))
    }
}
