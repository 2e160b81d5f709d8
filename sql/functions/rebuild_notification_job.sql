-- Puts a job in place as the config log has it, if that is its expected version by now: next_run_at
-- belongs to that one. It goes on behind what its runs have looked at. A job that is there keeps
-- its next run unless its document changes. Returns whether it is in place.
create or replace function rebuild_notification_job(
  tenant text, id text, expected_version integer, next_run_at timestamptz, latest_position bigint
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  rebuilt record;
begin
  perform from notification_job j where j.tenant = tenant and j.id = id for update;
  -- As in rebuild_consumer.
  perform next_position(latest_position);
  select r.* into rebuilt from rebuilt_notification_job() r where r.tenant = tenant and r.id = id;
  if rebuilt.version is distinct from expected_version then
    return false;
  elsif rebuilt.id is null then
    delete from notification_job j where j.tenant = tenant and j.id = id;
    return true;
  end if;
  insert into notification_job as j (
    tenant, id, version, document, created_position, changed_position, through_position,
    next_run_at
  )
  select
    tenant, id, rebuilt.version, rebuilt.document, rebuilt.created_position,
    rebuilt.changed_position, greatest(rebuilt.created_position, max(r.to_position)), next_run_at
  from notification_run r
  where r.tenant = tenant and r.job_id = id
  on conflict on constraint notification_job_pkey do update
  set version = excluded.version, document = excluded.document,
    created_position = excluded.created_position, changed_position = excluded.changed_position,
    next_run_at =
      case when j.document = excluded.document then j.next_run_at else excluded.next_run_at end;
  return true;
end
$$;
