-- Appends one event, with the outcomes of append_events. A batch of one would pay for sorting,
-- windows and arrays, which only several events need; here a new event costs two statements. If its
-- key may be known, append_events decides: it compares the key itself and the payload.
--
-- As there, a first statement takes the lane, and a second one looks for the key and writes it: a
-- single statement would use its snapshot from before the wait for the lane.
drop function if exists append_event(
  text, text, text, text, text, text, text, text, bigint
);
drop function if exists append_event(
  text, text, text, text, text, text, text, text, bigint, boolean
);

create or replace function append_event(
  tenant text, name text, entity_id text, idempotency_key text, team text, service text,
  correlation_ids text, payload text, latest_position bigint default null,
  live boolean default true, traceparent text default null
) returns table (outcome text, "position" bigint)
language plpgsql
-- As in append_events: every plan must probe keys by index.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  first_free bigint;
  new_hash bytea := event_key_hash(append_event.name, append_event.idempotency_key);
  -- Computed once, not for each partition that is probed.
  new_fingerprint bigint := event_key_fingerprint(append_event.tenant, new_hash);
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'Events are appended in read committed transactions only, not in %.',
      current_setting('transaction_isolation')
      using errcode = 'MR002';
  end if;

  first_free := next_position(append_event.latest_position);

  insert into event_key (tenant, key_hash, position)
  select append_event.tenant, new_hash, first_free
  where not exists (
    select
    from event_key
    where event_key_fingerprint(event_key.tenant, event_key.key_hash) = new_fingerprint
  );

  if not found then
    return query
    select appended.outcome, appended.position
    from append_events(
      array[append_event.tenant], array[append_event.name], array[append_event.entity_id],
      array[append_event.idempotency_key], array[append_event.team], array[append_event.service],
      array[append_event.correlation_ids], array[append_event.payload],
      append_event.latest_position, array[append_event.live], array[append_event.traceparent]
    ) as appended;
    return;
  end if;

  insert into event (
    tenant, position, name, entity_id, idempotency_key, team, service, correlation_ids,
    payload_bytes, payload, live, traceparent
  ) values (
    append_event.tenant, first_free, append_event.name, append_event.entity_id,
    append_event.idempotency_key, append_event.team, append_event.service,
    append_event.correlation_ids::jsonb, octet_length(append_event.payload),
    append_event.payload::json, append_event.live, append_event.traceparent
  );

  outcome := 'appended';
  position := setval('lane_position', first_free);
  return next;
end
$$;
