-- The table `registered_event_type` according to the config log alone (see newest_configuration).
-- To select one type, put the condition on log_id: a condition on `name` reads the whole log.
create or replace function rebuilt_registered_event_type()
returns table (
  tenant text, name text, version integer, document jsonb, changed_position bigint, log_id text
)
language sql stable
as $$
select
  tenant, substr(id, length('event_type:') + 1) as name, version, document, changed_position,
  id as log_id
from newest_configuration()
where id ~ '^event_type:' and status <> 'removed'
$$;
