-- Keys are found by a number. The index of (tenant, key_hash, position) compares texts and bytes;
-- this one compares integers and is smaller: of 10,000,000 keys 214 MB instead of 551. Appending an
-- event takes 41 us instead of 46 (33 instead of 39 with 100,000) without the old one, which 0015
-- drops: calls that have begun already need it.
--
-- Publishers wait while the index is built, 3.4 s for 10,000,000 keys; after 5 s they are told to
-- come again. Old processes survive this migration.

-- Equal for equal keys, almost always another for others: what is found by it is compared with the
-- key itself. The first 16 bits are the tenant's, so that the keys of one lie together. Both hashes
-- are those that PostgreSQL partitions by, which no later version may change; a key_hash is hashed
-- as text since only PostgreSQL 18 makes an integer of bytes.
create function event_key_fingerprint(tenant text, key_hash bytea) returns bigint
language sql immutable parallel safe
return (hashtextextended(tenant, 0) << 48)
  | (hashtextextended(encode(key_hash, 'hex'), 0) & 281474976710655);

create index event_key_by_fingerprint on event_key (event_key_fingerprint(tenant, key_hash));

-- Appends events in the order of the arrays, all of the same length, and answers one row for each,
-- in that order: outcome 'appended', 'duplicate' (same key, same payload: the first one's position)
-- or 'key_reused' (another payload: nothing is appended). The keys are looked up in a statement of
-- their own, after the lock is held: one statement alone would look with the snapshot that it took
-- before it waited. That needs read committed, which is checked.
create or replace function append_events(
  tenants text[], names text[], entity_ids text[], idempotency_keys text[],
  teams text[], services text[], correlation_ids text[], payloads text[]
) returns table (outcome text, "position" bigint)
language plpgsql
-- The plan is made once per connection, perhaps while the partitions are empty; it must probe keys
-- by index for ever.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  first_free bigint;
  key_hashes bytea[];
  first_ordinals bigint[];
  known_positions bigint[];
  known_payloads text[];
  has_known boolean;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'Events are appended in read committed transactions only, not in %.',
      current_setting('transaction_isolation')
      using errcode = 'MR002';
  end if;

  first_free := next_position();

  with incoming as materialized (
    select
      batch.tenant,
      batch.ordinal,
      event_key_hash(batch.name, batch.idempotency_key) as key_hash
    from unnest(tenants, names, idempotency_keys) with ordinality
      as batch (tenant, name, idempotency_key, ordinal)
  ),
  numbered as materialized (
    select incoming.*, event_key_fingerprint(tenant, key_hash) as fingerprint
    from incoming
  ),
  -- The same key twice in one batch: the first one is the event, the others are its duplicates.
  told_apart as (
    select
      numbered.*,
      min(ordinal) over (partition by fingerprint, tenant, key_hash) as first_ordinal
    from numbered
  )
  select
    array_agg(told_apart.key_hash order by told_apart.ordinal),
    array_agg(told_apart.first_ordinal order by told_apart.ordinal),
    array_agg(latest.position order by told_apart.ordinal),
    count(latest.position) > 0
  into key_hashes, first_ordinals, known_positions, has_known
  from told_apart
  left join lateral (
    select max(event_key.position) as position
    from event_key
    where
      event_key_fingerprint(event_key.tenant, event_key.key_hash) = told_apart.fingerprint
      and event_key.tenant = told_apart.tenant
      and event_key.key_hash = told_apart.key_hash
  ) as latest on true;

  if has_known then
    select
      array_agg(original.position order by batch.ordinal),
      array_agg(original.payload order by batch.ordinal)
    into known_positions, known_payloads
    from unnest(tenants, known_positions) with ordinality as batch (tenant, position, ordinal)
    left join lateral (
      select event.position, event.payload::text as payload
      from event
      where event.tenant = batch.tenant and event.position = batch.position
      limit 1
    ) as original on true;
  end if;

  insert into event (
    tenant, position, name, entity_id, idempotency_key, team, service, correlation_ids,
    payload_bytes, payload
  )
  select
    batch.tenant, first_free + batch.ordinal - 1, batch.name, batch.entity_id,
    batch.idempotency_key, batch.team, batch.service, batch.correlation_ids::jsonb,
    octet_length(batch.payload), batch.payload::json
  from unnest(
    tenants, names, entity_ids, idempotency_keys, teams, services, correlation_ids, payloads,
    first_ordinals, known_positions
  ) with ordinality as batch (
    tenant, name, entity_id, idempotency_key, team, service, correlation_ids, payload,
    first_ordinal, known_position, ordinal
  )
  where batch.known_position is null and batch.ordinal = batch.first_ordinal;

  insert into event_key (tenant, key_hash, position)
  select batch.tenant, batch.key_hash, first_free + batch.ordinal - 1
  from unnest(tenants, key_hashes, first_ordinals, known_positions) with ordinality
    as batch (tenant, key_hash, first_ordinal, known_position, ordinal)
  where batch.known_position is null and batch.ordinal = batch.first_ordinal;

  perform setval('lane_position', first_free + cardinality(tenants) - 1);

  return query
  select
    case
      when batch.known_position is null and batch.ordinal = batch.first_ordinal then 'appended'
      -- Subscripts are evaluated for repeated keys only: finding one walks along the array.
      when coalesce(batch.known_payload, payloads[batch.first_ordinal]) = payloads[batch.ordinal]
        then 'duplicate'
      else 'key_reused'
    end,
    coalesce(batch.known_position, first_free + batch.first_ordinal - 1)
  from unnest(first_ordinals, known_positions, known_payloads) with ordinality
    as batch (first_ordinal, known_position, known_payload, ordinal)
  order by batch.ordinal;
end
$$;

-- Appends collected events, as append_events does and with its outcomes, but for the key: among
-- collected events an idempotency key is unique whatever the name is. That key stands in event_key
-- too, beside the one that append_events makes, under a name that no event can have (it has no
-- dot). Exact under races for the same reason: the lane is taken first, and the keys are looked up
-- in a statement of their own after it. The log's own rule holds as well: a key that the gateway
-- has used for this name and another payload is reused, and an event that it has, to the byte, is a
-- duplicate.
create or replace function append_collected(
  tenants text[], names text[], entity_ids text[], idempotency_keys text[],
  teams text[], services text[], correlation_ids text[], payloads text[]
) returns table (outcome text, "position" bigint)
language plpgsql
-- As in append_events: keys are probed by index for ever.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  key_hashes bytea[];
  first_ordinals bigint[];
  known_positions bigint[];
  known_payloads text[];
  new_ordinals bigint[];
  new_outcomes text[];
  new_positions bigint[];
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'Events are appended in read committed transactions only, not in %.',
      current_setting('transaction_isolation')
      using errcode = 'MR002';
  end if;

  perform next_position();

  with incoming as materialized (
    select
      batch.tenant,
      batch.ordinal,
      event_key_hash('collected', batch.idempotency_key) as key_hash
    from unnest(tenants, idempotency_keys) with ordinality
      as batch (tenant, idempotency_key, ordinal)
  ),
  numbered as materialized (
    select incoming.*, event_key_fingerprint(tenant, key_hash) as fingerprint
    from incoming
  ),
  told_apart as (
    select
      numbered.*,
      min(ordinal) over (partition by fingerprint, tenant, key_hash) as first_ordinal
    from numbered
  )
  select
    array_agg(told_apart.key_hash order by told_apart.ordinal),
    array_agg(told_apart.first_ordinal order by told_apart.ordinal),
    array_agg(known.position order by told_apart.ordinal),
    array_agg(known.payload order by told_apart.ordinal),
    array_agg(told_apart.ordinal order by told_apart.ordinal)
      filter (where known.position is null and told_apart.ordinal = told_apart.first_ordinal)
  into key_hashes, first_ordinals, known_positions, known_payloads, new_ordinals
  from told_apart
  left join lateral (
    select original.position, original.payload
    from (
      select max(event_key.position) as position
      from event_key
      where
        event_key_fingerprint(event_key.tenant, event_key.key_hash) = told_apart.fingerprint
        and event_key.tenant = told_apart.tenant
        and event_key.key_hash = told_apart.key_hash
    ) as latest
    -- A key that outlived its event is free again.
    cross join lateral (
      select event.position, event.payload::text as payload
      from event
      where event.tenant = told_apart.tenant and event.position = latest.position
      limit 1
    ) as original
  ) as known on true;

  if cardinality(new_ordinals) = cardinality(tenants) then
    select
      array_agg(appended.outcome order by ordinal),
      array_agg(appended.position order by ordinal)
    into new_outcomes, new_positions
    from append_events(
      tenants, names, entity_ids, idempotency_keys, teams, services, correlation_ids, payloads
    ) with ordinality as appended (outcome, position, ordinal);
  elsif new_ordinals is not null then
    select
      array_agg(appended.outcome order by ordinal),
      array_agg(appended.position order by ordinal)
    into new_outcomes, new_positions
    from (
      select
        array_agg(batch.tenant order by batch.ordinal) as tenants,
        array_agg(batch.name order by batch.ordinal) as names,
        array_agg(batch.entity_id order by batch.ordinal) as entity_ids,
        array_agg(batch.idempotency_key order by batch.ordinal) as idempotency_keys,
        array_agg(batch.team order by batch.ordinal) as teams,
        array_agg(batch.service order by batch.ordinal) as services,
        array_agg(batch.correlation_ids order by batch.ordinal) as correlation_ids,
        array_agg(batch.payload order by batch.ordinal) as payloads
      from unnest(
        tenants, names, entity_ids, idempotency_keys, teams, services, correlation_ids, payloads
      ) with ordinality as batch (
        tenant, name, entity_id, idempotency_key, team, service, correlation_ids, payload, ordinal
      )
      join unnest(new_ordinals) as new_one (ordinal) on new_one.ordinal = batch.ordinal
    ) as remaining
    cross join lateral append_events(
      remaining.tenants, remaining.names, remaining.entity_ids, remaining.idempotency_keys,
      remaining.teams, remaining.services, remaining.correlation_ids, remaining.payloads
    ) with ordinality as appended (outcome, position, ordinal);
  end if;

  insert into event_key (tenant, key_hash, position)
  select batch.tenant, batch.key_hash, new_one.position
  from unnest(tenants, key_hashes) with ordinality as batch (tenant, key_hash, ordinal)
  join unnest(new_ordinals, new_outcomes, new_positions) as new_one (ordinal, outcome, position)
    on new_one.ordinal = batch.ordinal
  where new_one.outcome <> 'key_reused';

  return query
  select
    case
      when batch.known_position is null
        and (batch.ordinal = batch.first_ordinal or first_one.outcome = 'key_reused')
        then first_one.outcome
      when coalesce(batch.known_payload, payloads[batch.first_ordinal]) = payloads[batch.ordinal]
        then 'duplicate'
      else 'key_reused'
    end,
    coalesce(batch.known_position, first_one.position)
  from unnest(first_ordinals, known_positions, known_payloads) with ordinality
    as batch (first_ordinal, known_position, known_payload, ordinal)
  left join unnest(new_ordinals, new_outcomes, new_positions)
    as first_one (ordinal, outcome, position) on first_one.ordinal = batch.first_ordinal
  order by batch.ordinal;
end
$$;
