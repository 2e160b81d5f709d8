-- Appends events in the order of the arrays, which have the same length, and returns a row for
-- each, in that order. Outcomes: 'appended'; 'duplicate' (same key and payload, with the first
-- one's position); 'key_reused' (same key, another payload: nothing is appended). A separate
-- statement looks up the keys after the lock is held: a single statement would use its snapshot
-- from before the wait. That needs read committed, which is checked. `lives` says which events are
-- live; null: all of them. `traceparents` has their traces, '' for none; null: none has one.
--
-- Arrays are unnested in the select list: in FROM, each would be written into a store of its own
-- first. Only a batch with a key that may be known is compared key by key.
--
-- Its relatives append_event (one event) and append_collected (events of the collector) repeat its
-- rules: change all three together.
drop function if exists append_events(
  text[], text[], text[], text[], text[], text[], text[], text[]
);
drop function if exists append_events(
  text[], text[], text[], text[], text[], text[], text[], text[], bigint
);
drop function if exists append_events(
  text[], text[], text[], text[], text[], text[], text[], text[], bigint, boolean[]
);

create or replace function append_events(
  tenants text[], names text[], entity_ids text[], idempotency_keys text[],
  teams text[], services text[], correlation_ids text[], payloads text[],
  latest_position bigint default null, lives boolean[] default null,
  traceparents text[] default null
) returns table (outcome text, "position" bigint)
language plpgsql
-- The plan is made once per connection, perhaps while the partitions are empty; it must always
-- probe keys by index.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  first_free bigint;
  may_repeat boolean;
  -- Null if all events are new, as nearly always.
  first_ordinals bigint[];
  known_positions bigint[];
  known_payloads text[];
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'Events are appended in read committed transactions only, not in %.',
      current_setting('transaction_isolation')
      using errcode = 'MR002';
  end if;

  first_free := next_position(latest_position);

  -- Fingerprints that differ from each other and from all known ones are those of new keys.
  with incoming as materialized (
    select event_key_fingerprint(batch.tenant, batch.key_hash) as fingerprint
    from (
      select
        unnest(tenants) as tenant,
        event_key_hash(unnest(names), unnest(idempotency_keys)) as key_hash
    ) as batch
  )
  select
    (select count(distinct fingerprint) < count(*) from incoming)
    or exists (
      select
      from incoming
      cross join lateral (
        select
        from event_key
        where event_key_fingerprint(event_key.tenant, event_key.key_hash) = incoming.fingerprint
        limit 1
      ) as known
    )
  into may_repeat;

  if may_repeat then
    with incoming as materialized (
      select batch.tenant, batch.ordinal, event_key_hash(batch.name, batch.key) as key_hash
      from unnest(tenants, names, idempotency_keys) with ordinality
        as batch (tenant, name, key, ordinal)
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
      array_agg(told_apart.first_ordinal order by told_apart.ordinal),
      array_agg(original.position order by told_apart.ordinal),
      array_agg(original.payload order by told_apart.ordinal)
    into first_ordinals, known_positions, known_payloads
    from told_apart
    left join lateral (
      select max(event_key.position) as position
      from event_key
      where
        event_key_fingerprint(event_key.tenant, event_key.key_hash) = told_apart.fingerprint
        and event_key.tenant = told_apart.tenant
        and event_key.key_hash = told_apart.key_hash
    ) as latest on true
    -- A key whose event is gone is free again.
    left join lateral (
      select event.position, event.payload::text as payload
      from event
      where event.tenant = told_apart.tenant and event.position = latest.position
      limit 1
    ) as original on true;
  end if;

  insert into event (
    tenant, position, name, entity_id, idempotency_key, team, service, correlation_ids,
    payload_bytes, payload, live, traceparent
  )
  select
    batch.tenant, first_free + batch.ordinal - 1, batch.name, batch.entity_id,
    batch.idempotency_key, batch.team, batch.service, batch.correlation_ids::jsonb,
    octet_length(batch.payload), batch.payload::json, coalesce(batch.live, true),
    nullif(batch.traceparent, '')
  from (
    select
      unnest(tenants) as tenant, unnest(names) as name, unnest(entity_ids) as entity_id,
      unnest(idempotency_keys) as idempotency_key, unnest(teams) as team,
      unnest(services) as service, unnest(correlation_ids) as correlation_ids,
      unnest(payloads) as payload, unnest(lives) as live, unnest(traceparents) as traceparent,
      unnest(first_ordinals) as first_ordinal, unnest(known_positions) as known_position,
      generate_subscripts(tenants, 1) as ordinal
  ) as batch
  where
    batch.known_position is null
    and coalesce(batch.first_ordinal, batch.ordinal) = batch.ordinal;

  insert into event_key (tenant, key_hash, position)
  select
    batch.tenant, event_key_hash(batch.name, batch.idempotency_key),
    first_free + batch.ordinal - 1
  from (
    select
      unnest(tenants) as tenant, unnest(names) as name,
      unnest(idempotency_keys) as idempotency_key,
      unnest(first_ordinals) as first_ordinal, unnest(known_positions) as known_position,
      generate_subscripts(tenants, 1) as ordinal
  ) as batch
  where
    batch.known_position is null
    and coalesce(batch.first_ordinal, batch.ordinal) = batch.ordinal;

  perform setval('lane_position', first_free + cardinality(tenants) - 1);

  return query
  select
    case
      when batch.known_position is null and batch.first_ordinal = batch.ordinal then 'appended'
      -- Subscripts are evaluated for repeated keys only: each walks along the array.
      when coalesce(batch.known_payload, payloads[batch.first_ordinal]) = payloads[batch.ordinal]
        then 'duplicate'
      else 'key_reused'
    end,
    coalesce(batch.known_position, first_free + batch.first_ordinal - 1)
  from (
    select
      coalesce(told.first_ordinal, told.ordinal) as first_ordinal, told.ordinal,
      told.known_position, told.known_payload
    from (
      select
        unnest(first_ordinals) as first_ordinal, unnest(known_positions) as known_position,
        unnest(known_payloads) as known_payload,
        generate_subscripts(tenants, 1)::bigint as ordinal
    ) as told
  ) as batch
  order by batch.ordinal;
end
$$;
