-- An entry of the log that changes nothing: what happened to an integration that people should
-- know. Does nothing where there is no such integration.
create or replace function note_integration(
  tenant text, id text, action text, actor text, reason text
) returns void
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint := next_position();
begin
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  )
  select
    tenant, change_position, 'integration', id, i.version, action, i.status, actor, reason,
    i.document
  from integration i
  where i.tenant = tenant and i.id = id;
  perform setval('lane_position', change_position);
end
$$;
