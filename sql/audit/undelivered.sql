-- Question: which events of a period has an integration not received, and why?
-- Reads only.
-- tenant=dodici: the retailer
-- integration=erp-1: the integration, or subscription:crm; may be a removed one
-- from=2026-11-20: events published from this time on (UTC)
-- to=2026-11-21: and before this time

set time zone 'UTC';

-- docs/sql.md lists the states.
select time_of(position) as published_at, name, entity_id, state, why, position
from event_states(
  :'tenant', :'integration', position_of(:'from'::timestamptz), position_of(:'to'::timestamptz) - 1
)
where state <> 'delivered'
order by position;
