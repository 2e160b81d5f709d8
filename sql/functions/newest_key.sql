-- Each key according to the config log alone, by its id there ('key:…'), with every column of
-- api_key. Its first entry says what the key is for and what it grants. It is revoked if any entry
-- says so. So if the entries of its tenants disagree, no later entry can grant more.
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
