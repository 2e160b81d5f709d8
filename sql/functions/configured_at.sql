-- The change that gave something its configuration of a moment: its newest one up to the position
-- `until`. No row if there was none, if that one removed it, or if it is a key that had expired.
-- An auditor may call it: it reads the masked log.
create or replace function configured_at(of_tenant text, of_id text, until bigint)
returns table (
  tenant text, "position" bigint, kind text, id text, version integer, status text, actor text,
  reason text, document jsonb
)
language sql stable
as $$
select tenant, position, kind, id, version, status, actor, reason, document
from (
  select *
  from masked_config_log
  where tenant = $1 and id = $2 and position <= $3
    -- Entries that keep the version are notes. The change is the first of them all.
    and position > coalesce((
      select log.position
      from masked_config_log as log
      where log.tenant = $1 and log.id = $2 and log.position <= $3
        and log.version <> (
          select newest.version
          from masked_config_log as newest
          where newest.tenant = $1 and newest.id = $2 and newest.position <= $3
          order by newest.position desc
          limit 1
        )
      order by log.position desc
      limit 1
    ), -1)
  order by position
  limit 1
) as change
where status <> 'removed'
  -- A key expires without an entry.
  and not (
    kind = 'key'
    and coalesce((document ->> 'expires_at')::timestamptz <= time_of($3), false)
  )
$$;
