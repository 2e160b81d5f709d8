-- Registers a consumer. Returns 'registered', or 'taken' (the id exists), or 'full' (the tenant has
-- max_count of the kind); the latter two change nothing. Of subscriptions only running ones count,
-- and a stopped one needs no room. The consumer receives the events in (starts_after,
-- stop_position]; null: from its own registration on, and without an end. status: 'running' or
-- 'stopped'. A temporary integration is a replay: its cursor, and all that is recorded of it, is
-- run 1.
drop function if exists register_consumer(
  text, text, text, jsonb, text, text, text, text, bigint, bigint, integer
);

create or replace function register_consumer(
  tenant text, kind text, id text, document jsonb, status text, action text, actor text,
  reason text, starts_after bigint, stop_position bigint, max_count integer,
  latest_position bigint default null
) returns text
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint;
begin
  -- Rejected events that an earlier consumer of the same id has left behind.
  perform from rejected_event r
  where r.tenant = tenant and r.consumer = id
  order by r.id
  for update;
  change_position := next_position(latest_position);
  -- While the lane is locked, nobody else can register or remove one, so both answers stay true.
  if exists (select from consumer c where c.tenant = tenant and c.id = id) then
    return 'taken';
  end if;
  if (kind <> 'subscription' or status = 'running') and max_count <= (
    select count(*) from consumer c
    where c.tenant = tenant and c.kind = kind and (kind <> 'subscription' or c.status = 'running')
  ) then
    return 'full';
  end if;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (tenant, change_position, kind, id, 1, action, status, actor, reason, document);
  insert into consumer (
    tenant, id, kind, version, status, document, created_position, changed_position,
    stopped_position
  ) values (
    tenant, id, kind, 1, status, document, change_position, change_position,
    case when status = 'stopped' then change_position end
  );
  -- "From now on" means exactly from the position of the registration itself.
  insert into cursor (tenant, consumer, run, read_position, stop_position, counted_after)
  values (
    tenant, id, case when document ->> 'integration_type' = 'temporary' then 1 else 0 end,
    coalesce(starts_after, change_position), stop_position, change_position
  );
  perform setval('lane_position', change_position);
  perform remove_rejected(
    tenant, id, 'Its id was used again, so the rejected events of the earlier one were removed.',
    latest_position
  );
  return 'registered';
end
$$;
