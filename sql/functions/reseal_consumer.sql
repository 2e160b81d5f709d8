-- Replaces a consumer's secrets by the same ones sealed with another key, if its version is still
-- expected_version; returns whether it did. Nothing else changes: the consumer runs on, with its
-- attempts.
create or replace function reseal_consumer(
  tenant text, id text, expected_version integer, document jsonb, actor text, reason text,
  latest_position bigint
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint;
  changed consumer;
begin
  perform from consumer c
  where c.tenant = tenant and c.id = id and c.version = expected_version
  for update;
  if not found then
    return false;
  end if;
  change_position := next_position(latest_position);
  update consumer c
  set version = c.version + 1, document = document
  where c.tenant = tenant and c.id = id
  returning c.* into changed;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (
    tenant, change_position, changed.kind, id, changed.version, 'secrets_resealed', changed.status,
    actor, reason, document
  );
  perform setval('lane_position', change_position);
  return true;
end
$$;
