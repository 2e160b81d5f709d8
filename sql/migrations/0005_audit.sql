-- What became of each event, for audits: the functions that the scripts in sql/audit share. They
-- read what is there (config_log, receipts, attempts, cursors) and change nothing.

-- The configurations that an integration has had, the newest of each version: what they were to
-- filter, and from which position of the log to which they held. An id that was removed and
-- registered anew counts its versions from 1 again.
create function configurations_of(tenant text, integration text)
returns table (
  "position" bigint, version integer, status text, previous_status text, actor text, reason text,
  document jsonb, names jsonb, entities jsonb, takes_all boolean, valid_from bigint, valid_to bigint
)
language sql stable
as $$
select
  position, version, status, previous_status, actor, reason, document,
  document #> '{filter_conditions,event_filter}' as names,
  document #> '{filter_conditions,entity_filter}' as entities,
  coalesce(jsonb_array_length(document #> '{filter_conditions,event_filter}'), 0)
    + coalesce(jsonb_array_length(document #> '{filter_conditions,entity_filter}'), 0) = 0
    as takes_all,
  case when lag(position) over same_version is null then 0 else position end as valid_from,
  coalesce(lead(position) over same_version, 9223372036854775807) as valid_to
from (
  select
    *,
    lag(version) over (order by position) as previous_version,
    lag(status) over (order by position) as previous_status
  from config_log
  where tenant = $1 and kind = 'integration' and id = $2
) as entry
-- An entry that keeps the version changes nothing: a note.
where version is distinct from previous_version
window same_version as (partition by version order by position)
$$;

-- How an integration stands now, or stood at last; no row where there never was one.
create function standing_of(tenant text, integration text)
returns table (
  status text, actor text, reason text, turned_position bigint, version integer, names jsonb,
  entities jsonb, takes_all boolean, starts_after bigint, ends_with bigint
)
language sql stable
as $$
select
  turn.status, turn.actor, turn.reason, turn.position as turned_position,
  known.version, known.names, known.entities, known.takes_all,
  coalesce(
    position_of((known.document ->> 'starts_at')::timestamptz) - 1,
    (
      select max(position) from configurations_of($1, $2) as configuration
      where coalesce(previous_status, 'removed') = 'removed'
    )
  ) as starts_after,
  position_of((known.document ->> 'ends_at')::timestamptz) as ends_with
from (
  select * from configurations_of($1, $2) as configuration
  where status is distinct from previous_status
  order by position desc
  limit 1
) as turn
cross join (
  select * from configurations_of($1, $2) where document is not null order by position desc limit 1
) as known
$$;

-- What became of each event that was published from one time on and before another. `version` is
-- the configuration that decided it. The evidence is receipts, each with the version of the
-- configuration that it was written under. What is not settled is told by the configuration and the
-- cursor of now.
create function event_states(
  tenant text, integration text, published_from timestamptz, published_before timestamptz
)
returns table ("position" bigint, name text, entity_id text, state text, version integer)
language sql stable
as $$
with configuration as (select * from configurations_of($1, $2)),
standing as (select * from standing_of($1, $2)),
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
  where receipt.tenant = $1
    and receipt.consumer = $2
    and receipt.position >= position_of($3 - interval '1 day')
    and receipt.from_position < receipt.to_position
    and receipt.to_position >= position_of($3)
    and receipt.from_position < position_of($4)
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
  where cursor.tenant = $1 and cursor.consumer = $2
    and cursor.unresolved <> '{}'
),
answer as (
  select
    run, event_position,
    bool_or(outcome = 'rejected') as rejected,
    bool_or(outcome = 'delivered') as taken_later
  from attempt
  where tenant = $1 and consumer = $2
    and outcome in ('rejected', 'delivered')
    and position >= position_of($3 - interval '1 day')
    and event_position >= position_of($3)
    and event_position < position_of($4)
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
  where event.tenant = $1
    and event.position >= position_of($3)
    and event.position < position_of($4)
  group by event.position
)
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
  on live.tenant = $1 and live.consumer = $2 and live.run = 0
left join rejected_event
  on rejected_event.tenant = $1
  and rejected_event.consumer = $2
  and rejected_event.event_position = event.position
where event.tenant = $1
  and event.position >= position_of($3)
  and event.position < position_of($4)
$$;
