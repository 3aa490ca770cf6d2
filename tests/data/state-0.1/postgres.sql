-- The state that plimsoll 0.1 left in Postgres: killed with its rows written up to
-- offset 3, one of them a dead letter. {topic}, {group} and {cluster} are filled in.

CREATE SCHEMA plimsoll;

CREATE FUNCTION plimsoll.advance(of_sink text, of_topic text, of_partition integer, from_offset bigint, to_offset bigint, of_epoch bigint, of_owner uuid, new_fingerprint_offset bigint, new_fingerprint_hash bigint, new_leader_epoch integer) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE "plimsoll".positions AS p
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
$$;

CREATE TABLE plimsoll.dead_letters (
    sink text NOT NULL COLLATE pg_catalog."C",
    topic text NOT NULL COLLATE pg_catalog."C",
    kafka_partition integer NOT NULL,
    kafka_offset bigint NOT NULL,
    kafka_timestamp timestamp with time zone,
    key bytea,
    value bytea,
    header_names text[] NOT NULL,
    header_values bytea[] NOT NULL,
    condition text NOT NULL,
    sqlstate text,
    column_name text,
    message text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE plimsoll.migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);

CREATE TABLE plimsoll.positions (
    sink text NOT NULL COLLATE pg_catalog."C",
    topic text NOT NULL COLLATE pg_catalog."C",
    kafka_partition integer NOT NULL,
    next_offset bigint NOT NULL,
    start_offset bigint,
    epoch bigint DEFAULT 0 NOT NULL,
    owner uuid,
    owner_name text,
    group_id text,
    cluster_id text,
    topic_id text,
    leader_epoch integer,
    fingerprint_offset bigint,
    fingerprint_hash bigint,
    claimed_at timestamp with time zone,
    heartbeat timestamp with time zone,
    moved_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT positions_next_offset_check CHECK ((next_offset >= 0))
)
WITH (fillfactor='50');

INSERT INTO plimsoll.dead_letters VALUES ('orders', '{topic}', 0, 1, '2026-11-25 11:05:13.012+00', '\x32', '\x6e6f204a534f4e', '{}', '{}', 'value_not_json', NULL, NULL, 'the value is not JSON (byte 2)', '2026-11-25 11:06:06.540658+00');

INSERT INTO plimsoll.migrations VALUES (1, 'positions', '2026-11-25 11:05:28.511255+00', true, '\x07862bc26cb8810a30723429061db4b0507c9cf65de7ca8471f428736cb2e1c27cc27ebbc4880543b7f04d6b8a9946de', 12890286);
INSERT INTO plimsoll.migrations VALUES (2, 'dead letters', '2026-11-25 11:05:28.524973+00', true, '\x28c3324eaa187b5540b6a7f31cc3ff6cf82a6c6af9776ebc7c98623bf9b4a172848a955100b2b4222023cff3c8f093cf', 5565595);

INSERT INTO plimsoll.positions VALUES ('orders', '{topic}', 0, 3, 0, 1, '663ed43b-0e12-4cc0-bf96-b30d3b3d8bba', 'vm-22060-663ed43b', '{group}', '{cluster}', NULL, 0, 2, -1112640572435811204, '2026-11-25 11:06:06.287936+00', '2026-11-25 11:06:18.057056+00', '2026-11-25 11:06:06.532301+00');

ALTER TABLE ONLY plimsoll.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (sink, topic, kafka_partition, kafka_offset);

ALTER TABLE ONLY plimsoll.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY plimsoll.positions
    ADD CONSTRAINT positions_pkey PRIMARY KEY (sink, topic, kafka_partition);

CREATE TABLE public.t (id bigint, n bigint);
INSERT INTO public.t VALUES (1, 10), (3, 30);
