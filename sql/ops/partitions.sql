-- Question: which days do the partitions hold, how large are they, and is tomorrow there?
-- Reads only.

set time zone 'UTC';

-- Bounds are positions, which are times. Row counts are the planner's estimate; null before the
-- first analyze.
with partition as (
  select
    parent.relname as parent,
    child.relname as partition,
    pg_inherits.inhdetachpending as is_detaching,
    time_of(bounds[1]::bigint) as from_time,
    time_of(bounds[2]::bigint) as to_time,
    nullif(child.reltuples, -1)::bigint as rows_estimate,
    pg_total_relation_size(child.oid) as bytes
  from pg_inherits
  join pg_class as parent on parent.oid = pg_inherits.inhparent
  join pg_class as child on child.oid = pg_inherits.inhrelid
  cross join lateral regexp_match(
    pg_get_expr(child.relpartbound, child.oid), 'FROM \(''(\d+)''\) TO \(''(\d+)''\)'
  ) as bounds
  where parent.oid in (
    'event'::regclass, 'event_key'::regclass, 'receipt'::regclass, 'attempt'::regclass
  )
),
needed as (
  select parent, day, day_name
  from unnest(array['event', 'event_key', 'receipt', 'attempt']) as parent
  cross join (values
    (date_trunc('day', now()), 'today'),
    (date_trunc('day', now()) + interval '1 day', 'tomorrow')
  ) as day (day, day_name)
)
select
  parent as "table",
  partition,
  from_time,
  to_time,
  rows_estimate,
  bytes,
  pg_size_pretty(bytes) as size,
  case
    when is_detaching then 'being retired'
    when from_time <= now() and to_time > now() then 'today'
    when to_time <= now() then 'past'
    when from_time <= now() + interval '1 day' then 'tomorrow'
    else 'ahead'
  end as state
from partition
union all
select
  needed.parent, null, needed.day, needed.day + interval '1 day', null, null, null,
  format('MISSING: %s', needed.day_name)
from needed
where not exists (
  select from partition
  where partition.parent = needed.parent
    and partition.from_time <= needed.day and partition.to_time > needed.day
    and not partition.is_detaching
)
order by "table", from_time;
