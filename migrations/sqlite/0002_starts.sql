-- Which partitions were given a start, kept apart from where they stand: whose
-- position row is missing then is no new partition, and is not begun again.
CREATE TABLE plimsoll_starts (
    sink            TEXT    NOT NULL,
    topic           TEXT    NOT NULL,
    kafka_partition INTEGER NOT NULL,
    settled_at_ms   INTEGER NOT NULL DEFAULT (unixepoch() * 1000),
    PRIMARY KEY (sink, topic, kafka_partition)
) STRICT, WITHOUT ROWID;

-- A binary of before this table goes on beside it; what it settles is noted with
-- the next claim.
INSERT INTO plimsoll_starts (sink, topic, kafka_partition)
SELECT sink, topic, kafka_partition FROM plimsoll_positions;
