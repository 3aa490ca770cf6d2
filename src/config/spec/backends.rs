//! The databases, and the settings of each. A new one is a row in `BACKENDS`
//! and a table of its own.

use super::Unit::{Count, Milliseconds, Seconds};
use super::rows::TOPICS;
use super::{
    Check, Choice, Group, Kind, Rule, Setting, Table, Texts, Value, When, boolean, choice, integer,
    text,
};
use crate::config::columns::{CAST_WORDS, NAMING_WORDS, UNIT_WORDS};
use crate::config::routing::UNKNOWN_WORDS as UNKNOWN_ROUTE_WORDS;
use crate::config::tables::{EVOLVE_WORDS, MISSING_WORDS, MODE_WORDS, PARTITION_WORDS};
use crate::config::{backend, cassandra};

/// The tables that say where a sink writes.
pub(super) static BACKENDS: Group = Group {
    place: "sinks.NAME",
    settings: &[
        backend("postgres", &POSTGRES, backend::read_postgres),
        backend("sqlite", &SQLITE, backend::read_sqlite),
        backend("cassandra", &CASSANDRA, cassandra::read),
        backend("scylla", &CASSANDRA, cassandra::read),
    ],
};

/// Databases that people will ask for: a better answer than "unknown setting".
pub(in crate::config) const NOT_THERE: &[&str] = &[
    "mysql",
    "mariadb",
    "clickhouse",
    "redis",
    "mongodb",
    "elasticsearch",
    "duckdb",
    "sqlserver",
    "oracle",
];

const fn backend(name: &'static str, table: &'static Table, read: super::ReadBackend) -> Setting {
    Setting::new(name, Kind::Backend(table, read))
}

static POSTGRES: Table = Table {
    name: "postgres",
    doc: "Writes to Postgres.",
    groups: &[
        &IN_POSTGRES,
        &OF_A_TABLE,
        &OF_A_SQL_TABLE,
        &OF_A_POSTGRES_TABLE,
        &POSTGRES_TABLES,
    ],
    rules: &[
        TABLE_RULES,
        SQL_RULES,
        PARTITION_RULES,
        INSTEAD_OF_SQL_TABLES,
        INSTEAD_OF_POSTGRES_TABLES,
    ],
    foreign: &[
        (&["path"], "postgres has url"),
        (&["state_keyspace"], "postgres has state_schema"),
        (&["contact_points"], "postgres has url, with one host"),
        (&["username", "password"], "postgres has them in url"),
        (&["tls"], "postgres has sslmode and sslrootcert in url"),
    ],
};

static IN_POSTGRES: Group = Group {
    place: "sinks.NAME.postgres",
    settings: &[
        Setting::new("url", Kind::Parsed(r"^postgres(ql)?://"))
            .required(
                "url = \"${DATABASE_URL}\", which holds \
                 postgres://user:password@host:5432/database",
            )
            .secret()
            .doc(
                "`postgres://user:password@host:5432/database`, special characters as `%XX`. \
                 `sslmode` (`disable`, `prefer`, `require`, `verify-ca`, `verify-full`), \
                 `sslrootcert`, `sslcert`, `sslkey`, `host`, `port`, `dbname`, `user`, \
                 `password` and `options` are read from behind the `?`. One host.",
            ),
        text(
            "state_schema",
            &[
                Check::MatchesNot(
                    "^pg_",
                    "is a name that Postgres keeps for itself",
                    "leave it out to use \"plimsoll\"",
                ),
                // Postgres cuts longer names off, silently.
                Check::Longest(63),
            ],
        )
        .default(Value::Text("plimsoll"))
        .also("not `pg_…`")
        .hint("Postgres would cut it off")
        .doc("Where positions and dead letters live."),
        // More connections than this are no pool but a load test.
        integer("max_connections", 1, 1_000, Count)
            .default(Value::Integer(4))
            .hint("one commit per partition runs at a time, so a few connections go a long way")
            .doc(
                "Writers' connections. Claims, heartbeats and the catalogue use one more; who \
                 looks for stale writers, or for the column of a bad record, opens one for that \
                 time.",
            ),
        boolean("auto_migrate", true).doc(
            "Whether the service makes and renews its own tables when it starts, and a missing \
             `log` table. Else `plimsoll migrate` does. An older version runs with `false` on \
             what a newer one has migrated.",
        ),
        // A call shorter than a second would give up on an ordinary commit; one
        // longer than ten minutes would hold a partition that nobody else may take.
        integer("call_timeout_ms", 1_000, 600_000, Milliseconds)
            .default(Value::Integer(30_000))
            .hint("how long one call to the database may take before its connection is dropped")
            .doc(
                "How long one call may take before its connection is dropped and the outcome \
                 judged by a claim. A commit that takes longer than this never succeeds: keep \
                 batches well below it.",
            ),
    ],
};

static SQLITE: Table = Table {
    name: "sqlite",
    doc: "Writes to a SQLite file.",
    groups: &[&IN_SQLITE, &OF_A_TABLE, &OF_A_SQL_TABLE, &SQL_TABLES],
    rules: &[TABLE_RULES, SQL_RULES, INSTEAD_OF_SQL_TABLES],
    foreign: &[
        (&["url", "contact_points"], "sqlite has path"),
        (
            &[
                "state_schema",
                "state_keyspace",
                "max_connections",
                "call_timeout_ms",
            ],
            "sqlite is a file with one writer",
        ),
        NO_PARTITIONS,
    ],
};

static IN_SQLITE: Group = Group {
    place: "sinks.NAME.sqlite",
    settings: &[
        text(
            "path",
            &[
                Check::MatchesNot("^(sqlite|file):", "is a URL, not a path", A_FILE),
                Check::MatchesNot(
                    "^:memory:$",
                    "is a database in memory, which loses rows and positions with the process",
                    A_FILE,
                ),
            ],
        )
        .required("the database file: path = \"orders.db\"")
        .doc("The database file; made if missing. No URL, not `:memory:`."),
        boolean("auto_migrate", true)
            .doc("Whether the service makes and renews its own tables when it starts."),
    ],
};
const A_FILE: &str = "the path of a file: path = \"orders.db\"";

static CASSANDRA: Table = Table {
    name: "cassandra",
    doc: "Writes to Cassandra or Scylla.",
    groups: &[&IN_CASSANDRA, &OF_A_TABLE, &OF_A_CQL_TABLE, &CQL_TABLES],
    rules: &[
        CASSANDRA_RULES,
        TABLE_RULES,
        CQL_RULES,
        INSTEAD_OF_CQL_TABLES,
    ],
    foreign: &[
        (&["url", "path"], "cassandra has contact_points"),
        (&["state_schema"], "cassandra has state_keyspace"),
        (&["max_connections"], "cassandra has max_in_flight"),
        NO_MODES,
        NO_ROUTES,
        NO_CQL_PARTITIONS,
    ],
};

const NO_PARTITIONS: (&[&str], &str) = (&["create_partitions"], "a table of sqlite is not divided");

const NO_CQL_PARTITIONS: (&[&str], &str) = (
    &["create_partitions"],
    "a partition of cassandra is there with its first row, and ttl_s ends its rows",
);

const NO_MODES: (&[&str], &str) = (
    &["mode", "key_columns", "missing", "create", "evolve"],
    "cassandra upserts by the table's primary key, and a missing field leaves what stands",
);

const NO_ROUTES: (&[&str], &str) = (
    &["route", "max_tables", "on_unknown_route"],
    "in cassandra no transaction holds the rows of several tables together",
);

static IN_CASSANDRA: Group = Group {
    place: "sinks.NAME.cassandra",
    settings: &[
        Setting::new("contact_points", Kind::Texts(NODES))
            .required(A_NODE)
            .hint(A_NODE)
            .doc("`[\"10.0.0.1:9042\"]`: nodes to begin with, the driver finds the others."),
        text("username", &[])
            .missed("username = \"${CASSANDRA_USER}\"")
            .also("with `password`")
            .doc("The login."),
        text("password", &[])
            .missed("password = \"${CASSANDRA_PASSWORD}\"")
            .also("with `username`")
            .secret()
            .doc("The login's password."),
        text("local_datacenter", &[])
            .doc("Whose nodes are asked, and where the `LOCAL_` levels count. Without it, all."),
        Setting::new(
            "consistency",
            Kind::Choice(Choice {
                words: &cassandra::LEVEL_WORDS,
                refused: &[(
                    "ANY",
                    "acknowledges what no replica has yet, and rows or positions may be lost",
                )],
            }),
        )
        .default(Value::Text("LOCAL_QUORUM"))
        .also("`ONE` and `LOCAL_ONE` only with `single_node`")
        .hint("LOCAL_QUORUM")
        .doc(
            "Of every write of rows and positions, and of every read of positions. Not `ANY`: \
             it acknowledges what no replica has.",
        ),
        boolean("single_node", false)
            .doc("The cluster has one node: `ONE` and `LOCAL_ONE` are allowed."),
        text(
            "state_keyspace",
            &[
                Check::Matches(
                    "^[A-Za-z0-9_]+$",
                    "is not a valid keyspace name",
                    "letters, digits and underscores, 48 at most",
                ),
                // Cassandra's own limit.
                Check::Longest(48),
            ],
        )
        .default(Value::Text("plimsoll"))
        .hint("letters, digits and underscores, 48 at most")
        .doc("Where positions, claims and dead letters live."),
        text("state_replication", &[]).doc(
            "CQL's map, such as `\"{'class': 'NetworkTopologyStrategy', 'dc1': 3}\"`. With it \
             the keyspace is made where it is missing; without it, it has to be there.",
        ),
        // More than this is a load test, and beyond the streams of a few
        // connections.
        integer("max_in_flight", 1, 10_000, Count)
            .default(Value::Integer(256))
            .hint("requests under way at once, all partitions of the sink together")
            .doc("Requests under way at once, all partitions of the sink together."),
        boolean("batches", true).doc(
            "Whether rows of one partition key travel together, in an unlogged batch of up to \
             4 KiB and 64 rows (servers warn at 5 KiB).",
        ),
        boolean("auto_migrate", true)
            .doc("Whether the service makes and renews its own tables when it starts."),
        // A request shorter than a tenth of a second would give up on an ordinary
        // write; one longer than five minutes would hold a partition. The default
        // is beyond the server's own time-outs, so that its answer is heard.
        integer("call_timeout_ms", 100, 300_000, Milliseconds)
            .default(Value::Integer(5_000))
            .hint("how long one request may take before it counts as lost")
            .doc(
                "How long one request may take before it counts as lost. Beyond the server's own \
                 time-outs, so that its answer is heard.",
            ),
        // Servers sync their commit logs every ten seconds unless told otherwise.
        integer("rewind_ms", 0, 3_600_000, Milliseconds)
            .default(Value::Integer(15_000))
            .hint(
                "longer than commitlog_sync_period, which is 10000 unless the server says \
                 otherwise",
            )
            .doc(
                "How far a claim goes back from the stored position, by the time at which it \
                 stood there: longer than the servers' `commitlog_sync_period` (10 s unless \
                 set), because a server that crashes loses what it acknowledged since.",
            ),
        Setting::new("tls", Kind::Table(&TLS)),
    ],
};

const NODES: Texts = Texts {
    checks: &[Check::Matches(
        "^.+:(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[0-5]?[0-9]{1,4})$",
        "is not a valid host:port",
        A_NODE,
    )],
    unique: false,
};
const A_NODE: &str = "nodes to begin with, the driver finds the others: [\"10.0.0.1:9042\"]";

const CASSANDRA_RULES: &[Rule] = &[
    Rule::Needs("username", "password"),
    Rule::Needs("password", "username"),
    Rule::Refused {
        settings: &["consistency"],
        words: &["ONE", "LOCAL_ONE"],
        when: When::Off("single_node"),
        why: "of one replica may lose rows and positions with that replica",
        hint: "LOCAL_QUORUM; or for a cluster of one node, say so: single_node = true",
    },
];

static TLS: Table = Table {
    name: "tls",
    doc: "Encrypts. An empty table is enough: the system's authorities are trusted then.",
    groups: &[&Group {
        place: "sinks.NAME.cassandra.tls",
        settings: &[
            text("ca_file", &[])
                .else_("the system's authorities")
                .doc("Whom to trust: certificates as PEM."),
            text("cert_file", &[])
                .missed("the certificate of key_file, a PEM file")
                .also("with `key_file`")
                .doc("A certificate of one's own."),
            text("key_file", &[])
                .missed("the key of cert_file, a PEM file")
                .also("with `cert_file`")
                .doc("Its key."),
        ],
    }],
    rules: &[&[
        Rule::Needs("cert_file", "key_file"),
        Rule::Needs("key_file", "cert_file"),
    ]],
    foreign: &[],
};

/// What a source can be: `Source::from_str`, as a pattern.
pub(in crate::config) const SOURCE: &str = concat!(
    r"^(topic|partition|offset|timestamp|index|value\.\*",
    r#"|(value|key|item)(\[(-?[0-9]{1,9}|\*)\]|\.([^."\[\]*][^.\[\]]*|\*[^.\[\]]+|"[^"]+"))*"#,
    r"|headers\.[\s\S]+)$"
);

/// The array of which every element is a row: `value.items`.
const ARRAY: &str = r#"^value(\.([^."\[\]*][^.\[\]]*|\*[^.\[\]]+|"[^"]+"))*$"#;

/// One table, in every database.
static OF_A_TABLE: Group = Group {
    place: "the table",
    settings: &[
        Setting::new(
            "table",
            Kind::Parsed(r"^\s*([^{}]|\{\w+\})*([^{}\s]|\{\w+\})([^{}]|\{\w+\})*$"),
        )
        .required_unless(
            &["tables"],
            "which table to write to: table = \"public.orders\"",
        )
        .doc(
            "By SQL's rules: `public.orders`, `\"Odd.Name\"`. `{topic}` is filled per record: \
             `public.{topic}`; so are the names of groups in `topics_regex`, `{schema}.{table}`. \
             `check` refuses a name that no table can have, for each topic \
             that is named: in Postgres parts of more than 63 bytes, in Cassandra others than \
             letters, digits and `_`.",
        ),
        Setting::new("columns", Kind::Columns(&COLUMN)).doc(
            "A table, `column = source`, or `column = { … }` with the settings below. In `append` \
             and `upsert` every other column takes the field of its own name; in `log` only the \
             named ones are added.",
        ),
        choice("naming", &NAMING_WORDS)
            .default(Value::Text("exact"))
            .also("not with `log`")
            .doc(
                "How the fields are spelled that columns take without being named. \
                 `\"snake_case\"`: the column `customer_id` takes `customerId`, `CustomerID`, \
                 `customer-id` and the like.",
            ),
        Setting::new("include", Kind::Texts(COLUMN_NAMES))
            .else_("all columns")
            .also("not with `log`")
            .hint("name a column: include = [\"id\"]")
            .doc(
                "The columns that take the field of their own name. Others that `columns` does not \
                 name keep their defaults.",
            ),
        Setting::new("exclude", Kind::Texts(COLUMN_NAMES))
            .also("not with `log`, nor with `include`")
            .hint("name a column: exclude = [\"created_at\"]")
            .doc("Columns that take no field, and keep their defaults."),
        Setting::new("explode", Kind::Parsed(ARRAY))
            .else_("a record is one row")
            .hint("the field of the value that holds the array: explode = \"value.items\"")
            .doc(
                "The array of which every element becomes a row: `\"value.items\"`. Columns take \
                 the fields of the element; `item.PATH`, `item` and `index`, its place from 0 on, \
                 are sources then, beside those of the record. See MAPPING.md.",
            ),
        Setting::new("where", Kind::Parsed(r"\S"))
            .else_("all records")
            .hint("where = \"value.status in ('paid', 'sent') and value.total > 0\"")
            .doc(
                "Which records, or elements, become rows, by their sources: `=`, `!=`, `<`, `<=`, `>`, `>=`, \
                 `in`, `exists`, `not`, `and`, `or`. The position moves over the others. See \
                 MAPPING.md.",
            ),
    ],
};

/// What one column takes.
static COLUMN: Table = Table {
    name: "column",
    doc: "What a column takes, and what is made of it.",
    groups: &[&OF_A_COLUMN],
    rules: &[&[
        Rule::Refused {
            settings: &["coalesce"],
            words: &[],
            when: When::Has("source"),
            why: "does not go with source",
            hint: "put the source in front of the others",
        },
        Rule::Refused {
            settings: &["unit", "time_zone"],
            words: &[],
            when: When::Lacks(&["source", "coalesce"]),
            why: "is for values of records, and there is only a constant",
            hint: "write the constant as it is to stand in the column",
        },
        Rule::Refused {
            settings: &["time_zone"],
            words: &[],
            when: When::Has("unit"),
            why: "is for texts, and unit is for numbers",
            hint: "keep one of them",
        },
    ]],
    foreign: &[],
};

static OF_A_COLUMN: Group = Group {
    place: "a column",
    settings: &[
        Setting::new("source", Kind::Parsed(SOURCE))
            .required_unless(
                &["coalesce", "constant"],
                "where its values come from: source = \"value.id\"",
            )
            .doc("Where its values come from."),
        Setting::new(
            "coalesce",
            Kind::Texts(Texts {
                checks: &[Check::Matches(
                    SOURCE,
                    "is not a valid source",
                    "such as \"value.name\", \"key.id\" or \"headers.origin\"",
                )],
                unique: true,
            }),
        )
        .also("instead of `source`")
        .hint("coalesce = [\"value.name\", \"value.nickname\"]")
        .doc("Several sources: the first that has a value, and no null, counts."),
        Setting::new("constant", Kind::Literal)
            .doc("The same for all records; beside sources, what stands where none has a value."),
        choice("unit", &UNIT_WORDS)
            .also("not with `time_zone`")
            .doc("A number is a point in time, counted in this from 1970 on, UTC."),
        Setting::new("time_zone", Kind::Parsed(r"\S"))
            .also("not with `unit`")
            .doc(
                "A text of a date and time without an offset is the time of a clock there: \
                 `\"Europe/Berlin\"`.",
            ),
        choice("as", &CAST_WORDS).doc(
            "What a value is turned into before it is written. `\"text\"`: the digits of a number, \
             JSON as it stands. `\"json\"`: the JSON that a text holds. `\"number\"`, \
             `\"boolean\"`: what a text stands for.",
        ),
    ],
};

/// One table of a database that has modes.
static OF_A_SQL_TABLE: Group = Group {
    place: "the table",
    settings: &[
        choice("mode", &MODE_WORDS)
            .required_unless(
                &["tables"],
                "\"log\" keeps every record, \"append\" adds a row per record, \"upsert\" \
                 replaces the row of a key",
            )
            .doc(
                "`\"log\"`: a row per record under topic, partition and offset (deduplication). \
                 `\"append\"`: a row per record (external transaction). `\"upsert\"`: a record \
                 replaces the row of its key, a tombstone deletes it (natural key).",
            ),
        Setting::new("key_columns", Kind::Texts(KEY_COLUMNS))
            .else_("the table's primary key")
            .hint("leave it out to use the table's primary key")
            .also("only with `upsert`")
            .doc(
                "The columns of a unique index: not partial, not over expressions, in Postgres \
                 not deferrable, in SQLite not without a type.",
            ),
        boolean("create", false)
            .also("not with `log`, which makes its own; with formats that have schemas")
            .doc(
                "Whether a table that is not there is made when the first record comes: columns \
                 and types from the schema, the key from `key_columns` or the record's key.",
            ),
        choice("evolve", &EVOLVE_WORDS)
            .default(Value::Text("none"))
            .also("not with `log` and `include`; with formats that have schemas")
            .doc(
                "`\"add_columns\"`: a field of the schema that has no column gets one, that may \
                 be null. Nothing is dropped, and no type changes.",
            ),
        choice("missing", &MISSING_WORDS)
            .default(Value::Text("default"))
            .also("only with `upsert`")
            .doc(
                "`\"default\"`: a field that is missing becomes the column's default. \
                 `\"keep\"`: what stands in the column stays.",
            ),
        Setting::new("route", Kind::Parsed(r"^(value\.|key($|\.)|headers\.)"))
            .else_("all records go into one table")
            .also("with `upsert` not of the value; not with `create` and `evolve`")
            .hint("route = \"headers.type\"")
            .doc(
                "A text of the record that tells its table: `{route}` in `table` stands for it, \
                 `table = \"public.events_{route}\"`. The tables are made by you. See MAPPING.md.",
            ),
        // What is kept of each is a few kilobytes for each partition, and its catalogue is read
        // every five seconds.
        integer("max_tables", 1, 1_000, Count)
            .default(Value::Integer(64))
            .also("only with `route`")
            .hint("how many tables the records of one topic may go into")
            .doc(
                "How many tables the records of a topic may go into, in one process. With one \
                 more the partition halts.",
            ),
        choice("on_unknown_route", &UNKNOWN_ROUTE_WORDS)
            .default(Value::Text("as_bad_record"))
            .also("only with `route`")
            .doc(
                "What becomes of a record that names no table, or one that is not there. \
                 `\"as_bad_record\"`: what `on_bad_record` says. `\"halt\"`, `\"dead_letter\"`: the \
                 same words as there. `\"skip\"`: the position moves over it, and nothing of it is \
                 kept.",
            ),
    ],
};

/// What one table of Postgres' has besides.
static OF_A_POSTGRES_TABLE: Group = Group {
    place: "the table",
    settings: &[choice("create_partitions", &PARTITION_WORDS)
        .default(Value::Text("none"))
        .also("only with `log` and `append`, not with `create`")
        .hint("create_partitions = \"day\"")
        .doc(
            "Whether a partition that a row needs is made, and of how much time, in UTC: for a \
             table that is partitioned by range of one column of dates or times. Nothing is \
             dropped. See MAPPING.md.",
        )],
};

const PARTITION_RULES: &[Rule] = &[
    Rule::Refused {
        settings: &["create_partitions"],
        words: &["hour", "day", "week", "month"],
        when: When::Has("route"),
        why: "does not go with route",
        hint: "leave it out, and make the partitions of those tables by a job",
    },
    Rule::Refused {
        settings: &["create_partitions"],
        words: &["hour", "day", "week", "month"],
        when: When::Is("mode", &["upsert"]),
        why: "does not go with mode = \"upsert\": a record with another time would leave the old \
              row of its key in another partition",
        hint: "leave it out, or use mode = \"append\" or \"log\"",
    },
    Rule::Refused {
        settings: &["create_partitions"],
        words: &["hour", "day", "week", "month"],
        when: When::On("create"),
        why: "does not go with create, which makes tables without partitions",
        hint: "make the table yourself, PARTITION BY RANGE (…), and leave create out",
    },
];

const COLUMN_NAMES: Texts = KEY_COLUMNS;

const KEY_COLUMNS: Texts = Texts {
    checks: &[Check::Matches(
        r"[\s\S]",
        "is not a valid column name",
        "a column's name, as the catalogue has it",
    )],
    unique: true,
};

/// Of a table in any database.
const TABLE_RULES: &[Rule] = &[Rule::Refused {
    settings: &["exclude"],
    words: &[],
    when: When::Has("include"),
    why: "does not go with include, which leaves out all that it does not name",
    hint: "keep one of them",
}];

const SQL_RULES: &[Rule] = &[
    Rule::Needs("max_tables", "route"),
    Rule::Needs("on_unknown_route", "route"),
    Rule::Refused {
        settings: &["create", "evolve"],
        words: &[],
        when: When::Has("route"),
        why: "does not go with route: whoever sends records would make tables, and say what they \
              are called",
        hint: "leave it out, and create the tables: `plimsoll check --connect` lists those that \
               are there",
    },
    Rule::Refused {
        settings: &["evolve"],
        words: &[],
        when: When::Has("include"),
        why: "does not go with include, which names all columns that take a field",
        hint: "leave include out; exclude names what is to get no column",
    },
    Rule::Refused {
        settings: &["create", "evolve"],
        words: &[],
        when: When::Has("explode"),
        why: "does not go with explode: elements are read as JSON, and no schema tells the types \
              of their fields",
        hint: "leave it out, and create the table: `plimsoll check` tells what it needs",
    },
    Rule::Refused {
        settings: &["key_columns"],
        words: &[],
        when: When::Is("mode", &["log"]),
        why: "does not go with mode = \"log\", whose key is topic, partition and offset",
        hint: "leave it out, or use mode = \"upsert\"",
    },
    Rule::Refused {
        settings: &["key_columns"],
        words: &[],
        when: When::Is("mode", &["append"]),
        why: "does not go with mode = \"append\", which adds a row per record and replaces none",
        hint: "leave it out, or use mode = \"upsert\"",
    },
    Rule::Refused {
        settings: &["missing"],
        words: &[],
        when: When::Is("mode", &["log", "append"]),
        why: "works only with mode = \"upsert\": in the other modes no row is written twice",
        hint: "leave it out",
    },
    Rule::Refused {
        settings: &["naming", "include", "exclude", "create", "evolve"],
        words: &[],
        when: When::Is("mode", &["log"]),
        why: "does not go with mode = \"log\", which takes only the columns that are named",
        hint: "leave it out",
    },
    Rule::RefusedKeys {
        setting: "columns",
        keys: &["kafka_topic", "kafka_partition", "kafka_offset"],
        when: When::Is("mode", &["log"]),
        why: "cannot be set: with mode = \"log\" it is part of the key",
        hint: "leave it out, it is always filled",
    },
];

/// One table of Cassandra's.
static OF_A_CQL_TABLE: Group = Group {
    place: "the table",
    settings: &[
        // Twenty years are Cassandra's own limit.
        integer("ttl_s", 1, 630_720_000, Seconds)
            .hint("seconds from the record's time on; 630720000 are Cassandra's 20 years")
            .doc("Seconds that a row lives, from the record's timestamp on."),
        Setting::new("ttl", Kind::Parsed(SOURCE))
            .also("instead of `ttl_s`")
            .doc(
                "A source of that number, such as `\"value.ttl\"`; a record without it lives as \
                 long as the table says.",
            ),
    ],
};

const CQL_RULES: &[Rule] = &[Rule::Refused {
    settings: &["ttl"],
    words: &[],
    when: When::Has("ttl_s"),
    why: "does not go with ttl_s",
    hint: "keep one of them",
}];

static SQL_TABLES: Group = Group {
    place: "the table",
    settings: &[tables(&SQL_TABLE)],
};
static POSTGRES_TABLES: Group = Group {
    place: "the table",
    settings: &[tables(&POSTGRES_TABLE)],
};
static CQL_TABLES: Group = Group {
    place: "the table",
    settings: &[tables(&CQL_TABLE)],
};

const fn tables(each: &'static Table) -> Setting {
    Setting::new("tables", Kind::Tables(each))
        .hint("name a table: table = \"public.orders\"")
        .doc("Several topics, different tables: a list of such settings instead of them.")
}

const INSTEAD_OF_SQL_TABLES: &[Rule] = &[instead_of_tables(&[
    "table",
    "columns",
    "naming",
    "include",
    "exclude",
    "explode",
    "where",
    "mode",
    "key_columns",
    "create",
    "evolve",
    "missing",
    "route",
    "max_tables",
    "on_unknown_route",
])];
const INSTEAD_OF_POSTGRES_TABLES: &[Rule] = &[instead_of_tables(&["create_partitions"])];
const INSTEAD_OF_CQL_TABLES: &[Rule] = &[instead_of_tables(&[
    "table", "columns", "naming", "include", "exclude", "explode", "where", "ttl_s", "ttl",
])];

const fn instead_of_tables(settings: &'static [&'static str]) -> Rule {
    Rule::Refused {
        settings,
        words: &[],
        when: When::Has("tables"),
        why: "does not go with tables",
        hint: "put it into each [[PLACE.tables]]",
    }
}

static SQL_TABLE: Table = Table {
    name: "sql_table",
    doc: "Which topics go into one table, and how.",
    groups: &[&OF_AN_ENTRY, &OF_A_TABLE, &OF_A_SQL_TABLE],
    rules: &[TABLE_RULES, SQL_RULES],
    foreign: &[NO_PARTITIONS],
};

static POSTGRES_TABLE: Table = Table {
    name: "postgres_table",
    doc: "Which topics go into one table, and how.",
    groups: &[
        &OF_AN_ENTRY,
        &OF_A_TABLE,
        &OF_A_SQL_TABLE,
        &OF_A_POSTGRES_TABLE,
    ],
    rules: &[TABLE_RULES, SQL_RULES, PARTITION_RULES],
    foreign: &[],
};

static CQL_TABLE: Table = Table {
    name: "cql_table",
    doc: "Which topics go into one table, and how.",
    groups: &[&OF_AN_ENTRY, &OF_A_TABLE, &OF_A_CQL_TABLE],
    rules: &[TABLE_RULES, CQL_RULES],
    foreign: &[NO_MODES, NO_ROUTES, NO_CQL_PARTITIONS],
};

/// What only an entry of a list of tables has.
static OF_AN_ENTRY: Group = Group {
    place: "tables",
    settings: &[Setting::new("topics", Kind::Texts(TOPICS))
        .else_("what is left, in the last entry")
        .missed("only the last of the tables may leave it out; it takes the topics that are left")
        .hint("name a topic: topics = [\"orders\"]")
        .doc("Those of the sink's topics that go into this table.")],
};
