-- Question: who changed what, when and why, and what was it before and after?
-- Reads only.
-- tenant=dodici: the retailer
-- integration=erp-1: its changes (or subscription:crm, job:x, key:0c9be2f17a35; without: all)
-- from=2026-11-20: changes from this time on (UTC)
-- to=2026-11-21: and before this time

\if :{?integration} \else \set integration '' \endif
set time zone 'UTC';

select
  time_of(change.position) as changed_at, change.actor, change.kind, change.id,
  coalesce(after.document, before.document) ->> 'name' as name,
  change.action, change.reason, change.version, change.status,
  before.document as before, after.document as after
from config_changes(
  :'tenant', position_of(:'from'::timestamptz), position_of(:'to'::timestamptz),
  case when :'integration' <> '' then array[:'integration'] end, null, null
) as change
join masked_config_log as after
  on after.tenant = change.tenant and after.position = change.position
left join masked_config_log as before
  on before.tenant = change.tenant and before.position = change.previous_position
order by change.position, change.id;
