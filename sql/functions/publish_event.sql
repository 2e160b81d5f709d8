-- Publishes one event inside the caller's own transaction: it is in the log if, and only if, that
-- transaction commits. The lane stays locked until then and every other publisher waits, so keep
-- the transaction short and publish last. The sweep finds the event within seconds and starts
-- delivery. This function has only the database's clock: if that is ahead, only the partitions
-- created in advance bound it. An event that is not live is imported: live streams pass over it,
-- replays send it. A malformed traceparent is ignored. Errors: MR001 if the key was used with
-- another payload; MR005 for the entity millrace, which is reserved for alerts.
drop function if exists publish_event(text, text, text, text, json, jsonb, text, text);
drop function if exists publish_event(text, text, text, text, json, jsonb, text, text, boolean);

create or replace function publish_event(
  tenant text, name text, entity_id text, idempotency_key text, payload json,
  correlation_ids jsonb default '{}', team text default current_user, service text default 'sql',
  live boolean default true, traceparent text default null
) returns table ("position" bigint, published_at timestamptz, duplicate boolean)
language plpgsql as $$
declare
  appended record;
begin
  if split_part(publish_event.name, '.', 1) = 'millrace' then
    raise exception 'The entity "millrace" is reserved: its events are alerts of Millrace.'
      using errcode = 'MR005';
  end if;
  select * into appended
  from append_event(
    publish_event.tenant, publish_event.name, publish_event.entity_id,
    publish_event.idempotency_key, publish_event.team, publish_event.service,
    publish_event.correlation_ids::text, publish_event.payload::text, null, publish_event.live,
    traceparent_of(publish_event.traceparent)
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
