-- The table `api_key` as the config log alone has it: see newest_configuration. A key has an entry
-- for each tenant that it names, all alike.
create or replace function rebuilt_api_key() returns setof api_key
language sql stable
as $$
select distinct on (key.id) key.*
from newest_configuration() as newest
cross join lateral jsonb_populate_record(
  null::api_key,
  newest.document || jsonb_build_object('id', substr(newest.id, length('key:') + 1))
) as key
where newest.id ~ '^key:'
order by key.id, newest.changed_position desc, newest.tenant
$$;
