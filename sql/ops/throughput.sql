-- Question: how many events were published an hour, by tenant and name?
-- Reads only.
-- tenant=dodici: the retailer (without: all)
-- from=yesterday: from this time on (UTC; without: since midnight)
-- to=today: and before this time (without: until midnight)

\if :{?tenant} \else \set tenant '' \endif
\if :{?from} \else \set from 'today' \endif
\if :{?to} \else \set to 'tomorrow' \endif
set time zone 'UTC';

select
  date_trunc('hour', time_of(position)) as hour,
  tenant,
  name,
  count(*) as events,
  sum(payload_bytes) as payload_bytes
from event
where (tenant = :'tenant' or :'tenant' = '')
  and position >= position_of(:'from'::timestamptz)
  and position < position_of(:'to'::timestamptz)
group by hour, tenant, name
order by hour, tenant, name;
