-- What operators did to positions and dead letters by hand, so that `verify` tells
-- what was passed over on purpose from what is missing. Written in the transaction
-- of the act; never read by what writes rows.

CREATE TABLE {schema}.acts (
    sink text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    kafka_partition integer NOT NULL,
    -- Their order.
    act bigint GENERATED ALWAYS AS IDENTITY,
    -- 'set': the position was put elsewhere; 'reset': for another log; 'dropped':
    -- dead letters went.
    kind text NOT NULL,
    -- Where the position stood, and the lowest offset that it had ever begun at;
    -- NULL where there was none.
    stood_at bigint,
    began_at bigint,
    -- Where it went to, or the half-open span of the dead letters.
    from_offset bigint,
    to_offset bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (sink, topic, kafka_partition, act)
);
