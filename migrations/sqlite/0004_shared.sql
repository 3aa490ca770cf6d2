-- What all instances of a sink share: what is wanted of it, who asked for what, and what
-- each instance says of itself.
CREATE TABLE plimsoll_sinks (
    sink  TEXT    NOT NULL PRIMARY KEY,
    state TEXT    NOT NULL,             -- 'running', 'paused' or 'stopped'
    seq   INTEGER NOT NULL              -- the number of the last command
) STRICT, WITHOUT ROWID;

CREATE TABLE plimsoll_commands (
    sink            TEXT    NOT NULL,
    seq             INTEGER NOT NULL,
    verb            TEXT    NOT NULL,   -- 'resume', 'pause', 'stop', 'restart' or 'retry'
    topic           TEXT,               -- of one partition only
    kafka_partition INTEGER,
    given_by        TEXT    NOT NULL,
    given_at_ms     INTEGER NOT NULL,
    PRIMARY KEY (sink, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE plimsoll_members (
    sink       TEXT    NOT NULL,
    owner      TEXT    NOT NULL,        -- a random id per process, 32 hex digits
    name       TEXT    NOT NULL,
    report     TEXT    NOT NULL,        -- JSON
    seen_at_ms INTEGER NOT NULL,
    PRIMARY KEY (sink, owner)
) STRICT, WITHOUT ROWID;
