-- The state that plimsoll 0.1 left in SQLite: killed with its rows written up to
-- offset 3, one of them a dead letter. {topic}, {group} and {cluster} are filled in.

CREATE TABLE t (id integer, n integer);
INSERT INTO t VALUES(1,10);
INSERT INTO t VALUES(3,30);
CREATE TABLE plimsoll_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO plimsoll_migrations VALUES(1,'state','2026-11-25 11:05:28',1,X'daddf806f2e14a4ab59b8bb79d5dbaff31779057f8897e9e6a1b314f0291b2f7357e751e0ea2d7c986084560d8305ead',2246232);
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
INSERT INTO plimsoll_positions VALUES('orders','{topic}',0,3,0,1,'a432e8bb4fbb4be79badd309334ec150','vm-22060-a432e8bb','{group}','{cluster}',NULL,0,2,-1112640572435811204,1795604766274,1795604777995,1795604766448);
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
INSERT INTO plimsoll_dead_letters VALUES('orders','{topic}',0,1,1795604713012,X'32',X'6e6f204a534f4e','[]','value_not_json',NULL,NULL,'the value is not JSON (byte 2)',1795604766448);
