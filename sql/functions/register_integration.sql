-- 'registered', or 'taken' (the id) or 'full' (max_count reached): then nothing is changed.
-- The integration receives the events in (starts_after, stop_position]; null: from its own
-- registration on, and for ever.
create or replace function register_integration(
  tenant text, id text, document jsonb, actor text, reason text,
  starts_after bigint, stop_position bigint, max_count integer
) returns text
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint := next_position();
begin
  if exists (select from integration i where i.tenant = tenant and i.id = id) then
    return 'taken';
  end if;
  if (select count(*) from integration i where i.tenant = tenant) >= max_count then
    return 'full';
  end if;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (
    tenant, change_position, 'integration', id, 1, 'integration_started', 'running', actor,
    reason, document
  );
  insert into integration (
    tenant, id, version, status, document, created_position, changed_position
  ) values (tenant, id, 1, 'running', document, change_position, change_position);
  -- "From now on" is the position of the registration itself, to the event.
  insert into cursor (tenant, consumer, read_position, stop_position)
  values (tenant, id, coalesce(starts_after, change_position), stop_position);
  -- What a completed integration of the same name has left behind.
  delete from rejected_event r where r.tenant = tenant and r.consumer = id;
  perform setval('lane_position', change_position);
  return 'registered';
end
$$;
