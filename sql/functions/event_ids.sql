-- The ids that an event is found by, as fingerprints: its entity's id, and its correlation ids. The
-- index event_by_id depends on it, so a change needs a migration that builds the index anew.
create or replace function event_ids(tenant text, entity_id text, correlation_ids jsonb)
returns bigint[]
language sql immutable parallel safe
return array_remove(
  array[
    event_id_fingerprint(tenant, entity_id),
    event_id_fingerprint(tenant, correlation_ids ->> 'order_id'),
    event_id_fingerprint(tenant, correlation_ids ->> 'customer_id')
  ],
  null
);
