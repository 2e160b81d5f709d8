-- Publishes one event inside the caller's own transaction: it is in the log if, and only if, that
-- transaction commits. The lane stays locked until then and every other publisher waits, so keep
-- the transaction short and publish last. The sweep finds the event within seconds and starts
-- delivery. This function has only the database's clock: if that is ahead, only the partitions
-- created in advance bound it. Errors: MR001 if the key was used with another payload.
create or replace function publish_event(
  tenant text, name text, entity_id text, idempotency_key text, payload json,
  correlation_ids jsonb default '{}', team text default current_user, service text default 'sql'
) returns table ("position" bigint, published_at timestamptz, duplicate boolean)
language plpgsql as $$
declare
  appended record;
begin
  select * into appended
  from append_event(
    publish_event.tenant, publish_event.name, publish_event.entity_id,
    publish_event.idempotency_key, publish_event.team, publish_event.service,
    publish_event.correlation_ids::text, publish_event.payload::text
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
