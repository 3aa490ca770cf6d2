-- The database side of docker-compose.yml: a table of the user's, a role for
-- plimsoll, and just the rights that it needs. Run by a superuser.

CREATE ROLE plimsoll LOGIN PASSWORD 'plimsoll';

-- plimsoll's own tables (positions, dead letters) live here; it makes them
-- itself, so the schema is its own.
CREATE SCHEMA plimsoll AUTHORIZATION plimsoll;

CREATE TABLE public.orders (
    id bigint PRIMARY KEY,
    customer text,
    status text NOT NULL DEFAULT 'new',
    amount numeric(12, 2),
    updated_at timestamptz
);

-- An upsert reads, inserts, updates, and deletes on a tombstone.
GRANT SELECT, INSERT, UPDATE, DELETE ON public.orders TO plimsoll;
