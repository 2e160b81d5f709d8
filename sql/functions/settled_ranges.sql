-- The settled ranges of a consumer in a range of positions, both ends included, by run and
-- configuration. Receipts give most of them. The rest stands in each cursor's window: events
-- settled out of order, under the version that read it. Only the newest life counts. Ranges
-- overlap: see keep_window.
create or replace function settled_ranges(
  tenant text, consumer text, first_position bigint, last_position bigint
)
returns table (
  run integer, configured_at bigint, version integer, names jsonb, entities jsonb, classes jsonb,
  takes_all boolean, positions int8multirange
)
language sql stable
as $$
with configuration as materialized (select * from configurations_of($1, $2)),
-- The newest life of the id: from its registration on. An id with only one life takes everything.
life as (
  select case when count(*) > 1 then max(position) else 0 end as valid_from
  from configuration
  where registers
),
-- The receipts that tell of the range. Those of the steps of a run follow each other, so the last
-- one is the first that ends at or after the range; those of keep_window overlap them. A receipt is
-- written after its events, give or take a clock that was set back.
told_range as (
  select told.*
  from generate_series(
    0, (select run from receipt where tenant = $1 and consumer = $2 order by run desc limit 1)
  ) as own (run)
  cross join life
  cross join lateral (
    (
      select run, position, version, from_position, to_position
      from receipt
      where tenant = $1 and consumer = $2 and run = own.run
        and to_position >= $3 and to_position < $4
        and position >= $3 - 86400000000 and position >= life.valid_from
        and from_position < to_position
    )
    union all
    (
      select run, position, version, from_position, to_position
      from receipt
      where tenant = $1 and consumer = $2 and run = own.run
        and to_position >= $4
        and position >= $3 - 86400000000 and position >= life.valid_from
        and from_position < to_position
        and delivered + rejected + filtered > 0
      order by to_position
      limit 1
    )
  ) as told
  union all
  select run, position, version, from_position, to_position
  from receipt
  cross join life
  where tenant = $1 and consumer = $2
    and to_position >= $3 and from_position < $4
    and position >= $3 - 86400000000 and position >= life.valid_from
    and delivered + rejected + filtered = 0
)
select
  settled.run, settled.configured_at, settled.version, filter.names, filter.entities,
  filter.classes, filter.takes_all, settled.positions
from (
  select
    told_range.run, configuration.position as configured_at,
    configuration.version, configuration.names, configuration.entities, configuration.classes,
    configuration.takes_all,
    range_agg(int8range(told_range.from_position, told_range.to_position, '(]')) as positions
  from told_range
  join configuration
    on configuration.version = told_range.version
    and told_range.position >= configuration.valid_from
    and told_range.position < configuration.valid_to
  where told_range.from_position < $4
  group by
    told_range.run, configuration.position, configuration.version, configuration.names,
    configuration.entities, configuration.classes, configuration.takes_all
  union all
  select
    cursor.run, configuration.position, configuration.version,
    configuration.names, configuration.entities, configuration.classes, configuration.takes_all,
    int8multirange(int8range(cursor.unresolved[1], cursor.read_position, '[]'))
      - (select range_agg(int8range(waiting, waiting, '[]')) from unnest(unresolved) as waiting)
  from cursor
  join lateral (
    select * from configuration
    where valid_to = 9223372036854775807
      and (version = cursor.version or cursor.version is null and document is not null)
    order by position desc
    limit 1
  ) as configuration on true
  where cursor.tenant = $1 and cursor.consumer = $2
    and cursor.unresolved <> '{}'
) as settled
cross join lateral applied_filter(
  $1, $2, settled.run, settled.names, settled.entities, settled.classes, settled.takes_all
) as filter
$$;
