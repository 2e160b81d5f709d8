-- What a publisher calls the same event: the key is unique per tenant and event name.
--
-- Stable as convert_to is, and not strict: so Postgres puts the body in place of a call.
create or replace function event_key_hash(name text, idempotency_key text) returns bytea
language sql stable parallel safe
return substring(sha256(convert_to(name || chr(10) || idempotency_key, 'UTF8')) for 16);
