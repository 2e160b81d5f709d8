-- Hashes an idempotency key, which is unique per tenant and event name.
--
-- Stable, like convert_to, and not strict: so Postgres can inline it.
create or replace function event_key_hash(name text, idempotency_key text) returns bytea
language sql stable parallel safe
return substring(sha256(convert_to(name || chr(10) || idempotency_key, 'UTF8')) for 16);
