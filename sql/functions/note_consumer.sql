-- Writes a note into the config log: something happened to a consumer that people should know, and
-- nothing changed. If the consumer has ended, the note stands after its end and belongs to its last
-- life. Does nothing if there never was such a consumer.
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
  if not found then
    insert into config_log (
      tenant, position, kind, id, version, action, status, actor, reason, document
    )
    select tenant, change_position, l.kind, id, l.version, action, 'removed', actor, reason, null
    from config_log l
    where l.tenant = tenant and l.id = id
    order by l.position desc
    limit 1;
  end if;
  perform setval('lane_position', change_position);
end
$$;
