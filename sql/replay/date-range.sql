-- Question: can these days be sent to an integration once more?
-- Writes a cursor, which the sweep finds within seconds, and a note into the config log.
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
    ) as oldest_position
),
-- Locked, so that it cannot be removed, and its id used again, at this moment.
target as (
  select status from consumer
  where tenant = :'tenant' and id = :'integration'
  for key share
),
judged as (
  select
    wanted.*,
    case
      when target.status is null then 'There is no such integration.'
      when target.status <> 'running' then 'The integration is stopped: start it first.'
      when from_position >= to_position then 'The range ends before it begins.'
    end as refused
  from wanted
  left join target on true
),
-- A number that no receipt or attempt has, so that finished replays keep theirs.
next_run as (
  select 1 + greatest(
    (
      select max(run) from cursor
      where tenant = :'tenant' and consumer = :'integration'
    ),
    (
      select max(run) from receipt
      where tenant = :'tenant' and consumer = :'integration' and run > 0
    ),
    (
      select max(run) from attempt
      where tenant = :'tenant' and consumer = :'integration' and run > 0
    ),
    0
  ) as run
),
planned as (
  insert into cursor (tenant, consumer, run, read_position, stop_position)
  select :'tenant', :'integration', next_run.run, from_position - 1, to_position
  from judged
  cross join next_run
  where refused is null
  returning run
),
-- Count before the note, because the note holds up all publishers until this statement ends.
counted as (
  select count(*) as events
  from event
  where tenant = :'tenant'
    and position >= position_of(:'from'::timestamptz)
    and position <= position_of(:'to'::timestamptz)
),
noted as (
  select
    planned.run,
    note_consumer(:'tenant', :'integration', 'replay_started', format('sql:%s', session_user),
      format('Replay %s of what was published from %s to %s.', planned.run,
        time_of(from_position), time_of(to_position))) is not null as noted
  from counted
  cross join planned
  cross join judged
)
select
  noted.run,
  (select events from counted) as events_in_the_log,
  case
    when oldest_position > from_position then
      format('The oldest event that is kept was published at %s.', time_of(oldest_position))
  end as hint,
  noted.noted as is_noted,
  refused
from judged
left join noted on true;
