//! The settings of sources: the way back, from a database into Kafka.

use super::Unit::{Count, Milliseconds};
use super::{Check, Group, Kind, Rule, Setting, Table, Texts, Value, When, choice, integer, text};
use crate::config::source::{BAD_ROW_WORDS, BOUNDARY_WORDS};

/// `[sources.NAME]`.
pub(in crate::config) static SOURCE: Table = Table {
    name: "source",
    doc: "A source: an outbox in a database, whose events go into Kafka.",
    groups: &[&OF_A_SOURCE, &READS],
    rules: &[],
    foreign: &[],
};

static OF_A_SOURCE: Group = Group {
    place: "sources.NAME",
    settings: &[
        choice("boundary", &BOUNDARY_WORDS)
            .default(Value::Text("poll"))
            .doc(
                "When a transaction of Kafka ends, always between two of the database: `\"poll\"` \
                 as soon as nothing waits, `\"interval\"` after `interval_ms`, `\"connector\"` \
                 with each transaction of the database.",
            ),
        integer("interval_ms", 1, 60_000, Milliseconds)
            .default(Value::Integer(50))
            .hint("readers of committed records wait that long for an event")
            .doc("How long a transaction of Kafka collects transactions of the database."),
        // A Kafka transaction is bounded in time anyway; more events only delay it.
        integer("max_records", 1, 1_000_000, Count)
            .default(Value::Integer(50_000))
            .hint("one transaction of the database is never divided, however large")
            .doc(
                "How many events a transaction of Kafka collects; one transaction of the database \
                 may bring more.",
            ),
        // The brokers' own maximum is 15 minutes, unless they are told otherwise.
        integer("transaction_timeout_ms", 10_000, 900_000, Milliseconds)
            .default(Value::Integer(300_000))
            .hint("the brokers' transaction.max.timeout.ms is 900000 by default")
            .doc(
                "After so long Kafka gives an open transaction up. One transaction of the \
                 database has to be sent within it.",
            ),
        text("positions_topic", &[TOPIC])
            .else_("`plimsoll-source-NAME`")
            .doc(
                "The topic of the position: one partition, compacted, of this source alone. Made \
                 at the first start where it is missing.",
            ),
        choice("on_bad_row", &BAD_ROW_WORDS)
            .default(Value::Text("halt"))
            .doc(
                "A row that makes no event: `\"halt\"` stops the source before it, `\"skip\"` \
                 leaves it out, logged and counted.",
            ),
    ],
};

static READS: Group = Group {
    place: "sources.NAME",
    settings: &[Setting::new("postgres", Kind::Table(&OUTBOX))
        .required("add [PLACE.postgres] with its url")],
};

static OUTBOX: Table = Table {
    name: "source_postgres",
    doc: "An outbox in Postgres, read by logical decoding.",
    groups: &[&OF_AN_OUTBOX],
    rules: &[&[Rule::Refused {
        settings: &["outbox", "topic", "key", "value", "headers"],
        words: &[],
        when: When::Has("messages"),
        why: "does not go with messages, which bring topic, key, value and headers with them",
        hint: "leave it out, or leave messages out",
    }]],
    foreign: &[],
};

static OF_AN_OUTBOX: Group = Group {
    place: "sources.NAME.postgres",
    settings: &[
        Setting::new("url", Kind::Parsed(r"^postgres(ql)?://"))
            .required("where the database is: url = \"${DATABASE_URL}\"")
            .secret()
            .doc(
                "`postgres://user:password@host:5432/database`, special characters as `%XX`, of a \
                 role with `REPLICATION`. `sslmode`, `sslrootcert`, `sslcert`, `sslkey`, `host`, \
                 `port`, `dbname`, `user`, `password` and `options` are read from behind the `?`.",
            ),
        text("slot", &[SLOT])
            .else_("`plimsoll_NAME`")
            .doc("The replication slot. Its name counts for the whole server."),
        text("publication", &[SLOT])
            .else_("as `slot`")
            .doc("The publication; made at the first start where it is missing."),
        Setting::new("outbox", Kind::Parsed(r"^[^.\s]+(\.[^.\s]+)?$"))
            .default(Value::Text("public.outbox"))
            .also("not with `messages`")
            .doc("The table whose inserts are events."),
        text("messages", &[PREFIX]).also("instead of `outbox`").doc(
            "Without a table: events are messages of `pg_logical_emit_message` whose prefix \
                 is this and the topic, such as `outbox:orders`.",
        ),
        Setting::new("topic", Kind::Parsed(r"^([a-zA-Z0-9._-]|\{[^{}]+\})+$"))
            .default(Value::Text("outbox.event.{aggregatetype}"))
            .also("not with `messages`")
            .doc("The topic of an event; `{column}` stands for the text in that column."),
        text("key", &[])
            .default(Value::Text("aggregateid"))
            .also("not with `messages`")
            .doc("The column of the key. Events of one key keep their order."),
        text("value", &[])
            .default(Value::Text("payload"))
            .also("not with `messages`")
            .doc("The column of the value, sent as Postgres writes it; NULL is a tombstone."),
        Setting::new(
            "headers",
            Kind::Texts(Texts {
                checks: &[COLUMN],
                unique: true,
            }),
        )
        .else_("`[\"id\", \"type\"]`")
        .also("not with `messages`")
        .hint("name a column: headers = [\"id\"]")
        .doc("Columns that become headers of their names."),
    ],
};

const TOPIC: Check = Check::Matches(
    r"^[a-zA-Z0-9._-]{1,249}$",
    "is not a valid name for a topic",
    "a topic's name has 1 to 249 of the characters a-z, A-Z, 0-9, '.', '_' and '-'",
);

const SLOT: Check = Check::Matches(
    r"^[a-z_][a-z0-9_]{0,62}$",
    "is not a valid name for it",
    "it has 1 to 63 of the characters a-z, 0-9 and '_', the first no digit",
);

const COLUMN: Check = Check::Matches(
    r"^\S+$",
    "is not a valid name of a column",
    "name a column, without quotes: headers = [\"id\"]",
);

const PREFIX: Check = Check::Longest(63);
