-- Replaces the API key of a tenant's sender by the same one sealed with another key, if its version
-- is still expected_version; returns whether it did.
create or replace function reseal_notification_sender(
  tenant text, expected_version integer, document jsonb, actor text, reason text,
  latest_position bigint
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint;
begin
  perform from notification_sender s
  where s.tenant = tenant and s.version = expected_version
  for update;
  if not found then
    return false;
  end if;
  change_position := next_position(latest_position);
  update notification_sender s
  set version = s.version + 1, document = document, changed_position = change_position
  where s.tenant = tenant;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (
    tenant, change_position, 'sender', 'sender:sendgrid', expected_version + 1, 'secrets_resealed',
    'running', actor, reason, document
  );
  perform setval('lane_position', change_position);
  return true;
end
$$;
