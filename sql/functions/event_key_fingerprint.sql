-- A 64-bit index key for (tenant, key_hash). Different keys can share a fingerprint, so readers
-- also compare the key itself. The first 16 bits come from the tenant: keys of one tenant lie
-- together. Both hashes are those of hash partitioning, which no later PostgreSQL version may
-- change. key_hash is hashed as text because only PostgreSQL 18 can cast bytes to an integer.
create or replace function event_key_fingerprint(tenant text, key_hash bytea) returns bigint
language sql immutable parallel safe
return (hashtextextended(tenant, 0) << 48)
  | (hashtextextended(encode(key_hash, 'hex'), 0) & 281474976710655);
