-- The configurations of a consumer, the newest entry of each version: what it filters, and from
-- which position to which it was valid. `registers`: with it a life begins. An id that was removed
-- and registered again counts its versions from 1 again. This function reads the masked log, so an
-- auditor may call it.
drop function if exists configurations_of(text, text);

create or replace function configurations_of(tenant text, consumer text)
returns table (
  "position" bigint, version integer, status text, previous_status text, actor text, reason text,
  document jsonb, names jsonb, entities jsonb, classes jsonb, takes_all boolean, valid_from bigint,
  valid_to bigint, registers boolean
)
language sql stable
as $$
select
  position, version, status, previous_status, actor, reason, document,
  filter.names, filter.entities, filter.classes, filter.takes_all,
  case when lag(position) over same_version is null then 0 else position end as valid_from,
  coalesce(lead(position) over same_version, 9223372036854775807) as valid_to,
  status <> 'removed' and coalesce(previous_status, 'removed') = 'removed' as registers
from (
  select
    *,
    lag(version) over (order by position) as previous_version,
    lag(status) over (order by position) as previous_status
  from masked_config_log
  where tenant = $1 and id = $2
) as entry
cross join lateral document_filter(kind, document) as filter
-- An entry that keeps the version is a note: it changes nothing.
where version is distinct from previous_version
window same_version as (partition by version order by position)
$$;
