-- The table `consumer` according to the config log alone: see newest_configuration.
create or replace function rebuilt_consumer()
returns table (
  tenant text, id text, version integer, status text, document jsonb, created_position bigint,
  changed_position bigint, kind text, stopped_position bigint
)
language sql stable
as $$
select
  tenant, id, version, status, document, created_position,
  turned_position as changed_position, kind,
  case when status = 'stopped' then stopped_position end as stopped_position
from newest_configuration()
where id !~ '^(job|sender|key|event_type):' and status <> 'removed'
$$;
