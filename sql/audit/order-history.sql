-- Question: what happened to an order, in order?
-- Reads only.
-- tenant=dodici: the retailer
-- order_id=order-1: the order, in correlation ids or as the entity
-- since=2026-11-01: from this time on (UTC; without: the whole log)

\if :{?since} \else \set since '1970-01-01' \endif
set time zone 'UTC';

select
  time_of(event.position) as published_at,
  event.name,
  event.entity_id,
  event.team,
  event.service,
  event.position,
  event.correlation_ids,
  event.payload
-- By the index of ids. A million events of an order in a day would be too many for it.
from events_of_id(
  :'tenant', :'order_id',
  position_of(:'since'::timestamptz) - 1, position_of('2200-01-01T00:00:00Z'::timestamptz),
  false, 1000000
) as found
cross join lateral (
  select *
  from event
  where event.tenant = :'tenant'
    and event.position = found.position
    and event.position >= position_of(:'since'::timestamptz)
  limit 1
) as event
where found.correlation_ids @> jsonb_build_object('order_id', :'order_id'::text)
  or (found.entity_id = :'order_id' and split_part(found.name, '.', 1) = 'order')
order by event.position;
