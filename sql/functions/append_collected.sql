-- Appends collected events, with the outcomes of append_events. One rule differs: among collected
-- events an idempotency key is unique, whatever the event's name. So each event gets a second row
-- in event_key, under the name 'collected', which no event can have (it has no dot). The rule is
-- exact under races for the same reason as in append_events: a separate statement looks the keys up
-- after the lane is locked. The rule of the log also holds: if the gateway has used the key for the
-- same name, the same payload is a duplicate, and another payload is a reused key.
drop function if exists append_collected(
  text[], text[], text[], text[], text[], text[], text[], text[]
);
drop function if exists append_collected(
  text[], text[], text[], text[], text[], text[], text[], text[], bigint
);
drop function if exists append_collected(
  text[], text[], text[], text[], text[], text[], text[], text[], bigint, boolean[]
);

create or replace function append_collected(
  tenants text[], names text[], entity_ids text[], idempotency_keys text[],
  teams text[], services text[], correlation_ids text[], payloads text[],
  latest_position bigint default null, lives boolean[] default null,
  traceparents text[] default null
) returns table (outcome text, "position" bigint)
language plpgsql
-- As in append_events: every plan must probe keys by index.
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

  perform next_position(latest_position);

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
    -- A key whose event is gone is free again.
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
      tenants, names, entity_ids, idempotency_keys, teams, services, correlation_ids, payloads,
      latest_position, lives, traceparents
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
        array_agg(batch.payload order by batch.ordinal) as payloads,
        array_agg(coalesce(batch.live, true) order by batch.ordinal) as lives,
        array_agg(batch.traceparent order by batch.ordinal) as traceparents
      from unnest(
        tenants, names, entity_ids, idempotency_keys, teams, services, correlation_ids, payloads,
        lives, traceparents
      ) with ordinality as batch (
        tenant, name, entity_id, idempotency_key, team, service, correlation_ids, payload, live,
        traceparent, ordinal
      )
      join unnest(new_ordinals) as new_one (ordinal) on new_one.ordinal = batch.ordinal
    ) as remaining
    cross join lateral append_events(
      remaining.tenants, remaining.names, remaining.entity_ids, remaining.idempotency_keys,
      remaining.teams, remaining.services, remaining.correlation_ids, remaining.payloads,
      latest_position, remaining.lives, remaining.traceparents
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
