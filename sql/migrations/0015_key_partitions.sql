-- Partitions of keys are thirty days long from now on, and no longer ten: each one that is probed
-- for a key costs an append as much as the others, and of a retention of thirty days two are probed
-- instead of four. With 10,000,000 keys an event takes 38 us instead of 44. (Of so many keys in
-- thirty days the index has 214 MB; that of ten days had 184 before 0014.)

-- A window of thirty days that has begun in partitions of ten is completed in those, so that none
-- of thirty overlaps them; the next one is made here, before a process that still makes them of ten
-- days can. Those of ten days are dropped as if they were longer: at most twenty days late.
with begun as (
  select distinct
    date '1970-01-01'
      + (to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD') - date '1970-01-01') / 30 * 30
      as first_day
  from pg_inherits
  where inhparent = 'event_key'::regclass
)
select create_partition('event_key', first_day + tenth * 10, 10)
from begun
cross join generate_series(0, 2) as tenth
union all
select create_partition('event_key', max(first_day) + 30, 30)
from begun
having count(*) > 0;
