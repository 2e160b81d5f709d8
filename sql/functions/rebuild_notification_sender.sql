-- Restores a tenant's sender from the config log, or removes it if the log has none. If the sender
-- changes, workers lose the leases of the tenant's jobs. Always returns true: the row now agrees
-- with the log.
create or replace function rebuild_notification_sender(
  tenant text, latest_position bigint
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  live notification_sender;
  rebuilt record;
begin
  -- Locks in the order of change_notification_sender; takes the lane as rebuild_consumer does.
  perform from notification_job j where j.tenant = tenant order by j.id for update;
  perform pg_advisory_xact_lock(hashtextextended('sender:' || tenant, 0));
  select s.* into live from notification_sender s where s.tenant = tenant for update;
  perform next_position(latest_position);
  select r.* into rebuilt from rebuilt_notification_sender() r where r.tenant = tenant;
  if live.document is distinct from rebuilt.document then
    update notification_job j
    set epoch = j.epoch + 1, owner = null, lease_until = null
    where j.tenant = tenant and j.owner is not null;
  end if;
  if rebuilt.tenant is null then
    delete from notification_sender s where s.tenant = tenant;
    return true;
  end if;
  insert into notification_sender (tenant, version, document, changed_position)
  values (tenant, rebuilt.version, rebuilt.document, rebuilt.changed_position)
  on conflict on constraint notification_sender_pkey do update
  set version = excluded.version, document = excluded.document,
    changed_position = excluded.changed_position;
  return true;
end
$$;
