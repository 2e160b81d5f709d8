-- Equal for equal keys, almost always another for others: what is found by it is compared with the
-- key itself. The first 16 bits are the tenant's, so that the keys of one lie together. Both hashes
-- are those that PostgreSQL partitions by, which no later version may change; a key_hash is hashed
-- as text since only PostgreSQL 18 makes an integer of bytes.
create or replace function event_key_fingerprint(tenant text, key_hash bytea) returns bigint
language sql immutable parallel safe
return (hashtextextended(tenant, 0) << 48)
  | (hashtextextended(encode(key_hash, 'hex'), 0) & 281474976710655);
