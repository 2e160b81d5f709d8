-- Restores a job from the config log, if the log has expected_version of it: next_run_at belongs to
-- that version. The job goes on behind the last position that its runs have looked at. An existing
-- job keeps its next run unless its document changes; then a worker that runs it loses its lease.
-- Returns whether the row now agrees with the log.
create or replace function rebuild_notification_job(
  tenant text, id text, expected_version integer, next_run_at timestamptz, latest_position bigint
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  rebuilt record;
  ran_through bigint;
begin
  perform from notification_job j where j.tenant = tenant and j.id = id for update;
  select max(r.to_position) into ran_through
  from notification_run r
  where r.tenant = tenant and r.job_id = id;
  -- As in rebuild_consumer.
  perform next_position(latest_position);
  select r.* into rebuilt
  from rebuilt_notification_job() r
  where r.tenant = tenant and r.log_id = 'job:' || id;
  if rebuilt.version is distinct from expected_version then
    return false;
  elsif rebuilt.id is null then
    delete from notification_job j where j.tenant = tenant and j.id = id;
    return true;
  end if;
  update notification_job j
  set epoch = j.epoch + 1, owner = null, lease_until = null
  where j.tenant = tenant and j.id = id and j.document <> rebuilt.document;
  insert into notification_job as j (
    tenant, id, version, document, created_position, changed_position, through_position,
    next_run_at
  ) values (
    tenant, id, rebuilt.version, rebuilt.document, rebuilt.created_position,
    rebuilt.changed_position, greatest(rebuilt.created_position, ran_through), next_run_at
  )
  on conflict on constraint notification_job_pkey do update
  set version = excluded.version, document = excluded.document,
    created_position = excluded.created_position, changed_position = excluded.changed_position,
    next_run_at =
      case when j.document = excluded.document then j.next_run_at else excluded.next_run_at end;
  return true;
end
$$;
