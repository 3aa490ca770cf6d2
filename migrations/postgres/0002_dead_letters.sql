-- Records that could not become rows, written in the transaction that moves the
-- position over them.

CREATE TABLE {schema}.dead_letters (
    sink text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    kafka_partition integer NOT NULL,
    kafka_offset bigint NOT NULL,
    kafka_timestamp timestamptz,
    -- Bytes as they came: a payload may hold NUL, or be no UTF-8 at all.
    key bytea,
    value bytea,
    -- Names and values, in their order.
    header_names text[] NOT NULL,
    header_values bytea[] NOT NULL,
    -- What is wrong, in a word that holds no value of the record.
    condition text NOT NULL,
    sqlstate text,
    column_name text,
    -- The whole text, the server's own included. It may hold values.
    message text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (sink, topic, kafka_partition, kafka_offset)
);
