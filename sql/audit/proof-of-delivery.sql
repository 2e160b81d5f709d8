-- Question: was every event of a period delivered to an integration?
-- Reads only.
-- tenant=dodici: the retailer
-- integration=erp-1: the integration; one that was removed is known from its history
-- from=2026-11-20: events published from this time on (UTC)
-- to=2026-11-21: and before this one

set time zone 'UTC';

-- passed = delivered + rejected + pending + given_up. The verdict says less than it could rather
-- than more: a period that reaches past the retention is never proved. Up to `told_apart` this is
-- the same text as in audit/undelivered, which names the events behind each count.
with configuration as (
  select
    position, version, status, previous_status, actor, reason, document,
    document #> '{filter_conditions,event_filter}' as names,
    document #> '{filter_conditions,entity_filter}' as entities,
    coalesce(jsonb_array_length(document #> '{filter_conditions,event_filter}'), 0)
      + coalesce(jsonb_array_length(document #> '{filter_conditions,entity_filter}'), 0) = 0
      as takes_all,
    -- An id that was removed and registered anew counts its versions from 1 again: a receipt's is
    -- the newest of its number before it.
    case when lag(position) over same_version is null then 0 else position end as valid_from,
    coalesce(lead(position) over same_version, 9223372036854775807) as valid_to
  from (
    select
      *,
      lag(version) over (order by position) as previous_version,
      lag(status) over (order by position) as previous_status
    from config_log
    where tenant = :'tenant' and kind = 'integration' and id = :'integration'
  ) as entry
  -- An entry that keeps the version changes nothing: a note.
  where version is distinct from previous_version
  window same_version as (partition by version order by position)
),
-- How it stands now, or stood at last; no row where there never was one.
standing as (
  select
    turn.status, turn.actor, turn.reason, turn.position as turned_position,
    known.version, known.names, known.entities, known.takes_all,
    coalesce(
      position_of((known.document ->> 'starts_at')::timestamptz) - 1,
      (
        select max(position) from configuration
        where coalesce(previous_status, 'removed') = 'removed'
      )
    ) as starts_after,
    position_of((known.document ->> 'ends_at')::timestamptz) as ends_with
  from (
    select * from configuration
    where status is distinct from previous_status
    order by position desc
    limit 1
  ) as turn
  cross join (
    select * from configuration where document is not null order by position desc limit 1
  ) as known
),
-- What is settled, by run and configuration, as ranges of positions: what receipts say (they are
-- written after the events, give or take a clock that was set back), and what each cursor's window
-- holds that was settled out of turn.
settled_range as (
  select
    receipt.run, configuration.version, configuration.names, configuration.entities,
    configuration.takes_all,
    range_agg(int8range(receipt.from_position, receipt.to_position, '(]')) as positions
  from receipt
  join configuration
    on configuration.version = receipt.version
    and receipt.position >= configuration.valid_from
    and receipt.position < configuration.valid_to
  where receipt.tenant = :'tenant'
    and receipt.consumer = :'integration'
    and receipt.position >= position_of(:'from'::timestamptz - interval '1 day')
    and receipt.from_position < receipt.to_position
    and receipt.to_position >= position_of(:'from'::timestamptz)
    and receipt.from_position < position_of(:'to'::timestamptz)
  group by
    receipt.run, configuration.position, configuration.version, configuration.names,
    configuration.entities, configuration.takes_all
  union all
  select
    cursor.run, standing.version, standing.names, standing.entities, standing.takes_all,
    int8multirange(int8range(cursor.unresolved[1], cursor.read_position, '[]'))
      - (select range_agg(int8range(waiting, waiting, '[]')) from unnest(unresolved) as waiting)
  from cursor
  cross join standing
  where cursor.tenant = :'tenant' and cursor.consumer = :'integration'
    and cursor.unresolved <> '{}'
),
answer as (
  select
    run, event_position,
    bool_or(outcome = 'rejected') as rejected,
    bool_or(outcome = 'delivered') as taken_later
  from attempt
  where tenant = :'tenant' and consumer = :'integration'
    and outcome in ('rejected', 'delivered')
    and position >= position_of(:'from'::timestamptz - interval '1 day')
    and event_position >= position_of(:'from'::timestamptz)
    and event_position < position_of(:'to'::timestamptz)
  group by run, event_position
),
-- An event counts as delivered where any run, live or replay, sent it and was not answered 400, or
-- was when it was sent again by hand.
settled as (
  select
    event.position,
    max(settled_range.version) as version,
    bool_or(filter.takes) as taken,
    bool_or(filter.takes and (answer.rejected is not true or answer.taken_later)) as delivered
  from event
  join settled_range on event.position <@ settled_range.positions
  cross join lateral (
    select settled_range.takes_all
      or coalesce(settled_range.names ? event.name, false)
      or coalesce(settled_range.entities ? split_part(event.name, '.', 1), false) as takes
  ) as filter
  left join answer
    on answer.run = settled_range.run and answer.event_position = event.position
  where event.tenant = :'tenant'
    and event.position >= position_of(:'from'::timestamptz)
    and event.position < position_of(:'to'::timestamptz)
  group by event.position
),
told_apart as (
  select
    event.position, event.name, event.entity_id,
    case
      when settled.delivered then 'delivered'
      when not settled.taken then 'filtered out'
      when rejected_event.id is not null then 'rejected and kept'
      when settled.taken then 'rejected, not kept any more'
      when standing.status is null then 'never registered'
      when event.position <= standing.starts_after then 'before its start'
      when event.position > standing.ends_with then 'after its end'
      when not (
        standing.takes_all
        or coalesce(standing.names ? event.name, false)
        or coalesce(standing.entities ? split_part(event.name, '.', 1), false)
      ) then 'filtered out'
      when standing.status = 'removed' and event.position > standing.turned_position
        then 'after its removal'
      when standing.status = 'removed' then 'removed before it was sent'
      when event.position < coalesce(live.unresolved[1], live.read_position + 1) then 'passed over'
      when standing.status = 'stopped' then 'stopped'
      when live.attempts > 0 and event.position = live.unresolved[1] then 'being retried'
      when live.attempts > 0 then 'behind a failing event'
      when event.position = any(live.unresolved) then 'being sent'
      else 'not read yet'
    end as state,
    coalesce(settled.version, standing.version) as version
  from event
  left join settled on settled.position = event.position
  left join standing on true
  left join cursor as live
    on live.tenant = :'tenant' and live.consumer = :'integration' and live.run = 0
  left join rejected_event
    on rejected_event.tenant = :'tenant'
    and rejected_event.consumer = :'integration'
    and rejected_event.event_position = event.position
  where event.tenant = :'tenant'
    and event.position >= position_of(:'from'::timestamptz)
    and event.position < position_of(:'to'::timestamptz)
),
counted as (
  select
    count(*) as published,
    count(*) filter (where state in (
      'never registered', 'before its start', 'after its end', 'after its removal'
    )) as outside,
    count(*) filter (where state = 'filtered out') as filtered_out,
    count(*) filter (where state = 'delivered') as delivered,
    count(*) filter (where state like 'rejected%') as rejected,
    count(*) filter (where state in (
      'stopped', 'being retried', 'behind a failing event', 'being sent', 'not read yet'
    )) as pending,
    count(*) filter (where state in ('passed over', 'removed before it was sent')) as given_up,
    -- The first day that is kept: the name of a partition ends with its day.
    (
      select min(to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD'))
      from pg_inherits
      where inhparent = 'event'::regclass
    ) as kept_since
  from told_apart
)
select
  published,
  outside as outside_its_time,
  filtered_out,
  published - outside - filtered_out as passed,
  delivered,
  rejected,
  pending,
  given_up,
  case
    when not exists (select from standing) then
      'Not proved: there never was such an integration.'
    when :'from'::timestamptz < kept_since then
      format('Not proved: events before %s are past the retention.', kept_since)
    when :'from'::timestamptz >= :'to'::timestamptz then 'Not proved: the period is empty.'
    when published = 0 then 'Nothing was published in this period.'
    when delivered < published - outside - filtered_out then
      format('Not proved: of %s events %s were delivered; audit/undelivered says why.',
        published - outside - filtered_out, delivered)
    else
      format('Proved: all %s events that pass its filter were delivered%s.', delivered,
        case when outside > 0 then format('; %s lie outside its time', outside) else '' end)
  end as verdict
from counted;
