-- A 64-bit number for the id of a tenant. Other ids may share it, so readers also compare the id.
-- The hashes are those of hash partitioning, which no later PostgreSQL version may change.
create or replace function event_id_fingerprint(tenant text, id text) returns bigint
language sql immutable parallel safe
return hashtextextended(id, hashtextextended(tenant, 0));
