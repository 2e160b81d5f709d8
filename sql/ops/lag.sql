-- Question: which integrations are behind, and by how many events and seconds?
-- Reads only.
-- tenant=dodici: the retailer (without: all)

\if :{?tenant} \else \set tenant '' \endif
set time zone 'UTC';

-- Events count before the filter, since they are not read yet. `seconds` is the age of the oldest
-- unsettled event: it grows while a target is down, even if nothing is published.
select
  cursor.tenant,
  cursor.consumer as integration,
  cursor.run,
  consumer.status,
  behind.events,
  round(extract(epoch from clock_timestamp() - time_of(behind.oldest_position)), 1) as seconds,
  time_of(behind.oldest_position) as oldest_published_at,
  time_of(last_receipt.position) as last_step_at,
  cursor.attempts,
  cursor.retry_at
from cursor
join consumer on consumer.tenant = cursor.tenant and consumer.id = cursor.consumer
cross join lateral (
  select
    cardinality(cursor.unresolved) + count(*) as events,
    coalesce(cursor.unresolved[1], min(event.position)) as oldest_position
  from event
  where event.tenant = cursor.tenant
    and event.position > cursor.read_position
    and event.position <= coalesce(cursor.stop_position, 9223372036854775807)
) as behind
left join lateral (
  select position
  from receipt
  where receipt.tenant = cursor.tenant and receipt.consumer = cursor.consumer
    and receipt.run = cursor.run
  order by position desc
  limit 1
) as last_receipt on true
where (cursor.tenant = :'tenant' or :'tenant' = '')
  and behind.events > 0
order by seconds desc, cursor.tenant, cursor.consumer, cursor.run;
