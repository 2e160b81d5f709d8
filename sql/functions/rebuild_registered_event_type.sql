-- Restores a registered event type from the config log, or removes it if the log has none. Always
-- returns true: the row now agrees with the log. Publishing processes read the table anew within
-- seconds.
create or replace function rebuild_registered_event_type(
  tenant text, name text, latest_position bigint
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  rebuilt record;
begin
  -- Locks in the order of change_event_type; takes the lane as rebuild_consumer does.
  perform pg_advisory_xact_lock(hashtextextended('event_type:' || tenant, 0));
  perform from registered_event_type r where r.tenant = tenant and r.name = name for update;
  perform next_position(latest_position);
  select r.* into rebuilt
  from rebuilt_registered_event_type() r
  where r.tenant = tenant and r.log_id = 'event_type:' || name;
  if rebuilt.tenant is null then
    delete from registered_event_type r where r.tenant = tenant and r.name = name;
    return true;
  end if;
  insert into registered_event_type (tenant, name, version, document, changed_position)
  values (tenant, name, rebuilt.version, rebuilt.document, rebuilt.changed_position)
  on conflict on constraint registered_event_type_pkey do update
  set version = excluded.version, document = excluded.document,
    changed_position = excluded.changed_position;
  return true;
end
$$;
