-- Question: which worker advances which integration, and until when?
-- Reads only.
-- tenant=dodici: the retailer (without: all)

\if :{?tenant} \else \set tenant '' \endif
set time zone 'UTC';

-- If a lease has ended and its owner is still named, that worker froze. The next worker takes the
-- lease, and the fence refuses all later writes of the first one. The lease of a worker that died
-- is free before it ends: a living owner has a session 'millrace presence <owner>' in
-- pg_stat_activity.
select
  tenant,
  consumer as integration,
  run,
  owner,
  epoch,
  lease_until,
  round(extract(epoch from lease_until - clock_timestamp()), 1) as seconds_left,
  case when is_held(lease_until) then 'held' else 'ended' end as state,
  time_of(read_position) as has_read_up_to,
  cardinality(unresolved) as unresolved
from cursor
where owner is not null
  and (tenant = :'tenant' or :'tenant' = '')
order by tenant, consumer, run;
