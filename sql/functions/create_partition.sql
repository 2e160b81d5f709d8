-- Makes the partition of a table that begins with `first_day` and is `days` long, if it is missing;
-- answers whether it did. If another partition has a part of these days nothing is made: while
-- there are some of ten days among those of thirty, that is no fault. LIKE and ATTACH, never
-- PARTITION OF: that would lock out publishers. The service calls it and may make no table itself,
-- so it runs with the rights of its owner, for the tables of the log alone.
create or replace function create_partition(parent regclass, first_day date, days integer)
returns boolean
language plpgsql
security definer
set search_path = public, pg_catalog, pg_temp
as $$
declare
  child text := format('%s_%s', parent, to_char(first_day, 'YYYYMMDD'));
  lower_bound bigint := position_of(first_day::timestamp at time zone 'UTC');
  upper_bound bigint := position_of((first_day + days)::timestamp at time zone 'UTC');
begin
  if parent not in (
    'event'::regclass, 'event_key'::regclass, 'receipt'::regclass, 'attempt'::regclass
  ) then
    raise exception 'The table % has no partitions by day.', parent
      using errcode = 'invalid_parameter_value';
  end if;
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
  -- The parent's does not fire if the partition is named.
  execute format('create trigger refuses_truncate before truncate on %I
    for each statement execute function refuse_change_of_log()', child);
  execute format('alter table %s attach partition %I for values from (%s) to (%s)',
    parent, child, lower_bound, upper_bound);
  return true;
end
$$;

revoke execute on function create_partition(regclass, date, integer) from public;
