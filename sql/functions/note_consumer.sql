-- An entry of the log that changes nothing: what happened to a consumer that people should know.
-- Does nothing where there is no such consumer.
drop function if exists note_consumer(text, text, text, text, text);

create or replace function note_consumer(
  tenant text, id text, action text, actor text, reason text,
  latest_position bigint default null
) returns void
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint := next_position(latest_position);
begin
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  )
  select
    tenant, change_position, c.kind, id, c.version, action, c.status, actor, reason, c.document
  from consumer c
  where c.tenant = tenant and c.id = id;
  perform setval('lane_position', change_position);
end
$$;
