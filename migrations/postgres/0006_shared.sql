-- What all instances of a sink share: what is wanted of it, who asked for what, and what
-- each instance says of itself. No commit and no claim touches these.

CREATE TABLE {schema}.sinks (
    sink text COLLATE "C" PRIMARY KEY,
    -- 'running', 'paused' or 'stopped'.
    state text NOT NULL,
    -- The number of the last command. Whoever gives one holds this row until its command
    -- is committed, so that they become visible in their order.
    seq bigint NOT NULL
);

CREATE TABLE {schema}.commands (
    sink text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    -- 'resume', 'pause', 'stop', 'restart' or 'retry'.
    verb text NOT NULL,
    -- Of one partition only.
    topic text COLLATE "C",
    kafka_partition integer,
    given_by text NOT NULL,
    given_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (sink, seq)
);

CREATE TABLE {schema}.members (
    sink text COLLATE "C" NOT NULL,
    -- One random id per process. The row of one that is gone serves the next one.
    owner uuid NOT NULL,
    name text NOT NULL,
    -- JSON.
    report text NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (sink, owner)
)
-- Written every few seconds, in place.
WITH (fillfactor = 50);
