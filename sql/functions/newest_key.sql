-- Each key as the config log alone has it, by its id in the log ('key:…'), with every column of
-- api_key. What it is for and what it grants is what its first entry says, and it is revoked if any
-- entry says so: where the entries of its tenants disagree, none that came later grants more.
create or replace function newest_key() returns table (log_id text, document jsonb)
language sql stable
as $$
select
  id,
  (array_agg(document order by created_position, tenant))[1]
    || jsonb_build_object('id', substr(id, length('key:') + 1))
    || coalesce((array_agg(
      jsonb_build_object(
        'revoked_at', document -> 'revoked_at', 'revoked_by', document -> 'revoked_by'
      )
      order by changed_position, tenant
    ) filter (where status = 'removed'))[1], '{}')
from newest_configuration()
where id ~ '^key:'
group by id
$$;
