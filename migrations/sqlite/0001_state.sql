-- What plimsoll itself keeps, in the same file as the rows, so that one
-- transaction moves both. Times are milliseconds since the Unix epoch.

-- The truth about how far each partition has come. A row is made when a start
-- is settled, bumped by every claim, and moved by every commit.
CREATE TABLE plimsoll_positions (
    sink               TEXT    NOT NULL,
    topic              TEXT    NOT NULL,
    kafka_partition    INTEGER NOT NULL,
    next_offset        INTEGER NOT NULL CHECK (next_offset >= 0),
    start_offset       INTEGER,           -- the lowest offset that it ever began at
    epoch              INTEGER NOT NULL,
    owner              TEXT,              -- a random id per process, 32 hex digits; NULL when released
    owner_name         TEXT,
    group_id           TEXT    NOT NULL,
    cluster_id         TEXT    NOT NULL,
    topic_id           TEXT,
    leader_epoch       INTEGER,           -- of the last record applied
    fingerprint_offset INTEGER,           -- of the last record applied
    fingerprint_hash   INTEGER,
    claimed_at_ms      INTEGER,
    heartbeat_ms       INTEGER,
    moved_at_ms        INTEGER,
    PRIMARY KEY (sink, topic, kafka_partition)
) STRICT, WITHOUT ROWID;

-- Records that could not become a row, kept by the transaction that moved the
-- position over them.
CREATE TABLE plimsoll_dead_letters (
    sink            TEXT    NOT NULL,
    topic           TEXT    NOT NULL,
    kafka_partition INTEGER NOT NULL,
    kafka_offset    INTEGER NOT NULL,
    timestamp_ms    INTEGER,
    key             BLOB,
    value           BLOB,
    headers         TEXT    NOT NULL,     -- JSON: [[name, base64 or null], ...]
    condition       TEXT    NOT NULL,     -- a word that holds no value of the record
    code            TEXT,                 -- SQLite's own, where it refused the record
    column_name     TEXT,
    message         TEXT    NOT NULL,     -- the whole text; it may hold values
    failed_at_ms    INTEGER NOT NULL,
    PRIMARY KEY (sink, topic, kafka_partition, kafka_offset)
) STRICT;
