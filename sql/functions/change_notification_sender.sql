-- Changes a tenant's sender (document null: removes it). Returns whether anything changed. Returns
-- null, and changes nothing, if its version is not expected_version (null: any version).
drop function if exists change_notification_sender(text, jsonb, text, text);
drop function if exists change_notification_sender(text, jsonb, text, text, bigint);

create or replace function change_notification_sender(
  tenant text, document jsonb, actor text, reason text,
  latest_position bigint default null, expected_version integer default null
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint;
  changed_version integer;
begin
  -- The row may not exist yet, and then there is nothing to lock. This lock puts changes of one
  -- tenant's sender in order before one of them takes the lane.
  perform pg_advisory_xact_lock(hashtextextended('sender:' || tenant, 0));
  select s.version into changed_version
  from notification_sender s
  where s.tenant = tenant
  for update;
  if changed_version <> expected_version or (changed_version is null and expected_version > 0) then
    return null;
  end if;
  change_position := next_position(latest_position);
  changed_version := null;
  if document is null then
    delete from notification_sender s where s.tenant = tenant returning s.version + 1
    into changed_version;
  else
    insert into notification_sender as s (tenant, version, document, changed_position)
    values (
      tenant,
      1 + coalesce((
        select max(c.version) from config_log c
        where c.tenant = tenant and c.id = 'sender:sendgrid'
      ), 0),
      document, change_position
    )
    on conflict on constraint notification_sender_pkey do update
    set version = s.version + 1, document = excluded.document, changed_position = change_position
    returning s.version into changed_version;
  end if;
  if changed_version is null then
    return false;
  end if;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (
    tenant, change_position, 'sender', 'sender:sendgrid', changed_version,
    case when document is null then 'sender_removed' else 'sender_changed' end,
    case when document is null then 'removed' else 'running' end, actor, reason, document
  );
  perform setval('lane_position', change_position);
  return true;
end
$$;
