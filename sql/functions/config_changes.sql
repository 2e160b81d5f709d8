-- The changes of a tenant's configuration, from the position `first` on and before `ended`: not the
-- notes, which keep the version. Null for of_ids, of_kind and of_actor: any. previous_position: the
-- entry before, which has the configuration before the change. A key for every tenant ('*') counts
-- for each of them. An auditor may call it: it reads the masked log.
--
-- Postgres inlines it into the calling query. So `order by position` with a limit reads the log
-- from that end, with one look at an index for each entry.
create or replace function config_changes(
  of_tenant text, first bigint, ended bigint, of_ids text[], of_kind text, of_actor text
)
returns table (
  tenant text, "position" bigint, previous_position bigint, kind text, id text, version integer,
  action text, status text, actor text, reason text
)
language sql stable
as $$
select
  entry.tenant, entry.position, previous.position, entry.kind, entry.id, entry.version,
  entry.action, entry.status, entry.actor, entry.reason
from (
  select tenant, position, kind, id, version, action, status, actor, reason
  from masked_config_log
  where tenant = $1
  union all
  select tenant, position, kind, id, version, action, status, actor, reason
  from masked_config_log
  where tenant = '*' and kind = 'key'
) as entry
left join lateral (
  select log.position, log.version
  from masked_config_log as log
  where log.tenant = entry.tenant and log.id = entry.id and log.position < entry.position
  order by log.position desc
  limit 1
) as previous on true
where entry.position >= $2 and entry.position < $3
  and (entry.id = any ($4) or $4 is null)
  and (entry.kind = $5 or $5 is null)
  and (entry.actor = $6 or $6 is null)
  and entry.version is distinct from previous.version
$$;
