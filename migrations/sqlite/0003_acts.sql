-- What operators did to positions and dead letters by hand, so that `verify` tells
-- what was passed over on purpose from what is missing. Written in the transaction
-- of the act; never read by what writes rows.
CREATE TABLE plimsoll_acts (
    act             INTEGER PRIMARY KEY,  -- their order
    sink            TEXT    NOT NULL,
    topic           TEXT    NOT NULL,
    kafka_partition INTEGER NOT NULL,
    kind            TEXT    NOT NULL,     -- 'set', 'reset' (for another log) or 'dropped' (dead letters)
    stood_at        INTEGER,              -- where the position stood; NULL where there was none
    began_at        INTEGER,              -- the lowest offset that it had ever begun at
    from_offset     INTEGER,              -- of dropped dead letters: a half-open span
    to_offset       INTEGER NOT NULL,     -- its end, or where the position went to
    at_ms           INTEGER NOT NULL DEFAULT (unixepoch() * 1000)
) STRICT;
