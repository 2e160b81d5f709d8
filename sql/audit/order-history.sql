-- Question: what happened to an order, in order?
-- Reads only.
-- tenant=dodici: the retailer
-- order_id=order-1: the order, in correlation ids or as the entity
-- since=2026-11-01: from this time on (UTC; without: the whole log)

\if :{?since} \else \set since '1970-01-01' \endif
set time zone 'UTC';

-- There is no index from orders to events: this reads all of the tenant's events since then.
select
  time_of(position) as published_at,
  name,
  entity_id,
  team,
  service,
  position,
  correlation_ids,
  payload
from event
where tenant = :'tenant'
  and position >= position_of(:'since'::timestamptz)
  and position < position_of('2200-01-01T00:00:00Z'::timestamptz)
  and (
    correlation_ids @> jsonb_build_object('order_id', :'order_id'::text)
    or (entity_id = :'order_id' and split_part(name, '.', 1) = 'order')
  )
order by position;
