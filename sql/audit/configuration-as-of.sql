-- Question: how was everything configured at a moment?
-- Reads only.
-- tenant=dodici: the retailer
-- at=2026-11-20T12:00Z: the moment (UTC), with the changes made at it

set time zone 'UTC';

select
  configured.kind, configured.id, configured.status, configured.version,
  time_of(configured.position) as changed_at, configured.actor as changed_by, configured.reason,
  configured.document
from (
  select distinct tenant, id
  from masked_config_log
  -- A key for every tenant ('*') counts for each of them.
  where tenant = :'tenant' or tenant = '*' and kind = 'key'
) as thing
cross join lateral configured_at(
  thing.tenant, thing.id, position_of(:'at'::timestamptz)
) as configured
order by configured.kind, configured.id;
