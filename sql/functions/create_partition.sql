-- Creates a table's partition of `days` days from `first_day` on, if it is missing; returns whether
-- it did. If another partition already covers some of these days, it creates nothing: partitions of
-- ten days may stand among those of thirty. It uses LIKE and ATTACH: PARTITION OF would lock out
-- publishers.
--
-- The service may not create tables, so this function runs with the rights of its owner. It serves
-- the tables of the log alone, at most a week ahead, and with the same boundaries for all
-- processes: no caller can block future partitions.
create or replace function create_partition(parent regclass, first_day date, days integer)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
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
  -- Older processes created key partitions of ten days.
  if days not in (1, 10, 30) or (parent = 'event_key'::regclass) = (days = 1)
    or (first_day - date '1970-01-01') % days <> 0
  then
    raise exception 'No partition of % has % day(s) from % on.', parent, days, first_day
      using errcode = 'invalid_parameter_value';
  end if;
  if first_day > (now() at time zone 'UTC')::date + 7 then
    raise exception 'A partition from % on is more than a week ahead.', first_day
      using errcode = 'invalid_parameter_value';
  end if;
  if to_regclass('public.' || child) is not null then
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
  execute format('create table public.%I (like %s including defaults including constraints)',
    child, parent);
  -- The parent's trigger does not fire if a statement names the partition.
  execute format('create trigger refuses_truncate before truncate on public.%I
    for each statement execute function refuse_change_of_log()', child);
  execute format('alter table %s attach partition public.%I for values from (%s) to (%s)',
    parent, child, lower_bound, upper_bound);
  return true;
end
$$;

revoke execute on function create_partition(regclass, date, integer) from public;
