-- The table `api_key` according to the config log alone: see newest_key.
create or replace function rebuilt_api_key() returns setof api_key
language sql stable
as $$
select key.*
from newest_key() as newest
cross join lateral jsonb_populate_record(null::api_key, newest.document) as key
$$;
