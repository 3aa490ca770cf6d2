-- Where each partition stands. The name of the state schema is filled in when
-- the migration runs.

CREATE TABLE {schema}.positions (
    sink text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    kafka_partition integer NOT NULL,
    -- The next offset to consume: everything below it is in the sink.
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    -- The lowest offset that it ever began at: records below it were never asked
    -- for.
    start_offset bigint,
    -- Raised by every claim; a commit that names an older one is refused.
    epoch bigint NOT NULL DEFAULT 0,
    -- One random id per process; none when released or set by hand.
    owner uuid,
    owner_name text,
    -- Whose position it is; another group's or cluster's claim is refused.
    group_id text,
    cluster_id text,
    topic_id text,
    -- Of the last record applied, to recognise a topic that was recreated.
    leader_epoch integer,
    fingerprint_offset bigint,
    fingerprint_hash bigint,
    claimed_at timestamptz,
    heartbeat timestamptz,
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (sink, topic, kafka_partition)
)
-- Updated in place with every commit: half-empty pages and no further index
-- keep these updates within their page.
WITH (fillfactor = 50);

-- The compare-and-set of every commit, in the server: it raises an error unless
-- exactly the expected row moves, so that a COMMIT sent along with it becomes a
-- rollback.
CREATE FUNCTION {schema}.advance(
    of_sink text,
    of_topic text,
    of_partition integer,
    from_offset bigint,
    to_offset bigint,
    of_epoch bigint,
    of_owner uuid,
    new_fingerprint_offset bigint,
    new_fingerprint_hash bigint,
    new_leader_epoch integer
) RETURNS boolean
LANGUAGE plpgsql
AS $advance$
BEGIN
    UPDATE {schema}.positions AS p
    SET next_offset = to_offset,
        fingerprint_offset = coalesce(new_fingerprint_offset, p.fingerprint_offset),
        fingerprint_hash = coalesce(new_fingerprint_hash, p.fingerprint_hash),
        leader_epoch = coalesce(new_leader_epoch, p.leader_epoch),
        heartbeat = clock_timestamp(),
        moved_at = clock_timestamp()
    WHERE p.sink = of_sink
      AND p.topic = of_topic
      AND p.kafka_partition = of_partition
      AND p.next_offset = from_offset
      AND p.epoch = of_epoch
      AND p.owner = of_owner;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the position moved, or has another owner'
            USING ERRCODE = 'PLM01';
    END IF;
    RETURN true;
END
$advance$;
