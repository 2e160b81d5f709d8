-- Appends an alert in the transaction of the change that it tells of, and returns its position. An
-- alert never fails that change: null says that it was not appended, and the server's log says why.
--
-- * at_position: that of the change's entry in the config log, which no other event has. Its caller
--   has the lane, and stores the position.
-- * at_position null: the alert takes the lane and its next position, after all rows that its
--   caller changes. A database clock beyond latest_position does not move the lane there, as in
--   next_position: the alert stands at that bound.
--
-- The worker wakes the consumers that take alerts, and logs this one. NOTIFY serializes commits;
-- alerts are too few for that to matter. append_event and its relatives have the same rules; here
-- the position makes the key new.
create or replace function append_alert(
  tenant text, at_position bigint, name text, entity_id text, payload json,
  latest_position bigint default null
) returns bigint
language plpgsql as $$
declare
  alert_position bigint := append_alert.at_position;
  new_key text;
begin
  if append_alert.at_position is null then
    perform next_position();
    alert_position := greatest(
      pg_sequence_last_value('lane_position') + 1,
      least(position_of(clock_timestamp()), append_alert.latest_position)
    );
  end if;
  new_key := append_alert.entity_id || ':' || alert_position;
  insert into event_key (tenant, key_hash, position)
  values (append_alert.tenant, event_key_hash(append_alert.name, new_key), alert_position);
  insert into event (
    tenant, position, name, entity_id, idempotency_key, team, service, correlation_ids,
    payload_bytes, payload
  ) values (
    append_alert.tenant, alert_position, append_alert.name, append_alert.entity_id, new_key,
    'millrace', 'millrace', '{}', octet_length(append_alert.payload::text), append_alert.payload
  );
  -- A step of a cursor commits without waiting for the disk; an alert is an event like any other.
  perform set_config('synchronous_commit', 'on', true)
  where current_setting('synchronous_commit') = 'off';
  perform pg_notify('millrace_alert', json_build_object(
    'tenant', append_alert.tenant, 'name', append_alert.name, 'id', append_alert.entity_id,
    'position', alert_position, 'reason', left(append_alert.payload ->> 'reason', 500)
  )::text);
  if append_alert.at_position is null then
    perform setval('lane_position', alert_position);
  end if;
  return alert_position;
exception when others then
  raise warning 'The alert % of % of tenant % was not appended: % (%)',
    append_alert.name, append_alert.entity_id, append_alert.tenant, sqlerrm, sqlstate;
  return null;
end
$$;
