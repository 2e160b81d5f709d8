-- Writes a note about a job into the config log, such as a failed run. It changes nothing.
drop function if exists note_notification_job(text, text, text, text);
drop function if exists note_notification_job(text, text, text, text, bigint);

create or replace function note_notification_job(
  tenant text, id text, action text, reason text,
  latest_position bigint default null, actor text default 'millrace'
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
    j.tenant, change_position, 'job', 'job:' || j.id, newest.version, action, newest.status,
    actor, reason, newest.document
  from notification_job j
  cross join lateral (
    select c.version, c.status, c.document from config_log c
    where c.tenant = j.tenant and c.id = 'job:' || j.id
    order by c.position desc
    limit 1
  ) as newest
  where j.tenant = tenant and j.id = id;
  perform setval('lane_position', change_position);
end
$$;
