-- Which partitions were given a start, kept apart from where they stand: whose
-- position row is missing then is no new partition, and is not begun again.

CREATE TABLE {schema}.starts (
    sink text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    kafka_partition integer NOT NULL,
    settled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (sink, topic, kafka_partition)
);

-- A binary of before this table goes on beside it; what it settles is noted with
-- the next claim.
INSERT INTO {schema}.starts (sink, topic, kafka_partition)
SELECT sink, topic, kafka_partition FROM {schema}.positions;
