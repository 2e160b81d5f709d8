-- Question: can these days be sent to an integration once more?
-- Writes a replay, as the API does, and a note into the config log.
-- tenant=dodici: the retailer
-- integration=erp-1: the receiver, under its filter and beside its live events
-- from=2026-11-20: events published from this time on (UTC)
-- to=2026-11-21: up to this time, included

set time zone 'UTC';

with wanted as (
  select
    position_of(:'from'::timestamptz) as from_position,
    position_of(:'to'::timestamptz) as to_position,
    (
      select position from event where tenant = :'tenant' order by position limit 1
    ) as oldest_position,
    (
      select status from consumer where tenant = :'tenant' and id = :'integration'
    ) as status
),
-- Count before the start, because its note holds up all publishers until this statement ends.
counted as materialized (
  select count(*) as events
  from event
  where tenant = :'tenant'
    and position >= position_of(:'from'::timestamptz)
    and position <= position_of(:'to'::timestamptz)
)
select
  started.number as run,
  case when started.number is not null then counted.events end as events_in_the_log,
  case
    when started.number is null then null
    when status = 'stopped' then 'The integration is stopped: the replay waits for its start.'
    when started.outcome = 'queued' then 'Another replay of the integration comes first.'
    when oldest_position > from_position then
      format('The oldest event that is kept was published at %s.', time_of(oldest_position))
  end as hint,
  started.number is not null as is_noted,
  case started.outcome
    when 'absent' then 'There is no such integration.'
    when 'projection' then 'A projection is rebuilt, not replayed.'
    when 'full' then 'Ten of its replays are under way or queued: let one end, or cancel one.'
    when 'empty' then 'The range ends before it begins, or lies ahead.'
  end as refused
from wanted
cross join counted
-- It depends on the count, so that it comes after it.
cross join lateral start_replay(
  :'tenant', :'integration', from_position, to_position, null, null,
  format('sql:%s', session_user), 'Started in SQL.',
  case when counted.events >= 0 then 10 end
) as started;
