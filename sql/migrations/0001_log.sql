-- The log: one row an event, a partition a UTC day, and a key row beside it for idempotency.
-- Positions come from one sequencer, taken under an advisory lock that is released only after the
-- rows are visible: commit order is position order, so `position > cursor order by position` never
-- skips a late commit.

-- A position is the microsecond at which something was published, read as a number.
create function position_of(moment timestamptz) returns bigint
language sql immutable strict parallel safe
return (extract(epoch from moment) * 1000000)::bigint;

create function time_of("position" bigint) returns timestamptz
language sql immutable strict parallel safe
return timestamptz 'epoch' + "position" * interval '1 microsecond';

create table event (
  tenant text not null,
  position bigint not null,
  name text not null,
  entity_id text not null,
  idempotency_key text not null,
  team text not null,
  service text not null,
  correlation_ids jsonb not null,
  payload_bytes integer not null,
  -- json, never jsonb: the text stays as it was published, to the byte.
  payload json not null,
  primary key (tenant, position),
  constraint tenant_is_a_word check (tenant ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$'),
  constraint name_is_entity_action check (
    length(name) <= 255 and name ~ '^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+$'
  ),
  constraint entity_id_is_short_text check (
    length(entity_id) between 1 and 255 and entity_id !~ '[[:cntrl:]]'
  ),
  constraint idempotency_key_is_short_text check (
    length(idempotency_key) between 1 and 255 and idempotency_key !~ '[[:cntrl:]]'
  ),
  constraint team_is_short_text check (length(team) between 1 and 255),
  constraint service_is_short_text check (length(service) between 1 and 255),
  constraint correlation_ids_is_object check (jsonb_typeof(correlation_ids) = 'object'),
  constraint payload_is_object check (json_typeof(payload) = 'object')
) partition by range (position);

create function refuse_change_of_log() returns trigger
language plpgsql as $$
begin
  raise exception 'The log is append-only: % of % is refused.', tg_op, tg_table_name
    using errcode = 'MR003', hint = 'Publish a new event that corrects the old one.';
end
$$;

create trigger event_is_immutable
before update or delete on event
for each row execute function refuse_change_of_log();

-- A sidecar of the log, so that the log itself carries one index only. Its partitions are ten days
-- long: at most four or five are probed for a key, and they are dropped with the events they belong
-- to.
create table event_key (
  tenant text not null,
  key_hash bytea not null,
  position bigint not null,
  primary key (tenant, key_hash, position),
  constraint key_hash_has_16_bytes check (octet_length(key_hash) = 16)
) partition by range (position);

-- The last position handed out. A sequence and not a row: with an old snapshot open (a pg_dump) a
-- counter row falls to a thirtieth of its speed, since its dead versions cannot be removed; a
-- sequence has none.
create sequence lane_position;

-- What a publisher calls the same event: the key is unique per tenant and event name.
create function event_key_hash(name text, idempotency_key text) returns bytea
language sql immutable strict parallel safe
return substring(sha256(convert_to(name || chr(10) || idempotency_key, 'UTF8')) for 16);

-- Takes the lane until the transaction ends and returns the next free position. The caller must
-- hand what it used back with setval('lane_position', last) after its rows are written, never
-- before: setval is not undone by a rollback, so a clock far ahead, whose rows find no partition,
-- must fail before it can push the sequence into the future.
create function next_position() returns bigint
language plpgsql as $$
begin
  perform pg_advisory_xact_lock(1296651858, 0);
  -- A second statement: it sees what was committed while the first one waited for the lock.
  return (select greatest(last_value + 1, position_of(clock_timestamp())) from lane_position);
end
$$;

-- Appends events in the order of the arrays, all of the same length, and answers one row for each,
-- in that order: outcome 'appended', 'duplicate' (same key, same payload: the first one's position)
-- or 'key_reused' (another payload: nothing is appended). The keys are looked up in a statement of
-- their own, after the lock is held: one statement alone would look with the snapshot that it took
-- before it waited. That needs read committed, which is checked.
create function append_events(
  tenants text[], names text[], entity_ids text[], idempotency_keys text[],
  teams text[], services text[], correlation_ids text[], payloads text[]
) returns table (outcome text, "position" bigint)
language plpgsql
-- The plan is made once per connection, perhaps while the partitions are empty; it must probe keys
-- by index for ever.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  first_free bigint;
  key_hashes bytea[];
  known_positions bigint[];
  known_payloads text[];
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'Events are appended in read committed transactions only, not in %.',
      current_setting('transaction_isolation')
      using errcode = 'MR002';
  end if;

  first_free := next_position();

  select
    array_agg(incoming.key_hash order by incoming.ordinal),
    array_agg(known.position order by incoming.ordinal),
    array_agg(known.payload order by incoming.ordinal)
  into key_hashes, known_positions, known_payloads
  from (
    select
      batch.tenant,
      batch.ordinal,
      event_key_hash(batch.name, batch.idempotency_key) as key_hash
    from unnest(tenants, names, idempotency_keys) with ordinality
      as batch (tenant, name, idempotency_key, ordinal)
    offset 0 -- hashed once, here
  ) as incoming
  left join lateral (
    select latest.position, original.payload
    from (
      select event_key.position
      from event_key
      where event_key.tenant = incoming.tenant and event_key.key_hash = incoming.key_hash
      order by event_key.position desc
      limit 1
    ) as latest
    -- A key that outlived its event (key partitions are longer) is past the retention and free
    -- again. The limit keeps this a probe of the primary key: as a plain join, the plan that is
    -- made on an empty table reads the tenant's whole log to find one row.
    cross join lateral (
      select event.payload::text as payload
      from event
      where event.tenant = incoming.tenant and event.position = latest.position
      limit 1
    ) as original
  ) as known on true;

  return query
  with incoming as (
    select *
    from unnest(
      tenants, names, entity_ids, idempotency_keys, teams, services, correlation_ids, payloads,
      key_hashes, known_positions, known_payloads
    ) with ordinality as batch (
      tenant, name, entity_id, idempotency_key, team, service, correlation_ids, payload,
      key_hash, known_position, known_payload, ordinal
    )
  ),
  -- The same key twice in one batch: the first one is the event, the others are its duplicates.
  told_apart as (
    select
      incoming.*,
      first_value(ordinal) over same_key as first_ordinal,
      first_value(payload) over same_key as first_payload
    from incoming
    window same_key as (partition by tenant, key_hash order by ordinal)
  ),
  placed as materialized (
    select
      told_apart.*,
      known_position is null and ordinal = first_ordinal as is_new,
      coalesce(known_position, first_free + first_ordinal - 1) as position
    from told_apart
  ),
  appended_event as (
    insert into event (
      tenant, position, name, entity_id, idempotency_key, team, service, correlation_ids,
      payload_bytes, payload
    )
    select
      tenant, position, name, entity_id, idempotency_key, team, service, correlation_ids::jsonb,
      octet_length(payload), payload::json
    from placed
    where is_new
    order by ordinal
  ),
  appended_key as (
    insert into event_key (tenant, key_hash, position)
    select tenant, key_hash, position
    from placed
    where is_new
  )
  select
    case
      when is_new then 'appended'
      when coalesce(known_payload, first_payload) = payload then 'duplicate'
      else 'key_reused'
    end,
    position
  from placed
  order by ordinal;

  perform setval('lane_position', first_free + cardinality(tenants) - 1);
end
$$;

-- Publishes one event inside the caller's own transaction: it is in the log when, and only when,
-- that transaction commits. The lane is held until then, so every other publisher waits: keep the
-- transaction short and publish last. Delivery learns of it from the sweep, within seconds. Errors:
-- MR001 where the key was used with another payload.
create function publish_event(
  tenant text, name text, entity_id text, idempotency_key text, payload json,
  correlation_ids jsonb default '{}', team text default current_user, service text default 'sql'
) returns table ("position" bigint, published_at timestamptz, duplicate boolean)
language plpgsql as $$
declare
  appended record;
begin
  select * into appended
  from append_events(
    array[publish_event.tenant], array[publish_event.name], array[publish_event.entity_id],
    array[publish_event.idempotency_key], array[publish_event.team], array[publish_event.service],
    array[publish_event.correlation_ids::text], array[publish_event.payload::text]
  );
  if appended.outcome = 'key_reused' then
    raise exception 'The idempotency key "%" of % was used with another payload (position %).',
      publish_event.idempotency_key, publish_event.name, appended.position
      using errcode = 'MR001';
  end if;
  return query
  select appended.position, time_of(appended.position), appended.outcome = 'duplicate';
end
$$;

-- Makes the partition of a table that holds `position_from`, `days` long, where it is missing. LIKE
-- and ATTACH, never PARTITION OF: that would lock out publishers.
create function create_partition(parent regclass, first_day date, days integer) returns boolean
language plpgsql as $$
declare
  child text := format('%s_%s', parent, to_char(first_day, 'YYYYMMDD'));
  lower_bound bigint := position_of(first_day::timestamp at time zone 'UTC');
  upper_bound bigint := position_of((first_day + days)::timestamp at time zone 'UTC');
begin
  if to_regclass(child) is not null then
    return false;
  end if;
  execute format('create table %I (like %s including defaults including constraints)', child, parent);
  execute format('alter table %s attach partition %I for values from (%s) to (%s)',
    parent, child, lower_bound, upper_bound);
  return true;
end
$$;
