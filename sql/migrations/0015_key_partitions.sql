-- The old index of the keys goes, and their partitions are thirty days long from now on, no longer
-- ten: each one that is probed for a key costs an append as much as the others, and of a retention
-- of thirty days two are probed instead of four (and one that is made ahead, still empty). With
-- 10,000,000 keys an event takes 38 us instead of 44. The price: keys outlive their events by up to
-- thirty days. (Of so many keys in thirty days the index has 214 MB; the old one of ten had 184.)
--
-- Old processes survive this migration for ten days; a collected event is slow to find by its id
-- for them.

-- Who asked for the lane before this may be running what append_events was before 0014: that ends
-- first.
select pg_advisory_xact_lock(1296651858, 0);

-- Nothing stands in for the primary key: it refused nothing that could come, for keys are looked up
-- and written with the lane held.
alter table event_key drop constraint event_key_pkey;

-- As before, but where another partition has a part of these days nothing is made: while there are
-- some of ten days among those of thirty, that is no fault.
create or replace function create_partition(parent regclass, first_day date, days integer)
returns boolean
language plpgsql as $$
declare
  child text := format('%s_%s', parent, to_char(first_day, 'YYYYMMDD'));
  lower_bound bigint := position_of(first_day::timestamp at time zone 'UTC');
  upper_bound bigint := position_of((first_day + days)::timestamp at time zone 'UTC');
begin
  if to_regclass(child) is not null then
    return false;
  end if;
  if exists (
    select
    from pg_inherits
    join pg_class on pg_class.oid = pg_inherits.inhrelid
    cross join lateral regexp_match(
      pg_get_expr(pg_class.relpartbound, pg_class.oid), 'FROM \(''(\d+)''\) TO \(''(\d+)''\)'
    ) as bounds
    where pg_inherits.inhparent = parent
      and bounds[1]::bigint < upper_bound and bounds[2]::bigint > lower_bound
  ) then
    return false;
  end if;
  execute format('create table %I (like %s including defaults including constraints)',
    child, parent);
  execute format('alter table %s attach partition %I for values from (%s) to (%s)',
    parent, child, lower_bound, upper_bound);
  return true;
end
$$;

-- A window of thirty days that has begun in partitions of ten is completed in those, and the next
-- one is made here, before a process that still makes them of ten days can. Those of ten days are
-- dropped as if they were longer: at most twenty days late.
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
