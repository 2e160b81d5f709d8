-- Puts a tenant's sender in place as the config log has it, or removes it where the log has none.
-- Returns true: it is in place.
create or replace function rebuild_notification_sender(
  tenant text, latest_position bigint
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  rebuilt record;
begin
  -- In the order of change_notification_sender; the lane as in rebuild_consumer.
  perform pg_advisory_xact_lock(hashtextextended('sender:' || tenant, 0));
  perform from notification_sender s where s.tenant = tenant for update;
  perform next_position(latest_position);
  select r.* into rebuilt from rebuilt_notification_sender() r where r.tenant = tenant;
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
