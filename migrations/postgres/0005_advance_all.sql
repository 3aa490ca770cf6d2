-- The compare-and-set of a commit of several partitions, in the server: each array has one
-- element for each. It raises an error unless exactly the expected rows move, which says in
-- its DETAIL which did not, counted from 1. `advance` stays for older binaries.

CREATE FUNCTION {schema}.advance_all(
    of_sink text,
    of_topics text[],
    of_partitions integer[],
    from_offsets bigint[],
    to_offsets bigint[],
    of_epochs bigint[],
    of_owners uuid[],
    new_fingerprint_offsets bigint[],
    new_fingerprint_hashes bigint[],
    new_leader_epochs integer[]
) RETURNS boolean
LANGUAGE plpgsql
AS $advance$
DECLARE
    refused text;
BEGIN
    -- In one order everywhere, so that no two commits wait for each other in a circle.
    IF cardinality(of_topics) > 1 THEN
        PERFORM FROM {schema}.positions AS p
        WHERE p.sink = of_sink
          AND (p.topic, p.kafka_partition)
              IN (SELECT w.topic, w.part FROM unnest(of_topics, of_partitions) AS w(topic, part))
        ORDER BY p.topic, p.kafka_partition
        FOR UPDATE;
    END IF;
    WITH moved AS (
        UPDATE {schema}.positions AS p
        SET next_offset = w.to_offset,
            fingerprint_offset = coalesce(w.fingerprint_offset, p.fingerprint_offset),
            fingerprint_hash = coalesce(w.fingerprint_hash, p.fingerprint_hash),
            leader_epoch = coalesce(w.leader_epoch, p.leader_epoch),
            heartbeat = clock_timestamp(),
            moved_at = clock_timestamp()
        FROM unnest(
            of_topics, of_partitions, from_offsets, to_offsets, of_epochs, of_owners,
            new_fingerprint_offsets, new_fingerprint_hashes, new_leader_epochs
        ) WITH ORDINALITY AS w(
            topic, part, from_offset, to_offset, epoch, owner,
            fingerprint_offset, fingerprint_hash, leader_epoch, place
        )
        WHERE p.sink = of_sink
          AND p.topic = w.topic
          AND p.kafka_partition = w.part
          AND p.next_offset = w.from_offset
          AND p.epoch = w.epoch
          AND p.owner = w.owner
        RETURNING w.place
    )
    SELECT string_agg(n.place::text, ',' ORDER BY n.place) INTO refused
    FROM generate_series(1, cardinality(of_topics)) AS n(place)
    WHERE n.place NOT IN (SELECT m.place FROM moved AS m);
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION 'the position moved, or has another owner'
            USING ERRCODE = 'PLM01', DETAIL = refused;
    END IF;
    RETURN true;
END
$advance$;
