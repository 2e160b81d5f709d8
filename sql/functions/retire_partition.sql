-- Detaches and drops a partition whose last day ended at least a day ago. It also drops a detached
-- one that a crash left behind. The service may not drop tables, so this function runs with the
-- rights of its owner. The smallest retention is one day, so the service's rights cannot remove
-- more of the log than that.
--
-- It cannot use DETACH CONCURRENTLY, which no function can run. A plain DETACH locks out publishers
-- and readers, but only for milliseconds: it moves no row. It waits at most 100 ms for current
-- users of the table, and newcomers wait as long. After that it fails (55P03): call it again.
create or replace function retire_partition(partition regclass) returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
set lock_timeout = '100ms'
as $$
declare
  parent regclass;
  is_detaching boolean;
  last_position bigint;
begin
  select
    pg_inherits.inhparent,
    pg_inherits.inhdetachpending,
    coalesce(
      substring(pg_get_expr(pg_class.relpartbound, pg_class.oid) from 'TO \(''(\d+)''\)')::bigint,
      0
    )
  into parent, is_detaching, last_position
  from pg_class
  left join pg_inherits on pg_inherits.inhrelid = pg_class.oid
  where pg_class.oid = partition
    and pg_class.relnamespace = 'public'::regnamespace
    and is_partition_name(pg_class.relname);
  if not found then
    raise exception 'The table % is no partition of the log.', partition
      using errcode = 'invalid_parameter_value';
  end if;
  if last_position > position_of(date_trunc('day', now(), 'UTC') - interval '1 day') then
    raise exception 'The partition % is too young to be removed.', partition
      using errcode = 'invalid_parameter_value';
  end if;
  if parent is not null then
    execute format('alter table %s detach partition %s %s',
      parent, partition, case when is_detaching then 'finalize' else '' end);
  end if;
  execute format('drop table %s', partition);
end
$$;

revoke execute on function retire_partition(regclass) from public;
