-- What became of each event, as in 0005, for consumers of every kind: a subscription filters by
-- entity and class. Only the scripts in sql/audit call these functions.

drop function event_states;
drop function standing_of;
drop function configurations_of;

-- The configurations that a consumer has had. `classes`: null takes every class.
create function configurations_of(tenant text, consumer text)
returns table (
  "position" bigint, version integer, status text, previous_status text, actor text, reason text,
  document jsonb, names jsonb, entities jsonb, classes jsonb, takes_all boolean, valid_from bigint,
  valid_to bigint
)
language sql stable
as $$
select
  position, version, status, previous_status, actor, reason, document,
  document #> '{filter_conditions,event_filter}' as names,
  case
    when kind = 'subscription' then jsonb_build_array(lower(document ->> 'entityType'))
    else document #> '{filter_conditions,entity_filter}'
  end as entities,
  case
    when kind = 'subscription' then to_jsonb(array_remove(array[
      case when (document ->> 'subscribeCreate')::boolean then 'create' end,
      case when (document ->> 'subscribeChange')::boolean then 'change' end,
      case when (document ->> 'subscribeDelete')::boolean then 'delete' end
    ], null))
  end as classes,
  kind <> 'subscription'
    and coalesce(jsonb_array_length(document #> '{filter_conditions,event_filter}'), 0)
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
  where tenant = $1 and id = $2
) as entry
-- An entry that keeps the version changes nothing: a note.
where version is distinct from previous_version
window same_version as (partition by version order by position)
$$;

-- How a consumer stands now, or stood at last; no row where there never was one.
create function standing_of(tenant text, consumer text)
returns table (
  status text, actor text, reason text, turned_position bigint, version integer, names jsonb,
  entities jsonb, classes jsonb, takes_all boolean, starts_after bigint, ends_with bigint
)
language sql stable
as $$
select
  turn.status, turn.actor, turn.reason, turn.position as turned_position,
  known.version, known.names, known.entities, known.classes, known.takes_all,
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

-- Whether a configuration takes an event of this name.
create function takes_event(
  takes_all boolean, names jsonb, entities jsonb, classes jsonb, name text
) returns boolean
language sql immutable parallel safe
return (
    takes_all
    or coalesce(names ? name, false)
    or coalesce(entities ? split_part(name, '.', 1), false)
  )
  and (classes is null or classes ? event_class(name));

-- What became of each event that was published from one time on and before another.
create function event_states(
  tenant text, consumer text, published_from timestamptz, published_before timestamptz
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
    configuration.classes, configuration.takes_all,
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
    configuration.entities, configuration.classes, configuration.takes_all
  union all
  select
    cursor.run, standing.version, standing.names, standing.entities, standing.classes,
    standing.takes_all,
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
    select takes_event(
      settled_range.takes_all, settled_range.names, settled_range.entities, settled_range.classes,
      event.name
    ) as takes
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
    when not takes_event(
      standing.takes_all, standing.names, standing.entities, standing.classes, event.name
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
